package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// An accountTable has the users of a [Memory] with their accounts. Its lock makes each
// method a transaction.
type accountTable struct {
	mu        sync.RWMutex
	max       int // users
	byID      map[string]*user
	byEmail   map[string]*user // those with an address
	byAccount map[AccountKey]*user
}

type user struct {
	User

	accounts []*Account // the oldest first
}

// CreateUser implements [Accounts]. When the store is full it returns [ErrFull].
func (m *Memory) CreateUser(ctx context.Context, u *User, a *Account) error {
	if err := cmp.Or(ctx.Err(), u.Check()); err != nil {
		return err
	}
	if a != nil {
		if err := a.Check(); err != nil {
			return err
		}
	}
	t, now := &m.accounts, stored(m.now())
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case a != nil && t.byAccount[a.AccountKey] != nil:
		return ErrAccountTaken
	case u.Email != "" && t.byEmail[u.Email] != nil:
		return ErrEmailTaken
	case t.byID[u.ID] != nil:
		return errors.New("store: a user has this ID")
	case len(t.byID) >= t.max:
		return ErrFull
	}
	u.ID, u.CreatedAt = cmp.Or(u.ID, NewID()), now
	row := &user{User: *u.stored()}
	t.byID[u.ID] = row
	if u.Email != "" {
		t.byEmail[u.Email] = row
	}
	if a != nil {
		a.UserID = u.ID
		t.link(row, a, now)
	}
	return nil
}

// link adds an account to a user. The caller has locked mu.
func (t *accountTable) link(u *user, a *Account, now time.Time) {
	a.CreatedAt = now
	row := *a
	u.accounts = append(u.accounts, &row)
	t.byAccount[a.AccountKey] = u
}

// FindUser implements [Accounts].
func (m *Memory) FindUser(ctx context.Context, id string) (*User, error) {
	return m.findUser(ctx, func(t *accountTable) *user { return t.byID[id] })
}

// FindUserByEmail implements [Accounts].
func (m *Memory) FindUserByEmail(ctx context.Context, email string) (*User, error) {
	if email == "" {
		return nil, errNoEmail
	}
	return m.findUser(ctx, func(t *accountTable) *user { return t.byEmail[email] })
}

// FindUserByAccount implements [Accounts].
func (m *Memory) FindUserByAccount(ctx context.Context, key AccountKey) (*User, error) {
	return m.findUser(ctx, func(t *accountTable) *user { return t.byAccount[key] })
}

var errNoEmail = errors.New("store: there is no e-mail address to look for")

func (m *Memory) findUser(ctx context.Context, find func(*accountTable) *user) (*User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.accounts.mu.RLock()
	defer m.accounts.mu.RUnlock()
	u := find(&m.accounts)
	if u == nil {
		return nil, ErrNotFound
	}
	return u.Clone(), nil
}

// UpdateUser implements [Accounts]. It calls change without the lock, and again if the
// user has changed meanwhile.
func (m *Memory) UpdateUser(ctx context.Context, id string, change func(*User) error) (*User, error) {
	for {
		before, err := m.FindUser(ctx, id)
		if err != nil {
			return nil, err
		}
		after := before.Clone()
		if err := change(after); err != nil {
			return nil, err
		}
		after.ID, after.CreatedAt = before.ID, before.CreatedAt
		if err := after.Check(); err != nil {
			return nil, err
		}
		after = after.stored()
		done, err := m.accounts.replace(before, after)
		if err != nil {
			return nil, err
		}
		if done {
			return after, nil
		}
	}
}

// replace stores a user in place of what was read before, and reports false if that has
// changed.
func (t *accountTable) replace(before, after *User) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	row := t.byID[before.ID]
	if row == nil {
		return false, ErrNotFound
	}
	if !row.equal(before) {
		return false, nil
	}
	if other := t.byEmail[after.Email]; after.Email != "" && other != nil && other != row {
		return false, ErrEmailTaken
	}
	delete(t.byEmail, row.Email)
	row.User = *after.Clone()
	if row.Email != "" {
		t.byEmail[row.Email] = row
	}
	return true, nil
}

// VerifyEmail implements [Accounts].
func (m *Memory) VerifyEmail(ctx context.Context, id, email string, at time.Time, keep AccountKey) (*User, []*Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	t := &m.accounts
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.byID[id]
	if u == nil {
		return nil, nil, ErrNotFound
	}
	if email == "" || u.Email != email {
		return nil, nil, ErrConflict
	}
	var removed []*Account
	if u.EmailVerified.IsZero() {
		u.PasswordHash = ""
		for _, a := range slices.Clone(u.accounts) {
			if a.AccountKey != keep {
				removed = append(removed, t.unlink(u, a.AccountKey))
			}
		}
	}
	u.EmailVerified = stored(at)
	return u.Clone(), removed, nil
}

