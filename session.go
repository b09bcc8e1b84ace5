package nuxtauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/store"
)

// loading says how a session is asked for.
type loading struct {
	trigger Trigger
	update  Update
	renew   bool // seal a token in a cookie anew in any case
}

// loaded is what a request has of a session, and what is to become of it.
type loaded[T JWT, S Session] struct {
	token   *T // both nil when signed out
	session *S
	held    *held[T] // nil when none was found, or its place did not answer

	value   string         // of the cookie, or of the Authorization header
	present cookie.Present // the session's cookies in the request
	bearer  bool           // the token came in the Authorization header
	of      *gin.Context   // the context that it was loaded for, not a copy
	kept    bool           // a passing fault: signed out for this request alone
	ended   bool           // the session is over: clear the cookies
	renew   bool           // keep held anew
	stale   bool           // the provider's tokens could not be refreshed
	room    *room[T]       // for held, not yet in use
}

// A room is where a request puts the session that it finds.
type room[T JWT] struct {
	held  held[T]
	token T
}

// withRoom makes room for what l will find, in one piece of memory with l: this
// happens at every request.
func (l loaded[T, S]) withRoom() *loaded[T, S] {
	var whole struct {
		loaded[T, S]
		room room[T]
	}
	whole.loaded = l
	whole.loaded.room = &whole.room
	return &whole.loaded
}

// obtain loads the session that a request carries and writes the cookies that
// follow from it. Every request for session data comes through here.
func (a *Auth[T, S]) obtain(c *gin.Context, k *kit, carried loaded[T, S], how loading) *loaded[T, S] {
	ctx := c.Request.Context()
	var l *loaded[T, S]
	if a.cache != nil && !how.renew && !carried.ended {
		l = a.loadOnce(c, k, carried)
	} else {
		l = carried.withRoom()
		a.load(ctx, k, l, how)
	}
	err := a.settle(c, k, l)
	for n := 0; errors.Is(err, store.ErrConflict) && n < maxConflicts; n++ {
		// Another request changed the session meanwhile. The callbacks see what it left.
		l = carried.withRoom()
		a.load(ctx, k, l, how)
		err = a.settle(c, k, l)
	}
	if errors.Is(err, store.ErrNotFound) { // ended meanwhile: a renewal must not bring it back
		l.token, l.session, l.held, l.ended, l.renew = nil, nil, nil, !l.bearer, false
		err = a.settle(c, k, l)
	}
	if err != nil {
		a.log.ErrorContext(ctx, "nuxtauth: the session could not be renewed, it stays as it was", "error", err)
	}
	return l
}

// read looks for what a request carries of a session: its cookies, or a Bearer
// token.
func (a *Auth[T, S]) read(ctx context.Context, k *kit, h http.Header) (l loaded[T, S], ok bool) {
	var err error
	if l.value, l.present, err = k.session.Read(h); err != nil {
		a.log.DebugContext(ctx, "nuxtauth: unreadable session cookies", "error", err)
		l.ended = true
		return l, true
	}
	if l.value == "" && l.present == 0 {
		l.value = bearer(h)
		l.bearer = true
	}
	return l, l.value != "" || l.present != 0
}

// load finds the session that a request carries and runs the JWT and Session
// callbacks. It writes no cookies: see settle.
func (a *Auth[T, S]) load(ctx context.Context, k *kit, l *loaded[T, S], how loading) {
	if l.ended {
		return
	}
	l.room.held.token = &l.room.token
	err := a.findInto(ctx, k, l.value, &l.room.held)
	if err != nil {
		a.notFound(ctx, l, err)
		return
	}
	l.held = &l.room.held
	if l.stale, err = a.freshen(ctx, k, l.held, l.bearer); err != nil {
		a.failed(ctx, l, "refreshing the provider's tokens", err)
		return
	}
	before := l.held.token
	if a.callbacks.JWT != nil {
		before = a.snapshot(before)
		defer a.dropSnapshot(before)
	}
	t, err := a.callbacks.jwt(ctx, JWTParams[T]{Token: l.held.token, Trigger: how.trigger, Update: how.update})
	if err == nil && defaultsOf(t).Subject == "" {
		err = errNoSubject
	}
	if err != nil {
		a.failed(ctx, l, "the JWT callback", err)
		return
	}
	defaultsOf(t).keepOurs(defaultsOf(before))
	l.held.token = t
	due := a.aged(t) || how.renew && a.store == nil || a.store != nil && l.held.record == nil
	renew := due || a.changed(t, before, l.held.claims)
	s, err := a.callbacks.session(ctx, SessionParams[T, S]{
		Session: a.newSession(t, renew), Token: t, Trigger: how.trigger, Update: how.update,
	})
	if err != nil {
		a.failed(ctx, l, "the Session callback", err)
		// What the JWT callback did, such as a rotated token, is not lost.
		l.renew = l.kept && keeps(l, t) && a.changed(t, before, l.held.claims)
		return
	}
	l.token, l.session = t, s
	l.renew = renew && keeps(l, t)
}

// snapshot returns a copy of a token, in which nothing changes when a callback
// changes the token. Give it back to dropSnapshot.
func (a *Auth[T, S]) snapshot(t *T) *T {
	s, ok := a.snapshots.Get().(*T)
	if !ok {
		s = new(T)
	}
	*s = *t
	d := defaultsOf(s)
	d.Extra = bytes.Clone(d.Extra)
	if a.claims.Comparable() {
		a.claims.Detach(s)
	}
	return s
}

func (a *Auth[T, S]) dropSnapshot(s *T) {
	*s = *new(T)
	a.snapshots.Put(s)
}

