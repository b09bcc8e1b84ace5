// Package flow is the way of a sign-in through an OAuth 2 or OpenID Connect
// provider: the authorization URL that the browser is sent to, the checks of
// the answer that it brings back, the exchange of the code for tokens, the
// verification of the ID token, and the user's profile; later, new tokens for
// the refresh token; and in the end the sign-out at the provider, and its word
// that somebody has signed out there.
//
// It keeps no state between the two halves; a [Check] does, which the caller
// seals into a cookie. It logs nothing: its errors tell it all, without
// secrets, codes or tokens.
package flow

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/nuxtauth/nuxtauth/provider"
)

// A Config is what all flows of an application share. The zero value works.
type Config struct {
	// HTTPClient lends its Transport and Timeout to the requests to the
	// provider. Its CheckRedirect and Jar are not used: no redirect is followed
	// and no cookie kept. Nil means a transport of the flow's own.
	HTTPClient *http.Client

	// Timeout is the time that a call of Start, Finish or another method may
	// take, all requests together.
	// Zero means 10 seconds.
	Timeout time.Duration

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// A Flow signs people in with one provider. It is safe for concurrent use.
type Flow struct {
	provider provider.Provider
	client   *client
	timeout  time.Duration
	now      func() time.Time

	known     atomic.Pointer[metadata] // what discovery found
	discovery singleflight.Group
}

// A Check is what a browser carries between the two halves of a sign-in, so
// that the second half belongs to the first: same browser, same provider, same
// redirect URI. The caller seals it into a short-lived cookie and spends it at
// once, whatever Finish says. It holds secrets.
type Check struct {
	Provider    string `json:"provider"`
	Issuer      string `json:"issuer,omitempty"`
	RedirectURI string `json:"redirect_uri"`
	State       string `json:"state"`
	Nonce       string `json:"nonce,omitempty"` // OpenID Connect only
	Verifier    string `json:"code_verifier"`
}

// A Result is a sign-in that the provider vouches for.
type Result struct {
	User    *provider.User
	Account *provider.Account
	Profile provider.Profile // what the provider said

	// Subject and Session are the "sub" and the "sid" of the ID token: by them a
	// [Refresh] and a [LogoutToken] name the sign-in again. Session is empty
	// where the provider sends none, and both are for OAuth 2.
	Subject string
	Session string
}

// New returns the flow of p, which must be valid (see provider.Validate). It
// does not touch the network: discovery happens when somebody signs in, so that
// an application starts while a provider is down.
func New(p provider.Provider, cfg Config) *Flow {
	p.Scopes = slices.Clone(p.Scopes)
	p.AllowedParams = slices.Clone(p.AllowedParams)
	p.AuthorizationParams = maps.Clone(p.AuthorizationParams)
	if len(p.Scopes) == 0 && p.Type == provider.TypeOIDC {
		p.Scopes = []string{"openid", "profile", "email"}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Flow{
		provider: p,
		client:   newClient(cfg.HTTPClient),
		timeout:  cmp.Or(cfg.Timeout, 10*time.Second),
		now:      cfg.Now,
	}
}

// Start begins a sign-in: it returns the URL to send the browser to and the
// check to send with it. Of query, the parameters of the request that asked for
// the sign-in, login_hint, prompt, ui_locales and the provider's AllowedParams
// go along.
//
// An error is an *provider.Error with the code OAuthSignin: the provider's
// metadata could not be had.
func (f *Flow) Start(ctx context.Context, redirectURI string, query url.Values) (string, *Check, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()

	m, err := f.metadata(ctx)
	if err != nil {
		return "", nil, f.fail("OAuthSignin", err)
	}
	check := &Check{
		Provider:    f.provider.ID,
		Issuer:      f.provider.Issuer,
		RedirectURI: redirectURI,
		State:       rand.Text(),
		Verifier:    oauth2.GenerateVerifier(),
	}
	if f.provider.Type == provider.TypeOIDC {
		check.Nonce = rand.Text()
	}
	return f.authorizationURL(m, check, query), check, nil
}

// Finish ends a sign-in with the parameters that the provider sent back through
// the browser, the query or the form of the callback. check is what Start
// returned to this browser, and redirectURI the same as then.
//
// An error is an *provider.Error. Its code is AccessDenied when the user said
// no, Callback for another error that the provider named, OAuthCallback for
// everything else, or the Profile function's own.
func (f *Flow) Finish(ctx context.Context, check *Check, redirectURI string, params url.Values) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()

	if err := f.checkState(check, redirectURI, params); err != nil {
		return nil, f.fail("OAuthCallback", err)
	}
	if params.Has("error") {
		return nil, f.refusal(params)
	}
	result, err := f.finish(ctx, check, params)
	if own, ok := errors.AsType[*provider.Error](err); ok {
		return nil, own
	}
	if err != nil {
		return nil, f.fail("OAuthCallback", err)
	}
	return result, nil
}

func (f *Flow) finish(ctx context.Context, check *Check, params url.Values) (*Result, error) {
	m, err := f.metadata(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.checkIssuer(m, params); err != nil {
		return nil, err
	}
	code, err := single(params, "code")
	if err != nil {
		return nil, err
	}
	account, err := f.exchange(ctx, m, check, code)
	if err != nil {
		return nil, err
	}
	profile, id, err := f.profile(ctx, m, check, account, params.Get("iss"))
	if err != nil {
		return nil, err
	}
	user, err := f.user(ctx, profile, account, params)
	if err != nil {
		return nil, err
	}
	account.ProviderAccountID = user.ID
	return &Result{User: user, Account: account, Profile: profile, Subject: id.Subject, Session: text(id.Session)}, nil
}

// checkState ties the answer to the browser, the provider and the redirect URI
// of the first half (RFC 9700 §4.7). It needs no network, so an answer that
// nobody asked for costs nothing.
func (f *Flow) checkState(check *Check, redirectURI string, params url.Values) error {
	if check == nil {
		return errors.New("the browser brought no check of this sign-in")
	}
	if check.Provider != f.provider.ID || check.Issuer != f.provider.Issuer {
		return fmt.Errorf("the check is one of provider %s, issuer %s", quote(check.Provider), quote(check.Issuer))
	}
	if check.RedirectURI != redirectURI {
		return fmt.Errorf("the sign-in began with the redirect URI %s and ended at %s", quote(check.RedirectURI), quote(redirectURI))
	}
	if check.State == "" || check.Verifier == "" || check.Nonce == "" && f.provider.Type == provider.TypeOIDC {
		return errors.New("the check is not complete")
	}
	state, err := single(params, "state")
	if err != nil {
		return err
	}
	if !equal(state, check.State) {
		return errors.New("the state is not the one of this browser")
	}
	return nil
}

// refusal is the provider's error (RFC 6749 §4.1.2.1). Its words are for the
// log alone.
func (f *Flow) refusal(params url.Values) error {
	code := "Callback"
	if params.Get("error") == "access_denied" {
		code = "AccessDenied"
	}
	return f.fail(code, fmt.Errorf("the provider answered %s: %s", quote(params.Get("error")), quote(params.Get("error_description"))))
}

// checkIssuer is the defence against mix-up attacks of RFC 9207 §2.4. Where the
// issuer depends on the tenant, profile compares it with the ID token's.
func (f *Flow) checkIssuer(m *metadata, params url.Values) error {
	if !params.Has("iss") {
		if m.IssParameterSupported {
			return errors.New("the answer lacks the iss parameter that the provider announces")
		}
		return nil
	}
	iss, err := single(params, "iss")
	if err != nil {
		return err
	}
	if m.Issuer != "" && !m.tenants && iss != m.Issuer {
		return fmt.Errorf("the answer is one of issuer %s, not of %s", quote(iss), quote(m.Issuer))
	}
	return nil
}

// maxParam is how long a parameter of the provider's answer may be, in bytes.
const maxParam = 4096

// single returns a parameter that must be there once and not be empty.
func single(params url.Values, name string) (string, error) {
	values := params[name]
	if len(values) != 1 || values[0] == "" {
		return "", fmt.Errorf("the answer has %d values of the %s parameter, or an empty one", len(values), name)
	}
	if len(values[0]) > maxParam {
		return "", fmt.Errorf("the %s parameter has %d bytes", name, len(values[0]))
	}
	return values[0], nil
}

// equal compares secrets in constant time.
func equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
