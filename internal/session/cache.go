package session

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/memo"
)

// A cache has the sessions that requests with the same cookie have loaded. A nil
// cache has none.
type cache struct {
	sessions *memo.Memo[cached] // by the value of the cookie
	ttl      time.Duration
}

// cached is a session that other requests may get if it has a ttl. They do not
// write to it. One without belongs to the request that has loaded it.
type cached struct {
	session *Session
	err     error // of loadAndSave
	ttl     time.Duration
}

func newCache(ttl time.Duration, size func(*Session) int, log *slog.Logger, now func() time.Time) *cache {
	return &cache{ttl: ttl, sessions: memo.New(memo.Options[cached]{
		Name: "loading a session",
		Log:  log,
		Now:  now,
		Size: func(c cached) int { return size(c.session) },
	})}
}

// loadCached is loadAndSave for requests that take a session of the cache too. The
// callbacks run once for all requests that come at the same time.
func (m *Manager) loadCached(r Request, c Credential) (*Session, error) {
	if hit, ok := m.cache.sessions.Get(c.Value); ok {
		return hit.session.sharedWith(c), nil
	}
	return m.loadShared(r, c)
}

// loadShared is the rest of loadCached, apart so that a hit pays nothing for it.
// A load has nothing of the request, which may end before it.
func (m *Manager) loadShared(r Request, c Credential) (*Session, error) {
	ctx, cs, client := r.Context(), r.Cookies, m.client(r)
	from := func() clientip.Client { return client }
	var own *Session
	got, err := m.cache.sessions.Load(ctx, c.Value, func(ctx context.Context) (cached, time.Duration, error) {
		s, err := m.loadAndSave(ctx, cs, c, Options{}, from)
		ttl := m.cacheTTL(s)
		if ttl > 0 { // what is cached must not keep the request in memory
			s = m.copy(s)
			s.value, s.credential = strings.Clone(s.value), Credential{}
		}
		own = s
		return cached{s, err, ttl}, ttl, nil
	})
	switch {
	case err != nil: // the request is over, or its time, or a function of the library panics
		s := &Session{credential: c}
		m.notFound(ctx, s, Transient(err))
		return s, nil
	case got.ttl > 0:
		return got.session.sharedWith(c), nil
	case got.session == own:
		return got.session, got.err
	}
	// What another request got is its own: a new cookie, or a fault.
	return m.loadAndSave(ctx, cs, c, Options{}, from)
}

// sharedWith returns a session of the cache as that of a request with this
// credential.
func (s *Session) sharedWith(c Credential) *Session {
	shared := *s
	shared.credential = c
	return &shared
}

// cacheTTL is how long other requests may get a session, zero for not at all:
// nothing is to be written, and nothing falls due.
func (m *Manager) cacheTTL(s *Session) time.Duration {
	if !s.Active() || s.save || s.cookieDue {
		return 0
	}
	now, c := m.now(), s.Claims
	ttl := min(m.cache.ttl, c.ExpiresAt.Time().Sub(now), c.IssuedAt.Time().Add(m.lifetime.updateAge(c)).Sub(now))
	if !s.tokenEnds.IsZero() {
		ttl = min(ttl, s.tokenEnds.Sub(now))
	}
	if t := s.ProviderTokens; t != nil && t.RefreshToken != "" {
		ttl = min(ttl, t.left(now)-refreshEarly)
	}
	return max(ttl, 0)
}

// size estimates the bytes of memory of a session by its JSON: a value takes up to
// three times what it takes there. It reads nothing that the application could be
// changing, as a walk through its values would.
func (m *Manager) size(s *Session) int {
	view, err := m.types().EncodeView(nil, s)
	if err != nil {
		return maxCachedSize
	}
	static := reflect.TypeOf(s.Token).Elem().Size() + reflect.TypeOf(s.View).Elem().Size() + reflect.TypeFor[Session]().Size()
	return int(static) + len(s.value) + 3*(len(s.claims)+len(view))
}

// maxCachedSize is too large for the cache.
const maxCachedSize = 1 << 30

// delete drops what a cookie's value has opened: its session may have ended elsewhere.
func (c *cache) delete(value string) {
	if c != nil {
		c.sessions.Delete(value)
	}
}

// deleteSession drops a session of the store that has ended, or changed. A token in a
// cookie stays what it was.
func (c *cache) deleteSession(s *Session) {
	if s.stored() {
		c.deleteRecord(s.record.ID)
	}
}

// deleteRecord drops the session of the record with an ID, under all its handles: a store
// may give a session a new one each time that it is written.
func (c *cache) deleteRecord(id string) {
	if c != nil {
		c.sessions.DeleteFunc(func(one cached) bool { return one.session.stored() && one.session.record.ID == id })
	}
}

// clear drops all sessions: some have ended, and their cookies are not known.
func (c *cache) clear() {
	if c != nil {
		c.sessions.Clear()
	}
}
