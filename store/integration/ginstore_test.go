package integration_test

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	gormsessions "github.com/gin-contrib/sessions/gorm"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-contrib/sessions/redis"
	redigo "github.com/gomodule/redigo/redis"
	gorilla "github.com/gorilla/sessions"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/ginstore"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

var ginKeys = [][]byte{[]byte("0123456789abcdef0123456789abcdef"), []byte("another key, with 32 bytes, too.")}

func newGinStore(t *testing.T, s sessions.Store) *ginstore.Store {
	t.Helper()
	b, err := ginstore.New(s, ginstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ginRedis returns a store on gin-contrib's store for Redis, and closes that with the test.
func ginRedis(t *testing.T, s redis.Store, err error) *ginstore.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	backend, err := redis.GetRedisStore(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	backend.SetMaxLength(0) // 4096 bytes without this
	return newGinStore(t, s)
}

func TestGinStore_Contract(t *testing.T) {
	noLeaks(t)
	t.Run("memstore", contractOnMemstore)
	t.Run("Redis", contractOnRedis)
	t.Run("gorm", contractOnGorm)
}

func contractOnMemstore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Sessions {
		return newGinStore(t, memstore.NewStore(ginKeys...))
	})
}

func contractOnRedis(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	storetest.Run(t, func(t *testing.T) store.Sessions {
		s, err := redis.NewStore(10, "unix", server.socket, "", "", ginKeys...)
		return ginRedis(t, s, err)
	}, storetest.Dump(func() []byte { return server.dump(t) }))
}

// ginRedisBehind returns a store on a Redis behind a proxy, with timeouts as the
// documentation of ginstore asks for.
func ginRedisBehind(t *testing.T, p *proxy, timeout time.Duration) *ginstore.Store {
	t.Helper()
	s, err := redis.NewStoreWithPool(&redigo.Pool{
		MaxIdle: 10,
		Dial: func() (redigo.Conn, error) {
			return redigo.Dial("tcp", p.addr(), redigo.DialConnectTimeout(timeout), redigo.DialReadTimeout(timeout), redigo.DialWriteTimeout(timeout))
		},
		TestOnBorrow: func(c redigo.Conn, _ time.Time) error {
			_, err := c.Do("PING")
			return err
		},
	}, ginKeys...)
	return ginRedis(t, s, err)
}

// A Redis that is down is a fault and ends no session.
func TestGinStore_RedisRestarts(t *testing.T) {
	noLeaks(t)
	server := startRedis(t)
	s := ginRedisBehind(t, newProxy(t, "unix", server.socket), longTimeout)
	u := signIn(t, s, "ada")
	r, err := s.FindSession(t.Context(), u.handle)
	if err != nil {
		t.Fatal(err)
	}

	server.kill(t)
	calls := map[string]func() error{
		"CreateSession":  func() error { c := *r; _, err := s.CreateSession(t.Context(), &c); return err },
		"FindSession":    func() error { return u.request(t, s) },
		"ReplaceSession": func() error { _, err := s.ReplaceSession(t.Context(), u.handle, r); return err },
		"DeleteSession":  func() error { return s.DeleteSession(t.Context(), u.handle) },
	}
	for name, call := range calls {
		if err := call(); err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			t.Errorf("%s while Redis is down: %v, want a fault", name, err)
		}
	}
	server.start(t)
	for _, name := range []string{"FindSession", "ReplaceSession", "CreateSession", "DeleteSession"} {
		if err := calls[name](); err != nil {
			t.Errorf("%s after Redis is back: %v", name, err)
		}
	}
}

// gormStore returns a store on gin-contrib's store for gorm, in a database of PostgreSQL.
func gormStore(t *testing.T, p *postgres, database string) *ginstore.Store {
	t.Helper()
	db, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: connect(t, "pgx", p.url(database, ""))}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	s := gormsessions.NewStore(db, false, ginKeys...)
	s.(interface{ MaxLength(length int) }).MaxLength(0) // 4096 bytes without this
	return newGinStore(t, &oneAtATime{Store: s})
}

