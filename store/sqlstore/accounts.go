package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Conflicts are found by INSERT … ON CONFLICT DO NOTHING and its counterpart in MySQL, not
// by errors. The IDs of rows are made before the first attempt of a transaction: if the
// answer to its COMMIT was lost, the next attempt finds its own rows.

// Of the expressions that return a number in MySQL, the one that it calculates last counts:
// that of the conflict, 0.
const (
	insertAccount = `
		INSERT INTO nuxtauth_accounts (provider, issuer, provider_account_id, user_id, type, access_token, refresh_token,
			id_token, token_type, scope, session_state, expires_at, email, created_at, position)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, `
	insertAccountElse  = insertAccount + `$15) ON CONFLICT DO NOTHING RETURNING 1`
	insertAccountMySQL = insertAccount + `LAST_INSERT_ID($15)) ON DUPLICATE KEY UPDATE position = position + LAST_INSERT_ID(0)`
)

// LinkAccount implements [store.Accounts].
func (s *Store) LinkAccount(ctx context.Context, a *store.Account) error {
	if err := ctx.Err(); err != nil {
		return failed("link an account", err)
	}
	if err := a.Check(); err != nil {
		return err
	}
	if s.authjs != nil {
		if err := s.authjs.checkAccount(a); err != nil {
			return failed("link an account", err)
		}
	}
	now := timeOf(s.millis())
	err := s.transact(ctx, func(ctx context.Context, t *transaction) error {
		if _, err := t.lockUser(ctx, a.UserID); err != nil {
			return err
		}
		linked, err := t.linkAccount(ctx, a, now)
		if linked || err != nil {
			return err
		}
		if t.unsure { // it may be the own one
			accounts, err := t.accounts(ctx, a.UserID)
			i := indexOf(accounts, a.AccountKey)
			if err != nil || i >= 0 && (accounts[i].CreatedAt.Equal(now) || t.authjs != nil) {
				return err
			}
		}
		return store.ErrAccountTaken
	})
	if err != nil {
		return answer("link an account", err)
	}
	a.CreatedAt = now
	if s.authjs != nil {
		a.CreatedAt = s.authjs.linkedAt(now)
	}
	return nil
}

// linkAccount inserts one more account of a user, and reports false if it exists.
func (t *transaction) linkAccount(ctx context.Context, a *store.Account, now time.Time) (bool, error) {
	if t.authjs != nil {
		return t.authjs.insertAccount(ctx, t, a.UserID, a, now)
	}
	position, err := first(queryAll(ctx, t, scan[int64], `SELECT coalesce(max(position), 0) + 1 FROM nuxtauth_accounts WHERE user_id = $1`, a.UserID))
	if err != nil {
		return false, err
	}
	return t.insertAccount(ctx, a.UserID, a, now, position)
}

// insertAccount inserts an account of a user, at a position among the others, and reports
// false if it exists.
func (t *transaction) insertAccount(ctx context.Context, userID string, a *store.Account, now time.Time, position int64) (bool, error) {
	n, err := change(ctx, t, insertAccountElse, insertAccountMySQL,
		a.Provider, a.Issuer, a.ProviderAccountID, userID, a.Type, a.AccessToken, a.RefreshToken, a.IDToken, a.TokenType,
		a.Scope, a.SessionState, a.ExpiresAt, a.Email, toMillis(now), position)
	return n != 0, err
}

// UnlinkAccount implements [store.Accounts].
func (s *Store) UnlinkAccount(ctx context.Context, userID string, key store.AccountKey, check func(*store.User, []*store.Account) error) (*store.Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("unlink an account", err)
	}
	var removed *store.Account
	err := s.transact(ctx, func(ctx context.Context, t *transaction) error {
		u, err := t.lockUser(ctx, userID)
		if err != nil {
			return err
		}
		accounts, err := t.accounts(ctx, userID)
		if err != nil {
			return err
		}
		i := indexOf(accounts, key)
		if i < 0 {
			if t.unsure && removed != nil { // by the attempt before
				return nil
			}
			return store.ErrNotFound
		}
		a := *accounts[i]
		if err := check(u, slices.Delete(accounts, i, i+1)); err != nil {
			return final{err}
		}
		removed = &a
		if t.authjs != nil {
			return t.authjs.deleteAccount(ctx, t, userID, key)
		}
		_, err = exec(ctx, t, `DELETE FROM nuxtauth_accounts WHERE user_id = $1 AND provider = $2 AND issuer = $3 AND provider_account_id = $4`,
			userID, key.Provider, key.Issuer, key.ProviderAccountID)
		return err
	})
	if err != nil {
		return nil, answer("unlink an account", err)
	}
	return removed, nil
}

