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

// watchdog bounds a call that must end within a second: long enough for a busy machine,
// and short enough to tell a slow call from one that does not end.
const watchdog = 15 * time.Second

// readers are many users whose sessions are read all the time.
type readers struct {
	t     *testing.T
	s     *redisstore.Store
	users []user
	stop  chan struct{}
	done  sync.WaitGroup
	end   func()
}

type user struct {
	handle, id     string
	found, refused atomic.Int64 // answers, and errors
}

// startReaders creates n sessions, with long timeouts, and reads them with s.
func startReaders(t *testing.T, server *server, s *redisstore.Store, n int) *readers {
	t.Helper()
	c := &readers{t: t, s: s, users: make([]user, n), stop: make(chan struct{})}
	client := redis.NewUniversalClient(longOptions(t, server.url()))
	defer client.Close()
	longStore := open(t, client, redisstore.Options{Timeout: longTimeout})
	for i := range c.users {
		r := typicalSession()
		c.users[i].handle = create(t, longStore, r)
		c.users[i].id = r.ID
	}
	for i := range c.users {
		c.done.Go(func() { c.read(&c.users[i]) })
	}
	c.end = sync.OnceFunc(func() {
		close(c.stop)
		c.done.Wait()
	})
	t.Cleanup(c.end)
	return c
}

func (c *readers) read(u *user) {
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		start := time.Now()
		r, err := c.s.FindSession(context.Background(), u.handle)
		if took := time.Since(start); took > watchdog {
			c.t.Errorf("FindSession took %v", took)
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			c.t.Errorf("a living session is not found: %v", err)
			return
		case err != nil && r != nil:
			c.t.Errorf("FindSession returned a session and %v", err)
			return
		case err != nil:
			u.refused.Add(1)
		case r.ID != u.id:
			c.t.Errorf("FindSession returned session %q, want %q", r.ID, u.id)
			return
		default:
			u.found.Add(1)
		}
	}
}

