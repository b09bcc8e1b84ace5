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

// sqlState is an error as PostgreSQL's drivers return it.
type sqlState string

func (s sqlState) Error() string    { return "SQLSTATE " + string(s) }
func (s sqlState) SQLState() string { return string(s) }

// opened returns a store over a scripted PostgreSQL.
func opened(t *testing.T, answer script) (*sqlstore.Store, *asked) {
	t.Helper()
	db, a := open(t, postgres(answer))
	s, err := sqlstore.New(t.Context(), db, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s, a
}

// sessionRow is the row of a session under a key, as Find reads it.
func sessionRow(key []byte) [][]driver.Value {
	return row("id", int64(3), "ada", "github", "583231", "sid", int64(1), int64(2), int64(4), "::1", "curl", key, []byte("{}"))
}

// listRow is the row of a session of a user, as List reads it.
func listRow(subject string) [][]driver.Value {
	return row("id", int64(3), subject, "github", "583231", "sid", int64(1), int64(2), int64(4), "::1", "curl")
}

func TestNewSaysWhatIsWrong(t *testing.T) {
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
	for name, test := range map[string]struct {
		db   *sql.DB
		opts sqlstore.Options
		want string
	}{
		"no database":         {nil, sqlstore.Options{}, "nil"},
		"another database":    {says("11.4.2-MariaDB"), sqlstore.Options{}, "Options.Dialect"},
		"another dialect":     {says(""), sqlstore.Options{Dialect: "mysql"}, "sqlstore.PostgreSQL or sqlstore.SQLite"},
		"a database down":     {down, sqlstore.Options{}, "the cable is cut"},
		"migrations not run":  {tables(0), sqlstore.Options{Dialect: sqlstore.PostgreSQL, SkipMigrations: true}, "sqlstore.Migrations"},
		"the last not run":    {tables(1), sqlstore.Options{Dialect: sqlstore.PostgreSQL, SkipMigrations: true}, "sqlstore.Migrations"},
		"down, dialect known": {down, sqlstore.Options{Dialect: sqlstore.SQLite}, "the cable is cut"},
		"a negative timeout":  {down, sqlstore.Options{Timeout: -1}, "Options.Timeout"},
	} {
		s, err := sqlstore.New(t.Context(), test.db, test.opts)
		if s != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "sqlstore: ") {
			t.Errorf("%s: New = %v, %v, want an error with %q", name, s, err, test.want)
		}
	}
}

// An application whose role may not create tables starts once they are there.
func TestNewChangesNothingWhereTheTablesAreUpToDate(t *testing.T) {
	_, a := opened(t, func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
		return nil, fmt.Errorf("permission denied: %s", query)
	})
	if a.times("CREATE") != 0 || a.times("BEGIN") != 0 {
		t.Errorf("New ran %q", a.all)
	}
}

// A service that starts together with its database does not die of it.
func TestNewSurvivesAServerThatStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := 3
		db, _ := open(t, func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
			if faults--; faults >= 0 {
				return nil, sqlState("57P03")
			}
			return postgres(nil)(query, args)
		})
		if _, err := sqlstore.New(t.Context(), db, sqlstore.Options{}); err != nil {
			t.Error(err)
		}
	})
}

func TestFindSurvivesBrokenConnections(t *testing.T) {
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
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handle, key := store.NewHandle()
				faults := 3
				s, _ := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) {
					if faults--; faults >= 0 {
						return nil, fault
					}
					return sessionRow(key[:]), nil
				})
				if r, err := s.Find(t.Context(), handle); err != nil || r.Subject != "ada" {
					t.Errorf("Find = %v, %v, want the session", r, err)
				}
			})
		})
	}
}

// A fault says neither that a session is there nor that it is not.
func TestAFaultIsNotASignOut(t *testing.T) {
	for name, fault := range map[string]error{
		"down":      &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"no rights": sqlState("42501"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, a := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) { return nil, fault })
				handle, _ := store.NewHandle()
				r := &store.Record{Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}
				began := time.Now()
				calls := map[string]func() error{
					"Create":      func() error { _, err := s.Create(t.Context(), r); return err },
					"Find":        func() error { _, err := s.Find(t.Context(), handle); return err },
					"Replace":     func() error { _, err := s.Replace(t.Context(), handle, r); return err },
					"Delete":      func() error { return s.Delete(t.Context(), handle) },
					"List":        func() error { _, err := s.List(t.Context(), "ada"); return err },
					"DeleteWhere": func() error { _, err := s.DeleteWhere(t.Context(), store.Filter{Subject: "ada"}); return err },
					"Mark":        func() error { _, err := s.Mark(t.Context(), "a", 1, r.ExpiresAt); return err },
					"Marked":      func() error { _, err := s.Marked(t.Context(), "a"); return err },
					"Count":       func() error { _, err := s.Count(t.Context(), "a", 1, time.Hour); return err },
					"Count looks": func() error { _, err := s.Count(t.Context(), "a", 0, 0); return err },
					"Count less":  func() error { _, err := s.Count(t.Context(), "a", -1, 0); return err },
					"Lock":        func() error { _, err := s.Lock(t.Context(), "a", time.Minute); return err },
				}
				for call, f := range calls {
					err := f()
					if !errors.Is(err, fault) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
						t.Errorf("%s: %v, want %v", call, err, fault)
					}
				}
				if r.ID != "" || r.Version != 0 {
					t.Errorf("Create failed and left ID %q and Version %d", r.ID, r.Version)
				}
				if name == "no rights" && a.times("claims FROM") != 1 {
					t.Errorf("Find asked %d times for what it may not have", a.times("claims FROM"))
				}
				if took := time.Since(began); took > time.Duration(len(calls))*2*time.Second {
					t.Errorf("%d calls took %v: each waits for a second or so", len(calls), took)
				}
			})
		})
	}
}

