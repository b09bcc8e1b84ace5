package session

import (
	"context"
	"strings"
	"time"

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
	ttl     time.Duration
	by      *byte // of the request that has loaded it
}

func newCache(ttl time.Duration, now func() time.Time) *cache {
	return &cache{ttl: ttl, sessions: memo.New(memo.Options[cached]{
		Name: "loading a session",
		Now:  now,
		Size: func(c cached) int {
			if c.ttl == 0 {
				return 0
			}
			return memo.SizeOf(c.session)
		},
	})}
}

// loadCached is loadFresh for requests that take a session of the cache too. The
// callbacks run once for all requests that come at the same time.
func (m *Manager) loadCached(ctx context.Context, cs *CookieSet, c Credential) *Session {
	if hit, ok := m.cache.sessions.Get(c.Value); ok {
		return hit.session.sharedWith(c)
	}
	return m.loadShared(ctx, cs, c)
}

// loadShared is the rest of loadCached, apart so that a hit pays nothing for it.
func (m *Manager) loadShared(ctx context.Context, cs *CookieSet, c Credential) *Session {
	by := new(byte)
	got, err := m.cache.sessions.Load(ctx, c.Value, func(ctx context.Context) (cached, time.Duration, error) {
		s := m.loadFresh(ctx, cs, c, Options{})
		ttl := m.cacheTTL(s)
		if ttl > 0 { // what is cached must not keep the request in memory
			s = m.copy(s)
			s.value, s.credential = strings.Clone(s.value), Credential{}
		}
		return cached{s, ttl, by}, ttl, nil
	})
	switch {
	case err != nil: // the request is over, or its time, or a function of the library panics
		s := &Session{credential: c}
		m.notFound(ctx, s, Transient(err))
		return s
	case got.ttl > 0:
		return got.session.sharedWith(c)
	case got.by == by:
		return got.session
	}
	// What another request got is its own: a new cookie, or a fault.
	return m.loadFresh(ctx, cs, c, Options{})
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
	if s.State != Active || s.Save || s.stale || s.expires != 0 {
		return 0
	}
	now, c := m.now(), s.Claims
	ttl := min(m.cache.ttl, c.ExpiresAt.Time().Sub(now), c.IssuedAt.Time().Add(m.updateAge).Sub(now))
	if t := s.ProviderTokens; t != nil && t.RefreshToken != "" {
		ttl = min(ttl, t.left(now)-refreshEarly)
	}
	return max(ttl, 0)
}

// delete drops the session of a cookie's value: it has ended, or changed.
func (c *cache) delete(value string) {
	if c != nil && value != "" {
		c.sessions.Delete(value)
	}
}

// clear drops all sessions: some have ended, and their cookies are not known.
func (c *cache) clear() {
	if c != nil {
		c.sessions.Clear()
	}
}