// all waits until count has increased for each user.
func (c *readers) all(what string, count func(u *user) *atomic.Int64) {
	c.t.Helper()
	before := make([]int64, len(c.users))
	for i := range c.users {
		before[i] = count(&c.users[i]).Load()
	}
	until(c.t, "each user "+what, func() bool {
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

// noLeaks fails a test that leaves goroutines after its cleanup. A client may take a moment
// to close.
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

// openDefault returns a store with the timeouts of a real service.
func openDefault(t *testing.T, url string) *redisstore.Store {
	t.Helper()
	client := redis.NewUniversalClient(parse(t, url))
	t.Cleanup(func() { client.Close() })
	return open(t, client, redisstore.Options{})
}

func TestRedis_Frozen(t *testing.T) {
	noLeaks(t)
	server := startServer(t)
	s := openDefault(t, server.url())
	c := startReaders(t, server, s, 100)
	c.all("is signed in", found)

	server.signal(syscall.SIGSTOP)
	c.all("got an error", refused)
	r := typicalSession()
	r.Version = 1
	unknown, _ := store.NewHandle() // Redis may carry out these calls later
	ctx := t.Context()
	var calls sync.WaitGroup
	for call, do := range map[string]func() error{
		"CreateSession":  func() error { _, err := s.CreateSession(ctx, r); return err },
		"ReplaceSession": func() error { _, err := s.ReplaceSession(ctx, unknown, r); return err },
		"DeleteSession":  func() error { return s.DeleteSession(ctx, unknown) },
		"ListSessions":   func() error { _, err := s.ListSessions(ctx, realm, r.Subject, 10); return err },
		"DeleteSessions": func() error { _, err := s.DeleteSessions(ctx, realm, "unknown", ""); return err },
		"Mark":           func() error { _, _, err := s.Mark(ctx, "a", time.Hour); return err },
		"Marked":         func() error { _, err := s.Marked(ctx, "a", "b"); return err },
		"Lock":           func() error { _, err := s.Lock(ctx, "a", time.Second); return err },
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

func TestRedis_Killed(t *testing.T) {
	noLeaks(t)
	server := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	s := openDefault(t, server.url())
	c := startReaders(t, server, s, 100)
	at, _, err := s.Mark(t.Context(), "a", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c.all("is signed in", found)

	server.kill()
	c.all("got an error", refused)
	server.start()
	c.all("is signed in again", found)
	c.end()
	times, err := s.Marked(t.Context(), "a")
	if err != nil || times[0] != at {
		t.Errorf("Marked = %v, %v, want %d", times, err, at)
	}
	if list, err := s.ListSessions(t.Context(), realm, typicalSession().Subject, 1000); err != nil || len(list) != len(c.users) {
		t.Errorf("ListSessions = %d sessions, %v, want %d", len(list), err, len(c.users))
	}
}

// With TLS a client waits for an answer before it has a connection, where it may ignore its
// deadline.
func TestRedis_Silent(t *testing.T) {
	noLeaks(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, scheme := range []string{"redis://", "rediss://"} {
		// The client has long timeouts, so that the store must end the call.
		s := open(t, connect(t, scheme+silent.Addr().String()), redisstore.Options{})
		unknown, _ := store.NewHandle()
		start := time.Now()
		if r, err := s.FindSession(t.Context(), unknown); r != nil || err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: FindSession = %v, %v, want a fault", scheme, r, err)
		}
		if took := time.Since(start); took > watchdog {
			t.Errorf("%s: FindSession took %v", scheme, took)
		}
	}
}

// An answer that arrives after its call has ended must not become that of the next call,
// which may be another user's.
func TestRedis_LateAndCutAnswers(t *testing.T) {
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
		c := startReaders(t, server, s, 20)
		c.all("is signed in", found)

		bad.trouble.Store(true)
		for range 3 {
			c.all("got an error", refused)
			c.all("is signed in between errors", found)
		}
		bad.trouble.Store(false)
		c.all("is signed in again", found)
		c.end()
		client.Close()
		bad.close()
	}
}

// A proxy forwards between a client and a server. With trouble, it delays and cuts answers.
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

// answer forwards answers. With trouble, one of nine is cut by a reset of the connection,
// one of seven by an orderly end, one of four is late, and one of fifteen comes in two
// parts.
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
				_ = client.(*net.TCPConn).SetLinger(0) // a reset
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

// The time of a call may end between two batches, without an error of Redis: what is left
// has not ended.
func TestRedis_TimeEndsBetweenBatches(t *testing.T) {
	const many = 600
	for name, call := range map[string]func(ctx context.Context, s *redisstore.Store) (int, error){
		"DeleteSessions": func(ctx context.Context, s *redisstore.Store) (int, error) {
			return s.DeleteSessions(ctx, realm, typicalSession().Subject, "")
		},
		"ListSessions": func(ctx context.Context, s *redisstore.Store) (int, error) {
			list, err := s.ListSessions(ctx, realm, typicalSession().Subject, many)
			return len(list), err
		},
	} {
		client := connect(t, "redis://"+fakeRedis(t).Addr())
		s := open(t, client, redisstore.Options{Timeout: longTimeout})
		for range many {
			create(t, s, typicalSession())
		}
		ctx, cancel := context.WithCancel(t.Context())
		pipelines := 0
		client.AddHook(hook{
			process: func(next redis.ProcessHook) redis.ProcessHook { return next },
			pipeline: func(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
				return func(_ context.Context, cmds []redis.Cmder) error {
					err := next(t.Context(), cmds) // the first batch is served as a whole
					if pipelines++; pipelines == map[string]int{"DeleteSessions": 3, "ListSessions": 1}[name] {
						cancel()
					}
					return err
				}
			},
		})
		n, err := call(ctx, s)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s returns %d of %d sessions, and the error %v", name, n, many, err)
		}
	}
}
