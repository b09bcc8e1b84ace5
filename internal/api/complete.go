package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A proof is what a method of sign-in has established.
type proof struct {
	user        *provider.User
	account     *provider.Account
	profile     provider.Profile
	credentials url.Values // of credentials alone
	origin      token.Origin

	keepIDToken bool              // for the sign-out at the provider
	previous    session.Reference // the session that the browser had when it left for the provider
	crossSite   bool              // the request comes from the provider's site, without the session's cookies
}

// complete asks the SignIn callback, begins the session and redirects the browser to
// the callback URL: every sign-in of the API ends here. It reports whether the session
// has begun.
func (c *Call) complete(p proof) bool {
	p.keepIDToken = c.provider.FederatedLogout
	r := c.request()
	client := c.client(r)
	if err := c.accept(r.Context(), p, client); err != nil {
		if to, ok := c.cfg.Callbacks.RedirectURL(err); ok {
			c.redirect(http.StatusOK, c.safeURL(to))
			return false
		}
		c.fail(err, CodeAccessDenied, http.StatusForbidden)
		return false
	}
	if err := c.begin(r, p, client); err != nil {
		c.fail(fmt.Errorf("the session of the sign-in: %w", err), CodeCallback, http.StatusUnauthorized)
		return false
	}
	c.redirect(http.StatusOK, c.callbackURL)
	return true
}

// SignIn begins the session of a user whom the application has identified by itself,
// and writes its cookies to the response of r. The error is that of the SignIn
// callback, or of [session.Manager.Start].
func (s *Server) SignIn(r session.Request, u *provider.User, a *provider.Account) error {
	p := proof{
		user: u, account: a, profile: u.Profile, origin: token.Origin{Provider: a.Provider, Issuer: a.Issuer, ProviderSubject: a.ProviderAccountID},
		keepIDToken: s.cfg.Providers.byID[a.Provider].endsSession(),
	}
	client := s.client(r)
	if err := s.accept(r.Context(), p, client); err != nil {
		return err
	}
	return s.begin(r, p, client)
}

// client is that of a request, for callbacks and events.
func (s *Server) client(r session.Request) clientip.Client {
	client := s.cfg.Clients.Of(r.Source, r.Header)
	client.UserAgent = store.UserAgent(client.UserAgent)
	return client
}

// accept asks the SignIn callback.
func (s *Server) accept(ctx context.Context, p proof, client clientip.Client) error {
	if s.cfg.Callbacks.SignIn == nil {
		return nil
	}
	return s.cfg.Callbacks.SignIn(ctx, &SignInParams{
		User: p.user, Account: p.account, Profile: p.profile, Credentials: p.credentials, IP: client.IP, UserAgent: client.UserAgent,
	})
}

// begin begins the session of a sign-in that was accepted, and calls the SignIn event.
func (s *Server) begin(r session.Request, p proof, client clientip.Client) error {
	begun, err := s.cfg.Sessions.Start(r, session.SignIn{
		User: p.user, Account: p.account, Profile: p.profile, Origin: p.origin,
		KeepIDToken: p.keepIDToken, Previous: p.previous, CrossSite: p.crossSite,
	})
	if err != nil {
		return err
	}
	if event := s.cfg.Callbacks.SignInEvent; event != nil {
		event(r.Context(), &SignInEvent{Session: begun, User: p.user, Account: p.account, Profile: p.profile, Client: client})
	}
	return nil
}
