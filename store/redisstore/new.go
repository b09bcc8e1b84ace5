package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
)

// New returns a store that uses a client, which stays the caller's to share and to close.
//
// It refuses clients with which a store does not work: those that do not honour contexts,
// those that read from replicas or from a cache, which still have sessions that have
// ended, [redis.Ring], which looks for the sessions of a server that is down on another,
// and a client of one server of a cluster. It can't detect a failover client with
// ReplicaOnly, nor check clients of other types.
//
// It asks Redis, each primary of a cluster, for its maxmemory-policy, and refuses one that
// evicts keys, unless [Options.DangerouslyAllowEviction] is set. Redis need not answer: New
// succeeds, within [Options.Timeout], while Redis is down, if the client has no access, and
// if INFO is forbidden. Nothing asks later; [Store.Check] tells whether Redis answers. If
// ctx has ended, New returns its error.
func New(ctx context.Context, client redis.UniversalClient, opts Options) (*Store, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	if opts.Timeout < 0 {
		return nil, fmt.Errorf("redisstore: Options.Timeout is %v", opts.Timeout)
	}
	s := &Store{
		client:  client,
		prefix:  cmp.Or(opts.Prefix, "nuxtauth:") + keyVersion,
		timeout: cmp.Or(opts.Timeout, time.Second),
	}
	if err := s.checkServers(ctx, opts.DangerouslyAllowEviction); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("redisstore: open: %w", err)
	}
	return s, nil
}

// checkClient reports all problems of a client.
func checkClient(client redis.UniversalClient) error {
	var problems []error
	refuseIf := func(bad bool, why string) {
		if bad {
			problems = append(problems, errors.New("redisstore: "+why))
		}
	}
	const (
		deadlines = "set ContextTimeoutEnabled: without it nothing bounds a call"
		replicas  = "unset ReadOnly, RouteByLatency and RouteRandomly: replicas still have sessions that have ended"
		cached    = "unset ClientSideCacheConfig and ClientSideCache: a cache still has sessions that have ended"
		ring      = "a Ring does not find the sessions of a server that is down"
	)
	switch c := client.(type) {
	case nil:
		refuseIf(true, "the client is nil")
	case *redis.Client:
		o := c.Options()
		refuseIf(!o.ContextTimeoutEnabled, deadlines)
		refuseIf(o.ClientSideCacheConfig != nil || o.ClientSideCache != nil, cached)
	case *redis.ClusterClient:
		o := c.Options()
		refuseIf(!o.ContextTimeoutEnabled, deadlines)
		refuseIf(o.ReadOnly || o.RouteByLatency || o.RouteRandomly, replicas)
	case *redis.Ring:
		refuseIf(true, ring)
	}
	return errors.Join(problems...)
}

// checkServers refuses servers that evict keys, and a client of one server of a cluster.
// INFO tells, and is allowed where CONFIG is not, as on most servers that are rented. A
// server that does not answer passes: see New.
func (s *Store) checkServers(ctx context.Context, allowEviction bool) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		var problems []error
		_ = cluster.ForEachMaster(ctx, func(ctx context.Context, server *redis.Client) error {
			err := checkPolicy(infoOf(ctx, server), allowEviction)
			mu.Lock()
			defer mu.Unlock()
			problems = append(problems, err)
			return nil
		})
		return cmp.Or(problems...)
	}
	info := infoOf(ctx, s.client)
	if server, ok := s.client.(*redis.Client); ok && info("cluster_enabled") == "1" && hasPartOfCluster(ctx, server) {
		return errors.New("redisstore: the server is one of a cluster, and has a part of its keys: set IsClusterMode, or give NewUniversalClient the addresses of several servers")
	}
	return checkPolicy(info, allowEviction)
}

// infoOf returns the fields that INFO has of a server; "" for one that is not known.
func infoOf(ctx context.Context, server redis.UniversalClient) func(field string) string {
	text, _ := server.Info(ctx).Result() // "" if it is down, or refuses the question
	return fieldsOf(text)
}

// fieldsOf returns the fields of an answer with lines of the form name:value.
func fieldsOf(text string) func(field string) string {
	return func(field string) string {
		_, after, _ := strings.Cut("\n"+text, "\n"+field+":")
		value, _, _ := strings.Cut(after, "\r\n")
		return value
	}
}

func checkPolicy(info func(string) string, allowEviction bool) error {
	policy := info("maxmemory_policy")
	if policy == "" || policy == "noeviction" || allowEviction {
		return nil
	}
	return fmt.Errorf("redisstore: the maxmemory-policy of Redis is %q, which deletes sessions, deny-lists and locks when the memory is full: set it to noeviction, or set Options.DangerouslyAllowEviction", policy)
}

// hasPartOfCluster reports whether other servers have a part of the keys too.
func hasPartOfCluster(ctx context.Context, server *redis.Client) bool {
	text, _ := server.ClusterInfo(ctx).Result() // "" if the command is forbidden
	size, err := strconv.Atoi(fieldsOf(text)("cluster_size"))
	return err == nil && size > 1
}

// Check reports whether Redis answers, for a readiness probe. It reads a session that does
// not exist: one round trip, to any server of a cluster. An error is that of FindSession:
// Redis is down, does not answer within [Options.Timeout], loads its data or refuses the
// client, or ctx has ended. Check writes nothing: it succeeds with a Redis whose memory is
// full.
func (s *Store) Check(ctx context.Context) error {
	handle, _ := store.NewHandle()
	if _, err := s.FindSession(ctx, handle); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}
