package session_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// refreshTransport calls a function before each request with a refresh token.
type refreshTransport struct {
	next   http.RoundTripper
	before func()
}

func (t refreshTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if isRefresh(r) {
		t.before()
	}
	return t.next.RoundTrip(r)
}

// delaysRefreshes has the provider answer requests with a refresh token after this time
// of the bubble.
func delaysRefreshes(t *testing.T, delay time.Duration) func(*apptest.OpenIDConfig) {
	return func(c *apptest.OpenIDConfig) {
		c.HTTPClient = &http.Client{Transport: refreshTransport{apptest.NetworkOf(t), func() { time.Sleep(delay) }}}
	}
}

// A request waits for a slow provider as long as it has no valid access token, and
// otherwise for a second.
func TestRefresh_WaitsForSlowProvider(t *testing.T) {
	for name, tt := range map[string]struct {
		passed, delay, wait time.Duration
		refreshed           bool
	}{
		"valid for ten seconds, fast provider": {4*time.Minute + 50*time.Second, 900 * time.Millisecond, 900 * time.Millisecond, true},
		"valid for ten seconds, slow provider": {4*time.Minute + 50*time.Second, 8 * time.Second, time.Second, false},
		"valid for a second, slow provider":    {4*time.Minute + 59*time.Second, 8 * time.Second, time.Second, false},
		"just expired, slow provider":          {5 * time.Minute, 8 * time.Second, 8 * time.Second, true},
		"long expired, slow provider":          {time.Hour, 8 * time.Second, 8 * time.Second, true},
	} {
		for storageName, storage := range apptest.OpenIDStorages {
			t.Run(name+", "+storageName, func(t *testing.T) {
				apptest.Bubble(t, func(t *testing.T) {
					a := apptest.NewOpenIDApp(t, storage, delaysRefreshes(t, tt.delay))
					a.SignIn()
					before := a.AccessToken()
					a.Clock.Advance(tt.passed)
					start := time.Now()
					got := a.AccessToken()
					if took := time.Since(start); took != tt.wait || got == "" || (got != before) != tt.refreshed {
						t.Errorf("after %v of the bubble the token is %q, before it was %q", took, got, before)
					}
					time.Sleep(tt.delay)
					synctest.Wait()
					start = time.Now()
					got = a.AccessToken()
					if took := time.Since(start); took != 0 || got == "" || got == before || a.Refreshes() != 1 {
						t.Errorf("once the provider has answered, the token is %q after %v and %d token requests", got, took, a.Refreshes())
					}
				})
			})
		}
	}
}

// A leaseStore notes when its leases are extended, and fails there on demand.
type leaseStore struct {
	*apptest.Store
	t *testing.T

	mu       sync.Mutex
	ttls     []time.Duration // of the lock, and of each extension
	fault    error
	released bool
}

type notedLease struct {
	store.Lease
	store *leaseStore
}

func (s *leaseStore) note(ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ttls = append(s.ttls, ttl)
	return s.fault
}

func (s *leaseStore) Lock(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	s.note(ttl)
	lease, err := s.Memory.Lock(ctx, name, ttl)
	return notedLease{lease, s}, err
}

func (l notedLease) Extend(ctx context.Context, ttl time.Duration) error {
	if l.store.released {
		l.store.t.Error("a lease is extended after its release")
	}
	if err := l.store.note(ttl); err != nil {
		return err
	}
	return l.Lease.Extend(ctx, ttl)
}

func (l notedLease) Release() {
	l.store.released = true
	l.Lease.Release()
}

// The requests of a session wait for its lease at most, when the process that refreshes
// has ended. A process that goes on has its lease as long as the provider takes.
func TestRefresh_LeaseIsShortAndExtended(t *testing.T) {
	for name, tt := range map[string]struct {
		fault      error
		extensions int
		logged     bool
	}{
		"extended":                  {nil, 8, false},
		"lost":                      {store.ErrLeaseLost, 1, false},
		"the store does not answer": {apptest.ErrDown, 8, true},
	} {
		t.Run(name, func(t *testing.T) {
			apptest.Bubble(t, func(t *testing.T) {
				s := &leaseStore{Store: apptest.NewStore(), t: t}
				a := apptest.NewOpenIDApp(t, delaysRefreshes(t, 8*time.Second+time.Millisecond), func(c *apptest.OpenIDConfig) {
					s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
					c.Session.Store = s
				})
				a.SignIn()
				a.Clock.Advance(6 * time.Minute)
				s.fault = tt.fault
				if a.AccessToken() == "" {
					t.Error("there is no access token")
				}
				time.Sleep(time.Minute)
				if n := len(s.ttls) - 1; n != tt.extensions {
					t.Errorf("in eight seconds the lease is extended %d times, want %d", n, tt.extensions)
				}
				for _, ttl := range s.ttls {
					if ttl != 3*time.Second {
						t.Errorf("a lease of %v, want three seconds", ttl)
					}
				}
				if !s.released {
					t.Error("the lease is not released")
				}
				if logged := strings.Contains(a.Log.String(), "could not be extended"); logged != tt.logged {
					t.Errorf("the fault is logged: %t, want %t", logged, tt.logged)
				}
			})
		})
	}
}

// The new refresh token is nowhere else: a store that fails for a moment does not lose it.
func TestRefresh_SavedAfterFewFailedWrites(t *testing.T) {
	for failures, saved := range map[int]bool{1: true, 4: true, 5: false} {
		apptest.Bubble(t, func(t *testing.T) {
			s := &failingStore{Store: apptest.NewStore()}
			a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
				s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
				c.Session.Store = s
			})
			a.SignIn()
			a.Clock.Advance(6 * time.Minute)
			s.failures = failures
			start := time.Now()
			if token := a.AccessToken(); (token != "") != saved {
				t.Errorf("%d failures: the token is %q", failures, token)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("%d failures: the request takes %v of the bubble", failures, took)
			}
		})
	}
}

// A failingStore fails to replace this many sessions.
type failingStore struct {
	*apptest.Store
	failures int
}

func (s *failingStore) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	if s.failures > 0 {
		s.failures--
		return "", apptest.ErrDown
	}
	return s.Store.ReplaceSession(ctx, handle, r)
}
