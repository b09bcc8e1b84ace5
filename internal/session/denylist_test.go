package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

func TestDenyList_SignOutEndsCopies(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	a.SignIn()
	early := a.Copy()
	a.Clock.Advance(25 * time.Hour)
	a.Session() // sets a new cookie of the same session
	late, other := a.Copy(), a.Another()
	other.SignIn()
	a.SignOut()
	if early.Session() != nil || late.Session() != nil {
		t.Error("a copy is valid after the sign-out")
	}
	if other.Session() == nil {
		t.Error("another session of the user ended")
	}
}

func TestDenyList_SignInEndsOldSession(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	a.SignIn()
	old := a.Copy()
	a.Clock.Advance(time.Second)
	a.SignIn()
	if old.Session() != nil || a.Session() == nil {
		t.Error("the session before the sign-in is still valid")
	}
}

func TestDenyList_RevokesUser(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	phone, laptop := a, a.Another()
	phone.SignIn()
	laptop.SignIn()
	if _, err := a.Auth.RevokeSessions(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if phone.Session() != nil || laptop.Session() != nil {
		t.Error("a session is still valid")
	}
	laptop.SignIn() // within the same second
	if laptop.Session() == nil {
		t.Error("the next sign-in has no effect")
	}
	a.Router.POST("/others", func(c *gin.Context) {
		if _, err := a.Auth.RevokeOtherSessions(c); !errors.Is(err, store.ErrUnsupported) {
			t.Error(err)
		}
	})
	laptop.Post("/others", nil)
}

func TestDenyList_ChecksSubjectOfID(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	var id string
	a.Router.GET("/id", func(c *gin.Context) { id = a.Auth.SessionID(c) })
	a.SignIn()
	a.Get("/id")
	a.Auth.RevokeSession(t.Context(), "2", id)
	if a.Session() == nil {
		t.Error("user 2 ended a session of user 1")
	}
	if _, err := a.Auth.RevokeSession(t.Context(), "1", id); err != nil || a.Session() != nil {
		t.Errorf("the session of the user is still valid: %v", err)
	}
}

func TestDenyList_SignOutInSecondOfRevocation(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	a.SignIn()
	if _, err := a.Auth.RevokeSessions(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	a.SignIn()
	thief := a.Copy()
	a.SignOut()
	a.Clock.Advance(time.Minute)
	if thief.Session() != nil {
		t.Error("a copy is valid after the sign-out")
	}
}

// The clocks of two processes differ by a few seconds.
func TestDenyList_SignOutWithClockBehind(t *testing.T) {
	s := apptest.NewStore()
	ahead := apptest.New(t, s.UseAsDenyList)
	ahead.SignIn()
	thief := ahead.Copy()
	behind := apptest.New(t, func(c *apptest.Config) { c.Session.DenyList = s })
	behind.Clock.Advance(-5 * time.Second)
	behind.SetCookie(apptest.SessionCookie, ahead.Cookie(apptest.SessionCookie))
	if res := behind.SignOut(); res.StatusCode != http.StatusOK {
		t.Fatal(res.Text)
	}
	if thief.Session() != nil {
		t.Error("a copy is valid after the sign-out")
	}
}

// Tokens of another issuer may have neither a jti nor a sid.
func TestDenyList_TokensWithoutIDEndApart(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	codec, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	browser := func(subject string) *apptest.App {
		now := a.Clock.Now().Unix()
		sealed, err := codec.Seal(t.Context(), fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, subject, now, now+3600))
		if err != nil {
			t.Fatal(err)
		}
		b := a.Another()
		b.SetCookie(apptest.SessionCookie, sealed)
		return b
	}
	ada, bob := browser("ada"), browser("bob")
	ada.SignOut()
	if bob.Session() == nil {
		t.Error("ada's sign-out ended bob's session")
	}
}

// A sign-out of one session is remembered for as long as a copy of its cookie is good.
func TestDenyList_SignOutOutlivesTokens(t *testing.T) {
	const maxAge = 30 * 24 * time.Hour
	a := apptest.New(t, apptest.NewStore().UseAsDenyList)
	a.SignIn()
	other := a.Another()
	other.SignIn()
	copied := a.Copy()
	a.SignOut()
	for i, d := range []time.Duration{time.Minute, time.Minute, time.Hour, maxAge - time.Hour - 3*time.Minute} {
		a.Clock.Advance(d)
		if copied.Copy().Session() != nil {
			t.Errorf("step %d: a copy is valid after the sign-out", i)
		}
		if other.Copy().Session() == nil {
			t.Errorf("step %d: another session of that second ended", i)
		}
	}
}

func TestDenyList_OutlivesShorterMaxAge(t *testing.T) {
	s := apptest.NewStore()
	before := apptest.New(t, s.UseAsDenyList)
	before.SignIn()
	copied := before.Cookie(apptest.SessionCookie)
	after := apptest.New(t, func(c *apptest.Config) { c.Session.DenyList, c.Session.MaxAge, c.Now = s, time.Hour, before.Clock.Now })
	after.SetCookie(apptest.SessionCookie, copied)
	after.SignOut()
	before.Clock.Advance(24 * time.Hour)
	after.SetCookie(apptest.SessionCookie, copied)
	if after.Session() != nil {
		t.Error("a copy is valid a day after the sign-out, with a MaxAge of an hour")
	}
}

func TestDenyList_CallbackCannotSetID(t *testing.T) {
	a := apptest.New(t, apptest.NewStore().UseAsDenyList, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.ID = "mine" // has no effect, see DefaultJWT.ID
			return p.Token, nil
		}
	})
	phone, laptop := a, a.Another()
	phone.SignIn()
	laptop.SignIn()
	phone.SignOut()
	if laptop.Session() == nil {
		t.Error("the sign-out of one session ended another")
	}
}