// unlink removes an account of a user and returns it, nil if the user does not have it. The
// caller has locked mu.
func (t *accountTable) unlink(u *user, key AccountKey) *Account {
	i := u.index(key)
	if i < 0 {
		return nil
	}
	a := u.accounts[i]
	u.accounts = slices.Delete(slices.Clone(u.accounts), i, i+1)
	delete(t.byAccount, key)
	return a
}

// index returns the place of an account among those of u, -1 if it is none of them.
func (u *user) index(key AccountKey) int {
	return slices.IndexFunc(u.accounts, func(a *Account) bool { return a.AccountKey == key })
}

// DeleteUser implements [Accounts].
func (m *Memory) DeleteUser(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &m.accounts
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.byID[id]
	if u == nil {
		return ErrNotFound
	}
	for _, a := range u.accounts {
		delete(t.byAccount, a.AccountKey)
	}
	delete(t.byEmail, u.Email)
	delete(t.byID, id)
	return nil
}

// LinkAccount implements [Accounts].
func (m *Memory) LinkAccount(ctx context.Context, a *Account) error {
	if err := cmp.Or(ctx.Err(), a.Check()); err != nil {
		return err
	}
	t, now := &m.accounts, stored(m.now())
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.byID[a.UserID]
	switch {
	case u == nil:
		return ErrNotFound
	case t.byAccount[a.AccountKey] != nil:
		return ErrAccountTaken
	case len(u.accounts) >= maxAccounts:
		return ErrFull
	}
	t.link(u, a, now)
	return nil
}

// maxAccounts bounds the accounts of one user in a [Memory].
const maxAccounts = 100

// UnlinkAccount implements [Accounts]. It calls check without the lock, and again if the
// user or the accounts have changed meanwhile.
func (m *Memory) UnlinkAccount(ctx context.Context, userID string, key AccountKey, check func(*User, []*Account) error) (*Account, error) {
	for {
		u, err := m.FindUser(ctx, userID)
		if err != nil {
			return nil, err
		}
		remaining, err := m.ListAccounts(ctx, userID)
		if err != nil {
			return nil, err
		}
		keys := make([]AccountKey, len(remaining)) // check may change the accounts
		for i, a := range remaining {
			keys[i] = a.AccountKey
		}
		remaining = slices.DeleteFunc(remaining, func(a *Account) bool { return a.AccountKey == key })
		if len(remaining) == len(keys) {
			return nil, ErrNotFound
		}
		if err := check(u.Clone(), remaining); err != nil {
			return nil, err
		}
		if a := m.accounts.unlinkUnchanged(u, keys, key); a != nil {
			return a, nil
		}
	}
}

// unlinkUnchanged removes an account of a user who is as before, and returns nil for one
// who is not.
func (t *accountTable) unlinkUnchanged(before *User, accounts []AccountKey, key AccountKey) *Account {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.byID[before.ID]
	same := func(a *Account, key AccountKey) bool { return a.AccountKey == key }
	if u == nil || !u.equal(before) || !slices.EqualFunc(u.accounts, accounts, same) {
		return nil
	}
	return t.unlink(u, key)
}

// UpdateAccount implements [Accounts].
func (m *Memory) UpdateAccount(ctx context.Context, a *Account) error {
	if err := cmp.Or(ctx.Err(), a.Check()); err != nil {
		return err
	}
	t := &m.accounts
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.byAccount[a.AccountKey]
	if u == nil {
		return ErrNotFound
	}
	i := u.index(a.AccountKey)
	row := *a
	row.UserID, row.CreatedAt = u.ID, u.accounts[i].CreatedAt
	row.RefreshToken = cmp.Or(a.RefreshToken, u.accounts[i].RefreshToken)
	u.accounts[i] = &row
	return nil
}

// ListAccounts implements [Accounts].
func (m *Memory) ListAccounts(ctx context.Context, userID string) ([]*Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.accounts.mu.RLock()
	defer m.accounts.mu.RUnlock()
	u := m.accounts.byID[userID]
	if u == nil {
		return nil, nil
	}
	list := make([]*Account, len(u.accounts))
	for i, a := range u.accounts {
		row := *a
		list[i] = &row
	}
	return list, nil
}

// stored returns a time as stores keep it: in milliseconds, in UTC.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// stored returns a copy of a user as stores keep it.
func (u *User) stored() *User {
	c := u.Clone()
	c.EmailVerified, c.FirstSignIn, c.CreatedAt = stored(u.EmailVerified), stored(u.FirstSignIn), stored(u.CreatedAt)
	return c
}

// equal reports whether two users have the same in all fields.
func (u *User) equal(v *User) bool {
	return u.ID == v.ID && u.Name == v.Name && u.Email == v.Email && u.Image == v.Image && u.EmailVerified.Equal(v.EmailVerified) &&
		u.PasswordHash == v.PasswordHash && u.Disabled == v.Disabled && u.FirstSignIn.Equal(v.FirstSignIn) && string(u.Extra) == string(v.Extra)
}
