package integration_test

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

// sqliteSettings are those of the package documentation.
const sqliteSettings = "?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)"

// mysqlSettings are those of the package documentation.
const mysqlSettings = "?interpolateParams=true"

// realm is that of all sessions here.
const realm = "next-auth"

// A source is a database that a test may open more than once, as replicas do.
type source struct {
	driver, name string
}

func (s source) connect(t testing.TB) *sql.DB { return connect(t, s.driver, s.name) }

// inEach runs a test with an empty database of each kind, at the same time. The test stops
// no server.
func inEach(t *testing.T, test func(t *testing.T, s source)) {
	noLeaks(t)
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, source{"sqlite", "file:" + filepath.Join(t.TempDir(), "sessions.db") + sqliteSettings})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		p := server(t)
		test(t, source{"pgx", p.url(p.newDatabase(t), "")})
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		m := mariaServer(t)
		test(t, source{"mysql", m.source(m.newDatabase(t), "", mysqlSettings)})
	})
}

// newStore opens a store. Its timeout is long unless the test sets one: the machine may
// be slow.
func newStore(t testing.TB, db *sql.DB, opts sqlstore.Options) *sqlstore.Store {
	t.Helper()
	opts.Timeout = cmp.Or(opts.Timeout, longTimeout)
	s, err := sqlstore.New(t.Context(), db, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A clock can be moved forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// conformance runs the suites of storetest against one database.
func conformance(t *testing.T, db *sql.DB, opts ...storetest.Option) {
	c := new(clock)
	s := newStore(t, db, sqlstore.Options{Now: c.now}) // one for all: New looks for a pooler with many statements
	open := func(*testing.T) *sqlstore.Store {
		c.ahead.Store(0)
		return s
	}
	opts = append(opts, storetest.Fault(func(broken bool) { renameTables(t, db, broken) }),
		storetest.Second(func(t *testing.T) any { return newStore(t, db, sqlstore.Options{Now: c.now}) }))
	clocked := append(slices.Clone(opts), storetest.Advance(func(d time.Duration) { c.advance(d) }))
	t.Run("Sessions", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Sessions { return open(t) }, clocked...)
	})
	t.Run("Index", func(t *testing.T) {
		storetest.RunIndex(t, func(t *testing.T) store.Sessions { return open(t) }, clocked...)
	})
	t.Run("Marks", func(t *testing.T) {
		storetest.RunMarks(t, func(t *testing.T) store.Marks { return open(t) }, clocked...)
	})
	t.Run("Counter", func(t *testing.T) {
		storetest.RunCounter(t, func(t *testing.T) store.Counter { return open(t) }, clocked...)
	})
	t.Run("Accounts", func(t *testing.T) {
		storetest.RunAccounts(t, func(t *testing.T) store.Accounts { return open(t) }, clocked...)
	})
	t.Run("Links", func(t *testing.T) {
		storetest.RunLinks(t, func(t *testing.T) store.Links { return open(t) }, clocked...)
	})
	t.Run("Locker", func(t *testing.T) {
		storetest.RunLocker(t, func(t *testing.T) store.Locker { return open(t) }, opts...)
	})
}

// tables are those that calls use.
var tables = []string{
	"nuxtauth_sessions", "nuxtauth_marks", "nuxtauth_locks", "nuxtauth_counts", "nuxtauth_users", "nuxtauth_accounts", "nuxtauth_links",
}

// expiring are those with rows that expire.
var expiring = []string{"nuxtauth_sessions", "nuxtauth_marks", "nuxtauth_locks", "nuxtauth_counts", "nuxtauth_links"}

// renameTables makes each call of a store fail, or work again.
func renameTables(t *testing.T, db *sql.DB, broken bool) {
	for _, table := range tables {
		from, to := table, "broken_"+table
		if !broken {
			from, to = to, from
		}
		if _, err := db.Exec("ALTER TABLE " + from + " RENAME TO " + to); err != nil {
			t.Fatal(err)
		}
	}
}

