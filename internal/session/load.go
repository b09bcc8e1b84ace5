package session

import (
	"context"
	"errors"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/store"
)

const (
	// maxConflicts is how often a session is loaded because another request has
	// changed it meanwhile.
	maxConflicts = 6

	// resealAfter is the age from which a front end's request for session data seals
	// a token in a cookie anew. A younger one stays: the response may arrive after
	// that of a sign-out, and would bring the session back.
	resealAfter = time.Minute

	// foreignWarnEvery is how often the log says at most that a cookie is another application's.
	foreignWarnEvery = time.Minute
)

// Options say how a session is asked for. The zero value is that of an ordinary
// request.
type Options struct {
	Params *Params // of the callbacks; nil for a request for session data

	// FrontEnd says that a front end asks for the session: the callbacks run
	// whatever the cache has, and a token in a cookie is sealed anew.
	FrontEnd bool

	// Reload says that the session is read and the callbacks run whatever the cache has.
	// Another process may have ended the session.
	Reload bool
}

// Load loads the session of a credential, runs the callbacks, and writes what
// follows from it: to the store and the deny-list, and to the cookies of the
// response. The error is [store.ErrConflict] if other requests kept changing the
// session, which then is as they left it. Every other error has been logged, and
// the session is what could be loaded.
func (m *Manager) Load(r Request, c Credential, o Options) (*Session, error) {
	if m.observe == nil {
		return m.loadAndCommit(r, c, o)
	}
	ctx, end := m.observe.Start(r.Context(), observe.Operation{Name: observe.Load})
	r.Request = r.Request.WithContext(ctx)
	s, err := m.loadAndCommit(r, c, o)
	outcome := err
	switch {
	case err != nil:
	case s.State == Unavailable:
		outcome = ErrUnavailable // why was logged
	case s.isOver():
		outcome = ErrSignedOut
	}
	end.Done(&outcome)
	return s, err
}

// loadAndCommit is Load, whether it is observed or not.
func (m *Manager) loadAndCommit(r Request, c Credential, o Options) (*Session, error) {
	s, err := m.load(r, c, o)
	for s.isOver() && s.isFound() { // a cookie with the same name and another value may be valid
		m.endRejected(r.Context(), s)
		rest, ok := c.without(s.credential.Value)
		if !ok {
			break
		}
		c = rest
		s, err = m.load(r, c, o)
	}
	if e := m.commit(r, s); e != nil {
		m.log.ErrorContext(r.Context(), "nuxtauth: the cookie of a session could not be written", "error", e)
	}
	if o.Params != nil && o.Params.Trigger == TriggerUpdate && s.Active() && err == nil {
		m.updated(r, s, true)
	}
	return s, err
}

// commit writes what a session that was loaded means for the cookies of the response.
func (m *Manager) commit(r Request, s *Session) error {
	if s.isOver() {
		m.clear(r, s.credential)
		return nil
	}
	return m.setCookie(r, s)
}

func (m *Manager) load(r Request, c Credential, o Options) (*Session, error) {
	if m.cache != nil && !o.FrontEnd && !o.Reload && c.Value != "" && c.several == nil {
		return m.loadCached(r, c)
	}
	s, err := m.loadAndSave(r.Context(), r.Cookies, c, o, func() clientip.Client { return m.client(r) })
	if s.isOver() {
		m.cache.delete(c.Value)
	}
	return s, err
}

// loadAndSave is loadFresh, and writes the session where it has to be written. Its
// error is that of Load.
func (m *Manager) loadAndSave(ctx context.Context, cs *CookieSet, c Credential, o Options, from func() clientip.Client) (*Session, error) {
	var s *Session
	var err error
	for range maxConflicts { // the callbacks see what the other request has left
		s = m.loadFresh(ctx, cs, c, o, from)
		if !s.save {
			return s, nil
		}
		err = m.save(ctx, cs, s, from())
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, store.ErrConflict) || errors.Is(err, errAdopting) {
			break
		}
	}
	if s.Active() {
		m.types().SetExpires(s, m.lifetime.currentExpiry(s.Claims))
	}
	switch {
	case errors.Is(err, store.ErrConflict): // also errAdopting: the request goes on with the sealed token
		m.log.DebugContext(ctx, "nuxtauth: the session was not renewed, because other requests kept changing it", "error", err)
		return s, err
	case errors.Is(err, ErrSignedOut):
		// It has ended meanwhile: a renewal must not bring it back. The response of
		// the request that ended it, or else the next one, clears the cookie.
		over := &Session{State: Expired, credential: s.credential, value: s.value}
		over.credential.Present = 0
		return over, nil
	}
	m.log.ErrorContext(ctx, "nuxtauth: the session could not be renewed, it stays as it was", "error", err)
	return s, nil
}

