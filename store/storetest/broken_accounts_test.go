package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// with returns what opens a wrong store.
func with(change func(r remote, w *wrong)) func(*server) abilities {
	return func(s *server) abilities {
		w := wrong{remote: remote{s}}
		change(w.remote, &w)
		return w
	}
}

// accounts and links are stores that RunAccounts and RunLinks must notice.
func accounts(check string, change func(r remote, w *wrong)) brokenStore {
	return brokenStore{"Accounts", check, with(change), right}
}

func links(check string, change func(r remote, w *wrong)) brokenStore {
	return brokenStore{"Links", check, with(change), right}
}

// losesUser loses a part of each user that is created.
func losesUser(lose func(*store.User)) func(r remote, w *wrong) {
	return func(r remote, w *wrong) {
		w.createUser = func(ctx context.Context, u *store.User, a *store.Account) error {
			c := u.Clone()
			lose(c)
			if err := r.CreateUser(ctx, c, a); err != nil {
				return err
			}
			u.ID, u.CreatedAt = c.ID, c.CreatedAt
			return nil
		}
	}
}

// losesAccount loses a part of each account that is created or linked.
func losesAccount(lose func(*store.Account)) func(r remote, w *wrong) {
	return func(r remote, w *wrong) {
		w.createUser = func(ctx context.Context, u *store.User, a *store.Account) error {
			if a == nil {
				return r.CreateUser(ctx, u, nil)
			}
			c := *a
			lose(&c)
			err := r.CreateUser(ctx, u, &c)
			a.UserID, a.CreatedAt = c.UserID, c.CreatedAt
			return err
		}
	}
}

// createsInTwoSteps leaves a user behind when the account is taken.
func createsInTwoSteps(r remote, w *wrong) {
	w.createUser = func(ctx context.Context, u *store.User, a *store.Account) error {
		if a != nil {
			if _, err := r.FindUserByAccount(ctx, a.AccountKey); err == nil && u.Email == "" {
				return store.ErrAccountTaken
			}
		}
		if err := r.CreateUser(ctx, u, nil); err != nil || a == nil {
			return err
		}
		a.UserID = u.ID
		return r.LinkAccount(ctx, a)
	}
}

// findsThenCreates reports the address first if both are taken.
func findsThenCreates(r remote, w *wrong) {
	w.createUser = func(ctx context.Context, u *store.User, a *store.Account) error {
		err := r.CreateUser(ctx, u, a)
		if errors.Is(err, store.ErrAccountTaken) && u.Email != "" {
			if _, found := r.FindUserByEmail(ctx, u.Email); found == nil {
				return store.ErrEmailTaken
			}
		}
		return err
	}
}

