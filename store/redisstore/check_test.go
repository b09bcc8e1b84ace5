//go:build unix

package redisstore_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	miniserver "github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

func TestRedis_NewRefusesEviction(t *testing.T) {
	for policy, refused := range map[string]bool{
		"noeviction": false, "": false,
		"allkeys-lru": true, "allkeys-lfu": true, "allkeys-lrm": true, "allkeys-random": true,
		"volatile-lru": true, "volatile-lfu": true, "volatile-lrm": true, "volatile-random": true, "volatile-ttl": true,
	} {
		m := fakeRedis(t)
		m.Server().SetPreHook(func(c *miniserver.Peer, cmd string, args ...string) bool {
			if cmd != "INFO" {
				return false
			}
			c.WriteBulk("# Memory\r\nused_memory:1\r\nmaxmemory:0\r\nmaxmemory_policy:" + policy + "\r\nmem_allocator:x\r\n")
			return true
		})
		client := connect(t, "redis://"+m.Addr())
		s, err := redisstore.New(t.Context(), client, redisstore.Options{Timeout: longTimeout})
		if (err != nil) != refused || (s == nil) != refused {
			t.Errorf("policy %q: New = %v, %v", policy, s, err)
		}
		if refused && !strings.Contains(err.Error(), policy) {
			t.Errorf("policy %q: New: %v", policy, err)
		}
		if _, err := redisstore.New(t.Context(), client, redisstore.Options{DangerouslyAllowEviction: true}); err != nil {
			t.Errorf("policy %q, allowed: New: %v", policy, err)
		}
	}
}

func TestRedis_NewAsksTheServer(t *testing.T) {
	s := startServer(t, "--maxmemory-policy", "volatile-ttl")
	admin := connect(t, s.url())
	_, err := redisstore.New(t.Context(), admin, redisstore.Options{Timeout: longTimeout})
	if err == nil || !strings.Contains(err.Error(), "volatile-ttl") || !strings.Contains(err.Error(), "noeviction") {
		t.Errorf("New: %v, want the policy and what to set", err)
	}
	// A client that may not ask can't know.
	err = admin.Do(t.Context(), "ACL", "SETUSER", "ada", "on", ">s3cret", "~*", "+@all", "-info", "-config").Err()
	if err != nil {
		t.Fatal(err)
	}
	forbidden := connect(t, "redis://ada:s3cret@"+s.addr())
	opened := open(t, forbidden, redisstore.Options{Timeout: longTimeout})
	if err := opened.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
}

// A service can start while Redis is down, and does not wait for one that hangs.
func TestRedis_NewWhileRedisIsDown(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() // it accepts no connection, so that no answer comes
	for name, url := range map[string]string{
		"refuses": "redis://127.0.0.1:1", "hangs": "redis://" + silent.Addr().String(),
		"a cluster that refuses": "redis://127.0.0.1:1?addr=127.0.0.1:1",
	} {
		client := redis.NewUniversalClient(parse(t, url))
		s, err := redisstore.New(t.Context(), client, redisstore.Options{Timeout: 100 * time.Millisecond})
		if err != nil {
			t.Errorf("%s: New: %v", name, err)
		} else if err := s.Check(t.Context()); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: Check: %v, want a fault", name, err)
		}
		client.Close()
	}
}

func TestRedis_EndedContexts(t *testing.T) {
	client := connect(t, "redis://"+fakeRedis(t).Addr())
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if opened, err := redisstore.New(ended, client, redisstore.Options{}); opened != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("New = %v, %v, want %q", opened, err, context.Canceled)
	}
	if err := s.Check(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Check: %v, want %q", err, context.Canceled)
	}
}

func TestRedis_Check(t *testing.T) {
	m := fakeRedis(t)
	s := open(t, connect(t, "redis://"+m.Addr()), redisstore.Options{Timeout: longTimeout})
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	for _, answer := range []string{
		"LOADING Redis is loading the dataset in memory", "MASTERDOWN Link with MASTER is down", "NOAUTH Authentication required.",
		"NOPERM User ada has no permissions to run the 'get' command",
	} {
		m.SetError(answer)
		ctx, cancel := context.WithTimeout(t.Context(), longTimeout)
		if err := s.Check(ctx); err == nil || !strings.Contains(err.Error(), strings.Fields(answer)[0]) {
			t.Errorf("Check: %v, want %q", err, answer)
		}
		cancel()
	}
	m.SetError("")
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check after the faults: %v", err)
	}
}
