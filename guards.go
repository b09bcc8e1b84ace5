package nuxtauth

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// refusing is the key of a request that Config.Refused is answering.
type refusing struct{}

// Require returns a middleware that aborts requests without a session, and those for
// which a function of allow returns false, by [Auth.Refuse] with [ErrSignedOut],
// [ErrForbidden], or [ErrUnavailable] if the session could not be checked. The functions
// run in their order, never with nil; their panics are the router's. Without functions,
// each signed-in user may pass. The guard panics if the middleware did not run on the
// route.
func (a *Auth[T, S]) Require(allow ...func(*S) bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		view := a.required(c)
		for _, ok := range allow {
			if view != nil && !ok(view) {
				a.Refuse(c, ErrForbidden)
				return
			}
		}
	}
}

// RequireRecent returns a middleware that aborts requests without a session as
// [Auth.Require] does, and by [Auth.Refuse] with [ErrNotRecent] those of users who signed
// in longer ago than maxAge, such as 10*time.Minute. Use it for what a stolen session must
// not do, such as to change the password. It takes no session of the cache, so that one that
// another process has ended is refused. It panics if maxAge is below one second.
//
// The time is that of the sign-in here: a provider may send the user back without asking
// for the password again, unless its AuthorizationParams have prompt=login. Never recent
// is a session that a Node server began, one of [Auth.Issue] without Origin.Provider, and
// one of [WithSession].
func (a *Auth[T, S]) RequireRecent(maxAge time.Duration) gin.HandlerFunc {
	if maxAge < time.Second { // 600 without a unit is 0.6 µs
		panic(fmt.Sprintf("nuxtauth: RequireRecent(%v): write a duration with its unit, such as 10*time.Minute", maxAge))
	}
	return func(c *gin.Context) {
		if a.required(c) == nil || a.sessions.Caches() && !a.reload(c) {
			return
		}
		claims := Claims(a.Token(c))
		if claims == nil || claims.Origin.Provider == "" || a.now().Sub(claims.Origin.AuthTime.Time()) > maxAge {
			a.Refuse(c, ErrNotRecent)
		}
	}
}

// required returns the session of the request. Without one it refuses the request and
// returns nil.
func (a *Auth[T, S]) required(c *gin.Context) *S {
	if view := a.Session(c); view != nil {
		if !copied(c) {
			keepGuarded(c.Writer.Header())
		}
		return view
	}
	if _, ok := sessionOfTest[S](c); !ok && a.session(c) == nil {
		panic("nuxtauth: a guard ran without the middleware of its Auth: add r.Use(auth.Middleware()) before this route, and check Config.Skip")
	}
	_, err := a.signedIn(c)
	a.Refuse(c, err)
	return nil
}

// Refuse aborts the request, adds err to c.Errors, and answers, unless the response has
// begun. Guards of the application end with it, so that all guards answer alike. The
// answer depends on what err wraps:
//
//   - [ErrSignedOut], [ErrNotRecent]: 401, or a redirect to the sign-in page if a browser
//     opens a page or posts a form; it leads back to the page, or to that of the form;
//   - [ErrUnavailable]: 503;
//   - [ErrForbidden], any other error, nil: 403.
//
// Such a browser gets an HTML page, a program a JSON object with a message.
// Config.Refused replaces these answers; where it calls Refuse itself, the built-in ones
// come.
func (a *Auth[T, S]) Refuse(c *gin.Context, err error) {
	if err == nil {
		err = ErrForbidden
	}
	_, nested := c.Get(refusing{})
	if !nested {
		_ = c.Error(err)
	}
	c.Abort()
	if copied(c) || c.Writer.Written() {
		return
	}
	status := http.StatusForbidden
	switch {
	case errors.Is(err, ErrUnavailable):
		status = http.StatusServiceUnavailable
		c.Header("Retry-After", "5")
	case errors.Is(err, ErrNotRecent), errors.Is(err, ErrSignedOut):
		status = http.StatusUnauthorized
	}
	if a.refused != nil && !nested {
		c.Set(refusing{}, true)
		c.Status(status)
		a.refused(c, err)
		return
	}
	switch {
	case status == http.StatusServiceUnavailable:
		a.api.Deny(c.Writer, c.Request, status, CodeSessionUnavailable, "The session could not be checked. Try again soon.")
	case status == http.StatusForbidden:
		a.api.Deny(c.Writer, c.Request, status, CodeAccessDenied, "You may not do this.")
	case errors.Is(err, ErrNotRecent):
		a.api.DenySignedOut(c.Writer, c.Request, "Sign in again to do this.", `Bearer error="insufficient_user_authentication"`) // RFC 9470 §3
	default:
		a.api.DenySignedOut(c.Writer, c.Request, "Sign in first.", "")
	}
}
