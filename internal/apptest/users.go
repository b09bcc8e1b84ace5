package apptest

import (
	"context"
	"sync"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// UserStore is a store of users in memory that records calls and has faults. Its links and
// marks are those of the Memory. It is safe for concurrent use.
type UserStore struct {
	*store.Memory

	mu     sync.Mutex
	calls  []string
	failAt int  // the number of the call that fails, 0 for none
	late   bool // it fails when it is done
	down   bool // every call fails
	before map[string]func()
}

// UseUsers gives an application users in a new UserStore, which has the clock of the
// application.
func UseUsers(c *Config) *UserStore {
	s := &UserStore{Memory: store.NewMemory(store.MemoryOptions{Now: c.Now}), before: make(map[string]func())}
	c.Accounts.Store = s
	return s
}

// Calls returns the names of the methods of [store.Accounts] that were called since the last
// Calls.
func (s *UserStore) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// FailAt makes the call with a number fail, counted from 1 and from now on; 0 is none. A
// late fault is that of an answer that was lost: the call has done its work.
func (s *UserStore) FailAt(n int, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.failAt, s.late = nil, n, late
}

// Fail makes every call fail, if on is set.
func (s *UserStore) Fail(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = on
}

// RunBefore runs f once, before the next call of a method.
func (s *UserStore) RunBefore(method string, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before[method] = f
}

// do runs a call of a method.
func (s *UserStore) do(method string, call func() error) error {
	s.mu.Lock()
	s.calls = append(s.calls, method)
	fails, late := s.down || len(s.calls) == s.failAt, s.late && !s.down
	before := s.before[method]
	delete(s.before, method)
	s.mu.Unlock()
	if before != nil {
		before()
	}
	if fails && !late {
		return ErrDown
	}
	err := call()
	if fails {
		return ErrDown
	}
	return err
}

// CreateUser implements [store.Accounts].
func (s *UserStore) CreateUser(ctx context.Context, u *store.User, a *store.Account) error {
	return s.do("CreateUser", func() error { return s.Memory.CreateUser(ctx, u, a) })
}

// FindUser implements [store.Accounts].
func (s *UserStore) FindUser(ctx context.Context, id string) (u *store.User, err error) {
	err = s.do("FindUser", func() error { u, err = s.Memory.FindUser(ctx, id); return err })
	return found(u, err)
}

// FindUserByEmail implements [store.Accounts].
func (s *UserStore) FindUserByEmail(ctx context.Context, email string) (u *store.User, err error) {
	err = s.do("FindUserByEmail", func() error { u, err = s.Memory.FindUserByEmail(ctx, email); return err })
	return found(u, err)
}

// FindUserByAccount implements [store.Accounts].
func (s *UserStore) FindUserByAccount(ctx context.Context, key store.AccountKey) (u *store.User, err error) {
	err = s.do("FindUserByAccount", func() error { u, err = s.Memory.FindUserByAccount(ctx, key); return err })
	return found(u, err)
}

// UpdateUser implements [store.Accounts].
func (s *UserStore) UpdateUser(ctx context.Context, id string, change func(*store.User) error) (u *store.User, err error) {
	err = s.do("UpdateUser", func() error { u, err = s.Memory.UpdateUser(ctx, id, change); return err })
	return found(u, err)
}

// VerifyEmail implements [store.Accounts].
func (s *UserStore) VerifyEmail(ctx context.Context, id, email string, at time.Time, keep store.AccountKey) (u *store.User, removed []*store.Account, err error) {
	err = s.do("VerifyEmail", func() error { u, removed, err = s.Memory.VerifyEmail(ctx, id, email, at, keep); return err })
	if err != nil {
		return nil, nil, err
	}
	return u, removed, nil
}

// DeleteUser implements [store.Accounts].
func (s *UserStore) DeleteUser(ctx context.Context, id string) error {
	return s.do("DeleteUser", func() error { return s.Memory.DeleteUser(ctx, id) })
}

// LinkAccount implements [store.Accounts].
func (s *UserStore) LinkAccount(ctx context.Context, a *store.Account) error {
	return s.do("LinkAccount", func() error { return s.Memory.LinkAccount(ctx, a) })
}

// UnlinkAccount implements [store.Accounts].
func (s *UserStore) UnlinkAccount(ctx context.Context, userID string, key store.AccountKey, check func(*store.User, []*store.Account) error) (a *store.Account, err error) {
	err = s.do("UnlinkAccount", func() error { a, err = s.Memory.UnlinkAccount(ctx, userID, key, check); return err })
	return found(a, err)
}

// UpdateAccount implements [store.Accounts].
func (s *UserStore) UpdateAccount(ctx context.Context, a *store.Account) error {
	return s.do("UpdateAccount", func() error { return s.Memory.UpdateAccount(ctx, a) })
}

// ListAccounts implements [store.Accounts].
func (s *UserStore) ListAccounts(ctx context.Context, userID string) (rows []*store.Account, err error) {
	err = s.do("ListAccounts", func() error { rows, err = s.Memory.ListAccounts(ctx, userID); return err })
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// found returns v, or nil beside an error.
func found[V any](v *V, err error) (*V, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}
