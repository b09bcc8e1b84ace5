package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/store"
)

const (
	// maxConflicts is how often a session is loaded anew because another request
	// has changed it meanwhile.
	maxConflicts = 5

	// resealAfter is the age from which a front end's request for session data seals
	// a token in a cookie anew. A younger one stays: the response may arrive after
	// that of a sign-out, and would bring the session back.
	resealAfter = time.Minute
)

// Options say how a session is asked for. The zero value is that of an ordinary
// request.
type Options struct {
	Params *Params // of the callbacks; nil for a request for session data

	// FrontEnd says that a front end asks for the session: the callbacks run
	// whatever the cache has, and a token in a cookie is sealed anew.
	FrontEnd bool
}

// Get loads the session of a credential, and writes what follows from it: to the
// store and the deny-list, and to the cookies of the response. The error is
// [store.ErrConflict] if other requests kept changing the session, which then
// is as they left it; every other one has been logged, and the session is what
// could be loaded.
func (m *Manager) Get(r Request, c Credential, o Options) (*Session, error) {
	ctx := r.Context()
	s := m.load(r, c, o)
	err := m.commit(r, s)
	for n := 0; n < maxConflicts && errors.Is(err, store.ErrConflict); n++ {
		s = m.loadFresh(ctx, r.Cookies, c, o) // the callbacks see what the other request has left
		err = m.commit(r, s)
	}
	switch {
	case errors.Is(err, store.ErrConflict):
		m.log.DebugContext(ctx, "nuxtauth: the session was not renewed, because other requests kept changing it", "error", err)
		return s, err
	case errors.Is(err, store.ErrNotFound): // ended meanwhile: a renewal must not bring it back
		s = &Session{State: Expired, credential: c}
		err = m.commit(r, s)
	}
	if err != nil {
		guard.Log(ctx, m.log, slog.LevelError, "nuxtauth: the session could not be renewed, it stays as it was", err)
	}
	if err != nil && s.View != nil {
		m.types().SetExpires(s, m.currentExpiry(s.Claims))
	}
	return s, nil
}

func (m *Manager) load(r Request, c Credential, o Options) *Session {
	if m.cache != nil && !o.FrontEnd && c.Value != "" && c.several == nil {
		return m.loadCached(r.Context(), r.Cookies, c)
	}
	return m.loadFresh(r.Context(), r.Cookies, c, o)
}

// loadFresh finds the session of a credential and runs both callbacks. It writes
// no cookies: see commit.
func (m *Manager) loadFresh(ctx context.Context, cs *CookieSet, c Credential, o Options) *Session {
	s, err := m.reader.Read(ctx, cs, c)
	if err != nil {
		m.notFound(ctx, s, err)
		return s
	}
	if err := m.refreshIfDue(ctx, cs, s); err != nil {
		m.reject(ctx, s, "refreshing the provider's tokens", err)
		return s
	}
	s.ctx.Start(ctx, guard.Timeout)
	defer s.ctx.Stop()
	changed, err := m.types().JWT(s.ctx, s, o.Params)
	if err == nil && s.Claims.Subject == "" {
		err = errNoSubject
	}
	if err != nil {
		m.reject(s.ctx, s, "the JWT callback", err)
		return s
	}
	save := s.writable() && (changed || m.due(s, o))
	expires := m.currentExpiry(s.Claims)
	if save {
		expires = m.expiry(s.Claims)
	}
	if err := m.types().Session(s.ctx, s, o.Params, expires); err != nil {
		m.reject(s.ctx, s, "the Session callback", err)
		s.Save = s.State == Unavailable && changed && save // what the JWT callback did, such as a rotated token, is not lost
		return s
	}
	s.State, s.Save = Active, save
	return s
}

// due reports whether a session has to be written although its token is as it was.
func (m *Manager) due(s *Session, o Options) bool {
	return m.aged(s.Claims) ||
		m.reader.Store != nil && !s.stored() || // to be adopted
		m.reader.Store == nil && o.FrontEnd && (o.Params != nil || m.sealedFor(s.Claims) >= resealAfter)
}

// notFound sets the state of a session that was not found, or could not be
// looked for.
func (m *Manager) notFound(ctx context.Context, s *Session, err error) {
	switch {
	case ctx.Err() != nil:
		s.State = Unavailable
		m.log.DebugContext(ctx, "nuxtauth: a request ended before its session was looked up", "error", err)
	case isTransient(ctx, err):
		s.State = Unavailable
		guard.Log(ctx, m.log, slog.LevelError, "nuxtauth: a session could not be looked up, it is kept", err)
	default:
		s.State = Expired
		m.log.DebugContext(ctx, "nuxtauth: a session was refused", "error", err)
	}
}

// reject sets the state of a session over an error of a callback or a refresh: it
// has ended, unless the error is temporary.
func (m *Manager) reject(ctx context.Context, s *Session, what string, err error) {
	s.View = nil
	if isTransient(ctx, err) || s.stale { // a stale access token may well be why
		s.State = Unavailable
		guard.Log(ctx, m.log, slog.LevelWarn, "nuxtauth: "+what+" failed, the session is kept", err)
		return
	}
	s.State = Rejected
	m.report(ctx, what, err)
}
