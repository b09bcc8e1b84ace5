package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A proof is what a method of sign-in has established.
type proof struct {
	kind        account.Kind
	user        *provider.User
	account     *provider.Account
	profile     provider.Profile
	credentials url.Values // of credentials alone
	origin      token.Origin

	since               time.Time         // of credentials: when the form came
	checkLink           func() error      // with linkTo: returns an error if this user is not signed in any more
	linkTo              string            // the user to whom the account is to be linked, "" for a sign-in
	vouchesForEmail     bool              // the provider is trusted with addresses
	keepIDToken         bool              // for the sign-out at the provider
	previous            session.Reference // the session that the browser had when it left for the provider
	verificationRequest bool              // a link is asked for, and nothing is proved yet

	local     bool // the session gets tokens in place of a cookie
	crossSite bool // the request comes from the provider's site, without the session's cookies
}

// stillLinking returns an error if the user who asked for an account to be linked is not
// signed in any more.
func (p proof) stillLinking() error {
	if p.linkTo == "" {
		return nil
	}
	return p.checkLink()
}

// denied is an error of the SignIn callback.
type denied struct{ error }

// usersError is an error of the users of the application: a [*provider.Error] if the sign-in
// is refused, or else a fault, which is temporary.
func usersError(err error) error {
	if _, ok := errors.AsType[*provider.Error](err); ok || err == nil {
		return err
	}
	return fmt.Errorf("nuxtauth: find or store the user: %w", session.Transient(err))
}

func (d denied) Unwrap() error { return d.error }

// complete asks the SignIn callback, finds or makes the user, begins the session and
// redirects the browser to the callback URL: every sign-in of a browser ends here. It reports
// whether the session has begun.
func (c *Call) complete(p proof) bool {
	p.keepIDToken = c.provider.FederatedLogout
	p.vouchesForEmail = c.provider.VerifiesEmail
	r := c.request()
	result, _, err := c.signIn(r, p)
	if err != nil {
		c.refuseSignIn(err)
		return false
	}
	if result.LinkAfterProof {
		c.waitForProof(result.User.ID, p)
		return false
	}
	c.linkPending(result.User.ID)
	if result.New && c.cfg.CustomPages.NewUser != "" {
		c.redirect(http.StatusOK, withQuery(c.cfg.CustomPages.NewUser, "callbackUrl", c.callbackURL))
		return true
	}
	c.redirect(http.StatusOK, c.callbackURL)
	return true
}

// refuseSignIn answers a sign-in that has failed after it was proven.
func (c *Call) refuseSignIn(err error) {
	if to, ok := c.cfg.Callbacks.RedirectURL(err); ok {
		c.failure = &provider.Error{Code: CodeAccessDenied, Err: err}
		c.refused(err, CodeAccessDenied)
		c.redirect(http.StatusOK, c.safeURL(to))
		return
	}
	if _, ok := errors.AsType[denied](err); ok {
		c.fail(err, CodeAccessDenied, http.StatusForbidden)
		return
	}
	c.fail(fmt.Errorf("the session of the sign-in: %w", err), CodeCallback, http.StatusUnauthorized)
}

// SignIn begins the session of a user whom the application has identified by itself,
// and writes its cookies to the response of r. The error is that of the SignIn
// callback, of [session.Manager.Start], or a [*provider.Error] if the user may not sign in.
func (s *Server) SignIn(r session.Request, u *provider.User, a *provider.Account) error {
	kind := account.AtProvider
	if a.Type == provider.TypeCredentials {
		kind = account.AtForm
	}
	result, _, err := s.signIn(r, proof{
		kind: kind, user: u, account: a, profile: u.Profile, origin: token.Origin{Provider: a.Provider, Issuer: a.Issuer, ProviderSubject: a.ProviderAccountID},
		keepIDToken: s.cfg.Providers.byID[a.Provider].endsSession(), vouchesForEmail: true, since: s.cfg.Now(),
	})
	if d, ok := errors.AsType[denied](err); ok {
		return d.error
	}
	if result.LinkAfterProof {
		return &provider.Error{Code: account.CodeNotLinked, Err: errors.New("another user has the e-mail address of the account")}
	}
	return err
}

