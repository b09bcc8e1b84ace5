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

// sqliteSettings are those that the package's doc recommends.
const sqliteSettings = "?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)"

// A source is a database that a test may open more than once, as replicas do.
type source struct {
	driver, name string
}

func (s source) connect(t testing.TB) *sql.DB { return connect(t, s.driver, s.name) }

// inEach runs a test with an empty database of each kind.
func inEach(t *testing.T, test func(t *testing.T, s source)) {
	t.Run("SQLite", func(t *testing.T) {
		noLeaks(t)
		test(t, source{"sqlite", "file:" + filepath.Join(t.TempDir(), "sessions.db") + sqliteSettings})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		p := server(t)
		noLeaks(t)
		test(t, source{"pgx", p.url(p.newDatabase(t), "")})
	})
}

// newStore opens a store, and fails the test if it can't. Unless a test says
// otherwise the store is patient: the machine may be slow.
func newStore(t testing.TB, db *sql.DB, opts sqlstore.Options) *sqlstore.Store {
	t.Helper()
	opts.Timeout = cmp.Or(opts.Timeout, patience)
	s, err := sqlstore.New(t.Context(), db, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A clock runs ahead of the real one as far as a test says.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// conformance runs the suites of storetest against one database.
func conformance(t *testing.T, db *sql.DB, opts ...storetest.Option) {
	var c *clock
	open := func(t *testing.T) *sqlstore.Store {
		c = new(clock)
		return newStore(t, db, sqlstore.Options{Now: c.now})
	}
	opts = append(opts, storetest.Advance(func(d time.Duration) { c.advance(d) }))
	t.Run("Store", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return open(t) }, opts...)
	})
	t.Run("Marks", func(t *testing.T) {
		storetest.RunMarks(t, func(t *testing.T) store.Marks { return open(t) }, opts...)
	})
	t.Run("Counter", func(t *testing.T) {
		storetest.RunCounter(t, func(t *testing.T) store.Counter { return open(t) }, opts...)
	})
	t.Run("Locker", func(t *testing.T) {
		storetest.RunLocker(t, func(t *testing.T) store.Locker { return open(t) })
	})
}

func TestSQLiteFile(t *testing.T) {
	noLeaks(t)
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

func TestSQLiteInMemory(t *testing.T) {
	noLeaks(t)
	db := connect(t, "sqlite", ":memory:")
	db.SetMaxOpenConns(1)
	conformance(t, db)
}

// The drivers and settings that the package's doc names.
func TestPostgreSQL(t *testing.T) {
	for name, test := range map[string]struct{ driver, settings string }{
		"pgx":                  {"pgx", ""},
		"pgx behind PgBouncer": {"pgx", "&default_query_exec_mode=exec"},
		"pq":                   {"postgres", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := server(t)
			noLeaks(t)
			db := connect(t, test.driver, p.url(p.newDatabase(t), "")+test.settings)
			conformance(t, db, storetest.Dump(func() []byte {
				var all string
				err := db.QueryRow(`SELECT string_agg(line, E'\n') FROM (
					SELECT s::text FROM nuxtauth_sessions s UNION ALL SELECT m::text FROM nuxtauth_marks m UNION ALL
					SELECT l::text FROM nuxtauth_locks l UNION ALL SELECT c::text FROM nuxtauth_counts c
				) AS lines (line)`).Scan(&all)
				if err != nil {
					t.Error(err)
				}
				return []byte(all)
			}))
		})
	}
}

// Names of marks and locks may say who somebody is: they are not kept either.
func TestNamesOfMarksAndLocksAreNotKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	s := newStore(t, connect(t, "sqlite", "file:"+path+sqliteSettings), sqlstore.Options{})
	if _, err := s.Mark(t.Context(), "user:ada@example.com", 1, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	unlock, err := s.Lock(t.Context(), "refresh:ada@example.com", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for _, suffix := range []string{"", "-wal"} {
		kept, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(kept, []byte("ada@example.com")) {
			t.Errorf("%q keeps the name", "sessions.db"+suffix)
		}
	}
}

// Settings of SQLite that would make requests fail later are refused at once.
func TestSQLiteSettingsAreChecked(t *testing.T) {
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

// Two processes with one database, each with several connections: everybody
// waits for the others, and nobody fails.
func TestWritersWaitForEachOther(t *testing.T) {
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

// life is what happens to a session from its beginning to its end.
func life(ctx context.Context, s *sqlstore.Store) error {
	r := &store.Record{Subject: store.NewID(), ExpiresAt: time.Now().Add(time.Hour), Claims: []byte("{}")}
	handle, err := s.Create(ctx, r)
	if err != nil {
		return err
	}
	if _, err := s.Mark(ctx, r.ID, 1, r.ExpiresAt); err != nil {
		return err
	}
	if n, err := s.Count(ctx, r.ID, 1, time.Hour); err != nil || n != 1 {
		return fmt.Errorf("Count = %d, %v, want 1", n, err)
	}
	unlock, err := s.Lock(ctx, "everybody's", time.Minute)
	if err != nil {
		return err
	}
	_, err = s.Replace(ctx, handle, r)
	unlock()
	if err != nil {
		return err
	}
	n, err := s.DeleteWhere(ctx, store.Filter{Subject: r.Subject})
	if err == nil && n != 1 {
		err = errors.New("the session was not there at its end")
	}
	return err
}

// A request that waits for another writer ends with its context, and the
// connection that it waited on serves the next.
func TestAWaitingRequestEndsWithItsContext(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		s := newStore(t, src.connect(t), sqlstore.Options{})
		r := &store.Record{Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}
		handle, err := s.Create(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		begin := "BEGIN; LOCK TABLE nuxtauth_sessions IN ACCESS EXCLUSIVE MODE"
		if src.driver == "sqlite" {
			begin = "BEGIN IMMEDIATE"
		}
		other, err := src.connect(t).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if _, err := other.ExecContext(t.Context(), begin); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := s.Replace(ctx, handle, r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Replace: %v, want %q", err, context.DeadlineExceeded)
		}
		if _, err := other.ExecContext(t.Context(), "COMMIT"); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Find(t.Context(), handle); err != nil || got.Subject != "ada" || got.Version != 1 {
			t.Errorf("Find = %v, %v, want the session as it was", got, err)
		}
		if _, err := s.Replace(t.Context(), handle, r); err != nil {
			t.Errorf("Replace: %v", err)
		}
	})
}

// Rows that expired long ago go away by themselves; what lives stays, and so
// does what may live for a replica whose clock is behind.
func TestExpiredRowsAreDeleted(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		db, c := src.connect(t), new(clock)
		s := newStore(t, db, sqlstore.Options{Now: c.now})
		ctx := t.Context()
		create := func(life time.Duration) {
			t.Helper()
			if _, err := s.Create(ctx, &store.Record{Subject: "ada", ExpiresAt: c.now().Add(life)}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Mark(ctx, store.NewID(), 1, c.now().Add(life)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Count(ctx, store.NewID(), 1, life); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Lock(ctx, store.NewID(), life); err != nil { // never freed
				t.Fatal(err)
			}
		}
		rows := func(want int) {
			t.Helper()
			for _, table := range []string{"nuxtauth_sessions", "nuxtauth_marks", "nuxtauth_locks", "nuxtauth_counts"} {
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
