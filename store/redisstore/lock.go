package redisstore

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// lockScript takes a lock that nobody holds.
//
// KEYS[1] is the lock, ARGV: its new owner, and its life in milliseconds. It
// returns 1 if the owner holds the lock, also when the client has sent the
// script before and the answer got lost.
var lockScript = redis.NewScript(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
return 0
`)

// unlockScript frees a lock, KEYS[1], that is still its owner's, ARGV[1].
var unlockScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`)

// Lock implements [store.Locker]. Who waits asks Redis again every 10 to 50
// milliseconds, and is served in no order. A fault of Redis ends the wait; if it
// hid that the lock was taken, the lock frees itself after ttl. So it does when
// unlock, which waits for Redis as other calls do, does not reach it.
//
// A lock saves work that would be done twice. It does not protect data: a holder
// that takes longer than ttl is not alone, nor is one after a failover of Redis.
// Writes are protected by [Store.Replace].
func (s *Store) Lock(ctx context.Context, name string, ttl time.Duration) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if ttl < time.Millisecond {
		return nil, fmt.Errorf("redisstore: lock for %v, want a millisecond at least", ttl)
	}
	key, owner := s.key(kindLock, hash(name)), rand.Text()
	for {
		held, err := s.run(ctx, lockScript, key, owner, ttl.Milliseconds())
		if err != nil {
			return nil, fault(ctx, "lock", err)
		}
		if held == 1 {
			return s.unlocker(ctx, key, owner), nil
		}
		if err := pause(ctx); err != nil {
			return nil, fault(ctx, "lock", err)
		}
	}
}

// unlocker returns the function that frees a lock, whatever has become of the
// context in which it was taken.
func (s *Store) unlocker(ctx context.Context, key, owner string) func() {
	ctx = context.WithoutCancel(ctx)
	return sync.OnceFunc(func() { _, _ = s.run(ctx, unlockScript, key, owner) })
}

// pause lets a while pass, a different one each time, so that those who wait for
// the same lock do not ask all at once.
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
