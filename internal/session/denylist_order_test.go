package session_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// Sessions of before and of after a revocation are distinguished without the clock: it
// does not move in these tests, and replicas have different ones.

func mustRevoke(t *testing.T, a *apptest.App, subject string) {
	t.Helper()
	if err := revokeSessions(t.Context(), a.Auth, subject); err != nil {
		t.Fatal(err)
	}
}

// starts are the ways to start a session of the subject "1". Each returns a new
// browser.
var starts = map[string]func(t *testing.T, a *apptest.App) *apptest.App{
	"sign-in": func(_ *testing.T, a *apptest.App) *apptest.App { b := a.Another(); b.SignIn(); return b },
	"Issue":   func(t *testing.T, a *apptest.App) *apptest.App { return withCookies(t, a, "1") },
}

func TestDenyList_SessionAfterRevocationIsValid(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, apptest.NewStore().UseAsDenyList)
			for round := range 3 {
				old := start(t, a)
				if old.Session() == nil {
					t.Errorf("round %d: a session after a revocation is not valid", round)
				}
				mustRevoke(t, a, "1")
				if old.Session() != nil {
					t.Errorf("round %d: a session before a revocation is valid", round)
				}
			}
		})
	}
}

func TestDenyList_SecondRevocationEndsEachSession(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, apptest.NewStore().UseAsDenyList)
			mustRevoke(t, a, "1")
			phone, laptop := start(t, a), start(t, a)
			mustRevoke(t, a, "1")
			if phone.Session() != nil || laptop.Session() != nil {
				t.Error("a session is valid after the second revocation")
			}
		})
	}
}

// A renewal does not take a session out of a revocation's reach.
func TestDenyList_RevocationEndsRenewedSession(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	mustRevoke(t, a, "1")
	a.SignIn()
	a.Clock.Advance(25 * time.Hour)
	before := a.Copy()
	if a.Session() == nil {
		t.Fatal("not signed in")
	}
	mustRevoke(t, a, "1")
	if before.Session() != nil || a.Session() != nil {
		t.Error("a session is valid after the revocation")
	}
}

func TestDenyList_OfOneUserSparesOthers(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	bob := withCookies(t, a, "2")
	mustRevoke(t, a, "1")
	if bob.Session() == nil {
		t.Error("the revocation of another user ended the session")
	}
}

func TestDenyList_ReplicasWithDifferentClocks(t *testing.T) {
	for name, start := range starts {
		for _, order := range []struct {
			name                                string
			startClock, revokeClock, storeClock time.Duration
		}{
			{"session by the fast, revocation by the slow", 2 * time.Second, 0, 5 * time.Second},
			{"session by the slow, revocation by the fast", 0, 2 * time.Second, 5 * time.Second},
			{"the store is behind both", 2 * time.Second, 0, -5 * time.Second},
		} {
			t.Run(name+", "+order.name, func(t *testing.T) {
				clock := apptest.NewClock()
				differing := func(by time.Duration) func() time.Time {
					return func() time.Time { return clock.Now().Add(by) }
				}
				shared := store.NewMemory(store.MemoryOptions{Now: differing(order.storeClock)})
				replica := func(by time.Duration) *apptest.App {
					return apptest.New(t, func(c *apptest.Config) { c.Session.DenyList, c.Now = shared, differing(by) })
				}
				one, two := replica(order.startClock), replica(order.revokeClock)
				valid := func(b *apptest.App) bool {
					other := two.Another()
					other.SetCookie(apptest.SessionCookie, b.Cookie(apptest.SessionCookie))
					here, there := b.Session() != nil, other.Session() != nil
					if here != there {
						t.Errorf("valid at one replica: %v, at the other: %v", here, there)
					}
					return here
				}
				before := start(t, one)
				if !valid(before) {
					t.Error("a session is not valid before the revocation")
				}
				mustRevoke(t, two, "1")
				after := start(t, one)
				if valid(before) {
					t.Error("a session of before the revocation is valid")
				}
				if !valid(after) {
					t.Error("a session of after the revocation is not valid")
				}
				mustRevoke(t, two, "1")
				if valid(after) {
					t.Error("a session is valid after the second revocation")
				}
			})
		}
	}
}

// The mark of a revocation is needed as long as the last token that it names.
func TestDenyList_RevocationOutlivesTokens(t *testing.T) {
	const maxAge = 30 * 24 * time.Hour
	s := apptest.NewStore()
	a := apptest.New(t, s.UseAsDenyList)
	a.SignIn()
	signedOut, copied := a.Another(), a.Copy()
	signedOut.SignIn()
	ended := signedOut.Copy()
	signedOut.SignOut()
	mustRevoke(t, a, "1")
	for _, d := range []time.Duration{maxAge - time.Minute, time.Minute, 14 * time.Second} { // 15 seconds of leeway
		a.Clock.Advance(d)
		if copied.Copy().Session() != nil {
			t.Error("a token of before the revocation is valid shortly before its end")
		}
		if ended.Copy().Session() != nil {
			t.Error("a copy is valid after the sign-out shortly before its end")
		}
	}
}

func TestDenyList_LogoutsByProviderInOneSecond(t *testing.T) {
	for name, withSession := range map[string]bool{"of a user": false, "of a session": true} {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["deny-list"], apptest.Backchannel)
			for round := range 3 {
				a.SignIn() // fails the test if the new session is not valid
				sessions := a.IDP.Sessions()
				s := sessions[len(sessions)-1]
				if !withSession {
					s.ID = ""
				}
				res := a.Another().Post("/api/auth/backchannel-logout/idp", map[string][]string{"logout_token": {a.IDP.LogoutToken(t, s.Subject, s.ID)}})
				if res.StatusCode != http.StatusOK {
					t.Fatal(res.StatusCode, res.Text)
				}
				if a.Session() != nil {
					t.Errorf("the session is valid after logout %d", round+1)
				}
			}
		})
	}
}
