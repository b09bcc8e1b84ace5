package api

import (
	"net/http"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// NextAuth is the protocol of next-auth v4 and @sidebase/nuxt-auth.
var NextAuth Protocol = nextAuth{}

type nextAuth struct{}

func (nextAuth) Prefix() string { return "next-auth" }

func (nextAuth) ChunkSize() int { return cookie.NextAuthSize }

// SessionCodec has no salt: next-auth encrypts every session cookie with the same key.
func (nextAuth) SessionCodec(_ string, secrets []string) (token.Codec, error) {
	return token.NextAuth("", secrets...)
}

func (nextAuth) CheckCodec(cookieName string, secrets []string) (token.Codec, error) {
	return token.NextAuth(cookieName, secrets...)
}

// acceptsPath ignores segments that follow the provider's ID.
func (nextAuth) acceptsPath(x *Exchange) bool { return x.action != "" }

func (nextAuth) signedOutJSON() string { return "{}" }

// providerType has no name of its own for OpenID Connect.
func (nextAuth) providerType(t provider.Type) provider.Type {
	if t == provider.TypeOIDC {
		return provider.TypeOAuth
	}
	return t
}

func (nextAuth) redirectJSON(x *Exchange, status int, to string) {
	x.json(status, map[string]string{"url": to})
}

func (nextAuth) badRequest(x *Exchange) {
	x.h.Set("Content-Type", "text/plain; charset=utf-8")
	x.w.WriteHeader(http.StatusBadRequest)
	if x.r.Method != http.MethodHead {
		x.write([]byte("Unknown path or method below " + x.Path() + ".\n"))
	}
}

func (nextAuth) missingCSRF(x *Exchange) {
	switch x.action {
	case "session":
		x.signedOut(http.StatusBadRequest)
	case "callback":
		x.redirect(http.StatusOK, x.at.URL("signin")+"?csrf=true")
	default:
		x.redirect(http.StatusOK, x.at.URL(x.action)+"?csrf=true")
	}
}

func (p nextAuth) unknownProvider(x *Exchange) {
	if x.action == "signin" {
		x.redirect(http.StatusOK, x.at.URL("signin")+"?csrf=true")
		return
	}
	p.badRequest(x)
}

func (nextAuth) fail(x *Exchange, code string, status int) {
	x.redirect(status, withQuery(x.at.URL("error"), "error", code))
}

// wrongCredentials knows no codes of the application.
func (p nextAuth) wrongCredentials(x *Exchange, code string) {
	if code != "" {
		p.fail(x, code, http.StatusUnauthorized)
		return
	}
	to := withQuery(x.at.URL("error"), "error", "CredentialsSignin")
	x.redirect(http.StatusUnauthorized, withQuery(to, "provider", x.id))
}

func (nextAuth) tooManyAttempts(*Exchange) {}

func (nextAuth) showsSignInPage(*Exchange) bool { return true }

// shownOnSignInPage are the codes that next-auth shows on the sign-in page.
var shownOnSignInPage = map[string]bool{
	"Signin": true, "OAuthSignin": true, "OAuthCallback": true, "OAuthCreateAccount": true, "EmailCreateAccount": true,
	"Callback": true, "OAuthAccountNotLinked": true, "EmailSignin": true, "CredentialsSignin": true, "SessionRequired": true,
}

// errorCode takes the code from the path too, where there is no other.
func (nextAuth) errorCode(x *Exchange) (code string, onSignInPage bool) {
	if code = x.r.URL.Query().Get("error"); code == "" {
		code = x.id
	}
	return code, shownOnSignInPage[code]
}

func (nextAuth) verifyRequestQuery(*Exchange) string { return "" }
