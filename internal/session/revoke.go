package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// denyListTTL is how long a revocation is remembered: as long as a token of before
// it can be valid.
func denyListTTL(l Lifetime) time.Duration { return l.MaxAge + time.Hour }

// unsupported says that the configuration can't do something, and what to set.
func (m *Manager) unsupported(what, set string) error {
	if m.store == nil {
		return fmt.Errorf("nuxtauth: %s: %w: sessions are in their cookies: set %s", what, store.ErrUnsupported, set)
	}
	return fmt.Errorf("nuxtauth: %s: %w: Session.Store is no store.Index; store.Memory, redisstore and sqlstore are", what, store.ErrUnsupported)
}

// List returns the sessions of a user, the newest first, at most limit.
func (m *Manager) List(ctx context.Context, subject string, limit int) ([]*store.Record, error) {
	if m.index == nil {
		return nil, m.unsupported("list sessions", "Session.Store")
	}
	records, err := m.index.ListSessions(ctx, m.realm, subject, limit)
	if err != nil {
		return nil, fmt.Errorf("nuxtauth: list sessions: %w", Transient(err))
	}
	return records, nil
}

// marking returns a function that marks a name in the deny-list.
func marking(name string) func(context.Context, denyList) error {
	return func(ctx context.Context, d denyList) error { return d.mark(ctx, name) }
}

// A selection is a set of sessions that end together: in the store, in the
// deny-list, or in both while sessions are being moved into the store.
type selection struct {
	what  string
	index func(ctx context.Context, i store.Index) (int, error)
	mark  func(ctx context.Context, d denyList) error // nil for what a deny-list can't express
	event Revoked                                     // without Count
}

// revoke ends what sel selects, also when the request is over. The deny-list
// comes first, so that no cookie is adopted in between. It returns how many
// sessions there were in the store, -1 when that is not known.
func (m *Manager) revoke(ctx context.Context, sel selection) (int, error) {
	n, err := m.endSelection(ctx, sel)
	if err == nil && n != 0 && m.events.Revoked != nil {
		sel.event.Count = n
		m.events.Revoked(context.WithoutCancel(ctx), sel.event)
	}
	return n, err
}

