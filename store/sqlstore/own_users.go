package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/nuxtauth/nuxtauth/store"
)

// Users are functions for an application that has a table of users of its own. Each user
// has a row there and one in nuxtauth_users, with the same ID: the functions write that of
// the application, in the transaction that writes the other. A function that is nil does
// nothing.
//
// The library finds a user by the address in nuxtauth_users: change an address by
// [Store.UpdateUser], and not in the table of the application alone.
//
// An error undoes the transaction, and is that of the method. A function runs again after
// a fault, and must have no side effects beyond tx. A unique value that is taken ends a
// transaction in PostgreSQL: Create and Update insert with ON CONFLICT DO NOTHING, or look
// before, and return [store.ErrEmailTaken].
type Users struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	// Create inserts a new user and sets u.ID to the ID of the row, as a string. If the
	// caller of CreateUser has set u.ID, it is that of the row.
	Create func(ctx context.Context, tx Tx, u *store.User) error

	// Find returns a user of the application by an e-mail address that no row of
	// nuxtauth_users has, or [store.ErrNotFound]: a user from before. The ID is needed;
	// EmailVerified is zero unless the owner of the address has proved it, and FirstSignIn
	// unless the user has signed in before. It must only read: FindUserByEmail calls it for
	// each address, also for one that has a row, so that the time tells nothing of that, with
	// a Tx that is no transaction; and once more in the transaction that adds the row.
	Find func(ctx context.Context, tx Tx, email string) (*store.User, error)

	// Update writes what has changed, such as the name and the address.
	Update func(ctx context.Context, tx Tx, u *store.User) error

	// Delete deletes the user with an ID. A user who is not there is no error.
	Delete func(ctx context.Context, tx Tx, id string) error
}

// A Tx runs statements in the transaction of a method, but for the reads of [Users].Find. It has the methods of a [sql.Tx] that
// query builders and GORM need, and no Commit: the method ends it.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// createOwn creates the row of the application for a user, whose ID it sets in row. It
// reports whether an attempt before has created both: the database may have made the ID.
func (t *transaction) createOwn(ctx context.Context, u, row *store.User) (done bool, err error) {
	if t.unsure {
		before, err := t.lockUser(ctx, row.ID)
		if err == nil && before.CreatedAt.Equal(row.CreatedAt) {
			return true, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
	}
	own := row.Clone()
	own.ID = u.ID
	if err := t.users.Create(ctx, t.conn, own); err != nil {
		return false, err
	}
	if own.ID == "" {
		return false, errors.New("Options.Users.Create has set no ID")
	}
	row.ID = own.ID
	return false, nil
}

func (t *transaction) updateOwn(ctx context.Context, u *store.User) error {
	if t.users.Update == nil {
		return nil
	}
	return t.users.Update(ctx, t.conn, u.Clone())
}

func (t *transaction) deleteOwn(ctx context.Context, id string) error {
	if t.users.Delete == nil {
		return nil
	}
	return t.users.Delete(ctx, t.conn, id)
}

// findOwn looks for a user of the application with an address, without a transaction. The
// error is [store.ErrNotFound] if there is none.
func (s *Store) findOwn(ctx context.Context, email string) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	return retry(ctx, func() error {
		_, err := s.users.Find(ctx, s.db, email)
		return err
	})
}

// adopt gives a user of the application, with an address that is not in nuxtauth_users, a
// row there, and returns the user.
func (s *Store) adopt(ctx context.Context, email string) (*store.User, error) {
	var adopted *store.User
	err := s.transact(ctx, func(ctx context.Context, t *transaction) error {
		users, err := queryAll(ctx, t, scanUser, `SELECT `+userColumns+` FROM nuxtauth_users WHERE email = $1`, email)
		if err != nil {
			return err
		}
		if len(users) > 0 { // by another call, or an attempt before
			adopted = users[0]
			return nil
		}
		found, err := s.users.Find(ctx, t.conn, email)
		if err != nil {
			return err
		}
		u := found.Clone()
		u.Email = email
		if u.CreatedAt.IsZero() {
			u.CreatedAt = timeOf(s.millis())
		}
		if u.ID == "" {
			return errors.New("Options.Users.Find has set no ID")
		}
		if err := u.Check(); err != nil {
			return final{err}
		}
		n, err := change(ctx, t, insertUserElse, insertUserMySQL, columnsOf(u)...)
		if err != nil {
			return err
		}
		if n == 0 { // the address has changed in the table of the application
			row, err := t.lockUser(ctx, u.ID)
			if errors.Is(err, store.ErrNotFound) {
				return errAgain
			}
			if err != nil {
				return err
			}
			row.Email, row.EmailVerified = email, u.EmailVerified
			u = row
		}
		adopted, err = t.updateUser(ctx, u)
		return err
	})
	if err != nil {
		return nil, answer("find a user", err)
	}
	return adopted, nil
}
