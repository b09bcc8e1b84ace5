package nuxtauth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

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

// Auth is the compiled form of a [Config]. It is safe for concurrent use. Make one
// with [New].
type Auth[T JWT, S Session] struct {
	api      *api.Server
	sessions *session.Manager
	types    *typed[T, S]
}

// New checks cfg and makes an [Auth] of it. It reports every mistake of cfg at
// once, each with what to write instead.
func New[T JWT, S Session](cfg Config[T, S]) (*Auth[T, S], error) {
	log, now := cfg.Logger, cfg.Now
	if log == nil {
		log = slog.Default()
	}
	if now == nil {
		now = time.Now
	}
	cfg = cfg.guarded(log)
	problems := []error{checkTypes[T, S](log)}
	protocol, err := cfg.Protocol.protocol()
	problems = append(problems, err)
	if err != nil {
		protocol = api.NextAuth // to look for further mistakes
	}
	realm := cfg.Cookies.realm(protocol)
	times := cfg.Session.withDefaults()
	problems = append(problems, times.check())
	providerTokens := providerTokensOf(new(T)) != nil
	abilities, err := session.NewAbilities(log, session.Storage{
		Store: cfg.Session.Store, DenyList: cfg.Session.DenyList, Adopt: cfg.Session.AdoptCookies, ProviderTokens: providerTokens,
	})
	problems = append(problems, err)
	secrets, err := secretsOf("Config", cfg.Secret, cfg.OldSecrets)
	problems = append(problems, err)
	var plain, secure session.CookieSet
	if len(secrets) > 0 {
		var errPlain, errSecure error
		plain, errPlain = api.NewCookieSet(protocol, cookie.Defaults(realm, false), cfg.Cookies.Domain, cfg.Session.Codec, secrets)
		secure, errSecure = api.NewCookieSet(protocol, cookie.Defaults(realm, true), cfg.Cookies.Domain, cfg.Session.Codec, secrets)
		problems = append(problems, errPlain, errSecure)
	}
	site, err := siteOf(cfg.URL, cfg.BasePath, cfg.TrustHost, cfg.TrustedOrigins)
	problems = append(problems, err)
	pages, err := page.New(page.Theme(cfg.Theme))
	problems = append(problems, err, cfg.Pages.check(), cfg.SignInLimit.check(), cfg.SignInLimit.checkFields(cfg.Providers))
	checked, err := checkProviders(cfg.Providers, abilities)
	problems = append(problems, err)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	providers, err := api.NewProviders(checked, flow.Config{HTTPClient: cfg.HTTPClient, Now: now})
	if err != nil {
		return nil, err
	}

	types := newTyped(log, cfg.Callbacks)
	clients := clientip.New(trustsAnyProxy)
	sessions := session.New(session.Config{
		Types: types, SignedOut: signedOutEvent[T](cfg.Events.SignOut), Abilities: abilities, Realm: realm,
		Lifetime: session.Lifetime{MaxAge: times.MaxAge, MaxLifetime: times.MaxLifetime, UpdateAge: times.UpdateAge},
		CacheFor: times.CacheFor, Providers: providers, Clients: clients, Log: log, Now: now,
	})
	return &Auth[T, S]{types: types, sessions: sessions, api: api.New(api.Config{
		Routes: routes, Protocol: protocol, Site: site, HTTP: &plain, HTTPS: &secure, CSRF: origin.NewCSRF(secrets...),
		Sessions: sessions, Providers: providers, Callbacks: apiCallbacks(cfg.Callbacks, cfg.Events),
		Limit: cfg.SignInLimit.compile(log), Counter: abilities.Counter, Pages: pages, CustomPages: api.CustomPages(cfg.Pages),
		Skip: cfg.Skip, LogoutReplay: abilities.LogoutReplay(now),
		RecordOrigin: recordsOrigin(abilities, providerTokens, checked), Realm: realm,
		Clients: clients, Log: log, Now: now,
	})}, nil
}

// Handler is the middleware, for r.Use on the engine before routes are added.
// It serves the API below the base path, and on every other route loads the
// session into the gin.Context.
func (a *Auth[T, S]) Handler() gin.HandlerFunc {
	return func(c *gin.Context) {
		if rest, ok := a.api.Match(c.Request.URL.Path); ok && (a.api.HasAction(rest) || !a.hasRoute(c)) {
			a.api.Serve(c.Writer, c.Request, c, rest)
			c.Writer.WriteHeaderNow()
			c.Abort()
			return
		}
		if !a.api.Skips(c.Request) {
			a.load(c)
		}
	}
}

// hasRoute reports whether the router has a route of the application for a request to
// the base path or below it: one that begins with it, and not one for any path.
func (a *Auth[T, S]) hasRoute(c *gin.Context) bool {
	route, ok := strings.CutPrefix(c.FullPath(), a.api.Path())
	return ok && (route == "" || route[0] == '/' && route != "/"+anyAction)
}

