package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

// A redisNode is one redis-server of a cluster, or of those that Sentinel watches, or a
// Sentinel.
type redisNode struct {
	*redis.Client // of the test alone, directly to this server
	port          string
	cmd           *exec.Cmd
	ended         chan struct{}
}

// freePorts returns n ports below those of outgoing connections: one of the clients that
// try to connect to a stopped server could get its port.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	for range 100 * n {
		port := strconv.Itoa(20_000 + rand.IntN(10_000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		defer l.Close() // so that the next is another
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatal("there are no free ports")
	return nil
}

// startNode starts a redis-server with a folder of its own, and ends it with the test. A
// configuration is a file that a Sentinel writes to.
func startNode(t *testing.T, port, configuration string, args ...string) *redisNode {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		noServer(t, "Redis")
	}
	dir := t.TempDir()
	if configuration != "" {
		file := filepath.Join(dir, "redis.conf")
		if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{file}, args...)
	} else {
		args = append(args, "--save", "")
	}
	args = append(args, "--port", port, "--bind", "127.0.0.1", "--dir", dir)
	n := &redisNode{
		Client: redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, Protocol: 2, DisableIdentity: true, MaxRetries: -1}),
		port:   port, cmd: exec.Command("redis-server", args...), ended: make(chan struct{}),
	}
	var out bytes.Buffer
	n.cmd.Stdout, n.cmd.Stderr = &out, &out
	endWithTests(n.cmd)
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(n.ended)
		_ = n.cmd.Wait() // killed
	}()
	t.Cleanup(func() {
		n.Close()
		n.kill(t)
	})
	pid := fmt.Sprintf("process_id:%d\r\n", n.cmd.Process.Pid)
	until(t, "redis-server answers", func() bool {
		select {
		case <-n.ended:
			t.Fatalf("redis-server has ended:\n%s", &out)
		default:
		}
		info, err := n.Info(t.Context(), "server").Result()
		return err == nil && strings.Contains(info, pid)
	})
	return n
}

// kill ends the server as a crash would.
func (n *redisNode) kill(t *testing.T) {
	t.Helper()
	select {
	case <-n.ended:
		return
	default:
	}
	if err := n.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-n.ended
}

func (n *redisNode) addr() string { return "127.0.0.1:" + n.port }

// send sends a command that must succeed.
func (n *redisNode) send(t *testing.T, args ...any) {
	t.Helper()
	if err := n.Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}

// says reports whether the answer to a command has all parts.
func (n *redisNode) says(command string, parts ...string) bool {
	words := strings.Fields(command)
	args := make([]any, len(words))
	for i, word := range words {
		args[i] = word
	}
	ctx, cancel := context.WithTimeout(background(), longTimeout)
	defer cancel()
	answer, err := n.Do(ctx, args...).Text()
	for _, part := range parts {
		if !strings.Contains(answer, part) {
			return false
		}
	}
	return err == nil
}

// offset returns how far the writes of a primary, or the copy of a replica, have come.
func (n *redisNode) offset(t *testing.T, name string) int {
	t.Helper()
	info, err := n.Info(t.Context(), "replication").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(info, name+":")
	line, _, _ := strings.Cut(after, "\r\n")
	offset, err := strconv.Atoi(line)
	if err != nil {
		t.Fatalf("%v in %s", err, info)
	}
	return offset
}

// replicated waits until a replica has all writes of its primary so far. WAIT would tell it
// of those of one connection alone.
func replicated(t *testing.T, primary, replica *redisNode) {
	t.Helper()
	want := primary.offset(t, "master_repl_offset")
	until(t, replica.addr()+" has all writes", func() bool { return replica.offset(t, "slave_repl_offset") >= want })
}

// until waits until a condition holds, and fails the test if that takes too long.
func until(t *testing.T, condition string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(longTimeout); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%v is not enough until %s", longTimeout, condition)
		}
	}
}

func redisOptions(t *testing.T, url string) *redis.UniversalOptions {
	t.Helper()
	o, err := redisstore.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// redisClient returns a client of a URL, with the timeouts of a service or longer ones.
func redisClient(t *testing.T, url string, long bool) redis.UniversalClient {
	t.Helper()
	o := redisOptions(t, url)
	if long {
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = longTimeout, longTimeout, longTimeout
	}
	client := redis.NewUniversalClient(o)
	t.Cleanup(func() { client.Close() })
	return client
}

// redisStore returns a store that uses a client. Its timeout is that of a service, or a
// longer one.
func redisStore(t *testing.T, client redis.UniversalClient, long bool) *redisstore.Store {
	t.Helper()
	opts := redisstore.Options{}
	if long {
		opts.Timeout = longTimeout
	}
	s, err := redisstore.New(t.Context(), client, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// redisConformance runs the conformance suites. primaries are the servers with the data.
func redisConformance(t *testing.T, s *redisstore.Store, primaries ...*redisNode) {
	whole := storetest.Dump(func() []byte {
		var all []byte
		for _, n := range primaries {
			keys, err := n.Keys(background(), "*").Result()
			if err != nil {
				t.Error(err)
			}
			for _, key := range keys {
				// A sorted set has no such value, and a key may have expired.
				value, _ := n.Get(background(), key).Bytes()
				all = append(append(all, key...), value...)
			}
		}
		return all
	})
	for name, suite := range map[string]func(t *testing.T){
		"Sessions": func(t *testing.T) { storetest.Run(t, func(*testing.T) store.Sessions { return s }, whole) },
		"Index":    func(t *testing.T) { storetest.RunIndex(t, func(*testing.T) store.Sessions { return s }, whole) },
		"Marks":    func(t *testing.T) { storetest.RunMarks(t, func(*testing.T) store.Marks { return s }, whole) },
		"Locker":   func(t *testing.T) { storetest.RunLocker(t, func(*testing.T) store.Locker { return s }) },
		"Counter":  func(t *testing.T) { storetest.RunCounter(t, func(*testing.T) store.Counter { return s }, whole) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for expiries most of the time
			suite(t)
		})
	}
}

// createSessions creates n sessions of a user and returns their handles.
func createSessions(t *testing.T, s store.Sessions, subject string, n int) []string {
	t.Helper()
	handles := make([]string, n)
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := w; i < n; i += 8 {
				r := &store.Record{Realm: realm, Subject: subject, ExpiresAt: time.Now().Add(time.Hour), Claims: []byte("{}")}
				var err error
				if handles[i], err = s.CreateSession(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return handles
}
