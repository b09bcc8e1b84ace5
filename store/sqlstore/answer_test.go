package sqlstore_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// An answer with another session is a fault.
func TestSQL_RefusesAnswersOfOthers(t *testing.T) {
	handle, _ := store.NewHandle()
	_, theirs := store.NewHandle()
	for name, rows := range map[string][][]driver.Value{
		"another row": sessionRow(theirs[:]),
		"no key":      sessionRow(nil),
	} {
		s, a := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) { return rows, nil })
		r, err := s.FindSession(t.Context(), handle)
		if r != nil || err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: FindSession = %v, %v, want a fault", name, r, err)
		}
		if a.times("claims FROM nuxtauth_sessions") != 1 {
			t.Errorf("%s: the script did not get the query of Find", name)
		}
	}

	s, _ := opened(t, func(string, []driver.NamedValue) ([][]driver.Value, error) { return listRow("ada"), nil })
	for _, user := range [][2]string{{realm, "bob"}, {"other", "ada"}} {
		if list, err := s.ListSessions(t.Context(), user[0], user[1], 10); list != nil || err == nil {
			t.Errorf("ListSessions(%q) = %v, %v, want a fault", user, list, err)
		}
	}
}

// mixUps are what a driver returns behind a pooler that mixes statements up.
var mixUps = map[string]func(rows [][]driver.Value) ([][]driver.Value, error){
	"the answer of another call": func(rows [][]driver.Value) ([][]driver.Value, error) {
		rows[0][0] = "0123456789abcdef" + store.NewID()
		return rows, nil
	},
	"no row":              func([][]driver.Value) ([][]driver.Value, error) { return nil, nil },
	"other columns":       func([][]driver.Value) ([][]driver.Value, error) { return row(int64(1), "a", []byte("b")), nil },
	"nulls":               func([][]driver.Value) ([][]driver.Value, error) { return row(nil, nil, nil), nil },
	"arguments of a call": func([][]driver.Value) ([][]driver.Value, error) { return nil, sqlState("22012") },
	"other arguments":     func([][]driver.Value) ([][]driver.Value, error) { return nil, sqlState("22P02") },
	"not prepared":        func([][]driver.Value) ([][]driver.Value, error) { return nil, sqlState("26000") },
	"prepared already":    func([][]driver.Value) ([][]driver.Value, error) { return nil, sqlState("42P05") },
}

