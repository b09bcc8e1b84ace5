package storetest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

// A server is a database that can be broken and stalled.
type server struct {
	memory *store.Memory

	mu      sync.Mutex
	broken  bool
	stalled chan struct{} // closed when it goes on; nil: it is not stalled
	ahead   time.Duration // of its clock
}

func newServer() *server {
	s := new(server)
	s.memory = store.NewMemory(store.MemoryOptions{Now: func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return time.Now().Add(s.ahead)
	}})
	return s
}

func (s *server) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

func (s *server) breakDown(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

func (s *server) stall(stalled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stalled {
		s.stalled = make(chan struct{})
	} else {
		close(s.stalled)
		s.stalled = nil
	}
}

var errBroken = errors.New("the server is broken")

// call waits for the server, as each call of a remote store does.
func (s *server) call(ctx context.Context) error {
	s.mu.Lock()
	broken, stalled := s.broken, s.stalled
	s.mu.Unlock()
	if broken {
		return errBroken
	}
	if stalled == nil {
		return ctx.Err()
	}
	select {
	case <-stalled:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A remote is a store in a server that conforms.
type remote struct{ *server }

func (r remote) CreateSession(ctx context.Context, record *store.Record) (string, error) {
	if err := r.call(ctx); err != nil {
		return "", err
	}
	return r.memory.CreateSession(ctx, record)
}

func (r remote) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.FindSession(ctx, handle)
}

func (r remote) ReplaceSession(ctx context.Context, handle string, record *store.Record) (string, error) {
	if err := r.call(ctx); err != nil {
		return "", err
	}
	return r.memory.ReplaceSession(ctx, handle, record)
}

func (r remote) DeleteSession(ctx context.Context, handle string) error {
	if err := r.call(ctx); err != nil {
		return err
	}
	return r.memory.DeleteSession(ctx, handle)
}

func (r remote) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.ListSessions(ctx, realm, subject, limit)
}

func (r remote) DeleteSessionByID(ctx context.Context, realm, subject, id string) (bool, error) {
	if err := r.call(ctx); err != nil {
		return false, err
	}
	return r.memory.DeleteSessionByID(ctx, realm, subject, id)
}

func (r remote) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	if err := r.call(ctx); err != nil {
		return 0, err
	}
	return r.memory.DeleteSessions(ctx, realm, subject, exceptID)
}

func (r remote) DeleteProviderSession(ctx context.Context, realm, provider, sid string) (int, error) {
	if err := r.call(ctx); err != nil {
		return 0, err
	}
	return r.memory.DeleteProviderSession(ctx, realm, provider, sid)
}

func (r remote) DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (int, error) {
	if err := r.call(ctx); err != nil {
		return 0, err
	}
	return r.memory.DeleteProviderSubject(ctx, realm, provider, subject)
}

func (r remote) Mark(ctx context.Context, name string, ttl time.Duration) (int64, bool, error) {
	if err := r.call(ctx); err != nil {
		return 0, false, err
	}
	return r.memory.Mark(ctx, name, ttl)
}

func (r remote) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.Marked(ctx, names...)
}

func (r remote) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	if err := r.call(ctx); err != nil {
		return 0, err
	}
	return r.memory.Count(ctx, name, n, window)
}

func (r remote) Lock(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	l, err := r.memory.Lock(ctx, name, ttl)
	if err != nil {
		return nil, err
	}
	return remoteLease{l, r.server}, nil
}

type remoteLease struct {
	store.Lease
	server *server
}

func (l remoteLease) Extend(ctx context.Context, ttl time.Duration) error {
	if err := l.server.call(ctx); err != nil {
		return err
	}
	return l.Lease.Extend(ctx, ttl)
}

// abilities are all those that a store may have.
type abilities interface {
	store.Sessions
	store.Index
	store.Marks
	store.Locker
	store.Counter
	store.Accounts
	store.Links
}

// conformance runs all suites on stores of a kind, each with a server of its own. second
// returns the second store over a server.
func conformance(t *testing.T, open, second func(*server) abilities) {
	var s *server
	next := func() abilities {
		s = newServer()
		return open(s)
	}
	opts := []storetest.Option{
		storetest.Fault(func(broken bool) { s.breakDown(broken) }),
		storetest.Stall(func(stalled bool) { s.stall(stalled) }),
		storetest.Second(func(*testing.T) any { return second(s) }),
	}
	clock := append(opts, storetest.Advance(func(d time.Duration) { s.advance(d) }))
	t.Run("Sessions", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) store.Sessions { return next() }, clock...)
	})
	t.Run("Index", func(t *testing.T) {
		storetest.RunIndex(t, func(*testing.T) store.Sessions { return next() }, clock...)
	})
	t.Run("Marks", func(t *testing.T) {
		storetest.RunMarks(t, func(*testing.T) store.Marks { return next() }, clock...)
	})
	t.Run("Counter", func(t *testing.T) {
		storetest.RunCounter(t, func(*testing.T) store.Counter { return next() }, clock...)
	})
	t.Run("Accounts", func(t *testing.T) {
		storetest.RunAccounts(t, func(*testing.T) store.Accounts { return next() }, clock...)
	})
	t.Run("Links", func(t *testing.T) {
		storetest.RunLinks(t, func(*testing.T) store.Links { return next() }, clock...)
	})
	t.Run("Locker", func(t *testing.T) {
		storetest.RunLocker(t, func(*testing.T) store.Locker { return next() }, opts...)
	})
}
