package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// How long something is tried again, and the first pause, which doubles. That
// is long enough for a pool to get rid of connections that a restart has
// killed, and short enough for a request to wait for.
const (
	patience   = time.Second
	firstPause = 8 * time.Millisecond
)

// cleanupTimeout bounds what still has to be done after a context has ended.
const cleanupTimeout = 2 * time.Second

// exec runs a statement and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err = again(ctx, func() error {
		result, err := s.db.ExecContext(ctx, s.speak(query), args...)
		if err == nil {
			rows, err = result.RowsAffected()
		}
		return err
	})
	return rows, err
}

// collect runs a query and returns what scan makes of each row.
func collect[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err = again(ctx, func() error {
		all = nil
		rows, err := s.db.QueryContext(ctx, s.speak(query), args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			v, err := scan(rows)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// forUpdate locks the rows that a query selects and passes over those that
// others have locked. SQLite has one writer at a time and needs no such thing.
const forUpdate = " FOR UPDATE SKIP LOCKED"

// speak turns a statement, written for PostgreSQL, into that of the dialect.
func (s *Store) speak(query string) string {
	if s.dialect == SQLite {
		// $1 would be a name to SQLite, which not every driver takes for the first argument.
		return strings.ReplaceAll(strings.ReplaceAll(query, "$", "?"), forUpdate, "")
	}
	return query
}

// again calls f until it returns something else than a passing fault, for a
// short time. Every statement of this package may be run twice (see the package's
// doc): the first run may have worked although its answer was lost. If the context has ended, that
// is the reason of an error, whatever the driver says about it.
func again(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	end := time.Now().Add(patience)
	for pause := firstPause; ; pause *= 2 {
		err := f()
		if passing(err) && time.Now().Before(end) && sleep(ctx, pause) == nil {
			continue
		}
		if reason := ctx.Err(); err != nil && reason != nil && !errors.Is(err, reason) {
			return fmt.Errorf("%w: %w", reason, err)
		}
		return err
	}
}

// passing tells whether an error is one of the connection or of a server that
// stops or starts, so that the next attempt may well succeed.
func passing(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if e, ok := errors.AsType[interface {
		error
		SQLState() string // PostgreSQL's drivers have this method
	}](err); ok {
		switch code := e.SQLState(); code {
		case "57P01", "57P02", "57P03", // the server stops, has crashed, or starts
			"40001", "40P01": // another transaction was in the way
			return true
		default:
			return strings.HasPrefix(code, "08") // the connection
		}
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// sleep waits for about d, so that those who wait do not wake up together.
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

// cleanup is a context for what must be done even if ctx has ended.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
}

// failed says what could not be done.
func failed(what string, err error) error { return fmt.Errorf("sqlstore: %s: %w", what, err) }
