package session_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// newCachedApp starts an application that caches sessions, for a minute unless storage says
// otherwise, and counts the calls of its Session callback.
func newCachedApp(t *testing.T, storage func(*apptest.Config)) (*apptest.App, *atomic.Int32) {
	ran := new(atomic.Int32)
	a := apptest.New(t, storage, func(c *apptest.Config) {
		c.Session.CacheFor = cmp.Or(c.Session.CacheFor, time.Minute)
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			ran.Add(1)
			return p.Session, nil
		}
	})
	a.Router.GET("/token", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.Token(c).Nickname) })
	a.Router.POST("/nickname", func(c *gin.Context) {
		if err := a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname = c.Query("is"); return nil }); err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		}
	})
	return a, ran
}

func TestCache_SparesCallbacks(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a, ran := newCachedApp(t, storage)
		a.SignIn()
		for range 5 {
			if a.Get("/me").Text == "null" {
				t.Fatal("signed out")
			}
		}
		if n := ran.Load(); n != 1 {
			t.Errorf("five requests ran the callback %d times", n)
		}
		a.Session()
		a.Session()
		if n := ran.Load(); n != 3 {
			t.Errorf("session data did not run the callback: %d calls in all", n)
		}
		a.Get("/me")
		a.Clock.Advance(time.Minute)
		before := ran.Load()
		a.Get("/me")
		if n := ran.Load(); n != before+1 {
			t.Error("the cache outlives CacheFor")
		}
	})
}

func TestCache_UpdateIsSeenAtOnce(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a, _ := newCachedApp(t, storage)
		a.SignIn()
		for i := range 3 {
			a.Get("/token")
			name := fmt.Sprint("name ", i)
			if res := a.Post("/nickname?is=name%20"+fmt.Sprint(i), nil); res.Text != "" {
				t.Fatal(res.Text)
			}
			if got := a.Get("/token").Text; got != name {
				t.Errorf("after an update to %q the token says %q", name, got)
			}
		}
	})
}

func TestCache_EndedSessionIsDropped(t *testing.T) {
	for _, name := range []string{"deny-list", "memory"} {
		for how, end := range map[string]func(*apptest.App){
			"sign-out":   func(a *apptest.App) { a.SignOut() },
			"revocation": func(a *apptest.App) { a.Auth.RevokeSessions(context.Background(), "1") },
			"sign-in":    func(a *apptest.App) { a.SignIn() },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				a, _ := newCachedApp(t, apptest.Storages[name])
				a.SignIn()
				copied := a.Copy()
				if copied.Get("/me").Text == "null" {
					t.Fatal("not signed in")
				}
				a.Clock.Advance(time.Second)
				end(a)
				if got := copied.Get("/me").Text; got != "null" {
					t.Errorf("with a copy of the cookie, /me answers %s", got)
				}
			})
		}
	}
}

func TestCache_EndsWithSession(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a, _ := newCachedApp(t, func(c *apptest.Config) {
			storage(c)
			c.Session.MaxAge, c.Session.UpdateAge, c.Session.CacheFor = time.Minute, 59*time.Second, 3*time.Minute
		})
		a.SignIn()
		a.Get("/me")
		copied := a.Copy()
		a.Clock.Advance(75 * time.Second) // MaxAge, and the tolerance for clocks
		if got := copied.Get("/me").Text; got != "null" {
			t.Errorf("after its end, /me answers %s", got)
		}
	})
}

func TestCache_StoreFaultIsNotCached(t *testing.T) {
	s := apptest.NewStore()
	a, _ := newCachedApp(t, s.Use)
	a.SignIn()
	s.Fail(apptest.ErrDown)
	if a.Get("/me").Text != "null" {
		t.Fatal("the store does not fail")
	}
	s.Fail(nil)
	if a.Get("/me").Text == "null" {
		t.Error("the fault is cached")
	}
	s.Fail(apptest.ErrDown)
	if a.Get("/me").Text == "null" {
		t.Error("a cached session needs the store")
	}
}

