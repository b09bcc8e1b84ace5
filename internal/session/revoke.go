package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// The names of events in the deny-list. They begin with the realm, and count as
// a format: replicas of two releases share them.

func (r *Reader) sessionName(id string) string { return r.Realm + ":session:" + id }

// userSessionName names the session of a user by the ID that the user was shown:
// together with another user's ID it names a session that does not exist.
func (r *Reader) userSessionName(subject, id string) string {
	return r.Realm + ":session:" + strconv.Itoa(len(subject)) + ":" + subject + ":" + id
}

func (r *Reader) subjectName(subject string) string { return r.Realm + ":subject:" + subject }

// sealedName is the user's sessions that still live in cookies, where they are
// being moved into a store.
func (r *Reader) sealedName(subject string) string { return r.Realm + ":sealed:" + subject }

func (r *Reader) providerSessionName(provider, session string) string {
	return r.Realm + ":idp:" + provider + ":sid:" + session
}

func (r *Reader) providerSubjectName(provider, subject string) string {
	return r.Realm + ":idp:" + provider + ":sub:" + subject
}

// sessionID is what all tokens of a session have in common: those of before there
// was a deny-list have taken over the ID of the first.
func sessionID(c *Claims) string {
	if c.Origin.SessionID != "" {
		return c.Origin.SessionID
	}
	return c.ID
}

var errRevoked = fmt.Errorf("%w: it was revoked", token.ErrInvalid)

// checkRevoked asks the deny-list, if there is one, whether a session still
// counts, and notes the latest revocation in s.
func (r *Reader) checkRevoked(ctx context.Context, s *Session) error {
	if r.DenyList == nil {
		return nil
	}
	c := s.Claims
	names := append(make([]string, 0, 6), r.subjectName(c.Subject))
	if r.Adopt && s.record == nil {
		names = append(names, r.sealedName(c.Subject))
	}
	if o := c.Origin; o.ProviderSession != "" {
		names = append(names, r.providerSessionName(o.Provider, o.ProviderSession))
	}
	if o := c.Origin; o.ProviderSubject != "" {
		names = append(names, r.providerSubjectName(o.Provider, o.ProviderSubject))
	}
	several := len(names) // those above name more than one session: a later sign-in counts
	if id := sessionID(c); id != "" {
		names = append(names, r.sessionName(id), r.userSessionName(c.Subject, id))
	}
	revoked, err := r.DenyList.Marked(ctx, names...)
	if err != nil {
		return Transient(err)
	}
	for i, at := range revoked {
		if i >= several && at != 0 || i < several && at > since(c) {
			return errRevoked
		}
		if i < several {
			s.latest = max(s.latest, at)
		}
	}
	return nil
}

// since is the revocation up to which the sign-in of a session is known to be
// the later one, in microseconds by the clock of the deny-list. A token of a Node
// server does not have it: the second in which it was issued stands for it, by
// that server's clock.
func since(c *Claims) int64 {
	if c.Origin.AuthTime != 0 {
		return c.Origin.Since
	}
	return int64(c.IssuedAt)*1e6 - 1
}

// noteRevocations lets a new session begin after the revocations of its user so far.
func (r *Reader) noteRevocations(ctx context.Context, s *Session) error {
	if r.DenyList == nil {
		return nil
	}
	c := s.Claims
	names := []string{
		r.subjectName(c.Subject), r.sealedName(c.Subject),
		r.providerSessionName(c.Origin.Provider, c.Origin.ProviderSession), r.providerSubjectName(c.Origin.Provider, c.Origin.ProviderSubject),
	}
	revoked, err := r.DenyList.Marked(ctx, names...)
	if err != nil {
		return Transient(err)
	}
	for _, at := range revoked {
		s.latest = max(s.latest, at)
	}
	return nil
}

// deny notes in the deny-list that what name stands for has ended. It is
// remembered for as long as such a session could be alive.
func (m *Manager) deny(ctx context.Context, names ...string) error {
	for _, name := range names {
		if _, _, err := m.reader.DenyList.Mark(ctx, name, m.reader.MaxAge+time.Hour); err != nil {
			return err
		}
	}
	return nil
}

// unsupported says that a store lacks an ability, and which to use.
func (m *Manager) unsupported(what, ability string) error {
	if m.reader.Store == nil {
		return fmt.Errorf("nuxtauth: %s: %w: sessions live in their cookies: set Session.Store", what, store.ErrUnsupported)
	}
	return fmt.Errorf("nuxtauth: %s: %w: Session.Store is no %s; store.Memory, redisstore and sqlstore are", what, store.ErrUnsupported, ability)
}

// List returns the sessions of a user, the newest first, at most limit.
func (m *Manager) List(ctx context.Context, subject string, limit int) ([]*store.Record, error) {
	if m.index == nil {
		return nil, m.unsupported("list sessions", "store.Index")
	}
	records, err := m.index.ListSessions(ctx, m.reader.Realm, subject, limit)
	if err != nil {
		return nil, fmt.Errorf("nuxtauth: list sessions: %w", Transient(err))
	}
	return records, nil
}

