package session_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// setsSession reports whether an answer sets the session cookie.
func setsSession(res apptest.Response, name string) bool {
	return slices.Contains(res.SetCookies(), name+"=")
}

// A token that is a few seconds old needs no new lifetime.
func TestSession_FreshTokenIsNotSealedAgain(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		t.Run(protocol.String(), func(t *testing.T) {
			name := protocol.String() + ".session-token"
			a := apptest.New(t, func(c *apptest.Config) { c.Protocol = protocol })
			a.SignIn()
			end := a.Clock.Now().Add(30 * 24 * time.Hour)
			for _, d := range []time.Duration{0, 30 * time.Second, 28 * time.Second} {
				a.Clock.Advance(d)
				res := a.Get("/api/auth/session")
				s := a.SessionIn(res)
				if s == nil {
					t.Fatal("signed out")
				}
				if setsSession(res, name) {
					t.Errorf("after %v GET session sets the session cookie", d)
				}
				if got := s.Expires.Time(); got.Sub(end).Abs() > time.Second {
					t.Errorf("the session expires at %v, its token at %v", got, end)
				}
			}
			a.Clock.Advance(4 * time.Second)
			if res := a.Get("/api/auth/session"); !setsSession(res, name) {
				t.Errorf("after a minute GET session sets %v", res.SetCookies())
			}
		})
	}
}

func TestSession_FreshTokenIsSealedWhenItChanges(t *testing.T) {
	change := false
	a := apptest.New(t, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if change || p.Trigger == nuxtauth.TriggerUpdate {
				p.Token.Nickname += "x"
			}
			return p.Token, nil
		}
	})
	a.SignIn()
	if res := a.Update(`{}`); !setsSession(res, apptest.SessionCookie) {
		t.Errorf("an update of the front end sets %v", res.SetCookies())
	}
	change = true
	if res := a.Get("/api/auth/session"); !setsSession(res, apptest.SessionCookie) {
		t.Errorf("after a change by the JWT callback GET session sets %v", res.SetCookies())
	}
}

// Without a deny-list the cookie of a late answer would be valid.
func TestSession_LateReadSetsNoCookieAfterSignOut(t *testing.T) {
	reading, signedOut := make(chan struct{}), make(chan struct{})
	var slow sync.Once
	a := apptest.New(t, func(c *apptest.Config) {
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			slow.Do(func() { close(reading); <-signedOut })
			return p.Session, nil
		}
	})
	a.SignIn()
	a.Clock.Advance(30 * time.Second)
	late, reader := make(chan apptest.Response, 1), a.Copy()
	go func() { late <- reader.Get("/api/auth/session") }()
	receive(t, reading, "a request reads the session")
	a.SignOut()
	close(signedOut)
	if res := receive(t, late, "the late request is answered"); setsSession(res, apptest.SessionCookie) {
		t.Error("the late answer sets the session cookie")
	}
}
