package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The endpoints of the provider local of nuxt-auth, and of applications on the device: JSON
// in, JSON out, with tokens in place of cookies. They read no cookie and set none, so that a
// browser adds nothing to a request of another site, and they need no CSRF token.

// LocalConfig is the part of the application's in these endpoints.
type LocalConfig struct {
	Provider string // of type credentials, which checks the sign-ins

	// SignUp makes a user; nil if there is no sign-up. The error is a [*SignUpError] if it is
	// an answer, and otherwise a fault.
	SignUp func(ctx context.Context, p *SignUpParams) error
}

// SignUpParams is a sign-up.
type SignUpParams struct {
	Form      url.Values
	IP        string
	UserAgent string
}

// A SignUpError is an answer to a sign-up.
type SignUpError struct {
	Status int
	Code   string
	Fields map[string]string // what is wrong, by input
	Err    error             // for the log
}

// Error returns the code and the cause, for the log.
func (e *SignUpError) Error() string { return e.Code + ": " + e.Err.Error() }

// The codes of these endpoints beside those of all sign-ins.
const (
	CodeBadRequest    = "BadRequest"    // the request is none of the API
	CodeInvalidToken  = "InvalidToken"  // the token is wrong, has expired, or its session has ended
	CodeTaken         = "Taken"         // another user has the name or the address
	CodeInvalidFields = "InvalidFields" // of a sign-up
)

// localMessages are the messages of codes that the pages do not have.
var localMessages = map[string]string{
	CodeBadRequest:    "The request is not one of this API.",
	CodeInvalidToken:  "Sign in again.",
	CodeTaken:         "Another account has this name or address.",
	CodeInvalidFields: "Some of the fields are not valid.",
	CodeUnavailable:   "This does not work at the moment. Please try again soon.",
}

// localError is an answer other than 2xx.
type localError struct {
	Message string            `json:"message"`
	Code    string            `json:"code"`
	Fields  map[string]string `json:"fields,omitzero"`
	URL     string            `json:"url,omitzero"` // at which the client can go on
}

func (c *Call) localError(status int, e localError) {
	if c.failure == nil {
		c.failure = &provider.Error{Code: e.Code}
	}
	e.Message = cmp.Or(e.Message, localMessages[e.Code], page.Message(e.Code))
	c.json(status, e)
}

// localFault answers after a fault, which says nothing about credentials or tokens.
func (c *Call) localFault() {
	if c.failure == nil {
		c.failure = session.ErrUnavailable
	}
	c.h.Set("Retry-After", retryAfter)
	c.localError(http.StatusServiceUnavailable, localError{Code: CodeUnavailable})
}

// serveLocal answers a request to one of the endpoints.
func (c *Call) serveLocal(route *Route) {
	if c.readLocal() {
		route.Handle(c)
	}
}

// readLocal reads the JSON body of a POST. If it does not accept the request, it answers and
// returns false. Other sites can send JSON only after a preflight, which is answered for
// TrustedOrigins alone; their Origin is checked all the same.
func (c *Call) readLocal() bool {
	if c.cfg.Site.CrossSite(c.base.Base, c.r) {
		c.warnings.add(c.r.Context(), "nuxtauth: a request of a script at another origin was refused: if it is a front end of the application, list the origin in Config.TrustedOrigins",
			"origin", cut(c.r.Header.Get("Origin")), "path", c.r.URL.Path)
		c.localError(http.StatusForbidden, localError{Code: CodeAccessDenied, Message: "This origin is not in the TrustedOrigins of the application."})
		return false
	}
	if c.emptyBody() { // such as of a sign-out that has its token in a header
		return true
	}
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		c.localError(http.StatusUnsupportedMediaType, localError{Code: CodeBadRequest, Message: "The body must be JSON, with Content-Type: application/json."})
		return false
	}
	var err error
	if c.body, err = readBody(c.w, c.r); err == nil {
		return true
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		c.localError(http.StatusRequestEntityTooLarge, localError{Code: CodeBadRequest, Message: "The request is too large."})
		return false
	}
	c.localError(http.StatusBadRequest, localError{Code: CodeBadRequest, Message: "The body is not one JSON object."})
	return false
}

// emptyBody reports whether a request has no body, also if a proxy sends none in chunks. A
// body without a type is not read any further.
func (c *Call) emptyBody() bool {
	if c.r.Body == nil || c.r.ContentLength == 0 {
		return true
	}
	if c.r.Header.Get("Content-Type") != "" {
		return false
	}
	n, _ := io.ReadFull(c.r.Body, make([]byte, 1))
	return n == 0
}

// LocalSignIn signs in with the credentials of the body, as the form of the same provider
// does, and answers with the tokens of the session.
func LocalSignIn(c *Call) {
	c.providerID = c.cfg.Local.Provider
	c.provider = c.cfg.Providers.byID[c.providerID]
	if len(c.body.form) == 0 {
		c.localError(http.StatusBadRequest, localError{Code: CodeBadRequest})
		return
	}
	p, attempt, err := c.checkCredentials()
	if err != nil {
		c.localRefused(err, attempt)
		return
	}
	p.local = true
	_, s, err := c.signIn(c.request(), p)
	if err != nil {
		c.localRefused(err, attempt)
		return
	}
	if c.localTokens(s) {
		attempt.succeeded(c.r.Context())
	}
}

// localTokens answers with the tokens of a session, and reports whether it has.
func (c *Call) localTokens(s *session.Session) bool {
	t, err := c.cfg.Sessions.LocalTokens(c.r.Context(), s)
	if err != nil {
		c.report("nuxtauth: sealing an access token failed", err)
		c.localFault()
		return false
	}
	c.json(http.StatusOK, struct {
		Token        string `json:"token"`
		RefreshToken string `json:"refreshToken"`
	}{t.Access, t.Refresh})
	return true
}

