// Package redisstore keeps sessions in Redis 6.2 or later (or Valkey), for services of
// several processes. A [Store] has all abilities: [store.Sessions], [store.Index],
// [store.Marks], [store.Locker] and [store.Counter].
//
// It works with every client of go-redis that talks to a primary: one server, a cluster,
// Sentinel, with or without TLS. [ParseURL] has the settings that such a client needs.
// A service can start while Redis is down.
//
// # Data
//
// A session is one string, under the SHA-256 of its handle: a reader of the database can't
// sign in with its content. But the claims of a session are readable, and so is an access
// token among them: restrict access to the database, and use TLS. A session with 250 bytes
// of claims takes about 900 bytes of the server's memory: 700 for itself and 200 for the
// index of its user. One with a ProviderSubject takes 1,100, and one with a ProviderSession
// too 1,500: each is in an index of 200 bytes.
//
// Every key has an expiry, by the clock of Redis. Users, names at a provider, and the names
// of marks, leases and counters are hashed in keys. A mark or a counter takes about 190
// bytes until it expires. In a cluster all marks are on one server, so that one clock puts
// them in order; all else is spread.
//
// # Cost of a call
//
// In round trips to Redis: FindSession, Mark, Marked, Count, Extend, Release and Check are one,
// and so is Lock, each time that it asks. CreateSession and DeleteSession are two.
// ReplaceSession is two, and one more when it prolongs the session beyond the time until
// which its indexes have it, for a session of a month once a week. ListSessions is one, and
// one more for each 256 sessions of the user; the methods that end several sessions are one,
// and three more for each 256. The first call that runs a script on a server is one more.
//
// # Faults
//
// Each round trip ends within [Options.Timeout]. Its error is then never
// [store.ErrNotFound]: the session may exist. After an error of a write it is unknown
// whether it was done. Calls succeed again as soon as Redis answers. A client that did not
// get an answer sends a command again: a Count then counts twice if another of the same
// name came in between.
//
// After an error, at most once a second, a cluster is asked which server has which keys:
// calls succeed again within about a second of a failover. A client of Sentinel connects
// to the new primary as soon as a Sentinel has announced it. The guide to sessions of the
// repository has what each topology guarantees.
//
// # Configuration of Redis
//
//   - maxmemory-policy noeviction, the default of Redis, but not of all who operate it.
//     With any other policy, a Redis whose memory is full deletes keys before they expire:
//     all keys here have an expiry, so those of the volatile policies are among them. A
//     session ends; without the index of a user, sessions of that user can't be ended;
//     without its mark, a session that has ended is valid again; a limit of attempts begins
//     anew; a lease has two holders. New refuses such a policy. With noeviction,
//     CreateSession, ReplaceSession, Mark and Count return [store.ErrFull] then.
//   - appendonly yes. Without it a restart ends all sessions, and loses marks and counters.
//   - Redis answers before its replicas have a write. A failover may therefore undo the
//     last moments before it: a sign-in is lost, an ended session is back, a lease has two
//     holders, an attempt is not counted. min-replicas-to-write 1 makes that less likely,
//     and makes a primary that is cut off from its replicas refuse writes.
//     Sessions should be short if that matters.
//   - A user with the permissions that a store needs: ~nuxtauth:* +get +mget +set +getdel
//     +del +pttl +pexpire +pexpireat +zadd +zrange +zrem +zremrangebyscore +time +eval
//     +evalsha; +info, by which New asks for the policy; in another database than 0 also
//     +select, and in a cluster +cluster|slots +cluster|shards +command.
package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
)

// Options of a [Store]. The zero value is usable.
type Options struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	// Prefix begins every key, so that several services can share a Redis; empty means
	// "nuxtauth:". Services with the same prefix share their data.
	Prefix string

	// Timeout bounds each round trip to Redis, including the wait for a connection and
	// the client's retries; 0 means one second, and a negative one is an error. An
	// earlier deadline of the context comes first.
	Timeout time.Duration

	// DangerouslyAllowEviction accepts a Redis that deletes keys when its memory is full,
	// by a maxmemory-policy other than noeviction. The package documentation has what is
	// lost then, such as the deny-list.
	DangerouslyAllowEviction bool
}