// client is that of a request, for callbacks and events.
func (s *Server) client(r session.Request) clientip.Client {
	client := s.cfg.Clients.Of(r.Source, r.Header)
	client.UserAgent = store.UserAgent(client.UserAgent)
	return client
}

// signIn asks the SignIn callback, finds or makes the user, begins the session, and calls
// the SignIn event. The result has the user of the session. The session is nil after an
// error, and with LinkAfterProof.
func (s *Server) signIn(r session.Request, p proof) (account.Result, *session.Session, error) {
	ctx, client := r.Context(), s.client(r)
	if s.cfg.Users == nil {
		result := account.Result{User: p.user}
		if err := s.accept(ctx, p, p.user, client); err != nil {
			return result, nil, err
		}
		begun, err := s.begin(r, p, nil, result, client)
		return result, begun, err
	}
	of := &account.Proof{
		Kind: p.kind, User: p.user, Account: p.account, Profile: p.profile, VouchesForEmail: p.vouchesForEmail, LinkTo: p.linkTo,
		Since: p.since,
	}
	known, err := s.cfg.Users.Find(ctx, of)
	if err != nil {
		return account.Result{}, nil, usersError(err)
	}
	if known == nil {
		known = p.user
	}
	if err := s.accept(ctx, p, known, client); err != nil {
		return account.Result{}, nil, err
	}
	if err := p.stillLinking(); err != nil {
		return account.Result{}, nil, err
	}
	result, err := s.cfg.Users.Resolve(ctx, of)
	if err != nil || result.LinkAfterProof {
		return result, nil, usersError(err)
	}
	if err := p.stillLinking(); err != nil { // the sessions may have ended before the account was there to be removed with them
		return account.Result{}, nil, errors.Join(err, usersError(s.cfg.Users.Undo(ctx, of, result)))
	}
	begun, err := s.begin(r, p, of, result, client)
	return result, begun, err
}

// accept asks the SignIn callback. The error is [denied].
func (s *Server) accept(ctx context.Context, p proof, u *provider.User, client clientip.Client) error {
	if s.cfg.Callbacks.SignIn == nil {
		return nil
	}
	err := s.cfg.Callbacks.SignIn(ctx, &SignInParams{
		User: u, Account: p.account, Profile: p.profile, Credentials: p.credentials, IP: client.IP, UserAgent: client.UserAgent,
		VerificationRequest: p.verificationRequest,
	})
	if err != nil {
		return denied{err}
	}
	return nil
}

// begin begins the session of a sign-in that was accepted, and calls the SignIn event. of
// is p for the users of the application, nil if it has none.
func (s *Server) begin(r session.Request, p proof, of *account.Proof, result account.Result, client clientip.Client) (*session.Session, error) {
	begun, err := s.cfg.Sessions.Start(r, session.SignIn{
		User: result.User, Account: p.account, Profile: p.profile, IsNewUser: result.New, Origin: p.origin,
		KeepIDToken: p.keepIDToken, Previous: p.previous, CrossSite: p.crossSite, Local: p.local,
	})
	if err != nil {
		return nil, err
	}
	if of != nil {
		if err := s.cfg.Users.Confirm(r.Context(), of, result); err != nil {
			return nil, errors.Join(usersError(err), s.cfg.Sessions.Discard(r, begun))
		}
	}
	if event := s.cfg.Callbacks.SignInEvent; event != nil {
		event(r.Context(), &SignInEvent{
			Session: begun, User: result.User, Account: p.account, Profile: p.profile, IsNewUser: result.New, Client: client,
		})
	}
	return begun, nil
}
