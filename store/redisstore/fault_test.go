//go:build unix

package redisstore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// watchdog is how long a call may take that has to end within a second: long
// enough for a machine with much to do, short enough to tell it from hanging.
const watchdog = 15 * time.Second

// A crowd is many users who all the time look whether they are still signed in.
type crowd struct {
	t     *testing.T
	s     *redisstore.Store
	users []user
	stop  chan struct{}
	done  sync.WaitGroup
	leave func()
}

type user struct {
	handle, id     string
	found, refused atomic.Int64 // answers, and errors
}

// gather signs n users in, in no hurry, and lets them look with s.
func gather(t *testing.T, server *server, s *redisstore.Store, n int) *crowd {
	t.Helper()
	c := &crowd{t: t, s: s, users: make([]user, n), stop: make(chan struct{})}
	client := redis.NewUniversalClient(unhurried(t, server.url()))
	defer client.Close()
	door := open(t, client, redisstore.Options{Timeout: patient})
	for i := range c.users {
		r := typicalSession()
		c.users[i].handle = create(t, door, r)
		c.users[i].id = r.ID
	}
	for i := range c.users {
		c.done.Go(func() { c.look(&c.users[i]) })
	}
	c.leave = sync.OnceFunc(func() {
		close(c.stop)
		c.done.Wait()
	})
	t.Cleanup(c.leave)
	return c
}

func (c *crowd) look(u *user) {
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		start := time.Now()
		r, err := c.s.Find(context.Background(), u.handle)
		if took := time.Since(start); took > watchdog {
			c.t.Errorf("Find took %v", took)
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			c.t.Errorf("a living session is not found: %v", err)
			return
		case err != nil && r != nil:
			c.t.Errorf("Find returned a session and %v", err)
			return
		case err != nil:
			u.refused.Add(1)
		case r.ID != u.id:
			c.t.Errorf("Find returned session %q, want %q: somebody else's", r.ID, u.id)
			return
		default:
			u.found.Add(1)
		}
	}
}

// all waits until each user has got one more of what count counts.
func (c *crowd) all(what string, count func(u *user) *atomic.Int64) {
	c.t.Helper()
	before := make([]int64, len(c.users))
	for i := range c.users {
		before[i] = count(&c.users[i]).Load()
	}
	until(c.t, "everybody "+what, func() bool {
		for i := range c.users {
			if count(&c.users[i]).Load() == before[i] {
				return c.t.Failed()
			}
		}
		return true
	})
}

func found(u *user) *atomic.Int64   { return &u.found }
func refused(u *user) *atomic.Int64 { return &u.refused }

// noLeaks fails a test that leaves goroutines behind, after all that it cleans
// up. A client may need a while to notice that it was closed.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		var left error
		defer func() {
			if left != nil {
				t.Log(left)
			}
		}()
		until(t, "all goroutines have ended", func() bool {
			left = goleak.Find(before)
			return left == nil
		})
	})
}

// openHurried returns a store with the time-outs of a real service.
func openHurried(t *testing.T, url string) *redisstore.Store {
	t.Helper()
	client := redis.NewUniversalClient(parse(t, url))
	t.Cleanup(func() { client.Close() })
	return open(t, client, redisstore.Options{})
}

func TestAFrozenRedisIsAnErrorForEverybodyAndPasses(t *testing.T) {
	noLeaks(t)
	server := startServer(t)
	s := openHurried(t, server.url())
	c := gather(t, server, s, 100)
	c.all("is signed in", found)

	server.signal(syscall.SIGSTOP)
	c.all("got an error", refused)
	r := typicalSession()
	r.Version = 1
	nobody, _ := store.NewHandle() // what is asked for now may come true later
	ctx := t.Context()
	var calls sync.WaitGroup
	for call, do := range map[string]func() error{
		"Create":      func() error { _, err := s.Create(ctx, r); return err },
		"Replace":     func() error { _, err := s.Replace(ctx, nobody, r); return err },
		"Delete":      func() error { return s.Delete(ctx, nobody) },
		"List":        func() error { _, err := s.List(ctx, r.Subject); return err },
		"DeleteWhere": func() error { _, err := s.DeleteWhere(ctx, store.Filter{Subject: "nobody"}); return err },
		"Mark":        func() error { _, err := s.Mark(ctx, "a", 1, r.ExpiresAt); return err },
		"Marked":      func() error { _, err := s.Marked(ctx, "a", "b"); return err },
		"Lock":        func() error { _, err := s.Lock(ctx, "a", time.Second); return err },
	} {
		calls.Go(func() {
			if err := do(); err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
				t.Errorf("%s of a frozen Redis: %v, want a fault", call, err)
			}
		})
	}
	calls.Wait()

	server.signal(syscall.SIGCONT)
	c.all("is signed in again", found)
}

