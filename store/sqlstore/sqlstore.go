package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Options of a [Store]. The zero value is usable.
type Options struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	// Dialect is the kind of the database; if it is empty, New asks the database.
	Dialect Dialect

	// SkipMigrations leaves the tables to the application, which runs the files of
	// [Migrations] first. New then only checks that they were run.
	SkipMigrations bool

	// Timeout bounds each statement, including the wait for a connection and retries; 0
	// means 5 seconds, and a negative one is an error. An earlier deadline of the context
	// comes first. A call is one statement. A ReplaceSession that fails is two, a Lock two,
	// and one more for each time that the name is taken, a TakeLink two, a SaveLink three,
	// and the methods that end sessions of a user two in MySQL; once a minute a call that
	// adds a row deletes expired ones with five more. A method of store.Accounts that
	// writes is one transaction of four to six statements, which Timeout bounds as a whole,
	// with the function that was passed. With OpenAuthJS it is five to nine, and so are
	// SaveLink, in two transactions, and TakeLink of links to sign in. New is bounded by its
	// context alone.
	Timeout time.Duration

	// Users are functions for a table of users that the application has. They are not
	// needed: applications without one refer to nuxtauth_users, or use [store.User.Extra].
	Users Users

	// Now is the clock of all that expires and, with SQLite, of the times of marks; nil
	// means time.Now.
	Now func() time.Time
}

const defaultTimeout = 5 * time.Second

// Store has all abilities of a store in a database, in tables whose names begin with
// "nuxtauth_". It is safe for concurrent use. It starts no goroutine and needs no
// closing; the database is the caller's to close.
type Store struct {
	db        *sql.DB
	dialect   Dialect
	timeout   time.Duration
	now       func() time.Time
	users     Users
	authjs    *authjs      // nil unless the users are in the tables of Auth.js
	find      *sql.Stmt    // findSession in SQLite; it closes with the database
	nextSweep atomic.Int64 // in milliseconds
}

var (
	_ store.Sessions = (*Store)(nil)
	_ store.Index    = (*Store)(nil)
	_ store.Marks    = (*Store)(nil)
	_ store.Locker   = (*Store)(nil)
	_ store.Counter  = (*Store)(nil)
	_ store.Accounts = (*Store)(nil)
	_ store.Links    = (*Store)(nil)
)

// New returns a store in db and brings its tables up to date. When several replicas call
// it at once, one migrates and the others wait. New leaves the tables of a later release
// as they are; each release works with the tables of the next. It needs the right to
// create tables only if they are not up to date. The database must run: if it may start
// later than the service, call New again until it succeeds. Another database, or settings
// with which a store does not work, are an error that says what to set.
func New(ctx context.Context, db *sql.DB, opts Options) (*Store, error) {
	return open(ctx, db, opts, nil)
}

func open(ctx context.Context, db *sql.DB, opts Options, a *authjs) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: the database is nil")
	}
	if opts.Timeout < 0 {
		return nil, fmt.Errorf("sqlstore: Options.Timeout is %v", opts.Timeout)
	}
	switch opts.Dialect {
	case "", PostgreSQL, SQLite, MySQL:
	default:
		return nil, fmt.Errorf("sqlstore: the dialect is %q: set Options.Dialect to %s", opts.Dialect, dialectNames)
	}
	s := &Store{db: db, dialect: opts.Dialect, timeout: cmp.Or(opts.Timeout, defaultTimeout), now: opts.Now, users: opts.Users, authjs: a}
	if s.now == nil {
		s.now = time.Now
	}
	if err := retry(ctx, func() error { return unsafePooler(s.open(ctx, opts.SkipMigrations)) }); err != nil {
		return nil, failed("open", err)
	}
	return s, nil
}

// Check reports whether the database answers, for a readiness probe. It reads a session
// that does not exist: one statement, which is retried as any other. An error is that of
// FindSession: the database is down, does not answer within [Options.Timeout], lacks the
// tables or refuses the role, or ctx has ended. Check writes nothing: it succeeds with a
// database that is read-only.
func (s *Store) Check(ctx context.Context) error {
	handle, _ := store.NewHandle()
	if _, err := s.FindSession(ctx, handle); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// open determines the dialect and prepares the database.
func (s *Store) open(ctx context.Context, skipMigrations bool) (err error) {
	if s.dialect == "" {
		if s.dialect, err = dialectOf(ctx, s.db); err != nil {
			return fmt.Errorf("ask the database for its version: %w", err)
		}
	}
	check := s.checkPooler
	switch s.dialect {
	case PostgreSQL:
	case SQLite:
		check = s.checkSQLite
	case MySQL:
		check = s.checkMySQL
	}
	if err := check(ctx); err != nil {
		return fmt.Errorf("check the connection: %w", err)
	}
	if err := s.migrate(ctx, skipMigrations); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if s.authjs != nil {
		if err := s.authjs.open(ctx, s); err != nil {
			return err
		}
	}
	if s.dialect == SQLite {
		if s.find, err = s.db.PrepareContext(ctx, forSQLite(findSession)); err != nil {
			return fmt.Errorf("prepare a statement: %w", err)
		}
	}
	return nil
}

// checkSQLite refuses settings with which requests would fail later, under load: a file
// without a busy timeout, and a database in memory, of which each connection would have
// its own.
func (s *Store) checkSQLite(ctx context.Context) error {
	files, err := queryAll(ctx, s, func(r scanner) (file string, err error) {
		var seq, name any
		return file, r.Scan(&seq, &name, &file)
	}, "PRAGMA database_list")
	if err != nil {
		return err
	}
	if len(files) == 0 || files[0] == "" { // the first is the main database
		if s.db.Stats().MaxOpenConnections != 1 {
			return errors.New("each connection has its own database in memory: call db.SetMaxOpenConns(1)")
		}
		return nil
	}
	var timeout int
	if err := s.db.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&timeout); err != nil {
		return err
	}
	if timeout <= 0 {
		return errors.New(`there is no busy timeout, without which writers fail instead of waiting: add "?_pragma=busy_timeout(5000)" to the name of the data source (modernc.org/sqlite), or "?_busy_timeout=5000" (mattn/go-sqlite3)`)
	}
	return nil
}

// millis is the time as the tables have it.
func (s *Store) millis() int64 { return s.now().UnixMilli() }
