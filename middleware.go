package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/fields"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
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
	user      fields.User    // of S
	claims    *fields.Claims // of T, and
	answer    *fields.Claims // of S; nil for types that only json knows
	rooms     sync.Pool      // of *[]byte, see lend
	snapshots sync.Pool      // of *T
	cache     *cache[T, S]   // nil without SessionConfig.CacheFor
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
		prefix:    cfg.Cookies.prefix(cfg.Protocol),
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
	a.limiter = newLimiter(cfg.SignInLimit, cfg.Session, a.now, a.log)
	try(cfg.SignInLimit.check())
	try(cfg.Session.check(a.maxAge, a.updateAge, a.lifetime))
	try(checkTypes[T, S]())
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
		try(cfg.SignInLimit.checkFields(p))
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
	user, _ := sessionDefaults(new(S))
	a.user = fields.UserOf(reflect.TypeOf(user).Elem())
	a.claims = fields.NewClaims(reflect.TypeFor[T](), reflect.TypeFor[DefaultJWT]())
	a.answer = fields.NewClaims(reflect.TypeFor[S](), nil)
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

// attach loads the session of an ordinary request into the gin.Context, once.
func (a *Auth[T, S]) attach(c *gin.Context) {
	_, k, err := a.place(c.Request)
	if err != nil {
		c.Set(SessionKey, (*S)(nil))
		return
	}
	carried, ok := a.read(c.Request.Context(), k, c.Request.Header)
	if !ok {
		c.Set(SessionKey, (*S)(nil))
		return
	}
	if a.loaded(c) == nil {
		a.set(c, a.obtain(c, k, carried, loading{}))
	}
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
		if s, err = a.update(ctx, k, &now, change, a.sender(c)); err == nil {
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

// TokenOptions says where [GetToken] finds a token and how it is sealed. Its
// fields mean what they mean in [Config].
type TokenOptions struct {
	Secret     string // empty means AUTH_SECRET, or NEXTAUTH_SECRET
	OldSecrets []string
	URL        string // https looks for the Secure cookie; empty means AUTH_URL, or NEXTAUTH_URL
	Protocol   Protocol
	Cookies    Cookies
	Codec      token.Codec // nil means that of the Protocol, made from the secrets at each call
	Now        func() time.Time

	// Store and DenyList are those of the service that signs users in, if it
	// has one. With a Store, Protocol and Cookies.Prefix have to be those of that
	// service too: other sessions in the same store are refused. If they do not
	// answer, the error wraps neither [ErrSignedOut] nor [token.ErrInvalid].
	Store    store.Store
	DenyList store.Marks

	// CookieName is the whole name of the session cookie, where a Node server
	// changed it. Empty means the usual name.
	CookieName string
}

// GetToken reads the token of a request in a service that does not run the
// middleware: from the session cookie, in chunks or not, or else from
// Authorization: Bearer. No callback runs. The error is [ErrSignedOut] when the
// request carries no token, and wraps [token.ErrInvalid] when it is not a good one.
func GetToken[T JWT](r *http.Request, o TokenOptions) (*T, error) {
	site := firstOf(o.URL, os.Getenv("AUTH_URL"), os.Getenv("NEXTAUTH_URL"))
	prefix := o.Cookies.prefix(o.Protocol)
	names := cookie.Defaults(prefix, strings.HasPrefix(site, "https://"))
	name := firstOf(o.CookieName, names.Session.Name)
	value, present, err := cookie.Chunked{Cookie: cookie.Cookie{Name: name}}.Read(r.Header)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", token.ErrInvalid, err)
	}
	if value == "" && present == 0 {
		value = bearer(r.Header)
	}
	if value == "" {
		return nil, ErrSignedOut
	}
	claims, err := o.claims(r.Context(), name, value)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	t := new(T)
	err = decodeToken(claims, t, nil, now())
	if err == nil && o.Store != nil && defaultsOf(t).Origin.Prefix != prefix {
		err = fmt.Errorf("%w: it is a session of another Auth", token.ErrInvalid)
	}
	if err == nil {
		err = checkDenied(r.Context(), o.DenyList, defaultsOf(t))
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// claims returns the JSON of the token that a value stands for.
func (o *TokenOptions) claims(ctx context.Context, cookieName, value string) (string, error) {
	if o.Store != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		r, err := o.Store.Find(ctx, value)
		if errors.Is(err, store.ErrNotFound) {
			return "", fmt.Errorf("%w: %w", token.ErrInvalid, err)
		}
		if err != nil {
			return "", fmt.Errorf("nuxtauth: find the session: %w", err)
		}
		return string(r.Claims), nil
	}
	codec := o.Codec
	if codec == nil {
		secret := firstOf(o.Secret, os.Getenv("AUTH_SECRET"), os.Getenv("NEXTAUTH_SECRET"))
		if secret == "" {
			return "", errors.New("nuxtauth: there is no secret: set TokenOptions.Secret or AUTH_SECRET")
		}
		var err error
		if codec, err = sessionCodec(o.Protocol, cookieName, append([]string{secret}, o.OldSecrets...)); err != nil {
			return "", err
		}
	}
	return token.OpenString(codec, value)
}
