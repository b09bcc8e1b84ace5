package sqlstore

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nuxtauth/nuxtauth/store"
)

// Create keeps a new session, see [store.Store].
func (s *Store) Create(ctx context.Context, r *store.Record) (handle string, err error) {
	if err := r.Check(); err != nil {
		return "", err
	}
	handle, key := store.NewHandle()
	id := store.NewID()
	_, err = s.exec(ctx, `
		INSERT INTO nuxtauth_sessions (key, id, version, subject, provider, provider_subject, provider_session,
			claims, created_at, seen_at, expires_at, ip, user_agent)
		VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (key) DO NOTHING`, // the key is ours: then the first attempt has worked
		key[:], id, r.Subject, r.Provider, r.ProviderSubject, r.ProviderSession,
		notNil(r.Claims), r.CreatedAt.UnixMilli(), r.SeenAt.UnixMilli(), r.ExpiresAt.UnixMilli(), r.IP, r.UserAgent)
	if err != nil {
		return "", failed("create a session", err)
	}
	r.ID, r.Version = id, 1
	s.sweep(ctx)
	return handle, nil
}

// Find returns the session of a handle, see [store.Store].
func (s *Store) Find(ctx context.Context, handle string) (*store.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("find a session", err)
	}
	key, ok := store.KeyOf(handle)
	if !ok {
		return nil, store.ErrNotFound
	}
	type row struct {
		key    []byte
		record *store.Record
	}
	rows, err := collect(ctx, s, func(r *sql.Rows) (found row, err error) {
		var claims []byte
		found.record, err = scanRecord(r, &found.key, &claims)
		if err == nil {
			found.record.Claims = claims
		}
		return found, err
	}, `SELECT `+recordColumns+`, key, claims FROM nuxtauth_sessions WHERE key = $1 AND expires_at > $2`,
		key[:], s.millis())
	if err != nil {
		return nil, failed("find a session", err)
	}
	if len(rows) == 0 {
		return nil, store.ErrNotFound
	}
	// Drivers and poolers have been seen to mix answers up. Nobody gets
	// somebody else's session because of that.
	if len(rows) != 1 || subtle.ConstantTimeCompare(rows[0].key, key[:]) != 1 {
		return nil, errors.New("sqlstore: find a session: the database answered with another one")
	}
	return rows[0].record, nil
}

// Replace writes a session that is still there, see [store.Store]. The handle
// stays as it is.
func (s *Store) Replace(ctx context.Context, handle string, r *store.Record) (newHandle string, err error) {
	if err := ctx.Err(); err != nil {
		return "", failed("replace a session", err)
	}
	if err := r.Check(); err != nil {
		return "", err
	}
	key, ok := store.KeyOf(handle)
	if !ok {
		return "", store.ErrNotFound
	}
	now := s.millis()
	n, err := s.exec(ctx, `
		UPDATE nuxtauth_sessions
		SET claims = $1, seen_at = $2, expires_at = $3, ip = $4, user_agent = $5, version = version + 1
		WHERE key = $6 AND version = $7 AND expires_at > $8`,
		notNil(r.Claims), r.SeenAt.UnixMilli(), r.ExpiresAt.UnixMilli(), r.IP, r.UserAgent, key[:], r.Version, now)
	if err != nil {
		return "", failed("replace a session", err)
	}
	if n == 1 {
		r.Version++
		return handle, nil
	}
	// A session that is gone stays gone, so asking afterwards is early enough.
	there, err := collect(ctx, s, scan[int64],
		`SELECT version FROM nuxtauth_sessions WHERE key = $1 AND expires_at > $2`, key[:], now)
	if err != nil {
		return "", failed("replace a session", err)
	}
	if len(there) == 0 {
		return "", store.ErrNotFound
	}
	return "", store.ErrConflict
}

