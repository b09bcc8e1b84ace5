package guard

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Results that break the contract of a store of users or links. The errors do not show
// whose they are.
var (
	errNoUser    = errors.New(theStore + " returned neither a user nor an error")
	errNoUserID  = errors.New(theStore + " returned a user without an ID")
	errUser      = errors.New(theStore + " returned another user than it was asked for")
	errNoAccount = errors.New(theStore + " returned neither an account nor an error")
	errAccount   = errors.New(theStore + " returned another account than it was asked for")
	errNoLink    = errors.New(theStore + " returned neither a link nor an error")
	errLink      = errors.New(theStore + " returned another link than it was asked for")
	errNotCalled = errors.New(theStore + " did not call the function that decides, or ignored its error")
)

// Accounts returns a guarded, see [Sessions]. A function that is passed to UpdateUser or
// UnlinkAccount and panics returns an error to the store.
func Accounts(log *slog.Logger, a store.Accounts) store.Accounts {
	if a == nil {
		return nil
	}
	return accounts{bound{log, theStore}, a}
}

type accounts struct {
	bound
	inner store.Accounts
}

func (a accounts) CreateUser(ctx context.Context, u *store.User, first *store.Account) error {
	return a.do(ctx, func(ctx context.Context) error {
		asked := u.ID
		switch err := a.inner.CreateUser(ctx, u, first); {
		case err != nil:
			return err
		case u.ID == "":
			return errNoUserID
		case asked != "" && u.ID != asked:
			return errUser
		case first != nil && first.UserID != u.ID:
			return errAccount
		}
		return nil
	})
}

func (a accounts) FindUser(ctx context.Context, id string) (*store.User, error) {
	return a.user(ctx, func(u *store.User) bool { return u.ID == id }, func(ctx context.Context) (*store.User, error) {
		return a.inner.FindUser(ctx, id)
	})
}

// FindUserByEmail lets through an address that differs in case, as tables of other systems
// have them.
func (a accounts) FindUserByEmail(ctx context.Context, email string) (*store.User, error) {
	return a.user(ctx, func(u *store.User) bool { return sameEmail(u.Email, email) }, func(ctx context.Context) (*store.User, error) {
		return a.inner.FindUserByEmail(ctx, email)
	})
}

func sameEmail(a, b string) bool { return strings.ToLower(a) == strings.ToLower(b) } //nolint:staticcheck // EqualFold folds more

func (a accounts) FindUserByAccount(ctx context.Context, key store.AccountKey) (*store.User, error) {
	return a.user(ctx, func(*store.User) bool { return true }, func(ctx context.Context) (*store.User, error) {
		return a.inner.FindUserByAccount(ctx, key)
	})
}

func (a accounts) UpdateUser(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
	return a.user(ctx, func(u *store.User) bool { return u.ID == id }, func(ctx context.Context) (*store.User, error) {
		d := decision{err: errNotCalled}
		u, err := a.inner.UpdateUser(ctx, id, func(u *store.User) error {
			return d.by(ctx, a.bound, func() error { return change(u) })
		})
		return u, d.check(err)
	})
}

func (a accounts) VerifyEmail(
	ctx context.Context, id, email string, at time.Time, keep store.AccountKey,
) (u *store.User, removed []*store.Account, err error) {
	type result struct {
		user    *store.User
		removed []*store.Account
	}
	r, err := call(ctx, a.bound, func(ctx context.Context) (result, error) {
		u, removed, err := a.inner.VerifyEmail(ctx, id, email, at, keep)
		u, err = checkUser(u, err, func(u *store.User) bool { return u.ID == id && sameEmail(u.Email, email) })
		if err == nil {
			err = checkAccounts(removed, func(a *store.Account) bool { return a.UserID == id && a.AccountKey != keep })
		}
		if err != nil {
			return result{}, err
		}
		return result{u, removed}, nil
	})
	return r.user, r.removed, err
}

func (a accounts) DeleteUser(ctx context.Context, id string) error {
	return a.do(ctx, func(ctx context.Context) error { return a.inner.DeleteUser(ctx, id) })
}

func (a accounts) LinkAccount(ctx context.Context, account *store.Account) error {
	return a.do(ctx, func(ctx context.Context) error { return a.inner.LinkAccount(ctx, account) })
}

