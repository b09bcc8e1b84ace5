package nuxtauth

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/provider"
)

// An exchange is one request to the API and what is known of it.
type exchange[T JWT, S Session] struct {
	*Auth[T, S]
	c    *gin.Context
	r    *http.Request
	h    http.Header // of the response
	base origin.Base
	kit  *kit

	action   string // "signin" in /api/auth/signin/github
	provider string // "github", or ""
	body     body

	cookiesBefore []string // set by others, before prepare
	csrfToken     string
	verified      bool   // a POST that shows the CSRF token
	callbackURL   string // where the browser wants to go, already safe
	before        string // the session that the browser had before it went to the provider
}

// serve answers a request below the base path; path is what follows it.
func (a *Auth[T, S]) serve(c *gin.Context, path string) {
	x := &exchange[T, S]{Auth: a, c: c, r: c.Request, h: c.Writer.Header()}
	noStore(x.h)
	var err error
	if x.base, x.kit, err = a.place(c.Request); err != nil {
		a.log.WarnContext(c.Request.Context(), "nuxtauth: a request for a host that is not ours", "error", err)
		x.message(http.StatusBadRequest, "This host is not known here.")
		return
	}
	if x.cors() {
		return
	}
	if !x.parsePath(path) {
		x.badRequest()
		return
	}
	if x.body, err = readBody(c.Writer, c.Request); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			x.message(http.StatusRequestEntityTooLarge, "The request is too large.")
			return
		}
		x.badRequest()
		return
	}
	x.route()
}

// route calls the handler of the action.
func (x *exchange[T, S]) route() {
	switch x.r.Method + " " + x.action {
	case "GET providers":
		x.getProviders()
	case "GET csrf":
		x.prepare()
		x.json(http.StatusOK, map[string]string{"csrfToken": x.csrfToken})
	case "GET session":
		x.prepare()
		x.session(loading{renew: true})
	case "POST session":
		x.prepare()
		x.updateSession()
	case "GET signin":
		x.prepare()
		x.signInPage()
	case "POST signin":
		x.prepare()
		x.signIn()
	case "GET callback", "POST callback":
		x.callback()
	case "POST backchannel-logout":
		x.backchannelLogout()
	case "GET signout":
		if x.federated(x.provider) != nil {
			x.signedOutAtProvider()
			return
		}
		x.prepare()
		x.signOutPage()
	case "POST signout":
		x.prepare()
		x.signOut()
	case "GET error":
		x.prepare()
		x.errorPage()
	case "GET verify-request":
		x.prepare()
		x.verifyRequestPage()
	case "POST _log":
		x.clientLog()
	default:
		x.badRequest()
	}
}

// parsePath splits "/signin/github". Auth.js v5 refuses what it does not
// know; next-auth v4 ignores further segments.
func (x *exchange[T, S]) parsePath(path string) bool {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	x.action, path, _ = strings.Cut(path, "/")
	var further bool
	x.provider, _, further = strings.Cut(path, "/")
	if x.protocol != AuthJS {
		return x.action != ""
	}
	if x.provider == "undefined" {
		x.provider = ""
	}
	takesProvider := x.action == "signin" || x.action == "callback" || x.action == "backchannel-logout" ||
		x.action == "signout" && x.federated(x.provider) != nil
	return x.action != "_log" && !further && (x.provider == "" || takesProvider)
}

// prepare checks the CSRF token and settles the callback URL, and sets the
// cookie of each when it is new.
func (x *exchange[T, S]) prepare() {
	x.cookiesBefore = slices.Clone(x.h["Set-Cookie"])
	cookieValue, _ := x.kit.names.CSRF.Value(x.r.Header)
	token, ok := x.csrf.Check(cookieValue)
	if ok {
		x.verified = x.r.Method == http.MethodPost &&
			origin.Equal(token, x.body.get("csrfToken")) &&
			!x.site.CrossSite(x.base, x.r)
	} else {
		token, cookieValue = x.csrf.Issue()
		x.setCookie(x.kit.names.CSRF, cookieValue)
	}
	x.csrfToken = token

	stored, _ := x.kit.names.CallbackURL.Value(x.r.Header)
	asked := ""
	if x.r.URL.RawQuery != "" {
		asked = x.r.URL.Query().Get("callbackUrl")
	}
	x.callbackURL = x.resolve(firstOf(x.body.get("callbackUrl"), asked, stored))
	if x.callbackURL != stored && !x.setCookie(x.kit.names.CallbackURL, x.callbackURL) {
		x.callbackURL = x.base.Origin // too long for a cookie
	}
}

