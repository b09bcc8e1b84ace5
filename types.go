// Package nuxtauth is Auth.js for Gin: one middleware serves the /api/auth API
// that @sidebase/nuxt-auth, next-auth and Auth.js front ends speak, runs the
// application's own typed jwt and session callbacks, and puts the enriched,
// typed session into the gin.Context.
//
//	type Token struct {
//		nuxtauth.DefaultJWT
//		SessionToken string `json:"sessionToken,omitzero"`
//	}
//
//	type Session = nuxtauth.DefaultSession[User] // User is a struct of yours
//
//	r := gin.Default()
//	r.Use(nuxtauth.Middleware(nuxtauth.Config[Token, Session]{ … }))
//	r.GET("/me", func(c *gin.Context) {
//		s := c.MustGet("session").(*Session) // nil when signed out
//		…
//	})
//
// What is in the token is sealed in a cookie that scripts can't read; the
// front end sees the session alone.
//
// # Where to read on
//
// A request goes through [Auth.Handler] in middleware.go. Below Config.BasePath, the
// table in routes.go says which function of internal/api answers it; a sign-in that
// was proven ends in complete.go there. On any other path, Load in internal/session
// finds the session, runs the callbacks of callbacks.go, and writes what follows from
// it to the store and to the cookies of the response. The handler then finds the
// session in the gin.Context. Sessions end in end.go and revoke.go of internal/session;
// protocol_authjs.go of internal/api has what Auth.js v5 answers otherwise than next-auth
// v4. config.go has what New checks, typed.go the
// application's types for these packages, and sessions.go and gettoken.go what
// handlers and other services call.
package nuxtauth

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// DefaultJWT holds the claims that every token has. Embed it by value in your
// own token type; its further fields are the claims of your application.
// [New] rejects a field that repeats one of the JSON names below.
type DefaultJWT struct {
	Name    string `json:"name,omitzero"`
	Email   string `json:"email,omitzero"`
	Picture string `json:"picture,omitzero"`

	// Subject is the user's ID. A session without one ends. It is the ID that the
	// provider gave, unless the JWT callback sets another at sign-in: do that where
	// two providers could give the same ID to two users.
	Subject string `json:"sub,omitzero"`

	// IssuedAt, ExpiresAt, NotBefore and ID are set by the library whenever it writes
	// the token: a callback can't change them. In a Store there is no ID: see
	// [Auth.SessionID].
	IssuedAt  token.NumericDate `json:"iat,omitzero"`
	ExpiresAt token.NumericDate `json:"exp,omitzero"`
	NotBefore token.NumericDate `json:"nbf,omitzero"`
	ID        string            `json:"jti,omitzero"`

	// Origin is the sign-in that started the session. Callbacks can't change it.
	Origin Origin `json:"nuxtauth,omitzero"`

	// Extra holds the claims that no field declares, such as those of a Node
	// server that shares the session: they are written back as they came, after the
	// claims of the fields. A callback can change it: it is a JSON object, or empty. A
	// token whose Extra is anything else, or has a claim that a field declares, is
	// not written.
	//
	// The library reads and writes it whenever it reads or writes a token; other uses
	// of a JSON library, and a token that is a field of another type, leave it out.
	Extra jsontext.Value `json:"-"`
}

// Origin identifies the sign-in that started a session. It is the same in all its
// tokens; callbacks cannot change it.
type Origin = token.Origin

// DefaultUser is the user of Auth.js' default session. Embed it in your own
// user type to have name, email and image filled in from the token.
type DefaultUser struct {
	Name  string `json:"name,omitzero"`
	Email string `json:"email,omitzero"`
	Image string `json:"image,omitzero"`
}

// DefaultSession is a session with a user of type U: what the front end gets
// from GET /api/auth/session. Use it as it is, or embed it by value in a struct
// with further top-level fields.
type DefaultSession[U any] struct {
	User    U       `json:"user"`
	Expires ISOTime `json:"expires"`
}

// JWT is satisfied by the structs that embed [DefaultJWT] by value, and by
// nothing else.
type JWT interface{ embedsDefaultJWT() }

// Session is satisfied by [DefaultSession] and by the structs that embed it by
// value, and by nothing else.
type Session interface{ embedsDefaultSession() }

func (DefaultJWT) embedsDefaultJWT()            {}
func (DefaultSession[U]) embedsDefaultSession() {}

// The pointer methods reach the embedded defaults of a user's type. They are
// not exported: a promoted method must not be callable on a nil *Session.
func (t *DefaultJWT) defaultJWT() *DefaultJWT                { return t }
func (s *DefaultSession[U]) defaultSession() (any, *ISOTime) { return &s.User, &s.Expires }

// ISOTime is a point in time as JavaScript writes it: UTC, always with
// milliseconds, "2026-12-23T08:00:00.000Z".
type ISOTime time.Time