// Store has all abilities of a store in Redis. It is safe for concurrent use.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration

	reloaded atomic.Pointer[time.Time] // when the topology of a cluster was
}

var (
	_ store.Sessions = (*Store)(nil)
	_ store.Index    = (*Store)(nil)
	_ store.Marks    = (*Store)(nil)
	_ store.Locker   = (*Store)(nil)
	_ store.Counter  = (*Store)(nil)
)

// keyVersion is that of the formats of all keys and values. A release with other formats
// has another.
const keyVersion = "v1:"

// The kinds of keys. A cluster has any two keys on different servers, so that no command
// and no script uses more than one; except marks, whose hash tag puts them on one server.
const (
	kindSession         = "s:"   // a string, see entry; by the key of its handle
	kindSubject         = "u:"   // the index of a user
	kindProviderSubject = "a:"   // the index of a user at a provider
	kindProviderSession = "p:"   // the index of a session at a provider
	kindMark            = "{m}:" // a string, see markScript
	kindLock            = "l:"   // a string, the owner
	kindCount           = "c:"   // a string, see countScript
)

func (s *Store) sessionKey(k store.Key) string { return s.key(kindSession, k) }

// indexKey joins names with a byte that is in none of those in a session, see
// [store.Record.Check].
func (s *Store) indexKey(kind string, names ...string) string {
	return s.key(kind, hash(strings.Join(names, "\x00")))
}

func (s *Store) key(kind string, k store.Key) string {
	return s.prefix + kind + base64.RawURLEncoding.EncodeToString(k[:])
}

// hash makes a name of any length and any bytes fit a key.
func hash(name string) store.Key { return sha256.Sum256([]byte(name)) }

// bound sets the deadline of one round trip.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}

// run runs a script on a key and returns its result, a number.
func (s *Store) run(ctx context.Context, script *redis.Script, key string, args ...any) (int, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return script.Run(ctx, s.client, []string{key}, args...).Int()
}

// fault adds the operation to an error. If the context of the call has ended, the error
// wraps that of the context, and one of a Redis without memory wraps [store.ErrFull]. Any
// error makes the client of a cluster read its topology again.
func (s *Store) fault(ctx context.Context, operation string, err error) error {
	s.reload(ctx)
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("redisstore: %s: %w", operation, ended)
	}
	// A socket may reach the deadline of a context before the context does.
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return fmt.Errorf("redisstore: %s: %w", operation, context.DeadlineExceeded)
	}
	if redis.HasErrorPrefix(err, "OOM") {
		return fmt.Errorf("redisstore: %s: %w: %w", operation, store.ErrFull, err)
	}
	return fmt.Errorf("redisstore: %s: %w", operation, err)
}

// reloadInterval is the least time between two reloads.
const reloadInterval = time.Second

// reload makes a client of a cluster read which server has which keys, after any error. By
// itself it does so once in a minute, or after an answer that names another server, and a
// server that has died gives none. It reads in a goroutine of its own, which ends with the
// client.
func (s *Store) reload(ctx context.Context) {
	cluster, ok := s.client.(interface{ ReloadState(ctx context.Context) })
	if !ok {
		return
	}
	now, last := time.Now(), s.reloaded.Load()
	if (last == nil || now.Sub(*last) >= reloadInterval) && s.reloaded.CompareAndSwap(last, &now) {
		cluster.ReloadState(context.WithoutCancel(ctx))
	}
}

// millis is a time as Redis takes it. A time before 1970 is in the past as well.
func millis(t time.Time) int64 { return max(t.UnixMilli(), 1) }
