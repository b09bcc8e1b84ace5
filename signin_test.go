package nuxtauth_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestIssue_GivesBearerTokenAndID(t *testing.T) {
	for name, storage := range apptest.Storages {
		a := apptest.New(t, storage)
		a.Router.GET("/id", func(c *gin.Context) { c.String(http.StatusOK, "%s %s", a.Auth.Subject(c), a.Auth.SessionID(c)) })
		issued, err := a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
		if err != nil {
			t.Fatal(err)
		}
		req := a.Request("GET", "/id", "", "")
		req.Header.Set("Authorization", "Bearer "+issued.Token)
		if got := a.Do(req).Text; got != "1 "+issued.SessionID {
			t.Errorf("%s: the request has %q, want the session %q", name, got, issued.SessionID)
		}
		if want := a.Clock.Now().Add(30 * 24 * time.Hour); issued.ExpiresAt.Sub(want).Abs() > time.Second {
			t.Errorf("%s: it expires at %v, want %v", name, issued.ExpiresAt, want)
		}
		if issued.SessionID == "" {
			continue
		}
		_, err = a.Auth.RevokeSession(t.Context(), "1", issued.SessionID)
		if errors.Is(err, store.ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Do(req).Text; got != " " {
			t.Errorf("%s: revoked, the request has %q", name, got)
		}
	}
}

func TestSignIn_InHandler(t *testing.T) {
	for name, storage := range apptest.Storages {
		var calls []string
		a := apptest.New(t, storage, func(cfg *apptest.Config) {
			cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
				calls = append(calls, "signIn "+p.User.ID+" "+p.Account.Provider+" "+p.IP)
				return nil
			}
			cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
				if p.Account != nil {
					p.Token.Nickname = "by " + p.Account.Provider
				}
				return p.Token, nil
			}
			cfg.Events.SignIn = func(_ context.Context, e nuxtauth.SignInEvent[apptest.Token]) {
				calls = append(calls, "event "+e.Token.Nickname)
			}
		})
		var origin nuxtauth.Origin
		a.Router.POST("/saml", func(c *gin.Context) {
			err := a.Auth.SignIn(c, &nuxtauth.User{ID: "7", Name: "Grace"}, &nuxtauth.Account{Provider: "saml", ProviderAccountID: "grace"})
			if err != nil {
				t.Errorf("%s: SignIn returns %v", name, err)
				return
			}
			if s := a.Auth.Session(c); s == nil || s.User.Name != "Grace" || a.Auth.Subject(c) != "7" {
				t.Errorf("%s: the request has %+v", name, s)
			}
			origin = a.Auth.Token(c).Origin
		})
		a.SignIn()
		before := a.Copy()
		calls = nil
		a.Do(a.Request("POST", "/saml", "", ""))
		if want := []string{"signIn 7 saml 127.0.0.1", "event by saml"}; !slices.Equal(calls, want) {
			t.Errorf("%s: the calls are %q, want %q", name, calls, want)
		}
		if origin.Provider != "saml" || origin.ProviderSubject != "grace" {
			t.Errorf("%s: the origin is %+v", name, origin)
		}
		if s := a.Session(); s == nil || s.User.Name != "Grace" {
			t.Errorf("%s: the next request has %+v", name, s)
		}
		// Nothing ends a session that is in its cookie.
		if ended := before.Session() == nil; ended == strings.Contains(name, "cookie") {
			t.Errorf("%s: the session of before has ended: %t", name, ended)
		}
	}
}

