// Package flow implements the client of an OAuth 2 or OpenID Connect provider: the
// authorization URL, the checks of the authorization response, the token request,
// the verification of the ID token and the user's profile; refresh token requests;
// and logout in both directions (RP-initiated and back-channel).
//
// The state of a sign-in is in a [Check], which the caller seals into a cookie; a
// [Flow] keeps none. The package logs keys that it skips, and nothing else. Its errors
// contain no secret, code or token.
package flow

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/provider"
)

// Config is the configuration that all flows of an application share. The zero
// value is valid.
type Config struct {
	// HTTPClient supplies the Transport and the Timeout of requests to the
	// provider. Its CheckRedirect and Jar are not used: redirects are not
	// followed, and cookies are not kept. Nil, or a nil Transport, means a clone of
	// http.DefaultTransport with a dialer that checks addresses. A Transport of its
	// own is not checked by the addresses to which names resolve.
	HTTPClient *http.Client

	// Timeout bounds a call of Start, Finish or another method, including all of
	// its requests. Zero means 10 seconds.
	Timeout time.Duration

	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	// Observe is called around each request to a provider. Nil means none.
	Observe observe.Func

	// Log gets the reasons why keys of a provider are not used. Nil means none.
	Log *slog.Logger
}

// Flow is the client of one provider. It is safe for concurrent use.
type Flow struct {
	provider provider.Provider
	client   *client
	allowed  *addresses
	timeout  time.Duration
	now      func() time.Time
	log      *slog.Logger

	cached    atomic.Pointer[metadata] // of the latest discovery
	discovery singleflight.Group
	failed    atomic.Pointer[attempt] // the latest discovery that failed
}

// Check is the state of a sign-in between [Flow.Start] and [Flow.Finish]. It binds
// the authorization response to the browser, the provider and the redirect URI of
// the request (RFC 9700 §4.7). The caller seals it into a short-lived cookie, and
// clears that cookie whatever Finish returns. It contains secrets.
type Check struct {
	Provider    string `json:"provider"`
	Issuer      string `json:"issuer,omitempty"`
	RedirectURI string `json:"redirect_uri"`
	State       string `json:"state"`
	Nonce       string `json:"nonce,omitempty"` // OpenID Connect only
	Verifier    string `json:"code_verifier"`
}

// Result is a verified sign-in.
type Result struct {
	User    *provider.User
	Account *provider.Account
	Profile provider.Profile // the provider's data of the user

	// Issuer is the "iss" of the ID token if it is not the Issuer of the provider,
	// which has many tenants, or else empty. A Subject and a Session are unique with
	// their issuer alone (OpenID Connect Core §2).
	Issuer string

	// Subject and Session are the "sub" and the "sid" of the ID token, by which a
	// [Refresh] and a [LogoutToken] identify the sign-in. Session is empty if the
	// provider sends none. Both are empty for OAuth 2.
	Subject string
	Session string
}

// New returns the flow of p, which must be valid (see [provider.Provider.Validate]).
// It makes no request: discovery is part of the first sign-in, so that an
// application starts while a provider is down.
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
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	allowed := newAddresses(p)
	return &Flow{
		provider: p,
		client:   newClient(cfg, p.ID, allowed),
		allowed:  allowed,
		timeout:  cmp.Or(cfg.Timeout, 10*time.Second),
		now:      cfg.Now,
		log:      cfg.Log.With("provider", p.ID),
	}
}

// Start begins a sign-in: it returns the authorization URL and the check for the
// browser. query has the parameters of the request for the sign-in, of which
// login_hint, prompt, ui_locales and the provider's AllowedParams are copied into
// the URL.
//
// The error is a *provider.Error with the code OAuthSignin: the metadata of the
// provider are not available or not valid.
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

// CheckResponse returns nil if an authorization response has a code and belongs to the
// check. params is the query or the form of the callback; check and redirectURI are
// those of [Flow.Start] for this browser. It makes no request, so that a forged
// response costs none.
//
// The error is a *provider.Error. Its code is Cancelled if the user has denied access,
// Callback for another error response, or else OAuthCallback.
func (f *Flow) CheckResponse(check *Check, redirectURI string, params url.Values) error {
	if err := f.checkState(check, redirectURI, params); err != nil {
		return f.fail("OAuthCallback", err)
	}
	if params.Has("error") {
		return f.errorResponse(params)
	}
	if _, err := single(params, "code"); err != nil {
		return f.fail("OAuthCallback", err)
	}
	return nil
}