// The request's deadline ends the attempts.
func TestTheContextEndsTheAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) { return nil, io.ErrUnexpectedEOF })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		handle, _ := store.NewHandle()
		began := time.Now()
		_, err := s.Find(ctx, handle)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 50*time.Millisecond {
			t.Errorf("Find after %v: %v, want %v", time.Since(began), err, context.DeadlineExceeded)
		}
	})
}

// Without a deadline of the request, the store's own ends the wait.
func TestTheTimeoutEndsTheWaitForASilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _ := open(t, postgres(nil))
		s, err := sqlstore.New(t.Context(), db, sqlstore.Options{Timeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		conn, err := db.Conn(t.Context()) // there is no connection left
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		handle, _ := store.NewHandle()
		began := time.Now()
		_, err = s.Find(t.Context(), handle)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("Find after %v: %v, want %v", time.Since(began), err, context.DeadlineExceeded)
		}
	})
}

func TestNobodyGetsTheAnswerMeantForAnother(t *testing.T) {
	handle, _ := store.NewHandle()
	_, theirs := store.NewHandle()
	for name, rows := range map[string][][]driver.Value{
		"another row": sessionRow(theirs[:]),
		"no key":      sessionRow(nil),
	} {
		s, a := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) { return rows, nil })
		r, err := s.Find(t.Context(), handle)
		if r != nil || err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: Find = %v, %v, want a fault", name, r, err)
		}
		if a.times("claims FROM nuxtauth_sessions") != 1 {
			t.Errorf("%s: the script does not see Find", name)
		}
	}

	s, _ := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) { return listRow("ada"), nil })
	if list, err := s.List(t.Context(), "bob"); list != nil || err == nil {
		t.Errorf("List = %v, %v, want a fault", list, err)
	}
}

// A first attempt that worked, and whose answer was lost, is not a second one.
func TestAMarkIsFreshAlthoughItsAnswerWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first driver.Value
		s, _ := opened(t, func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
			if !strings.Contains(query, "INSERT INTO nuxtauth_marks") {
				return nil, nil
			}
			if first == nil {
				first = args[2].Value
				return nil, io.ErrUnexpectedEOF
			}
			return row(first), nil
		})
		if fresh, err := s.Mark(t.Context(), "jti", 1, time.Now().Add(time.Hour)); err != nil || !fresh {
			t.Errorf("the first Mark = %v, %v, want true", fresh, err)
		}
		if fresh, err := s.Mark(t.Context(), "jti", 1, time.Now().Add(time.Hour)); err != nil || fresh {
			t.Errorf("the second Mark = %v, %v, want false", fresh, err)
		}
	})
}

// Housekeeping neither fails a sign-in nor happens at each.
func TestASweepDoesNotFailASignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := opened(t, func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
			if strings.Contains(query, "DELETE") {
				return nil, sqlState("42501")
			}
			return row(int64(1)), nil
		})
		create := func() {
			if _, err := s.Create(t.Context(), &store.Record{Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		create()
		create()
		if n := a.times("DELETE"); n != 1 {
			t.Errorf("two sign-ins in a minute swept %d times, want 1", n)
		}
		time.Sleep(time.Minute)
		create()
		if n := a.times("DELETE"); n != 2 {
			t.Errorf("a sign-in a minute later: swept %d times in all, want 2", n)
		}
	})
}

// Whoever changes a database by hand, or over to the other, finds the same in both.
func TestDialectsHaveTheSameMigrations(t *testing.T) {
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
			if !strings.HasPrefix(sql, "-- +goose Up\n") || strings.Contains(sql, "goose Down") {
				t.Errorf("%s does not begin with its goose mark, or goes down", name)
			}
			if !strings.Contains(sql, fmt.Sprintf("INSERT INTO nuxtauth_schema (version) VALUES (%d);", i+1)) {
				t.Errorf("%s does not enter its version", name)
			}
			if strings.Contains(strings.ToUpper(sql), "DROP ") {
				t.Errorf("%s takes something away, which the release before may need", name)
			}
			all = append(all, path.Base(name))
		}
		return all
	}
	postgres, sqlite := names(sqlstore.PostgreSQL), names(sqlstore.SQLite)
	if len(postgres) == 0 || strings.Join(postgres, " ") != strings.Join(sqlite, " ") {
		t.Errorf("PostgreSQL has %q, SQLite %q", postgres, sqlite)
	}
}
