package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// A proxy is between a store and its database. It can break a connection within an
// answer, and delay all answers.
type proxy struct {
	listener        net.Listener
	network, target string
	left            atomic.Int64 // bytes of answers before a connection is broken; negative: none is
	cuts            atomic.Int64
	silence         sync.RWMutex // no answer passes while a test has locked it

	mu    sync.Mutex
	conns []net.Conn
	done  sync.WaitGroup
}

func newProxy(t *testing.T, network, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, network: network, target: target}
	p.left.Store(-1)
	p.done.Go(p.serve)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.done.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.target)
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
			server.Close()
		})
	}
}

// answer forwards the server's bytes until the connection ends or is to be broken.
func (p *proxy) answer(client, server net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := server.Read(buf)
		if !p.pass(client, buf[:n]) || err != nil {
			return
		}
	}
}

// pass forwards bytes of an answer, and reports whether more may follow.
func (p *proxy) pass(client net.Conn, answer []byte) bool {
	p.silence.RLock()
	defer p.silence.RUnlock()
	if left := p.left.Load(); left >= 0 {
		if int64(len(answer)) > left {
			p.left.Store(-1)
			p.cuts.Add(1)
			_, _ = client.Write(answer[:left])
			_ = client.(*net.TCPConn).SetLinger(0) // a reset instead of an orderly end
			return false
		}
		p.left.Add(-int64(len(answer)))
	}
	_, err := client.Write(answer)
	return err == nil
}

// Connections break at any byte of an answer, when it is unknown whether the statement has
// run. The effect is that of running it once.
func TestPostgreSQL_BrokenAnswers(t *testing.T) {
	for _, driver := range []string{"pgx", "postgres"} {
		t.Run(driver, func(t *testing.T) { breakConnections(t, driver) })
	}
}

func breakConnections(t *testing.T, driver string) {
	p := server(t)
	noLeaks(t)
	proxy := newProxy(t, "tcp", "127.0.0.1:"+p.port)
	db := connect(t, driver, p.url(p.newDatabase(t), proxy.addr()))
	db.SetMaxOpenConns(1) // the one that breaks
	s := newStore(t, db, sqlstore.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*longTimeout)
	defer cancel()
	end := time.Now().Add(time.Hour)

	// Each prepares a call, and returns it for the time when a connection breaks.
	attempts := map[string]func(t *testing.T) func() error{
		"CreateSession": func(t *testing.T) func() error {
			r := &store.Record{Realm: realm, Subject: store.NewID(), ExpiresAt: end}
			return func() error {
				handle, err := s.CreateSession(ctx, r)
				if err != nil {
					return err
				}
				if got, err := s.FindSession(ctx, handle); err != nil || got.ID != r.ID {
					t.Errorf("FindSession = %v, %v, want the session", got, err)
				}
				if all, err := s.ListSessions(ctx, realm, r.Subject, 10); err != nil || len(all) != 1 {
					t.Errorf("ListSessions = %v, %v, want one session", all, err)
				}
				return nil
			}
		},
		"FindSession": func(t *testing.T) func() error {
			u := signIn(t, s, store.NewID())
			return func() error { return u.request(t, s) }
		},
		"ReplaceSession": func(t *testing.T) func() error {
			u := signIn(t, s, store.NewID())
			r, err := s.FindSession(ctx, u.handle)
			if err != nil {
				t.Fatal(err)
			}
			r.UserAgent = "new"
			return func() error {
				_, err := s.ReplaceSession(ctx, u.handle, r)
				if errors.Is(err, store.ErrConflict) { // with itself, as documented
					err = nil
				}
				if got, err := s.FindSession(ctx, u.handle); err != nil || got.Version != 2 || got.UserAgent != "new" {
					t.Errorf("FindSession = %v, %v, want the session, written once", got, err)
				}
				return err
			}
		},
		"DeleteSession": func(t *testing.T) func() error {
			u := signIn(t, s, store.NewID())
			return func() error {
				err := s.DeleteSession(ctx, u.handle)
				if _, found := s.FindSession(ctx, u.handle); !errors.Is(found, store.ErrNotFound) {
					t.Errorf("FindSession: %v, want %q", found, store.ErrNotFound)
				}
				return err
			}
		},
		"ListSessions": func(t *testing.T) func() error {
			u := signIn(t, s, store.NewID())
			return func() error {
				all, err := s.ListSessions(ctx, realm, u.name, 10)
				if err == nil && (len(all) != 1 || all[0].Subject != u.name) {
					t.Errorf("ListSessions = %v, want one session", all)
				}
				return err
			}
		},
		"DeleteSessions": func(t *testing.T) func() error {
			u := signIn(t, s, store.NewID())
			return func() error {
				n, err := s.DeleteSessions(ctx, realm, u.name, "")
				if n > 1 {
					t.Errorf("DeleteSessions = %d, want 1 at most", n)
				}
				if _, found := s.FindSession(ctx, u.handle); !errors.Is(found, store.ErrNotFound) {
					t.Errorf("FindSession: %v, want %q", found, store.ErrNotFound)
				}
				return err
			}
		},
		"Mark": func(t *testing.T) func() error {
			name := store.NewID()
			return func() error {
				at, first, err := s.Mark(ctx, name, time.Hour)
				if err == nil && !first {
					t.Error("the first Mark is not the first")
				}
				if later, first, err := s.Mark(ctx, name, time.Hour); err != nil || first || later <= at {
					t.Errorf("the second Mark = %d, %v, %v after %d, want false", later, first, err, at)
				}
				return err
			}
		},
		"Count": func(t *testing.T) func() error {
			name := store.NewID()
			return func() error {
				for _, step := range []struct{ n, want int }{{2, 2}, {-1, 1}, {0, 1}, {3, 4}} {
					if n, err := s.Count(ctx, name, step.n, time.Hour); err != nil || n != step.want {
						return fmt.Errorf("Count(%d) = %d, %v, want %d", step.n, n, err, step.want)
					}
				}
				return nil
			}
		},
		"Count that subtracts": func(t *testing.T) func() error {
			name := store.NewID()
			if _, err := s.Count(ctx, name, 9, time.Hour); err != nil {
				t.Fatal(err)
			}
			return func() error {
				for _, step := range []struct{ n, want int }{{-2, 7}, {0, 7}, {1, 8}} {
					if n, err := s.Count(ctx, name, step.n, time.Hour); err != nil || n != step.want {
						return fmt.Errorf("Count(%d) = %d, %v, want %d", step.n, n, err, step.want)
					}
				}
				return nil
			}
		},
		"Lock": func(t *testing.T) func() error {
			name := store.NewID()
			return func() error {
				for range 2 {
					lease, err := s.Lock(ctx, name, time.Hour)
					if err != nil {
						return err
					}
					if err := lease.Extend(ctx, time.Hour); err != nil {
						return err
					}
					lease.Release()
				}
				return nil
			}
		},
	}
	for name, attempt := range attempts {
		t.Run(name, func(t *testing.T) {
			before := proxy.cuts.Load()
			for _, after := range []int64{0, 1, 4, 5, 6, 30, 100, 200, 300} {
				do := attempt(t)
				proxy.left.Store(after)
				err := do()
				proxy.left.Store(-1)
				if err != nil {
					t.Errorf("broken after %d bytes: %v", after, err)
				}
			}
			if cuts := proxy.cuts.Load() - before; cuts < 3 {
				t.Errorf("%d connections were broken: this tests nothing", cuts)
			}
		})
	}
}
