// Package hostile has the faults of the identity provider of package authtest: forged ID
// tokens, endpoints that do not respond, malformed responses and more.
//
// A fault is set by [github.com/nuxtauth/nuxtauth/authtest.IDP.SetFaults], or is an
// argument of [github.com/nuxtauth/nuxtauth/authtest.IDP.LogoutToken]. Most tests of an
// application need a few of them, such as [TokenServerError] for a provider that is
// down, and [RefreshInvalidGrant] for one that has revoked the user's tokens.
//
// This package is outside the compatibility promise of the module: a minor version may
// add, rename and remove faults, and change their effects.
package hostile

import (
	"slices"
	"strconv"
)

// Fault is a deviation of an identity provider from the standards. The zero value is no
// fault. [Faults] returns all faults:
//
//	for _, fault := range hostile.Faults() {
//		t.Run(fault.String(), func(t *testing.T) {
//			idp := authtest.StartIDP(t)
//			idp.SetFaults(fault)
//			signedIn := signIn(t, idp)
//			if fault.Outcome() == hostile.Refused && signedIn {
//				t.Error("signed in")
//			}
//		})
//	}
type Fault int

// Faults returns all faults of a provider.
func Faults() []Fault { return all(faults()) }

// String returns the fault's name, such as "id-token/alg-none".
func (f Fault) String() string { return nameOf(faults(), f, "Fault") }

// Outcome returns the result of a sign-in with f in an application that follows OpenID
// Connect Core, RFC 9207 and RFC 8725 and uses the userinfo endpoint. For the Refresh
// faults it is the result of the refresh.
func (f Fault) Outcome() Outcome { return find(faults(), f).outcome }

// LogoutFault is a deviation of a logout token from OpenID Connect Back-Channel Logout
// §2.4. The zero value is no fault. [LogoutFaults] returns all faults.
type LogoutFault int

// LogoutFaults returns all faults of a logout token.
func LogoutFaults() []LogoutFault { return all(logoutFaults()) }

// String returns the fault's name, such as "logout-token/no-event".
func (f LogoutFault) String() string { return nameOf(logoutFaults(), f, "LogoutFault") }

// Outcome returns what an application that follows the standard does with a logout
// token with f.
func (f LogoutFault) Outcome() Outcome { return find(logoutFaults(), f).outcome }

// Outcome is what an application that follows the standards does in spite of a fault.
type Outcome int

// The outcomes.
const (
	Refused  Outcome = iota // no user is signed in, or out
	Accepted                // the user is signed in, or out
	Either                  // both are correct, as long as the application responds
)

// String returns "refused", "accepted" or "either".
func (o Outcome) String() string {
	names := [...]string{Refused: "refused", Accepted: "accepted", Either: "either"}
	if o < 0 || int(o) >= len(names) {
		return "Outcome(" + strconv.Itoa(int(o)) + ")"
	}
	return names[o]
}

// row describes a fault.
type row[F Fault | LogoutFault] struct {
	fault   F
	name    string
	outcome Outcome
}

func all[F Fault | LogoutFault](rows []row[F]) []F {
	faults := make([]F, 0, len(rows))
	for _, r := range rows {
		faults = append(faults, r.fault)
	}
	return faults
}

// find returns the row of a fault, or the zero row if there is none.
func find[F Fault | LogoutFault](rows []row[F], f F) row[F] {
	i := slices.IndexFunc(rows, func(r row[F]) bool { return r.fault == f })
	if i < 0 {
		return row[F]{}
	}
	return rows[i]
}

// nameOf returns the name of a fault, or the type and the number if there is none.
func nameOf[F Fault | LogoutFault](rows []row[F], f F, typ string) string {
	if r := find(rows, f); r.name != "" {
		return r.name
	}
	return typ + "(" + strconv.Itoa(int(f)) + ")"
}
