package sqlstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// The pauses between two looks at a lock that somebody holds.
const (
	firstPoll = 5 * time.Millisecond
	lastPoll  = 100 * time.Millisecond
)

// Lock waits for a lock and takes it, see [store.Locker]. Those who wait ask
// again and again, up to every 100 ms, and get it in no particular order. A ttl
// is 1 ms at least; what clocks that differ do to it, the package's doc says.
// Unlock waits for the database for 2 seconds at most, and so does a Lock that
// fails, to give back what it may have taken. If the database does not answer,
// the lock frees itself at its time.
func (s *Store) Lock(ctx context.Context, name string, ttl time.Duration) (unlock func(), err error) {
	if ttl < time.Millisecond {
		return nil, fmt.Errorf("sqlstore: lock: the ttl %v is below 1 ms", ttl)
	}
	key := sha256.Sum256([]byte(name))
	owner := store.NewID()
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		taken, err := s.take(ctx, key[:], owner, ttl)
		if err != nil {
			return nil, failed("lock", err)
		}
		if taken {
			s.sweep(ctx)
			return sync.OnceFunc(func() { s.release(ctx, key[:], owner) }), nil
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, failed("lock", err)
		}
	}
}

// take takes a lock if nobody holds it. It looks first: in PostgreSQL an upsert
// locks the row, and so writes, even if it changes nothing.
func (s *Store) take(ctx context.Context, key []byte, owner string, ttl time.Duration) (bool, error) {
	now := s.millis()
	held, err := collect(ctx, s, scan[int64],
		`SELECT expires_at FROM nuxtauth_locks WHERE key = $1 AND expires_at > $2`, key, now)
	if err != nil || len(held) > 0 {
		return false, err
	}
	n, err := s.exec(ctx, `
		INSERT INTO nuxtauth_locks AS l (key, owner, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
		WHERE l.expires_at <= $4 OR l.owner = excluded.owner`, // the latter after a lost answer
		key, owner, now+ttl.Milliseconds(), now)
	if err != nil {
		s.release(ctx, key, owner) // it may be taken all the same
		return false, err
	}
	return n == 1, nil
}

// release frees a lock if owner still holds it, also after ctx has ended.
func (s *Store) release(ctx context.Context, key []byte, owner string) {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	_, _ = s.exec(ctx, `DELETE FROM nuxtauth_locks WHERE key = $1 AND owner = $2`, key, owner)
}
