package sqlstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// The intervals at which a waiting caller asks for a lease.
const (
	firstPoll = 5 * time.Millisecond
	lastPoll  = 100 * time.Millisecond
)

// Lock implements [store.Locker]. Waiting callers ask for the lease at least every
// 100 ms and get it in no particular order. Leases expire by Options.Now; the package
// documentation says what clocks that differ do to them. A Lock that fails gives back
// what it may have taken, which takes 2 seconds at most.
func (s *Store) Lock(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	if err := checkTTL(ttl); err != nil {
		return nil, failed("lock", err)
	}
	key := sha256.Sum256([]byte(name))
	l := &lease{store: s, ctx: context.WithoutCancel(ctx), key: key[:], owner: store.NewID()}
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		taken, err := l.take(ctx, ttl)
		if err != nil {
			return nil, failed("lock", err)
		}
		if taken {
			s.sweep(ctx)
			return l, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, failed("lock", err)
		}
	}
}

// A lease is a row of nuxtauth_locks with its owner.
type lease struct {
	store    *Store
	ctx      context.Context // that of Lock, without its end
	key      []byte
	owner    string
	released atomic.Bool
}

// take takes the lease if it is free. It reads first: an upsert locks the row in
// PostgreSQL, and so writes, even if it changes nothing.
func (l *lease) take(ctx context.Context, ttl time.Duration) (bool, error) {
	now := l.store.millis()
	taken, err := queryAll(ctx, l.store, scan[int64],
		`SELECT expires_at FROM nuxtauth_locks WHERE key = $1 AND expires_at > $2`, l.key, now)
	if err != nil || len(taken) > 0 {
		return false, err
	}
	// The owner is the same after a lost answer. MySQL assigns from left to right.
	n, err := change(ctx, l.store, `
		INSERT INTO nuxtauth_locks AS l (key, owner, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
		WHERE l.expires_at <= $4 OR l.owner = excluded.owner
		RETURNING 1`, `
		INSERT INTO nuxtauth_locks (key, owner, expires_at) VALUES ($1, $2, $3 * LAST_INSERT_ID(1))
		ON DUPLICATE KEY UPDATE
			owner = CASE WHEN expires_at <= $4 THEN $2 ELSE owner END,
			expires_at = CASE WHEN LAST_INSERT_ID(owner = $2) THEN $3 ELSE expires_at END`,
		l.key, l.owner, now+ttl.Milliseconds(), now)
	if err != nil {
		l.Release() // it may be taken all the same
		return false, err
	}
	return n != 0, nil
}

// Extend implements [store.Lease].
func (l *lease) Extend(ctx context.Context, ttl time.Duration) error {
	if err := checkTTL(ttl); err != nil {
		return failed("extend a lease", err)
	}
	if err := ctx.Err(); err != nil {
		return failed("extend a lease", err)
	}
	if l.released.Load() {
		return store.ErrLeaseLost
	}
	now := l.store.millis()
	n, err := change(ctx, l.store,
		`UPDATE nuxtauth_locks SET expires_at = $1 WHERE key = $2 AND owner = $3 AND expires_at > $4 RETURNING 1`,
		`UPDATE nuxtauth_locks SET expires_at = $1 * LAST_INSERT_ID(1) WHERE key = $2 AND owner = $3 AND expires_at > $4`,
		now+ttl.Milliseconds(), l.key, l.owner, now)
	if err != nil {
		return failed("extend a lease", err)
	}
	if n == 0 {
		return store.ErrLeaseLost
	}
	return nil
}

// Release implements [store.Lease]. It waits for the database for 2 seconds at most;
// if that does not answer, the lease expires.
func (l *lease) Release() {
	if l.released.Swap(true) {
		return
	}
	ctx, cancel := cleanup(l.ctx)
	defer cancel()
	_, _ = exec(ctx, l.store, `DELETE FROM nuxtauth_locks WHERE key = $1 AND owner = $2`, l.key, l.owner)
}

func checkTTL(ttl time.Duration) error {
	if ttl < time.Millisecond {
		return fmt.Errorf("the ttl %v is below 1 ms", ttl)
	}
	return nil
}
