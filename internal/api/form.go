package api

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/origin"
	"github.com/nuxtauth/nuxtauth/provider"
)

// CSRFToken answers with the CSRF token, which checkForm has issued or found.
func CSRFToken(c *Call) {
	c.json(http.StatusOK, map[string]string{"csrfToken": c.csrfToken})
}

// checkForm checks what the pages and forms of a browser carry, the CSRF token and
// the callback URL, and sets the cookie of each where it is new.
func (c *Call) checkForm() {
	c.formChecked, c.cookiesBefore = true, slices.Clone(c.h["Set-Cookie"])
	c.checkCSRF()
	c.resolveCallbackURL()
}

// discardCookies removes the cookies that were set since checkForm began, if it did:
// an error of Auth.js v5 sets none.
func (c *Call) discardCookies() {
	if c.formChecked {
		c.h["Set-Cookie"] = c.cookiesBefore
	}
}

// checkCSRF checks the CSRF token of the request, and issues one where its cookie
// has none.
func (c *Call) checkCSRF() {
	value, _ := c.base.Cookies.CSRF.Value(c.r.Header)
	token, ok := c.cfg.CSRF.Check(value)
	if !ok {
		token, value = c.cfg.CSRF.Issue()
		c.setFormCookie(c.base.Cookies.CSRF, value)
	}
	c.csrfToken = token
	if c.r.Method != http.MethodPost || c.cfg.Site.CrossSite(c.base.Base, c.r) {
		return
	}
	sent := c.body.get("csrfToken")
	c.csrfOK = ok && origin.Equal(token, sent) || sent == "" && c.cfg.Protocol.csrfByOrigin(c)
}

// missingCSRF answers a form without the CSRF token.
func (c *Call) missingCSRF() {
	c.warnOfForm()
	c.failure = &provider.Error{Code: CodeMissingCSRF}
	c.cfg.Protocol.missingCSRF(c)
}

// resolveCallbackURL decides where the browser is redirected in the end, and sets
// the cookie that remembers it.
func (c *Call) resolveCallbackURL() {
	stored, _ := c.base.Cookies.CallbackURL.Value(c.r.Header)
	asked := ""
	if c.r.URL.RawQuery != "" {
		asked = c.r.URL.Query().Get("callbackUrl")
	}
	c.callbackURL = c.safeURL(cmp.Or(c.body.get("callbackUrl"), asked, stored))
	if c.callbackURL != stored && !c.setFormCookie(c.base.Cookies.CallbackURL, c.callbackURL) {
		c.callbackURL = c.base.Origin // too long for a cookie
	}
}

// setFormCookie sets a cookie that lives as long as the browser runs. It reports
// false for a value that is too long.
func (c *Call) setFormCookie(k cookie.Cookie, value string) bool {
	err := k.Set(c.h, value, noExpiry)
	if err != nil {
		c.cfg.Log.DebugContext(c.r.Context(), "nuxtauth: a cookie was not set", "cookie", k.Name, "error", err)
	}
	return err == nil
}

// safeURL decides where a callback URL leads: by the Redirect callback, or to the
// application alone.
func (c *Call) safeURL(wanted string) string {
	if wanted == "" || wanted == "undefined" || wanted == "null" {
		return c.base.Origin
	}
	if c.cfg.Callbacks.Redirect == nil {
		if wanted == c.base.Origin {
			return wanted // as after most sign-ins
		}
		if to, ok := c.cfg.Site.CallbackURL(c.base.Base, wanted); ok {
			return to
		}
		return c.base.Origin
	}
	if !utf8.ValidString(wanted) {
		return c.base.Origin
	}
	to, err := c.cfg.Callbacks.Redirect(c.r.Context(), wanted, c.base.Origin)
	if err != nil {
		c.report("nuxtauth: the Redirect callback failed", err)
		return c.base.Origin
	}
	if safe, ok := c.cfg.Site.CallbackURL(c.base.Base, to); ok {
		return safe
	}
	// Another origin is the application's own decision, if it is a plain URL.
	if u, err := url.Parse(to); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil {
		return u.String()
	}
	return c.base.Origin
}
