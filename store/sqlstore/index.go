package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nuxtauth/nuxtauth/store"
)

// ListSessions implements [store.Index].
func (s *Store) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*store.Record, error) {
	if err := checkArgs(ctx, realm, subject); err != nil {
		return nil, failed("list sessions", err)
	}
	if limit < 1 {
		return nil, fmt.Errorf("sqlstore: list sessions: the limit %d is below 1", limit)
	}
	if !storable(realm, subject) {
		return nil, nil
	}
	records, err := queryAll(ctx, s, func(r scanner) (*store.Record, error) { return scanRecord(r) },
		`SELECT `+recordColumns+` FROM nuxtauth_sessions
		WHERE subject = $1 AND realm = $2 AND expires_at > $3 ORDER BY created_at DESC, id LIMIT $4`,
		subject, realm, s.millis(), limit)
	if err != nil {
		return nil, failed("list sessions", err)
	}
	if slices.ContainsFunc(records, func(r *store.Record) bool { return r.Realm != realm || r.Subject != subject }) {
		return nil, errors.New("sqlstore: list sessions: the database answered with those of another user")
	}
	return records, nil
}

// DeleteSessionByID implements [store.Index].
func (s *Store) DeleteSessionByID(ctx context.Context, realm, subject, id string) (found bool, err error) {
	n, err := s.deleteSessions(ctx, `realm = $1 AND subject = $2 AND id = $3`, realm, subject, id)
	return n > 0, err
}

// DeleteSessions implements [store.Index].
func (s *Store) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	if exceptID == "" || !storable(exceptID) {
		return s.deleteSessions(ctx, `realm = $1 AND subject = $2`, realm, subject)
	}
	return s.deleteSessions(ctx, `realm = $1 AND subject = $2 AND id <> $3`, realm, subject, exceptID)
}

// The conditions of the next two name the partial indexes that serve them.

// DeleteProviderSession implements [store.Index].
func (s *Store) DeleteProviderSession(ctx context.Context, realm, provider, sid string) (int, error) {
	return s.deleteSessions(ctx, `realm = $1 AND provider = $2 AND provider_session = $3 AND provider_session <> ''`, realm, provider, sid)
}

// DeleteProviderSubject implements [store.Index].
func (s *Store) DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (int, error) {
	return s.deleteSessions(ctx, `realm = $1 AND provider = $2 AND provider_subject = $3 AND provider_subject <> ''`, realm, provider, subject)
}

// deleteSessions ends the sessions that a condition selects, and returns the number of
// those that had not expired.
func (s *Store) deleteSessions(ctx context.Context, where string, args ...string) (living int, err error) {
	if err := checkArgs(ctx, args...); err != nil {
		return 0, failed("end sessions", err)
	}
	if !storable(args...) {
		return 0, nil
	}
	// Expired ones too: they may be alive for a replica whose clock is behind.
	now := s.millis()
	statement := `DELETE FROM nuxtauth_sessions WHERE ` + where
	if s.dialect == MySQL { // has no RETURNING
		n := len(args) + 1
		living, err = exec(ctx, s, fmt.Sprintf(`%s AND expires_at > $%d`, statement, n), append(values(args), now)...)
		if err == nil {
			_, err = exec(ctx, s, fmt.Sprintf(`%s AND expires_at <= $%d`, statement, n), append(values(args), now)...)
		}
		if err != nil {
			return 0, failed("end sessions", err)
		}
		return living, nil
	}
	expiries, err := queryAll(ctx, s, scan[int64], statement+` RETURNING expires_at`, values(args)...)
	if err != nil {
		return 0, failed("end sessions", err)
	}
	for _, at := range expiries {
		if at > now {
			living++
		}
	}
	return living, nil
}

// values returns strings as the arguments of a statement.
func values(args []string) []any {
	all := make([]any, 0, len(args)+1)
	for _, arg := range args {
		all = append(all, arg)
	}
	return all
}

// checkArgs refuses an ended context and an empty argument.
func checkArgs(ctx context.Context, args ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if slices.Contains(args, "") {
		return errors.New("an argument that selects sessions is empty")
	}
	return nil
}

// storable reports whether strings can be in the database at all, see
// [store.Record.Check].
func storable(all ...string) bool {
	for _, s := range all {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}
