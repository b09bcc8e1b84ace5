package integration_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// A redisCluster has three primaries with a third of the slots each, and a replica of each.
type redisCluster struct {
	nodes []*redisNode // the primaries, then the replica of each
	ids   []string
}

const slots = 16384

// startCluster starts a cluster and waits until all of it is in order.
func startCluster(t *testing.T) *redisCluster {
	t.Helper()
	c := &redisCluster{}
	ports := freePorts(t, 12)
	for i := range 6 {
		n := startNode(t, ports[i], "", "--cluster-enabled", "yes", "--cluster-port", ports[6+i],
			"--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0")
		id, err := n.Do(t.Context(), "CLUSTER", "MYID").Text()
		if err != nil {
			t.Fatal(err)
		}
		c.nodes, c.ids = append(c.nodes, n), append(c.ids, id)
	}
	for i, n := range c.nodes {
		n.send(t, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i < 3 {
			n.send(t, "CLUSTER", "ADDSLOTSRANGE", i*slots/3, (i+1)*slots/3-1)
		}
		c.nodes[0].send(t, "CLUSTER", "MEET", "127.0.0.1", n.port, ports[6+i])
	}
	for _, n := range c.nodes {
		until(t, n.addr()+" knows the others", func() bool { return n.says("CLUSTER NODES", c.ids...) })
	}
	for i, n := range c.nodes[3:] {
		n.send(t, "CLUSTER", "REPLICATE", c.ids[i])
	}
	for i, n := range c.nodes {
		until(t, n.addr()+" sees the whole cluster", func() bool {
			nodes, err := n.ClusterNodes(t.Context()).Result()
			return err == nil && strings.Count(nodes, " connected") == 6 && strings.Count(nodes, "slave ") == 3 &&
				n.says("CLUSTER INFO", "cluster_state:ok") && (i < 3 || n.says("INFO replication", "master_link_status:up"))
		})
	}
	c.nodeTimeout(t, 60_000) // no server is taken for dead because the machine is busy
	return c
}

// nodeTimeout sets the milliseconds after which a server that does not answer the others is
// taken for dead.
func (c *redisCluster) nodeTimeout(t *testing.T, ms int) {
	t.Helper()
	for _, n := range c.nodes {
		n.send(t, "CONFIG", "SET", "cluster-node-timeout", ms)
	}
}

// url is the address of the cluster with two of its servers: the client finds the others.
func (c *redisCluster) url() string {
	return "redis://" + c.nodes[0].addr() + "?addr=" + c.nodes[4].addr()
}

// failOver kills a primary, and waits until the servers that are left agree on its
// successor.
func (c *redisCluster) failOver(t *testing.T, dead int, meanwhile func()) {
	t.Helper()
	c.nodeTimeout(t, 1000)
	left := slices.Delete(slices.Clone(c.nodes), dead, dead+1)
	c.nodes[dead].kill(t)
	meanwhile()
	until(t, "the cluster is whole again", func() bool {
		return !slices.ContainsFunc(left, func(n *redisNode) bool {
			return !n.says("CLUSTER INFO", "cluster_state:ok") || n.hasSlots(t, c.ids[dead])
		})
	})
}

// hasSlots reports whether a server takes another for the primary of slots.
func (n *redisNode) hasSlots(t *testing.T, id string) bool {
	t.Helper()
	nodes, err := n.ClusterNodes(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(nodes, id+" 127.0.0.1")
	line, _, _ := strings.Cut(after, "\n")
	return len(strings.Fields(line)) > 7 // the address, the flags, the primary, two times, the epoch, the state
}

func TestRedisCluster(t *testing.T) {
	noLeaks(t)
	c := startCluster(t)
	client := redisClient(t, c.url(), true)
	s := redisStore(t, client, true)
	t.Run("contract", func(t *testing.T) { redisConformance(t, s, c.nodes[:3]...) })
	t.Run("client of one server", func(t *testing.T) { c.refusesClientOfOneServer(t) })
	t.Run("policy", func(t *testing.T) { c.asksEachServer(t, client) })
	t.Run("context ends", func(t *testing.T) { c.contextEnds(t, client, s) })
	t.Run("primary dies", func(t *testing.T) { c.primaryDies(t) }) // the last: it does not come back
}

func (c *redisCluster) refusesClientOfOneServer(t *testing.T) {
	for _, n := range []*redisNode{c.nodes[0], c.nodes[3]} { // a primary, and a replica
		_, err := redisstore.New(t.Context(), redisClient(t, "redis://"+n.addr(), true), redisstore.Options{Timeout: longTimeout})
		if err == nil || !strings.Contains(err.Error(), "IsClusterMode") {
			t.Errorf("New returns %v", err)
		}
	}
}

// asksEachServer sets a policy that evicts keys on one primary after the other.
func (c *redisCluster) asksEachServer(t *testing.T, client redis.UniversalClient) {
	for _, n := range c.nodes[:3] {
		n.send(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
		_, err := redisstore.New(t.Context(), client, redisstore.Options{Timeout: longTimeout})
		if err == nil || !strings.Contains(err.Error(), `"allkeys-lru"`) {
			t.Errorf("New returns %v", err)
		}
		if _, err := redisstore.New(t.Context(), client, redisstore.Options{Timeout: longTimeout, DangerouslyAllowEviction: true}); err != nil {
			t.Errorf("New returns %v, with DangerouslyAllowEviction", err)
		}
		n.send(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	}
}

// many is more than two batches.
const many = 600

// contextEnds ends many sessions in all slots, until the context ends after the first
// batch.
func (c *redisCluster) contextEnds(t *testing.T, client redis.UniversalClient, s *redisstore.Store) {
	user := store.NewID()
	createSessions(t, s, user, many)
	before := c.sessions(t)
	if before[0] == 0 || before[1] == 0 || before[2] == 0 {
		t.Fatalf("the primaries have %v sessions: this tests nothing", before)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stopAfter := &afterPipelines{n: 3, do: cancel} // read, ended, removed from the index
	hooked := redisClient(t, c.url(), true)
	hooked.AddHook(stopAfter)
	n, err := redisStore(t, hooked, true).DeleteSessions(ctx, realm, user, "")
	if !errors.Is(err, context.Canceled) || n == 0 || n >= many {
		t.Errorf("DeleteSessions = %d, %v, want a part of %d, %q", n, err, many, context.Canceled)
	}
	list, err := s.ListSessions(t.Context(), realm, user, many)
	if err != nil || len(list) != many-n {
		t.Errorf("ListSessions = %d sessions, %v, want %d", len(list), err, many-n)
	}
	if rest, err := s.DeleteSessions(t.Context(), realm, user, ""); err != nil || rest != many-n {
		t.Errorf("the second DeleteSessions = %d, %v, want %d", rest, err, many-n)
	}
	after := c.sessions(t)
	if total := sum(before) - sum(after); total != many {
		t.Errorf("the primaries had %v sessions and have %v, want %d fewer", before, after, many)
	}
}

// sessions returns the number of sessions on each primary, as the cluster began.
func (c *redisCluster) sessions(t *testing.T) (counts []int) {
	t.Helper()
	for _, n := range c.nodes[:3] {
		keys, err := n.Keys(t.Context(), "nuxtauth:v1:s:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, len(keys))
	}
	return counts
}

func sum(counts []int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

// afterPipelines calls do when a client has sent n pipelines.
type afterPipelines struct {
	n  int
	do func()
}

func (h *afterPipelines) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *afterPipelines) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *afterPipelines) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if h.n--; h.n == 0 {
			h.do()
		}
		return err
	}
}

// attempts are those in which all sessions must be found after the cluster is whole. A
// client that reads the topology once in a minute fails several hundred times.
const attempts = 60

// primaryDies kills a primary while a service reads sessions, and ends all sessions of a
// user before the replica has taken over and after it.
func (c *redisCluster) primaryDies(t *testing.T) {
	const dead = 1
	s := redisStore(t, redisClient(t, c.url(), false), false)
	user := store.NewID()
	handles := createSessions(t, s, user, many)
	if before := c.sessions(t); before[dead] == 0 {
		t.Fatalf("the primaries have %v sessions: this tests nothing", before)
	}
	leaving := store.NewID()
	createSessions(t, s, leaving, many)
	for i := range 3 {
		replicated(t, c.nodes[i], c.nodes[3+i])
	}

	// Sessions are read all the time, as by a service.
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.FindSession(background(), handles[i%many]); errors.Is(err, store.ErrNotFound) {
				t.Errorf("a session is not found during a failover: %v", err)
				return
			}
		}
	}()
	ended := 0
	c.failOver(t, dead, func() {
		var err error
		if ended, err = s.DeleteSessions(t.Context(), realm, leaving, ""); err == nil && ended != many {
			t.Errorf("DeleteSessions = %d, and no error, want %d", ended, many)
		}
	})
	close(stop)
	<-stopped

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
	if n, err := s.DeleteSessions(t.Context(), realm, leaving, ""); err != nil || ended+n != many {
		t.Errorf("DeleteSessions = %d, %v, want %d", n, err, many-ended)
	}
	if n, err := s.DeleteSessions(t.Context(), realm, user, ""); err != nil || n != many {
		t.Errorf("DeleteSessions = %d, %v, want %d", n, err, many)
	}
}
