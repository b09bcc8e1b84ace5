package session_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// newCountedApp starts an application with a cache. before runs in the Session callback,
// whose calls are counted.
func newCountedApp(t *testing.T, storage func(*apptest.Config), before func(ctx context.Context) error) (*apptest.App, *atomic.Int32) {
	ran := new(atomic.Int32)
	a := apptest.New(t, storage, func(c *apptest.Config) {
		c.Session.CacheFor = time.Minute
		c.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			ran.Add(1)
			return p.Session, before(ctx)
		}
	})
	a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) { c.Status(http.StatusOK) })
	return a, ran
}

// What one request got is its own if it can't be cached: the others that waited for it
// load the session themselves.
func TestCache_FaultIsOfOneRequest(t *testing.T) {
	for _, storage := range []string{"cookie", "memory"} {
		t.Run(storage, func(t *testing.T) {
			apptest.Bubble(t, func(t *testing.T) {
				finish, first := make(chan struct{}), new(atomic.Bool)
				first.Store(true)
				a, _ := newCountedApp(t, apptest.Storages[storage], func(context.Context) error {
					if first.CompareAndSwap(true, false) {
						<-finish
						return nuxtauth.Unavailable(apptest.ErrDown)
					}
					return nil
				})
				a.SignIn()
				var failed atomic.Int32
				var wg sync.WaitGroup
				for range 10 {
					b := a.Copy()
					wg.Go(func() {
						switch got := b.Get("/private").StatusCode; got {
						case http.StatusServiceUnavailable:
							failed.Add(1)
						case http.StatusOK:
						default:
							t.Errorf("status %d", got)
						}
					})
				}
				synctest.Wait()
				close(finish)
				wg.Wait()
				if n := failed.Load(); n != 1 {
					t.Errorf("%d of 10 requests have the fault of one", n)
				}
			})
		})
	}
}

// A callback that does not return says nothing about the session.
func TestCache_HangingCallbackIsUnavailable(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		release, hanging := make(chan struct{}), new(atomic.Bool)
		hanging.Store(true)
		a, _ := newCountedApp(t, apptest.Storages["cookie"], func(context.Context) error {
			if hanging.Load() {
				<-release
			}
			return nil
		})
		a.SignIn()
		if res := a.Get("/private"); res.StatusCode != http.StatusServiceUnavailable || clearsSession(res) {
			t.Errorf("Require answers %d, cookies %v", res.StatusCode, res.SetCookies())
		}
		hanging.Store(false)
		close(release)
		synctest.Wait()
		if got := a.Get("/private").StatusCode; got != http.StatusOK {
			t.Errorf("afterwards Require answers %d", got)
		}
	})
}

// A session that a callback ends is not cached, and ends.
func TestCache_RejectedSessionEnds(t *testing.T) {
	for _, storage := range []string{"cookie", "memory"} {
		var fault error
		a, _ := newCountedApp(t, apptest.Storages[storage], func(context.Context) error { return fault })
		a.SignIn()
		fault = errors.New("banned")
		if res := a.Get("/private"); res.StatusCode != http.StatusUnauthorized || !clearsSession(res) {
			t.Errorf("%s: Require answers %d, cookies %v", storage, res.StatusCode, res.SetCookies())
		}
	}
}

// A handler changes a session of the cache, which came in two cookies: the second must go.
func TestCache_UpdateClearsChunks(t *testing.T) {
	a, ran := newCountedApp(t, apptest.Storages["cookie"], func(context.Context) error { return nil })
	name := ""
	a.Router.POST("/set", func(c *gin.Context) {
		if err := a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname = name; return nil }); err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		}
	})
	a.SignIn()
	name = strings.Repeat("x", 5000)
	a.Post("/set", nil)
	if a.Cookie(apptest.SessionCookie+".1") == "" {
		t.Fatalf("the browser has %v", a.Cookies())
	}
	a.Get("/me")
	ran.Store(0)
	name = "short"
	if res := a.Post("/set", nil); res.StatusCode != http.StatusOK || ran.Load() != 1 || a.Cookie(apptest.SessionCookie+".1") != "" || a.Session() == nil {
		t.Errorf("%d %s, %d callbacks, cookies %v", res.StatusCode, res.Text, ran.Load(), a.Cookies())
	}
	sealed := newBearerClient(a)
	for range 2 { // from the cache the second time
		sealed.get("/me")
		if res := sealed.send("POST", "/set", "", ""); res.StatusCode != http.StatusInternalServerError || len(res.SetCookies()) != 0 {
			t.Errorf("Update of a sealed token in a header: %d, cookies %v", res.StatusCode, res.SetCookies())
		}
	}
}

