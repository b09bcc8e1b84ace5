package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/store"
)

const (
	insertUser = `
		INSERT INTO nuxtauth_users (id, name, email, image, email_verified, password_hash, disabled, first_sign_in, extra, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, `
	insertUserElse  = insertUser + `$10) ON CONFLICT DO NOTHING RETURNING 1`
	insertUserMySQL = insertUser + `LAST_INSERT_ID($10)) ON DUPLICATE KEY UPDATE created_at = created_at + LAST_INSERT_ID(0)`
)

// CreateUser implements [store.Accounts]. Only the disk bounds the number of users.
func (s *Store) CreateUser(ctx context.Context, u *store.User, a *store.Account) error {
	if err := ctx.Err(); err != nil {
		return failed("create a user", err)
	}
	if err := u.Check(); err != nil {
		return err
	}
	if a != nil {
		if err := a.Check(); err != nil {
			return err
		}
	}
	if s.authjs != nil {
		return s.authjs.createUser(ctx, s, u, a)
	}
	now := timeOf(s.millis())
	row := u.Clone()
	row.CreatedAt = now
	if s.users.Create == nil {
		row.ID = cmp.Or(u.ID, store.NewID())
	}
	err := s.transact(ctx, func(ctx context.Context, t *transaction) error {
		if s.users.Create != nil {
			done, err := t.createOwn(ctx, u, row)
			if errors.Is(err, store.ErrEmailTaken) && a != nil {
				err = cmp.Or(t.accountTaken(ctx, a), err)
			}
			if done || err != nil {
				return err
			}
		}
		n, err := change(ctx, t, insertUserElse, insertUserMySQL, columnsOf(row)...)
		if err != nil {
			return err
		}
		if n == 0 {
			return t.whyNotCreated(ctx, row, a)
		}
		if a == nil {
			return nil
		}
		linked, err := t.insertAccount(ctx, row.ID, a, now, 1)
		if err == nil && !linked {
			err = store.ErrAccountTaken
		}
		return err
	})
	if err != nil {
		return answer("create a user", err)
	}
	u.ID, u.CreatedAt = row.ID, now
	if a != nil {
		a.UserID, a.CreatedAt = row.ID, now
	}
	return nil
}

// whyNotCreated returns the error of a user with the ID or the address of another, or nil
// if the other is the user itself, from an earlier attempt.
func (t *transaction) whyNotCreated(ctx context.Context, u *store.User, a *store.Account) error {
	others, err := queryAll(ctx, t, scanUser, `SELECT `+userColumns+` FROM nuxtauth_users WHERE id = $1 OR email = $2`, u.ID, orNull(u.Email))
	if err != nil {
		return err
	}
	for _, other := range others {
		if t.unsure && other.ID == u.ID && other.CreatedAt.Equal(u.CreatedAt) {
			return nil
		}
	}
	if a != nil {
		if err := t.accountTaken(ctx, a); err != nil {
			return err
		}
	}
	switch {
	case len(others) == 0:
		return errAgain // the other user has gone
	case u.Email != "" && slices.ContainsFunc(others, func(other *store.User) bool { return other.Email == u.Email }):
		return store.ErrEmailTaken
	default:
		return fmt.Errorf("another user has the ID %q", u.ID)
	}
}

// accountTaken returns ErrAccountTaken if an account exists.
func (t *transaction) accountTaken(ctx context.Context, a *store.Account) error {
	taken, err := queryAll(ctx, t, scan[int64],
		`SELECT position FROM nuxtauth_accounts WHERE provider = $1 AND issuer = $2 AND provider_account_id = $3`,
		a.Provider, a.Issuer, a.ProviderAccountID)
	if err == nil && len(taken) > 0 {
		err = store.ErrAccountTaken
	}
	return err
}

// FindUser implements [store.Accounts].
func (s *Store) FindUser(ctx context.Context, id string) (*store.User, error) {
	if s.authjs != nil {
		return s.findForeign(ctx, func(ctx context.Context) (*store.User, error) { return s.authjs.findByID(ctx, s, id) })
	}
	return s.findUser(ctx, func(u *store.User) bool { return u.ID == id }, `id = $1`, id)
}