func indexOf(accounts []*store.Account, key store.AccountKey) int {
	return slices.IndexFunc(accounts, func(a *store.Account) bool { return a.AccountKey == key })
}

// UpdateAccount implements [store.Accounts].
func (s *Store) UpdateAccount(ctx context.Context, a *store.Account) error {
	if err := ctx.Err(); err != nil {
		return failed("update an account", err)
	}
	if err := a.Check(); err != nil {
		return err
	}
	if s.authjs != nil {
		found, err := s.authjs.updateAccount(ctx, s, a)
		if err == nil && !found {
			err = store.ErrNotFound
		}
		return orAnswer("update an account", err)
	}
	const set = `
		UPDATE nuxtauth_accounts SET type = $4, access_token = $5, refresh_token = CASE WHEN $6 = '' THEN refresh_token ELSE $6 END,
			id_token = $7, token_type = $8, scope = $9, session_state = $10, expires_at = $11, email = $12`
	const where = ` WHERE provider = $1 AND issuer = $2 AND provider_account_id = $3`
	n, err := change(ctx, s, set+where+` RETURNING 1`, set+`, position = position * LAST_INSERT_ID(1)`+where,
		a.Provider, a.Issuer, a.ProviderAccountID, a.Type, a.AccessToken, a.RefreshToken, a.IDToken, a.TokenType,
		a.Scope, a.SessionState, a.ExpiresAt, a.Email)
	if err != nil {
		return failed("update an account", err)
	}
	if n == 0 {
		return store.ErrNotFound
	}
	return nil
}

// ListAccounts implements [store.Accounts].
func (s *Store) ListAccounts(ctx context.Context, userID string) ([]*store.Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("list accounts", err)
	}
	accounts, err := accountsOf(ctx, s, s.authjs, userID)
	if err != nil {
		return nil, failed("list accounts", err)
	}
	return accounts, nil
}

// accounts returns the accounts of a user.
func (t *transaction) accounts(ctx context.Context, userID string) ([]*store.Account, error) {
	return accountsOf(ctx, t, t.authjs, userID)
}

// accountsOf returns the accounts of a user, in the tables of Auth.js if there are such.
func accountsOf(ctx context.Context, r runner, a *authjs, userID string) ([]*store.Account, error) {
	if a != nil {
		return a.accountsOf(ctx, r, userID)
	}
	if !storable(userID) {
		return nil, nil
	}
	accounts, err := queryAll(ctx, r, scanAccount, `
		SELECT provider, issuer, provider_account_id, user_id, type, access_token, refresh_token, id_token, token_type, scope,
			session_state, expires_at, created_at, email
		FROM nuxtauth_accounts WHERE user_id = $1 ORDER BY position`, userID)
	if err == nil && slices.ContainsFunc(accounts, func(a *store.Account) bool { return a.UserID != userID }) {
		return nil, errors.New("the database answered with the accounts of another user")
	}
	return accounts, err
}

func scanAccount(row scanner) (*store.Account, error) {
	a := new(store.Account)
	var created int64
	err := row.Scan(&a.Provider, &a.Issuer, &a.ProviderAccountID, &a.UserID, &a.Type, &a.AccessToken, &a.RefreshToken, &a.IDToken,
		&a.TokenType, &a.Scope, &a.SessionState, &a.ExpiresAt, &created, &a.Email)
	if err != nil {
		return nil, err
	}
	a.CreatedAt = timeOf(created)
	return a, nil
}

// answer returns an answer of [store.Accounts], and the error of a function of the caller,
// as it is, and adds the name of the operation to another error.
func answer(operation string, err error) error {
	if f, ok := errors.AsType[final](err); ok {
		return f.err
	}
	for _, answer := range []error{store.ErrNotFound, store.ErrEmailTaken, store.ErrAccountTaken, store.ErrAmbiguousEmail, store.ErrConflict} {
		if errors.Is(err, answer) {
			return err
		}
	}
	return failed(operation, err)
}

// orAnswer is answer, and nil for no error.
func orAnswer(operation string, err error) error {
	if err == nil {
		return nil
	}
	return answer(operation, err)
}

// toMillis is a time as the tables have it: 0 for the zero time.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// timeOf is the reverse of toMillis.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return fromMillis(ms)
}

// orNull is NULL for an empty address: those of several users are not the same.
func orNull(email string) any {
	if email == "" {
		return nil
	}
	return email
}