// A change of the JWT callback that the store did not take is saved with the next request.
func TestCache_UnsavedChangeIsNotCached(t *testing.T) {
	s := apptest.NewStore()
	change := false
	a, _ := newCountedApp(t, func(c *apptest.Config) {
		s.Use(c)
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if change {
				p.Token.Nickname = "countess"
			}
			return p.Token, nil
		}
	}, func(context.Context) error { return nil })
	a.SignIn()
	change = true
	s.RunBefore("ReplaceSession", func() { s.Fail(apptest.ErrDown) })
	if a.Get("/private").StatusCode != http.StatusOK {
		t.Error("the request is signed out")
	}
	s.Fail(nil)
	s.Calls()
	a.Get("/private")
	if calls := strings.Join(s.Calls(), " "); !strings.Contains(calls, "ReplaceSession") {
		t.Errorf("the next request calls %s", calls)
	}
}

// The end of one session leaves those of other users in the cache.
func TestCache_EndOfOneSessionSparesOthers(t *testing.T) {
	a, ran := newCountedApp(t, apptest.Storages["memory"], func(context.Context) error { return nil })
	ada, eve := withCookies(t, a, "1"), withCookies(t, a, "2")
	ada.Get("/me")
	eve.Get("/me")
	ran.Store(0)
	ada.SignOut()
	if ada.Get("/me").Text != "null" {
		t.Error("the session that was signed out is cached")
	}
	if eve.Get("/me").Text == "null" || ran.Load() != 0 {
		t.Errorf("another user's session is loaded again: %d callbacks", ran.Load())
	}
}

// Sealed tokens, which never move to the store if they come as Bearer, are in the cache
// with sessions of the store.
func TestCache_SealedBearerBesideStore(t *testing.T) {
	s := apptest.NewStore()
	a, sealed := newAdoptingApp(t, s, func(c *apptest.Config) { c.Session.CacheFor = time.Minute })
	mobile := newBearerClient(sealed())
	stored := a.Another()
	stored.SignIn()
	for range 2 {
		if mobile.get("/me").Text == "null" || stored.Get("/me").Text == "null" {
			t.Fatal("not signed in")
		}
	}
	if res := stored.SignOut(); res.StatusCode != http.StatusOK || stored.Session() != nil {
		t.Errorf("sign-out answers %d", res.StatusCode)
	}
}

// A session that has ended in another process is signed out here: copies of its cookie are
// not served from the cache any more.
func TestCache_SignOutOfSessionEndedElsewhere(t *testing.T) {
	s := apptest.NewStore()
	a, _ := newCountedApp(t, s.Use, func(context.Context) error { return nil })
	a.SignIn()
	copied := a.Copy()
	if copied.Get("/me").Text == "null" {
		t.Fatal("not signed in")
	}
	if _, err := s.Memory.DeleteSessions(t.Context(), "next-auth", "1", ""); err != nil {
		t.Fatal(err)
	}
	a.SignOut()
	if copied.Get("/me").Text != "null" {
		t.Error("a copy of the cookie is served from the cache")
	}
}

// A view without JSON has no size that is known: it is not cached.
func TestCache_ViewWithoutJSONIsNotCached(t *testing.T) {
	ran := 0
	type session = nuxtauth.DefaultSession[noJSON]
	clock := apptest.NewClock()
	cfg := nuxtauth.Config[apptest.Token, session]{Secret: apptest.Secret, URL: "http://localhost:3000", Now: clock.Now}
	cfg.Session.CacheFor = time.Minute
	cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, session]) (*session, error) {
		ran++
		p.Session.User.fails = true
		return p.Session, nil
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cookies, err := apptest.Cookies(auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}))
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.GET("/", auth.Middleware(), auth.Require(), func(c *gin.Context) {})
	for range 2 {
		req, rec := apptest.NewRequest("GET", "/", cookies)
		if r.ServeHTTP(rec, req); rec.Code != http.StatusOK {
			t.Errorf("status %d", rec.Code)
		}
	}
	if ran != 2 {
		t.Errorf("%d callbacks for two requests", ran)
	}
}

// A noJSON is a user whose JSON can fail.
type noJSON struct{ fails bool }

// MarshalJSON implements json.Marshaler.
func (n noJSON) MarshalJSON() ([]byte, error) {
	if n.fails {
		return nil, errors.New("no JSON")
	}
	return []byte(`{}`), nil
}
