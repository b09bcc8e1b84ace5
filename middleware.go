package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

// Middleware is [New] and [Auth.Middleware] in one, for a router that needs no
// more: r.Use(nuxtauth.Middleware(cfg)). It panics when New would return an
// error, so that a wrong configuration does not start.
func Middleware[T TokenType, S SessionType](cfg Config[T, S]) gin.HandlerFunc {
	a, err := New(cfg)
	if err != nil {
		panic(err)
	}
	return a.Middleware()
}

// Auth is the compiled form of a [Config]. It is safe for concurrent use. Make one
// with [New].
type Auth[T TokenType, S SessionType] struct {
	api      *api.Server
	sessions *session.Manager
	users    *account.Accounts // nil without Config.Accounts
	types    *typed[T, S]
	refused  func(*gin.Context, error) // Config.Refused
	now      func() time.Time
}

// none is the session of requests without a credential.
var none = new(session.Session)

// New checks cfg and makes an [Auth] of it. It reports every mistake of cfg at
// once, each with what to write instead: see [ConfigErrors]. New reads the environment
// where cfg leaves out the secret, the URL, or the ID, secret and issuer of a provider. It
// makes no request to a provider: that begins with the first sign-in.
func New[T TokenType, S SessionType](cfg Config[T, S]) (*Auth[T, S], error) {
	log, now := cfg.Logger, cfg.Now
	if log == nil {
		log = slog.Default()
	}
	if now == nil {
		now = time.Now
	}
	cfg = cfg.guarded(log)
	observe := observeFunc(log, cfg.Observe)
	var problems mistakes
	problems.add("", checkTypes[T, S](log))
	protocol, err := cfg.Protocol.protocol()
	problems.add("Protocol", err)
	if err != nil {
		protocol = api.NextAuth // to look for further mistakes
	}
	realm := cfg.Cookies.realm(protocol)
	times := cfg.Session.withDefaults()
	problems.add("Session", times.check("Session"))
	providerTokens := providerTokensOf(new(T)) != nil
	abilities, err := session.NewAbilities(log, session.Storage{
		Store: cfg.Session.Store, DenyList: cfg.Accounts.denyList(cfg.Session), Adopt: cfg.Session.AdoptCookies,
		ProviderTokens: providerTokens, Users: cfg.Accounts.Store != nil,
	})
	problems.add("Session", err)
	secrets, err := secretsOf("Config", cfg.Secret, cfg.OldSecrets)
	problems.add("Secret", err)
	var plain, secure session.CookieSet
	if len(secrets) > 0 {
		plain, err = api.NewCookieSet(protocol, cfg.Cookies.names(protocol, false), cfg.Cookies.Domain, cfg.Session.Codec, secrets)
		problems.add("Cookies", err)
		plainErr := err
		secure, err = api.NewCookieSet(protocol, cfg.Cookies.names(protocol, true), cfg.Cookies.Domain, cfg.Session.Codec, secrets)
		if plainErr == nil { // most are the same
			problems.add("Cookies", err)
		}
	}
	site, err := siteOf(origin.Config{
		URL: cfg.URL, BasePath: cfg.BasePath, TrustHost: cfg.TrustHost, TrustedOrigins: cfg.TrustedOrigins,
		TrustOrigin: cfg.TrustOrigin, Debug: gin.IsDebugging(),
	})
	problems.add("URL", err)
	if err == nil {
		problems.add("Cookies", cfg.Cookies.check(site))
	}
	pages, err := page.New(cfg.Theme.compile(cfg.Cookies.frames(cfg.TrustedOrigins)))
	problems.add("Theme", err)
	problems.add("Pages", cfg.Pages.check())
	problems.add("SignInLimit", cfg.SignInLimit.check())
	problems.add("Accounts", cfg.Accounts.check())
	problems.add("Mail", cfg.Mail.check(cfg.Accounts, cfg.Providers, site, cfg.Theme))
	problems.add("Providers", cfg.SignInLimit.checkFields(cfg.Providers))
	checked, err := checkProviders(cfg.Providers, abilities)
	problems.add("Providers", err)
	problems.add("Local", cfg.Local.check(cfg.Session, checked))
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	providers, err := api.NewProviders(checked, flow.Config{HTTPClient: cfg.HTTPClient, Observe: observe, Now: now, Log: log})
	if err != nil {
		return nil, err
	}
	local, err := cfg.Local.tokens(secrets)
	if err != nil {
		return nil, err
	}

	types := newTyped(log, cfg.Callbacks)
	clients := clientip.New(trustsAnyProxy, platformAddress)
	sessions := session.New(session.Config{
		Types: types, SignedOut: signedOutEvent[T](cfg.Events.SignOut), Events: sessionEvents(cfg.Events), Abilities: abilities, Realm: realm,
		Users: cfg.Accounts.Store != nil, Local: local, Lifetime: cfg.Local.lifetime(times.lifetime()), CacheFor: times.CacheFor,
		Providers: providers, Clients: clients, Observe: observe, Log: log, Now: now,
	})
	users, err := cfg.Accounts.compile(accountEvents(cfg.Events), cfg.Mail.compile(log, cfg.Theme, site), secrets, checked, sessions, log, now)
	if err != nil {
		return nil, err
	}
	return &Auth[T, S]{types: types, sessions: sessions, users: users, refused: cfg.Refused, now: now, api: api.New(api.Config{
		Routes: cfg.Local.routes(), Protocol: protocol, Site: site, HTTP: &plain, HTTPS: &secure, CSRF: origin.NewCSRF(secrets...),
		Sessions: sessions, Providers: providers, Callbacks: apiCallbacks(cfg.Callbacks, cfg.Events),
		Users: users, LinkWithin: cfg.Accounts.recentFor(), Local: cfg.Local.compile(log),
		Limit: cfg.SignInLimit.compile(log), Counter: abilities.Counter, Pages: pages, CustomPages: cfg.Pages.compile(),
		Skip: cfg.Skip, LogoutReplay: abilities.LogoutReplay(now),
		Realm: realm, Clients: clients, Observe: observe, Log: log, Now: now,
	})}, nil
}

