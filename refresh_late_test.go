package nuxtauth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/store"
)

// Gin wants a copy of its context in a goroutine. Such a copy has no response.
func TestAccessTokenInAGoroutineWithACopiedContext(t *testing.T) {
	freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
		a := newFreshApp(t, place)
		problem := make(chan any, 1)
		a.router.GET("/job", func(c *gin.Context) {
			copied := c.Copy()
			a.clock.advance(6 * time.Minute) // a handler that takes its time
			go func() {
				defer func() { problem <- recover() }()
				a.auth.AccessToken(copied)
			}()
			v := <-problem
			problem <- v
		})
		a.signIn()
		a.get("/job")
		if v := <-problem; v != nil {
			t.Errorf("AccessToken panicked, which would end the process: %v", v)
		}
		if a.token() == "" {
			t.Error("the refresh token was lost")
		}
	})
}

// Run with -race: the copy and the original share what they loaded.
func TestAccessTokenOfACopyDoesNotDisturbTheRequest(t *testing.T) {
	a := newFreshApp(t, freshPlaces["memory"])
	a.router.GET("/both", func(c *gin.Context) {
		c.String(http.StatusOK, "streaming") // no cookie can be written any more
		copied := c.Copy()
		a.clock.advance(6 * time.Minute)
		var wg sync.WaitGroup
		for _, c := range []*gin.Context{c, copied} {
			wg.Go(func() { a.auth.AccessToken(c) })
		}
		wg.Wait()
	})
	a.signIn()
	a.get("/both")
}

func TestARememberedAnswerThatHasExpiredIsRefreshedOn(t *testing.T) {
	freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
		c := &clock{now: time.Now()}
		idp := authtest.ProviderConfig{Users: authtest.DefaultUsers(), AccessTokenLife: time.Minute, Now: c.Now}.Start(t)
		a := newReplica(t, idp, c, place, func(cfg *freshConfig) {
			cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[FreshToken, Session]) (*Session, error) {
				if !p.Token.AccessTokenExpires.Time().After(c.Now()) {
					return nil, errors.New("the API answers 401")
				}
				return p.Session, nil
			}
		})
		a.signIn()
		late := &freshApp{app: a.copied(), idp: a.idp} // a browser that did not get the answer
		a.clock.advance(2 * time.Minute)
		if a.token() == "" {
			t.Fatal("not refreshed")
		}
		a.clock.advance(2 * time.Minute)
		if late.session() == nil {
			t.Error("the callbacks got an expired access token, and the session ended over it")
		}
	})
}

// A store that is no store.Locker: processes can't wait for each other.
type lockless struct{ store.Store }

func TestAReplicaThatCameTooLateSignsNobodyOut(t *testing.T) {
	first := newFreshApp(t)
	shared := lockless{store.NewMemory(store.MemoryOptions{Now: first.clock.Now})}
	reached, opened := make(chan struct{}), make(chan struct{})
	fast := newReplica(t, first.idp, first.clock, func(c *freshConfig) { c.Session.Store = shared })
	slow := newReplica(t, first.idp, first.clock, func(c *freshConfig) {
		c.Session.Store = shared
		c.HTTPClient = &http.Client{Transport: atRefresh(func() { reached <- struct{}{}; <-opened })}
	})
	fast.signIn()
	slow.setCookie(sessionCookie, fast.cookie(sessionCookie))
	fast.clock.advance(6 * time.Minute)
	token := make(chan string)
	go func() { token <- slow.token() }()
	<-reached // with the refresh token that fast is about to spend
	want := fast.token()
	close(opened)
	if got := <-token; got == "" || got != want {
		t.Errorf("the slow one got %q, the fast one %q", got, want)
	}
	if fast.session() == nil {
		t.Error("the user was signed out, although the store has a newer refresh token")
	}
}

// flaky is a store with one write that fails.
type flaky struct {
	*store.Memory
	fail atomic.Bool
}

func (f *flaky) Replace(ctx context.Context, h string, r *store.Record) (string, error) {
	if f.fail.CompareAndSwap(true, false) {
		return "", errDown
	}
	return f.Memory.Replace(ctx, h, r)
}

func TestANewRefreshTokenOutlivesOneFailedWriteForOtherReplicasToo(t *testing.T) {
	first := newFreshApp(t)
	shared := &flaky{Memory: store.NewMemory(store.MemoryOptions{Now: first.clock.Now})}
	share := func(c *freshConfig) { c.Session.Store = shared }
	one := newReplica(t, first.idp, first.clock, share)
	two := newReplica(t, first.idp, first.clock, share)
	one.signIn()
	two.setCookie(sessionCookie, one.cookie(sessionCookie))
	one.clock.advance(6 * time.Minute)
	shared.fail.Store(true)
	one.get("/me") // refreshes, and does not ask for the access token
	if two.token() == "" || two.session() == nil {
		t.Error("the other replica found the spent refresh token, and the user was signed out")
	}
}

func TestASessionThatEndsDuringItsRefreshIsOver(t *testing.T) {
	s := newStore()
	a := newFreshApp(t, func(c *freshConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	a.signIn()
	a.clock.advance(6 * time.Minute)
	s.runBefore("Replace", func() { a.auth.Revoke(context.Background(), store.Filter{Subject: a.idp.Sessions()[0].Subject}) })
	if res := a.get("/private"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("an ended session is let in: %d", res.StatusCode)
	}
}

func TestAPanicOfARefreshIsLogged(t *testing.T) {
	freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
		a := newFreshApp(t, place, func(c *freshConfig) {
			c.HTTPClient = &http.Client{Transport: atRefresh(func() { panic("a bug of the transport") })}
		})
		a.signIn()
		a.clock.advance(6 * time.Minute)
		if a.session() == nil {
			t.Error("the session ended")
		}
		if !strings.Contains(a.log.String(), "a bug of the transport") {
			t.Error("nobody will ever know")
		}
	})
}