func TestCache_ConcurrentRequestsLoadOnce(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		var ran atomic.Int32
		finish := make(chan struct{})
		a := apptest.New(t, func(c *apptest.Config) {
			c.Session.CacheFor = time.Minute
			c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
				ran.Add(1)
				<-finish
				return p.Session, nil
			}
		})
		a.SignIn()
		var wg sync.WaitGroup
		for range 20 {
			b := a.Copy()
			wg.Go(func() {
				if got := b.Get("/me").Text; got == "null" {
					t.Error("signed out")
				}
			})
		}
		synctest.Wait()
		close(finish)
		wg.Wait()
		if n := ran.Load(); n != 1 {
			t.Errorf("the callback ran %d times", n)
		}
	})
}

// A transient error of a callback is for the request that it occurs in.
func TestCache_TransientErrorIsNotCached(t *testing.T) {
	var failing atomic.Bool
	a := apptest.New(t, func(c *apptest.Config) {
		c.Session.CacheFor = time.Minute
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			if failing.Load() {
				return nil, nuxtauth.Unavailable(errors.New("down"))
			}
			return p.Session, nil
		}
	})
	a.SignIn()
	failing.Store(true)
	if a.Get("/me").Text != "null" {
		t.Error("the error is hidden")
	}
	failing.Store(false)
	if a.Get("/me").Text == "null" {
		t.Error("the error is cached")
	}
}

// Users read, change and end their sessions concurrently (for the race detector):
// none gets the session of another, and a signed-out user stays signed out.
func TestCache_ConcurrentUsersStayApart(t *testing.T) {
	for _, name := range []string{"cookie", "deny-list", "memory"} {
		t.Run(name, func(t *testing.T) {
			a, _ := newCachedApp(t, apptest.Storages[name])
			a.Router.GET("/whoami", func(c *gin.Context) {
				if tok := a.Auth.Token(c); tok != nil {
					c.String(http.StatusOK, tok.Subject)
				}
			})
			var wg sync.WaitGroup
			for i := range 8 {
				subject := fmt.Sprint("user ", i)
				cookies, err := apptest.Cookies(a.Auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: subject}}))
				if err != nil {
					t.Fatal(err)
				}
				b := a.Another()
				for _, c := range cookies {
					b.SetCookie(c.Name, c.Value)
				}
				csrf := b.CSRF()
				signedOut := make(chan struct{})
				for range 2 {
					reader := b.Copy()
					wg.Go(func() {
						for {
							select {
							case <-signedOut:
								if got := reader.Get("/whoami").Text; got != "" && name != "cookie" {
									t.Errorf("%s is signed out, and has the session of %q", subject, got)
								}
								return
							default:
							}
							if got := reader.Get("/whoami").Text; got != subject && got != "" {
								t.Errorf("%s has the session of %q", subject, got)
							}
						}
					})
				}
				wg.Go(func() {
					defer close(signedOut)
					for n := range 5 {
						b.Post(fmt.Sprint("/nickname?is=", n), nil)
						if got := b.Get("/token").Text; got != fmt.Sprint(n) {
							t.Errorf("%s reads %q after writing %d", subject, got, n)
						}
					}
					b.Post("/api/auth/signout", map[string][]string{"csrfToken": {csrf}})
				})
			}
			wg.Wait()
		})
	}
}

// Requests with the earlier handle of a session, which its store has given another one,
// see that it has changed, and that it has ended.
func TestCache_EachHandleOfSession(t *testing.T) {
	a, _ := newCachedApp(t, func(c *apptest.Config) {
		c.Session.Store = apptest.Handles{Sessions: store.NewMemory(store.MemoryOptions{Now: c.Now})}
	})
	a.SignIn()
	first := a.Copy()
	a.Post("/nickname?is=one", nil)
	if a.Cookie(apptest.SessionCookie) == first.Cookie(apptest.SessionCookie) {
		t.Fatal("the handle is the same")
	}
	for _, name := range []string{"one", "two"} {
		a.Post("/nickname?is="+name, nil)
		if got := first.Get("/token").Text; got != name {
			t.Errorf("with the first handle the token has %q, not %q", got, name)
		}
	}
	second := a.Copy()
	if second.Get("/me").Text == "null" {
		t.Fatal("signed out")
	}
	first.SignOut()
	if got := second.Get("/me").Text; got != "null" {
		t.Errorf("after the sign-out with the first handle, the other one is %s", got)
	}
}
