package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed migrations
var files embed.FS

// advisoryLock is the lock of migrations in PostgreSQL: "nuxtauth" in ASCII.
const advisoryLock = 0x6e75787461757468

// Migrations returns the SQL files that create the tables, in a folder for each
// [Dialect], such as postgres/0001_sessions.sql. Applications with a migration tool run
// them in the order of their names, each once, and set Options.SkipMigrations; goose
// reads the files as they are. Those of MySQL need multiStatements=true if a tool runs a
// file as one statement. Each file inserts its number into the table
// nuxtauth_schema, so that New and the tool can take turns. A file only adds.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		return files // only a malformed name is an error
	}
	return sub
}

// A migration is one file.
type migration struct {
	version int64
	sql     string
}

func migrationsOf(d Dialect) ([]migration, error) {
	names, err := fs.Glob(files, path.Join("migrations", string(d), "*.sql")) // sorted
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the name of %s does not begin with its number: %w", name, err)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version, string(text)})
	}
	return all, nil
}

// migrate runs the missing migrations, or reports them as an error if skip is set.
func (s *Store) migrate(ctx context.Context, skip bool) error {
	all, err := migrationsOf(s.dialect)
	if err != nil {
		return err
	}
	newest := all[len(all)-1].version
	have, err := s.schemaVersion(ctx, s.db)
	if err != nil || have >= newest {
		return err
	}
	if skip {
		return fmt.Errorf("the tables have version %d, and %d is needed: run the files of sqlstore.Migrations, or let New do it", have, newest)
	}
	return s.withMigrationLock(ctx, func(conn *sql.Conn) error {
		have, err := s.schemaVersion(ctx, conn) // another replica may have been first
		if err != nil {
			return err
		}
		for _, m := range all {
			if m.version <= have {
				continue
			}
			for _, statement := range s.statementsOf(m) {
				if _, err := conn.ExecContext(ctx, statement); err != nil {
					return fmt.Errorf("to version %d: %w", m.version, err)
				}
			}
		}
		return nil
	})
}

// statementsOf returns what to run at once. A connection to MySQL takes one statement at a
// time, unless the application has set multiStatements; no file has a semicolon elsewhere.
func (s *Store) statementsOf(m migration) []string {
	if s.dialect != MySQL {
		return []string{m.sql}
	}
	return strings.Split(strings.TrimSuffix(strings.TrimSpace(m.sql), ";"), ";")
}

// schemaVersion returns the number of the last migration, 0 if there was none.
func (s *Store) schemaVersion(ctx context.Context, db handle) (version int64, err error) {
	// to_regclass would answer from the cache of the connection, which does not see
	// what another replica did while this one waited for the lock.
	exists := "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'nuxtauth_schema' AND pg_catalog.pg_table_is_visible(oid)"
	switch s.dialect {
	case SQLite:
		exists = "SELECT count(*) FROM sqlite_master WHERE name = 'nuxtauth_schema'"
	case PostgreSQL:
	case MySQL:
		exists = "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name = 'nuxtauth_schema'"
	}
	for _, statement := range []string{exists, "SELECT coalesce(max(version), 0) FROM nuxtauth_schema"} {
		if version, err = first(queryOnce(ctx, s.dialect, db, scan[int64], statement)); err != nil || version == 0 {
			return 0, err
		}
	}
	return version, nil
}

// withMigrationLock runs f on one connection, in one replica at a time.
func (s *Store) withMigrationLock(ctx context.Context, f func(*sql.Conn) error) (err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if s.dialect == MySQL {
		return withNamedLock(ctx, conn, f)
	}
	// The lock is one of the transaction, and ends with it in any case. In a stricter
	// isolation, which may be the default of a role, a transaction does not see the
	// changes that were made while it waited for the lock.
	begin := s.begin()
	if s.dialect == PostgreSQL {
		begin = append(begin, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", advisoryLock))
	}
	return inTransaction(ctx, conn, begin, func() error { return f(conn) })
}

// namedLockWait is how long a statement waits for the lock of migrations in MySQL, in
// seconds. The next one goes on waiting.
const namedLockWait = 10

// withNamedLock runs f with the lock of migrations in MySQL, which is one of the server
// and of a connection. There are no transactions that create tables: the files can be
// run again after a fault, and so also in two nodes of a cluster at once.
func withNamedLock(ctx context.Context, conn *sql.Conn, f func(*sql.Conn) error) error {
	for locked := false; !locked; {
		var got sql.Null[bool]
		if err := conn.QueryRowContext(ctx, "SELECT get_lock('nuxtauth_migrations', ?)", namedLockWait).Scan(&got); err != nil {
			return err
		}
		if locked = got.V; !got.Valid {
			return errors.New("the server has no lock for migrations")
		}
	}
	defer func() {
		ctx, cancel := cleanup(ctx)
		defer cancel()
		if _, err := conn.ExecContext(ctx, "DO release_lock('nuxtauth_migrations')"); err != nil {
			discard(conn)
		}
	}()
	return f(conn)
}
