package storetest_test

import (
	"context"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func (r remote) CreateUser(ctx context.Context, u *store.User, a *store.Account) error {
	if err := r.call(ctx); err != nil {
		return err
	}
	return r.memory.CreateUser(ctx, u, a)
}

func (r remote) FindUser(ctx context.Context, id string) (*store.User, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.FindUser(ctx, id)
}

func (r remote) FindUserByEmail(ctx context.Context, email string) (*store.User, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.FindUserByEmail(ctx, email)
}

func (r remote) FindUserByAccount(ctx context.Context, key store.AccountKey) (*store.User, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.FindUserByAccount(ctx, key)
}

func (r remote) UpdateUser(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.UpdateUser(ctx, id, change)
}

func (r remote) VerifyEmail(ctx context.Context, id, email string, at time.Time, keep store.AccountKey) (*store.User, []*store.Account, error) {
	if err := r.call(ctx); err != nil {
		return nil, nil, err
	}
	return r.memory.VerifyEmail(ctx, id, email, at, keep)
}

func (r remote) DeleteUser(ctx context.Context, id string) error {
	if err := r.call(ctx); err != nil {
		return err
	}
	return r.memory.DeleteUser(ctx, id)
}

func (r remote) LinkAccount(ctx context.Context, a *store.Account) error {
	if err := r.call(ctx); err != nil {
		return err
	}
	return r.memory.LinkAccount(ctx, a)
}

func (r remote) UnlinkAccount(ctx context.Context, userID string, key store.AccountKey, check func(*store.User, []*store.Account) error) (*store.Account, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.UnlinkAccount(ctx, userID, key, check)
}

func (r remote) UpdateAccount(ctx context.Context, a *store.Account) error {
	if err := r.call(ctx); err != nil {
		return err
	}
	return r.memory.UpdateAccount(ctx, a)
}

func (r remote) ListAccounts(ctx context.Context, userID string) ([]*store.Account, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.ListAccounts(ctx, userID)
}

func (r remote) SaveLink(ctx context.Context, l *store.Link) error {
	if err := r.call(ctx); err != nil {
		return err
	}
	return r.memory.SaveLink(ctx, l)
}

func (r remote) FindLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.FindLink(ctx, key)
}

func (r remote) TakeLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if err := r.call(ctx); err != nil {
		return nil, err
	}
	return r.memory.TakeLink(ctx, key)
}

func (r remote) DeleteLinks(ctx context.Context, email string) error {
	if err := r.call(ctx); err != nil {
		return err
	}
	return r.memory.DeleteLinks(ctx, email)
}