// unprepare takes the cookies of prepare back: an error of Auth.js v5 sets none.
func (x *exchange[T, S]) unprepare() {
	if x.csrfToken == "" {
		return
	}
	x.h.Del("Set-Cookie")
	if len(x.cookiesBefore) > 0 {
		x.h["Set-Cookie"] = x.cookiesBefore
	}
}

// resolve decides where a callback URL leads: by the Redirect callback, or to
// the application alone.
func (x *exchange[T, S]) resolve(wanted string) string {
	if wanted == "" || wanted == "undefined" || wanted == "null" {
		return x.base.Origin
	}
	if x.callbacks.Redirect == nil {
		if wanted == x.base.Origin {
			return wanted // as after most sign-ins
		}
		if to, ok := x.site.CallbackURL(x.base, wanted); ok {
			return to
		}
		return x.base.Origin
	}
	if !utf8.ValidString(wanted) {
		return x.base.Origin
	}
	to, err := x.callbacks.redirect(x.r.Context(), RedirectParams{URL: wanted, BaseURL: x.base.Origin})
	x.report(x.r.Context(), "the Redirect callback", err)
	if err != nil {
		return x.base.Origin
	}
	if safe, ok := x.site.CallbackURL(x.base, to); ok {
		return safe
	}
	// Another origin is the application's own decision, if it is a plain URL.
	if u, err := url.Parse(to); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil {
		return u.String()
	}
	return x.base.Origin
}

// A providerEntry is a provider as GET /api/auth/providers shows it.
type providerEntry struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Type        provider.Type `json:"type"`
	SignInURL   string        `json:"signinUrl"`
	CallbackURL string        `json:"callbackUrl"`
}

// A providerList is an object in JSON, by id, in the order of the configuration.
type providerList []providerEntry

func (l providerList) MarshalJSONTo(enc *jsontext.Encoder) error {
	err := enc.WriteToken(jsontext.BeginObject)
	for _, e := range l {
		err = errors.Join(err, enc.WriteToken(jsontext.String(e.ID)), json.MarshalEncode(enc, e))
	}
	return errors.Join(err, enc.WriteToken(jsontext.EndObject))
}

func (x *exchange[T, S]) getProviders() {
	var list providerList
	for _, p := range x.providers {
		e := providerEntry{p.ID, p.Name, p.Type, x.base.URL("signin", p.ID), x.base.URL("callback", p.ID)}
		if p.Type == provider.TypeOIDC && x.protocol == NextAuth {
			e.Type = provider.TypeOAuth // v4 knows no other name for it
		}
		list = append(list, e)
	}
	x.json(http.StatusOK, list)
}

// session answers with the session, as every request for session data does.
func (x *exchange[T, S]) session(how loading) {
	carried, ok := x.read(x.r.Context(), x.kit, x.r.Header)
	if !ok {
		x.empty(http.StatusOK)
		return
	}
	l := x.obtain(x.c, x.kit, carried, how)
	if l.session == nil {
		x.empty(http.StatusOK)
		return
	}
	room := x.lend()
	defer x.rooms.Put(room)
	b, err := encode(*room, x.answer, l.session)
	if err != nil {
		// The front end would get half a session: it gets none, and the cookie stays.
		x.report(x.r.Context(), "the JSON of the session", err)
		x.empty(http.StatusOK)
		return
	}
	*room = b[:0]
	x.data(http.StatusOK, b)
	x.report(x.r.Context(), "the Session event", x.events.session(x.r.Context(), SessionEvent[T, S]{l.session, l.token}))
}

func (x *exchange[T, S]) updateSession() {
	if !x.verified {
		if x.protocol == AuthJS {
			x.unprepare()
		}
		x.empty(http.StatusBadRequest)
		return
	}
	x.session(loading{trigger: TriggerUpdate, update: Update(x.body.data), renew: true})
}

