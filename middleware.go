package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// SessionKey is where the middleware puts the session into the gin.Context: a
// *S, nil when signed out.
const SessionKey = "session"

// Auth is the compiled form of a [Config]. It is safe for concurrent use.
type Auth[T JWT, S Session] struct {
	site      *origin.Site
	http      kit // for a site on http, and
	https     kit // for one on https; TrustHost can need both
	csrf      *origin.CSRF
	providers []provider.Provider
	flows     map[string]*flow.Flow
	pages     *page.Pages
	own       Pages
	callbacks Callbacks[T, S]
	events    Events[T, S]
	maxAge    time.Duration
	lifetime  time.Duration
	updateAge time.Duration
	store     store.Store // nil: sessions live in their cookies
	denyList  store.Marks // nil: nothing is taken back before it expires
	seen      store.Marks // logout tokens
	adopt     bool
	prefix    string // of the cookies
	tracks    bool   // tokens say which provider they came from
	refreshes refreshes
	clients   clients
	limiter   *limiter
	protocol  Protocol
	fill      userFields
	compare   comparer
	cache     *cache[T, S] // nil without SessionConfig.CacheFor
	skip      func(*http.Request) bool
	log       *slog.Logger
	now       func() time.Time
}

// New checks cfg and makes an [Auth] of it. It reports every mistake of cfg at
// once, each with what to write instead.
func New[T JWT, S Session](cfg Config[T, S]) (*Auth[T, S], error) {
	var problems []error
	try := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	a := &Auth[T, S]{
		own:       cfg.Pages,
		callbacks: cfg.Callbacks,
		events:    cfg.Events,
		protocol:  cfg.Protocol,
		maxAge:    orDefault(cfg.Session.MaxAge, defaultMaxAge),
		store:     cfg.Session.Store,
		denyList:  cfg.Session.DenyList,
		adopt:     cfg.Session.AdoptCookies,
		prefix:    firstOf(cfg.Cookies.Prefix, cfg.Protocol.String()),
		skip:      cfg.Skip,
		log:       cfg.Logger,
		now:       cfg.Now,
	}
	a.updateAge = orDefault(cfg.Session.UpdateAge, min(defaultUpdateAge, a.maxAge/2))
	a.lifetime = orDefault(cfg.Session.MaxLifetime, max(defaultMaxLifetime, a.maxAge))
	if a.log == nil {
		a.log = slog.Default()
	}
	if a.now == nil {
		a.now = time.Now
	}
	if cfg.Protocol != NextAuth && cfg.Protocol != AuthJS {
		try(fmt.Errorf("nuxtauth: Protocol is %v: write nuxtauth.NextAuth or nuxtauth.AuthJS", cfg.Protocol))
	}
	a.refreshes = newRefreshes(a.store, a.now)
	a.seen = marksFor(cfg.Session, a.now)
	if marks, ok := a.store.(store.Marks); ok && a.adopt {
		a.denyList = marks // for the cookies that are yet to be moved
	}
	a.limiter = newLimiter(cfg.SignInLimit, cfg.Session, a.now)
	try(cfg.SignInLimit.check())
	try(cfg.Session.check(a.maxAge, a.updateAge, a.lifetime))
	try(checkTypes[T, S]())
	a.fill = userFieldsOf[S]()
	a.compare = comparerOf[T]()
	if cfg.Session.CacheFor > 0 {
		a.cache = newCache[T, S](cfg.Session.CacheFor, a.now)
	}

	secrets, err := secretsOf(cfg.Secret, cfg.OldSecrets, os.Getenv)
	try(err)
	a.csrf = origin.NewCSRF(secrets...)
	if len(secrets) > 0 {
		try(a.http.make(cfg.Protocol, cfg.Cookies, false, cfg.Session.Codec, secrets))
		try(a.https.make(cfg.Protocol, cfg.Cookies, true, cfg.Session.Codec, secrets))
	}

	url := firstOf(cfg.URL, os.Getenv("AUTH_URL"), os.Getenv("NEXTAUTH_URL"))
	if url == "" && cfg.TrustHost && len(cfg.TrustedOrigins) == 0 {
		try(errors.New(`nuxtauth: TrustHost alone believes any Host: name the origins that the proxy serves in TrustedOrigins, such as "https://app.example.com", or set URL`))
	}
	a.site, err = origin.New(origin.Config{
		URL:            url,
		BasePath:       cfg.BasePath,
		TrustHost:      cfg.TrustHost,
		TrustedOrigins: slices.Clone(cfg.TrustedOrigins),
	})
	try(err)
	a.pages, err = page.New(page.Theme(cfg.Theme))
	try(err)
	try(cfg.Pages.check())

	a.tracks = a.store != nil || a.denyList != nil || providerTokensOf(new(T)) != nil
	a.flows = make(map[string]*flow.Flow)
	seen := make(map[string]bool)
	for _, p := range cfg.Providers {
		p = p.WithEnv(os.Getenv)
		try(p.Validate())
		if seen[p.ID] {
			try(fmt.Errorf("nuxtauth: two providers have the id %q: give one of them another ID", p.ID))
		}
		seen[p.ID] = true
		a.tracks = a.tracks || p.FederatedLogout
		a.providers = append(a.providers, p)
		if p.Type == provider.TypeOAuth || p.Type == provider.TypeOIDC {
			a.flows[p.ID] = flow.New(p, flow.Config{HTTPClient: cfg.HTTPClient, Now: a.now})
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return a, nil
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
		if action, ok := strings.CutPrefix(c.Request.URL.Path, a.site.Path()); ok && (action == "" || action[0] == '/') {
			a.serve(c, action)
			c.Abort()
			return
		}
		if a.skip == nil || !a.skip(c.Request) {
			a.attach(c)
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
	rel, ok := strings.CutPrefix(a.site.Path(), below+"/")
	if !ok {
		panic(fmt.Sprintf("nuxtauth: the base path %q is not below the group %q: set Config.BasePath to %q", a.site.Path(), below, below+"/auth"))
	}
	r.Use(a.Handler())
	r.Any("/"+rel+"/*action", func(*gin.Context) {}) // served by the middleware
}

// attach loads the session of an ordinary request into the gin.Context.
func (a *Auth[T, S]) attach(c *gin.Context) {
	if _, done := c.Get(a); done {
		return
	}
	_, k, err := a.place(c.Request)
	if err != nil {
		c.Set(SessionKey, (*S)(nil))
		return
	}
	l := a.obtain(c, k, loading{})
	if l == nil {
		c.Set(SessionKey, (*S)(nil))
		return
	}
	a.set(c, l)
}

func (a *Auth[T, S]) set(c *gin.Context, l *loaded[T, S]) {
	l.of = c
	c.Set(a, l)
	c.Set(SessionKey, l.session)
}

func (a *Auth[T, S]) loaded(c *gin.Context) *loaded[T, S] {
	if v, ok := c.Get(a); ok {
		return v.(*loaded[T, S])
	}
	return nil
}

// place tells where the application is for this request, and the kit for it.
func (a *Auth[T, S]) place(r *http.Request) (origin.Base, *kit, error) {
	base, err := a.site.Base(r)
	if err != nil {
		return base, nil, err
	}
	if base.Secure() {
		return base, &a.https, nil
	}
	return base, &a.http, nil
}

// Session returns the session of the request, nil when signed out.
func (a *Auth[T, S]) Session(c *gin.Context) *S {
	if l := a.loaded(c); l != nil {
		return l.session
	}
	return nil
}

// Token returns the token of the request, nil when signed out. It never
// reaches the browser, and changes to it are kept only by [Auth.Update].
func (a *Auth[T, S]) Token(c *gin.Context) *T {
	if l := a.loaded(c); l != nil {
		return l.token
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

// Require lets only signed-in requests pass for which every predicate is true.
// Others get 401, or for a page 302 to the sign-in page; 403 when a predicate
// says no; 503 when the session could not be loaded ([KeepSession]).
func (a *Auth[T, S]) Require(allow ...func(*S) bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		l := a.loaded(c)
		switch {
		case l != nil && l.session != nil:
			for _, ok := range allow {
				if !ok(l.session) {
					a.refusePage(c, http.StatusForbidden, "AccessDenied", "You may not do this.")
					return
				}
			}
		case l != nil && l.kept:
			c.Header("Retry-After", "5")
			a.refusePage(c, http.StatusServiceUnavailable, "SessionUnavailable", "The session could not be checked. Try again soon.")
		case wantsPage(c.Request):
			a.redirectToSignIn(c)
		default:
			refuse(c, http.StatusUnauthorized, "Sign in first.")
		}
	}
}

// refusePage refuses a browser with the error page of a code, which has the
// same status, and a program with a message.
func (a *Auth[T, S]) refusePage(c *gin.Context, status int, code, message string) {
	base, _, err := a.place(c.Request)
	if err != nil || !wantsPage(c.Request) {
		refuse(c, status, message)
		return
	}
	d := page.Error{Site: base.Origin, Code: code}
	if status == http.StatusForbidden {
		d.SignInURL = base.URL("signin") // as somebody else
	}
	c.Abort()
	a.pages.Error(c.Writer, d)
}

func refuse(c *gin.Context, status int, message string) {
	c.Header("Cache-Control", "no-store")
	c.AbortWithStatusJSON(status, gin.H{"message": message})
}

// wantsPage tells a browser that opens a page from a program that calls an API.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (a *Auth[T, S]) redirectToSignIn(c *gin.Context) {
	base, _, err := a.place(c.Request)
	if err != nil {
		refuse(c, http.StatusUnauthorized, "Sign in first.")
		return
	}
	to := firstOf(a.own.SignIn, base.URL("signin"))
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusFound, withQuery(to, "callbackUrl", base.Origin+c.Request.URL.RequestURI()))
	c.Abort()
}

// report logs an error of a callback or event. A panic is a bug: it stands at
// the error level, with its stack.
func (a *Auth[T, S]) report(ctx context.Context, what string, err error) {
	if err == nil {
		return
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		a.log.ErrorContext(ctx, "nuxtauth: "+what+" panicked", "error", err, "stack", string(p.stack))
		return
	}
	a.log.WarnContext(ctx, "nuxtauth: "+what+" failed", "error", err)
}
