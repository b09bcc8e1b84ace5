//go:build unix

package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// A server is a redis-server that a test has started and may stop in any way.
type server struct {
	t    *testing.T
	args []string
	port string
	out  bytes.Buffer
	cmd  *exec.Cmd
	end  chan struct{} // closed when the process has ended
}

// needRedis skips a test where Redis is not installed (Debian: apt-get install
// redis-server), or fails it there if NUXTAUTH_REQUIRE_SERVERS=1.
func needRedis(t *testing.T) {
	t.Helper()
	for _, program := range []string{"redis-server", "redis-cli"} {
		_, err := exec.LookPath(program)
		switch {
		case err != nil && os.Getenv("NUXTAUTH_REQUIRE_SERVERS") == "1":
			t.Fatalf("NUXTAUTH_REQUIRE_SERVERS=1, but %v", err)
		case err != nil:
			t.Skipf("NOT TESTED on a real Redis: %v", err)
		}
	}
}

// startServer starts a server with a folder of its own, on a free port of the loopback
// interface.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	needRedis(t)
	s := &server{t: t, port: freePort(t)}
	s.args = append([]string{"--port", s.port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", ""}, args...)
	s.start()
	t.Cleanup(s.kill)
	return s
}

// freePort returns a port below those of outgoing connections: one of the clients that try
// to connect to a stopped server could get its port.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20_000 + rand.IntN(10_000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("there is no free port")
	return ""
}

func (s *server) addr() string { return "127.0.0.1:" + s.port }
func (s *server) url() string  { return "redis://" + s.addr() }

// start starts the process and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	s.out.Reset()
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, end := s.cmd, make(chan struct{})
	s.end = end
	go func() {
		_ = cmd.Wait() // killed
		close(end)
	}()
	client := redis.NewClient(&redis.Options{Addr: s.addr(), MaxRetries: -1})
	defer client.Close()
	until(s.t, "redis-server answers", func() bool {
		select {
		case <-end:
			s.t.Fatalf("redis-server has ended:\n%s", s.out.String())
		default:
		}
		return client.Ping(context.Background()).Err() == nil
	})
}

// kill ends the process at once.
func (s *server) kill() {
	s.signal(syscall.SIGKILL)
	<-s.end
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("signal %v: %v", sig, err)
	}
}

// until waits until a condition holds, for a minute at most.
func until(t *testing.T, condition string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("a minute is not enough until %s", condition)
		}
		<-tick.C
	}
}

func TestRedis_ContractOnServer(t *testing.T) {
	conform(t, connect(t, startServer(t).url()))
}

