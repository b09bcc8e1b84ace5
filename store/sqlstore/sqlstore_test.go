package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// sqlState is an error of the drivers of PostgreSQL.
type sqlState string

func (s sqlState) Error() string    { return "SQLSTATE " + string(s) }
func (s sqlState) SQLState() string { return string(s) }

// opened returns a store over a scripted PostgreSQL.
func opened(t *testing.T, answer script) (*sqlstore.Store, *statements) {
	t.Helper()
	db, a := open(t, postgres(answer))
	s, err := sqlstore.New(t.Context(), db, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s, a
}

// mysqlError is an error as that of go-sql-driver/mysql.
type mysqlError struct {
	Number  uint16
	Message string
}

func (e *mysqlError) Error() string { return fmt.Sprintf("Error %d: %s", e.Number, e.Message) }

const realm = "next-auth"

// sessionRow is the row of a session with a key, as FindSession reads it.
func sessionRow(key []byte) [][]driver.Value {
	return row("id", int64(3), realm, "ada", "github", "583231", "sid", int64(1), int64(2), int64(4), "::1", "curl", key, []byte("{}"))
}

// listRow is the row of a session of a user, as ListSessions reads it.
func listRow(subject string) [][]driver.Value {
	return row("id", int64(3), realm, subject, "github", "583231", "sid", int64(1), int64(2), int64(4), "::1", "curl")
}

func TestSQL_NewErrors(t *testing.T) {
	says := func(version string) *sql.DB {
		db, _ := open(t, func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
			if query == "SELECT version()" {
				return row(version), nil
			}
			return nil, errors.New("no such function")
		})
		return db
	}
	down, _ := open(t, func(string, []driver.NamedValue) ([][]driver.Value, error) {
		return nil, errors.New("the cable is cut")
	})
	tables := func(version int64) *sql.DB {
		db, _ := open(t, func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
			return row(version), nil
		})
		return db
	}
	settings := func(version, mode string) *sql.DB {
		db, _ := open(t, func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
			if query == "SELECT version()" {
				return row(version), nil
			}
			return row(version, mode, int64(1), "utf8mb4", "utf8mb4"), nil
		})
		return db
	}
	for name, test := range map[string]struct {
		db   *sql.DB
		opts sqlstore.Options
		want string
	}{
		"no database":         {nil, sqlstore.Options{}, "nil"},
		"another database":    {says("CockroachDB CCL v24.1.0"), sqlstore.Options{}, "Options.Dialect"},
		"another dialect":     {says(""), sqlstore.Options{Dialect: "oracle"}, "sqlstore.PostgreSQL, sqlstore.SQLite or sqlstore.MySQL"},
		"an old MySQL":        {settings("5.7.44-log", "STRICT_TRANS_TABLES"), sqlstore.Options{}, "MySQL 8.0 or MariaDB 10.6"},
		"an old MariaDB":      {settings("10.5.29-MariaDB", "STRICT_TRANS_TABLES"), sqlstore.Options{}, "MySQL 8.0 or MariaDB 10.6"},
		"MySQL not strict":    {settings("8.0.44", "NO_ZERO_DATE"), sqlstore.Options{}, "sql_mode=%27STRICT_TRANS_TABLES%27"},
		"a database down":     {down, sqlstore.Options{}, "the cable is cut"},
		"migrations not run":  {tables(0), sqlstore.Options{Dialect: sqlstore.PostgreSQL, SkipMigrations: true}, "sqlstore.Migrations"},
		"the last not run":    {tables(newestVersion - 1), sqlstore.Options{Dialect: sqlstore.PostgreSQL, SkipMigrations: true}, "sqlstore.Migrations"},
		"down, dialect known": {down, sqlstore.Options{Dialect: sqlstore.SQLite}, "the cable is cut"},
		"a negative timeout":  {down, sqlstore.Options{Timeout: -1}, "Options.Timeout"},
	} {
		s, err := sqlstore.New(t.Context(), test.db, test.opts)
		if s != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "sqlstore: ") {
			t.Errorf("%s: New = %v, %v, want an error with %q", name, s, err, test.want)
		}
	}
}

// A role without the right to create tables can call New once they exist.
func TestSQL_NewChangesNoTablesUpToDate(t *testing.T) {
	_, a := opened(t, func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
		return nil, fmt.Errorf("permission denied: %s", query)
	})
	if a.times("CREATE") != 0 || a.times("BEGIN") != 0 {
		t.Errorf("New ran %q", a.all)
	}
}

// A service may start at the same time as its database.
func TestSQL_NewRetriesWhileTheServerStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults, started := 3, postgres(nil)
		db, _ := open(t, func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
			if faults--; faults >= 0 {
				return nil, sqlState("57P03")
			}
			return started(query, args)
		})
		if _, err := sqlstore.New(t.Context(), db, sqlstore.Options{}); err != nil {
			t.Error(err)
		}
	})
}

