package integration_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A sentinels is a primary with a replica, and the three Sentinels that watch them.
type sentinels struct {
	primary, replica *redisNode
	nodes            []*redisNode
	front            *proxy // between the primary and all others, if there is one
}

// startSentinels starts servers and waits until the Sentinels know each other.
func startSentinels(t *testing.T, withFront bool) *sentinels {
	t.Helper()
	ports := freePorts(t, 5)
	s := &sentinels{primary: startNode(t, ports[0], "", "--repl-diskless-sync-delay", "0")}
	port := ports[0]
	if withFront {
		s.front = newProxy(t, "tcp", s.primary.addr())
		_, port, _ = net.SplitHostPort(s.front.addr())
	}
	s.replica = startNode(t, ports[1], "", "--replicaof", "127.0.0.1 "+port)
	until(t, "the replica has a copy", func() bool { return s.replica.says("INFO replication", "master_link_status:up") })
	id := func(i int) string { return strings.Repeat(fmt.Sprint(i), 40) }
	for i := range 3 {
		// No server is taken for dead because the machine is busy: failOver shortens the time.
		conf := fmt.Sprintf("sentinel myid %s\nsentinel monitor main 127.0.0.1 %s 2\nsentinel down-after-milliseconds main 60000\n"+
			"sentinel failover-timeout main 10000\nsentinel known-replica main 127.0.0.1 %s\n", id(i), port, ports[1])
		for other := range 3 {
			if other != i {
				conf += fmt.Sprintf("sentinel known-sentinel main 127.0.0.1 %s %s\n", ports[2+other], id(other))
			}
		}
		s.nodes = append(s.nodes, startNode(t, ports[2+i], conf, "--sentinel"))
	}
	for _, n := range s.nodes {
		client := redis.NewSentinelClient(n.Options())
		defer client.Close()
		until(t, n.addr()+" knows the others", func() bool {
			replicas, err := client.Replicas(t.Context(), "main").Result()
			return err == nil && len(replicas) == 1 && replicas[0]["master-link-status"] == "ok" && replicas[0]["flags"] == "slave" &&
				n.says("SENTINEL CKQUORUM main", "OK 3 usable Sentinels")
		})
	}
	return s
}

// url is the address with all Sentinels.
func (s *sentinels) url() string {
	return "redis://" + s.nodes[0].addr() + "?master_name=main&addr=" + s.nodes[1].addr() + "&addr=" + s.nodes[2].addr()
}