// Finish completes a sign-in, beginning with [Flow.CheckResponse], whose parameters it
// has.
//
// The error is a *provider.Error. Its code is that of CheckResponse, that of an error of
// the Profile function that is a *provider.Error, or else OAuthCallback.
func (f *Flow) Finish(ctx context.Context, check *Check, redirectURI string, params url.Values) (*Result, error) {
	if err := f.CheckResponse(check, redirectURI, params); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()

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
	account, err := f.exchange(ctx, m, check, params.Get("code"))
	if err != nil {
		return nil, err
	}
	profile, id, err := f.profile(ctx, m, check, account, params.Get("iss"))
	if err != nil {
		return nil, err
	}
	user, err := f.user(ctx, m, profile, account, params)
	if err != nil {
		return nil, err
	}
	account.ProviderAccountID, account.Issuer = user.ID, f.otherIssuer(id)
	return &Result{User: user, Account: account, Profile: profile, Issuer: account.Issuer, Subject: id.Subject, Session: text(id.Session)}, nil
}

// checkState checks that the response belongs to the check: same browser, provider
// and redirect URI (RFC 9700 §4.7).
func (f *Flow) checkState(check *Check, redirectURI string, params url.Values) error {
	if check == nil {
		return errors.New("there is no check of this sign-in")
	}
	if check.Provider != f.provider.ID || check.Issuer != f.provider.Issuer {
		return fmt.Errorf("the check is of provider %s, issuer %s", quote(check.Provider), quote(check.Issuer))
	}
	if check.RedirectURI != redirectURI {
		return fmt.Errorf("the redirect URI was %s at the start and is %s now", quote(check.RedirectURI), quote(redirectURI))
	}
	if check.State == "" || check.Verifier == "" || check.Nonce == "" && f.provider.Type == provider.TypeOIDC {
		return errors.New("the check is incomplete")
	}
	state, err := single(params, "state")
	if err != nil {
		return err
	}
	if !equal(state, check.State) {
		return errors.New("the state does not match that of the check")
	}
	return nil
}

// cancelled are the errors with which users who do not consent come back: that of the
// standard, and those of Apple and LinkedIn.
var cancelled = map[string]bool{
	"access_denied": true, "user_cancelled_authorize": true, "user_cancelled_login": true,
}

// errorResponse returns the error of an error response (RFC 6749 §4.1.2.1). Its
// description is for the log alone.
func (f *Flow) errorResponse(params url.Values) error {
	code := "Callback"
	if cancelled[params.Get("error")] {
		code = "Cancelled"
	}
	return f.fail(code, fmt.Errorf("error response %s: %s", quote(params.Get("error")), quote(params.Get("error_description"))))
}

// checkIssuer checks the iss parameter against mix-up attacks (RFC 9207 §2.4). If
// the issuer depends on the tenant, profile compares it with that of the ID token.
func (f *Flow) checkIssuer(m *metadata, params url.Values) error {
	if !params.Has("iss") {
		if m.IssParameterSupported {
			return errors.New("the response has no iss parameter, which the provider's metadata announce")
		}
		return nil
	}
	iss, err := single(params, "iss")
	if err != nil {
		return err
	}
	if m.Issuer != "" && !m.tenants && iss != m.Issuer {
		return fmt.Errorf("the response is of issuer %s, not %s", quote(iss), quote(m.Issuer))
	}
	return nil
}

// maxParam is the maximum length of a parameter of the response, in bytes.
const maxParam = 4096

// single returns a parameter that must be present once and not empty.
func single(params url.Values, name string) (string, error) {
	values := params[name]
	if len(values) != 1 || values[0] == "" {
		return "", fmt.Errorf("the response has %d values of the parameter %s, or an empty one", len(values), name)
	}
	if len(values[0]) > maxParam {
		return "", fmt.Errorf("the parameter %s has %d bytes", name, len(values[0]))
	}
	return values[0], nil
}

// equal compares secrets in constant time.
func equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
