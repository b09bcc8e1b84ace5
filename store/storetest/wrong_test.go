package storetest_test

import (
	"context"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// A wrong store is a remote with some methods that do what a store must not do. A nil
// function leaves the method right.
type wrong struct {
	remote
	createUser        func(ctx context.Context, u *store.User, a *store.Account) error
	findUserByEmail   func(ctx context.Context, email string) (*store.User, error)
	findUserByAccount func(ctx context.Context, key store.AccountKey) (*store.User, error)
	updateUser        func(ctx context.Context, id string, change func(*store.User) error) (*store.User, error)
	verifyEmail       func(ctx context.Context, id, email string, at time.Time, keep store.AccountKey) (*store.User, []*store.Account, error)
	linkAccount       func(ctx context.Context, a *store.Account) error
	unlinkAccount     func(ctx context.Context, userID string, key store.AccountKey, check func(*store.User, []*store.Account) error) (*store.Account, error)
	updateAccount     func(ctx context.Context, a *store.Account) error
	listAccounts      func(ctx context.Context, userID string) ([]*store.Account, error)
	saveLink          func(ctx context.Context, l *store.Link) error
	findLink          func(ctx context.Context, key store.LinkKey) (*store.Link, error)
	takeLink          func(ctx context.Context, key store.LinkKey) (*store.Link, error)
	deleteLinks       func(ctx context.Context, email string) error
}

func (w wrong) CreateUser(ctx context.Context, u *store.User, a *store.Account) error {
	if w.createUser == nil {
		return w.remote.CreateUser(ctx, u, a)
	}
	return w.createUser(ctx, u, a)
}

func (w wrong) FindUserByEmail(ctx context.Context, email string) (*store.User, error) {
	if w.findUserByEmail == nil {
		return w.remote.FindUserByEmail(ctx, email)
	}
	return w.findUserByEmail(ctx, email)
}

func (w wrong) FindUserByAccount(ctx context.Context, key store.AccountKey) (*store.User, error) {
	if w.findUserByAccount == nil {
		return w.remote.FindUserByAccount(ctx, key)
	}
	return w.findUserByAccount(ctx, key)
}

func (w wrong) UpdateUser(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
	if w.updateUser == nil {
		return w.remote.UpdateUser(ctx, id, change)
	}
	return w.updateUser(ctx, id, change)
}

func (w wrong) VerifyEmail(ctx context.Context, id, email string, at time.Time, keep store.AccountKey) (*store.User, []*store.Account, error) {
	if w.verifyEmail == nil {
		return w.remote.VerifyEmail(ctx, id, email, at, keep)
	}
	return w.verifyEmail(ctx, id, email, at, keep)
}

func (w wrong) LinkAccount(ctx context.Context, a *store.Account) error {
	if w.linkAccount == nil {
		return w.remote.LinkAccount(ctx, a)
	}
	return w.linkAccount(ctx, a)
}

func (w wrong) UnlinkAccount(ctx context.Context, userID string, key store.AccountKey, check func(*store.User, []*store.Account) error) (*store.Account, error) {
	if w.unlinkAccount == nil {
		return w.remote.UnlinkAccount(ctx, userID, key, check)
	}
	return w.unlinkAccount(ctx, userID, key, check)
}

func (w wrong) UpdateAccount(ctx context.Context, a *store.Account) error {
	if w.updateAccount == nil {
		return w.remote.UpdateAccount(ctx, a)
	}
	return w.updateAccount(ctx, a)
}

func (w wrong) ListAccounts(ctx context.Context, userID string) ([]*store.Account, error) {
	if w.listAccounts == nil {
		return w.remote.ListAccounts(ctx, userID)
	}
	return w.listAccounts(ctx, userID)
}

func (w wrong) SaveLink(ctx context.Context, l *store.Link) error {
	if w.saveLink == nil {
		return w.remote.SaveLink(ctx, l)
	}
	return w.saveLink(ctx, l)
}

func (w wrong) FindLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if w.findLink == nil {
		return w.remote.FindLink(ctx, key)
	}
	return w.findLink(ctx, key)
}

func (w wrong) TakeLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if w.takeLink == nil {
		return w.remote.TakeLink(ctx, key)
	}
	return w.takeLink(ctx, key)
}

func (w wrong) DeleteLinks(ctx context.Context, email string) error {
	if w.deleteLinks == nil {
		return w.remote.DeleteLinks(ctx, email)
	}
	return w.deleteLinks(ctx, email)
}
