package session_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// mergeUser has the JWT callback set another subject from when merged is true.
func mergeUser(merged *bool) func(*apptest.Config) {
	return func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if *merged {
				p.Token.Subject = "merged"
			}
			return p.Token, nil
		}
	}
}

func TestStore_CookieHasOnlyHandle(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, apptest.Enriched, s.Use)
	a.SignIn()
	handle := a.Cookie(apptest.SessionCookie)
	if _, ok := store.KeyOf(handle); !ok {
		t.Fatalf("the cookie is %q", handle)
	}
	if r, err := s.FindSession(t.Context(), handle); err != nil || !strings.Contains(string(r.Claims), "user-api-token") || r.Subject != "1" || r.Provider != "credentials" {
		t.Errorf("the store has %+v, %v", r, err)
	}
}

func TestStore_SignInReplacesSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	planted, _ := store.NewHandle()
	a.SetCookie(apptest.SessionCookie, planted)
	a.SignIn()
	first := a.Cookie(apptest.SessionCookie)
	if first == planted {
		t.Error("the sign-in uses a planted handle")
	}
	before := a.Copy()
	a.SignIn()
	if a.Cookie(apptest.SessionCookie) == first {
		t.Error("the second sign-in has the same handle")
	}
	if before.Session() != nil {
		t.Error("the first session is still valid")
	}
	if list, err := a.Auth.ListSessions(t.Context(), "1"); err != nil || len(list) != 1 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
}

func TestStore_NotCalledWithoutCookie(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	for _, path := range []string{"/me", "/api/auth/session", "/api/auth/csrf", "/api/auth/providers", "/api/auth/signin", "/api/auth/signout"} {
		a.Get(path)
	}
	a.SignOut()
	a.Post("/api/auth/callback/credentials", url.Values{"username": {"eve"}, "csrfToken": {a.CSRF()}})
	if calls := s.Calls(); calls != nil {
		t.Errorf("the store was called: %v", calls)
	}
}

func TestStore_WritesAreThrottled(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			return p.Token, nil
		}
	})
	a.SignIn()
	s.Calls()
	for range 5 {
		a.Get("/me")
		a.Get("/api/auth/session")
		a.Clock.Advance(time.Hour)
	}
	if calls := s.Calls(); slices.ContainsFunc(calls, func(c string) bool { return c != "FindSession" }) || len(calls) != 10 {
		t.Errorf("5 hours of reading: %v", calls)
	}
	a.Clock.Advance(20 * time.Hour)
	res := a.Get("/me")
	if calls := s.Calls(); !slices.Equal(calls, []string{"FindSession", "ReplaceSession"}) {
		t.Errorf("after a day: %v", calls)
	}
	if !slices.Contains(res.SetCookies(), apptest.SessionCookie+"=") || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("the renewal sets %v, Cache-Control %q", res.SetCookies(), res.Header.Get("Cache-Control"))
	}
}

