package session_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// An ID is marked alone, and while sessions are moved into the store with the sessions of the
// user that are in cookies.
func TestRevoke_MarksOfID(t *testing.T) {
	for name, want := range map[string]int{"deny-list": 1, "adopt": 2} {
		a, s := newDenyListApp(t, name)
		if err := revokeSession(t.Context(), a.Auth, "1", "x"); err != nil {
			t.Fatal(err)
		}
		if n := len(s.marked); n != want {
			t.Errorf("%s: %d marks, want %d", name, n, want)
		}
	}
}

// One of two marks is not enough.
func TestRevoke_FaultOfFirstMark(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, func(c *apptest.Config) { c.Session.AdoptCookies = true })
	s.RunBefore("Mark", func() {
		s.Fail(apptest.ErrDown)
		s.RunBefore("Mark", func() { s.Fail(nil) })
	})
	if err := revokeSession(t.Context(), a.Auth, "1", "x"); !errors.Is(err, apptest.ErrDown) {
		t.Errorf("the revocation returns %v", err)
	}
}

// Past the limit of a user, a fault is an error too.
func TestRevoke_DenyListFaultPastLimit(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.UseAsDenyList)
	for i := range maxEnded {
		if err := revokeSession(t.Context(), a.Auth, "1", strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	for id, method := range map[string]string{"another": "Marked", "0": "Mark"} { // "0" has ended already
		s.RunBefore(method, func() { s.Fail(apptest.ErrDown) })
		if err := revokeSession(t.Context(), a.Auth, "1", id); !errors.Is(err, apptest.ErrDown) {
			t.Errorf("with a fault of %s, the revocation returns %v", method, err)
		}
		s.Fail(nil)
	}
}

// A strictStore refuses calls whose context has ended.
type strictStore struct {
	*apptest.Store
	before func() // each call that ends something; nil for nothing
}

func (s *strictStore) check(ctx context.Context) error {
	if s.before != nil {
		s.before()
	}
	return ctx.Err()
}

func (s *strictStore) DeleteSession(ctx context.Context, handle string) error {
	return errors.Join(s.check(ctx), s.Store.DeleteSession(ctx, handle))
}

func (s *strictStore) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	if err := s.check(ctx); err != nil {
		return 0, err
	}
	return s.Store.DeleteSessions(ctx, realm, subject, exceptID)
}

func (s *strictStore) Mark(ctx context.Context, name string, ttl time.Duration) (int64, bool, error) {
	if err := s.check(ctx); err != nil {
		return 0, false, err
	}
	return s.Store.Mark(ctx, name, ttl)
}

var strictStorages = map[string]func(*strictStore, *apptest.Config){
	"store":     func(s *strictStore, c *apptest.Config) { c.Session.Store = s },
	"deny-list": func(s *strictStore, c *apptest.Config) { c.Session.DenyList = s },
}

// What ends must end, also if the client has gone meanwhile.
func TestRevoke_RequestIsOver(t *testing.T) {
	for name, use := range strictStorages {
		s := &strictStore{Store: apptest.NewStore()}
		a := apptest.New(t, func(c *apptest.Config) {
			s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
			use(s, c)
		})
		a.SignIn()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := revokeSessions(ctx, a.Auth, "1"); err != nil || a.Session() != nil {
			t.Errorf("%s: the revocation returns %v, or the session goes on", name, err)
		}
	}
}

func TestCallback_RejectionOfRequestThatIsOver(t *testing.T) {
	for name, use := range strictStorages {
		rejects := false
		s := &strictStore{Store: apptest.NewStore()}
		a := apptest.New(t, func(c *apptest.Config) {
			s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
			use(s, c)
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
				if rejects {
					return nil, errors.New("rejected")
				}
				return p.Token, nil
			}
		})
		a.SignIn()
		cancel, serve := a.Cancelable("GET", "/me", "")
		rejects, s.before = true, cancel
		serve()
		rejects, s.before = false, nil
		if a.Session() != nil {
			t.Errorf("%s: the session goes on", name)
		}
	}
}
