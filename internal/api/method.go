package api

import (
	"errors"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// methods make the method of sign-in of a provider, by its type. It is the one place
// in this package that tells ways to sign in apart.
var methods = map[provider.Type]func(provider.Provider, flow.Config) method{
	provider.TypeOAuth:       newOAuth,
	provider.TypeOIDC:        newOAuth,
	provider.TypeCredentials: newCredentials,
	provider.TypeEmail:       newEmail,
}

// A method is a way to sign in. All end in [Call.complete].
type method interface {
	// start answers POST /signin/<id>, which has shown the CSRF token.
	start(c *Call)

	// callback answers GET and POST /callback/<id>. It checks itself what the
	// request has to show.
	callback(c *Call)

	// callbackReads reports whether GET /callback/<id> changes nothing, so that HEAD is
	// answered as GET is, without the body.
	callbackReads() bool

	// formAction is the action to which the form of the sign-in page posts, "signin"
	// or "callback".
	formAction() string
}

// SignIn starts a sign-in with the provider of the path.
func SignIn(c *Call) {
	if c.provider == nil {
		c.unknownProvider()
		return
	}
	c.provider.method.start(c)
}

// Callback finishes a sign-in: with the credentials of a form, or with what a
// provider sends the browser back with.
func Callback(c *Call) {
	if c.provider == nil {
		c.unknownProvider()
		return
	}
	c.provider.method.callback(c)
}

var errUnknownProvider = errors.New("nuxtauth: there is no provider with this ID")

// unknownProvider answers a request with the ID of no provider.
func (c *Call) unknownProvider() {
	c.failure = errUnknownProvider
	if c.providerID != "" {
		c.warnings.add(c.r.Context(), "nuxtauth: a request names a provider that Config.Providers does not have", "action", c.action, "provider", cut(c.providerID))
	}
	c.cfg.Protocol.unknownProvider(c)
}
