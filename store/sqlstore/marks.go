package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Mark remembers a value under a name, see [store.Marks]. Names may be of any
// bytes and any length: their SHA-256 is kept.
func (s *Store) Mark(ctx context.Context, name string, value int64, expires time.Time) (fresh bool, err error) {
	if value <= 0 {
		return false, fmt.Errorf("sqlstore: mark: the value %d is not above 0", value)
	}
	key := sha256.Sum256([]byte(name))
	// Whoever's call is the first one made the mark. Kept in the row, this stays
	// true when a lost answer makes the statement run again.
	call := store.NewID()
	first, err := collect(ctx, s, scan[string], `
		INSERT INTO nuxtauth_marks AS m (key, value, first, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (key) DO UPDATE SET
			value = CASE WHEN m.expires_at > $5 AND m.value > excluded.value THEN m.value ELSE excluded.value END,
			first = CASE WHEN m.expires_at > $5 THEN m.first ELSE excluded.first END,
			expires_at = CASE WHEN m.expires_at > $5 AND m.expires_at > excluded.expires_at THEN m.expires_at ELSE excluded.expires_at END
		RETURNING first`,
		key[:], value, call, expires.UnixMilli(), s.millis())
	if err != nil {
		return false, failed("mark", err)
	}
	if len(first) != 1 {
		return false, errors.New("sqlstore: mark: the database did not answer with the mark")
	}
	s.sweep(ctx)
	return first[0] == call, nil
}

// Marked returns the values of the names, see [store.Marks].
func (s *Store) Marked(ctx context.Context, names ...string) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("read marks", err)
	}
	if len(names) == 0 {
		return nil, nil
	}
	type mark struct {
		key   []byte
		value int64
	}
	args := []any{s.millis()}
	keys := make([][sha256.Size]byte, len(names))
	params := make([]string, len(names))
	for i, name := range names {
		keys[i] = sha256.Sum256([]byte(name))
		args = append(args, keys[i][:])
		params[i] = fmt.Sprintf("$%d", len(args))
	}
	marks, err := collect(ctx, s, func(r *sql.Rows) (m mark, err error) { return m, r.Scan(&m.key, &m.value) },
		`SELECT key, value FROM nuxtauth_marks WHERE expires_at > $1 AND key IN (`+strings.Join(params, ", ")+`)`, args...)
	if err != nil {
		return nil, failed("read marks", err)
	}
	values := make(map[string]int64, len(marks))
	for _, m := range marks {
		values[string(m.key)] = m.value
	}
	all := make([]int64, len(names))
	for i := range names {
		all[i] = values[string(keys[i][:])]
	}
	return all, nil
}