// A selection is a set of sessions that end together: in the store, in the
// deny-list, or in both while sessions are being moved into the store.
type selection struct {
	what  string
	index func(ctx context.Context, i store.Index) (int, error)
	names []string // in the deny-list; nil for one that it can't express
}

// revoke ends what sel selects, though the client may have left. The deny-list
// comes first, so that no cookie is adopted in between. It returns how many
// sessions there were in the store, -1 when that is not known.
func (m *Manager) revoke(ctx context.Context, sel selection) (int, error) {
	if m.index == nil && (m.reader.Store != nil || m.reader.DenyList == nil) {
		return 0, m.unsupported(sel.what, "store.Index")
	}
	if m.reader.DenyList != nil && sel.names == nil {
		return 0, fmt.Errorf("nuxtauth: %s: %w: a deny-list can't spare a session: set Session.Store", sel.what, store.ErrUnsupported)
	}
	ctx = context.WithoutCancel(ctx)
	defer m.cache.clear()
	if m.reader.DenyList != nil {
		if err := m.deny(ctx, sel.names...); err != nil {
			return 0, fmt.Errorf("nuxtauth: %s: %w", sel.what, Transient(err))
		}
	}
	if m.index == nil {
		return -1, nil
	}
	n, err := sel.index(ctx, m.index)
	if err != nil {
		return n, fmt.Errorf("nuxtauth: %s: %w", sel.what, Transient(err))
	}
	return n, nil
}

// empty reports an argument that is empty, which would select more than is meant.
func empty(what string, values ...string) error {
	if slices.Contains(values, "") {
		return errors.New("nuxtauth: " + what + " needs arguments that are not empty")
	}
	return nil
}

// RevokeSession ends the session of a user with an ID. It reports whether there
// was one, always true with a deny-list, which can't tell.
func (m *Manager) RevokeSession(ctx context.Context, subject, id string) (bool, error) {
	if err := empty("RevokeSession", subject, id); err != nil {
		return false, err
	}
	n, err := m.revoke(ctx, selection{
		what:  "revoke a session",
		names: []string{m.reader.userSessionName(subject, id)},
		index: func(ctx context.Context, i store.Index) (int, error) {
			found, err := i.DeleteSessionByID(ctx, m.reader.Realm, subject, id)
			if found {
				return 1, err
			}
			return 0, err
		},
	})
	return n != 0 && err == nil, err
}

// RevokeSessions ends all sessions of a user.
func (m *Manager) RevokeSessions(ctx context.Context, subject string) (int, error) {
	if err := empty("RevokeSessions", subject); err != nil {
		return 0, err
	}
	return m.revoke(ctx, selection{
		what:  "revoke sessions",
		names: []string{m.reader.subjectName(subject)},
		index: func(ctx context.Context, i store.Index) (int, error) {
			return i.DeleteSessions(ctx, m.reader.Realm, subject, "")
		},
	})
}

// RevokeOtherSessions ends the sessions of the user of s but s.
func (m *Manager) RevokeOtherSessions(ctx context.Context, s *Session) (int, error) {
	if m.index != nil && !s.stored() {
		return 0, errors.New("nuxtauth: revoke the other sessions: that of the request is not in the store yet, and would end too: try again")
	}
	sel := selection{
		what: "revoke the other sessions",
		index: func(ctx context.Context, i store.Index) (int, error) {
			return i.DeleteSessions(ctx, m.reader.Realm, s.record.Subject, s.record.ID)
		},
	}
	if m.reader.Adopt { // the others may still live in cookies
		sel.names = []string{m.reader.sealedName(s.record.Subject)}
	}
	return m.revoke(ctx, sel)
}

// RevokeProviderSession ends the sessions that came from a session at a provider.
func (m *Manager) RevokeProviderSession(ctx context.Context, provider, sid string) (int, error) {
	if err := empty("RevokeProviderSession", provider, sid); err != nil {
		return 0, err
	}
	return m.revoke(ctx, selection{
		what:  "revoke the sessions of a session at a provider",
		names: []string{m.reader.providerSessionName(provider, sid)},
		index: func(ctx context.Context, i store.Index) (int, error) {
			return i.DeleteProviderSession(ctx, m.reader.Realm, provider, sid)
		},
	})
}

// RevokeProviderSubject ends the sessions that came from a user at a provider.
func (m *Manager) RevokeProviderSubject(ctx context.Context, provider, subject string) (int, error) {
	if err := empty("RevokeProviderSubject", provider, subject); err != nil {
		return 0, err
	}
	return m.revoke(ctx, selection{
		what:  "revoke the sessions of a user at a provider",
		names: []string{m.reader.providerSubjectName(provider, subject)},
		index: func(ctx context.Context, i store.Index) (int, error) {
			return i.DeleteProviderSubject(ctx, m.reader.Realm, provider, subject)
		},
	})
}
