package integration_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-contrib/sessions/redis"
	redigo "github.com/gomodule/redigo/redis"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/ginstore"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

var ginKeys = [][]byte{[]byte("0123456789abcdef0123456789abcdef"), []byte("another key, with 32 bytes, too.")}

func ginBridge(t *testing.T, s sessions.Store) *ginstore.Store {
	t.Helper()
	b, err := ginstore.New(s, ginstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ginRedis bridges to gin-contrib's store for Redis, and closes it with the test.
func ginRedis(t *testing.T, s redis.Store, err error) *ginstore.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	below, err := redis.GetRedisStore(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := below.Close(); err != nil {
			t.Error(err)
		}
	})
	below.SetMaxLength(0) // 4096 bytes without this
	return ginBridge(t, s)
}

func TestGinMemstore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return ginBridge(t, memstore.NewStore(ginKeys...))
	}, storetest.NoIndex())
}

func TestGinRedis(t *testing.T) {
	server := startRedis(t)
	noLeaks(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := redis.NewStore(10, "unix", server.socket, "", "", ginKeys...)
		return ginRedis(t, s, err)
	}, storetest.NoIndex(), storetest.Dump(func() []byte { return server.dump(t) }))
}

// ginRedisBehind bridges to a Redis behind a proxy, with timeouts as ginstore's
// doc advises.
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

// A Redis that is down is a fault and nobody is signed out; when it is back so
// is everybody.
func TestGinRedisThatRestarts(t *testing.T) {
	noLeaks(t)
	server := startRedis(t)
	s := ginRedisBehind(t, newProxy(t, "unix", server.socket), patience)
	u := signIn(t, s, "ada")
	r, err := s.Find(t.Context(), u.handle)
	if err != nil {
		t.Fatal(err)
	}

	server.kill(t)
	calls := map[string]func() error{
		"Create":  func() error { c := *r; _, err := s.Create(t.Context(), &c); return err },
		"Find":    func() error { return u.request(t, s) },
		"Replace": func() error { _, err := s.Replace(t.Context(), u.handle, r); return err },
		"Delete":  func() error { return s.Delete(t.Context(), u.handle) },
	}
	for name, call := range calls {
		if err := call(); err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			t.Errorf("%s while Redis is down: %v, want a fault", name, err)
		}
	}
	server.start(t)
	for _, name := range []string{"Find", "Replace", "Create", "Delete"} {
		if err := calls[name](); err != nil {
			t.Errorf("%s after Redis is back: %v", name, err)
		}
	}
}

// A Redis that takes commands and answers nothing: its late answers reach nobody.
func TestGinRedisThatFallsSilent(t *testing.T) {
	noLeaks(t)
	server := startRedis(t)
	proxy := newProxy(t, "unix", server.socket)
	patient, hasty := ginRedisBehind(t, proxy, patience), ginRedisBehind(t, proxy, 200*time.Millisecond)
	users := make([]visitor, 8)
	for i := range users {
		users[i] = signIn(t, patient, "user "+strconv.Itoa(i))
	}
	proxy.silence.Lock()
	for _, u := range users[:2] {
		if err := u.request(t, hasty); err == nil {
			t.Error("Find works without an answer")
		}
	}
	proxy.silence.Unlock()
	for _, u := range users {
		if err := u.request(t, patient); err != nil {
			t.Errorf("%s: %v", u.name, err)
		}
	}
}

// Connections to Redis that break at any byte of an answer.
func TestGinRedisThatBreaksInTheMiddleOfAnAnswer(t *testing.T) {
	noLeaks(t)
	proxy := newProxy(t, "unix", startRedis(t).socket)
	s := ginRedisBehind(t, proxy, patience)
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