func (x *exchange[T, S]) signOut() {
	if !x.verified {
		x.unverified("signout")
		return
	}
	ended, err := x.Auth.signOut(x.c, x.kit)
	if err != nil {
		x.log.ErrorContext(x.r.Context(), err.Error())
		x.fail("SignOutError", http.StatusServiceUnavailable)
		return
	}
	if to := x.endSessionURL(ended); to != "" {
		x.redirect(http.StatusOK, to)
		return
	}
	x.redirect(http.StatusOK, x.callbackURL)
}

// signInPage shows the ways to sign in. It starts none: a link must not be
// able to sign somebody in.
func (x *exchange[T, S]) signInPage() {
	if x.protocol == AuthJS && x.provider != "" {
		x.fail("Configuration", http.StatusOK)
		return
	}
	code := firstOf(x.r.URL.Query().Get("error"), x.provider)
	if x.own.SignIn != "" {
		to := withQuery(x.own.SignIn, "callbackUrl", x.callbackURL)
		if code != "" {
			to = withQuery(to, "error", code)
		}
		x.redirect(http.StatusOK, to)
		return
	}
	if x.provider == code {
		code = "" // a provider's id is no error
	}
	d := page.SignIn{Site: x.base.Origin, CSRFToken: x.csrfToken, CallbackURL: x.callbackURL, ErrorCode: code, Email: x.r.URL.Query().Get("email")}
	for _, p := range x.providers {
		d.Providers = append(d.Providers, x.onPage(p))
	}
	x.pages.SignIn(x.c.Writer, d)
}

func (x *exchange[T, S]) onPage(p provider.Provider) page.Provider {
	action := "signin"
	if p.Type == provider.TypeCredentials {
		action = "callback"
	}
	shown := page.Provider{
		ID: p.ID, Name: p.Name, Type: string(p.Type), Action: x.base.URL(action, p.ID),
		Logo: p.Style.Logo, Brand: p.Style.Brand,
	}
	for _, f := range p.Fields {
		shown.Fields = append(shown.Fields, page.Field(f))
	}
	return shown
}

func (x *exchange[T, S]) signOutPage() {
	if x.own.SignOut != "" {
		x.redirect(http.StatusOK, x.own.SignOut)
		return
	}
	x.pages.SignOut(x.c.Writer, page.SignOut{Site: x.base.Origin, Action: x.base.URL("signout"), CSRFToken: x.csrfToken})
}

// errorPage shows what went wrong. next-auth v4 sends what can be tried again
// back to the sign-in page.
func (x *exchange[T, S]) errorPage() {
	code := x.r.URL.Query().Get("error")
	if x.protocol == NextAuth && code == "" {
		code = x.provider // v4 takes it from the path too
	}
	switch {
	case x.protocol == NextAuth && backToSignIn[code]:
		x.redirect(http.StatusOK, withQuery(x.base.URL("signin"), "error", code))
		return
	case x.own.Error != "" && code == "":
		x.redirect(http.StatusOK, x.own.Error)
		return
	case x.own.Error != "":
		x.redirect(http.StatusOK, withQuery(x.own.Error, "error", code))
		return
	}
	x.pages.Error(x.c.Writer, page.Error{Site: x.base.Origin, Code: code, SignInURL: x.base.URL("signin")})
}

func (x *exchange[T, S]) verifyRequestPage() {
	if x.own.VerifyRequest == "" {
		x.pages.VerifyRequest(x.c.Writer, page.VerifyRequest{Site: x.base.Origin})
		return
	}
	to := x.own.VerifyRequest
	if x.protocol == AuthJS && x.r.URL.RawQuery != "" {
		sep := "?"
		if strings.Contains(to, "?") {
			sep = "&"
		}
		to += sep + x.r.URL.Query().Encode()
	}
	x.redirect(http.StatusOK, to)
}

// clientLog takes what next-auth's client has to say of its own errors. It is
// anybody's text, so it stands at the debug level, quoted and cut.
func (x *exchange[T, S]) clientLog() {
	cut := func(s string) string { return s[:min(len(s), 200)] }
	x.log.DebugContext(x.r.Context(), "nuxtauth: the front end reports",
		"level", cut(x.body.get("level")), "code", cut(x.body.get("code")), "message", cut(x.body.get("message")))
	x.c.Status(http.StatusOK)
	x.c.Writer.WriteHeaderNow()
}
