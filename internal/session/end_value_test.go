package session_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// The ID of a session is not secret: a cookie that has it in place of a token ends
// nothing, and writes nothing.
func TestSignOut_ValueIsNoSessionID(t *testing.T) {
	for name, use := range map[string]func(*apptest.Store) func(*apptest.Config){
		"deny-list": func(s *apptest.Store) func(*apptest.Config) { return s.UseAsDenyList },
		"adopt": func(s *apptest.Store) func(*apptest.Config) {
			return func(c *apptest.Config) { s.Use(c); c.Session.AdoptCookies = true }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := apptest.NewStore()
			a := apptest.New(t, use(s))
			a.Router.GET("/id", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.SessionID(c)) })
			a.SignIn()
			id := a.Get("/id").Text
			for _, value := range []string{"id:" + id, "handle:" + id, "id:1:1:" + id, "id:made-up", id} {
				anonymous := a.Another()
				anonymous.SetCookie(apptest.SessionCookie, value)
				s.Calls()
				anonymous.SignOut()
				anonymous.SetCookie(apptest.SessionCookie, value)
				anonymous.SignIn()
				if calls := s.Calls(); slices.Contains(calls, "Mark") || slices.Contains(calls, "DeleteSession") {
					t.Errorf("with the value %q the store is called: %v", value, calls)
				}
				if a.Session() == nil {
					t.Fatalf("the value %q ends the session of another user", value)
				}
			}
		})
	}
}

// Only a short value fits into the check cookie beside the state.
func TestSignIn_LongPreviousHandle(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"])
	a.SetCookie(apptest.SessionCookie, strings.Repeat("a", 3500))
	if to := a.Start("idp"); !strings.HasPrefix(to, a.IDP.Issuer()) {
		t.Fatalf("the sign-in leads to %s", to)
	}
	a.SignIn()
	if a.Session() == nil {
		t.Error("signed out")
	}
}

// A handler signs out after the middleware has written the session of one of two
// cookies.
func TestSignOut_EndsEachValueAfterRenewal(t *testing.T) {
	for _, storage := range []string{"deny-list", "memory"} {
		t.Run(storage, func(t *testing.T) {
			a := apptest.New(t, apptest.Storages[storage], func(c *apptest.Config) {
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
					p.Token.Nickname += "x"
					return p.Token, nil
				}
			})
			a.Router.GET("/out", func(c *gin.Context) {
				if err := a.Auth.SignOut(c); err != nil {
					t.Error(err)
				}
			})
			a.SignIn()
			one := a.Cookie(apptest.SessionCookie)
			a.Client = apptest.NewBrowser()
			a.SignIn()
			two := a.Cookie(apptest.SessionCookie)
			sendCookies(a, "/out", pair(one)+"; "+pair(two))
			for i, value := range []string{one, two} {
				if a.SessionIn(sendCookies(a, "/me", pair(value))) != nil {
					t.Errorf("session %d goes on", i+1)
				}
			}
		})
	}
}

// A handler signs out, after a renewal, a browser whose second cookie has the
// scope of a parent domain.
func TestSignOut_ClearsScopesAfterRenewal(t *testing.T) {
	b := newDomainBrowser(t, "app.example.com", "", func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.Nickname += "x"
			return p.Token, nil
		}
	})
	b.router.POST("/out", func(c *gin.Context) {
		if err := b.auth.SignOut(c); err != nil {
			t.Error(err)
		}
	})
	b.signIn()
	b.plant(apptest.Issue(t, b.auth, "Ada")[0].Value, "example.com", 0)
	b.do("POST", "/out", nil)
	if b.signedIn() {
		t.Error("the browser is signed in after the sign-out")
	}
}

// Domain was taken out of the configuration, and the browser has the cookie of
// before.
func TestSignIn_ReplacesParentCookie(t *testing.T) {
	b := newDomainBrowser(t, "app.example.com", "")
	b.plant(apptest.Issue(t, b.auth, "Old User")[0].Value, "example.com", 0)
	b.signIn()
	if text := b.do("GET", "/api/auth/session", nil).Text; !strings.Contains(text, "Ada") {
		t.Errorf("after the sign-in the session is %s", text)
	}
}

func TestSignOut_ClearsParentCookie(t *testing.T) {
	b := newDomainBrowser(t, "app.example.com", "")
	b.plant(apptest.Issue(t, b.auth, "Ada")[0].Value, "example.com", 0)
	b.signOut()
	if b.signedIn() {
		t.Error("the browser is signed in after the sign-out")
	}
}

// The browser has a session in two scopes, of which the response writes one.
func TestCookie_WriteClearsOtherScopes(t *testing.T) {
	for _, tt := range scopes {
		t.Run(tt.name, func(t *testing.T) {
			b := newDomainBrowser(t, tt.host, tt.domain)
			b.router.POST("/set", func(c *gin.Context) {
				if err := b.auth.Update(c, func(t *apptest.Token) error { t.Name = "Updated"; return nil }); err != nil {
					t.Error(err)
				}
			})
			for _, domain := range tt.left { // these come first
				b.plant(apptest.Issue(t, b.auth, "Left")[0].Value, domain, tt.chunks)
			}
			b.jar.SetCookies(b.url, apptest.Issue(t, b.auth, "Ada"))
			b.do("POST", "/set", nil)
			if left := b.sessionCookies(); len(left) != 1 {
				t.Errorf("the browser has %d session cookies: %.200q", len(left), left)
			}
			if text := b.do("GET", "/api/auth/session", nil).Text; !strings.Contains(text, "Updated") {
				t.Errorf("after the update the session is %s", text)
			}
		})
	}
}

// The application rejects the session of one cookie: that of the other counts, and
// its cookie is not cleared.
func TestCookie_RejectedValueLeavesOther(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		rejected := ""
		a := apptest.New(t, storage, func(c *apptest.Config) {
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
				if p.Trigger == nuxtauth.TriggerSignIn {
					p.Token.Nickname = p.User.Name + time.Duration(len(rejected)).String()
				}
				if p.Token.Nickname == rejected {
					return nil, apptest.ErrDown
				}
				return p.Token, nil
			}
		})
		a.SignIn()
		good := a.Cookie(apptest.SessionCookie)
		a.Client = apptest.NewBrowser()
		rejected = "x"
		a.SignIn()
		bad := a.Cookie(apptest.SessionCookie)
		rejected = "Ada Lovelace1ns"
		for _, path := range []string{"/me", "/api/auth/session"} {
			for _, line := range []string{pair(bad) + "; " + pair(good), pair(good) + "; " + pair(bad)} {
				res := sendCookies(a, path, line)
				if a.SessionIn(res) == nil || path == "/me" && clearsSession(res) {
					t.Errorf("%s: the session of the other cookie does not count, or the response clears it: %v", path, res.SetCookies())
				}
			}
		}
		if res := sendCookies(a, "/me", pair(bad)); a.SessionIn(res) != nil || !clearsSession(res) {
			t.Error("a rejected value alone is not cleared")
		}
	})
}
