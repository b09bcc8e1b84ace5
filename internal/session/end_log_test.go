package session_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// The log says which sessions may go on.
func TestCallback_FaultOfEndIsLogged(t *testing.T) {
	for name, tt := range faultyStores {
		s := apptest.NewStore()
		rejects := false
		a := apptest.New(t, tt.use(s), func(c *apptest.Config) {
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
				if rejects {
					return nil, errors.New("rejected")
				}
				return p.Token, nil
			}
		})
		a.SignIn()
		rejects = true
		s.RunBefore(tt.call, func() { s.Fail(apptest.ErrDown) })
		a.Get("/me")
		s.Fail(nil)
		if log := a.Log.String(); !strings.Contains(log, "could not be ended for copies of its cookie") {
			t.Errorf("%s: %s", name, log)
		}
	}
}

func TestSignIn_FaultOfPreviousSessionIsLogged(t *testing.T) {
	for name, tt := range faultyStores {
		s := apptest.NewStore()
		a := apptest.New(t, tt.use(s))
		a.SignIn()
		const text = "the session before this sign-in could not be ended"
		if log := a.Log.String(); strings.Contains(log, text) {
			t.Errorf("%s: there is no session before: %s", name, log)
		}
		s.RunBefore(tt.call, func() { s.Fail(apptest.ErrDown) })
		a.SignIn()
		s.Fail(nil)
		if log := a.Log.String(); !strings.Contains(log, text) {
			t.Errorf("%s: %s", name, log)
		}
	}
}

// Of two sessions that a request carries, the event has the one that it was of.
func TestSignOut_EventOfFirstValue(t *testing.T) {
	var names []string
	a := apptest.New(t, func(c *apptest.Config) {
		c.Events.SignOut = func(_ context.Context, e nuxtauth.SignOutEvent[apptest.Token]) { names = append(names, e.Token.Name) }
	})
	a.Router.GET("/leave", func(c *gin.Context) {
		if err := a.Auth.SignOut(c); err != nil {
			t.Error(err)
		}
	})
	first, second := apptest.Issue(t, a.Auth, "First")[0].Value, apptest.Issue(t, a.Auth, "Second")[0].Value
	sendCookies(a, "/leave", pair(first)+"; "+pair(second))
	if len(names) != 1 || names[0] != "First" {
		t.Errorf("the events are of %q", names)
	}
}

// A cookie that is no session is cleared, whatever the state of the deny-list.
func TestSignOut_DenyListFaultWithoutSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.UseAsDenyList)
	a.SetCookie(apptest.SessionCookie, otherSecret(t))
	s.Fail(apptest.ErrDown)
	if res := a.SignOut(); res.StatusCode != http.StatusOK || !clearsSession(res) {
		t.Errorf("the sign-out answers %d %s", res.StatusCode, res.Text)
	}
}

// A replica whose clock is ahead takes a session for expired that is valid at the others: the
// sign-out there ends it for them.
func TestSignOut_EndsExpiredSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.UseAsDenyList)
	a.SignIn()
	ahead := apptest.New(t, func(c *apptest.Config) {
		c.Session.DenyList = s
		c.Now = func() time.Time { return a.Clock.Now().Add(31 * 24 * time.Hour) }
	})
	value := a.Cookie(apptest.SessionCookie)
	ahead.SetCookie(apptest.SessionCookie, value)
	s.RunBefore("Mark", func() { s.Fail(apptest.ErrDown) })
	if res := ahead.SignOut(); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("with a fault of the deny-list, the sign-out answers %d %s", res.StatusCode, res.Text)
	}
	s.Fail(nil)
	if a.Session() == nil {
		t.Fatal("the session has ended, although the sign-out failed")
	}
	ahead.SetCookie(apptest.SessionCookie, value)
	if res := ahead.SignOut(); res.StatusCode != http.StatusOK || a.Session() != nil {
		t.Errorf("the sign-out answers %d %s, or the session goes on", res.StatusCode, res.Text)
	}
}

// The new session of a user who has ended too many is written twice. If that fails, there is
// none.
func TestSignIn_FaultAfterMarkOfUser(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, func(c *apptest.Config) { c.Session.AdoptCookies = true })
	for range maxEnded {
		withCookies(t, a, "1").SignOut()
	}
	a.SignIn()
	s.RunBefore("ReplaceSession", func() { s.Fail(apptest.ErrDown) })
	res := a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace"))
	s.Fail(nil)
	if !strings.Contains(res.Text, "error=") {
		t.Errorf("the sign-in answers %d %s", res.StatusCode, res.Text)
	}
}
