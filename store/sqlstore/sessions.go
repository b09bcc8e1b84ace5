package sqlstore

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// CreateSession implements [store.Sessions].
func (s *Store) CreateSession(ctx context.Context, r *store.Record) (handle string, err error) {
	if err := r.Check(); err != nil {
		return "", err
	}
	handle, key := store.NewHandle()
	id := store.NewID()
	const insert = `
		INSERT INTO nuxtauth_sessions (key, id, version, realm, subject, provider, provider_subject, provider_session,
			claims, created_at, seen_at, expires_at, ip, user_agent)
		VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
	_, err = change(ctx, s, // the key is new: a conflict is with the first attempt
		insert+` ON CONFLICT (key) DO NOTHING RETURNING 1`,
		insert+` ON DUPLICATE KEY UPDATE version = version`,
		key[:], id, r.Realm, r.Subject, r.Provider, r.ProviderSubject, r.ProviderSession,
		notNil(r.Claims), r.CreatedAt.UnixMilli(), r.SeenAt.UnixMilli(), r.ExpiresAt.UnixMilli(), r.IP, r.UserAgent)
	if err != nil {
		return "", failed("create a session", err)
	}
	r.ID, r.Version = id, 1
	s.sweep(ctx)
	return handle, nil
}

const findSession = `SELECT ` + recordColumns + `, key, claims FROM nuxtauth_sessions WHERE key = $1 AND expires_at > $2`

// FindSession implements [store.Sessions].
func (s *Store) FindSession(ctx context.Context, handle string) (*store.Record, error) {
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
	var r runner = s
	if s.find != nil {
		r = prepared{s, s.find}
	}
	rows, err := queryAll(ctx, r, func(r scanner) (found row, err error) {
		var claims []byte
		found.record, err = scanRecord(r, &found.key, &claims)
		if err == nil {
			found.record.Claims = claims
		}
		return found, err
	}, findSession, key[:], s.millis())
	if err != nil {
		return nil, failed("find a session", err)
	}
	if len(rows) == 0 {
		return nil, store.ErrNotFound
	}
	// Drivers and poolers have been known to mix answers up. That must not give a user
	// the session of another.
	if len(rows) != 1 || subtle.ConstantTimeCompare(rows[0].key, key[:]) != 1 {
		return nil, errors.New("sqlstore: find a session: the database answered with another one")
	}
	return rows[0].record, nil
}

// ReplaceSession implements [store.Sessions]. The handle stays as it is.
func (s *Store) ReplaceSession(ctx context.Context, handle string, r *store.Record) (newHandle string, err error) {
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
	n, err := change(ctx, s, `
		UPDATE nuxtauth_sessions
		SET claims = $1, seen_at = $2, expires_at = $3, ip = $4, user_agent = $5, version = version + 1
		WHERE key = $6 AND version = $7 AND expires_at > $8 RETURNING 1`, `
		UPDATE nuxtauth_sessions
		SET claims = $1, seen_at = $2, expires_at = $3, ip = $4, user_agent = $5, version = version + LAST_INSERT_ID(1)
		WHERE key = $6 AND version = $7 AND expires_at > $8`,
		notNil(r.Claims), r.SeenAt.UnixMilli(), r.ExpiresAt.UnixMilli(), r.IP, r.UserAgent, key[:], r.Version, now)
	if err != nil {
		return "", failed("replace a session", err)
	}
	if n != 0 {
		r.Version++
		return handle, nil
	}
	// An ended session does not come back, so that it can be looked for afterwards.
	versions, err := queryAll(ctx, s, scan[int64],
		`SELECT version FROM nuxtauth_sessions WHERE key = $1 AND expires_at > $2`, key[:], now)
	if err != nil {
		return "", failed("replace a session", err)
	}
	if len(versions) == 0 {
		return "", store.ErrNotFound
	}
	return "", store.ErrConflict
}

// DeleteSession implements [store.Sessions].
func (s *Store) DeleteSession(ctx context.Context, handle string) error {
	if err := ctx.Err(); err != nil {
		return failed("end a session", err)
	}
	key, ok := store.KeyOf(handle)
	if !ok {
		return nil
	}
	if _, err := exec(ctx, s, `DELETE FROM nuxtauth_sessions WHERE key = $1`, key[:]); err != nil {
		return failed("end a session", err)
	}
	return nil
}

// recordColumns are the columns that scanRecord reads.
const recordColumns = `id, version, realm, subject, provider, provider_subject, provider_session, created_at, seen_at, expires_at, ip, user_agent`

// scanRecord reads a row of recordColumns and further ones.
func scanRecord(row scanner, more ...any) (*store.Record, error) {
	r := new(store.Record)
	var created, seen, expires int64
	dest := []any{&r.ID, &r.Version, &r.Realm, &r.Subject, &r.Provider, &r.ProviderSubject, &r.ProviderSession,
		&created, &seen, &expires, &r.IP, &r.UserAgent}
	if err := row.Scan(append(dest, more...)...); err != nil {
		return nil, err
	}
	r.CreatedAt, r.SeenAt, r.ExpiresAt = fromMillis(created), fromMillis(seen), fromMillis(expires)
	return r, nil
}

// scan reads a row of one column.
func scan[T any](row scanner) (v T, err error) { return v, row.Scan(&v) }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// notNil turns nil claims, which would be a NULL, into empty ones.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
