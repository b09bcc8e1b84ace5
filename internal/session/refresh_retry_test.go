package session_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// An erringStore fails to replace sessions, with one error after the other.
type erringStore struct {
	*apptest.Store
	errs     []error
	replaced int // calls
}

func (s *erringStore) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	s.replaced++
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs = s.errs[1:]
		if err != nil {
			return "", err
		}
	}
	return s.Store.ReplaceSession(ctx, handle, r)
}

// A write that fails is tried again after a pause, which doubles: 50, 100, 200 and 400
// milliseconds. One that tells something about the session is not.
func TestRefresh_PausesBetweenWrites(t *testing.T) {
	repeat := func(n int, err error) (errs []error) {
		for range n {
			errs = append(errs, err)
		}
		return errs
	}
	for name, tt := range map[string]struct {
		errs  []error
		calls int
		pause time.Duration
		fresh bool // the request gets a new access token
		valid bool // the session goes on
	}{
		"no failure":       {nil, 1, 0, true, true},
		"one failure":      {repeat(1, apptest.ErrDown), 2, 50 * time.Millisecond, true, true},
		"four failures":    {repeat(4, apptest.ErrDown), 5, 750 * time.Millisecond, true, true},
		"five failures":    {repeat(5, apptest.ErrDown), 5, 750 * time.Millisecond, false, true},
		"a conflict":       {repeat(1, store.ErrConflict), 2, 0, true, true},
		"four conflicts":   {repeat(4, store.ErrConflict), 5, 0, true, true},
		"only conflicts":   {repeat(5, store.ErrConflict), 5, 0, false, true},
		"it is gone":       {repeat(1, store.ErrNotFound), 1, 0, false, false},
		"fault, then gone": {[]error{apptest.ErrDown, store.ErrNotFound}, 2, 50 * time.Millisecond, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			apptest.Bubble(t, func(t *testing.T) {
				s := &erringStore{Store: apptest.NewStore(), errs: tt.errs}
				a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
					s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
					c.Session.Store = s
				})
				a.SignIn()
				before := a.AccessToken()
				a.Clock.Advance(6 * time.Minute)
				start := time.Now()
				res := a.Get("/private")
				if took := time.Since(start); took != tt.pause || s.replaced != tt.calls {
					t.Errorf("%d writes in %v, want %d in %v", s.replaced, took, tt.calls, tt.pause)
				}
				if valid := res.StatusCode == 200; valid != tt.valid {
					t.Errorf("Require answers %d", res.StatusCode)
				}
				if warned := strings.Contains(a.Log.String(), "the session goes on"); warned != (tt.valid && !tt.fresh) {
					t.Errorf("the log says that the session goes on: %t", warned)
				}
				if got := a.AccessToken(); (got != "" && got != before) != tt.fresh || a.Refreshes() != 1 {
					t.Errorf("the access token is %q after %d token requests", got, a.Refreshes())
				}
			})
		})
	}
}

// The provider ends the session: it does not go on.
func TestRefresh_LogOfEnd(t *testing.T) {
	a, _ := newLockApp(t)
	a.Clock.Advance(6 * time.Minute)
	a.IDP.SetFaults(hostile.RefreshInvalidGrant)
	a.Get("/me")
	if log := a.Log.String(); strings.Contains(log, "the session goes on") {
		t.Errorf("the log says that the session goes on: %s", log)
	}
}

// The answer of a provider that keeps its refresh tokens is used again for ten seconds, and
// not when the access token has to be refreshed before.
func TestRefresh_KeptTokenOfShortAccessToken(t *testing.T) {
	for after, refreshes := range map[time.Duration]int{9 * time.Second: 1, 10 * time.Second: 2} {
		a := newKeptTokenApp(t, 10*time.Minute)
		late := a.Copy()
		a.AccessToken()
		a.Clock.Advance(after)
		if late.AccessToken(); a.Refreshes() != refreshes {
			t.Errorf("%v after the refresh there are %d token requests, want %d", after, a.Refreshes(), refreshes)
		}
	}
	for after, refreshes := range map[time.Duration]int{4 * time.Second: 1, 6 * time.Second: 2} {
		a := newKeptTokenApp(t, 25*time.Second)
		late := a.Copy()
		a.AccessToken()
		a.Clock.Advance(after)
		if late.AccessToken(); a.Refreshes() != refreshes {
			t.Errorf("%v after the refresh, with a short access token, there are %d token requests, want %d", after, a.Refreshes(), refreshes)
		}
	}
}

// newKeptTokenApp has sessions in cookies, whose access tokens have expired, at a provider
// that keeps its refresh tokens.
func newKeptTokenApp(t *testing.T, lifetime time.Duration) *apptest.OpenIDApp {
	a := apptest.NewOpenIDApp(t)
	a.IDP.SetFaults(hostile.RefreshNotRotated)
	a.SignIn()
	a.IDP.SetAccessTokenLifetime(lifetime)
	a.Clock.Advance(6 * time.Minute)
	return a
}

// A stallingStore extends no lease until the refresh is over.
type stallingStore struct {
	*leaseStore
	extending bool
}

type stalledLease struct {
	notedLease
	store *stallingStore
}

func (s *stallingStore) Lock(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	lease, err := s.leaseStore.Lock(ctx, name, ttl)
	if err != nil {
		return nil, err
	}
	return stalledLease{lease.(notedLease), s}, nil
}

func (l stalledLease) Extend(ctx context.Context, _ time.Duration) error {
	l.store.extending = true
	<-ctx.Done()
	time.Sleep(time.Millisecond) // of the bubble
	l.store.extending = false
	return ctx.Err()
}

func (l stalledLease) Release() {
	if l.store.extending {
		l.store.t.Error("the lease is released while it is extended")
	}
	l.notedLease.Release()
}

// The lease is released after its last extension, whose end is no fault.
func TestRefresh_EndsExtensionBeforeRelease(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		s := &stallingStore{leaseStore: &leaseStore{Store: apptest.NewStore(), t: t}}
		a := apptest.NewOpenIDApp(t, delaysRefreshes(t, 1500*time.Millisecond), func(c *apptest.OpenIDConfig) {
			s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
			c.Session.Store = s
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		if a.AccessToken() == "" || !s.released {
			t.Error("there is no access token, or the lease is not released")
		}
		if log := a.Log.String(); strings.Contains(log, "could not be extended") {
			t.Errorf("the log has the end of the extension: %s", log)
		}
	})
}
