package redisstore

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth/store"
)

// lockScript takes a lease that is free.
//
// KEYS[1] is the lease. ARGV: its new owner, and its ttl in milliseconds. It returns 1 if
// the owner has the lease, also if the client has sent the script before and did not get
// the answer.
var lockScript = redis.NewScript(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
return 0
`)

// extendScript makes a lease, KEYS[1], that is still its owner's, ARGV[1], last ARGV[2]
// milliseconds from now. It returns 1 if it is.
var extendScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`)

// releaseScript deletes a lease, KEYS[1], that is still its owner's, ARGV[1].
var releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`)

// Lock implements [store.Locker]. A waiting caller asks Redis every 10 to 50 milliseconds;
// callers get the lease in no particular order. A fault of Redis ends the wait; if the
// lease was taken all the same, it expires after ttl.
//
// A lease avoids duplicate work and does not protect data: a holder that exceeds ttl is
// not the only one, nor is one after a failover of Redis. Writes are protected by
// [Store.ReplaceSession].
func (s *Store) Lock(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	if err := checkTTL(ctx, "lock", ttl); err != nil {
		return nil, err
	}
	l := &lease{store: s, ctx: context.WithoutCancel(ctx), key: s.key(kindLock, hash(name)), owner: rand.Text()}
	for {
		taken, err := s.run(ctx, lockScript, l.key, l.owner, ttl.Milliseconds())
		if err != nil {
			return nil, s.fault(ctx, "lock", err)
		}
		if taken == 1 {
			return l, nil
		}
		if err := pause(ctx); err != nil {
			return nil, s.fault(ctx, "lock", err)
		}
	}
}

// A lease is a key with its owner.
type lease struct {
	store      *Store
	ctx        context.Context //nolint:containedctx // that of Lock, without its end: Release gets none
	key, owner string
	released   atomic.Bool
}

// Extend implements [store.Lease].
func (l *lease) Extend(ctx context.Context, ttl time.Duration) error {
	if err := checkTTL(ctx, "extend a lease", ttl); err != nil {
		return err
	}
	if l.released.Load() {
		return store.ErrLeaseLost
	}
	extended, err := l.store.run(ctx, extendScript, l.key, l.owner, ttl.Milliseconds())
	if err != nil {
		return l.store.fault(ctx, "extend a lease", err)
	}
	if extended != 1 {
		return store.ErrLeaseLost
	}
	return nil
}

// Release implements [store.Lease]. It waits for Redis as other calls do; if that does not
// answer, the lease expires.
func (l *lease) Release() {
	if !l.released.Swap(true) {
		_, _ = l.store.run(l.ctx, releaseScript, l.key, l.owner)
	}
}

// checkTTL refuses a call whose context has ended and a ttl below 1 ms.
func checkTTL(ctx context.Context, operation string, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ttl < time.Millisecond {
		return fmt.Errorf("redisstore: %s: the ttl %v is below 1 ms", operation, ttl)
	}
	return nil
}

// pause waits for a random time, so that callers that wait for the same lease do not ask
// together.
func pause(ctx context.Context) error {
	timer := time.NewTimer(10*time.Millisecond + mathrand.N(40*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
