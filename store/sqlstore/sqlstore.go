package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// A Dialect is the kind of a database.
type Dialect string

// The dialects that this package speaks.
const (
	PostgreSQL Dialect = "postgres"
	SQLite     Dialect = "sqlite"
)

// Options change what [New] does. The zero value is good for most.
type Options struct {
	// Dialect is the kind of the database. Empty means that New asks it.
	Dialect Dialect

	// SkipMigrations leaves the tables to you: run the files of [Migrations]
	// before. New then only checks that they were run.
	SkipMigrations bool

	// Timeout bounds each statement, with the wait for a connection and further
	// attempts; 0 means 5 seconds. An earlier deadline of a call's context comes
	// first. A call is one statement. Replace is one more when it fails, Lock
	// one more for each look at the lock, and once a minute a call that adds
	// something deletes what has expired with four more. New is bounded by its
	// context alone.
	Timeout time.Duration

	// Now is the clock by which things expire. Nil means time.Now.
	Now func() time.Time
}

const defaultTimeout = 5 * time.Second

// A Store keeps sessions, marks, locks and counts in a database, in tables whose names
// begin with "nuxtauth_". Its methods may be called from many goroutines. It
// starts none, and there is nothing to close but the database, which stays the
// caller's.
type Store struct {
	db        *sql.DB
	dialect   Dialect
	timeout   time.Duration
	now       func() time.Time
	nextSweep atomic.Int64 // in milliseconds
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Marks   = (*Store)(nil)
	_ store.Locker  = (*Store)(nil)
	_ store.Counter = (*Store)(nil)
)

// New returns a store in db and brings its tables up to date. Replicas may do
// so at the same time: one does it, the others wait. A database that a later
// release has changed already is left as it is; each release works with the
// tables of the next. Where the tables are up to date, New needs no right to
// create any. It needs the database: where that may start later than the
// service, call New again until it succeeds.
func New(ctx context.Context, db *sql.DB, opts Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: the database is nil")
	}
	if opts.Timeout < 0 {
		return nil, fmt.Errorf("sqlstore: Options.Timeout is %v", opts.Timeout)
	}
	switch opts.Dialect {
	case "", PostgreSQL, SQLite:
	default:
		return nil, fmt.Errorf("sqlstore: the dialect is %q: set Options.Dialect to sqlstore.PostgreSQL or sqlstore.SQLite", opts.Dialect)
	}
	s := &Store{db: db, dialect: opts.Dialect, timeout: cmp.Or(opts.Timeout, defaultTimeout), now: opts.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if err := again(ctx, func() error { return s.open(ctx, opts.SkipMigrations) }); err != nil {
		return nil, failed("open", err)
	}
	return s, nil
}

// open finds out what the database is and makes it ready.
func (s *Store) open(ctx context.Context, skipMigrations bool) (err error) {
	if s.dialect == "" {
		if s.dialect, err = dialectOf(ctx, s.db); err != nil {
			return fmt.Errorf("ask the database what it is: %w", err)
		}
	}
	if s.dialect == SQLite {
		if err := s.checkSQLite(ctx); err != nil {
			return fmt.Errorf("check the connection to SQLite: %w", err)
		}
	}
	if err := s.migrate(ctx, skipMigrations); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// dialectOf asks the database itself: drivers are often wrapped, so that their
// types say little.
func dialectOf(ctx context.Context, db *sql.DB) (Dialect, error) {
	var version string
	err := db.QueryRowContext(ctx, "SELECT version()").Scan(&version)
	if err == nil {
		if strings.HasPrefix(version, "PostgreSQL ") {
			return PostgreSQL, nil
		}
		return "", fmt.Errorf("it says %q, and only PostgreSQL and SQLite are supported: if it speaks like one of them, set Options.Dialect to sqlstore.PostgreSQL or sqlstore.SQLite", version)
	}
	if !passing(err) && db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version) == nil {
		return SQLite, nil
	}
	return "", err
}

// checkSQLite refuses settings with which requests would fail later, under
// load: a file without a busy timeout, and a database in memory that each
// connection would have for itself.
func (s *Store) checkSQLite(ctx context.Context) error {
	files, err := collect(ctx, s, func(r *sql.Rows) (file string, err error) {
		var seq, name any
		return file, r.Scan(&seq, &name, &file)
	}, "PRAGMA database_list")
	if err != nil {
		return err
	}
	if len(files) == 0 || files[0] == "" { // the first is the main database
		if s.db.Stats().MaxOpenConnections != 1 {
			return errors.New("a database in memory belongs to one connection: call db.SetMaxOpenConns(1)")
		}
		return nil
	}
	var timeout int
	if err := s.db.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&timeout); err != nil {
		return err
	}
	if timeout <= 0 {
		return errors.New(`there is no busy timeout, so that writers would fail instead of waiting: add "?_pragma=busy_timeout(5000)" to the name of the data source (modernc.org/sqlite), or "?_busy_timeout=5000" (mattn/go-sqlite3)`)
	}
	return nil
}

// millis is a time as the tables keep it.
func (s *Store) millis() int64 { return s.now().UnixMilli() }
