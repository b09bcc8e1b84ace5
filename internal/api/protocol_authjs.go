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
	return token.AuthJS(cookieName, secrets...)
}

func (authJS) CheckCodec(cookieName string, secrets []string) (token.Codec, error) {
	return token.AuthJS(cookieName, secrets...)
}

// acceptsPath takes a provider's ID with the actions that have one, and nothing
// after it.
func (authJS) acceptsPath(x *Exchange) bool {
	if x.id == "undefined" {
		x.id = ""
	}
	takesProvider := x.action == "signin" || x.action == "callback" || x.action == "backchannel-logout" ||
		x.action == "signout" && x.provider.endsSession()
	return x.action != "_log" && !x.further && (x.id == "" || takesProvider)
}

func (authJS) signedOutJSON() string { return "null" }

func (authJS) providerType(t provider.Type) provider.Type { return t }

func (authJS) redirectJSON(x *Exchange, _ int, to string) {
	x.h.Set("Location", to)
	x.json(http.StatusOK, map[string]string{"url": to})
}

func (authJS) badRequest(x *Exchange) { x.json(http.StatusBadRequest, "Bad request.") }

func (p authJS) missingCSRF(x *Exchange) {
	if x.action == "session" {
		x.discardCookies()
		x.signedOut(http.StatusBadRequest)
		return
	}
	p.fail(x, "MissingCSRF", http.StatusOK)
}

func (p authJS) unknownProvider(x *Exchange) {
	if x.action == "signin" && x.id == "" {
		x.redirect(http.StatusOK, x.at.URL("signin"))
		return
	}
	p.fail(x, "Configuration", http.StatusOK)
}

// failsOnSignInPage are the codes that Auth.js leads to the sign-in page with.
var failsOnSignInPage = map[string]bool{
	"CredentialsSignin": true, "OAuthAccountNotLinked": true, "OAuthCallbackError": true, "MissingCSRF": true,
	"AccountNotLinked": true, "OAuthSignInError": true, "EmailSignInError": true,
}

// fail sets none of the cookies that the request would have got.
func (p authJS) fail(x *Exchange, code string, _ int) {
	x.discardCookies()
	code = p.code(x, code)
	to := x.absolute(x.customPages.Error, "error")
	if failsOnSignInPage[code] {
		to = x.absolute(x.customPages.SignIn, "signin")
	}
	x.redirect(http.StatusOK, withQuery(to, "error", code))
}

// code translates a code of next-auth v4.
func (authJS) code(x *Exchange, code string) string {
	switch {
	case code == "OAuthSignin":
		return "OAuthSignInError"
	case code == "OAuthCallback", code == "Callback" && x.provider != nil && x.provider.flow != nil:
		return "OAuthCallbackError"
	case code == "Callback":
		return "Configuration"
	}
	return code
}

// wrongCredentials gives the code of the application a parameter of its own.
func (authJS) wrongCredentials(x *Exchange, code string) {
	if code == "" {
		code = "credentials"
	}
	x.discardCookies()
	to := withQuery(x.absolute(x.customPages.SignIn, "signin"), "error", "CredentialsSignin")
	x.redirect(http.StatusOK, withQuery(to, "code", code))
}

func (authJS) tooManyAttempts(x *Exchange) { x.discardCookies() }

func (p authJS) showsSignInPage(x *Exchange) bool {
	if x.id != "" {
		p.fail(x, "Configuration", http.StatusOK)
		return false
	}
	return true
}

func (authJS) errorCode(x *Exchange) (code string, onSignInPage bool) {
	return x.r.URL.Query().Get("error"), false
}

func (authJS) verifyRequestQuery(x *Exchange) string { return x.r.URL.Query().Encode() }