// changed tells whether the JWT callback left the token other than it was
// before, with these claims.
func (a *Auth[T, S]) changed(t, before *T, claims string) bool {
	if a.callbacks.JWT == nil {
		return false
	}
	if a.claims.Comparable() {
		d, was := defaultsOf(t), defaultsOf(before)
		return d.Name != was.Name || d.Email != was.Email || d.Picture != was.Picture || d.Subject != was.Subject ||
			!bytes.Equal(d.Extra, was.Extra) || !a.claims.Equal(t, before)
	}
	room := a.lend()
	defer a.rooms.Put(room)
	b, err := encode(*room, a.claims, t)
	*room = b[:0]
	return err != nil || string(b) != claims // an error comes up again, and into the log, when it is kept
}

// keeps tells whether a session can be kept anew, with the token t. A Bearer
// token has no cookie to write: a sealed one can't be, and a handle only as long
// as it stays the same.
func keeps[T JWT, S Session](l *loaded[T, S], t *T) bool {
	return !l.bearer || l.held.record != nil && l.held.record.Subject == defaultsOf(t).Subject
}

// keepOurs puts back what a callback may not change.
func (d *DefaultJWT) keepOurs(given *DefaultJWT) {
	d.IssuedAt, d.ExpiresAt, d.NotBefore, d.ID = given.IssuedAt, given.ExpiresAt, given.NotBefore, given.ID
	d.Origin = given.Origin
}

// notFound is for a request whose cookie leads to no session, or not now.
func (a *Auth[T, S]) notFound(ctx context.Context, l *loaded[T, S], err error) {
	switch {
	case ctx.Err() != nil:
		l.kept = true
		a.log.DebugContext(ctx, "nuxtauth: a request ended before its session was looked up", "error", err)
	case isPassing(ctx, err):
		l.kept = true
		a.log.ErrorContext(ctx, "nuxtauth: a session could not be looked up, it is kept", "error", err)
	default:
		a.log.DebugContext(ctx, "nuxtauth: a session was refused", "error", err)
		l.ended = !l.bearer
	}
}

// failed decides what an error of a callback does: it ends the session, unless
// it is a passing fault.
func (a *Auth[T, S]) failed(ctx context.Context, l *loaded[T, S], what string, err error) {
	if isPassing(ctx, err) || l.stale { // a stale access token may well be why
		l.kept = true
		a.log.WarnContext(ctx, "nuxtauth: "+what+" failed, the session is kept", "error", err)
		return
	}
	l.ended = true
	a.report(ctx, what, err)
}

// isPassing tells a fault that will pass from the end of a session.
func isPassing(ctx context.Context, err error) bool {
	var keep *keepError
	return errors.As(err, &keep) || ctx.Err() != nil
}

// settle ends or keeps the session as l says, and writes the cookies into the
// response header; none when it fails.
func (a *Auth[T, S]) settle(c *gin.Context, k *kit, l *loaded[T, S]) error {
	ctx, h := c.Request.Context(), c.Writer.Header()
	if l.ended {
		if l.held != nil {
			if err := a.end(ctx, l.held); err != nil {
				a.log.ErrorContext(ctx, "nuxtauth: a session that is over could not be ended for copies of its cookie", "error", err)
			}
		}
		if !l.bearer {
			k.session.Clear(h, l.present)
		}
		return nil
	}
	if l.renew {
		if err := a.keep(ctx, k, l.held, a.sender(c)); err != nil {
			return err
		}
	}
	if l.held == nil || l.held.expires.IsZero() || l.bearer {
		return nil
	}
	return a.setCookie(h, k, l.present, l.held)
}

// setCookie writes the cookie of a session that was kept into the header of an
// answer of the application.
func (a *Auth[T, S]) setCookie(h http.Header, k *kit, present cookie.Present, s *held[T]) error {
	err := k.session.Write(h, present, s.value, s.expires)
	if errors.Is(err, cookie.ErrTooLarge) {
		err = ErrTokenTooLarge
	}
	if err != nil {
		return fmt.Errorf("nuxtauth: the cookie of %q: %w", defaultsOf(s.token).Subject, err)
	}
	// A handler that knows better can still set its own headers.
	h.Set("Cache-Control", "private, no-cache, no-store")
	h.Add("Vary", "Cookie")
	return nil
}

// newSession makes the session that the Session callback starts from.
func (a *Auth[T, S]) newSession(t *T, renew bool) *S {
	s := new(S)
	user, expires := sessionDefaults(s)
	*expires = ISOTime(defaultsOf(t).ExpiresAt.Time())
	if renew {
		*expires = ISOTime(a.expiry(t))
	}
	d := defaultsOf(t)
	a.user.Set(user, d.Name, d.Email, d.Picture)
	return s
}

// sessionDefaults are the user of a session, as a pointer, and its expiry.
func sessionDefaults[S Session](s *S) (user any, expires *ISOTime) {
	return any(s).(interface{ defaultSession() (any, *ISOTime) }).defaultSession()
}

func defaultsOf[T JWT](t *T) *DefaultJWT {
	return any(t).(interface{ defaultJWT() *DefaultJWT }).defaultJWT()
}

// bearer returns the token of an Authorization header (RFC 6750 §2.1), "" when
// there is none. As in Auth.js it may be percent-encoded.
func bearer(h http.Header) string {
	lines := h["Authorization"] // not Get, which costs a signed-out request a tenth of our time
	if len(lines) == 0 {
		return ""
	}
	scheme, value, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	value, err := url.PathUnescape(strings.TrimSpace(value))
	if err != nil {
		return ""
	}
	return value
}