// Middleware returns the middleware, for r.Use on the engine before routes are added.
// It serves the API below the base path, and on every other route loads the
// session into the gin.Context, unless Config.Skip selects the request. It aborts no
// request of the application: guards do.
//
// A response that sets or clears the session's cookie, such as one that renews it, is
// never cached: its Cache-Control is "private, no-cache, no-store", whatever the handler has
// set. Other responses have the headers of their handler, and behind a guard
// "Cache-Control: private" until the handler sets another value. A handler without a guard
// whose response depends on the session has to set it.
func (a *Auth[T, S]) Middleware() gin.HandlerFunc {
	return func(c *gin.Context) {
		if rest, ok := a.matchAPI(c); ok {
			a.api.Serve(c.Writer, c.Request, c, rest)
			c.Writer.WriteHeaderNow()
			c.Abort()
			return
		}
		if !a.api.Skips(c.Request) {
			a.load(c)
		}
		if len(c.Writer.Header()["Set-Cookie"]) > 0 {
			a.watchHeaders(c)
		}
		c.Next()
		if !c.Writer.Written() && len(c.Writer.Header()["Set-Cookie"]) > 0 { // Gin writes the headers after all handlers, to a writer of its own
			if base, err := a.api.Base(c.Request); err == nil {
				base.Cookies.Session.KeepPrivate(c.Writer.Header())
			}
		}
	}
}

// CORS returns a middleware that lets front ends of Config.TrustedOrigins, and of
// TrustOrigin, call the routes of the application with their cookies, as they may call the
// API: it answers preflights, for any method and headers, and adds the headers of CORS to
// the other responses. Requests of other origins pass without these headers, so that browsers refuse
// the answer to their scripts. Use it on the engine, before or after [Auth.Middleware]; a group's
// Use does not see preflights. Requests of the API pass.
//
// It does not protect against forged requests: a form of any site needs no preflight.
// Routes that change data check the origin, for instance by [http.CrossOriginProtection].
func (a *Auth[T, S]) CORS() gin.HandlerFunc {
	return func(c *gin.Context) {
		if _, ok := a.matchAPI(c); ok {
			return
		}
		if a.api.CORS(c.Writer, c.Request) {
			c.Writer.WriteHeaderNow()
			c.Abort()
		}
	}
}

// matchAPI reports whether the API serves a request, and returns its path below the base
// path. Routes of the application there are its own: those that begin with the base path, and
// not one for any path, unless the path is an action of the API.
func (a *Auth[T, S]) matchAPI(c *gin.Context) (rest string, ok bool) {
	rest, ok = a.api.Match(c.Request.URL.Path)
	if !ok || a.api.HasAction(rest) {
		return rest, ok
	}
	route, below := strings.CutPrefix(c.FullPath(), a.api.Path())
	own := below && (route == "" || route[0] == '/' && route != "/"+anyAction)
	return rest, !own
}