func TestSQL_RetriesBrokenConnections(t *testing.T) {
	for name, fault := range map[string]error{
		"closed in the middle": io.ErrUnexpectedEOF,
		"closed":               fmt.Errorf("read: %w", io.EOF),
		"reset":                &net.OpError{Op: "read", Err: syscall.ECONNRESET},
		"refused":              &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"server stops":         sqlState("57P01"),
		"server has crashed":   sqlState("57P02"),
		"server starts":        sqlState("57P03"),
		"connection failure":   sqlState("08006"),
		"serialization":        sqlState("40001"),
		"MySQL broke":          fmt.Errorf("read: %w", errors.New("invalid connection")),
		"MySQL deadlock":       &mysqlError{1213, "Deadlock found"},
		"MySQL lock wait":      fmt.Errorf("wrapped: %w", &mysqlError{1205, "Lock wait timeout exceeded"}),
		"MySQL stops":          &mysqlError{1053, "Server shutdown in progress"},
		"MariaDB killed":       &mysqlError{1927, "Connection was killed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dialect := postgres
				if strings.HasPrefix(name, "M") {
					dialect = mysql
				}
				handle, key := store.NewHandle()
				faults := 3
				db, _ := open(t, dialect(func(string, []driver.NamedValue) ([][]driver.Value, error) {
					if faults--; faults >= 0 {
						return nil, fault
					}
					return sessionRow(key[:]), nil
				}))
				s, err := sqlstore.New(t.Context(), db, sqlstore.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if r, err := s.FindSession(t.Context(), handle); err != nil || r.Subject != "ada" {
					t.Errorf("FindSession = %v, %v, want the session", r, err)
				}
			})
		})
	}
}

// PostgreSQL looks for deadlocks after a second (deadlock_timeout).
func TestSQL_RetriesDeadlockThatIsReportedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handle, key := store.NewHandle()
		for faults, want := range map[int]bool{1: true, 2: true, 100: false} {
			s, _ := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) {
				if faults--; faults >= 0 {
					time.Sleep(1100 * time.Millisecond)
					return nil, sqlState("40P01")
				}
				return sessionRow(key[:]), nil
			})
			began := time.Now()
			_, err := s.FindSession(t.Context(), handle)
			if (err == nil) != want || time.Since(began) > 4*time.Second {
				t.Errorf("FindSession returns %v after %v", err, time.Since(began))
			}
		}
	})
}

// A fault says neither that a session exists nor that it does not.
func TestSQL_FaultIsNotNotFound(t *testing.T) {
	for name, fault := range map[string]error{
		"down":             &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"no rights":        sqlState("42501"),
		"MySQL: no rights": &mysqlError{1142, "SELECT command denied"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dialect := postgres
				if strings.HasPrefix(name, "MySQL") {
					dialect = mysql
				}
				db, a := open(t, dialect(func(string, []driver.NamedValue) ([][]driver.Value, error) { return nil, fault }))
				s, err := sqlstore.New(t.Context(), db, sqlstore.Options{})
				if err != nil {
					t.Fatal(err)
				}
				handle, _ := store.NewHandle()
				r := &store.Record{Realm: realm, Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}
				began := time.Now()
				calls := map[string]func() error{
					"CreateSession":   func() error { _, err := s.CreateSession(t.Context(), r); return err },
					"FindSession":     func() error { _, err := s.FindSession(t.Context(), handle); return err },
					"ReplaceSession":  func() error { _, err := s.ReplaceSession(t.Context(), handle, r); return err },
					"DeleteSession":   func() error { return s.DeleteSession(t.Context(), handle) },
					"ListSessions":    func() error { _, err := s.ListSessions(t.Context(), realm, "ada", 10); return err },
					"DeleteSessions":  func() error { _, err := s.DeleteSessions(t.Context(), realm, "ada", ""); return err },
					"Mark":            func() error { _, _, err := s.Mark(t.Context(), "a", time.Hour); return err },
					"Marked":          func() error { _, err := s.Marked(t.Context(), "a"); return err },
					"Count":           func() error { _, err := s.Count(t.Context(), "a", 1, time.Hour); return err },
					"Count reads":     func() error { _, err := s.Count(t.Context(), "a", 0, 0); return err },
					"Count subtracts": func() error { _, err := s.Count(t.Context(), "a", -1, 0); return err },
					"Check":           func() error { return s.Check(t.Context()) },
					"Lock":            func() error { _, err := s.Lock(t.Context(), "a", time.Minute); return err },
				}
				for call, f := range calls {
					err := f()
					if !errors.Is(err, fault) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
						t.Errorf("%s: %v, want %v", call, err, fault)
					}
				}
				if r.ID != "" || r.Version != 0 {
					t.Errorf("CreateSession failed and left ID %q and Version %d", r.ID, r.Version)
				}
				if strings.HasSuffix(name, "no rights") && a.times("claims FROM") != 2 {
					t.Errorf("FindSession and Check sent a statement that is not permitted %d times", a.times("claims FROM"))
				}
				if took := time.Since(began); took > time.Duration(len(calls))*2*time.Second {
					t.Errorf("%d calls took %v: each waits for a second or so", len(calls), took)
				}
			})
		})
	}
}