func (a accounts) UnlinkAccount(
	ctx context.Context, userID string, key store.AccountKey, check func(*store.User, []*store.Account) error,
) (*store.Account, error) {
	return call(ctx, a.bound, func(ctx context.Context) (*store.Account, error) {
		d := decision{err: errNotCalled}
		removed, err := a.inner.UnlinkAccount(ctx, userID, key, func(u *store.User, remaining []*store.Account) error {
			return d.by(ctx, a.bound, func() error {
				if _, err := checkUser(u, nil, func(u *store.User) bool { return u.ID == userID }); err != nil {
					return err
				}
				if err := checkAccounts(remaining, func(a *store.Account) bool { return a.UserID == userID && a.AccountKey != key }); err != nil {
					return err
				}
				return check(u, remaining)
			})
		})
		if err = d.check(err); err == nil {
			err = checkAccounts([]*store.Account{removed}, func(a *store.Account) bool { return a.UserID == userID && a.AccountKey == key })
		}
		if err != nil {
			return nil, err
		}
		return removed, nil
	})
}

func (a accounts) UpdateAccount(ctx context.Context, account *store.Account) error {
	return a.do(ctx, func(ctx context.Context) error { return a.inner.UpdateAccount(ctx, account) })
}

func (a accounts) ListAccounts(ctx context.Context, userID string) ([]*store.Account, error) {
	return call(ctx, a.bound, func(ctx context.Context) ([]*store.Account, error) {
		list, err := a.inner.ListAccounts(ctx, userID)
		if err == nil {
			err = checkAccounts(list, func(a *store.Account) bool { return a.UserID == userID })
		}
		if err != nil {
			return nil, err
		}
		return list, nil
	})
}

// do calls f, which has no result.
func (b bound) do(ctx context.Context, f func(context.Context) error) error {
	_, err := call(ctx, b, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// user calls f, which returns the user that is asked for.
func (b bound) user(ctx context.Context, asked func(*store.User) bool, f func(context.Context) (*store.User, error)) (*store.User, error) {
	return call(ctx, b, func(ctx context.Context) (*store.User, error) {
		u, err := f(ctx)
		return checkUser(u, err, asked)
	})
}

func checkUser(u *store.User, err error, asked func(*store.User) bool) (*store.User, error) {
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return nil, errNoUser
	case u.ID == "":
		return nil, errNoUserID
	case !asked(u):
		return nil, errUser
	}
	return u, nil
}

func checkAccounts(list []*store.Account, asked func(*store.Account) bool) error {
	switch {
	case slices.Contains(list, nil):
		return errNoAccount
	case slices.ContainsFunc(list, func(a *store.Account) bool { return !asked(a) }):
		return errAccount
	}
	return nil
}

// A decision is what a function that was passed to a store has returned last.
type decision struct{ err error }

// by calls the function.
func (d *decision) by(ctx context.Context, b bound, f func() error) error {
	d.err = func() (err error) {
		defer Recover(ctx, b.log, "a function that "+b.name+" calls", &err)
		return f()
	}()
	return d.err
}

// check returns the error of the store, or one if the store has done what the function
// did not allow.
func (d *decision) check(err error) error {
	if err == nil && d.err != nil {
		return errNotCalled
	}
	return err
}

// Links returns l guarded, see [Sessions].
func Links(log *slog.Logger, l store.Links) store.Links {
	if l == nil {
		return nil
	}
	return links{bound{log, theStore}, l}
}

type links struct {
	bound
	inner store.Links
}

func (l links) SaveLink(ctx context.Context, link *store.Link) error {
	return l.do(ctx, func(ctx context.Context) error { return l.inner.SaveLink(ctx, link) })
}

func (l links) FindLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	return call(ctx, l.bound, func(ctx context.Context) (*store.Link, error) {
		link, err := l.inner.FindLink(ctx, key)
		return checkLink(link, err, key)
	})
}

func (l links) TakeLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	return call(ctx, l.bound, func(ctx context.Context) (*store.Link, error) {
		link, err := l.inner.TakeLink(ctx, key)
		return checkLink(link, err, key)
	})
}

func (l links) DeleteLinks(ctx context.Context, email string) error {
	return l.do(ctx, func(ctx context.Context) error { return l.inner.DeleteLinks(ctx, email) })
}

func checkLink(l *store.Link, err error, key store.LinkKey) (*store.Link, error) {
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return nil, errNoLink
	case l.LinkKey != key:
		return nil, errLink
	}
	return l, nil
}