// What belongs to another statement is tried again, and then a fault: it never means that
// there is no session, mark, count or lease, nor that a write was done.
func TestSQL_MixedUpAnswerIsAFault(t *testing.T) {
	for name, mix := range mixUps {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handle, key := store.NewHandle()
				s, a := opened(t, func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
					switch {
					case strings.Contains(query, "key, claims"):
						return sessionRow(key[:]), nil
					case strings.Contains(query, "ORDER BY created_at"):
						return listRow("ada"), nil
					case strings.Contains(query, "INSERT INTO nuxtauth_marks"):
						return row(int64(7), args[1].Value), nil
					case strings.Contains(query, "SELECT key, marked_at"):
						return row(args[1].Value, int64(7)), nil
					case strings.HasPrefix(query, "SELECT expires_at FROM nuxtauth_locks"):
						return nil, nil
					}
					return row(time.Now().Add(time.Hour).UnixMilli()), nil
				})
				lease, err := s.Lock(t.Context(), "a", time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				r := &store.Record{Realm: realm, Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}
				for call, f := range map[string]func() (string, error){
					"CreateSession":  func() (string, error) { _, err := s.CreateSession(t.Context(), r); return "", err },
					"FindSession":    func() (string, error) { r, err := s.FindSession(t.Context(), handle); return fmt.Sprint(r != nil), err },
					"ReplaceSession": func() (string, error) { _, err := s.ReplaceSession(t.Context(), handle, r); return "", err },
					"DeleteSession":  func() (string, error) { return "", s.DeleteSession(t.Context(), handle) },
					"ListSessions": func() (string, error) {
						l, err := s.ListSessions(t.Context(), realm, "ada", 10)
						return fmt.Sprint(len(l)), err
					},
					"DeleteSessionByID": func() (string, error) {
						b, err := s.DeleteSessionByID(t.Context(), realm, "ada", "id")
						return fmt.Sprint(b), err
					},
					"DeleteSessions": func() (string, error) {
						n, err := s.DeleteSessions(t.Context(), realm, "ada", "")
						return fmt.Sprint(n), err
					},
					"DeleteProviderSession": func() (string, error) {
						n, err := s.DeleteProviderSession(t.Context(), realm, "a", "b")
						return fmt.Sprint(n), err
					},
					"DeleteProviderSubject": func() (string, error) {
						n, err := s.DeleteProviderSubject(t.Context(), realm, "a", "b")
						return fmt.Sprint(n), err
					},
					"Mark":   func() (string, error) { _, b, err := s.Mark(t.Context(), "a", time.Hour); return fmt.Sprint(b), err },
					"Marked": func() (string, error) { l, err := s.Marked(t.Context(), "a"); return fmt.Sprint(l), err },
					"Count": func() (string, error) {
						n, err := s.Count(t.Context(), "a", 1, time.Hour)
						return fmt.Sprint(n > 0), err
					},
					"Count reads":     func() (string, error) { n, err := s.Count(t.Context(), "a", 0, 0); return fmt.Sprint(n > 0), err },
					"Count subtracts": func() (string, error) { n, err := s.Count(t.Context(), "a", -1, 0); return fmt.Sprint(n > 0), err },
					"Lock":            func() (string, error) { _, err := s.Lock(t.Context(), "b", time.Minute); return "", err },
					"Extend":          func() (string, error) { return "", lease.Extend(t.Context(), time.Minute) },
					"Check":           func() (string, error) { return "", s.Check(t.Context()) },
				} {
					want, err := f()
					if call == "Check" {
						err = nil // the script has a session for each handle, with another key
					}
					if err != nil {
						t.Fatalf("%s: %v", call, err)
					}
					a.mix = mix
					_, err = f()
					if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrLeaseLost) {
						t.Errorf("%s: %v, want a fault", call, err)
					}
					times := 0
					a.mix = func(rows [][]driver.Value) ([][]driver.Value, error) {
						if times++; times > 2 {
							return rows, nil
						}
						return mix(rows)
					}
					got, err := f()
					if call == "Check" {
						err = nil
					}
					if err != nil || got != want || times < 3 {
						t.Errorf("%s, mixed up twice: %q, %v after %d attempts, want %q", call, got, err, times, want)
					}
					a.mix = nil
				}
			})
		})
	}
}

// New says what to set, and does not go on with a driver whose statements are mixed up.
func TestSQL_NewRefusesMixedUpStatements(t *testing.T) {
	for name, mix := range mixUps {
		db, a := open(t, postgres(nil))
		a.mix = mix
		s, err := sqlstore.New(t.Context(), db, sqlstore.Options{})
		if s != nil || err == nil || !strings.Contains(err.Error(), "binary_parameters=yes") || a.times("CREATE") != 0 {
			t.Errorf("%s: New = %v, %v, want an error with binary_parameters=yes", name, s, err)
		}
		if n := a.times("pg_backend_pid"); n != 1 {
			t.Errorf("%s: New asked %d times, want once", name, n)
		}
	}
}

// A connection whose statements get to several servers is tested under load, and a driver
// that is set for that is not refused.
func TestSQL_NewTestsThePooler(t *testing.T) {
	for name, test := range map[string]struct {
		pids   []int64 // of six statements, of the connections a, b, b, a, a, b
		conns  int
		pooled bool
	}{
		"no pooler":                   {[]int64{1, 2, 2, 1, 1, 2}, 0, false},
		"the same server for both":    {[]int64{1, 1, 1, 1, 1, 1}, 0, true},
		"the next of two servers":     {[]int64{1, 2, 1, 2, 1, 2}, 0, true},
		"the next of three servers":   {[]int64{1, 2, 3, 1, 2, 3}, 0, true},
		"always another":              {[]int64{1, 2, 3, 4, 5, 6}, 0, true},
		"two connections are allowed": {[]int64{1, 1, 1, 1, 1, 1}, 2, true},
		"one connection is allowed":   {nil, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			db, a := open(t, func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
				if strings.Contains(query, "pg_backend_pid") {
					asked++
					return row(test.pids[asked-1]), nil
				}
				if strings.HasPrefix(query, "SELECT ") && len(query) < len("SELECT 10") {
					return row(int64(0)), nil
				}
				return postgres(nil)(query, args)
			})
			db.SetMaxOpenConns(test.conns)
			if _, err := sqlstore.New(t.Context(), db, sqlstore.Options{}); err != nil {
				t.Fatal(err)
			}
			if loaded := a.times("SELECT 1") > 0; loaded != test.pooled {
				t.Errorf("tested under load: %v, want %v", loaded, test.pooled)
			}
		})
	}
}
