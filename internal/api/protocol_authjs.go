package api

import (
	"net/http"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// AuthJS is the protocol of Auth.js v5: next-auth v5 and @auth/core.
var AuthJS Protocol = authJS{}

type authJS struct{}

func (authJS) Prefix() string { return "authjs" }

func (authJS) ChunkSize() int { return cookie.AuthJSSize }

func (authJS) SessionCodec(cookieName string, secrets []string) (token.Codec, error) {
	return token.NewAuthJS(cookieName, secrets...)
}

func (authJS) CheckCodec(cookieName string, secrets []string) (token.Codec, error) {
	return token.NewAuthJS(cookieName, secrets...)
}

// acceptsPath takes a provider's ID with the routes that have one, and nothing after
// it. Its two exceptions stand at the table of routes.
func (authJS) acceptsPath(c *Call, r *Route) bool {
	switch {
	case c.action == "_log" || c.extraSegments:
		return false
	case c.action == "signout" && c.providerID != "":
		return r.Provider && c.provider.endsSession()
	}
	return c.providerID == "" || r.Provider
}

// csrfByOrigin accepts the requests of @auth/sveltekit, which has no CSRF token. Other sites
// can't send the header without a preflight, which is answered for TrustedOrigins alone.
func (authJS) csrfByOrigin(c *Call) bool {
	return c.r.Header.Get("X-Auth-Return-Redirect") != "" && c.cfg.Site.SameOrigin(c.base.Base, c.r)
}

func (authJS) signedOutJSON() string { return "null" }

func (authJS) providerType(t provider.Type) provider.Type { return t }

func (authJS) redirectJSON(c *Call, _ int, to string) {
	c.h.Set("Location", to)
	c.json(http.StatusOK, map[string]string{"url": to})
}

func (authJS) badRequest(c *Call) {
	if !c.unknownPage() {
		c.json(http.StatusBadRequest, "Bad request.")
	}
}

func (p authJS) missingCSRF(c *Call) {
	if c.action == "session" {
		c.discardCookies()
		c.signedOut(http.StatusBadRequest)
		return
	}
	p.fail(c, CodeMissingCSRF, http.StatusOK)
}

func (p authJS) unknownProvider(c *Call) {
	if c.action == "signin" && c.providerID == "" {
		c.redirect(http.StatusOK, c.base.URL("signin"))
		return
	}
	p.fail(c, CodeConfiguration, http.StatusOK)
}

// The codes with which only Auth.js v5 fails.
const (
	CodeOAuthSignInError   = "OAuthSignInError"
	CodeOAuthCallbackError = "OAuthCallbackError"
	CodeConfiguration      = "Configuration"
	CodeMissingCSRF        = "MissingCSRF"
)

// failsOnSignInPage are the codes with which Auth.js redirects to the sign-in page.
var failsOnSignInPage = map[string]bool{
	CodeCredentialsSignIn: true, "OAuthAccountNotLinked": true, CodeOAuthCallbackError: true, CodeMissingCSRF: true,
	"AccountNotLinked": true, CodeOAuthSignInError: true, "EmailSignInError": true, CodeCancelled: true,
	codeSessionRequired: true,
}

// fail sets none of the cookies that the request would have got.
func (p authJS) fail(c *Call, code string, _ int) {
	c.discardCookies()
	code = p.code(code)
	to := c.absolute(c.cfg.CustomPages.Error, "error")
	if failsOnSignInPage[code] {
		to = c.absolute(c.cfg.CustomPages.SignIn, "signin")
	}
	c.redirect(http.StatusOK, withQuery(to, "error", code))
}

// code translates a code of next-auth v4.
func (authJS) code(code string) string {
	switch code {
	case CodeOAuthSignIn:
		return CodeOAuthSignInError
	case CodeOAuthCallback:
		return CodeOAuthCallbackError
	case CodeEmailSignIn:
		return "EmailSignInError"
	case CodeCallback:
		return CodeConfiguration
	}
	return code
}

func (p authJS) wrongCredentials(c *Call) { p.deniedCredentials(c, "credentials") }

// deniedCredentials gives the code of the application a parameter of its own.
func (authJS) deniedCredentials(c *Call, code string) {
	c.discardCookies()
	c.keepForm()
	to := withQuery(c.absolute(c.cfg.CustomPages.SignIn, "signin"), "error", CodeCredentialsSignIn)
	c.redirect(http.StatusOK, withQuery(to, "code", code))
}

func (authJS) failsLater(c *Call) { c.discardCookies() }

func (p authJS) showsSignInPage(c *Call) bool {
	if c.providerID != "" {
		p.fail(c, CodeConfiguration, http.StatusOK)
		return false
	}
	return true
}

func (authJS) errorCode(c *Call) (code string, onSignInPage bool) {
	return c.r.URL.Query().Get("error"), false
}

func (authJS) verifyRequestQuery(c *Call) string { return c.r.URL.Query().Encode() }
