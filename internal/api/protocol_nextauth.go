package api

import (
	"cmp"
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
	return token.NewNextAuth("", secrets...)
}

func (nextAuth) CheckCodec(cookieName string, secrets []string) (token.Codec, error) {
	return token.NewNextAuth(cookieName, secrets...)
}

// acceptsPath takes any path after an action with a provider, and a code after error. After
// other actions next-auth takes one too: /session/logo.png would be session data for which
// a cache in front of the server has a rule of its own.
func (nextAuth) acceptsPath(c *Call, r *Route) bool {
	return r.Provider || c.action == "error" || c.providerID == "" && !c.extraSegments
}

func (nextAuth) csrfByOrigin(*Call) bool { return false }

func (nextAuth) signedOutJSON() string { return "{}" }

// providerType has no name of its own for OpenID Connect.
func (nextAuth) providerType(t provider.Type) provider.Type {
	if t == provider.TypeOIDC {
		return provider.TypeOAuth
	}
	return t
}

func (nextAuth) redirectJSON(c *Call, status int, to string) {
	c.json(status, map[string]string{"url": to})
}

func (nextAuth) badRequest(c *Call) {
	if c.unknownPage() {
		return
	}
	c.h.Set("Content-Type", "text/plain; charset=utf-8")
	c.w.WriteHeader(http.StatusBadRequest)
	if c.r.Method != http.MethodHead {
		c.write([]byte("Unknown path, method or provider below " + c.Path() + ".\n"))
	}
}

func (nextAuth) missingCSRF(c *Call) {
	switch c.action {
	case "session":
		c.signedOut(http.StatusBadRequest)
	case "callback":
		c.redirect(http.StatusOK, c.base.URL("signin")+"?csrf=true")
	default:
		c.redirect(http.StatusOK, c.base.URL(c.action)+"?csrf=true")
	}
}

func (p nextAuth) unknownProvider(c *Call) {
	if c.action == "signin" {
		c.redirect(http.StatusOK, c.base.URL("signin")+"?csrf=true")
		return
	}
	p.badRequest(c)
}

func (nextAuth) fail(c *Call, code string, status int) {
	c.redirect(status, withQuery(c.base.URL("error"), "error", code))
}

func (nextAuth) wrongCredentials(c *Call) {
	c.keepForm()
	to := withQuery(c.base.URL("error"), "error", CodeCredentialsSignIn)
	c.redirect(http.StatusUnauthorized, withQuery(to, "provider", c.providerID))
}

func (p nextAuth) deniedCredentials(c *Call, code string) {
	c.keepForm()
	p.fail(c, cmp.Or(code, CodeCallback), http.StatusUnauthorized)
}

func (nextAuth) failsLater(*Call) {}

func (nextAuth) showsSignInPage(*Call) bool { return true }

// shownOnSignInPage are the codes that next-auth shows on the sign-in page.
var shownOnSignInPage = map[string]bool{
	"Signin": true, CodeOAuthSignIn: true, CodeOAuthCallback: true, "OAuthCreateAccount": true, "EmailCreateAccount": true,
	CodeCallback: true, "OAuthAccountNotLinked": true, "EmailSignin": true, CodeCredentialsSignIn: true, "SessionRequired": true,
	CodeCancelled: true,
}

// errorCode takes the code from the path too, where there is no other.
func (nextAuth) errorCode(c *Call) (code string, onSignInPage bool) {
	code = cmp.Or(c.r.URL.Query().Get("error"), c.providerID)
	return code, shownOnSignInPage[code]
}

func (nextAuth) verifyRequestQuery(*Call) string { return "" }
