// Package api serves the HTTP API below the base path, /api/auth as a rule: one
// request from its body to its answer. What differs between next-auth v4 and
// Auth.js v5 is in protocol_nextauth.go and protocol_authjs.go, and each method of
// sign-in has a file of its own.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// Config is what a [Server] is made of. All functions of the application in it
// are guarded: they return panics as errors, and their time is bounded.
type Config struct {
	Routes    []Route
	Protocol  Protocol
	Site      *origin.Site
	HTTP      *session.CookieSet // for a site on http, and
	HTTPS     *session.CookieSet // for one on https; TrustHost can need both
	CSRF      *origin.CSRF
	Sessions  *session.Manager
	Providers []provider.Provider   // checked, in the order of the buttons
	Flows     map[string]*flow.Flow // of the OAuth and OpenID providers among them, by ID
	Callbacks Callbacks
	Limit     LimitConfig

	Pages       *page.Pages
	CustomPages CustomPages
	Skip        func(*http.Request) bool // requests to the application that the middleware leaves alone; nil for none

	// RecordOrigin puts the provider, and the user and session there, into tokens.
	// A provider with FederatedLogout or BackchannelLogout needs it too.
	RecordOrigin bool

	// LogoutReplay remembers the logout tokens that were used.
	LogoutReplay store.Marks

	// Realm begins the names in LogoutReplay and of the counts of Limit.
	Realm string

	Clients *clientip.Resolver
	Log     *slog.Logger
	Now     func() time.Time
}

// Callbacks are the application's functions that need no token and no session of
// its own types, and the events. Those that are nil do nothing.
type Callbacks struct {
	SignIn   func(ctx context.Context, p *SignInParams) error
	Redirect func(ctx context.Context, to, base string) (string, error)

	SignedIn func(ctx context.Context, e *SignInEvent) error     // the SignIn event
	Read     func(ctx context.Context, s *session.Session) error // the Session event
}

// SignInParams is what the SignIn callback decides on. The public type of the same
// name has the same underlying type.
type SignInParams struct {
	User        *provider.User
	Account     *provider.Account
	Profile     provider.Profile
	Credentials url.Values
}

// SignInEvent is a sign-in that has happened. The public type of the same name has
// the same underlying type.
type SignInEvent struct {
	User      *provider.User
	Account   *provider.Account
	Profile   provider.Profile
	IsNewUser bool
}

// CustomPages are the application's own pages, "" for the built-in ones.
type CustomPages struct{ SignIn, SignOut, Error, VerifyRequest string }

// RedirectError is an error of the SignIn callback that refuses the sign-in and
// leads the browser to URL.
type RedirectError struct{ URL string }

// Error describes the redirect for the log.
func (e *RedirectError) Error() string { return "redirected to " + strconv.Quote(e.URL) }

// A Server answers the requests to the API. It is safe for concurrent use. Make
// one with [New].
type Server struct {
	routes       map[routeKey]*Route
	protocol     Protocol
	site         *origin.Site
	http, https  *session.CookieSet
	csrf         *origin.CSRF
	sessions     *session.Manager
	providers    []*authProvider
	byID         map[string]*authProvider
	callbacks    Callbacks
	limiter      *limiter
	pages        *page.Pages
	customPages  CustomPages
	skip         func(*http.Request) bool
	recordOrigin bool
	logoutReplay store.Marks
	realm        string
	clients      *clientip.Resolver
	log          *slog.Logger
	now          func() time.Time
}

// New returns a server.
func New(cfg Config) *Server {
	s := &Server{
		routes:   make(map[routeKey]*Route, len(cfg.Routes)),
		protocol: cfg.Protocol, site: cfg.Site, http: cfg.HTTP, https: cfg.HTTPS, csrf: cfg.CSRF,
		sessions: cfg.Sessions, byID: make(map[string]*authProvider, len(cfg.Providers)), callbacks: cfg.Callbacks,
		pages: cfg.Pages, customPages: cfg.CustomPages, skip: cfg.Skip, recordOrigin: cfg.RecordOrigin, logoutReplay: cfg.LogoutReplay,
		realm: cfg.Realm, clients: cfg.Clients, log: cfg.Log, now: cfg.Now,
	}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		s.routes[routeKey{r.Method, r.Action}] = r
	}
	s.limiter = newLimiter(cfg)
	for _, p := range cfg.Providers {
		own := newProvider(p, cfg.Flows[p.ID])
		s.providers = append(s.providers, own)
		s.byID[p.ID] = own
		s.recordOrigin = s.recordOrigin || p.FederatedLogout || p.BackchannelLogout
	}
	return s
}

// A Route is an action of the API. CSRF says that the request must show the CSRF
// token; Cookies, that the answer sets the cookies of the CSRF token and of the
// callback URL where they are new.
type Route struct {
	Method  string
	Action  string // the first segment of the path below the base path
	Handle  func(*Exchange)
	Cookies bool
	CSRF    bool
}

type routeKey struct{ method, action string }

// Path is the base path of the API.
func (s *Server) Path() string { return s.site.Path() }

// Match reports whether a path is one of the API, and returns what follows the
// base path.
func (s *Server) Match(path string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, s.site.Path())
	return rest, ok && (rest == "" || rest[0] == '/')
}

// Skips reports whether the middleware leaves a request to the application alone.
func (s *Server) Skips(r *http.Request) bool { return s.skip != nil && s.skip(r) }

// IssueCookies are the cookies of sessions that are issued without a request.
func (s *Server) IssueCookies() *session.CookieSet {
	if site, err := s.Site(&http.Request{Header: http.Header{}}); err == nil {
		return site.Cookies
	}
	return s.http
}

// A Site is the application as one request sees it.
type Site struct {
	origin.Base
	Cookies *session.CookieSet
}

// Site returns where the application is for a request. The error says that the
// request is for a host that is not the application's.
func (s *Server) Site(r *http.Request) (Site, error) {
	base, err := s.site.Base(r)
	if err != nil {
		return Site{}, err
	}
	if base.Secure() {
		return Site{base, s.https}, nil
	}
	return Site{base, s.http}, nil
}

// SessionRequest is a request of this site for the session manager.
func (s Site) SessionRequest(r *http.Request, src clientip.Source, response http.Header) session.Request {
	return session.Request{Request: r, Source: src, Response: response, Cookies: s.Cookies, Origin: s.Origin}
}

// Serve answers a request below the base path; path is what follows it. src is
// the same request for the address of its client.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, src clientip.Source, path string) {
	x := &Exchange{Server: s, w: w, r: r, h: w.Header(), source: src}
	noStore(x.h)
	var err error
	if x.at, err = s.Site(r); err != nil {
		s.log.WarnContext(r.Context(), "nuxtauth: a request for a host that is not the application's", "error", err)
		x.message(http.StatusBadRequest, "This host is not known here.")
		return
	}
	if x.cors() {
		return
	}
	if !x.parsePath(path) {
		s.protocol.badRequest(x)
		return
	}
	route := s.routes[routeKey{r.Method, x.action}]
	if x.body, err = readBody(w, r); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			x.message(http.StatusRequestEntityTooLarge, "The request is too large.")
			return
		}
		s.protocol.badRequest(x)
		return
	}
	if route == nil {
		s.protocol.badRequest(x)
		return
	}
	if route.Cookies || route.CSRF {
		x.checkForm()
	}
	if route.CSRF && !x.verified {
		s.protocol.missingCSRF(x)
		return
	}
	route.Handle(x)
}

// report logs an error of a function of the application.
func (s *Server) report(ctx context.Context, what string, err error) {
	guard.Report(ctx, s.log, what, err)
}
