package redisstore_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// After an error the client of a cluster asks again which server has which keys, once in a
// second for all calls.
func TestRedis_ErrorReloadsTopology(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		client := redis.NewClusterClient(&redis.ClusterOptions{
			ContextTimeoutEnabled: true,
			ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
				loads.Add(1)
				return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: "127.0.0.1:1"}}}}, nil
			},
			Dialer: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("down") },
		})
		defer func() {
			client.Close()
			time.Sleep(time.Minute) // its goroutines end
		}()
		s := open(t, client, redisstore.Options{})
		ctx := t.Context()
		handle, _ := store.NewHandle()
		for call, do := range map[string]func() error{
			"CreateSession":  func() error { _, err := s.CreateSession(ctx, typicalSession()); return err },
			"FindSession":    func() error { _, err := s.FindSession(ctx, handle); return err },
			"ReplaceSession": func() error { _, err := s.ReplaceSession(ctx, handle, typicalSession()); return err },
			"DeleteSession":  func() error { return s.DeleteSession(ctx, handle) },
			"ListSessions":   func() error { _, err := s.ListSessions(ctx, realm, "a", 10); return err },
			"DeleteSessions": func() error { _, err := s.DeleteSessions(ctx, realm, "a", ""); return err },
			"Mark":           func() error { _, _, err := s.Mark(ctx, "a", time.Hour); return err },
			"Marked":         func() error { _, err := s.Marked(ctx, "a"); return err },
			"Lock":           func() error { _, err := s.Lock(ctx, "a", time.Hour); return err },
			"Count":          func() error { _, err := s.Count(ctx, "a", 1, time.Hour); return err },
		} {
			time.Sleep(2 * time.Second)
			synctest.Wait()
			before, start := loads.Load(), time.Now()
			for n := 0; time.Since(start) < 10*time.Second; n++ {
				if err := do(); err == nil || errors.Is(err, store.ErrNotFound) {
					t.Fatalf("%s: %v, want a fault", call, err)
				}
				synctest.Wait()
				if n == 0 && loads.Load() != before+1 {
					t.Errorf("after an error of %s the topology is loaded %d times, want once", call, loads.Load()-before)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if n := loads.Load() - before; n < 5 || n > 11 {
				t.Errorf("with errors of %s during 10 seconds the topology is loaded %d times, want about 10", call, n)
			}
		}
	})
}

// A connection that exists may be to a former primary. FindSession asks on a new one if it
// is to, and says so if there is none.
func TestRedis_FindsOnNewConnection(t *testing.T) {
	former, present := fakeRedis(t), fakeRedis(t)
	var to atomic.Value
	to.Store(former.Addr())
	o := longOptions(t, "redis://"+former.Addr())
	o.Dialer = func(ctx context.Context, network, _ string) (net.Conn, error) {
		addr, _ := to.Load().(string)
		if addr == "" {
			return nil, errors.New("no route")
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	client := redis.NewUniversalClient(o)
	defer client.Close()
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	old := typicalSession()
	handle := create(t, s, old)
	r := *old
	r.UserAgent = "new"
	for _, key := range former.Keys() { // the present primary has a copy of the former
		if value, err := former.Get(key); err == nil {
			if err := present.Set(key, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := open(t, connect(t, "redis://"+present.Addr()), redisstore.Options{Timeout: longTimeout}).ReplaceSession(t.Context(), handle, &r); err != nil {
		t.Fatal(err)
	}

	to.Store(present.Addr())
	if got, err := s.FindSession(t.Context(), handle); err != nil || got.UserAgent != old.UserAgent {
		t.Fatalf("FindSession = %+v, %v: the former primary does not answer", got, err)
	}
	again := store.WithNewConnection(t.Context())
	if got, err := s.FindSession(again, handle); err != nil || got.UserAgent != "new" {
		t.Errorf("FindSession = %+v, %v, want the session of the present primary", got, err)
	}
	to.Store("")
	if got, err := s.FindSession(again, handle); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession = %+v, %v, want a fault", got, err)
	}
}
