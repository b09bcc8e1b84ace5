package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// A transaction runs the statements of a method one after the other.
type transaction struct {
	conn    *sql.Conn
	dialect Dialect

	// unsure says that the answer to the COMMIT of an earlier attempt was lost: what that
	// has written may be there.
	unsure bool

	users  Users
	authjs *authjs // nil unless the users are in the tables of Auth.js
	now    int64   // in milliseconds
}

func (t *transaction) kind() Dialect { return t.dialect }

func (t *transaction) run(ctx context.Context, f func(context.Context, handle) error) error {
	return f(ctx, t.conn)
}

// final is an error of a function of the caller, which does not make a transaction run
// again, whatever it is.
type final struct{ err error }

func (f final) Error() string { return f.err.Error() }

// transact runs f in a transaction, and again in another one after a fault, and if other
// transactions were in the way. If f returns an error, nothing is changed.
//
// The transaction is not a [sql.Tx], whose end can't be bounded by a context.
func (s *Store) transact(ctx context.Context, f func(ctx context.Context, t *transaction) error) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	unsure := false
	return retry(ctx, func() error {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		ready := false
		err = inTransaction(ctx, conn, s.begin(), func() error {
			err := f(ctx, &transaction{conn, s.dialect, unsure, s.users, s.authjs, s.millis()})
			ready = err == nil
			return err
		})
		unsure = unsure || ready && !isConflict(err)
		return err
	})
}

// begin returns the statements that begin a transaction that writes. Rows that it has read
// with forUpdate do not change until it ends.
func (s *Store) begin() []string {
	switch s.dialect {
	case SQLite:
		return []string{"BEGIN IMMEDIATE"} // no other writer until it ends
	case MySQL:
		return []string{"START TRANSACTION"}
	case PostgreSQL:
	}
	return []string{"BEGIN ISOLATION LEVEL READ COMMITTED"}
}

// inTransaction runs f between the statements that begin a transaction and its COMMIT, or
// its ROLLBACK after an error.
func inTransaction(ctx context.Context, conn *sql.Conn, begin []string, f func() error) (err error) {
	committed := false
	defer func() {
		if !committed { // also after a panic in f
			rollback(ctx, conn)
		}
	}()
	for _, statement := range begin {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return mixedUp(err)
		}
	}
	if err := f(); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return mixedUp(err)
	}
	committed = true
	return nil
}

// rollback ends a transaction. If it can't, it closes the connection, which must not go
// back into the pool within a transaction.
func rollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	_, err := conn.ExecContext(ctx, "ROLLBACK")
	if err == nil {
		return
	}
	// SQLite may have rolled back by itself, and says so by an error. A database in memory
	// would be lost with its connection.
	if _, err := conn.ExecContext(ctx, "BEGIN"); err == nil {
		_, err = conn.ExecContext(ctx, "ROLLBACK")
		if err == nil {
			return
		}
	}
	discard(conn)
}

// discard closes a connection that must not go back into the pool.
func discard(conn *sql.Conn) { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }
