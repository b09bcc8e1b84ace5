package session_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// A firstLoad runs in the first call of the Session callback of an application
// with a cache.
type firstLoad func(ctx context.Context)

// newLoadingApp starts an application with a cache, which is signed in.
func newLoadingApp(t *testing.T, first firstLoad) (*apptest.App, *atomic.Int32) {
	ran := new(atomic.Int32)
	a := apptest.New(t, func(c *apptest.Config) {
		c.Session.CacheFor = time.Minute
		c.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			if ran.Add(1) == 1 {
				first(ctx)
			}
			return p.Session, ctx.Err()
		}
	})
	a.SignIn()
	return a, ran
}

// serveInBackground answers a request to /me that leave cancels. The channel is
// closed when it is answered.
func serveInBackground(a *apptest.App) (leave func(), served chan struct{}) {
	leave, serve := a.Cancelable("GET", "/me", "")
	served = make(chan struct{})
	go func() { defer close(served); serve() }()
	return leave, served
}

func TestCache_LoadEndsWithLastRequest(t *testing.T) {
	loading, release := make(chan context.Context, 1), make(chan struct{})
	a, _ := newLoadingApp(t, func(ctx context.Context) {
		loading <- ctx
		select {
		case <-ctx.Done():
		case <-release:
		}
	})
	defer close(release)
	leave, served := serveInBackground(a)
	ctx := receive(t, loading, "a request runs the callback")
	if ctx.Err() != nil {
		t.Error("the context of the callback has ended before its request")
	}
	leave()
	receive(t, served, "a request that was cancelled is answered")
	receive(t, ctx.Done(), "the context of the callback ends with the last request that waits for it")
}

func TestCache_LoadServesRequestsThatStay(t *testing.T) {
	loading, release := make(chan struct{}), make(chan struct{})
	a, _ := newLoadingApp(t, func(ctx context.Context) { close(loading); <-release })
	leave, served := serveInBackground(a)
	receive(t, loading, "a request runs the callback")
	answers := make(chan string, 10)
	for range cap(answers) {
		b := a.Copy()
		go func() { answers <- b.Get("/me").Text }()
	}
	leave()
	receive(t, served, "a request that was cancelled is answered")
	close(release)
	for range cap(answers) {
		if got := receive(t, answers, "another request is answered"); got == "null" {
			t.Error("a request that left signed another one out")
		}
	}
}

func TestCache_LoadHasDeadline(t *testing.T) {
	var has bool
	a, _ := newLoadingApp(t, func(ctx context.Context) { _, has = ctx.Deadline() })
	a.Get("/me")
	if !has {
		t.Error("the context of the callback has no deadline")
	}
}

// The callback ignores its context, and returns at the end of the test.
func TestCache_HangingLoadBlocksNoRequest(t *testing.T) {
	loading, release := make(chan struct{}), make(chan struct{})
	a, ran := newLoadingApp(t, func(context.Context) { close(loading); <-release })
	defer close(release)
	leave, served := serveInBackground(a)
	receive(t, loading, "a request runs the callback")
	leave()
	receive(t, served, "a request that was cancelled is answered")
	answer, b := make(chan string, 1), a.Copy()
	go func() { answer <- b.Get("/me").Text }()
	if got := receive(t, answer, "the next request with the cookie is answered while an earlier callback hangs"); got == "null" {
		t.Error("the next request with the cookie is signed out while an earlier callback hangs")
	}
	if n := ran.Load(); n != 2 {
		t.Errorf("the callback ran %d times", n)
	}
}