// lockTables makes each call of a store in PostgreSQL wait. It does nothing for lib/pq, which
// asks the server once to end a statement: the server ignores that unless it has begun the
// statement, and the call waits on. On a busy machine that is so now and then.
func lockTables(t *testing.T, driver string, db *sql.DB, tables []string) []storetest.Option {
	if driver == "postgres" {
		return nil
	}
	var tx *sql.Tx
	return []storetest.Option{storetest.Stall(func(stalled bool) {
		var err error
		if stalled {
			if tx, err = db.Begin(); err == nil {
				_, err = tx.Exec("LOCK TABLE " + strings.Join(tables, ", ") + " IN ACCESS EXCLUSIVE MODE")
			}
		} else {
			err = tx.Rollback()
		}
		if err != nil {
			t.Fatal(err)
		}
	})}
}

// The databases of a contract are tested at the same time.
func TestSQLite_Contract(t *testing.T) {
	noLeaks(t)
	t.Run("file", contractOnFile)
	t.Run("memory", contractInMemory)
	t.Run("own users", contractWithOwnUsers)
}

func contractOnFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sessions.db")
	conformance(t, connect(t, "sqlite", "file:"+path+sqliteSettings), storetest.Dump(func() []byte {
		var all []byte
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(path + suffix)
			if err != nil {
				t.Error(err)
			}
			all = append(all, b...)
		}
		return all
	}))
}

func contractInMemory(t *testing.T) {
	t.Parallel()
	db := connect(t, "sqlite", ":memory:")
	db.SetMaxOpenConns(1)
	conformance(t, db)
}

// The drivers and settings are those of the package documentation.
func TestPostgreSQL_Contract(t *testing.T) {
	noLeaks(t)
	for name, test := range map[string]struct{ driver, settings string }{
		"pgx":                  {"pgx", ""},
		"pgx behind PgBouncer": {"pgx", "&default_query_exec_mode=exec"},
		"pq":                   {"postgres", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := server(t)
			db := connect(t, test.driver, p.url(p.newDatabase(t), "")+test.settings)
			opts := []storetest.Option{storetest.Dump(func() []byte {
				var all string
				err := db.QueryRow(`SELECT string_agg(line, E'\n') FROM (
					SELECT s::text FROM nuxtauth_sessions s UNION ALL SELECT m::text FROM nuxtauth_marks m UNION ALL
					SELECT l::text FROM nuxtauth_locks l UNION ALL SELECT c::text FROM nuxtauth_counts c
				) AS lines (line)`).Scan(&all)
				if err != nil {
					t.Error(err)
				}
				return []byte(all)
			})}
			conformance(t, db, append(opts, lockTables(t, test.driver, db, tables)...)...)
		})
	}
}

// Settings of applications for which the driver answers otherwise.
func TestMariaDB_Contract(t *testing.T) {
	noLeaks(t)
	for name, settings := range map[string]string{
		"as documented": mysqlSettings,
		"of the driver": "",
		"found rows":    "?clientFoundRows=true",
		"of GORM":       "?charset=utf8mb4&parseTime=True&loc=Local&multiStatements=true",
		"modes": "?interpolateParams=true&clientFoundRows=true&time_zone=%27-05:00%27" +
			"&sql_mode=%27ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES,SIMULTANEOUS_ASSIGNMENT%27",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mariaServer(t)
			source := m.source(m.newDatabase(t), "", settings)
			db := connect(t, "mysql", source)
			conformance(t, db, lockTablesMySQL(t, db), storetest.Dump(func() []byte {
				var all []byte
				for _, table := range tables {
					rows, err := db.Query("SELECT * FROM " + table)
					if err != nil {
						t.Fatal(err)
					}
					defer rows.Close()
					columns, err := rows.Columns()
					if err != nil {
						t.Fatal(err)
					}
					for rows.Next() {
						row := make([]sql.RawBytes, len(columns))
						dest := make([]any, len(columns))
						for i := range row {
							dest[i] = &row[i]
						}
						if err := rows.Scan(dest...); err != nil {
							t.Fatal(err)
						}
						for _, value := range row {
							all = append(append(all, value...), '|')
						}
					}
					if err := rows.Err(); err != nil {
						t.Fatal(err)
					}
				}
				return all
			}))
		})
	}
}