const isoLayout = "2006-01-02T15:04:05.000Z"

// Time returns t as a time.Time.
func (t ISOTime) Time() time.Time { return time.Time(t) }

// String returns t as it stands in JSON.
func (t ISOTime) String() string { return time.Time(t).UTC().Format(isoLayout) }

// AppendText appends t to b, for JSON.
func (t ISOTime) AppendText(b []byte) ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(b, isoLayout), nil
}

// MarshalText is AppendText for JSON libraries that do not know it.
func (t ISOTime) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// UnmarshalText reads any RFC 3339 time.
func (t *ISOTime) UnmarshalText(b []byte) error {
	parsed, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return fmt.Errorf("nuxtauth: %q is not an RFC 3339 time", b)
	}
	*t = ISOTime(parsed)
	return nil
}

// User is the user who signs in, in the form that all providers share.
type User = provider.User

// Account is the user's account at the provider, with the tokens of this sign-in.
type Account = provider.Account

// Profile is the user's profile at the provider, as JSON.
type Profile = provider.Profile

// Error is a failed sign-in with the code that the browser may see as
// ?error=. A callback, or a provider's Authorize, returns one to choose the code; its
// Err goes to the log alone.
type Error = provider.Error

var (
	// ErrSignedOut says that the request carries no session, or one that has ended.
	ErrSignedOut = session.ErrSignedOut

	// ErrUnavailable says that it can't be told now whether the request carries a
	// session: a store does not answer, or a callback returned [Unavailable].
	// Respond with 503 rather than 401.
	ErrUnavailable = session.ErrUnavailable

	// ErrConflict says that other requests kept changing the session at the same
	// time. Nothing is lost: try again.
	ErrConflict = store.ErrConflict

	// ErrTokenTooLarge says that a sealed token does not fit into the cookies that
	// browsers and proxies take (32 KB in all). Keep less in the token: the id of
	// a thing instead of the thing, which the Session callback can fetch. Or keep
	// the sessions in a store ([SessionConfig]).
	ErrTokenTooLarge = session.ErrTokenTooLarge

	// ErrNoAccessToken says that there is no valid access token: the provider gave
	// none, or it has expired and could not be refreshed.
	ErrNoAccessToken = session.ErrNoAccessToken
)

// Protocol is the dialect that the front end speaks.
type Protocol int

const (
	// NextAuth is the protocol of next-auth v4 and @sidebase/nuxt-auth, the default.
	NextAuth Protocol = iota
	// AuthJS is the protocol of Auth.js v5 (next-auth v5, @auth/core).
	AuthJS
)

// String returns the name of the protocol.
func (p Protocol) String() string {
	switch p {
	case NextAuth:
		return "next-auth"
	case AuthJS:
		return "authjs"
	}
	return fmt.Sprintf("Protocol(%d)", int(p))
}

// protocol returns the implementation.
func (p Protocol) protocol() (api.Protocol, error) {
	switch p {
	case NextAuth:
		return api.NextAuth, nil
	case AuthJS:
		return api.AuthJS, nil
	}
	return nil, fmt.Errorf("nuxtauth: Protocol is %v: write nuxtauth.NextAuth or nuxtauth.AuthJS", p)
}

// ProviderTokens holds the tokens of the provider that the user signed in with, and
// refreshes them: embed it by value in your own token type beside [DefaultJWT].
//
//	type Token struct {
//		nuxtauth.DefaultJWT
//		nuxtauth.ProviderTokens
//	}
//
// The fields are filled in before the JWT callback of the sign-in runs. Later,
// whenever the session is loaded with less than 20 seconds of the access token
// left, the library refreshes it before the callbacks run: once for all
// requests of a session, in this process and, through a Store, which must be a
// [store.Locker], in all others. The new refresh token is saved at once.
//
// The error invalid_grant of the provider ends the session. Any other fault of a
// refresh does not: the session goes on with the tokens that it has. If the access
// token has expired by then, an error of a callback counts as [Unavailable], because
// that may be its reason.
//
// With a provider that replaces refresh tokens, more than one process needs a Store:
// without one, the new refresh token is in the cookie of one response alone, and other
// processes do not see it.
//
// The names in JSON are those that Auth.js' guide to refresh tokens uses.
type ProviderTokens struct {
	AccessToken  string `json:"access_token,omitzero"`
	RefreshToken string `json:"refresh_token,omitzero"` // most providers want the scope offline_access for it

	// AccessTokenExpires is zero if the provider gave no time; such a token is never
	// refreshed.
	AccessTokenExpires token.NumericDate `json:"expires_at,omitzero"`

	// IDToken is set only for a provider with FederatedLogout, which needs it at the
	// sign-out.
	IDToken string `json:"id_token,omitzero"`
}

func (t *ProviderTokens) providerTokens() *ProviderTokens { return t }