// localRefused answers a sign-in or a sign-up that has failed.
func (c *Call) localRefused(err error, a attempt) {
	own, refused := errors.AsType[*provider.Error](err)
	form, answered := errors.AsType[*SignUpError](err)
	_, isDenied := errors.AsType[denied](err)
	to, redirects := c.cfg.Callbacks.RedirectURL(err)
	switch {
	case errors.Is(err, errTooMany):
		c.logTooMany(a)
		c.h.Set("Retry-After", strconv.Itoa(int(a.rejectedFor/time.Second)))
		c.localError(http.StatusTooManyRequests, localError{Code: CodeTooManyAttempts})
	case errors.Is(err, errWrongCredentials):
		c.refusedCredentials()
		c.localError(http.StatusUnauthorized, localError{Code: CodeCredentialsSignIn})
	case redirects:
		c.logFailure(&provider.Error{Code: CodeAccessDenied, Err: err}, CodeAccessDenied)
		c.localError(http.StatusForbidden, localError{Code: CodeAccessDenied, URL: c.safeURL(to)})
	case errors.Is(err, session.ErrUnavailable):
		c.report("nuxtauth: a sign-in or sign-up failed", err)
		c.localFault()
	case answered:
		c.logFailure(&provider.Error{Code: form.Code, Err: form.Err}, form.Code)
		c.localError(form.Status, localError{Code: form.Code, Fields: form.Fields})
	case refused:
		c.logFailure(err, own.Code)
		status := http.StatusForbidden
		if own.Code == CodeCredentialsSignIn { // such as of a one-time code
			status = http.StatusUnauthorized
		}
		c.localError(status, localError{Code: cmp.Or(own.Code, CodeAccessDenied)})
	case isDenied:
		c.logFailure(&provider.Error{Code: CodeAccessDenied, Err: err}, CodeAccessDenied)
		c.localError(http.StatusForbidden, localError{Code: CodeAccessDenied})
	default:
		c.report("nuxtauth: a sign-in or sign-up failed", err)
		c.localFault()
	}
}

// LocalSignUp has the application make a user. The answer says nothing else than that it
// returned no error, so that it can be the same for an address that has a user.
func LocalSignUp(c *Call) {
	if len(c.body.form) == 0 {
		c.localError(http.StatusBadRequest, localError{Code: CodeBadRequest})
		return
	}
	a := c.limiter.countSignUp(c)
	if a.rejectedFor > 0 {
		c.localRefused(errTooMany, a)
		return
	}
	client := c.client(c.request())
	err := c.cfg.Local.SignUp(c.r.Context(), &SignUpParams{Form: c.body.credentials(), IP: client.IP, UserAgent: client.UserAgent})
	if err != nil {
		c.localRefused(err, a)
		return
	}
	c.data(http.StatusAccepted, []byte("{}"))
}

// LocalSession answers with the session of an access token: the same object that a front
// end with cookies gets.
func LocalSession(c *Call) {
	s, _ := c.cfg.Sessions.LoadLocal(c.request(), localToken(c.r.Header)) // it has logged the error
	switch {
	case s.State == session.Unavailable:
		c.localFault()
		return
	case !s.Active() || !s.Claims.Origin.Local:
		c.localSignedOut()
		return
	}
	if err := c.view(s); err != nil {
		c.failure = err
		c.report("nuxtauth: the JSON of the session failed", err)
		c.localError(http.StatusInternalServerError, localError{Code: CodeUnavailable})
	}
}

// localSignedOut answers a request for session data without a token that is valid (RFC 6750
// §3). nuxt-auth takes any object with status 200, also {}, for a session.
func (c *Call) localSignedOut() {
	c.h.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	c.localError(http.StatusUnauthorized, localError{Code: CodeInvalidToken})
}

// LocalRefresh answers with a new access token for a refresh token. The header Authorization
// does not matter: nuxt-auth sends what it has there.
func LocalRefresh(c *Call) {
	refresh := c.body.get("refreshToken")
	if refresh == "" {
		c.localError(http.StatusBadRequest, localError{Code: CodeBadRequest, Message: "The body has no refreshToken."})
		return
	}
	s := c.cfg.Sessions.RefreshLocal(c.request(), refresh)
	switch {
	case s.State == session.Unavailable:
		c.localFault()
	case !s.Active():
		c.localError(http.StatusUnauthorized, localError{Code: CodeInvalidToken})
	default:
		c.localTokens(s)
	}
}

// LocalSignOut ends the session of a refresh token or, without one, of the access token. It
// answers 200 if there is none any more: the client has dropped its tokens already.
func LocalSignOut(c *Call) {
	if err := c.cfg.Sessions.EndLocal(c.request(), c.body.get("refreshToken"), localToken(c.r.Header)); err != nil {
		c.cfg.Log.ErrorContext(c.r.Context(), "nuxtauth: the session could not be ended", "error", err)
		c.localFault()
		return
	}
	c.data(http.StatusOK, []byte("{}"))
}

// localToken returns the token of the header Authorization, "" for none: "Bearer <token>",
// or the token alone, as nuxt-auth writes it with an empty token type. "null" is what it
// writes without a token.
func localToken(h http.Header) string {
	value := strings.TrimSpace(h.Get("Authorization"))
	if scheme, rest, ok := strings.Cut(value, " "); ok {
		if !strings.EqualFold(scheme, "Bearer") {
			return ""
		}
		value = strings.TrimSpace(rest)
	}
	return value
}
