// Package api serves the HTTP API below the base path, /api/auth as a rule: one
// request from its body to its answer. What differs between next-auth v4 and
// Auth.js v5 is behind [Protocol], in protocol_nextauth.go and protocol_authjs.go, and
// each method of sign-in has a file of its own. It also answers the requests to the application that
// are denied for want of a session.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// Config is what a [Server] is made of. All functions of the application in it
// are guarded: they log panics and return them as errors, and their time is bounded.
type Config struct {
	Routes    []Route
	Protocol  Protocol
	Site      *origin.Site
	HTTP      *session.CookieSet // for a site on http, and
	HTTPS     *session.CookieSet // for one on https; TrustHost can need both
	CSRF      *origin.CSRF
	Sessions  *session.Manager
	Providers *Providers
	Callbacks Callbacks
	Limit     LimitConfig
	Local     LocalConfig // zero: there are no endpoints for it in Routes

	// Users are those of the application; nil: it has none, and users are known by the IDs
	// of their providers.
	Users      *account.Accounts
	LinkWithin time.Duration // after a sign-in, in which a user can link an account

	// Counter counts attempts to sign in, the states of sign-ins that were used, and logout
	// tokens, for all processes. Nil: each process counts for itself.
	Counter store.Counter

	Pages       *page.Pages
	CustomPages CustomPages
	Skip        func(*http.Request) bool // requests to the application that the middleware leaves alone; nil for none

	// LogoutReplay remembers the logout tokens that were used.
	LogoutReplay store.Marks

	// Realm begins the names in LogoutReplay and Counter.
	Realm string

	Clients *clientip.Resolver
	Observe observe.Func // nil for none
	Log     *slog.Logger
	Now     func() time.Time
}

// Callbacks are the application's functions that need no token and no session of
// its own types, and the events. Those that are nil do nothing.
type Callbacks struct {
	SignIn      func(ctx context.Context, p *SignInParams) error
	RedirectURL func(err error) (to string, ok bool) // of an error that redirects; never nil
	Redirect    func(ctx context.Context, to, base string) (string, error)

	SignInEvent  func(ctx context.Context, e *SignInEvent)
	SessionEvent func(ctx context.Context, s *session.Session)
	RefusedEvent func(ctx context.Context, provider, code string, err error, from clientip.Client)
	LimitedEvent func(ctx context.Context, provider, by string, window time.Duration, from clientip.Client)
}

// SignInParams is what the SignIn callback decides on. The public type of the same
// name has the same underlying type.
type SignInParams struct {
	User        *provider.User
	Account     *provider.Account
	Profile     provider.Profile
	Credentials url.Values
	IP          string
	UserAgent   string

	VerificationRequest bool
}

// SignInEvent is a sign-in that has happened.
type SignInEvent struct {
	Session *session.Session
	User    *provider.User
	Account *provider.Account
	Profile provider.Profile

	IsNewUser bool
	Client    clientip.Client
}

// CustomPages are the application's own pages, "" for the built-in ones, and those to which
// the built-in sign-in page links, "" for none.
type CustomPages struct{ SignIn, SignOut, Error, VerifyRequest, NewUser, ForgotPassword, SignUp string }

// A Server answers the requests to the API. It is safe for concurrent use. Make
// one with [New].
type Server struct {
	cfg     Config
	routes  map[routeKey]*Route
	actions map[string]bool // with a route, of any method
	limiter *limiter
	states  *counter // of sign-ins, which are accepted once
	logouts *counter // of logout tokens by provider

	mails    *mails
	warnings *warnings
}

// New returns a server.
func New(cfg Config) *Server {
	s := &Server{
		cfg: cfg, routes: make(map[routeKey]*Route, len(cfg.Routes)), actions: make(map[string]bool),
		limiter: &limiter{cfg.Limit, newCounter(cfg, "attempts to sign in")},
		states:  newCounter(cfg, "states of sign-ins"),
		logouts: newCounter(cfg, "logout tokens"),
		mails:   newMails(cfg),

		warnings: &warnings{log: cfg.Log, now: cfg.Now, last: make(map[string]time.Time)},
	}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		s.routes[routeKey{r.Method, r.Action}] = r
		s.actions[r.Action] = true
	}
	return s
}

// A Route is an action of the API.
type Route struct {
	Method   string
	Action   string // the first segment of the path below the base path
	Handle   func(*Call)
	Provider bool // the ID of a provider may follow the action
	Reads    bool // GET changes nothing, so that HEAD is allowed too
	Cookies  bool // the answer sets the cookies of the CSRF token and of the callback URL where they are new
	CSRF     bool // the same, and the request must show the CSRF token
	Local    bool // body and answer are JSON, and cookies are neither read nor set
}

type routeKey struct{ method, action string }

