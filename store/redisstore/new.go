package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
// ended, and [redis.Ring], which looks for the sessions of a server that is down on
// another. It can't detect a failover client with ReplicaOnly, nor check clients of other
// types.
//
// It asks Redis, each primary of a cluster, for its maxmemory-policy, and refuses one that
// evicts keys, unless [Options.DangerouslyAllowEviction] is set. Redis need not answer: New
// succeeds, within [Options.Timeout], while Redis is down, if the client has no access, and
// if the INFO command is forbidden. Nothing asks for the policy later; [Store.Check] tells
// whether Redis answers. If ctx has ended, New returns its error.
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
	if !opts.DangerouslyAllowEviction {
		if err := s.checkEviction(ctx); err != nil {
			return nil, err
		}
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

// checkEviction refuses servers that evict keys. INFO has the policy, and is allowed where
// CONFIG is not, as on most servers that are rented.
func (s *Store) checkEviction(ctx context.Context) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	var mu sync.Mutex
	evicting := ""
	ask := func(ctx context.Context, server redis.UniversalClient) {
		info, err := server.Info(ctx, "memory").Result()
		if err != nil {
			return // it is down, or refuses the question: see New
		}
		_, after, _ := strings.Cut(info, "maxmemory_policy:")
		policy, _, _ := strings.Cut(after, "\r\n")
		if policy != "" && policy != "noeviction" {
			mu.Lock()
			defer mu.Unlock()
			evicting = policy
		}
	}
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		_ = cluster.ForEachMaster(ctx, func(ctx context.Context, server *redis.Client) error {
			ask(ctx, server)
			return nil
		})
	} else {
		ask(ctx, s.client)
	}
	if evicting != "" {
		return fmt.Errorf("redisstore: the maxmemory-policy of Redis is %q, which deletes sessions, deny-lists and locks when the memory is full: set it to noeviction, or set Options.DangerouslyAllowEviction", evicting)
	}
	return nil
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
