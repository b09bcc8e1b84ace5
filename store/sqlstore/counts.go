package sqlstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Count implements [store.Counter]. Windows end by Options.Now. Names are stored as
// their SHA-256. Only the disk bounds the number of counters.
func (s *Store) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	if n > 0 && window < time.Millisecond {
		return 0, fmt.Errorf("sqlstore: count: the window %v is below 1 ms", window)
	}
	key := sha256.Sum256([]byte(name))
	var count int
	var err error
	switch {
	case n > 0:
		count, err = s.add(ctx, key[:], min(n, store.MaxCount), window)
	case n < 0:
		count, err = s.subtract(ctx, key[:], -max(n, -store.MaxCount))
	default:
		count, err = s.count(ctx, key[:])
	}
	if err != nil {
		return 0, failed("count", err)
	}
	if n > 0 {
		s.sweep(ctx)
	}
	return count, nil
}

// add and subtract leave a counter as it is if the last call that changed it was their
// own: then the answer was lost, and the statement runs again.

func (s *Store) add(ctx context.Context, key []byte, n int, window time.Duration) (int, error) {
	now := s.millis()
	// In MySQL, which assigns from left to right, a counter that is back at 0 has expired.
	value, err := change(ctx, s, `
		INSERT INTO nuxtauth_counts AS c (key, value, last, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (key) DO UPDATE SET
			value = CASE
				WHEN c.expires_at <= $5 THEN excluded.value
				WHEN c.last = excluded.last THEN c.value
				WHEN c.value + excluded.value > $6 THEN $6
				ELSE c.value + excluded.value
			END,
			last = excluded.last,
			expires_at = CASE WHEN c.value = 0 OR c.expires_at <= $5 THEN excluded.expires_at ELSE c.expires_at END
		RETURNING value`, `
		INSERT INTO nuxtauth_counts (key, value, last, expires_at) VALUES ($1, LAST_INSERT_ID($2), $3, $4)
		ON DUPLICATE KEY UPDATE
			value = LAST_INSERT_ID(CASE
				WHEN expires_at <= $5 THEN $2
				WHEN last = $3 THEN value
				WHEN value + $2 > $6 THEN $6
				ELSE value + $2
			END),
			last = $3,
			expires_at = CASE WHEN expires_at <= $5 THEN $4 ELSE expires_at END`,
		key, n, store.NewID(), now+window.Milliseconds(), now, store.MaxCount)
	if err == nil && value == 0 {
		err = errors.New("the database did not answer with the counter")
	}
	return int(value), err
}

func (s *Store) subtract(ctx context.Context, key []byte, n int) (int, error) {
	value, err := change(ctx, s, `
		UPDATE nuxtauth_counts SET
			value = CASE WHEN last = $2 THEN value WHEN value > $3 THEN value - $3 ELSE 0 END,
			last = $2
		WHERE key = $1 AND expires_at > $4
		RETURNING value`, `
		UPDATE nuxtauth_counts SET
			expires_at = CASE WHEN last = $2 OR value > $3 THEN expires_at ELSE 0 END,
			value = LAST_INSERT_ID(CASE WHEN last = $2 THEN value WHEN value > $3 THEN value - $3 ELSE 0 END),
			last = $2
		WHERE key = $1 AND expires_at > $4`,
		key, store.NewID(), n, s.millis())
	return int(value), err
}

func (s *Store) count(ctx context.Context, key []byte) (int, error) {
	return first(queryAll(ctx, s, scan[int],
		`SELECT value FROM nuxtauth_counts WHERE key = $1 AND expires_at > $2`, key, s.millis()))
}

// first returns the value of the only row, 0 if there is none.
func first[T any](values []T, err error) (none T, _ error) {
	if err != nil || len(values) == 0 {
		return none, err
	}
	return values[0], nil
}