// oneAtATime is a store that is called by one goroutine at a time, for one whose New writes
// to what all calls share.
type oneAtATime struct {
	sessions.Store
	mu sync.Mutex
}

func (s *oneAtATime) New(r *http.Request, name string) (*gorilla.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Store.New(r, name)
}

func (s *oneAtATime) Save(r *http.Request, w http.ResponseWriter, session *gorilla.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Store.Save(r, w, session)
}

func contractOnGorm(t *testing.T) {
	t.Parallel()
	p := server(t)
	database := p.newDatabase(t)
	admin := connect(t, "pgx", p.url(database, ""))
	storetest.Run(t, func(t *testing.T) store.Sessions { return gormStore(t, p, database) }, storetest.Fault(func(broken bool) {
		rename := "ALTER TABLE sessions RENAME TO broken"
		if !broken {
			rename = "ALTER TABLE broken RENAME TO sessions"
		}
		if _, err := admin.ExecContext(t.Context(), rename); err != nil {
			t.Fatal(err)
		}
	}))
}

// The store for gorm hides that its database is down: that ends no session.
func TestGinStore_GormRestarts(t *testing.T) {
	p := server(t)
	noLeaks(t)
	s := gormStore(t, p, p.newDatabase(t))
	u := signIn(t, s, "ada")
	r, err := s.FindSession(t.Context(), u.handle)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.stop(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"CreateSession":  func() error { c := *r; _, err := s.CreateSession(t.Context(), &c); return err },
		"FindSession":    func() error { return u.request(t, s) },
		"ReplaceSession": func() error { _, err := s.ReplaceSession(t.Context(), u.handle, r); return err },
		"DeleteSession":  func() error { return s.DeleteSession(t.Context(), u.handle) },
	}
	for name, call := range calls {
		if err := call(); err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			t.Errorf("%s while PostgreSQL is down: %v, want a fault", name, err)
		}
	}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"FindSession", "ReplaceSession", "CreateSession", "DeleteSession"} {
		if err := calls[name](); err != nil {
			t.Errorf("%s after PostgreSQL is back: %v", name, err)
		}
	}
	if _, err := s.FindSession(t.Context(), u.handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession after the end: %v, want %q", err, store.ErrNotFound)
	}
}

// A Redis receives commands and does not answer: late answers are not those of other
// calls.
func TestGinStore_SilentRedis(t *testing.T) {
	noLeaks(t)
	server := startRedis(t)
	proxy := newProxy(t, "unix", server.socket)
	long, short := ginRedisBehind(t, proxy, longTimeout), ginRedisBehind(t, proxy, 200*time.Millisecond)
	users := make([]visitor, 8)
	for i := range users {
		users[i] = signIn(t, long, "user "+strconv.Itoa(i))
	}
	proxy.silence.Lock()
	for _, u := range users[:2] {
		if err := u.request(t, short); err == nil {
			t.Error("FindSession works without an answer")
		}
	}
	proxy.silence.Unlock()
	for _, u := range users {
		if err := u.request(t, long); err != nil {
			t.Errorf("%s: %v", u.name, err)
		}
	}
}

// Connections to Redis break at any byte of an answer.
func TestGinStore_BrokenAnswers(t *testing.T) {
	noLeaks(t)
	proxy := newProxy(t, "unix", startRedis(t).socket)
	s := ginRedisBehind(t, proxy, longTimeout)
	u, other := signIn(t, s, "ada"), signIn(t, s, "bob")
	for _, after := range []int64{0, 1, 7, 8, 12, 20, 100, 200} {
		proxy.left.Store(after)
		if err := u.request(t, s); err != nil {
			t.Logf("broken after %d bytes: %v", after, err)
		}
		proxy.left.Store(-1)
		for _, u := range []visitor{other, u} {
			if err := u.request(t, s); err != nil {
				t.Errorf("%s, after a break after %d bytes: %v", u.name, after, err)
			}
		}
	}
	if n := proxy.cuts.Load(); n < 5 {
		t.Errorf("%d connections were broken: this tests nothing", n)
	}
}
