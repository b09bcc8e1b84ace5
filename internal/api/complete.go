package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// A proof is what a method of sign-in has established.
type proof struct {
	user        *provider.User
	account     *provider.Account
	profile     provider.Profile
	credentials url.Values // of credentials alone
	origin      token.Origin

	previous  string // the session that the browser had when it left for the provider
	crossSite bool   // the request comes from the provider's site, without the session's cookies
}

// complete asks the SignIn callback, begins the session and redirects the browser to
// the callback URL: every sign-in ends here. It reports whether the session has begun.
func (c *Call) complete(p proof) bool {
	ctx := c.r.Context()
	if accept := c.cfg.Callbacks.SignIn; accept != nil {
		err := accept(ctx, &SignInParams{User: p.user, Account: p.account, Profile: p.profile, Credentials: p.credentials})
		if elsewhere, ok := errors.AsType[*RedirectError](err); ok {
			c.redirect(http.StatusForbidden, c.safeURL(elsewhere.URL))
			return false
		}
		if err != nil {
			c.fail(err, codeAccessDenied, http.StatusForbidden)
			return false
		}
	}
	if !c.cfg.RecordOrigin {
		p.origin = token.Origin{}
	}
	_, err := c.cfg.Sessions.Start(c.request(), session.SignIn{
		User: p.user, Account: p.account, Profile: p.profile, Origin: p.origin,
		KeepIDToken: c.provider.FederatedLogout, Previous: p.previous, CrossSite: p.crossSite,
	})
	if err != nil {
		c.fail(fmt.Errorf("the session of the sign-in: %w", err), codeCallback, http.StatusUnauthorized)
		return false
	}
	if event := c.cfg.Callbacks.SignInEvent; event != nil {
		event(ctx, &SignInEvent{User: p.user, Account: p.account, Profile: p.profile})
	}
	c.redirect(http.StatusOK, c.callbackURL)
	return true
}