// lockTablesMySQL makes each call of a store in MySQL wait.
func lockTablesMySQL(t *testing.T, db *sql.DB) storetest.Option {
	var conn *sql.Conn
	return storetest.Stall(func(stalled bool) {
		var err error
		if stalled {
			if conn, err = db.Conn(context.Background()); err == nil {
				_, err = conn.ExecContext(context.Background(), "LOCK TABLES "+strings.Join(tables, " WRITE, ")+" WRITE")
			}
		} else {
			_, err = conn.ExecContext(context.Background(), "UNLOCK TABLES")
			err = errors.Join(err, conn.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

// The names of leases may identify a user: they are not stored either.
func TestSQL_LeaseNamesAreNotStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	s := newStore(t, connect(t, "sqlite", "file:"+path+sqliteSettings), sqlstore.Options{})
	lease, err := s.Lock(t.Context(), "refresh:ada@example.com", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("ada@example.com")) {
			t.Errorf("%q has the name", "sessions.db"+suffix)
		}
	}
}

// Settings with which requests would fail later are refused.
func TestSQLite_SettingsAreChecked(t *testing.T) {
	file := connect(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "sessions.db"))
	memory := connect(t, "sqlite", ":memory:")
	for want, db := range map[string]*sql.DB{
		"_pragma=busy_timeout(5000)": file,
		"db.SetMaxOpenConns(1)":      memory,
	} {
		if s, err := sqlstore.New(t.Context(), db, sqlstore.Options{}); s != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, %v, want an error with %q", s, err, want)
		}
	}
}

// So are those with which MySQL would lose what is written.
func TestMariaDB_SettingsAreChecked(t *testing.T) {
	m := mariaServer(t)
	name := m.newDatabase(t)
	for settings, want := range map[string]string{
		"?sql_mode=%27%27": "sql_mode=%27STRICT_TRANS_TABLES%27",
		"?sql_mode=%27STRICT_ALL_TABLES,EMPTY_STRING_IS_NULL%27": "EMPTY_STRING_IS_NULL",
		"?autocommit=0":    "autocommit",
		"?charset=latin1":  "charset=utf8mb4",
		"?charset=utf8mb3": "charset=utf8mb4",
	} {
		db := connect(t, "mysql", m.source(name, "", settings))
		if s, err := sqlstore.New(t.Context(), db, sqlstore.Options{}); s != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: New = %v, %v, want an error with %q", settings, s, err, want)
		}
	}
}

// Two stores share a database, each with several connections: writers wait for each
// other, and none fails.
func TestSQL_WritersWait(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		var wg sync.WaitGroup
		for range 2 {
			s := newStore(t, src.connect(t), sqlstore.Options{})
			for range 4 {
				wg.Go(func() {
					for range 10 {
						if err := life(t.Context(), s); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
		}
		wg.Wait()
	})
}

// life creates, uses and ends a session, a user and a link.
func life(ctx context.Context, s *sqlstore.Store) error {
	r := &store.Record{Realm: realm, Subject: store.NewID(), ExpiresAt: time.Now().Add(time.Hour), Claims: []byte("{}")}
	handle, err := s.CreateSession(ctx, r)
	if err != nil {
		return err
	}
	if _, first, err := s.Mark(ctx, r.ID, time.Hour); err != nil || !first {
		return fmt.Errorf("Mark = %v, %w, want true", first, err)
	}
	if n, err := s.Count(ctx, r.ID, 1, time.Hour); err != nil || n != 1 {
		return fmt.Errorf("Count = %d, %v, want 1", n, err)
	}
	lease, err := s.Lock(ctx, "of all", time.Minute)
	if err != nil {
		return err
	}
	_, err = s.ReplaceSession(ctx, handle, r)
	lease.Release()
	if err != nil {
		return err
	}
	n, err := s.DeleteSessions(ctx, realm, r.Subject, "")
	if err == nil && n != 1 {
		err = fmt.Errorf("DeleteSessions = %d, want 1", n)
	}
	if err != nil {
		return err
	}
	u, a := &store.User{}, &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: r.ID}}
	if err := s.CreateUser(ctx, u, a); err != nil {
		return err
	}
	l := &store.Link{LinkKey: store.LinkKey{Purpose: "signin", Email: r.ID}, ExpiresAt: time.Now().Add(time.Hour)}
	if err := s.SaveLink(ctx, l); err != nil {
		return err
	}
	if _, err := s.TakeLink(ctx, l.LinkKey); err != nil {
		return err
	}
	return s.DeleteUser(ctx, u.ID)
}

