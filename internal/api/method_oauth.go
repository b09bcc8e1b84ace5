package api

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// oauth is the sign-in with an OAuth 2 or OpenID provider.
type oauth struct{ flow *flow.Flow }

func newOAuth(p provider.Provider, cfg flow.Config) method { return oauth{flow.New(p, cfg)} }

func (oauth) formAction() string { return "signin" }

func (oauth) callbackReads() bool { return false } // it redeems the code

// start sends the browser to the provider.
func (o oauth) start(c *Call) {
	linkTo, err := c.linkTo()
	if err != nil {
		c.fail(err, CodeOAuthSignIn, http.StatusOK)
		return
	}
	to, check, err := o.flow.Start(c.r.Context(), c.base.URL("callback", c.providerID), c.r.URL.Query())
	if err == nil {
		err = c.setCheckCookie(signInState{Check: *check, CallbackURL: c.callbackURL, Previous: c.cfg.Sessions.PreviousRef(c.request()), LinkTo: linkTo})
	}
	if err != nil {
		c.fail(err, CodeOAuthSignIn, http.StatusOK)
		return
	}
	c.redirect(http.StatusOK, to)
}

// maxLocation is the length of a URL with the answer of a provider. Some servers accept no
// longer line of a request.
const maxLocation = 8 << 10

// callback takes the answer of the provider. No CSRF token guards it: the state
// does, which only this browser's check cookie has.
func (o oauth) callback(c *Call) {
	c.h.Set("Referrer-Policy", "no-referrer")
	params := c.r.URL.Query()
	if c.r.Method == http.MethodPost {
		params = c.body.form
	}
	redirectURI := c.base.URL("callback", c.providerID)
	if c.r.Method == http.MethodPost && c.isLinking(params.Get("state")) {
		// The post of another site comes without the session. The browser shows it with a
		// request of its own.
		to := appendQuery(redirectURI, params.Encode())
		if len(to) > maxLocation {
			c.fail(errors.New("the answer of the provider is too long for a URL"), CodeOAuthCallback, http.StatusOK)
			return
		}
		c.h.Set("Location", to)
		c.w.WriteHeader(http.StatusSeeOther)
		return
	}
	state, err := c.consumeCheckCookie(params.Get("state"))
	if err == nil {
		err = o.flow.CheckResponse(&state.Check, redirectURI, params)
	}
	if err != nil {
		c.fail(err, CodeOAuthCallback, http.StatusOK)
		return
	}
	if state.LinkTo != "" {
		if err := c.checkLink(state.LinkTo); err != nil {
			c.fail(err, CodeCallback, http.StatusOK)
			return
		}
	}
	// Only an answer with a code is counted: all others cost nothing, and end here.
	attempt := c.limiter.countCallback(c)
	if attempt.rejectedFor > 0 {
		c.tooManyAttempts(attempt)
		return
	}
	if err := c.countState(state.State); err != nil {
		c.fail(err, CodeOAuthCallback, http.StatusOK)
		return
	}
	result, err := o.flow.Finish(c.r.Context(), &state.Check, redirectURI, params)
	if err != nil {
		c.fail(err, CodeOAuthCallback, http.StatusOK)
		return
	}
	c.callbackURL = state.CallbackURL
	if c.complete(proof{
		user: result.User, account: result.Account, profile: result.Profile,
		origin: token.Origin{
			Provider: c.providerID, Issuer: result.Issuer,
			ProviderSubject: cmp.Or(result.Subject, result.Account.ProviderAccountID), ProviderSession: result.Session,
		},
		linkTo: state.LinkTo, checkLink: func() error { return c.checkLink(state.LinkTo) }, previous: state.Previous, crossSite: c.r.Method == http.MethodPost,
	}) {
		attempt.succeeded(c.r.Context())
	}
}
