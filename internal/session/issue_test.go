package session_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A session that is issued is as old as its token says, and never newer than now: its
// absolute lifetime counts from there.
func TestIssue_SignInTime(t *testing.T) {
	for name, tt := range map[string]struct{ authTime, want time.Duration }{
		"an hour ago":   {-time.Hour, -time.Hour},
		"in the future": {time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t)
			var got token.NumericDate
			a.Router.GET("/time", func(c *gin.Context) { got = a.Auth.Token(c).Origin.AuthTime })
			at := func(d time.Duration) token.NumericDate { return token.DateOf(a.Clock.Now().Add(d)) }
			issued, err := a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{
				Subject: "1", Origin: nuxtauth.Origin{AuthTime: at(tt.authTime)},
			}})
			if err != nil {
				t.Fatal(err)
			}
			a.SetCookie(issued.Cookies[0].Name, issued.Cookies[0].Value)
			if a.Get("/time"); got != at(tt.want) {
				t.Errorf("the user signed in at %v, want %v", got.Time(), at(tt.want).Time())
			}
		})
	}
}

// A store whose handles hold the session can make one that is too large for cookies.
func TestStore_HandleTooLargeForCookies(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) {
		c.Session.Store = apptest.Handles{Sessions: store.NewMemory(store.MemoryOptions{Now: c.Now}), Length: 50_000}
	})
	issued, err := a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	if !errors.Is(err, nuxtauth.ErrTokenTooLarge) || errors.Is(err, nuxtauth.ErrUnavailable) || issued != nil {
		t.Errorf("Issue returns %v, %v", issued, err)
	}
	res := a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace"))
	if res.StatusCode != http.StatusUnauthorized || len(res.SetCookies()) != 0 {
		t.Errorf("a sign-in answers %d %s, cookies %v", res.StatusCode, res.Text, res.SetCookies())
	}
}

// A refresh is a write of the server: the client is the one that was last seen.
func TestRefresh_KeepsClient(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"])
	a.SignIn()
	subject := a.IDP.Sessions()[0].Subject
	client := func() [2]string {
		list, err := a.Auth.ListSessions(context.Background(), subject)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return [2]string{list[0].IP, list[0].UserAgent}
	}
	before := client()
	a.Clock.Advance(6 * time.Minute)
	if a.AccessToken() == "" || a.Refreshes() != 1 {
		t.Fatal("not refreshed")
	}
	if got := client(); got != before || got[0] == "" || got[1] == "" {
		t.Errorf("after a refresh the client is %q, before it was %q", got, before)
	}
}

// An access token that has expired may well be why a callback fails.
func TestRefresh_StaleBearerEndsNoSession(t *testing.T) {
	fails := false
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.OpenIDToken, apptest.Session]) (*apptest.Session, error) {
			if fails {
				return nil, apptest.ErrDown
			}
			return p.Session, nil
		}
	})
	a.SignIn()
	fails = true
	ask := func() int {
		b := a.Another()
		req := b.Request("GET", "/private", "", "")
		req.Header.Set("Authorization", "Bearer "+a.Cookie(apptest.SessionCookie))
		return b.Do(req).StatusCode
	}
	a.Clock.Advance(4*time.Minute + 50*time.Second)
	if got := ask(); got != http.StatusUnauthorized {
		t.Errorf("with a valid access token Require answers %d", got)
	}
	a.Clock.Advance(10 * time.Second)
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("with an expired access token Require answers %d", got)
	}
}

// The callback of a sign-in has the time of it, for sessions that the application stores
// by itself.
func TestCallback_HasSignInTime(t *testing.T) {
	var got token.NumericDate
	a := apptest.New(t, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			got = p.Token.Origin.AuthTime
			return p.Token, nil
		}
	})
	if a.SignIn(); got != token.DateOf(a.Clock.Now()) {
		t.Errorf("the user signed in at %v", got.Time())
	}
}

func TestUnavailable_NilIsNoError(t *testing.T) {
	if err := nuxtauth.Unavailable(nil); err != nil {
		t.Errorf("got %v", err)
	}
}

// Two sessions can't share a refresh token.
func TestIssue_HasNoRefreshToken(t *testing.T) {
	a := apptest.NewOpenIDApp(t)
	var issued *nuxtauth.Issued
	var own, got string
	a.Router.GET("/issue", func(c *gin.Context) {
		var err error
		if issued, err = a.Auth.Issue(c, a.Auth.Token(c)); err != nil {
			t.Error(err)
		}
		own = a.Auth.Token(c).RefreshToken
	})
	a.Router.GET("/token", func(c *gin.Context) { got = a.Auth.Token(c).RefreshToken + a.Auth.Token(c).AccessToken })
	a.SignIn()
	access := a.AccessToken()
	a.Get("/issue")
	b := a.Another()
	b.SetCookie(issued.Cookies[0].Name, issued.Cookies[0].Value)
	if b.Get("/token"); own == "" || got != access {
		t.Errorf("the session has the refresh token %q, and the issued one the tokens %q", own, got)
	}
}