// FindUserByEmail implements [store.Accounts].
func (s *Store) FindUserByEmail(ctx context.Context, email string) (*store.User, error) {
	if email == "" {
		return nil, errors.New("sqlstore: find a user: there is no e-mail address to look for")
	}
	if s.authjs != nil {
		return s.findForeign(ctx, func(ctx context.Context) (*store.User, error) { return s.authjs.findByEmail(ctx, s, email) })
	}
	u, err := s.findUser(ctx, func(u *store.User) bool { return u.Email == email }, `email = $1`, email)
	if s.users.Find == nil || !storable(email) || err != nil && !errors.Is(err, store.ErrNotFound) {
		return u, err
	}
	// An address costs the same whether a user has it or not. Only one of a user from before
	// needs a transaction that writes, for which any client could ask otherwise.
	own := s.findOwn(ctx, email)
	switch {
	case err == nil:
		return u, nil
	case errors.Is(own, store.ErrNotFound):
		return nil, store.ErrNotFound
	case own != nil:
		return nil, answer("find a user", own)
	}
	return s.adopt(ctx, email)
}

// FindUserByAccount implements [store.Accounts].
func (s *Store) FindUserByAccount(ctx context.Context, key store.AccountKey) (*store.User, error) {
	if s.authjs != nil {
		return s.findForeign(ctx, func(ctx context.Context) (*store.User, error) { return s.authjs.findByAccount(ctx, s, key) })
	}
	return s.findUser(ctx, func(*store.User) bool { return true },
		`id = (SELECT user_id FROM nuxtauth_accounts WHERE provider = $1 AND issuer = $2 AND provider_account_id = $3)`,
		key.Provider, key.Issuer, key.ProviderAccountID)
}

// findForeign returns a user of Auth.js.
func (s *Store) findForeign(ctx context.Context, find func(context.Context) (*store.User, error)) (*store.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("find a user", err)
	}
	u, err := find(ctx)
	if err != nil {
		return nil, answer("find a user", err)
	}
	return u, nil
}

// findUser returns the user that a condition selects, and that is the one.
func (s *Store) findUser(ctx context.Context, is func(*store.User) bool, where string, args ...string) (*store.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("find a user", err)
	}
	if !storable(args...) {
		return nil, store.ErrNotFound
	}
	users, err := queryAll(ctx, s, scanUser, `SELECT `+userColumns+` FROM nuxtauth_users WHERE `+where, values(args)...)
	if err != nil {
		return nil, failed("find a user", err)
	}
	if len(users) == 0 {
		return nil, store.ErrNotFound
	}
	if len(users) != 1 || !is(users[0]) {
		return nil, errors.New("sqlstore: find a user: the database answered with another one")
	}
	return users[0], nil
}

// UpdateUser implements [store.Accounts]. It calls change in its transaction, within
// [Options.Timeout]: change must not call the store.
func (s *Store) UpdateUser(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("update a user", err)
	}
	var after *store.User
	err := s.transact(ctx, func(ctx context.Context, t *transaction) error {
		before, err := t.lockUser(ctx, id)
		if err != nil {
			return err
		}
		u := before.Clone()
		if err := change(u); err != nil {
			return final{err}
		}
		u.ID, u.CreatedAt = before.ID, before.CreatedAt
		if err := u.Check(); err != nil {
			return final{err}
		}
		if u.Email != before.Email && u.Email != "" {
			// One that another transaction has entered and not committed is an error of
			// the update, after which this runs again.
			if taken, err := t.emailTaken(ctx, u); err != nil || taken {
				return cmp.Or(err, store.ErrEmailTaken)
			}
		}
		after, err = t.saveUser(ctx, before, u)
		return err
	})
	if err != nil {
		return nil, answer("update a user", err)
	}
	return after, nil
}

// emailTaken reports whether another user has the address of u.
func (t *transaction) emailTaken(ctx context.Context, u *store.User) (bool, error) {
	if t.authjs != nil {
		return t.authjs.emailTaken(ctx, t, u)
	}
	others, err := queryAll(ctx, t, scan[string], `SELECT id FROM nuxtauth_users WHERE email = $1`, u.Email)
	return len(others) > 0, err
}

// saveUser writes a user who was locked before, also in the table of the application, and
// returns the user as it is stored.
func (t *transaction) saveUser(ctx context.Context, before, u *store.User) (*store.User, error) {
	if t.authjs != nil {
		return t.authjs.updateUser(ctx, t, before, u)
	}
	if err := t.updateOwn(ctx, u); err != nil {
		return nil, err
	}
	return t.updateUser(ctx, u)
}

// updateUser writes a user, and returns it as it is stored.
func (t *transaction) updateUser(ctx context.Context, u *store.User) (*store.User, error) {
	_, err := exec(ctx, t, `
		UPDATE nuxtauth_users SET name = $2, email = $3, image = $4, email_verified = $5, password_hash = $6, disabled = $7,
			first_sign_in = $8, extra = $9, created_at = $10
		WHERE id = $1`, columnsOf(u)...)
	if err != nil {
		return nil, err
	}
	stored := u.Clone()
	for _, at := range []*time.Time{&stored.EmailVerified, &stored.FirstSignIn} {
		*at = timeOf(toMillis(*at))
	}
	return stored, nil
}