// heap is the size of the heap in bytes without garbage.
func heap() int64 {
	runtime.GC()
	runtime.GC() // sync.Pool keeps its values for one cycle more
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The bound is 64 MB; half of it more allows for sizes that are estimates.
// Each case offers 100 to 200 MB.
func TestCache_BoundsItsMemory(t *testing.T) {
	const limit = 96 << 20
	large := func(c *apptest.Config) {
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			p.Session.User.Avatar = strings.Repeat("x", 100_000)
			return p.Session, nil
		}
	}
	for name, tt := range map[string]struct {
		requests, token, others int // the sizes are in bytes
		change                  func(*apptest.Config)
	}{
		"large sessions":      {2000, 0, 0, large},
		"large tokens":        {3000, 20_000, 0, func(*apptest.Config) {}},
		"foreign cookies":     {2000, 0, 100_000, func(*apptest.Config) {}},
		"foreign, and tokens": {2000, 2000, 100_000, func(*apptest.Config) {}},
	} {
		t.Run(name, func(t *testing.T) {
			auth := apptest.NewAuth(t, func(c *apptest.Config) { c.Session.CacheFor = time.Hour }, tt.change)
			r := apptest.NewRouter(auth)
			signedIn := 0
			r.GET("/", func(c *gin.Context) {
				if auth.Session(c) != nil {
					signedIn++
				}
			})
			others := strings.Repeat("y", tt.others)
			before := heap()
			for i := range tt.requests {
				cookies, err := apptest.Cookies(auth.Issue(t.Context(), &apptest.Token{
					DefaultJWT: nuxtauth.DefaultJWT{Subject: fmt.Sprint(i)}, SessionToken: strings.Repeat("z", tt.token),
				}))
				if err != nil {
					t.Fatal(err)
				}
				line := "_foreign=" + others
				for _, c := range cookies {
					line += "; " + c.Name + "=" + c.Value
				}
				req, rec := apptest.NewRequest("GET", "/", nil)
				req.Header = http.Header{"Cookie": {line}}
				r.ServeHTTP(rec, req)
			}
			if signedIn != tt.requests {
				t.Fatalf("%d of %d requests are signed in", signedIn, tt.requests)
			}
			if size := heap() - before; size > limit {
				t.Errorf("the cache has %d MB", size>>20)
			}
			runtime.KeepAlive(r)
		})
	}
}

// A view may refer to what the application changes under a lock of its own: the
// library reads no more of it than its JSON.
func TestCache_ReadsNoHiddenFields(t *testing.T) {
	type flags struct {
		sync.Mutex
		m map[string]string
	}
	type session struct {
		nuxtauth.DefaultSession[apptest.User]
		Flags *flags `json:"-"`
	}
	f := &flags{m: map[string]string{}}
	auth, err := nuxtauth.New(nuxtauth.Config[apptest.Token, session]{
		Secret: apptest.Secret, URL: "http://localhost:3000", Session: nuxtauth.SessionConfig{CacheFor: time.Minute},
		Callbacks: nuxtauth.Callbacks[apptest.Token, session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, session]) (*session, error) {
				p.Session.Flags = f
				return p.Session, nil
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				f.Lock()
				f.m[strconv.Itoa(i%1000)] = strconv.Itoa(i)
				f.Unlock()
			}
		}
	}()
	for range 300 {
		cookies, err := apptest.Cookies(auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}))
		if err != nil {
			t.Fatal(err)
		}
		req, rec := apptest.NewRequest("GET", "/x", cookies)
		r.ServeHTTP(rec, req)
	}
	close(done)
	<-stopped
}

// The client leaves while the JWT callback rotates a token.
func TestCache_ChangeIsSavedWhenClientLeaves(t *testing.T) {
	for name, cacheFor := range map[string]time.Duration{"cached": time.Minute, "not cached": 0} {
		t.Run(name, func(t *testing.T) {
			rotate, saved := func() {}, apptest.NewStore()
			a := apptest.New(t, saved.Use, func(c *apptest.Config) {
				c.Session.CacheFor = cacheFor
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
					if p.Token.Nickname == "" && p.Trigger == "" {
						rotate()
						p.Token.Nickname = "rotated"
					}
					return p.Token, nil
				}
			})
			a.SignIn()
			replaced := make(chan struct{})
			leave, serve := a.Cancelable("GET", "/me", "")
			rotate = leave
			saved.RunBefore("ReplaceSession", func() { close(replaced) })
			serve()
			receive(t, replaced, "the changed token is saved")
		})
	}
}
