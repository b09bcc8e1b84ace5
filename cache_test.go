package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
)

// cached starts an app that keeps sessions for a minute, and counts how often
// its Session callback runs.
func cached(t *testing.T, place func(*Config)) (*app, *atomic.Int32) {
	ran := new(atomic.Int32)
	a := newApp(t, place, func(c *Config) {
		c.Session.CacheFor = time.Minute
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			ran.Add(1)
			return p.Session, nil
		}
	})
	a.router.GET("/token", func(c *gin.Context) { c.String(http.StatusOK, a.auth.Token(c).Nickname) })
	a.router.POST("/nickname", func(c *gin.Context) {
		if err := a.auth.Update(c, func(t *Token) error { t.Nickname = c.Query("is"); return nil }); err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		}
	})
	return a, ran
}

func TestCacheForSparesTheCallbacks(t *testing.T) {
	everywhere(t, func(t *testing.T, place func(*Config)) {
		a, ran := cached(t, place)
		a.signIn()
		for range 5 {
			if a.get("/me").body == "null" {
				t.Fatal("signed out")
			}
		}
		if n := ran.Load(); n != 1 {
			t.Errorf("five requests ran the callback %d times", n)
		}
		a.session()
		a.session()
		if n := ran.Load(); n != 3 {
			t.Errorf("session data did not run the callback: %d times in all", n)
		}
		a.get("/me")
		a.clock.advance(time.Minute)
		before := ran.Load()
		a.get("/me")
		if n := ran.Load(); n != before+1 {
			t.Error("the cache outlives CacheFor")
		}
	})
}

func TestAnUpdateIsSeenAtOnceInSpiteOfTheCache(t *testing.T) {
	everywhere(t, func(t *testing.T, place func(*Config)) {
		a, _ := cached(t, place)
		a.signIn()
		for i := range 3 {
			a.get("/token")
			name := fmt.Sprint("name ", i)
			if res := a.post("/nickname?is=name%20"+fmt.Sprint(i), nil); res.body != "" {
				t.Fatal(res.body)
			}
			if got := a.get("/token").body; got != name {
				t.Errorf("after an update to %q the token says %q", name, got)
			}
		}
	})
}

func TestWhatEndsASessionEndsItInTheCache(t *testing.T) {
	for _, name := range []string{"deny-list", "memory"} {
		for how, end := range map[string]func(*app){
			"sign-out":   func(a *app) { a.signOut() },
			"revocation": func(a *app) { a.auth.Revoke(context.Background(), store.Filter{Subject: "1"}) },
			"sign-in":    func(a *app) { a.signIn() },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				a, _ := cached(t, places[name])
				a.signIn()
				copied := a.copied()
				if copied.get("/me").body == "null" {
					t.Fatal("not signed in")
				}
				a.clock.advance(time.Second)
				end(a)
				if got := copied.get("/me").body; got != "null" {
					t.Errorf("a copy of the cookie still shows %s", got)
				}
			})
		}
	}
}

func TestTheCacheEndsWithTheSession(t *testing.T) {
	everywhere(t, func(t *testing.T, place func(*Config)) {
		a, _ := cached(t, func(c *Config) {
			place(c)
			c.Session.MaxAge, c.Session.UpdateAge = 30*time.Second, 29*time.Second
		})
		a.signIn()
		a.get("/me")
		copied := a.copied()
		a.clock.advance(45 * time.Second) // with the leeway for clocks
		if got := copied.get("/me").body; got != "null" {
			t.Errorf("beyond its end it shows %s", got)
		}
	})
}

func TestFaultsAreNotCached(t *testing.T) {
	s := newStore()
	a, _ := cached(t, s.stored)
	a.signIn()
	s.fail(errDown)
	if a.get("/me").body != "null" {
		t.Fatal("the store is not down")
	}
	s.fail(nil)
	if a.get("/me").body == "null" {
		t.Error("the fault is remembered")
	}
	s.fail(errDown)
	if a.get("/me").body == "null" {
		t.Error("what is remembered needs the store")
	}
}

func TestRequestsAtOnceRunTheCallbacksOnce(t *testing.T) {
	var ran atomic.Int32
	running, finish := make(chan struct{}), make(chan struct{})
	a := newApp(t, func(c *Config) {
		c.Session.CacheFor = time.Minute
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			if ran.Add(1) == 1 {
				close(running)
			}
			<-finish
			return p.Session, nil
		}
	})
	a.signIn()
	var wg sync.WaitGroup
	for range 20 {
		b := a.copied()
		wg.Go(func() {
			if got := b.get("/me").body; got == "null" {
				t.Error("signed out")
			}
		})
	}
	<-running
	close(finish)
	wg.Wait()
	if n := ran.Load(); n != 1 {
		t.Errorf("the callback ran %d times", n)
	}
}

// The one request whose callback fails is not the others' fault.
func TestAFailureIsNotShared(t *testing.T) {
	var failing atomic.Bool
	a := newApp(t, func(c *Config) {
		c.Session.CacheFor = time.Minute
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			if failing.Load() {
				return nil, nuxtauth.KeepSession(errors.New("down"))
			}
			return p.Session, nil
		}
	})
	a.signIn()
	failing.Store(true)
	if a.get("/me").body != "null" {
		t.Error("the fault is hidden")
	}
	failing.Store(false)
	if a.get("/me").body == "null" {
		t.Error("the fault is remembered")
	}
}

// Run with -race: users read, change and end their sessions at once. Nobody
// sees another's, and who was signed out stays so.
func TestTheCacheUnderLoad(t *testing.T) {
	for _, name := range []string{"cookie", "deny-list", "memory"} {
		t.Run(name, func(t *testing.T) {
			a, _ := cached(t, places[name])
			a.router.GET("/whoami", func(c *gin.Context) {
				if tok := a.auth.Token(c); tok != nil {
					c.String(http.StatusOK, tok.Subject)
				}
			})
			var wg sync.WaitGroup
			for i := range 8 {
				subject := fmt.Sprint("user ", i)
				cookies, err := a.auth.Issue(t.Context(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: subject}})
				if err != nil {
					t.Fatal(err)
				}
				b := a.another()
				for _, c := range cookies {
					b.setCookie(c.Name, c.Value)
				}
				csrf := b.csrf()
				signedOut := make(chan struct{})
				for range 2 {
					reader := b.copied()
					wg.Go(func() {
						for {
							select {
							case <-signedOut:
								if got := reader.get("/whoami").body; got != "" && name != "cookie" {
									t.Errorf("%s is signed out, and sees %q", subject, got)
								}
								return
							default:
							}
							if got := reader.get("/whoami").body; got != subject && got != "" {
								t.Errorf("%s sees %q", subject, got)
							}
						}
					})
				}
				wg.Go(func() {
					defer close(signedOut)
					for n := range 5 {
						b.post(fmt.Sprint("/nickname?is=", n), nil)
						if got := b.get("/token").body; got != fmt.Sprint(n) {
							t.Errorf("%s reads %q after writing %d", subject, got, n)
						}
					}
					b.post("/api/auth/signout", map[string][]string{"csrfToken": {csrf}})
				})
			}
			wg.Wait()
		})
	}
}
