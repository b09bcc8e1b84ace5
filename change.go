package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/store"
)

// maxConflicts is how often Update starts over when others change the session
// at the same time.
const maxConflicts = 5

// Update changes the token of the signed-in user, runs the Session callback
// anew and writes the cookie to this response, so call it before the body.
// When change or the callback fails, or the token gets too large, the error
// says so and nothing is written. With a store, change runs again on the newer
// token when another request was faster. Maps and slices in the token are
// shared with [Auth.Token]: replace them rather than write into them. The error
// is [ErrSignedOut] when there is no session, or no more.
func (a *Auth[T, S]) Update(c *gin.Context, change func(*T) error) error {
	l := a.loaded(c)
	if l == nil || l.session == nil {
		return ErrSignedOut
	}
	if !a.keeps(l) {
		return errors.New("nuxtauth: a session sent as Authorization: Bearer can't be updated: it has no cookie to write")
	}
	_, k, err := a.place(c.Request)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	now := *l.held
	for range maxConflicts {
		var s *S
		if s, err = a.update(ctx, k, &now, change, a.clients.of(c)); err == nil {
			if !l.bearer {
				err = a.setCookie(c.Writer.Header(), k, l.present, &now)
			}
			if err == nil {
				a.set(c, &loaded[T, S]{token: now.token, session: s, held: &now, present: l.present, bearer: l.bearer})
			}
			return err
		}
		if !errors.Is(err, store.ErrConflict) {
			break
		}
		newer, err := a.find(ctx, k, now.value)
		if err != nil {
			return signedOut(err)
		}
		now = *newer
	}
	return signedOut(err)
}

// update applies a change to a session and keeps it. After an error the
// session is as it was.
func (a *Auth[T, S]) update(ctx context.Context, k *kit, h *held[T], change func(*T) error, from client) (*S, error) {
	t := *h.token
	if err := change(&t); err != nil {
		return nil, err
	}
	defaultsOf(&t).keepOrigin(defaultsOf(h.token))
	s, err := a.callbacks.session(ctx, SessionParams[T, S]{Session: a.newSession(&t, true), Token: &t})
	if err != nil {
		return nil, fmt.Errorf("nuxtauth: session callback: %w", err)
	}
	changed := *h
	changed.token = &t
	if err := a.keep(ctx, k, &changed, from); err != nil {
		return nil, err
	}
	*h = changed
	return s, nil
}

// signedOut makes an [ErrSignedOut] of a session that has ended meanwhile.
func signedOut(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrSignedOut, err)
	}
	return err
}

// SignOut ends the session on this response, so call it before the body.
// Signed out already, it does nothing. An error says that the store or the
// deny-list did not answer: the session goes on, and so does the cookie.
func (a *Auth[T, S]) SignOut(c *gin.Context) error {
	_, k, err := a.place(c.Request)
	if err != nil {
		return err
	}
	_, err = a.signOut(c, k)
	return err
}

// signOut ends the session of a request and clears its cookies. It returns the
// session that there was, if any.
func (a *Auth[T, S]) signOut(c *gin.Context, k *kit) (*held[T], error) {
	ctx := c.Request.Context()
	value, present, _ := k.session.Read(c.Request.Header)
	if l := a.loaded(c); l != nil && l.held != nil {
		value = l.held.value // this response may have changed it
	} else if value == "" && present == 0 {
		value = bearer(c.Request.Header)
	}
	var h *held[T]
	if value != "" {
		var err error
		if h, err = a.find(ctx, k, value); err == nil {
			err = a.end(ctx, h)
		} else if !isPassing(ctx, err) {
			err = nil // there is none
		}
		if err != nil {
			return nil, fmt.Errorf("nuxtauth: the session could not be ended: %w", err)
		}
	}
	k.session.Clear(c.Writer.Header(), present)
	a.set(c, &loaded[T, S]{})
	if h != nil {
		a.report(ctx, "the SignOut event", a.events.signOut(ctx, SignOutEvent[T]{h.token}))
	}
	return h, nil
}

// Issue makes a new session of t and returns the cookies that carry it: for
// tests, and for servers that sign users in by means of their own. The
// callbacks do not run. With TrustHost and no URL the cookies are those of http.
func (a *Auth[T, S]) Issue(ctx context.Context, t *T) ([]*http.Cookie, error) {
	k := &a.http
	if base, _, err := a.place(&http.Request{Header: http.Header{}}); err == nil && base.Secure() {
		k = &a.https
	}
	if t == nil {
		return nil, errors.New("nuxtauth: Issue needs a token")
	}
	issued := *t
	h := &held[T]{token: &issued}
	if err := a.keep(ctx, k, h, client{}); err != nil {
		return nil, err
	}
	header := http.Header{}
	if err := a.setCookie(header, k, 0, h); err != nil {
		return nil, err
	}
	return (&http.Response{Header: header}).Cookies(), nil
}