// anyAction is the route of the API in [Auth.Register], below the base path.
const anyAction = "*nuxtauth"

// Register adds the middleware and the API to a route group. Use it where the
// session should be loaded in that group alone: a group's Use does not see the
// API's paths by itself. Call it before routes are added to the group. The base path must
// lie below the group's path, or Register panics, and the group can have no routes of the
// application below the base path.
func (a *Auth[T, S]) Register(r gin.IRouter) {
	below := ""
	if g, ok := r.(interface{ BasePath() string }); ok {
		below = strings.TrimSuffix(g.BasePath(), "/")
	}
	path, ok := strings.CutPrefix(a.api.Path(), below+"/")
	if !ok {
		panic(fmt.Sprintf("nuxtauth: the base path %q is not below the group %q: set Config.BasePath to %q", a.api.Path(), below, below+"/auth"))
	}
	r.Use(a.Middleware())
	r.Any("/"+path+"/"+anyAction, func(*gin.Context) {}) // served by the middleware
}

// Shutdown waits for work that goes on when its request has ended: above all refreshes
// of [ProviderTokens] in a store, where a new refresh token is lost if the process ends
// before it is saved, and mails that are being sent. Call it after [http.Server.Shutdown],
// and before the store is closed. It refuses no request, stops nothing, and may be called
// more than once; an Auth that is not shut down leaks nothing. The error is that of ctx if
// it ends first.
func (a *Auth[T, S]) Shutdown(ctx context.Context) error {
	return errors.Join(a.sessions.Shutdown(ctx), a.api.Shutdown(ctx))
}

// load puts the session of an ordinary request into the gin.Context, once: the
// middleware may stand in the chain twice. It looks for a credential first, which
// most requests do not have.
func (a *Auth[T, S]) load(c *gin.Context) {
	base, err := a.api.Base(c.Request)
	if err != nil {
		a.setNone(c)
		return
	}
	r := base.SessionRequest(c.Request, c, c.Writer.Header())
	credential, ok := session.ReadCredential(r)
	if !ok {
		a.setNone(c)
		return
	}
	if s := a.session(c); s == nil || s == none {
		s, _ := a.sessions.Load(r, credential, session.Options{}) // after an error s is what other requests have left
		a.set(c, s)
	}
}

// set makes s the session of the request. If it has no user, the session of another
// Auth stays what [SessionKey] has.
func (a *Auth[T, S]) set(c *gin.Context, s *session.Session) {
	before := a.session(c)
	c.Set(a, s)
	if view, ok := s.View.(*S); ok {
		if other, ok := c.Get(SessionKey); ok {
			c.Set(otherSession{reflect.TypeOf(other)}, other)
		}
		c.Set(sessionOf[S]{}, s)
		c.Set(SessionKey, view)
		return
	}
	if before != nil && before.View != nil {
		if by, ok := c.Get(sessionOf[S]{}); ok && by == any(before) {
			c.Set(sessionOf[S]{}, s)
		}
		if v, _ := c.Get(SessionKey); v == before.View {
			c.Set(SessionKey, (*S)(nil))
		}
	}
	a.setNoUser(c)
}

// setNone says that the request carries nothing of a session.
func (a *Auth[T, S]) setNone(c *gin.Context) {
	if a.session(c) == nil {
		c.Set(a, none)
	}
	a.setNoUser(c)
}

// setNoUser says what [SessionKey] has without a user, unless another Auth found one.
func (a *Auth[T, S]) setNoUser(c *gin.Context) {
	v, ok := c.Get(SessionKey)
	if !ok {
		c.Set(SessionKey, (*S)(nil))
		return
	}
	if _, ok := v.(*S); !ok {
		c.Set(otherSession{reflect.TypeFor[*S]()}, (*S)(nil))
	}
}

// session returns what was loaded for the request, nil if the middleware did not run.
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
		a.watchHeaders(c)
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

// platformAddress returns the address of the client that gin's TrustedPlatform names, ""
// without one: for a request without an address, gin reads no other header.
func platformAddress(src clientip.Source) string {
	c, ok := src.(*gin.Context)
	if !ok {
		return ""
	}
	probe := c.Copy()
	probe.Request = &http.Request{Header: c.Request.Header}
	return probe.ClientIP()
}