func TestSignIn_ErrorsKeepTheSession(t *testing.T) {
	refused := errors.New("not on the list")
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, func(cfg *apptest.Config) {
		cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
			switch p.User.ID {
			case "refused":
				return refused
			case "elsewhere":
				return nuxtauth.RedirectTo("/blocked")
			}
			return nil
		}
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.User != nil && p.User.ID == "broken" {
				return nil, apptest.ErrDown
			}
			return p.Token, nil
		}
	})
	account := &nuxtauth.Account{Provider: "saml", ProviderAccountID: "x"}
	for name, tt := range map[string]struct {
		user    *nuxtauth.User
		account *nuxtauth.Account
		before  func(c *gin.Context)
		want    func(error) bool
	}{
		"no user":            {nil, account, nil, func(err error) bool { return strings.Contains(err.Error(), "needs a user") }},
		"user without ID":    {&nuxtauth.User{}, account, nil, func(err error) bool { return strings.Contains(err.Error(), "needs a user") }},
		"no account":         {&nuxtauth.User{ID: "1"}, nil, nil, func(err error) bool { return strings.Contains(err.Error(), "needs an account") }},
		"account without ID": {&nuxtauth.User{ID: "1"}, &nuxtauth.Account{Provider: "saml"}, nil, func(err error) bool { return strings.Contains(err.Error(), "needs an account") }},
		"SignIn callback":    {&nuxtauth.User{ID: "refused"}, account, nil, func(err error) bool { return errors.Is(err, refused) && errors.Unwrap(err) == nil }},
		"redirect": {&nuxtauth.User{ID: "elsewhere"}, account, nil, func(err error) bool {
			to, ok := errors.AsType[*nuxtauth.RedirectError](err)
			return ok && to.URL == "/blocked"
		}},
		"JWT callback":        {&nuxtauth.User{ID: "broken"}, account, nil, func(err error) bool { return errors.Is(err, apptest.ErrDown) }},
		"store down":          {&nuxtauth.User{ID: "1"}, account, func(*gin.Context) { s.Fail(apptest.ErrDown) }, func(err error) bool { return errors.Is(err, nuxtauth.ErrUnavailable) }},
		"after the body":      {&nuxtauth.User{ID: "1"}, account, func(c *gin.Context) { c.String(http.StatusOK, "begun") }, func(err error) bool { return strings.Contains(err.Error(), "has begun") }},
		"in a copied context": {&nuxtauth.User{ID: "1"}, account, nil, func(err error) bool { return strings.Contains(err.Error(), "copy") }},
	} {
		t.Run(name, func(t *testing.T) {
			app := a.Another()
			app.SignIn()
			path := "/" + strings.ReplaceAll(name, " ", "-")
			app.Router.POST(path, func(c *gin.Context) {
				ctx := c
				switch {
				case name == "in a copied context":
					ctx = c.Copy()
				case tt.before != nil:
					tt.before(c)
				}
				if err := a.Auth.SignIn(ctx, tt.user, tt.account); err == nil || !tt.want(err) {
					t.Errorf("SignIn returns %v", err)
				}
				if s := a.Auth.Session(c); s == nil || s.User.Name != "Ada Lovelace" {
					t.Errorf("the request has %+v", s)
				}
			})
			if set := app.Do(app.Request("POST", path, "", "")).SetCookies(); len(set) > 0 {
				t.Errorf("it sets %v", set)
			}
			s.Fail(nil)
			if s := app.Session(); s == nil || s.User.Name != "Ada Lovelace" {
				t.Errorf("the next request has %+v", s)
			}
		})
	}
}

func TestSignIn_TwiceInOneRequestLeavesOneSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.Router.POST("/twice", func(c *gin.Context) {
		for _, id := range []string{"7", "8"} {
			if err := a.Auth.SignIn(c, &nuxtauth.User{ID: id}, &nuxtauth.Account{Provider: "saml", ProviderAccountID: id}); err != nil {
				t.Error(err)
			}
		}
	})
	a.SignIn()
	a.Do(a.Request("POST", "/twice", "", ""))
	if n := s.Len(); n != 1 {
		t.Errorf("the store has %d sessions", n)
	}
}

// The session has begun, and its service can't be reached.
func TestSignIn_UnavailableAfterwardsIsNoError(t *testing.T) {
	down := false
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			if down {
				return nil, nuxtauth.Unavailable(apptest.ErrDown)
			}
			return p.Session, nil
		}
	})
	a.Router.POST("/saml", func(c *gin.Context) {
		down = true
		if err := a.Auth.SignIn(c, &nuxtauth.User{ID: "7", Name: "Grace"}, &nuxtauth.Account{Provider: "saml", ProviderAccountID: "7"}); err != nil {
			t.Errorf("SignIn returns %v", err)
		}
		if a.Auth.Session(c) != nil {
			t.Error("the request has a session")
		}
		down = false
	})
	a.Do(a.Request("POST", "/saml", "", ""))
	if a.Session() == nil {
		t.Error("the next request has no session")
	}
}

func TestSignIn_RejectedAfterwardsIsSignedOut(t *testing.T) {
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.Session = func(context.Context, nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			return nil, apptest.ErrDown
		}
	})
	a.Router.POST("/saml", func(c *gin.Context) {
		err := a.Auth.SignIn(c, &nuxtauth.User{ID: "7"}, &nuxtauth.Account{Provider: "saml", ProviderAccountID: "7"})
		if !errors.Is(err, nuxtauth.ErrSignedOut) {
			t.Errorf("SignIn returns %v", err)
		}
	})
	if res := a.Do(a.Request("POST", "/saml", "", "")); a.Cookie(apptest.SessionCookie) != "" {
		t.Errorf("it sets %v", res.SetCookies())
	}
}

// Two sessions can't share a refresh token, of which the provider accepts each once.
func TestIssue_LeavesRefreshTokenWithItsSession(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		a := apptest.NewOpenIDApp(t, storage)
		var issued *nuxtauth.Issued
		a.Router.GET("/issue", func(c *gin.Context) {
			var err error
			if issued, err = a.Auth.Issue(c, a.Auth.Token(c)); err != nil {
				t.Error(err)
			}
		})
		a.SignIn()
		a.Get("/issue")
		phone := a.Another()
		for range 3 {
			a.Clock.Advance(6 * time.Minute)
			req := phone.Request("GET", "/me", "", "")
			req.Header.Set("Authorization", "Bearer "+issued.Token)
			if phone.Do(req).Text == "null" {
				t.Error("the issued session has ended")
			}
			if a.Session() == nil || a.AccessToken() == "" {
				t.Error("the session of the browser has ended, or has no token")
			}
		}
	})
}