// VerifyEmail implements [store.Accounts].
func (s *Store) VerifyEmail(ctx context.Context, id, email string, at time.Time, keep store.AccountKey) (*store.User, []*store.Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, failed("verify an address", err)
	}
	var after *store.User
	var removed []*store.Account // also by an attempt before
	err := s.transact(ctx, func(ctx context.Context, t *transaction) error {
		before, err := t.lockUser(ctx, id)
		if err != nil {
			return err
		}
		u := before.Clone()
		if email == "" || u.Email != email {
			return store.ErrConflict
		}
		if !t.unsure {
			removed = nil
		}
		if u.EmailVerified.IsZero() {
			accounts, err := t.accounts(ctx, id)
			if err != nil {
				return err
			}
			removed = nil
			for _, a := range accounts {
				if a.AccountKey != keep {
					removed = append(removed, a)
				}
			}
			u.PasswordHash = ""
			if err := t.deleteUnproved(ctx, id, keep); err != nil {
				return err
			}
		}
		u.EmailVerified = at
		after, err = t.saveUser(ctx, before, u)
		return err
	})
	if err != nil {
		return nil, nil, answer("verify an address", err)
	}
	return after, removed, nil
}

// deleteUnproved removes the accounts of a user but for one.
func (t *transaction) deleteUnproved(ctx context.Context, id string, keep store.AccountKey) error {
	if t.authjs != nil {
		if err := t.authjs.deleteSessions(ctx, t, id); err != nil {
			return err
		}
		return t.authjs.deleteAccounts(ctx, t, id, keep)
	}
	_, err := exec(ctx, t, `
		DELETE FROM nuxtauth_accounts WHERE user_id = $1 AND NOT (provider = $2 AND issuer = $3 AND provider_account_id = $4)`,
		id, keep.Provider, keep.Issuer, keep.ProviderAccountID)
	return err
}

// DeleteUser implements [store.Accounts].
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return failed("delete a user", err)
	}
	if !storable(id) {
		return store.ErrNotFound
	}
	err := s.transact(ctx, func(ctx context.Context, t *transaction) error {
		if t.authjs != nil {
			found, err := t.authjs.deleteUser(ctx, t, id)
			if err == nil && !found && !t.unsure {
				err = store.ErrNotFound
			}
			return err
		}
		n, err := exec(ctx, t, `DELETE FROM nuxtauth_users WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n == 0 && !t.unsure {
			return store.ErrNotFound
		}
		// SQLite enforces foreign keys only if the application has switched that on.
		if _, err = exec(ctx, t, `DELETE FROM nuxtauth_accounts WHERE user_id = $1`, id); err != nil {
			return err
		}
		return t.deleteOwn(ctx, id)
	})
	if err != nil {
		return answer("delete a user", err)
	}
	return nil
}

// lockUser returns a user who does not change until the transaction ends.
func (t *transaction) lockUser(ctx context.Context, id string) (*store.User, error) {
	if !storable(id) {
		return nil, store.ErrNotFound
	}
	if t.authjs != nil {
		return t.authjs.lockUser(ctx, t, id)
	}
	users, err := queryAll(ctx, t, scanUser, `SELECT `+userColumns+` FROM nuxtauth_users WHERE id = $1`+forUpdate, id)
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, store.ErrNotFound
	}
	if users[0].ID != id {
		return nil, errors.New("the database answered with another user")
	}
	return users[0], nil
}

// userColumns are the columns that scanUser reads, and columnsOf writes in the same order.
const userColumns = `id, name, coalesce(email, ''), image, email_verified, password_hash, disabled, first_sign_in, extra, created_at`

func columnsOf(u *store.User) []any {
	return []any{
		u.ID, u.Name, orNull(u.Email), u.Image, toMillis(u.EmailVerified), u.PasswordHash, u.Disabled,
		toMillis(u.FirstSignIn), string(u.Extra), toMillis(u.CreatedAt),
	}
}

func scanUser(row scanner) (*store.User, error) {
	u := new(store.User)
	var verified, first, created int64
	var extra string
	if err := row.Scan(&u.ID, &u.Name, &u.Email, &u.Image, &verified, &u.PasswordHash, &u.Disabled, &first, &extra, &created); err != nil {
		return nil, err
	}
	u.EmailVerified, u.FirstSignIn, u.CreatedAt = timeOf(verified), timeOf(first), timeOf(created)
	if extra != "" {
		u.Extra = jsontext.Value(extra)
	}
	return u, nil
}