// failOver makes the primary stop, and waits until the replica is the primary for all
// Sentinels.
func (s *sentinels) failOver(t *testing.T, stop func()) {
	t.Helper()
	for _, n := range s.nodes {
		n.send(t, "SENTINEL", "SET", "main", "down-after-milliseconds", 500)
	}
	stop()
	until(t, "the replica is the primary", func() bool {
		return s.replica.says("INFO replication", "role:master") && !slices.ContainsFunc(s.nodes, func(n *redisNode) bool {
			addr, err := n.Do(t.Context(), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main").StringSlice()
			return err != nil || addr[1] != s.replica.port
		})
	})
}

func TestRedisSentinel(t *testing.T) {
	noLeaks(t)
	servers := startSentinels(t, false)
	t.Run("contract", func(t *testing.T) {
		redisConformance(t, redisStore(t, redisClient(t, servers.url(), true), true), servers.primary)
	})
	t.Run("primary dies", func(t *testing.T) {
		s := redisStore(t, redisClient(t, servers.url(), false), false)
		user := store.NewID()
		handles := createSessions(t, s, user, 50)
		replicated(t, servers.primary, servers.replica)
		servers.failOver(t, func() { servers.primary.kill(t) })
		failed := 0
		for _, handle := range handles {
			for {
				_, err := s.FindSession(t.Context(), handle)
				if err == nil {
					break
				}
				if failed++; errors.Is(err, store.ErrNotFound) || failed == attempts {
					t.Fatalf("%d attempts after the failover: %v", failed, err)
				}
			}
		}
		t.Logf("after the failover %d attempts failed", failed)
		if n, err := s.DeleteSessions(t.Context(), realm, user, ""); err != nil || n != len(handles) {
			t.Errorf("DeleteSessions = %d, %v, want %d", n, err, len(handles))
		}
	})
}

// A network is what a process reaches.
type network struct {
	mu    sync.Mutex
	other map[string]string // the addresses of those that it reaches elsewhere
	lost  map[string]bool
	conns map[string][]net.Conn
}

// dial is for the options of a client.
func (n *network) dial(ctx context.Context, proto, addr string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lost[addr] {
		return nil, errors.New("no route to " + addr)
	}
	to := addr
	if other, ok := n.other[addr]; ok {
		to = other
	}
	conn, err := new(net.Dialer).DialContext(ctx, proto, to)
	if err == nil {
		n.conns[addr] = append(n.conns[addr], conn)
	}
	return conn, err
}

// lose ends the connections to an address, and allows no others.
func (n *network) lose(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost[addr] = true
	for _, conn := range n.conns[addr] {
		conn.Close()
	}
}

func (n *network) find(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost[addr] = false
}

// A primary is cut off from all but one process, which does not see the failover. Others
// have refreshed the tokens of the users since, at a provider that accepts each refresh
// token once: the process reads tokens that have been used. No user is signed out.
func TestRedisSentinel_PartitionEndsNoSession(t *testing.T) {
	noLeaks(t)
	servers := startSentinels(t, true)
	idp := authtest.IDPConfig{Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256", AccessTokenLifetime: time.Second}.Start(t)
	p := setup{Issuer: idp.Issuer(), ClientID: idp.ClientID(), ClientSecret: idp.ClientSecret()}
	newApp := func(s store.Sessions) http.Handler {
		app, _, err := p.newApp(s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return app
	}
	app := newApp(redisStore(t, redisClient(t, servers.url(), false), false))

	view := &network{
		other: map[string]string{servers.front.addr(): servers.primary.addr()},
		lost:  map[string]bool{}, conns: map[string][]net.Conn{},
	}
	options := redisOptions(t, servers.url())
	options.Dialer = view.dial
	client := redis.NewUniversalClient(options)
	defer client.Close()
	s := redisStore(t, client, false)
	alone := newApp(s)

	users := make([]*http.Cookie, 50)
	for i := range users {
		users[i] = signInAt(t, app, idp, "alice")
	}
	replicated(t, servers.primary, servers.replica)
	until(t, "the process is connected to the primary", func() bool { return s.Check(t.Context()) == nil })
	for _, n := range servers.nodes {
		view.lose(n.addr())
	}
	servers.front.silence.Lock()
	defer servers.front.silence.Unlock()
	servers.failOver(t, func() {})

	idp.SetAccessTokenLifetime(time.Hour)
	for _, cookie := range users {
		until(t, "the others have refreshed the tokens", func() bool { return get(app, "/api", cookie).Code == http.StatusOK })
	}
	// On a busy machine a call may exceed the timeout of the store: 503 ends no session.
	answer := func(cookie *http.Cookie, attempts int) string {
		w := get(alone, "/private", cookie)
		for n := 1; n < attempts && w.Code == http.StatusServiceUnavailable && len(w.Result().Cookies()) == 0; n++ {
			w = get(alone, "/private", cookie)
		}
		return fmt.Sprint(w.Code, " ", w.Result().Cookies())
	}
	t.Run("without a Sentinel", func(t *testing.T) {
		before, answers := len(idp.Requests("/token")), make(map[string]int)
		for _, cookie := range users[:10] {
			answers[answer(cookie, 1)]++
		}
		if answers["200 []"] == 0 || answers["200 []"]+answers["503 []"] != 10 {
			t.Errorf("the answers to 10 users are %v, want 200 and no cookies", answers)
		}
		if len(idp.Requests("/token")) == before {
			t.Error("the process does not send used tokens: it does not read from the former primary")
		}
	})
	view.find(servers.nodes[2].addr())
	t.Run("with a Sentinel", func(t *testing.T) {
		answers := make(map[string]int)
		for _, cookie := range users[10:] {
			answers[answer(cookie, attempts)]++
		}
		if answers["200 []"] != 40 {
			t.Errorf("the answers to 40 users are %v, want 200 and no cookies", answers)
		}
	})
	for _, cookie := range users {
		if w := get(app, "/private", cookie); w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable {
			t.Errorf("at the others a user gets %d", w.Code)
		}
	}
	t.Run("min-replicas-to-write", func(t *testing.T) {
		servers.primary.send(t, "CONFIG", "SET", "min-replicas-to-write", 1)
		s := redisStore(t, redisClient(t, "redis://"+servers.primary.addr(), true), true)
		if _, err := s.Lock(t.Context(), "a", time.Second); err == nil {
			t.Error("a primary that is cut off gives a lease")
		}
	})
}