func TestAKilledRedisComesBackWithItsSessions(t *testing.T) {
	noLeaks(t)
	server := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	s := openHurried(t, server.url())
	c := gather(t, server, s, 100)
	if _, err := s.Mark(t.Context(), "a", 7, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	c.all("is signed in", found)

	server.kill()
	c.all("got an error", refused)
	server.start()
	c.all("is signed in again", found)
	c.leave()
	values, err := s.Marked(t.Context(), "a")
	if err != nil || values[0] != 7 {
		t.Errorf("Marked = %v, %v", values, err)
	}
	if list, err := s.List(t.Context(), typicalSession().Subject); err != nil || len(list) != len(c.users) {
		t.Errorf("List = %d sessions, %v, want %d", len(list), err, len(c.users))
	}
}

// With TLS a client waits for the server to say something before it has a
// connection, which is where it may forget how much time it has.
func TestARedisThatSaysNothingAtAllIsAnError(t *testing.T) {
	noLeaks(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, scheme := range []string{"redis://", "rediss://"} {
		// The client has much time, so it is the store that has to end the call.
		s := open(t, connect(t, scheme+silent.Addr().String()), redisstore.Options{})
		nobody, _ := store.NewHandle()
		start := time.Now()
		if r, err := s.Find(t.Context(), nobody); r != nil || err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: Find = %v, %v, want a fault", scheme, r, err)
		}
		if took := time.Since(start); took > watchdog {
			t.Errorf("%s: Find took %v", scheme, took)
		}
	}
}

// An answer that comes after its call has given up must not be taken for that of
// the next call, which may be another user's.
func TestNobodyGetsTheSessionOfAnotherWhenAnswersAreLateOrCut(t *testing.T) {
	noLeaks(t)
	server := startServer(t)
	for _, protocol := range []int{2, 3} {
		bad := startProxy(t, server.addr())
		o := parse(t, "redis://"+bad.addr())
		o.Protocol = protocol
		o.PoolSize = 8
		o.ReadTimeout = 50 * time.Millisecond
		client := redis.NewUniversalClient(o)
		s := open(t, client, redisstore.Options{Timeout: 100 * time.Millisecond})
		c := gather(t, server, s, 20)
		c.all("is signed in", found)

		bad.trouble.Store(true)
		for range 3 {
			c.all("got an error", refused)
			c.all("is signed in between errors", found)
		}
		bad.trouble.Store(false)
		c.all("is signed in again", found)
		c.leave()
		client.Close()
		bad.close()
	}
}

// A proxy passes on what client and server say, with trouble if wanted.
type proxy struct {
	listener net.Listener
	target   string
	trouble  atomic.Bool
	answers  atomic.Int64
	done     sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target}
	p.done.Go(p.accept)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.done.Go(func() {
			_, _ = io.Copy(server, client)
			server.Close()
		})
		p.done.Go(func() {
			p.answer(client, server)
			client.Close()
		})
	}
}

// answer passes on answers. In trouble, one of nine ends in its middle with a
// reset of the connection, one of seven in its middle with an orderly end, one of
// four is late, and one of fifteen comes in two halves.
func (p *proxy) answer(client, server net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		answer := buf[:n]
		if count := p.answers.Add(1); p.trouble.Load() {
			switch {
			case count%9 == 0:
				_, _ = client.Write(answer[:n/2])
				_ = client.(*net.TCPConn).SetLinger(0) // to close is to reset
				return
			case count%7 == 0:
				_, _ = client.Write(answer[:n/2])
				return
			case count%4 == 0:
				time.Sleep(120 * time.Millisecond)
			case count%15 == 0:
				_, _ = client.Write(answer[:n/2])
				time.Sleep(10 * time.Millisecond)
				answer = answer[n/2:]
			}
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.done.Wait()
}
