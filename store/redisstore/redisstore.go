// Package redisstore keeps sessions, marks, locks and counts in Redis 6.2 or later
// (or Valkey), for services of more than one process.
//
// It works with every client of go-redis that talks to a primary: one server, a
// cluster, Sentinel, with or without TLS. [ParseURL] has the settings that such
// a client needs. Nothing is connected before the first call, so a service
// starts while Redis is down.
//
// # What is kept
//
// A session is one string, under the SHA-256 of its handle; who reads the
// database can't sign in with what is there. But the claims of a session are
// readable, and so is an access token that they hold: let nobody else in, and use
// TLS. A session with 250 bytes of claims takes about 900 bytes of the server's
// memory: 700 for itself and 200 for the index of its user. A session at a provider
// and another name of the user there have an index of 200 each, where they are
// known; a session with both takes about 1,500 bytes in all.
//
// Every key has an expiry, by the clock of Redis. Users, users and sessions at a
// provider, and the names of marks, locks and counts are hashed in keys. A count
// takes about 210 bytes for as long as its window.
//
// # What a call costs
//
// Find, Mark, Marked and Count are one round trip to Redis. Create and Delete are
// two; Create is one more if there is a session at a provider, and one more if the
// user has another name there. Replace is two, and as many more as the session has
// indexes, one to three, when it is prolonged beyond what they know, which a
// session of a month is once a week. List is one, and one more for each 256
// sessions of the user; DeleteWhere is one, and three more. Lock is one each time
// that it asks, and to unlock is one.
//
// # When Redis fails
//
// Each round trip ends within [Options.Timeout]. What it returns then is an
// error, never [store.ErrNotFound]: a session may well be there. After an error
// of a write nobody knows if it was done. Calls succeed again as soon as Redis
// answers, without a restart of anything. A Count whose answer got lost is sent
// again, and then counts twice if another of the same name came between the two.
//
// # How to run Redis
//
//   - maxmemory-policy noeviction, which is the default. Any other policy may
//     evict the index of a user, and with it the way to end that user's sessions.
//     When the memory is full, Create, Replace, Mark and Count return
//     [store.ErrFull].
//   - appendonly yes. Without it a restart signs everybody out, and forgets what
//     was taken back or counted.
//   - Redis answers before its replicas have a write. A failover may therefore
//     undo the last moments before it: a sign-in is lost, an ended session is
//     back, a lock has two holders, an attempt is not counted.
//     min-replicas-to-write makes that rarer. Keep sessions short where it matters.
//   - A user of its own, with what a store needs and no more: ~nuxtauth:* +get
//     +set +getdel +del +zadd +zrange +zrem +zremrangebyscore +pexpireat +time
//     +eval +evalsha; in another database than 0 also +select, and in a cluster
//     +cluster|slots +cluster|shards +command.
package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
)

// Options are the settings of a [Store]. The zero value is usable.
type Options struct {
	// Prefix begins every key, so that several services can share one Redis;
	// empty means "nuxtauth:". Services with the same prefix share their sessions.
	Prefix string

	// Timeout bounds each round trip to Redis, with the wait for a connection
	// and the client's retries; 0 means one second. An earlier deadline of a
	// call's context comes first.
	Timeout time.Duration
}

// Store is a [store.Store], [store.Marks], a [store.Locker] and a [store.Counter]
// in Redis.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Marks   = (*Store)(nil)
	_ store.Locker  = (*Store)(nil)
	_ store.Counter = (*Store)(nil)
)

// New returns a store that uses a client, which stays the caller's: to make, to
// share and to close.
//
// It refuses clients with which it can't keep its word: those that do not honour
// contexts, those that read from replicas or from a cache, where an ended
// session is still there, and [redis.Ring], which looks for the sessions of a
// server that is down on another one. It can't look into a failover client with
// ReplicaOnly, nor into clients of types that it does not know.
func New(client redis.UniversalClient, opts Options) (*Store, error) {
	if err := check(client); err != nil {
		return nil, err
	}
	if opts.Timeout < 0 {
		return nil, fmt.Errorf("redisstore: Timeout is %v", opts.Timeout)
	}
	s := &Store{client: client, prefix: opts.Prefix, timeout: opts.Timeout}
	if s.prefix == "" {
		s.prefix = "nuxtauth:"
	}
	if s.timeout == 0 {
		s.timeout = time.Second
	}
	return s, nil
}

// check reports all that is wrong with a client.
func check(client redis.UniversalClient) error {
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
		refuseIf(true, "no client")
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

// The kinds of keys. A cluster keeps any two keys on different servers, so no
// command and no script touches more than one.
const (
	kindSession         = "s:" // a string, see entry; by the key of its handle
	kindSubject         = "u:" // the index of a user
	kindProviderSubject = "a:" // the index of a user at a provider
	kindProviderSession = "p:" // the index of a session at a provider
	kindMark            = "m:" // a string, see markScript
	kindLock            = "l:" // a string, the owner
	kindCount           = "c:" // a string, see countScript
)

func (s *Store) sessionKey(k store.Key) string { return s.key(kindSession, k) }

func (s *Store) subjectKey(subject string) string { return s.key(kindSubject, hash(subject)) }

// providerKey joins a provider and a name there with a byte that is in neither,
// see [store.Record.Check].
func (s *Store) providerKey(kind, provider, name string) string {
	return s.key(kind, hash(provider+"\x00"+name))
}

func (s *Store) key(kind string, k store.Key) string {
	return s.prefix + kind + base64.RawURLEncoding.EncodeToString(k[:])
}

// hash makes a name of any length and any bytes fit a key.
func hash(name string) store.Key { return sha256.Sum256([]byte(name)) }

// bound gives one round trip its deadline.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}

// run runs a script on a key and returns the number that the script returns.
func (s *Store) run(ctx context.Context, script *redis.Script, key string, args ...any) (int, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return script.Run(ctx, s.client, []string{key}, args...).Int()
}

// fault says what failed. If it failed because the caller's context has ended,
// the error is that of the context, and a Redis without memory is full.
func fault(ctx context.Context, what string, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("redisstore: %s: %w", what, ended)
	}
	// A socket may notice the deadline of a context before the context does.
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return fmt.Errorf("redisstore: %s: %w", what, context.DeadlineExceeded)
	}
	if redis.HasErrorPrefix(err, "OOM") {
		return fmt.Errorf("redisstore: %s: %w: %w", what, store.ErrFull, err)
	}
	return fmt.Errorf("redisstore: %s: %w", what, err)
}

// millis is a time as Redis takes it. A time before 1970 is past as well.
func millis(t time.Time) int64 { return max(t.UnixMilli(), 1) }
