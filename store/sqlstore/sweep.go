package sqlstore

import (
	"context"
	"slices"
	"time"
)

const (
	sweepEvery = time.Minute
	sweepGrace = 5 * time.Minute // for clocks that differ, see the package documentation
	sweepLimit = 1000
)

// Each statement deletes at most $2 of the rows that expired before $1.

var sweepsMySQL = [...]string{
	`DELETE FROM nuxtauth_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`,
	`DELETE FROM nuxtauth_marks WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`,
	`DELETE FROM nuxtauth_locks WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`,
	`DELETE FROM nuxtauth_counts WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`,
	`DELETE FROM nuxtauth_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`,
}

var sweeps = [...]string{
	`WITH expired AS (SELECT key FROM nuxtauth_sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2` + skipLocked + `)
		DELETE FROM nuxtauth_sessions WHERE key IN (SELECT key FROM expired)`,
	`WITH expired AS (SELECT key FROM nuxtauth_marks WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2` + skipLocked + `)
		DELETE FROM nuxtauth_marks WHERE key IN (SELECT key FROM expired)`,
	`WITH expired AS (SELECT key FROM nuxtauth_locks WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2` + skipLocked + `)
		DELETE FROM nuxtauth_locks WHERE key IN (SELECT key FROM expired)`,
	`WITH expired AS (SELECT key FROM nuxtauth_counts WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2` + skipLocked + `)
		DELETE FROM nuxtauth_counts WHERE key IN (SELECT key FROM expired)`,
	`WITH expired AS (SELECT email, purpose, hash FROM nuxtauth_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2` + skipLocked + `)
		DELETE FROM nuxtauth_links WHERE (email, purpose, hash) IN (SELECT email, purpose, hash FROM expired)`,
}

// sweep deletes rows that expired more than sweepGrace ago. Every call that adds a row
// calls it. It acts once a minute in each process, or at the next call if there were
// more rows than it deletes at a time. Its errors are ignored: the caller has succeeded,
// expired rows are not found, and the next sweep deletes them.
func (s *Store) sweep(ctx context.Context) {
	now, next := s.millis(), s.nextSweep.Load()
	if now < next || !s.nextSweep.CompareAndSwap(next, now+sweepEvery.Milliseconds()) {
		return
	}
	all := sweeps[:]
	if s.dialect == MySQL {
		all = sweepsMySQL[:]
	}
	if s.authjs != nil {
		all = append(slices.Clip(all), s.authjs.sweepTokens())
	}
	for _, statement := range all {
		n, err := exec(ctx, s, statement, now-sweepGrace.Milliseconds(), sweepLimit)
		if err != nil {
			return
		}
		if n == sweepLimit {
			s.nextSweep.Store(now)
		}
	}
}
