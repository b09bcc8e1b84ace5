package sqlstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// serverClock is the time in microseconds since 1970, rounded: extract returned a
// double before PostgreSQL 14, which is precise to a quarter of a microsecond.
const serverClock = `CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)`

// serverClockMySQL is the same, whatever the time zone of the session.
const serverClockMySQL = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))`

// Mark implements [store.Marks]. SQLite takes the time from Options.Now, and the other
// databases from the server. If that clock is set back, marks of other names may have larger times
// until it has caught up; the order of the marks of one name holds as long as the row
// of the last one exists. Names are stored as their SHA-256.
func (s *Store) Mark(ctx context.Context, name string, ttl time.Duration) (at int64, first bool, err error) {
	if err := checkTTL(ttl); err != nil {
		return 0, false, failed("mark", err)
	}
	key := sha256.Sum256([]byte(name))
	// The row has the call that made the mark, so that this call is still the first when
	// a lost answer makes the statement run again.
	call, now := store.NewID(), s.millis()
	args := []any{key[:], call, now + ttl.Milliseconds(), now}
	clock := serverClock
	if s.dialect == SQLite {
		clock, args = `$5`, append(args, s.now().UnixMicro())
	}
	if s.dialect == MySQL {
		if at, first, err = s.markMySQL(ctx, args); err != nil {
			return 0, false, failed("mark", err)
		}
		s.sweep(ctx)
		return at, first, nil
	}
	type mark struct {
		at    int64
		first string
	}
	marks, err := queryAll(ctx, s, func(r scanner) (m mark, err error) { return m, r.Scan(&m.at, &m.first) }, `
		INSERT INTO nuxtauth_marks AS m (key, marked_at, first, expires_at) VALUES ($1, `+clock+`, $2, $3)
		ON CONFLICT (key) DO UPDATE SET
			marked_at = CASE WHEN m.marked_at >= excluded.marked_at THEN m.marked_at + 1 ELSE excluded.marked_at END,
			first = CASE WHEN m.expires_at > $4 THEN m.first ELSE excluded.first END,
			expires_at = CASE WHEN m.expires_at > $4 AND m.expires_at > excluded.expires_at THEN m.expires_at ELSE excluded.expires_at END
		RETURNING marked_at, first`, args...)
	if err != nil {
		return 0, false, failed("mark", err)
	}
	if len(marks) != 1 {
		return 0, false, errors.New("sqlstore: mark: the database did not answer with the mark")
	}
	s.sweep(ctx)
	return marks[0].at, marks[0].first == call, nil
}

// markMySQL returns the time and whether the mark is the first in one number.
func (s *Store) markMySQL(ctx context.Context, args []any) (at int64, first bool, err error) {
	n, err := change(ctx, s, "", `
		INSERT INTO nuxtauth_marks (key, marked_at, first, expires_at)
		VALUES ($1, LAST_INSERT_ID(`+serverClockMySQL+` * 2 + 1) DIV 2, $2, $3)
		ON DUPLICATE KEY UPDATE
			marked_at = LAST_INSERT_ID(GREATEST(marked_at + 1, `+serverClockMySQL+`) * 2 + (expires_at <= $4 OR first = $2)) DIV 2,
			first = CASE WHEN expires_at > $4 THEN first ELSE $2 END,
			expires_at = CASE WHEN expires_at > $4 AND expires_at > $3 THEN expires_at ELSE $3 END`, args...)
	if err == nil && n == 0 {
		err = errors.New("the database did not answer with the mark")
	}
	return n / 2, n%2 == 1, err
}

// Marked implements [store.Marks].
func (s *Store) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("read marks", err)
	}
	if len(names) == 0 {
		return nil, nil
	}
	type mark struct {
		key []byte
		at  int64
	}
	args := []any{s.millis()}
	keys := make([][sha256.Size]byte, len(names))
	params := make([]string, len(names))
	for i, name := range names {
		keys[i] = sha256.Sum256([]byte(name))
		args = append(args, keys[i][:])
		params[i] = fmt.Sprintf("$%d", len(args))
	}
	marks, err := queryAll(ctx, s, func(r scanner) (m mark, err error) { return m, r.Scan(&m.key, &m.at) },
		`SELECT key, marked_at FROM nuxtauth_marks WHERE expires_at > $1 AND key IN (`+strings.Join(params, ", ")+`)`, args...)
	if err != nil {
		return nil, failed("read marks", err)
	}
	times := make(map[string]int64, len(marks))
	for _, m := range marks {
		times[string(m.key)] = m.at
	}
	all := make([]int64, len(names))
	for i := range names {
		all[i] = times[string(keys[i][:])]
	}
	return all, nil
}