func TestSQL_Check(t *testing.T) {
	s, a := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) { return nil, nil })
	before := a.times("")
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if n := a.times("") - before; n != 1 {
		t.Errorf("Check is %d statements, want 1", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Check(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Check: %v, want %q", err, context.Canceled)
	}
}

// The deadline of the context ends the retries.
func TestSQL_ContextEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) { return nil, io.ErrUnexpectedEOF })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		handle, _ := store.NewHandle()
		began := time.Now()
		_, err := s.FindSession(ctx, handle)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 50*time.Millisecond {
			t.Errorf("FindSession after %v: %v, want %v", time.Since(began), err, context.DeadlineExceeded)
		}
	})
}

// Without a deadline of the context, Options.Timeout ends the wait.
func TestSQL_TimeoutEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _ := open(t, postgres(nil))
		s, err := sqlstore.New(t.Context(), db, sqlstore.Options{Timeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		conn, err := db.Conn(t.Context()) // the last one
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		handle, _ := store.NewHandle()
		began := time.Now()
		_, err = s.FindSession(t.Context(), handle)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("FindSession after %v: %v, want %v", time.Since(began), err, context.DeadlineExceeded)
		}
	})
}

// A first attempt that succeeded, and whose answer was lost, is still the first mark.
func TestSQL_MarkIsFirstAfterALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first driver.Value
		s, _ := opened(t, func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
			if !strings.Contains(query, "INSERT INTO nuxtauth_marks") {
				return nil, nil
			}
			if first == nil {
				first = args[1].Value
				return nil, io.ErrUnexpectedEOF
			}
			return row(int64(7), first), nil
		})
		for _, want := range []bool{true, false} {
			if at, first, err := s.Mark(t.Context(), "jti", time.Hour); err != nil || at != 7 || first != want {
				t.Errorf("Mark = %d, %v, %v, want 7, %v", at, first, err, want)
			}
		}
	})
}

// A lease that was released is lost, even if the database did not receive that.
func TestSQL_ReleasedLeaseIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := opened(t, func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
			switch {
			case strings.HasPrefix(query, "SELECT"):
				return nil, nil
			case strings.HasPrefix(query, "DELETE"):
				return nil, io.ErrUnexpectedEOF
			}
			return row(int64(1)), nil
		})
		lease, err := s.Lock(t.Context(), "a", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := lease.Extend(t.Context(), time.Minute); err != nil {
			t.Errorf("Extend: %v", err)
		}
		began := time.Now()
		lease.Release()
		if took := time.Since(began); took > 3*time.Second || a.times("DELETE FROM nuxtauth_locks WHERE key") < 2 {
			t.Errorf("Release took %v for %d attempts, want several within 2 s", took, a.times("DELETE FROM nuxtauth_locks WHERE key"))
		}
		if err := lease.Extend(t.Context(), time.Minute); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("Extend = %v, want %q", err, store.ErrLeaseLost)
		}
	})
}

// An error of a sweep is not one of the call that started it, and only one call in a
// minute starts one.
func TestSQL_SweepErrorsAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := opened(t, func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
			if strings.Contains(query, "DELETE") {
				return nil, sqlState("42501")
			}
			return row(int64(1)), nil
		})
		create := func() {
			if _, err := s.CreateSession(t.Context(), &store.Record{Realm: realm, Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		create()
		create()
		if n := a.times("DELETE"); n != 1 {
			t.Errorf("two calls in a minute swept %d times, want 1", n)
		}
		time.Sleep(time.Minute)
		create()
		if n := a.times("DELETE"); n != 2 {
			t.Errorf("a call a minute later: swept %d times in all, want 2", n)
		}
	})
}

// All dialects have the same migrations.
func TestSQL_DialectsHaveTheSameMigrations(t *testing.T) {
	files := sqlstore.Migrations()
	names := func(d sqlstore.Dialect) (all []string) {
		found, err := fs.Glob(files, path.Join(string(d), "*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range found {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			sql := string(text)
			if !strings.HasPrefix(path.Base(name), fmt.Sprintf("%04d_", i+1)) {
				t.Errorf("%s is number %d", name, i+1)
			}
			if d == sqlstore.MySQL && strings.Count(sql, ";") != strings.Count(sql, ";\n") {
				t.Errorf("%s has a semicolon within a statement, which New would cut there", name)
			}
			if !strings.HasPrefix(sql, "-- +goose Up\n") || strings.Contains(sql, "goose Down") {
				t.Errorf("%s does not begin with its goose mark, or goes down", name)
			}
			if !strings.Contains(sql, fmt.Sprintf("INSERT INTO nuxtauth_schema (version) VALUES (%d)", i+1)) {
				t.Errorf("%s does not enter its version", name)
			}
			if strings.Contains(strings.ToUpper(sql), "DROP ") {
				t.Errorf("%s drops something that the release before may need", name)
			}
			all = append(all, path.Base(name))
		}
		return all
	}
	postgres := names(sqlstore.PostgreSQL)
	for _, d := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.MySQL} {
		if got := names(d); len(postgres) == 0 || strings.Join(postgres, " ") != strings.Join(got, " ") {
			t.Errorf("PostgreSQL has %q, %s %q", postgres, d, got)
		}
	}
}
