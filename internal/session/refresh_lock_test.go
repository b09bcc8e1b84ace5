package session_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A lockStore calls a function before each lock, and can be told to fail there. Its
// leases call another one when they are released.
type lockStore struct {
	*apptest.Store
	before   func() error
	released func()
}

// A lockLease calls a function after its release.
type lockLease struct {
	store.Lease
	released func()
}

func (l lockLease) Release() {
	l.Lease.Release()
	l.released()
}

func (s *lockStore) Lock(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	if s.before != nil {
		if err := s.before(); err != nil {
			return nil, err
		}
	}
	lease, err := s.Memory.Lock(ctx, name, ttl)
	if err == nil && s.released != nil {
		lease = lockLease{lease, s.released}
	}
	return lease, err
}

// newLockApp starts an application with a lockStore, signed in.
func newLockApp(t *testing.T, change ...func(*apptest.OpenIDConfig)) (*apptest.OpenIDApp, *lockStore) {
	s := &lockStore{Store: apptest.NewStore()}
	change = append(change, func(c *apptest.OpenIDConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	a := apptest.NewOpenIDApp(t, change...)
	a.SignIn()
	return a, s
}

// Without the lock two processes could use one refresh token.
func TestRefresh_NeedsLock(t *testing.T) {
	a, s := newLockApp(t)
	before := a.AccessToken()
	s.before = func() error { return apptest.ErrDown }
	a.Clock.Advance(4*time.Minute + 50*time.Second)
	if got := a.AccessToken(); got != before {
		t.Errorf("ten seconds before it expires the token is %q", got)
	}
	a.Clock.Advance(time.Minute)
	if res := a.Get("/api"); res.StatusCode != http.StatusBadGateway {
		t.Errorf("with an expired token AccessToken lets the handler answer %d %s", res.StatusCode, res.Text)
	}
	if a.Session() == nil || a.Get("/private").StatusCode != http.StatusOK {
		t.Error("the session ended")
	}
	if n := a.Refreshes(); n != 0 {
		t.Errorf("without the lock there are %d token requests", n)
	}
	s.before = nil
	a.Clock.Advance(10 * time.Second) // a fault is cached for five
	if got := a.AccessToken(); got == "" || got == before || a.Refreshes() != 1 {
		t.Errorf("with the lock the token is %q after %d token requests", got, a.Refreshes())
	}
}

func TestRefresh_StoreFaultAfterLock(t *testing.T) {
	a, s := newLockApp(t)
	s.before = func() error { s.RunBefore("FindSession", func() { s.Fail(apptest.ErrDown) }); return nil }
	a.Clock.Advance(6 * time.Minute)
	if res := a.Get("/private"); res.StatusCode != http.StatusOK && res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("Require answers %d", res.StatusCode)
	}
	if log := a.Log.String(); !strings.Contains(log, apptest.ErrDown.Error()) {
		t.Errorf("the log does not have the fault: %s", log)
	}
	s.Fail(nil)
	s.before = nil
	a.Clock.Advance(10 * time.Second)
	if a.Session() == nil || a.AccessToken() == "" || a.Refreshes() != 1 {
		t.Errorf("after the fault there is no session, or no token; %d token requests", a.Refreshes())
	}
}

func TestRefresh_SessionEndsBeforeLock(t *testing.T) {
	for _, path := range []string{"/private", "/api/auth/session"} {
		a, s := newLockApp(t)
		s.before = func() error {
			s.before = nil
			return revokeSessions(context.Background(), a.Auth, a.IDP.Sessions()[0].Subject)
		}
		a.Clock.Advance(6 * time.Minute)
		res := a.Get(path)
		if path == "/private" && res.StatusCode != http.StatusUnauthorized || path != "/private" && a.SessionIn(res) != nil {
			t.Errorf("%s answers %d %s", path, res.StatusCode, res.Text)
		}
		if !slices.Contains(res.SetCookies(), apptest.SessionCookie+"-") || a.Refreshes() != 0 {
			t.Errorf("%s: cookies %v, %d token requests", path, res.SetCookies(), a.Refreshes())
		}
	}
}

func TestRefresh_IsOneWrite(t *testing.T) {
	a, s := newLockApp(t)
	a.Clock.Advance(6 * time.Minute)
	s.Calls()
	if a.AccessToken() == "" {
		t.Fatal("not refreshed")
	}
	writes := slices.DeleteFunc(s.Calls(), func(call string) bool { return call == "FindSession" || call == "Marked" })
	if !slices.Equal(writes, []string{"ReplaceSession"}) {
		t.Errorf("a refresh writes by %v", writes)
	}
}

// The refresh is done when its lease is released.
func TestRefresh_PanicOfReleaseIsLogged(t *testing.T) {
	a, s := newLockApp(t)
	before := a.AccessToken()
	s.released = func() { panic(boom) }
	a.Clock.Advance(6 * time.Minute)
	if got := a.AccessToken(); got == "" || got == before {
		t.Errorf("the token is %q, before the refresh it was %q", got, before)
	}
	hasStack(t, a.Log.String())
}

// A panic during a refresh is a fault like any other.
func TestRefresh_PanicHasStack(t *testing.T) {
	for name, panics := range map[string]func(s *lockStore, transport *atomic.Bool){
		"transport": func(_ *lockStore, transport *atomic.Bool) { transport.Store(true) },
		"Lock":      func(s *lockStore, _ *atomic.Bool) { s.before = func() error { s.before = nil; panic(boom) } },
		"Find": func(s *lockStore, _ *atomic.Bool) {
			s.before = func() error { s.before = nil; s.RunBefore("FindSession", func() { panic(boom) }); return nil }
		},
		"Replace": func(s *lockStore, _ *atomic.Bool) { s.RunBefore("ReplaceSession", func() { panic(boom) }) },
	} {
		t.Run(name, func(t *testing.T) {
			transport := new(atomic.Bool)
			a, s := newLockApp(t, func(c *apptest.OpenIDConfig) {
				c.HTTPClient = &http.Client{Transport: atRefresh(func() {
					if transport.CompareAndSwap(true, false) {
						panic(boom)
					}
				})}
			})
			a.Clock.Advance(6 * time.Minute)
			panics(s, transport)
			if got := a.Get("/me").Text; got == "null" {
				t.Error("the request is signed out")
			}
			hasStack(t, a.Log.String())
			a.Clock.Advance(10 * time.Second)
			if a.Session() == nil || a.AccessToken() == "" {
				t.Error("after the panic there is no session, or no token")
			}
		})
	}
}
