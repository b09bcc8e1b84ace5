package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// longTimeout bounds a call during a fault. A test waits for it only if it fails.
const longTimeout = 30 * time.Second

// A visitor is a signed-in user.
type visitor struct {
	name, handle string
}

func signIn(t testing.TB, s store.Sessions, name string) visitor {
	t.Helper()
	handle, err := s.CreateSession(t.Context(), &store.Record{
		Realm: realm, Subject: name, Claims: []byte(`{"sub":"` + name + `"}`), ExpiresAt: time.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return visitor{name, handle}
}

// request reads the session of a user as a request does. The test fails if the session is
// not found, or another one is.
func (u visitor) request(t *testing.T, s store.Sessions) error {
	ctx, cancel := context.WithTimeout(t.Context(), longTimeout)
	defer cancel()
	r, err := s.FindSession(ctx, u.handle)
	if errors.Is(err, store.ErrNotFound) {
		t.Errorf("%s was signed out", u.name)
	}
	if err == nil && (r.Subject != u.name || string(r.Claims) != `{"sub":"`+u.name+`"}`) {
		t.Errorf("%s got the session of %s: %s", u.name, r.Subject, r.Claims)
	}
	return err
}

// A serverProcess can be restarted.
type serverProcess interface {
	stop(signal os.Signal) error
	start() error
}

// A restart of the database, orderly or by a crash, fails at most one request of each
// user and ends no session.
func TestSQL_RestartFailsOneRequest(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		p := server(t)
		restarts(t, p, source{"pgx", p.url(p.newDatabase(t), "")}, syscall.SIGINT, syscall.SIGQUIT)
	})
	t.Run("MariaDB", func(t *testing.T) {
		m := mariaServer(t)
		restarts(t, m, source{"mysql", m.source(m.newDatabase(t), "", mysqlSettings)}, syscall.SIGTERM, syscall.SIGKILL)
	})
}

func restarts(t *testing.T, p serverProcess, src source, restart, crash os.Signal) {
	for name, signal := range map[string]os.Signal{"restart": restart, "crash": crash} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			s := newStore(t, src.connect(t), sqlstore.Options{})

			const readers, reads = 8, 20
			back := make(chan struct{}) // closed when the server is up again
			var warm, done sync.WaitGroup
			warm.Add(readers)
			for i := range readers {
				u := signIn(t, s, "user "+strconv.Itoa(i))
				done.Go(func() {
					failures := 0
					failed := func(err error) {
						if failures++; failures > 1 {
							t.Errorf("%s: failure %d: %v", u.name, failures, err)
						}
						<-back // the next request of the user comes later
					}
					for n := 1; ; n++ {
						if err := u.request(t, s); err != nil {
							failed(err)
						}
						if n == reads {
							warm.Done()
						}
						select {
						case <-back:
						default:
							continue
						}
						break
					}
					for range reads {
						if err := u.request(t, s); err != nil {
							failed(err)
						}
					}
				})
			}
			warm.Wait()
			err := p.stop(signal)
			if err == nil {
				err = p.start()
			}
			close(back)
			done.Wait()
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// lockSessions makes all other readers and writers of sessions wait until release is
// called, or the server crashes.
func lockSessions(t *testing.T, db *sql.DB) (release func()) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE nuxtauth_sessions IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// waiting returns the process ids of n backends that wait for a lock in a database, as
// soon as there are so many.
func waiting(t *testing.T, db *sql.DB, n int) (pids []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longTimeout)
	defer cancel()
	for len(pids) < n {
		pids = nil
		rows, err := db.QueryContext(ctx, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var pid int
			if err := rows.Scan(&pid); err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return pids
}

// A backend is killed within a statement, upon which PostgreSQL closes all connections
// and recovers.
func TestPostgreSQL_KilledBackend(t *testing.T) {
	p := server(t)
	noLeaks(t)
	url := p.url(p.newDatabase(t), "")
	s := newStore(t, connect(t, "pgx", url), sqlstore.Options{})
	reader, writer := signIn(t, s, "reader"), signIn(t, s, "writer")
	session, err := s.FindSession(t.Context(), writer.handle)
	if err != nil {
		t.Fatal(err)
	}
	other := connect(t, "pgx", url)
	defer lockSessions(t, other)()

	var requests sync.WaitGroup
	var replaced error
	requests.Go(func() {
		if err := reader.request(t, s); err != nil {
			t.Logf("the reader: %v", err)
		}
	})
	requests.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), longTimeout)
		defer cancel()
		session.UserAgent = "new"
		_, replaced = s.ReplaceSession(ctx, writer.handle, session)
	})
	backend, err := os.FindProcess(waiting(t, other, 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := backend.Kill(); err != nil {
		t.Fatal(err)
	}
	requests.Wait()
	if err := p.ready(); err != nil {
		t.Fatal(err)
	}

	for _, u := range []visitor{reader, writer} {
		if err := u.request(t, s); err != nil {
			t.Errorf("%s: %v", u.name, err)
		}
	}
	got, err := s.FindSession(t.Context(), writer.handle)
	if err != nil {
		t.Fatal(err)
	}
	if written := got.UserAgent == "new"; written != (got.Version == 2) || got.Version > 2 {
		t.Errorf("the session is half written: version %d, user agent %q", got.Version, got.UserAgent)
	}
	if replaced == nil && got.UserAgent != "new" {
		t.Error("ReplaceSession reported a write that was not done")
	}
	if errors.Is(replaced, store.ErrNotFound) {
		t.Error("ReplaceSession did not find the session")
	}
}

// The answer to a call that stopped waiting must not become that of another.
func TestPostgreSQL_TimeoutMixesNoAnswers(t *testing.T) {
	p := server(t)
	noLeaks(t)
	url := p.url(p.newDatabase(t), "")
	s := newStore(t, connect(t, "pgx", url), sqlstore.Options{})
	other := connect(t, "pgx", url)
	users := make([]visitor, 8)
	for i := range users {
		users[i] = signIn(t, s, "user "+strconv.Itoa(i))
	}
	for range 3 {
		release := lockSessions(t, other)
		ctx, cancel := context.WithCancel(t.Context())
		var stopped sync.WaitGroup
		for _, u := range users {
			stopped.Go(func() {
				if _, err := s.FindSession(ctx, u.handle); !errors.Is(err, context.Canceled) {
					t.Errorf("FindSession: %v, want %q", err, context.Canceled)
				}
			})
		}
		waiting(t, other, len(users))
		cancel()
		stopped.Wait()
		release()
		for _, u := range users {
			if err := u.request(t, s); err != nil {
				t.Errorf("%s: %v", u.name, err)
			}
		}
	}
}

// A server receives statements and does not answer, as behind a broken network: calls end
// with the store's timeout, no session ends, and late answers are not those of other
// calls.
func TestSQL_SilentServer(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		p := server(t)
		noLeaks(t)
		proxy := newProxy(t, "tcp", "127.0.0.1:"+p.port)
		silent(t, proxy, source{"pgx", p.url(p.newDatabase(t), proxy.addr())})
	})
	t.Run("MariaDB", func(t *testing.T) {
		m := mariaServer(t)
		noLeaks(t)
		proxy := newProxy(t, "tcp", "127.0.0.1:"+m.port)
		silent(t, proxy, source{"mysql", m.source(m.newDatabase(t), proxy.addr(), mysqlSettings)})
	})
}