// updatesSeparately calls change before the transaction, and unlinksSeparately check.
func updatesSeparately(r remote, w *wrong) {
	w.updateUser = func(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
		u, err := r.FindUser(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := change(u); err != nil {
			return nil, err
		}
		return r.UpdateUser(ctx, id, func(v *store.User) error {
			*v = *u
			return nil
		})
	}
}

func unlinksSeparately(r remote, w *wrong) {
	w.unlinkAccount = func(ctx context.Context, userID string, key store.AccountKey, check func(*store.User, []*store.Account) error) (*store.Account, error) {
		u, err := r.FindUser(ctx, userID)
		if err != nil {
			return nil, err
		}
		list, err := r.ListAccounts(ctx, userID)
		if err != nil {
			return nil, err
		}
		rest := slices.DeleteFunc(slices.Clone(list), func(a *store.Account) bool { return a.AccountKey == key })
		if len(rest) == len(list) {
			return nil, store.ErrNotFound
		}
		if err := check(u, rest); err != nil {
			return nil, err
		}
		return r.UnlinkAccount(ctx, userID, key, func(*store.User, []*store.Account) error { return nil })
	}
}

// wrapsErrors adds to the errors of functions.
func wrapsErrors(r remote, w *wrong) {
	w.updateUser = func(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
		return r.UpdateUser(ctx, id, func(u *store.User) error {
			if err := change(u); err != nil {
				return fmt.Errorf("update: %w", err)
			}
			return nil
		})
	}
}

// verifies takes users for unverified if remove says so, and the others for verified.
func verifies(remove func(u *store.User) bool) func(r remote, w *wrong) {
	return func(r remote, w *wrong) {
		w.verifyEmail = func(ctx context.Context, id, email string, at time.Time, keep store.AccountKey) (*store.User, []*store.Account, error) {
			u, err := r.FindUser(ctx, id)
			if err != nil {
				return nil, nil, err
			}
			proved := time.Now()
			if remove(u) {
				proved = time.Time{}
			}
			if u.Email == email {
				_, _ = r.UpdateUser(ctx, id, func(v *store.User) error {
					v.EmailVerified = proved
					return nil
				})
			}
			return r.VerifyEmail(ctx, id, email, at, keep)
		}
	}
}

var brokenAccounts = map[string]brokenStore{
	"loses Disabled":          accounts("find what was created", losesUser(func(u *store.User) { u.Disabled = false })),
	"loses the session state": accounts("find what was created", losesAccount(func(a *store.Account) { a.SessionState = "" })),
	"writes Extra anew":       accounts("extra of any bytes", losesUser(func(u *store.User) { _ = u.Extra.Compact() })),
	"cuts Image": accounts("strings up to their limits", losesUser(func(u *store.User) {
		u.Image = u.Image[:min(len(u.Image), 64<<10-1)]
	})),
	"trims names":           accounts("strings of any language", losesUser(func(u *store.User) { u.Name = strings.TrimRight(u.Name, " ") })),
	"has no 4-byte letters": accounts("strings of any language", losesUser(func(u *store.User) { u.Name = strings.ReplaceAll(u.Name, "\U0001f600", "?") })),
	"keeps seconds": accounts("times in milliseconds and UTC", losesUser(func(u *store.User) {
		u.EmailVerified, u.FirstSignIn = u.EmailVerified.Truncate(time.Second), u.FirstSignIn.Truncate(time.Second)
	})),
	"finds addresses in upper case": accounts("odd addresses are addresses of their own", func(r remote, w *wrong) {
		w.findUserByEmail = func(ctx context.Context, email string) (*store.User, error) {
			return r.FindUserByEmail(ctx, strings.ToLower(email))
		}
	}),
	"finds addresses without spaces": accounts("odd addresses are addresses of their own", func(r remote, w *wrong) {
		w.findUserByEmail = func(ctx context.Context, email string) (*store.User, error) {
			return r.FindUserByEmail(ctx, strings.TrimRight(email, " "))
		}
	}),
	"finds accounts in lower case": accounts("odd keys are keys of their own", func(r remote, w *wrong) {
		w.findUserByAccount = func(ctx context.Context, key store.AccountKey) (*store.User, error) {
			if u, err := r.FindUserByAccount(ctx, key); err == nil {
				return u, nil
			}
			key.ProviderAccountID = strings.Replace(key.ProviderAccountID, "\u00eb", "e", 1)
			return r.FindUserByAccount(ctx, key)
		}
	}),
	"finds accounts without the issuer": accounts("other strings find nothing", func(r remote, w *wrong) {
		issuers := make(map[store.AccountKey]string)
		w.createUser = func(ctx context.Context, u *store.User, a *store.Account) error {
			err := r.CreateUser(ctx, u, a)
			if a != nil && err == nil {
				issuers[store.AccountKey{Provider: a.Provider, ProviderAccountID: a.ProviderAccountID}] = a.Issuer
			}
			return err
		}
		w.findUserByAccount = func(ctx context.Context, key store.AccountKey) (*store.User, error) {
			key.Issuer = issuers[store.AccountKey{Provider: key.Provider, ProviderAccountID: key.ProviderAccountID}]
			return r.FindUserByAccount(ctx, key)
		}
	}),
	"creates in two steps":         accounts("an account is of one user", createsInTwoSteps),
	"creates in two steps at once": accounts("one of many first sign-ins makes the user", createsInTwoSteps),
	"looks at the address first":   accounts("an account is of one user", findsThenCreates),
	"sets IDs of refused users": accounts("an address is of one user", func(r remote, w *wrong) {
		w.createUser = func(ctx context.Context, u *store.User, a *store.Account) error {
			if u.ID == "" {
				u.ID = store.NewID()
			}
			return r.CreateUser(ctx, u, a)
		}
	}),
	"replaces users": accounts("an id is of one user", func(r remote, w *wrong) {
		w.createUser = func(ctx context.Context, u *store.User, a *store.Account) error {
			if u.ID != "" {
				_ = r.DeleteUser(ctx, u.ID)
			}
			return r.CreateUser(ctx, u, a)
		}
	}),
	"updates without a transaction": accounts("no update is lost", updatesSeparately),
	"checks without a transaction":  accounts("one account stays", unlinksSeparately),
	"wraps errors":                  accounts("errors of functions are returned as they are", wrapsErrors),
	"does not update FirstSignIn": accounts("update stores every field", func(r remote, w *wrong) {
		w.updateUser = func(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
			return r.UpdateUser(ctx, id, func(u *store.User) error {
				before := u.FirstSignIn
				err := change(u)
				u.FirstSignIn = before
				return err
			})
		}
	}),
	"recovers panics": accounts("a function that panics changes nothing", func(r remote, w *wrong) {
		w.updateUser = func(ctx context.Context, id string, change func(*store.User) error) (u *store.User, err error) {
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("panic: %v", v)
				}
			}()
			return r.UpdateUser(ctx, id, change)
		}
	}),
	"stays locked after a panic": accounts("a function that panics changes nothing", func(r remote, w *wrong) {
		locked := make(chan struct{}, 1)
		w.updateUser = func(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
			select {
			case locked <- struct{}{}:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			u, err := r.UpdateUser(ctx, id, change)
			<-locked
			return u, err
		}
	}),
	"always removes": accounts("verify again removes nothing", verifies(func(*store.User) bool { return true })),
	"never removes":  accounts("verify removes what was not proved", verifies(func(*store.User) bool { return false })),
	"keeps no account": accounts("verify removes what was not proved", func(r remote, w *wrong) {
		w.verifyEmail = func(ctx context.Context, id, email string, at time.Time, _ store.AccountKey) (*store.User, []*store.Account, error) {
			return r.VerifyEmail(ctx, id, email, at, store.AccountKey{})
		}
	}),
	"verifies any address": accounts("verify is of one address", func(r remote, w *wrong) {
		w.verifyEmail = func(ctx context.Context, id, _ string, at time.Time, keep store.AccountKey) (*store.User, []*store.Account, error) {
			u, err := r.FindUser(ctx, id)
			if err != nil {
				return nil, nil, err
			}
			return r.VerifyEmail(ctx, id, u.Email, at, keep)
		}
	}),
	"unlinks accounts of others": accounts("link and unlink", func(r remote, w *wrong) {
		w.unlinkAccount = func(ctx context.Context, userID string, key store.AccountKey, check func(*store.User, []*store.Account) error) (*store.Account, error) {
			if u, err := r.FindUserByAccount(ctx, key); err == nil {
				userID = u.ID
			}
			return r.UnlinkAccount(ctx, userID, key, check)
		}
	}),
	"moves accounts": accounts("an account is of one user", func(r remote, w *wrong) {
		w.linkAccount = func(ctx context.Context, a *store.Account) error {
			if u, err := r.FindUserByAccount(ctx, a.AccountKey); err == nil {
				_, _ = r.UnlinkAccount(ctx, u.ID, a.AccountKey, func(*store.User, []*store.Account) error { return nil })
			}
			return r.LinkAccount(ctx, a)
		}
	}),
	"lists the newest first": accounts("link and unlink", func(r remote, w *wrong) {
		w.listAccounts = func(ctx context.Context, userID string) ([]*store.Account, error) {
			list, err := r.ListAccounts(ctx, userID)
			slices.Reverse(list)
			return list, err
		}
	}),
	"empties refresh tokens": accounts("update of an account", func(r remote, w *wrong) {
		w.updateAccount = func(ctx context.Context, a *store.Account) error {
			c := *a
			if c.RefreshToken == "" {
				c.RefreshToken = " "
			}
			return r.UpdateAccount(ctx, &c)
		}
	}),
	"takes a fault for no user": accounts(fault, func(r remote, w *wrong) {
		w.findUserByAccount = func(ctx context.Context, key store.AccountKey) (*store.User, error) {
			u, err := r.FindUserByAccount(ctx, key)
			if errors.Is(err, errBroken) {
				err = store.ErrNotFound
			}
			return u, err
		}
	}),
	"takes a fault for no accounts": accounts(fault, func(r remote, w *wrong) {
		w.listAccounts = func(ctx context.Context, userID string) ([]*store.Account, error) {
			list, err := r.ListAccounts(ctx, userID)
			if errors.Is(err, errBroken) {
				err = nil
			}
			return list, err
		}
	}),
	"UpdateUser waits": accounts(stalled, func(r remote, w *wrong) {
		w.updateUser = func(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
			return r.UpdateUser(context.WithoutCancel(ctx), id, change)
		}
	}),
	"users of one process": {"Accounts", "processes share users", right, apart},
}
