package apptest

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-contrib/sessions/cookie"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/ginstore"
)

// Store is a store in memory that records calls and has faults. It is safe for concurrent
// use.
type Store struct {
	*store.Memory // nil until Use, UseAsDenyList or the test sets it

	mu     sync.Mutex
	calls  []string
	fault  error             // of every call, until it is nil again
	hang   bool              // every call waits until its context ends
	before map[string]func() // runs once, before the next call of the method
}

// NewStore returns a store without a Memory. Pass its Use or UseAsDenyList to [New], which
// sets one with the clock of the application.
func NewStore() *Store { return &Store{before: make(map[string]func())} }

// Use makes s the store of an application.
func (s *Store) Use(c *Config) {
	s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
	c.Session.Store = s
}

// UseAsDenyList makes s the deny-list of an application.
func (s *Store) UseAsDenyList(c *Config) {
	s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
	c.Session.DenyList = s
}

// Calls returns the names of the methods that were called since the last Calls.
func (s *Store) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// Fail makes every call return err, nil for no error.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

// Hang makes every call wait until its context ends, if on is set.
func (s *Store) Hang(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang = on
}

// RunBefore runs f once, before the next call of a method.
func (s *Store) RunBefore(method string, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before[method] = f
}

func (s *Store) call(ctx context.Context, method string) error {
	s.mu.Lock()
	s.calls = append(s.calls, method)
	before := s.before[method]
	delete(s.before, method)
	s.mu.Unlock()
	if before != nil {
		before()
	}
	s.mu.Lock()
	fault, hang := s.fault, s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return fault
}

// CreateSession implements [store.Sessions].
func (s *Store) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	if err := s.call(ctx, "CreateSession"); err != nil {
		return "", err
	}
	return s.Memory.CreateSession(ctx, r)
}

// FindSession implements [store.Sessions].
func (s *Store) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	if err := s.call(ctx, "FindSession"); err != nil {
		return nil, err
	}
	return s.Memory.FindSession(ctx, handle)
}

// ReplaceSession implements [store.Sessions].
func (s *Store) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	if err := s.call(ctx, "ReplaceSession"); err != nil {
		return "", err
	}
	return s.Memory.ReplaceSession(ctx, handle, r)
}

// DeleteSession implements [store.Sessions].
func (s *Store) DeleteSession(ctx context.Context, handle string) error {
	if err := s.call(ctx, "DeleteSession"); err != nil {
		return err
	}
	return s.Memory.DeleteSession(ctx, handle)
}

// ListSessions implements [store.Index].
func (s *Store) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	if err := s.call(ctx, "ListSessions"); err != nil {
		return nil, err
	}
	return s.Memory.ListSessions(ctx, realm, subject, limit)
}

// DeleteSessionByID implements [store.Index].
func (s *Store) DeleteSessionByID(ctx context.Context, realm, subject, id string) (bool, error) {
	if err := s.call(ctx, "DeleteSessionByID"); err != nil {
		return false, err
	}
	return s.Memory.DeleteSessionByID(ctx, realm, subject, id)
}

// DeleteSessions implements [store.Index].
func (s *Store) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	if err := s.call(ctx, "DeleteSessions"); err != nil {
		return 0, err
	}
	return s.Memory.DeleteSessions(ctx, realm, subject, exceptID)
}

// DeleteProviderSession implements [store.Index].
func (s *Store) DeleteProviderSession(ctx context.Context, realm, provider, sid string) (int, error) {
	if err := s.call(ctx, "DeleteProviderSession"); err != nil {
		return 0, err
	}
	return s.Memory.DeleteProviderSession(ctx, realm, provider, sid)
}

// DeleteProviderSubject implements [store.Index].
func (s *Store) DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (int, error) {
	if err := s.call(ctx, "DeleteProviderSubject"); err != nil {
		return 0, err
	}
	return s.Memory.DeleteProviderSubject(ctx, realm, provider, subject)
}

// Mark implements [store.Marks].
func (s *Store) Mark(ctx context.Context, name string, ttl time.Duration) (int64, bool, error) {
	if err := s.call(ctx, "Mark"); err != nil {
		return 0, false, err
	}
	return s.Memory.Mark(ctx, name, ttl)
}

// Marked implements [store.Marks].
func (s *Store) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := s.call(ctx, "Marked"); err != nil {
		return nil, err
	}
	return s.Memory.Marked(ctx, names...)
}

// Handles is a store whose handles have this length, and another value each time that a
// session is written, as those of ginstore have. The earlier ones remain valid.
type Handles struct {
	store.Sessions
	Length int
}

// CreateSession implements [store.Sessions].
func (s Handles) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	handle, err := s.Sessions.CreateSession(ctx, r)
	return s.pad(handle, 0), err
}

// FindSession implements [store.Sessions].
func (s Handles) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	return s.Sessions.FindSession(ctx, s.cut(handle))
}

// ReplaceSession implements [store.Sessions].
func (s Handles) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	handle, err := s.Sessions.ReplaceSession(ctx, s.cut(handle), r)
	return s.pad(handle, r.Version), err
}

// DeleteSession implements [store.Sessions].
func (s Handles) DeleteSession(ctx context.Context, handle string) error {
	return s.Sessions.DeleteSession(ctx, s.cut(handle))
}

func (s Handles) pad(handle string, version int64) string {
	if handle == "" {
		return ""
	}
	return handle + "~" + strconv.FormatInt(version, 10) + "~" + strings.Repeat("-", max(s.Length-len(handle), 0))
}

func (s Handles) cut(handle string) string {
	handle, _, _ = strings.Cut(handle, "~")
	return handle
}

// Storages are the ways to store the sessions of an App, by name.
var Storages = map[string]func(*Config){
	"cookie":         func(*Config) {},
	"deny-list":      func(c *Config) { NewStore().UseAsDenyList(c) },
	"memory":         func(c *Config) { NewStore().Use(c) },
	"cookie, cached": func(c *Config) { c.Session.CacheFor = 30 * time.Second },
	"memory, cached": func(c *Config) { NewStore().Use(c); c.Session.CacheFor = 30 * time.Second },
	"gin-contrib's cookie store": func(c *Config) {
		bridge, err := ginstore.New(cookie.NewStore([]byte("a key of thirty-two bytes, or so")), ginstore.Options{Now: c.Now})
		if err != nil {
			panic(err)
		}
		c.Session.Store = bridge
	},
}

// EachStorage runs a test once for each of Storages.
func EachStorage(t *testing.T, test func(t *testing.T, storage func(*Config))) {
	for name, storage := range Storages {
		t.Run(name, func(t *testing.T) { test(t, storage) })
	}
}