func silent(t *testing.T, proxy *proxy, src source) {
	db := src.connect(t)
	s := newStore(t, db, sqlstore.Options{})
	shortStore := newStore(t, db, sqlstore.Options{Timeout: 200 * time.Millisecond})
	users := make([]visitor, 8)
	for i := range users {
		users[i] = signIn(t, s, "user "+strconv.Itoa(i))
	}

	proxy.silence.Lock()
	var requests sync.WaitGroup
	for _, u := range users {
		requests.Go(func() {
			if err := u.request(t, shortStore); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("FindSession: %v, want %q", err, context.DeadlineExceeded)
			}
		})
	}
	requests.Wait()
	proxy.silence.Unlock()
	for _, u := range users {
		if err := u.request(t, s); err != nil {
			t.Errorf("%s: %v", u.name, err)
		}
	}
}

// Connections to MariaDB are closed within their statements, which run again.
func TestMariaDB_KilledConnections(t *testing.T) {
	m := mariaServer(t)
	noLeaks(t)
	src := source{"mysql", m.source(m.newDatabase(t), "", mysqlSettings)}
	s := newStore(t, src.connect(t), sqlstore.Options{})
	other := src.connect(t)
	locked, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	visitors := []visitor{signIn(t, s, "ada"), signIn(t, s, "bob")}
	if _, err := locked.ExecContext(t.Context(), "LOCK TABLES nuxtauth_sessions WRITE"); err != nil {
		t.Fatal(err)
	}
	var requests sync.WaitGroup
	for _, u := range visitors {
		requests.Go(func() {
			if err := u.request(t, s); err != nil {
				t.Errorf("%s: %v", u.name, err)
			}
		})
	}
	var ids []int64
	for end := time.Now().Add(longTimeout); len(ids) < len(visitors) && time.Now().Before(end); {
		ids = nil
		rows, err := other.QueryContext(t.Context(), "SELECT id FROM information_schema.processlist WHERE db = database() AND state LIKE 'Waiting for table%'")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) != len(visitors) {
		t.Errorf("%d statements wait, want %d", len(ids), len(visitors))
	}
	for _, id := range ids {
		if _, err := other.ExecContext(t.Context(), "KILL "+strconv.FormatInt(id, 10)); err != nil {
			t.Error(err)
		}
	}
	if _, err := locked.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	requests.Wait()
}
