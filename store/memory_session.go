package store

import (
	"cmp"
	"container/heap"
	"context"
	"hash/maphash"
	"strings"
	"sync"
	"time"
	"unique"
)

// A sessionTable has the sessions of a [Memory].
type sessionTable struct {
	mu              sync.RWMutex
	byKey           map[Key]*session
	expiring        queue[*session]
	lists           [lists]map[uint64]*session // the first of each list, see link
	seed            maphash.Seed
	bytes, maxBytes int64
	max             int
}

// A session is a [Record] in a Memory, where strings that many sessions have in
// common are stored once.
type session struct {
	expiry
	key                                                       Key
	common                                                    unique.Handle[common]
	id, subject, providerSubject, providerSession, ip, claims string
	version, createdAt, seenAt                                int64
	links                                                     [lists]link
}

type common struct{ realm, provider, userAgent string }

// sessionOverhead is about what a session takes besides its strings.
const sessionOverhead = 400

// newSession returns the session of a record. It copies the strings, which may be
// parts of larger ones.
func newSession(key Key, r *Record) *session {
	s := &session{
		key: key, id: NewID(), subject: strings.Clone(r.Subject),
		providerSubject: strings.Clone(r.ProviderSubject), providerSession: strings.Clone(r.ProviderSession),
		common: unique.Make(common{realm: r.Realm, provider: r.Provider}), createdAt: r.CreatedAt.UnixMilli(),
	}
	s.write(r)
	return s
}

// write sets what ReplaceSession changes, and increments the version.
func (s *session) write(r *Record) {
	c := s.common.Value()
	s.common = unique.Make(common{c.realm, c.provider, r.UserAgent})
	s.claims, s.ip = string(r.Claims), strings.Clone(r.IP)
	s.seenAt, s.ends = r.SeenAt.UnixMilli(), r.ExpiresAt.UnixMilli()
	s.version++
}

// record returns the record of a session, without its claims.
func (s *session) record() *Record {
	c, at := s.common.Value(), func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	return &Record{
		ID: s.id, Version: s.version, Realm: c.realm, Subject: s.subject,
		Provider: c.provider, ProviderSubject: s.providerSubject, ProviderSession: s.providerSession,
		CreatedAt: at(s.createdAt), SeenAt: at(s.seenAt), ExpiresAt: at(s.ends), IP: s.ip, UserAgent: c.userAgent,
	}
}

func (s *session) size() int64 {
	c := s.common.Value()
	return int64(sessionOverhead + len(s.id) + len(s.subject) + len(s.providerSubject) + len(s.providerSession) +
		len(s.ip) + len(s.claims) + len(c.userAgent))
}

// Len returns the number of sessions, including expired ones that have not been
// removed yet.
func (m *Memory) Len() int {
	m.sessions.mu.RLock()
	defer m.sessions.mu.RUnlock()
	return len(m.sessions.byKey)
}

// CreateSession implements [Sessions]. When the store is full it returns [ErrFull].
func (m *Memory) CreateSession(ctx context.Context, r *Record) (string, error) {
	if err := cmp.Or(ctx.Err(), r.Check()); err != nil {
		return "", err
	}
	handle, key := NewHandle()
	s := newSession(key, r)
	if err := m.sessions.add(s, m.millis()); err != nil {
		return "", err
	}
	r.ID, r.Version = s.id, 1
	return handle, nil
}

func (t *sessionTable) add(s *session, now int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.reserve(1, s.size(), now) {
		return ErrFull
	}
	t.byKey[s.key] = s
	heap.Push(&t.expiring, s)
	t.link(s)
	return nil
}

// reserve reports whether so many more sessions and bytes are within the bounds,
// after a sweep, and counts the bytes. The caller has locked mu.
func (t *sessionTable) reserve(n int, bytes, now int64) bool {
	fits := func() bool { return len(t.byKey)+n <= t.max && t.bytes+bytes <= t.maxBytes }
	t.expiring.sweep(now, fits, t.remove)
	if !fits() {
		return false
	}
	t.bytes += bytes
	return true
}

// remove removes a session. The caller has locked mu.
func (t *sessionTable) remove(s *session) {
	delete(t.byKey, s.key)
	heap.Remove(&t.expiring, s.index)
	t.unlink(s)
	t.bytes -= s.size()
}

// find returns the session of a handle. The caller has locked mu.
func (t *sessionTable) find(handle string, now int64) (*session, error) {
	key, ok := KeyOf(handle)
	s := t.byKey[key]
	if !ok || s == nil || s.ends <= now {
		return nil, ErrNotFound
	}
	return s, nil
}

// FindSession implements [Sessions].
func (m *Memory) FindSession(ctx context.Context, handle string) (*Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := m.millis()
	m.sessions.mu.RLock()
	defer m.sessions.mu.RUnlock()
	s, err := m.sessions.find(handle, now)
	if err != nil {
		return nil, err
	}
	r := s.record()
	r.Claims = []byte(s.claims)
	return r, nil
}

// ReplaceSession implements [Sessions]. A session that grows beyond the bound of the
// store is [ErrFull] and stays as it was.
func (m *Memory) ReplaceSession(ctx context.Context, handle string, r *Record) (string, error) {
	if err := cmp.Or(ctx.Err(), r.Check()); err != nil {
		return "", err
	}
	now, t := m.millis(), &m.sessions
	t.mu.Lock()
	defer t.mu.Unlock()
	s, err := t.find(handle, now)
	if err != nil {
		return "", err
	}
	if s.version != r.Version {
		return "", ErrConflict
	}
	old := len(s.claims) + len(s.ip) + len(s.common.Value().userAgent)
	if !t.reserve(0, int64(len(r.Claims)+len(r.IP)+len(r.UserAgent)-old), now) {
		return "", ErrFull
	}
	s.write(r)
	heap.Fix(&t.expiring, s.index)
	r.Version = s.version
	return handle, nil
}

// DeleteSession implements [Sessions].
func (m *Memory) DeleteSession(ctx context.Context, handle string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := m.millis()
	m.sessions.mu.Lock()
	defer m.sessions.mu.Unlock()
	if s, err := m.sessions.find(handle, now); err == nil {
		m.sessions.remove(s)
	}
	return nil
}