// A call that waits for another writer ends with its context, and its connection serves
// the next call.
func TestSQL_WaitEndsWithTheContext(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		s := newStore(t, src.connect(t), sqlstore.Options{})
		r := &store.Record{Realm: realm, Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}
		handle, err := s.CreateSession(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		begin := map[string][]string{
			"pgx":    {"BEGIN", "LOCK TABLE nuxtauth_sessions IN ACCESS EXCLUSIVE MODE"},
			"sqlite": {"BEGIN IMMEDIATE"},
			"mysql":  {"BEGIN", "UPDATE nuxtauth_sessions SET ip = 'locked'"},
		}[src.driver]
		other, err := src.connect(t).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		for _, statement := range begin {
			if _, err := other.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := s.ReplaceSession(ctx, handle, r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ReplaceSession: %v, want %q", err, context.DeadlineExceeded)
		}
		if _, err := other.ExecContext(t.Context(), "COMMIT"); err != nil {
			t.Fatal(err)
		}
		got, err := s.FindSession(t.Context(), handle)
		if err != nil || got.Subject != "ada" || got.Version != 1 && src.driver != "mysql" { // which goes on with the statement
			t.Errorf("FindSession = %v, %v, want the session as it was", got, err)
		}
		for {
			if _, err = s.ReplaceSession(t.Context(), handle, r); !errors.Is(err, store.ErrConflict) || src.driver != "mysql" {
				break
			}
			r.Version = 2
		}
		if err != nil {
			t.Errorf("ReplaceSession: %v", err)
		}
	})
}

// A mark is later than the one that it replaces, even if the clock says otherwise.
func TestSQL_MarksWhenTheClockIsSetBack(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		db := src.connect(t)
		s := newStore(t, db, sqlstore.Options{})
		at, _, err := s.Mark(t.Context(), "a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		const hour = 3_600_000_000
		if _, err := db.ExecContext(t.Context(), fmt.Sprint("UPDATE nuxtauth_marks SET marked_at = ", at+hour)); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if got, first, err := s.Mark(t.Context(), "a", time.Hour); err != nil || first || got != at+hour+int64(i)+1 {
				t.Errorf("Mark = %d, %v, %v, want %d", got, first, err, at+hour+int64(i)+1)
			}
		}
	})
}

// The times of marks are those of the server in PostgreSQL, and of Options.Now in SQLite.
func TestSQL_ClockOfMarks(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		c := new(clock)
		c.advance(24 * time.Hour)
		s := newStore(t, src.connect(t), sqlstore.Options{Now: c.now})
		at, _, err := s.Mark(t.Context(), "a", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		want := time.Now()
		if src.driver == "sqlite" {
			want = c.now()
		}
		if got := time.UnixMicro(at); got.Sub(want).Abs() > time.Hour {
			t.Errorf("Mark = %v, want about %v", got, want)
		}
	})
}

// Rows that expired long ago are deleted, and not those that are alive or may be alive
// for a replica whose clock is behind.
func TestSQL_ExpiredRowsAreDeleted(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		db, c := src.connect(t), new(clock)
		s := newStore(t, db, sqlstore.Options{Now: c.now})
		ctx := t.Context()
		create := func(ttl time.Duration) {
			t.Helper()
			if _, err := s.CreateSession(ctx, &store.Record{Realm: realm, Subject: "ada", ExpiresAt: c.now().Add(ttl)}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Mark(ctx, store.NewID(), ttl); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Count(ctx, store.NewID(), 1, ttl); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Lock(ctx, store.NewID(), ttl); err != nil { // never released
				t.Fatal(err)
			}
			l := &store.Link{LinkKey: store.LinkKey{Purpose: "signin", Email: store.NewID()}, ExpiresAt: c.now().Add(ttl)}
			if err := s.SaveLink(ctx, l); err != nil {
				t.Fatal(err)
			}
		}
		rows := func(want int) {
			t.Helper()
			for _, table := range expiring {
				var n int
				if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != want {
					t.Errorf("%s has %d rows, %v, want %d", table, n, err, want)
				}
			}
		}
		create(time.Minute)
		create(time.Hour)
		c.advance(2 * time.Minute)
		create(time.Hour)
		rows(3)
		c.advance(5 * time.Minute)
		create(time.Hour) // the first has been expired for 6 minutes
		rows(3)
	})
}
