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

// complete asks the SignIn callback, begins the session and leads the browser on:
// every sign-in ends here. It reports whether the session has begun.
func (x *Exchange) complete(p proof) bool {
	ctx := x.r.Context()
	if accept := x.callbacks.SignIn; accept != nil {
		err := accept(ctx, &SignInParams{User: p.user, Account: p.account, Profile: p.profile, Credentials: p.credentials})
		if elsewhere, ok := errors.AsType[*RedirectError](err); ok {
			x.redirect(http.StatusForbidden, x.safeURL(elsewhere.URL))
			return false
		}
		if err != nil {
			x.fail(err, "AccessDenied", http.StatusForbidden)
			return false
		}
	}
	if !x.recordOrigin {
		p.origin = token.Origin{}
	}
	_, err := x.sessions.Start(x.request(), session.SignIn{
		User: p.user, Account: p.account, Profile: p.profile, Origin: p.origin,
		KeepIDToken: x.provider.FederatedLogout, Previous: p.previous, CrossSite: p.crossSite,
	})
	if err != nil {
		x.fail(fmt.Errorf("the session of the sign-in: %w", err), "Callback", http.StatusUnauthorized)
		return false
	}
	if event := x.callbacks.SignedIn; event != nil {
		x.report(ctx, "the SignIn event", event(ctx, &SignInEvent{User: p.user, Account: p.account, Profile: p.profile}))
	}
	x.redirect(http.StatusOK, x.callbackURL)
	return true
}