// anyAction is the route of the API in [Auth.Register], below the base path.
const anyAction = "*nuxtauth"

// Register adds the middleware and the API to a route group. Use it where the
// session should be loaded in that group alone: a group's Use does not see the
// API's paths by itself. The base path must lie below the group's path, and the group
// can have no routes of the application below the base path.
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
	r.Any("/"+path+"/"+anyAction, func(*gin.Context) {}) // served by the middleware
}

// SessionKey is the key of the session in the gin.Context: a *S, nil when signed
// out.
const SessionKey = "session"

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
	if s := a.session(c); s != nil && s.Active() {
		return s.Token.(*T)
	}
	return nil
}

// SessionFrom returns the session that the middleware put into c, nil when
// signed out. It panics if the middleware did not run, or has another session type.
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

// Require returns a middleware that aborts requests without a session, and those
// for which a function of allow returns false. The response is 401, or a redirect to
// the sign-in page if a browser opens a page; 403 if a function returned false; 503
// if the session could not be checked ([ErrUnavailable]).
func (a *Auth[T, S]) Require(allow ...func(*S) bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		s, err := a.signedIn(c)
		switch {
		case errors.Is(err, ErrUnavailable):
			c.Header("Retry-After", "5")
			a.api.Deny(c.Writer, c.Request, http.StatusServiceUnavailable, "SessionUnavailable", "The session could not be checked. Try again soon.")
			c.Abort()
		case err != nil:
			a.api.DenySignedOut(c.Writer, c.Request)
			c.Abort()
		default:
			for _, ok := range allow {
				if !ok(s.View.(*S)) {
					a.api.Deny(c.Writer, c.Request, http.StatusForbidden, "AccessDenied", "You may not do this.")
					c.Abort()
					return
				}
			}
		}
	}
}

// load puts the session of an ordinary request into the gin.Context, once: the
// middleware may stand in the chain twice. It looks for a credential first, which
// most requests do not have.
func (a *Auth[T, S]) load(c *gin.Context) {
	base, err := a.api.Base(c.Request)
	if err != nil {
		c.Set(SessionKey, (*S)(nil))
		return
	}
	r := base.SessionRequest(c.Request, c, c.Writer.Header())
	credential, ok := session.ReadCredential(r)
	if !ok {
		c.Set(SessionKey, (*S)(nil))
		return
	}
	if a.session(c) == nil {
		s, _ := a.sessions.Load(r, credential, session.Options{}) // after an error s is what other requests have left
		a.set(c, s)
	}
}

// set makes s the session of the request.
func (a *Auth[T, S]) set(c *gin.Context, s *session.Session) {
	view, _ := s.View.(*S)
	c.Set(a, s)
	c.Set(SessionKey, view)
}

// session returns what was loaded for the request, nil if that is nothing: without a
// credential, or without the middleware.
func (a *Auth[T, S]) session(c *gin.Context) *session.Session {
	if v, ok := c.Get(a); ok {
		return v.(*session.Session)
	}
	return nil
}

// signedIn returns the session of a signed-in user. The error is [ErrUnavailable] or
// [ErrSignedOut].
func (a *Auth[T, S]) signedIn(c *gin.Context) (*session.Session, error) {
	s := a.session(c)
	switch {
	case s != nil && s.Active():
		return s, nil
	case s != nil && s.State == session.Unavailable:
		return nil, ErrUnavailable
	}
	return nil, ErrSignedOut
}

// request returns the request for the session manager. No cookie can be written
// from a copy of the context, nor once the response has begun.
func (a *Auth[T, S]) request(c *gin.Context) (session.Request, error) {
	base, err := a.api.Base(c.Request)
	if err != nil {
		return session.Request{}, err
	}
	var header http.Header
	if !copied(c) && !c.Writer.Written() {
		header = c.Writer.Header()
	}
	return base.SessionRequest(c.Request, c, header), nil
}

// copied reports whether c is a copy of the context of a request, as goroutines need
// it: gin's Copy takes the response away from the writer.
func copied(c *gin.Context) bool {
	w, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter })
	return ok && w.Unwrap() == nil
}

// trustsAnyProxy reports whether gin accepts the header X-Forwarded-For from any
// address, as it does until SetTrustedProxies is called. It tries a request from an
// address for documentation (RFC 5737), which no proxy has.
func trustsAnyProxy(src clientip.Source) bool {
	c, ok := src.(*gin.Context)
	if !ok {
		return false
	}
	probe := c.Copy()
	probe.Request = &http.Request{RemoteAddr: "192.0.2.1:1", Header: http.Header{"X-Forwarded-For": {"192.0.2.2"}}}
	return probe.ClientIP() == "192.0.2.2"
}
