package api

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

// An Exchange is one request to the API and its answer.
type Exchange struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	h      http.Header // of the answer
	source clientip.Source
	at     Site

	action   string        // "signin" in /api/auth/signin/github
	id       string        // "github", or ""
	provider *authProvider // with this ID; nil where there is none
	further  bool          // the path has more segments
	body     body

	cookiesBefore []string // set by other middleware
	csrfToken     string
	verified      bool   // a POST that shows the CSRF token
	callbackURL   string // where the browser wants to go; safe
}

// parsePath splits "/signin/github". It reports whether the protocol takes the
// path.
func (x *Exchange) parsePath(path string) bool {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	x.action, path, _ = strings.Cut(path, "/")
	x.id, _, x.further = strings.Cut(path, "/")
	x.provider = x.byID[x.id]
	return x.protocol.acceptsPath(x)
}

// request is the request for the session manager.
func (x *Exchange) request() session.Request { return x.at.SessionRequest(x.r, x.source, x.h) }

// checkForm checks what the pages and forms of a browser carry, the CSRF token and
// the callback URL, and sets the cookie of each where it is new.
func (x *Exchange) checkForm() {
	x.cookiesBefore = slices.Clone(x.h["Set-Cookie"])
	x.checkCSRF()
	x.resolveCallbackURL()
}

// checkCSRF looks at the CSRF token of the request, and issues one where its
// cookie has none.
func (x *Exchange) checkCSRF() {
	value, _ := x.at.Cookies.CSRF.Value(x.r.Header)
	token, ok := x.csrf.Check(value)
	if !ok {
		token, value = x.csrf.Issue()
		x.setCookie(x.at.Cookies.CSRF, value)
	}
	x.csrfToken = token
	x.verified = ok && x.r.Method == http.MethodPost &&
		origin.Equal(token, x.body.get("csrfToken")) &&
		!x.site.CrossSite(x.at.Base, x.r)
}

// resolveCallbackURL decides where the browser is led in the end, and sets the
// cookie that remembers it.
func (x *Exchange) resolveCallbackURL() {
	stored, _ := x.at.Cookies.CallbackURL.Value(x.r.Header)
	asked := ""
	if x.r.URL.RawQuery != "" {
		asked = x.r.URL.Query().Get("callbackUrl")
	}
	x.callbackURL = x.safeURL(cmp.Or(x.body.get("callbackUrl"), asked, stored))
	if x.callbackURL != stored && !x.setCookie(x.at.Cookies.CallbackURL, x.callbackURL) {
		x.callbackURL = x.at.Origin // too long for a cookie
	}
}

// discardCookies takes the cookies of checkForm back: an error of Auth.js v5 sets none.
func (x *Exchange) discardCookies() {
	if x.csrfToken == "" {
		return
	}
	x.h.Del("Set-Cookie")
	if len(x.cookiesBefore) > 0 {
		x.h["Set-Cookie"] = x.cookiesBefore
	}
}

// safeURL decides where a callback URL leads: by the Redirect callback, or to the
// application alone.
func (x *Exchange) safeURL(wanted string) string {
	if wanted == "" || wanted == "undefined" || wanted == "null" {
		return x.at.Origin
	}
	if x.callbacks.Redirect == nil {
		if wanted == x.at.Origin {
			return wanted // as after most sign-ins
		}
		if to, ok := x.site.CallbackURL(x.at.Base, wanted); ok {
			return to
		}
		return x.at.Origin
	}
	if !utf8.ValidString(wanted) {
		return x.at.Origin
	}
	to, err := x.callbacks.Redirect(x.r.Context(), wanted, x.at.Origin)
	if err != nil {
		x.report(x.r.Context(), "the Redirect callback", err)
		return x.at.Origin
	}
	if safe, ok := x.site.CallbackURL(x.at.Base, to); ok {
		return safe
	}
	// Another origin is the application's own decision, if it is a plain URL.
	if u, err := url.Parse(to); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil {
		return u.String()
	}
	return x.at.Origin
}

// setCookie sets a cookie that lives as long as the browser runs.
func (x *Exchange) setCookie(c cookie.Cookie, value string) bool {
	err := c.Set(x.h, value, noExpiry)
	if errors.Is(err, cookie.ErrTooLarge) {
		x.log.DebugContext(x.r.Context(), "nuxtauth: a cookie was not set", "cookie", c.Name, "error", err)
	}
	return err == nil
}
