package api

import (
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// A method is a way to sign in: OAuth 2 and OpenID Connect, or credentials. Both
// end in [Exchange.complete].
type method interface {
	// start answers POST /signin/<id>, which has shown the CSRF token.
	start(x *Exchange)

	// callback answers GET and POST /callback/<id>. It checks itself what the
	// request has to show.
	callback(x *Exchange)
}

// An authProvider is a provider of the configuration with its method of sign-in.
type authProvider struct {
	provider.Provider
	method method
	flow   *flow.Flow // of OAuth and OpenID providers, nil for others
}

func newProvider(p provider.Provider, f *flow.Flow) *authProvider {
	own := &authProvider{Provider: p, flow: f}
	if f != nil {
		own.method = oauth{own}
	} else {
		own.method = credentials{own}
	}
	return own
}

// endsSession reports whether a sign-out goes on at the provider.
func (p *authProvider) endsSession() bool { return p != nil && p.flow != nil && p.FederatedLogout }

// SignIn starts a sign-in with the provider of the path.
func (x *Exchange) SignIn() {
	if x.provider == nil {
		x.protocol.unknownProvider(x)
		return
	}
	x.provider.method.start(x)
}

// Callback finishes a sign-in: with the credentials of a form, or with what a
// provider sends the browser back with.
func (x *Exchange) Callback() {
	if x.provider == nil {
		x.protocol.unknownProvider(x)
		return
	}
	x.provider.method.callback(x)
}