// endSelection is revoke without the event.
func (m *Manager) endSelection(ctx context.Context, sel selection) (int, error) {
	if m.index == nil && m.denyList.marks == nil {
		return 0, m.unsupported(sel.what, "Session.Store or Session.DenyList")
	}
	if m.denyList.marks != nil && sel.mark == nil {
		return 0, fmt.Errorf("nuxtauth: %s: %w: a deny-list can't spare a session: set Session.Store", sel.what, store.ErrUnsupported)
	}
	ctx = context.WithoutCancel(ctx)
	defer m.cache.clear()
	if m.denyList.marks != nil {
		if err := sel.mark(ctx, m.denyList); err != nil {
			return 0, fmt.Errorf("nuxtauth: %s: %w", sel.what, err)
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
// was one, always true with a deny-list, which can't tell. While sessions are moved
// into the store, those of the user that are still in cookies end too.
func (m *Manager) RevokeSession(ctx context.Context, subject, id string) (bool, error) {
	if err := empty("RevokeSession", subject, id); err != nil {
		return false, err
	}
	n, err := m.revoke(ctx, selection{
		what: "revoke a session", event: Revoked{Subject: subject, SessionID: id},
		mark: func(ctx context.Context, d denyList) error {
			err := d.endSession(ctx, key(subject), d.userSession(subject, id), nil)
			if err == nil && d.sealed { // the ID is that of the record: copies of the cookie that it came from have another one
				err = d.mark(ctx, d.sealedOf(subject))
			}
			return err
		},
		index: func(ctx context.Context, i store.Index) (int, error) {
			found, err := i.DeleteSessionByID(ctx, m.realm, subject, id)
			if err != nil || !found {
				return 0, err
			}
			return 1, nil
		},
	})
	return n != 0, err
}

// RevokeSessions ends all sessions of a user.
func (m *Manager) RevokeSessions(ctx context.Context, subject string) (int, error) {
	if err := empty("RevokeSessions", subject); err != nil {
		return 0, err
	}
	return m.revoke(ctx, selection{
		what: "revoke sessions", event: Revoked{Subject: subject},
		mark: marking(m.denyList.subject(subject)),
		index: func(ctx context.Context, i store.Index) (int, error) {
			return i.DeleteSessions(ctx, m.realm, subject, "")
		},
	})
}

// RevokeOtherSessions ends the sessions of the user of s but s.
func (m *Manager) RevokeOtherSessions(ctx context.Context, s *Session) (int, error) {
	if m.index != nil && !s.stored() {
		reason := store.ErrConflict // another process is moving it
		if s.credential.Bearer {
			reason = store.ErrUnsupported
		}
		return 0, fmt.Errorf("nuxtauth: revoke the other sessions: %w: that of the request is not in the store, and would end too", reason)
	}
	sel := selection{
		what: "revoke the other sessions", event: Revoked{Subject: s.Claims.Subject, SessionID: s.ID(), Others: true},
		index: func(ctx context.Context, i store.Index) (int, error) {
			return i.DeleteSessions(ctx, m.realm, s.record.Subject, s.record.ID)
		},
	}
	if m.reader.Adopt { // the others may still live in cookies
		sel.mark = marking(m.denyList.sealedOf(s.record.Subject))
	}
	return m.revoke(ctx, sel)
}

// RevokeUserProvider ends the sessions of a user that came from a provider.
func (m *Manager) RevokeUserProvider(ctx context.Context, subject, provider string) error {
	if err := empty("RevokeUserProvider", subject, provider); err != nil {
		return err
	}
	_, err := m.revoke(ctx, selection{
		what: "revoke the sessions of a user that came from a provider", event: Revoked{Subject: subject, Provider: provider},
		mark: marking(m.denyList.userProvider(subject, provider)),
		index: func(ctx context.Context, i store.Index) (n int, err error) {
			records, err := i.ListSessions(ctx, m.realm, subject, MaxSessions)
			for _, r := range records {
				if r.Provider != provider {
					continue
				}
				if _, err := i.DeleteSessionByID(ctx, m.realm, subject, r.ID); err != nil {
					return n, err
				}
				n++
			}
			return n, err
		},
	})
	return err
}

// RevokeProviderSession ends the sessions that came from a session at a provider. If there
// is none, it ends those of the user whose sign-in had no session there, unless subject is
// empty; a deny-list, which can't tell, ends these in any case. issuer is that of
// token.Origin.
func (m *Manager) RevokeProviderSession(ctx context.Context, provider, issuer, subject, sid string) (int, error) {
	if err := empty("RevokeProviderSession", provider, sid); err != nil {
		return 0, err
	}
	ids := []string{atIssuer(issuer, sid)}
	if subject != "" {
		ids = append(ids, atIssuer(issuer, noSession(subject)))
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = m.denyList.providerSession(provider, id)
	}
	return m.revoke(ctx, selection{
		what: "revoke the sessions of a session at a provider", event: Revoked{Provider: provider, ProviderSubject: subject, ProviderSession: sid},
		mark: func(ctx context.Context, d denyList) error { return d.endOfProvider(ctx, provider, names...) },
		index: func(ctx context.Context, i store.Index) (n int, err error) {
			for _, id := range ids {
				if n, err = i.DeleteProviderSession(ctx, m.realm, provider, id); n > 0 || err != nil {
					break
				}
			}
			return n, err
		},
	})
}

// RevokeProviderSubject ends the sessions that came from a user at a provider. issuer is
// that of token.Origin.
func (m *Manager) RevokeProviderSubject(ctx context.Context, provider, issuer, subject string) (int, error) {
	if err := empty("RevokeProviderSubject", provider, subject); err != nil {
		return 0, err
	}
	event := Revoked{Provider: provider, ProviderSubject: subject}
	subject = atIssuer(issuer, subject)
	return m.revoke(ctx, selection{
		what: "revoke the sessions of a user at a provider", event: event,
		mark: func(ctx context.Context, d denyList) error {
			return d.endOfProvider(ctx, provider, d.providerSubject(provider, subject))
		},
		index: func(ctx context.Context, i store.Index) (int, error) {
			return i.DeleteProviderSubject(ctx, m.realm, provider, subject)
		},
	})
}