// Delete ends the session of a handle, see [store.Store].
func (s *Store) Delete(ctx context.Context, handle string) error {
	if err := ctx.Err(); err != nil {
		return failed("end a session", err)
	}
	key, ok := store.KeyOf(handle)
	if !ok {
		return nil
	}
	if _, err := s.exec(ctx, `DELETE FROM nuxtauth_sessions WHERE key = $1`, key[:]); err != nil {
		return failed("end a session", err)
	}
	return nil
}

// List returns the living sessions of a user, see [store.Store].
func (s *Store) List(ctx context.Context, subject string) ([]*store.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("list sessions", err)
	}
	if !storable(subject) {
		return nil, nil
	}
	records, err := collect(ctx, s, func(r *sql.Rows) (*store.Record, error) { return scanRecord(r) },
		`SELECT `+recordColumns+` FROM nuxtauth_sessions WHERE subject = $1 AND expires_at > $2 ORDER BY created_at DESC, id`,
		subject, s.millis())
	if err != nil {
		return nil, failed("list sessions", err)
	}
	if slices.ContainsFunc(records, func(r *store.Record) bool { return r.Subject != subject }) {
		return nil, errors.New("sqlstore: list sessions: the database answered with those of somebody else")
	}
	return records, nil
}

// DeleteWhere ends the sessions that a filter selects, see [store.Store].
func (s *Store) DeleteWhere(ctx context.Context, f store.Filter) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, failed("end sessions", err)
	}
	if err := f.Check(); err != nil {
		return 0, err
	}
	if !storable(f.Subject, f.ID, f.Provider, f.ProviderSubject, f.ProviderSession) {
		return 0, nil
	}
	where, args := condition(f)
	// Expired ones too: they may live for a replica whose clock is behind.
	expires, err := collect(ctx, s, scan[int64], `DELETE FROM nuxtauth_sessions WHERE `+where+` RETURNING expires_at`, args...)
	if err != nil {
		return 0, failed("end sessions", err)
	}
	living, now := 0, s.millis()
	for _, at := range expires {
		if at > now {
			living++
		}
	}
	return living, nil
}

// condition is what [store.Filter.Matches] says, in SQL.
func condition(f store.Filter) (where string, args []any) {
	var terms []string
	and := func(comparison, value string) {
		if value != "" {
			args = append(args, value)
			terms = append(terms, fmt.Sprintf("%s $%d", comparison, len(args)))
		}
	}
	and("subject =", f.Subject)
	and("id =", f.ID)
	and("id <>", f.ExceptID)
	and("provider =", f.Provider)
	and("provider_subject =", f.ProviderSubject)
	and("provider_session =", f.ProviderSession)
	if f.ProviderSubject != "" {
		terms = append(terms, "provider_subject <> ''") // lets the partial index be used
	}
	if f.ProviderSession != "" {
		terms = append(terms, "provider_session <> ''") // as well
	}
	return strings.Join(terms, " AND "), args
}

// recordColumns are what scanRecord reads.
const recordColumns = `id, version, subject, provider, provider_subject, provider_session, created_at, seen_at, expires_at, ip, user_agent`

// scanRecord reads a row of recordColumns and further ones.
func scanRecord(row *sql.Rows, more ...any) (*store.Record, error) {
	r := new(store.Record)
	var created, seen, expires int64
	dest := []any{&r.ID, &r.Version, &r.Subject, &r.Provider, &r.ProviderSubject, &r.ProviderSession,
		&created, &seen, &expires, &r.IP, &r.UserAgent}
	if err := row.Scan(append(dest, more...)...); err != nil {
		return nil, err
	}
	r.CreatedAt, r.SeenAt, r.ExpiresAt = fromMillis(created), fromMillis(seen), fromMillis(expires)
	return r, nil
}

// scan reads a row of one column.
func scan[T any](row *sql.Rows) (v T, err error) { return v, row.Scan(&v) }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// notNil keeps empty claims from becoming a NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// storable tells whether strings could be in the database at all, see
// [store.Record.Check].
func storable(all ...string) bool {
	for _, s := range all {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}
