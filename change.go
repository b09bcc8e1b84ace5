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
// is [ErrSignedOut] when there is no session, or no more, and [ErrUnavailable]
// when nobody can tell.
func (a *Auth[T, S]) Update(c *gin.Context, change func(*T) error) error {
	l, err := a.signedIn(c)
	if err != nil {
		return err
	}
	if l.bearer && l.held.record == nil {
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

// signedIn returns what the middleware loaded of a signed-in user.
func (a *Auth[T, S]) signedIn(c *gin.Context) (*loaded[T, S], error) {
	l := a.loaded(c)
	switch {
	case l != nil && l.session != nil:
		return l, nil
	case l != nil && l.kept:
		return nil, ErrUnavailable
	}
	return nil, ErrSignedOut
}

// update applies a change to a session and keeps it. After an error the
// session is as it was.
func (a *Auth[T, S]) update(ctx context.Context, k *kit, h *held[T], change func(*T) error, from client) (*S, error) {
	t := *h.token
	if err := change(&t); err != nil {
		return nil, err
	}
	defaultsOf(&t).keepOurs(defaultsOf(h.token))
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
	defaultsOf(&issued).keepOurs(new(DefaultJWT)) // it may be the token of another session
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
