package nuxtauth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

// SessionKey is the key of the session in the gin.Context: a *S, nil when signed
// out.
const SessionKey = "session"

// Auth is the compiled form of a [Config]. It is safe for concurrent use. Make one
// with [New].
type Auth[T JWT, S Session] struct {
	api      *api.Server
	sessions *session.Manager
	types    *typed[T, S]
}

// Middleware is [New] and [Auth.Handler] in one, for a router that needs no
// more: r.Use(nuxtauth.Middleware(cfg)). It panics when New would return an
// error, so that a wrong configuration does not start.
func Middleware[T JWT, S Session](cfg Config[T, S]) gin.HandlerFunc {
	a, err := New(cfg)
	if err != nil {
		panic(err)
	}
	return a.Handler()
}

// Handler is the middleware, for r.Use on the engine before routes are added.
// It serves the API below the base path, and on every other route loads the
// session into the gin.Context.
func (a *Auth[T, S]) Handler() gin.HandlerFunc {
	return func(c *gin.Context) {
		if path, ok := a.api.Match(c.Request.URL.Path); ok {
			a.api.Serve(c.Writer, c.Request, c, path)
			c.Writer.WriteHeaderNow()
			c.Abort()
			return
		}
		if !a.api.Skips(c.Request) {
			a.load(c)
		}
	}
}

// Register adds the middleware and the API to a route group. Use it where the
// session should be loaded in that group alone: a group's Use does not see the
// API's paths by itself. The base path must lie below the group's path.
func (a *Auth[T, S]) Register(r gin.IRouter) {
	below := ""
	if g, ok := r.(interface{ BasePath() string }); ok {
		below = strings.TrimSuffix(g.BasePath(), "/")
	}
	path, ok := strings.CutPrefix(a.api.Path(), below+"/")
	if !ok {
		panic(fmt.Sprintf("nuxtauth: the base path %q is not below the group %q: set Config.BasePath to %q", a.api.Path(), below, below+"/auth"))
	}
	r.Use(a.Handler())
	r.Any("/"+path+"/*action", func(*gin.Context) {}) // served by the middleware
}

// load puts the session of an ordinary request into the gin.Context, once.
func (a *Auth[T, S]) load(c *gin.Context) {
	site, err := a.api.Site(c.Request)
	if err != nil {
		c.Set(SessionKey, (*S)(nil))
		return
	}
	r := site.SessionRequest(c.Request, c, c.Writer.Header())
	credential, ok := session.ReadCredential(r)
	if !ok {
		c.Set(SessionKey, (*S)(nil))
		return
	}
	if a.session(c) == nil {
		s, _ := a.sessions.Get(r, credential, session.Options{}) // after an error s is what other requests have left
		a.set(c, s)
	}
}

// set makes s the session of the request.
func (a *Auth[T, S]) set(c *gin.Context, s *session.Session) {
	s.Owner = c
	view, _ := s.View.(*S)
	c.Set(a, s)
	c.Set(SessionKey, view)
}

// session returns what the middleware has loaded for the request, nil if nothing.
func (a *Auth[T, S]) session(c *gin.Context) *session.Session {
	if v, ok := c.Get(a); ok {
		return v.(*session.Session)
	}
	return nil
}

// Session returns the session of the request, nil when signed out.
func (a *Auth[T, S]) Session(c *gin.Context) *S {
	if s := a.session(c); s != nil {
		view, _ := s.View.(*S)
		return view
	}
	return nil
}

// Token returns the token of the request, nil when signed out. It never reaches
// the browser, and changes to it are saved only by [Auth.Update].
func (a *Auth[T, S]) Token(c *gin.Context) *T {
	if s := a.session(c); s != nil && s.View != nil {
		return s.Token.(*T)
	}
	return nil
}

// SessionFrom returns the session that the middleware put into c, nil when
// signed out. It panics when the middleware did not run, or holds sessions of
// another type.
func SessionFrom[S Session](c *gin.Context) *S {
	v, ok := c.Get(SessionKey)
	if !ok {
		panic("nuxtauth: there is no session in the gin.Context: add r.Use(nuxtauth.Middleware(cfg)) before this route, and check Config.Skip")
	}
	s, ok := v.(*S)
	if !ok {
		panic(fmt.Sprintf("nuxtauth: the gin.Context holds a session of type %T, and SessionFrom was asked for %T: use the type of your Config", v, s))
	}
	return s
}

// Require returns a middleware that aborts requests without a session and those
// for which a predicate returns false. It answers 401, or leads a browser that
// opens a page to the sign-in page; 403 when a predicate says no; 503 when the
// session could not be checked ([ErrUnavailable]).
func (a *Auth[T, S]) Require(allow ...func(*S) bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		s, err := a.signedIn(c)
		switch {
		case errors.Is(err, ErrUnavailable):
			c.Header("Retry-After", "5")
			a.api.Refuse(c.Writer, c.Request, http.StatusServiceUnavailable, "SessionUnavailable", "The session could not be checked. Try again soon.")
			c.Abort()
		case err != nil:
			a.api.AskToSignIn(c.Writer, c.Request)
			c.Abort()
		default:
			for _, ok := range allow {
				if !ok(s.View.(*S)) {
					a.api.Refuse(c.Writer, c.Request, http.StatusForbidden, "AccessDenied", "You may not do this.")
					c.Abort()
					return
				}
			}
		}
	}
}

// signedIn returns what the middleware loaded of a signed-in user.
func (a *Auth[T, S]) signedIn(c *gin.Context) (*session.Session, error) {
	s := a.session(c)
	switch {
	case s != nil && s.View != nil:
		return s, nil
	case s != nil && s.State == session.Unavailable:
		return nil, ErrUnavailable
	}
	return nil, ErrSignedOut
}

// request returns the request for the session manager. The response of a copied
// context can't be written.
func (a *Auth[T, S]) request(c *gin.Context) (session.Request, error) {
	site, err := a.api.Site(c.Request)
	if err != nil {
		return session.Request{}, err
	}
	var header http.Header
	if !a.copied(c) {
		header = c.Writer.Header()
	}
	return site.SessionRequest(c.Request, c, header), nil
}

// copied reports whether c is a copy of the context that its session was loaded for.
func (a *Auth[T, S]) copied(c *gin.Context) bool {
	s := a.session(c)
	return s != nil && s.Owner != any(c)
}