func TestRedis_ContractOnCluster(t *testing.T) {
	var addrs []string
	for range 3 {
		s := startServer(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t), "--cluster-node-timeout", "20000")
		addrs = append(addrs, s.addr())
	}
	command := append([]string{"--cluster", "create", "--cluster-yes"}, addrs...)
	if out, err := exec.Command("redis-cli", command...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	for _, addr := range addrs {
		client := connect(t, "redis://"+addr)
		until(t, addr+" sees the whole cluster", func() bool {
			info, err := client.ClusterInfo(t.Context()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok")
		})
	}
	conform(t, connect(t, "redis://"+addrs[0]+"?addr="+addrs[1]))

	t.Run("all marks are on one server", func(t *testing.T) {
		servers := 0
		for _, addr := range addrs {
			marks, err := connect(t, "redis://"+addr).Keys(t.Context(), "nuxtauth:v1:{m}:*").Result()
			if err != nil {
				t.Fatal(err)
			}
			if len(marks) > 0 {
				servers++
			}
		}
		if servers != 1 {
			t.Errorf("%d servers have marks, want 1", servers)
		}
	})

	t.Run("a client of one server is refused", func(t *testing.T) {
		_, err := redisstore.New(t.Context(), connect(t, "redis://"+addrs[0]), redisstore.Options{Timeout: longTimeout})
		if err == nil || !strings.Contains(err.Error(), "IsClusterMode") {
			t.Errorf("New returns %v", err)
		}
	})

	t.Run("with the documented permissions", func(t *testing.T) {
		for _, addr := range addrs {
			addUser(t, connect(t, "redis://"+addr), "+cluster|slots", "+cluster|shards", "+command")
		}
		useAll(t, open(t, connect(t, "redis://ada:s3cret@"+addrs[0]+"?addr="+addrs[1]), redisstore.Options{Timeout: longTimeout}))
		for _, addr := range addrs {
			nothingRefused(t, connect(t, "redis://"+addr))
		}
	})

	t.Run("each server is asked for its policy", func(t *testing.T) {
		for _, addr := range addrs {
			server, cluster := connect(t, "redis://"+addr), connect(t, "redis://"+addrs[0]+"?addr="+addrs[1])
			set := func(policy string) {
				t.Helper()
				if err := server.ConfigSet(t.Context(), "maxmemory-policy", policy).Err(); err != nil {
					t.Fatal(err)
				}
			}
			set("volatile-lru")
			if _, err := redisstore.New(t.Context(), cluster, redisstore.Options{Timeout: longTimeout}); err == nil {
				t.Error("New succeeds")
			}
			set("noeviction")
			open(t, cluster, redisstore.Options{Timeout: longTimeout})
		}
	})
}

func TestRedis_Failover(t *testing.T) {
	primary := startServer(t, "--repl-diskless-sync-delay", "0")
	startServer(t, "--replicaof", "127.0.0.1 "+primary.port)
	config := t.TempDir() + "/sentinel.conf"
	text := fmt.Sprintf("sentinel monitor main 127.0.0.1 %s 1\nsentinel down-after-milliseconds main 500\n", primary.port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := &server{t: t, port: freePort(t)}
	sentinel.args = []string{config, "--sentinel", "--port", sentinel.port, "--bind", "127.0.0.1"}
	sentinel.start()
	t.Cleanup(sentinel.kill)

	client := connect(t, sentinel.url()+"?master_name=main")
	s := open(t, client, redisstore.Options{})
	var handle string
	until(t, "a session is on the primary and its replica", func() bool {
		var err error
		if handle, err = s.CreateSession(t.Context(), typicalSession()); err != nil {
			return false
		}
		n, err := client.Do(t.Context(), "WAIT", 1, 1000).Int()
		return err == nil && n == 1
	})
	watch := redis.NewSentinelClient(&redis.Options{Addr: sentinel.addr()})
	defer watch.Close()
	until(t, "Sentinel knows the replica", func() bool {
		replicas, err := watch.Replicas(t.Context(), "main").Result()
		return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok"
	})
	primary.kill()
	until(t, "the session is found on the new primary", func() bool {
		_, err := s.FindSession(t.Context(), handle)
		if errors.Is(err, store.ErrNotFound) {
			t.Fatal("the session is not found during a failover")
		}
		return err == nil
	})
	until(t, "the new primary takes writes", func() bool { return s.DeleteSession(t.Context(), handle) == nil })
}

func TestRedis_Full(t *testing.T) {
	client := connect(t, startServer(t, "--maxmemory-policy", "noeviction").url())
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	r := typicalSession()
	handle := create(t, s, r)
	if _, err := s.Count(t.Context(), "a", 3, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateSession(t.Context(), typicalSession()); !errors.Is(err, store.ErrFull) {
		t.Errorf("CreateSession: %v, want %q", err, store.ErrFull)
	}
	if _, _, err := s.Mark(t.Context(), "a", time.Hour); !errors.Is(err, store.ErrFull) {
		t.Errorf("Mark: %v, want %q", err, store.ErrFull)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := s.Count(t.Context(), name, 1, time.Hour); !errors.Is(err, store.ErrFull) {
			t.Errorf("Count: %v, want %q", err, store.ErrFull)
		}
	}
	if n, err := s.Count(t.Context(), "a", 0, 0); err != nil || n != 3 {
		t.Errorf("Count = %d, %v, want 3", n, err)
	}
	if _, err := s.ReplaceSession(t.Context(), handle, r); !errors.Is(err, store.ErrFull) || r.Version != 1 {
		t.Errorf("ReplaceSession: version %d, %v, want %q", r.Version, err, store.ErrFull)
	}
	if _, err := s.FindSession(t.Context(), handle); err != nil {
		t.Errorf("FindSession: %v", err)
	}
	if n, err := s.DeleteSessions(t.Context(), realm, r.Subject, ""); err != nil || n != 1 {
		t.Errorf("DeleteSessions = %d, %v", n, err)
	}
}

func TestRedis_Permissions(t *testing.T) {
	server := startServer(t)
	admin := connect(t, server.url())
	addUser(t, admin, "+select")
	useAll(t, open(t, connect(t, "redis://ada:s3cret@"+server.addr()+"/5"), redisstore.Options{Timeout: longTimeout}))
	nothingRefused(t, admin)
}

// addUser creates a user with the documented permissions.
func addUser(t *testing.T, admin redis.UniversalClient, more ...any) {
	t.Helper()
	permissions := append([]any{"ACL", "SETUSER", "ada", "on", ">s3cret", "~nuxtauth:*", "+get", "+mget", "+set", "+getdel",
		"+del", "+pttl", "+pexpire", "+pexpireat", "+zadd", "+zrange", "+zrem", "+zremrangebyscore", "+time", "+eval", "+evalsha", "+info"}, more...)
	if err := admin.Do(t.Context(), permissions...).Err(); err != nil {
		t.Fatal(err)
	}
}

func nothingRefused(t *testing.T, admin redis.UniversalClient) {
	t.Helper()
	log, err := admin.ACLLog(t.Context(), 10).Result()
	if err != nil || len(log) != 0 {
		t.Errorf("Redis refused %+v, %v", log, err)
	}
}

func TestRedis_MemoryAsDocumented(t *testing.T) {
	client := connect(t, startServer(t).url())
	s := open(t, client, redisstore.Options{Timeout: longTimeout})
	session := func(i int, provider, sid bool) error {
		r := typicalSession()
		name := fmt.Sprintf("%07d", i)
		r.Subject, r.ProviderSubject = "user:"+name, ""
		if provider {
			r.ProviderSubject = name
		}
		if sid {
			r.ProviderSession = "5a1b7cd0-4b1e-4f36-8c4b-" + name
		}
		_, err := s.CreateSession(t.Context(), r)
		return err
	}
	next := 0
	for _, test := range []struct {
		what       string
		documented int
		add        func(i int) error
	}{
		{"session without a provider", 900, func(i int) error { return session(i, false, false) }},
		{"session with a ProviderSubject", 1100, func(i int) error { return session(i, true, false) }},
		{"session with a ProviderSession too", 1500, func(i int) error { return session(i, true, true) }},
		{"mark", 190, func(i int) error {
			_, _, err := s.Mark(t.Context(), fmt.Sprint("revoked:ada.", i, "@example.com"), time.Hour)
			return err
		}},
		{"counter", 190, func(i int) error {
			_, err := s.Count(t.Context(), fmt.Sprint("sign-in:ada.", i, "@example.com"), 1, time.Hour)
			return err
		}},
	} {
		const n = 5000
		add := func() {
			t.Helper()
			if err := test.add(next); err != nil {
				t.Fatal(err)
			}
			next++
		}
		add() // connects, and loads the script
		before := usedMemory(t, client)
		for range n {
			add()
		}
		each := (usedMemory(t, client) - before) / n
		t.Logf("a %s takes %d bytes", test.what, each)
		if each < test.documented*8/10 || each > test.documented*12/10 {
			t.Errorf("a %s takes %d bytes, %d is documented", test.what, each, test.documented)
		}
	}
}

// usedMemory returns the memory that Redis uses, in bytes.
func usedMemory(t *testing.T, client redis.UniversalClient) int {
	t.Helper()
	info, err := client.Info(t.Context(), "memory").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(info, "used_memory:")
	line, _, _ := strings.Cut(after, "\r\n")
	n, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
