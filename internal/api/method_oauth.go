package api

import (
	"net/http"

	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// oauth is the sign-in with an OAuth 2 or OpenID provider.
type oauth struct{ *authProvider }

// start sends the browser to the provider.
func (o oauth) start(x *Exchange) {
	to, check, err := o.flow.Start(x.r.Context(), x.at.URL("callback", o.ID), x.r.URL.Query())
	if err == nil {
		err = x.setCheckCookie(signInState{Check: *check, CallbackURL: x.callbackURL, Session: x.sessions.PreviousRef(x.request())})
	}
	if err != nil {
		x.fail(err, "OAuthSignin", http.StatusOK)
		return
	}
	x.redirect(http.StatusOK, to)
}

// callback takes the answer of the provider. No CSRF token guards it: the state
// does, which only this browser's check cookie has.
func (o oauth) callback(x *Exchange) {
	x.h.Set("Referrer-Policy", "no-referrer")
	params := x.r.URL.Query()
	if x.r.Method == http.MethodPost {
		params = x.body.form
	}
	state, err := x.consumeCheckCookie(params.Get("state"))
	if err != nil {
		x.fail(&provider.Error{Code: "OAuthCallback", Err: err}, "", http.StatusOK)
		return
	}
	result, err := o.flow.Finish(x.r.Context(), &state.Check, x.at.URL("callback", o.ID), params)
	if err != nil {
		x.fail(err, "OAuthCallback", http.StatusOK)
		return
	}
	x.callbackURL = state.CallbackURL
	x.complete(proof{
		user: result.User, account: result.Account, profile: result.Profile,
		origin:   token.Origin{Provider: o.ID, ProviderSubject: result.Subject, ProviderSession: result.Session},
		previous: state.Session, crossSite: x.r.Method == http.MethodPost,
	})
}
