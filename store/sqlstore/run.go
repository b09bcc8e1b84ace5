package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A statement is retried within retryWindow, first after retryBackoff, which doubles.
// That is long enough for a pool to drop the connections that a restart has broken, and
// short enough for a request to wait for.
const (
	retryWindow  = time.Second
	retryBackoff = 8 * time.Millisecond
)

// conflictRetries is how often a statement is retried that was in the way of another
// transaction, also after retryWindow: PostgreSQL looks for deadlocks after a second.
const conflictRetries = 2

// cleanupTimeout bounds statements that run after a context has ended.
const cleanupTimeout = 2 * time.Second

// A runner runs statements: a [Store] each by itself, and again after a fault, and a
// transaction in turn: it is run again as a whole.
type runner interface {
	run(ctx context.Context, f func(context.Context, handle) error) error
	kind() Dialect
}

// A handle is a database, one of its connections, or a [Tx].
type handle interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (s *Store) kind() Dialect { return s.dialect }

func (s *Store) run(ctx context.Context, f func(context.Context, handle) error) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	return retry(ctx, func() error { return f(ctx, s.db) })
}

// withTimeout bounds a context by [Options.Timeout], unless its own deadline comes first.
func (s *Store) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= s.timeout {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.timeout)
}

// A prepared runs one statement, which SQLite then does not compile for each call: that
// takes a third of the time. Behind a pooler of another database a prepared statement may
// not exist.
type prepared struct {
	*Store
	statement *sql.Stmt
}

func (p prepared) run(ctx context.Context, f func(context.Context, handle) error) error {
	return p.Store.run(ctx, func(ctx context.Context, db handle) error { return f(ctx, preparedHandle{db, p.statement}) })
}

type preparedHandle struct {
	handle
	statement *sql.Stmt
}

func (p preparedHandle) QueryContext(ctx context.Context, _ string, args ...any) (*sql.Rows, error) {
	return p.statement.QueryContext(ctx, args...)
}

// exec runs a statement that deletes rows, or whose effect the caller does not need, and
// returns the number of rows.
func exec(ctx context.Context, r runner, statement string, args ...any) (rows int, err error) {
	if r.kind() != MySQL {
		changed, err := queryAll(ctx, r, scan[int64], statement+" RETURNING 1", args...)
		return len(changed), err
	}
	err = r.run(ctx, func(ctx context.Context, db handle) error {
		result, err := execMySQL(ctx, db, statement, args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		rows = int(n)
		return err
	})
	return rows, err
}

// change runs a statement that returns a number, which is 0 if it changes no row. MySQL has
// no RETURNING, and the number of rows that it reports depends on the settings of the
// driver: its statement is mysql, with the same arguments, and returns the number by
// LAST_INSERT_ID.
func change(ctx context.Context, r runner, statement, mysql string, args ...any) (n int64, err error) {
	if r.kind() != MySQL {
		return first(queryAll(ctx, r, scan[int64], statement, args...))
	}
	err = r.run(ctx, func(ctx context.Context, db handle) error {
		result, err := execMySQL(ctx, db, mysql, args...)
		if err != nil {
			return err
		}
		n, err = result.LastInsertId()
		return err
	})
	return n, err
}

// queryAll runs a statement and returns the results of scan for all rows.
func queryAll[T any](ctx context.Context, r runner, scan func(scanner) (T, error), statement string, args ...any) (all []T, err error) {
	err = r.run(ctx, func(ctx context.Context, db handle) (err error) {
		all, err = queryOnce(ctx, r.kind(), db, scan, statement, args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// retry calls f until it returns no transient error, within retryWindow, and after
// conflicts of transactions conflictRetries times at least. Every
// statement of this package may be run twice (see the package documentation): the first
// run may have succeeded although its answer was lost. If the context has ended, the
// error wraps that of the context, which drivers do not always do.
func retry(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	end, conflicts := time.Now().Add(retryWindow), 0
	for pause := retryBackoff; ; pause *= 2 {
		err := f()
		again := isTransient(err) && time.Now().Before(end)
		if isConflict(err) && conflicts < conflictRetries {
			again, conflicts = true, conflicts+1
		}
		if again && sleep(ctx, pause) == nil {
			continue
		}
		if reason := ctx.Err(); err != nil && reason != nil && !errors.Is(err, reason) {
			return fmt.Errorf("%w: %w", reason, err)
		}
		return err
	}
}

// sleep waits for d at most and half of it at least, at random, so that concurrent
// callers do not retry together.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cleanup returns a context for statements that must run even if ctx has ended.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
}

// failed adds the name of the operation to an error.
func failed(operation string, err error) error {
	return fmt.Errorf("sqlstore: %s: %w", operation, err)
}
