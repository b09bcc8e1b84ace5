package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// The settings of drivers behind a pooler in transaction mode.
var (
	// safeSettings are those of the package documentation.
	safeSettings = map[string]source{
		"pgx exec":             {"pgx", "&default_query_exec_mode=exec"},
		"pgx cache_describe":   {"pgx", "&default_query_exec_mode=cache_describe"},
		"pgx simple_protocol":  {"pgx", "&default_query_exec_mode=simple_protocol"},
		"pq binary_parameters": {"postgres", "&binary_parameters=yes"},
	}
	// mixingSettings send a statement and its arguments in two transactions: another
	// statement may get them.
	mixingSettings = map[string]source{
		"pq":                {"postgres", ""},
		"pgx describe_exec": {"pgx", "&default_query_exec_mode=describe_exec"},
	}
	// pgxDefault prepares statements, which another server does not have.
	pgxDefault = source{"pgx", ""}
)

func TestPgBouncer_Contract(t *testing.T) {
	noLeaks(t)
	for name, driver := range safeSettings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := server(t)
			addr := pgBouncer(t, p, "transaction")
			db := connect(t, driver.driver, p.url(p.newDatabase(t), addr)+driver.name)
			conformance(t, db, lockTables(t, driver.driver, db, tables)...)
		})
	}
}

// New refuses a driver whose statements a pooler mixes up, and no other.
func TestPgBouncer_NewRefusesUnsafeDriver(t *testing.T) {
	all := map[string]source{"pgx": pgxDefault}
	maps.Copy(all, safeSettings)
	maps.Copy(all, mixingSettings)
	for _, mode := range []string{"transaction", "session"} {
		t.Run(mode, func(t *testing.T) {
			p := server(t)
			noLeaks(t)
			addr := pgBouncer(t, p, mode)
			database := p.newDatabase(t)
			for name, driver := range all {
				_, safe := safeSettings[name]
				safe = safe || mode == "session"
				for range 3 {
					db, err := sql.Open(driver.driver, p.url(database, addr)+driver.name)
					if err != nil {
						t.Fatal(err)
					}
					_, err = sqlstore.New(t.Context(), db, sqlstore.Options{})
					refused := err != nil && strings.Contains(err.Error(), "default_query_exec_mode=exec") && strings.Contains(err.Error(), "binary_parameters=yes")
					if safe != (err == nil) || safe == refused {
						t.Errorf("%s: New: %v", name, err)
					}
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// An answer of a pooler that belongs to another statement is a fault, and never an answer:
// no session, mark or count is missing, and no call changes what another names.
func TestPgBouncer_MixedAnswersAreFaults(t *testing.T) {
	noLeaks(t)
	for name, driver := range mixingSettings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := server(t)
			addr := pgBouncer(t, p, "transaction")
			db := connect(t, driver.driver, p.url(p.newDatabase(t), addr)+driver.name)
			db.SetMaxOpenConns(1) // New does not see the pooler
			s := newStore(t, db, sqlstore.Options{})
			db.SetMaxOpenConns(16)
			var calls, faults atomic.Int64
			var clients sync.WaitGroup
			for i := range 8 {
				clients.Go(func() {
					c := pooledClient{s: s, name: "user " + strconv.Itoa(i), faults: &faults, calls: &calls}
					c.run(t)
				})
			}
			ended := make(chan struct{})
			go func() {
				clients.Wait()
				close(ended)
			}()
			statements, mixed := mixUps(t, db, ended)
			t.Logf("%d calls of the store, %d faults; %d of %d other statements were mixed up", calls.Load(), faults.Load(), mixed, statements)
			if mixed == 0 {
				t.Error("no statement was mixed up: this tests nothing")
			}
		})
	}
}

// mixUps runs statements until ended is closed, and returns how many had another answer
// than theirs, or an error.
func mixUps(t *testing.T, db *sql.DB, ended <-chan struct{}) (statements, mixed int) {
	for {
		select {
		case <-ended:
			return statements, mixed
		default:
		}
		statements++
		var name, arg string
		err := db.QueryRowContext(t.Context(), "SELECT 'a statement', CAST($1 AS text)", "its argument").Scan(&name, &arg)
		if err != nil || name != "a statement" || arg != "its argument" {
			mixed++
		}
	}
}

// A pooledClient calls a store whose answers may be mixed up.
type pooledClient struct {
	s             *sqlstore.Store
	name          string
	calls, faults *atomic.Int64
}

// must calls f again while it reports a fault.
func (c *pooledClient) must(t *testing.T, f func(ctx context.Context) error) {
	for range 20 {
		c.calls.Add(1)
		err := f(t.Context())
		if err == nil || t.Context().Err() != nil {
			return
		}
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("%s: %v", c.name, err)
			return
		}
		c.faults.Add(1)
	}
	t.Errorf("%s: no call succeeds", c.name)
}

func (c *pooledClient) run(t *testing.T) {
	var handle string
	r := &store.Record{Realm: realm, Subject: c.name, Claims: []byte(c.name), Provider: "okta", ProviderSubject: c.name, ExpiresAt: time.Now().Add(time.Hour)}
	c.must(t, func(ctx context.Context) (err error) {
		handle, err = c.s.CreateSession(ctx, r)
		return err
	})
	var at int64
	c.must(t, func(ctx context.Context) (err error) {
		at, _, err = c.s.Mark(ctx, c.name, time.Hour)
		return err
	})
	var lease store.Lease
	c.must(t, func(ctx context.Context) (err error) {
		lease, err = c.s.Lock(ctx, c.name, time.Hour)
		return err
	})
	wrong := func(format string, args ...any) { t.Errorf(c.name+": "+format, args...) }
	for i := range 25 {
		c.must(t, func(ctx context.Context) error {
			got, err := c.s.FindSession(ctx, handle)
			if err == nil && (got.Subject != c.name || string(got.Claims) != c.name) {
				wrong("FindSession = %v", got)
			}
			return err
		})
		c.must(t, func(ctx context.Context) error {
			_, err := c.s.ReplaceSession(ctx, handle, r)
			return err
		})
		c.must(t, func(ctx context.Context) error {
			list, err := c.s.ListSessions(ctx, realm, c.name, 10)
			if err == nil && (len(list) == 0 || list[0].Subject != c.name) {
				wrong("ListSessions = %v", list)
			}
			return err
		})
		c.must(t, func(ctx context.Context) error {
			times, err := c.s.Marked(ctx, c.name, "unknown")
			if err == nil && (times[0] != at || times[1] != 0) {
				wrong("Marked = %v, want %d", times, at)
			}
			return err
		})
		c.must(t, func(ctx context.Context) error {
			n, err := c.s.Count(ctx, fmt.Sprint(c.name, i), 1, time.Hour)
			if err == nil && n < 1 {
				wrong("Count = %d", n)
			}
			return err
		})
		c.must(t, func(ctx context.Context) error {
			n, err := c.s.Count(ctx, fmt.Sprint(c.name, i), 0, 0)
			if err == nil && n < 1 {
				wrong("Count = %d", n)
			}
			return err
		})
		c.must(t, func(ctx context.Context) error { return lease.Extend(ctx, time.Hour) })
		c.must(t, func(ctx context.Context) error {
			_, err := c.s.DeleteProviderSubject(ctx, realm, "okta", "unknown")
			return err
		})
		c.must(t, func(ctx context.Context) error {
			found, err := c.s.DeleteSessionByID(ctx, realm, c.name, "of none")
			if found {
				wrong("DeleteSessionByID found no session's ID")
			}
			return err
		})
	}
}