// loadFresh finds the session of a credential and runs both callbacks. It writes
// nothing of what they change.
func (m *Manager) loadFresh(ctx context.Context, cs *CookieSet, c Credential, o Options, from func() clientip.Client) *Session {
	s, err := m.reader.Read(ctx, cs, c)
	if err != nil {
		m.notFound(ctx, s, err)
		m.warnOfForeign(ctx, cs, s, err)
		return s
	}
	if err := m.refreshIfDue(ctx, cs, s, from); err != nil {
		m.reject(ctx, s, "nuxtauth: refreshing the provider's tokens failed", err)
		return s
	}
	if c.refresh != nil && !m.rotate(s, c.refresh) {
		s.State = Rejected
		m.log.WarnContext(ctx, "nuxtauth: a refresh token came again after it was replaced: it may be stolen, and its session ends", "session", s.ID(), "provider", s.Claims.Origin.Provider)
		return s
	}
	s.ctx.Start(ctx, guard.Timeout)
	defer s.ctx.Stop()
	changed, err := m.types().JWT(s.ctx, s, o.Params)
	if err == nil && s.Claims.Subject == "" {
		err = errNoSubject
	}
	if err != nil {
		m.reject(s.ctx, s, "nuxtauth: the JWT callback failed", err)
		return s
	}
	save := s.writable() && (changed || m.isDue(s, o))
	expires := m.lifetime.currentExpiry(s.Claims)
	if save {
		expires = m.lifetime.expiry(s.Claims, m.now())
	}
	if err := m.types().Session(s.ctx, s, o.Params, expires); err != nil {
		m.reject(s.ctx, s, "nuxtauth: the Session callback failed", err)
		s.save = s.State == Unavailable && changed && save // what the JWT callback did, such as a rotated token, is not lost
		return s
	}
	s.State, s.save = Active, save
	return s
}

// isDue reports whether a session has to be written although its token is as it was.
func (m *Manager) isDue(s *Session, o Options) bool {
	age := m.age(s.Claims)
	return age >= m.lifetime.updateAge(s.Claims) || s.rotated ||
		m.store != nil && !s.stored() || // to be adopted
		m.store == nil && o.FrontEnd && (o.Params != nil || age >= resealAfter)
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
		m.log.ErrorContext(ctx, "nuxtauth: a session could not be looked up, it is kept", "error", err)
	default:
		s.State = Expired
		m.log.DebugContext(ctx, "nuxtauth: a session was refused", "error", err)
	}
}

// warnOfForeign logs, at most once in foreignWarnEvery, that another application has made
// the cookie of a session: browsers send the cookies of a host to each of its ports.
func (m *Manager) warnOfForeign(ctx context.Context, cs *CookieSet, s *Session, err error) {
	if _, ok := errors.AsType[*foreignError](err); !ok || s.credential.Present == 0 {
		return
	}
	now, last := m.now(), m.warnedAt.Load()
	if last != nil && now.Sub(*last) < foreignWarnEvery || !m.warnedAt.CompareAndSwap(last, &now) {
		return
	}
	m.log.WarnContext(ctx, "nuxtauth: the cookie of a session is not one of this application: if another application on this host has set it, such as one at another port of localhost, give one of them another Cookies.Prefix; if the secret has changed, list the former one in Config.OldSecrets",
		"cookie", cs.Session.Cookie.Name, "error", err)
}

// reject sets the state of a session over an error of a callback or a refresh: it
// has ended, unless the error is temporary.
func (m *Manager) reject(ctx context.Context, s *Session, message string, err error) {
	if isTransient(ctx, err) || s.stale { // a stale access token may well be why
		s.State = Unavailable
		m.log.WarnContext(ctx, message, "error", err, "session", "kept")
		return
	}
	s.State = Rejected
	m.log.WarnContext(ctx, message, "error", err, "session", "ended")
}

// setCookie writes the cookie of a session that was written.
func (m *Manager) setCookie(r Request, s *Session) error {
	if !s.cookieDue || s.credential.Bearer || r.Response == nil {
		return nil
	}
	if err := r.Cookies.Session.Write(r.Response, s.credential.Present, s.value, s.Claims.ExpiresAt.Time()); err != nil {
		return err // not of a value that save has checked
	}
	if s.credential.several != nil && !s.credential.partial() { // another cookie could come first in the next request
		clearOtherScopes(r, s.credential.Present)
	}
	return nil
}
