package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
)

// A session is in up to three lists: that of its user, and those of the user and of
// the session at the provider.
const (
	bySubject = iota
	byProviderSubject
	byProviderSession
	lists
)

// A link is the place of a session in a doubly linked list.
type link struct{ prev, next *session }

// A query selects the sessions of a list: those with this name.
type query struct {
	list                  int
	realm, provider, name string // without a provider in bySubject
}

// queries returns the queries that select s.
func (s *session) queries() []query {
	c := s.common.Value()
	all := []query{{bySubject, c.realm, "", s.subject}}
	if c.provider != "" && s.providerSubject != "" {
		all = append(all, query{byProviderSubject, c.realm, c.provider, s.providerSubject})
	}
	if c.provider != "" && s.providerSession != "" {
		all = append(all, query{byProviderSession, c.realm, c.provider, s.providerSession})
	}
	return all
}

// link adds a session to its lists. The caller has locked mu.
func (t *sessionTable) link(s *session) {
	for _, q := range s.queries() {
		heads, hash := t.lists[q.list], maphash.Comparable(t.seed, q)
		next := heads[hash]
		if next != nil {
			next.links[q.list].prev = s
		}
		s.links[q.list].next, heads[hash] = next, s
	}
}

// unlink removes a session from its lists. The caller has locked mu.
func (t *sessionTable) unlink(s *session) {
	for _, q := range s.queries() {
		heads, hash := t.lists[q.list], maphash.Comparable(t.seed, q)
		at := s.links[q.list]
		if at.next != nil {
			at.next.links[q.list].prev = at.prev
		}
		switch {
		case at.prev != nil:
			at.prev.links[q.list].next = at.next
		case at.next != nil:
			heads[hash] = at.next
		default:
			delete(heads, hash)
		}
	}
}

// selected returns the living sessions that q selects. The caller has locked mu.
func (t *sessionTable) selected(q query, now int64) (all []*session) {
	for s := t.lists[q.list][maphash.Comparable(t.seed, q)]; s != nil; s = s.links[q.list].next {
		if now < s.ends && slices.Contains(s.queries(), q) { // another name may have the same hash
			all = append(all, s)
		}
	}
	return all
}

// checkArgs refuses what no method of an [Index] takes.
func checkArgs(ctx context.Context, args ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if slices.Contains(args, "") {
		return errors.New("store: an argument that selects sessions is empty")
	}
	return nil
}

// ListSessions implements [Index].
func (m *Memory) ListSessions(ctx context.Context, realm, subject string, limit int) ([]*Record, error) {
	if err := checkArgs(ctx, realm, subject); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, fmt.Errorf("store: the limit %d is below 1", limit)
	}
	now := m.millis()
	m.sessions.mu.RLock()
	defer m.sessions.mu.RUnlock()
	all := m.sessions.selected(query{bySubject, realm, "", subject}, now)
	slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(b.createdAt, a.createdAt) })
	var records []*Record
	for _, s := range all[:min(limit, len(all))] {
		records = append(records, s.record())
	}
	return records, nil
}

// DeleteSessionByID implements [Index].
func (m *Memory) DeleteSessionByID(ctx context.Context, realm, subject, id string) (bool, error) {
	if err := checkArgs(ctx, realm, subject, id); err != nil {
		return false, err
	}
	return m.end(query{bySubject, realm, "", subject}, func(s *session) bool { return s.id == id }) > 0, nil
}

// DeleteSessions implements [Index].
func (m *Memory) DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error) {
	if err := checkArgs(ctx, realm, subject); err != nil {
		return 0, err
	}
	return m.end(query{bySubject, realm, "", subject}, func(s *session) bool { return s.id != exceptID }), nil
}

// DeleteProviderSession implements [Index].
func (m *Memory) DeleteProviderSession(ctx context.Context, realm, provider, sid string) (int, error) {
	if err := checkArgs(ctx, realm, provider, sid); err != nil {
		return 0, err
	}
	return m.end(query{byProviderSession, realm, provider, sid}, all), nil
}

// DeleteProviderSubject implements [Index].
func (m *Memory) DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (int, error) {
	if err := checkArgs(ctx, realm, provider, subject); err != nil {
		return 0, err
	}
	return m.end(query{byProviderSubject, realm, provider, subject}, all), nil
}

func all(*session) bool { return true }

// end ends the living sessions that q and selects select, and returns their number.
func (m *Memory) end(q query, selects func(*session) bool) (n int) {
	now := m.millis()
	m.sessions.mu.Lock()
	defer m.sessions.mu.Unlock()
	for _, s := range m.sessions.selected(q, now) {
		if selects(s) {
			m.sessions.remove(s)
			n++
		}
	}
	return n
}