// Path is the base path of the API, such as "/api/auth". It is never "" and has no
// slash at its end.
func (s *Server) Path() string { return s.cfg.Site.Path() }

// Match reports whether a path is below the base path or the base path itself, and
// returns what follows it: "" or a path that begins with a slash.
func (s *Server) Match(path string) (rest string, ok bool) {
	for strings.Contains(path, "//") { // as gin's RemoveExtraSlash
		path = strings.ReplaceAll(path, "//", "/")
	}
	rest, ok = strings.CutPrefix(path, s.cfg.Site.Path())
	return rest, ok && (rest == "" || rest[0] == '/')
}

// HasAction reports whether the path that [Server.Match] has returned is of an action
// of the API, with any method. The API answers all others with 400.
func (s *Server) HasAction(rest string) bool {
	action, _ := cutAction(rest)
	return s.actions[action]
}

// route returns the route of an action, nil if there is none. p is the provider of the path,
// nil for none.
func (s *Server) route(method, action string, p *authProvider) *Route {
	if method != http.MethodHead {
		return s.routes[routeKey{method, action}]
	}
	if route := s.routes[routeKey{http.MethodGet, action}]; route != nil && (route.Reads || action == "callback" && p != nil && p.method.callbackReads()) {
		return route
	}
	return nil
}

// allowed lists the methods of an action, as the header Allow does.
func (s *Server) allowed(action string) string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if s.routes[routeKey{method, action}] != nil {
			methods = append(methods, method)
		}
	}
	return strings.Join(methods, ", ")
}

// Skips reports whether the middleware leaves a request to the application alone, as
// Config.Skip decides. Without that function it leaves none alone.
func (s *Server) Skips(r *http.Request) bool { return s.cfg.Skip != nil && s.cfg.Skip(r) }

// IssueCookies are the cookies of sessions that are issued without a request: those
// of http if the application's address depends on the request.
func (s *Server) IssueCookies() *session.CookieSet {
	if base, ok := s.cfg.Site.Configured(); ok {
		return s.cookies(base)
	}
	return s.cfg.HTTP
}

func (s *Server) cookies(base origin.Base) *session.CookieSet {
	if base.Secure() {
		return s.cfg.HTTPS
	}
	return s.cfg.HTTP
}

// A Base is the address of the API for one request, with the cookies there.
type Base struct {
	origin.Base
	Cookies *session.CookieSet
}

// Base returns the address of the API for a request. The error says that the request
// is for a host that is not the application's.
func (s *Server) Base(r *http.Request) (Base, error) {
	base, err := s.cfg.Site.Base(r)
	if err != nil {
		return Base{}, err
	}
	return Base{base, s.cookies(base)}, nil
}

// SessionRequest is a request to this address for the session manager.
func (b Base) SessionRequest(r *http.Request, src clientip.Source, response http.Header) session.Request {
	return session.Request{Request: r, Source: src, Response: response, Cookies: b.Cookies, Origin: b.Origin}
}

// Serve answers a request below the base path; rest is what [Server.Match] has
// returned. src is the same request for the address of its client.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, src clientip.Source, rest string) {
	c := &Call{Server: s, w: w, r: r, h: w.Header(), source: src}
	noStore(c.h)
	var err error
	if c.base, err = s.Base(r); err != nil {
		s.warnings.add(r.Context(), "nuxtauth: a request for a host that is not the application's was refused: if it is, list its origin in Config.TrustedOrigins", "error", err)
		writeMessage(w, http.StatusBadRequest, "This host is not in the TrustedOrigins of the application.")
		return
	}
	if c.cors() {
		return
	}
	c.parsePath(rest)
	route := s.route(r.Method, c.action, c.provider)
	if route == nil && s.actions[c.action] && isLocal(c.action) {
		c.h.Set("Allow", s.allowed(c.action))
		c.localError(http.StatusMethodNotAllowed, localError{Code: CodeBadRequest})
		return
	}
	if route == nil && r.Method == http.MethodHead && s.actions[c.action] {
		c.h.Set("Allow", s.allowed(c.action))
		c.w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if route == nil || !s.cfg.Protocol.acceptsPath(c, route) {
		s.cfg.Protocol.badRequest(c)
		return
	}
	if s.cfg.Observe != nil {
		defer c.observe().Done(&c.failure)
	}
	if route.Local {
		c.serveLocal(route)
		return
	}
	if c.body, err = readBody(w, c.r); err != nil {
		c.failure = err
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			writeMessage(w, http.StatusRequestEntityTooLarge, "The request is too large.")
			return
		}
		s.cfg.Protocol.badRequest(c)
		return
	}
	if route.Cookies || route.CSRF {
		c.checkForm()
	}
	if route.CSRF && !c.csrfOK {
		c.missingCSRF()
		return
	}
	route.Handle(c)
}
