package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
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

// exec runs a statement that changes rows, without RETURNING, and returns their number.
func (s *Store) exec(ctx context.Context, statement string, args ...any) (rows int, err error) {
	changed, err := queryAll(ctx, s, scan[int64], statement+" RETURNING 1", args...)
	return len(changed), err
}

// queryAll runs a statement and returns the results of scan for all rows.
func queryAll[T any](ctx context.Context, s *Store, scan func(scanner) (T, error), statement string, args ...any) (all []T, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err = retry(ctx, func() (err error) {
		all, err = queryOnce(ctx, s, s.db, scan, statement, args...)
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

// isConflict reports whether PostgreSQL has ended a statement that was in the way of
// another transaction.
func isConflict(err error) bool {
	state := stateOf(err)
	return state == "40001" || state == "40P01"
}

// stateOf returns the SQLSTATE of an error, "" if it has none.
func stateOf(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string // the drivers of PostgreSQL have this method
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

// isTransient reports whether an error is one of the connection, of a server that stops
// or starts, or of a statement that was mixed up with another: the next attempt may
// succeed.
func isTransient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if errors.Is(err, errMixedUp) {
		return true
	}
	switch state := stateOf(err); state {
	case "57P01", "57P02", "57P03": // the server stops, has crashed, or starts
		return true
	case "":
	default:
		return strings.HasPrefix(state, "08") || isConflict(err) // 08: the connection
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
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