func TestStore_FaultStartsAndEndsNoSession(t *testing.T) {
	faults := map[string]func(*apptest.Store, bool){
		"fails": func(s *apptest.Store, on bool) {
			s.Fail(nil)
			if on {
				s.Fail(apptest.ErrDown)
			}
		},
		"hangs": (*apptest.Store).Hang,
		"is full": func(s *apptest.Store, on bool) {
			s.Fail(nil)
			if on {
				s.Fail(store.ErrFull)
			}
		},
	}
	kinds := map[string]func(*apptest.Store) func(*apptest.Config){
		"store":     func(s *apptest.Store) func(*apptest.Config) { return s.Use },
		"deny-list": func(s *apptest.Store) func(*apptest.Config) { return s.UseAsDenyList },
	}
	for kind, as := range kinds {
		for name, fault := range faults {
			t.Run(kind+" "+name, func(t *testing.T) {
				apptest.Bubble(t, func(t *testing.T) {
					s := apptest.NewStore()
					a := apptest.New(t, as(s))
					a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "in") })
					a.Router.POST("/leave", func(c *gin.Context) {
						if err := a.Auth.SignOut(c); err != nil {
							c.String(http.StatusServiceUnavailable, err.Error())
						}
					})
					a.SignIn()
					cookie := a.Cookie(apptest.SessionCookie)
					fault(s, true)

					res := a.Get("/api/auth/session")
					if a.SessionIn(res) != nil || len(res.SetCookies()) != 0 {
						t.Errorf("session data: %s, cookies %v", res.Text, res.SetCookies())
					}
					res = a.Get("/private")
					if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
						t.Errorf("Require answers %d", res.StatusCode)
					}
					if got := a.Get("/me").Text; got != "null" {
						t.Errorf("a handler has the session %s", got)
					}
					if res := a.SignOut(); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(res.Text, "SignOutError") {
						t.Errorf("sign-out answers %d %s", res.StatusCode, res.Text)
					}
					if res := a.Post("/leave", nil); res.StatusCode != http.StatusServiceUnavailable {
						t.Errorf("Auth.SignOut returns no error: %d", res.StatusCode)
					}
					other := a.Another()
					res = other.Post("/api/auth/callback/credentials", url.Values{
						"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {other.CSRF()}, "json": {"true"},
					})
					if res.StatusCode != http.StatusUnauthorized || other.Cookie(apptest.SessionCookie) != "" {
						t.Errorf("a sign-in answers %d %s", res.StatusCode, res.Text)
					}
					if a.Cookie(apptest.SessionCookie) != cookie {
						t.Error("the cookie changed")
					}

					fault(s, false)
					if a.Session() == nil || a.Get("/private").Text != "in" {
						t.Error("after the fault, the session is not valid")
					}
					other.SignIn()
					a.SignOut()
					if a.Session() != nil || other.Session() == nil {
						t.Error("after the fault, sign-in or sign-out do not work")
					}
				})
			})
		}
	}
}

func TestStore_RenewalDoesNotReviveSession(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.SignIn()
	a.Clock.Advance(25 * time.Hour)
	s.RunBefore("ReplaceSession", func() {
		if _, err := a.Auth.RevokeSessions(context.Background(), "1"); err != nil {
			t.Error(err)
		}
	})
	res := a.Get("/api/auth/session")
	if a.SessionIn(res) != nil || slices.ContainsFunc(res.SetCookies(), func(c string) bool { return strings.HasPrefix(c, apptest.SessionCookie) }) {
		t.Errorf("a session that ended meanwhile: %s, cookies %v", res.Text, res.SetCookies())
	}
	if res := a.Get("/api/auth/session"); a.SessionIn(res) != nil || !clearsSession(res) {
		t.Errorf("the next request: %s, cookies %v", res.Text, res.SetCookies())
	}
}

func TestStore_NewSubjectDoesNotReviveSession(t *testing.T) {
	s, merged := apptest.NewStore(), false
	a := apptest.New(t, s.Use, mergeUser(&merged))
	a.SignIn()
	merged = true
	s.RunBefore("CreateSession", func() {
		if n, err := a.Auth.RevokeSessions(context.Background(), "1"); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
	a.Get("/me")
	if a.Session() != nil {
		t.Error("an ended session is valid with the new subject")
	}
}

func TestStore_NewSubjectIsListed(t *testing.T) {
	s := apptest.NewStore()
	merged := false
	a := apptest.New(t, s.Use, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if merged {
				p.Token.Subject = "merged"
			}
			return p.Token, nil
		}
	})
	a.SignIn()
	old := a.Copy()
	merged = true
	a.Session()
	if list, err := a.Auth.ListSessions(t.Context(), "merged"); err != nil || len(list) != 1 {
		t.Errorf("with the new subject: %v, %v", list, err)
	}
	if list, _ := a.Auth.ListSessions(t.Context(), "1"); len(list) != 0 || old.Session() != nil {
		t.Error("the session with the old subject is still valid")
	}
	if a.Session() == nil {
		t.Error("the change signed the user out")
	}
}

// An application and its back office, each with its own secret and cookies.
func TestStore_AuthsDoNotShareSessions(t *testing.T) {
	s := apptest.NewStore()
	shop := apptest.New(t, s.Use)
	office := apptest.New(t, func(c *apptest.Config) {
		c.Session.Store = s
		c.Secret, c.Cookies.Prefix = "another-secret-of-at-least-32-characters", "office"
	})
	shop.SignIn()
	office.SetCookie("office.session-token", shop.Cookie(apptest.SessionCookie))
	if office.Session() != nil {
		t.Error("a session of the shop is valid in the office")
	}
}
