package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/nuxtauth/nuxtauth/authtest"
)

const callbackURL = "http://127.0.0.1:1/callback"

// fastProvider starts a provider with ES256, whose keys are fast to generate.
func fastProvider(t *testing.T) *authtest.IDP {
	t.Helper()
	return authtest.IDPConfig{SigningAlgorithm: "ES256"}.Start(t)
}

// relyingParty is an application that follows the standards: go-oidc, x/oauth2 and the
// checks that these leave to the caller.
type relyingParty struct {
	t         *testing.T
	idp       *authtest.IDP
	client    *http.Client
	scopes    []string
	algorithm string // required of ID tokens
}

func newRelyingParty(t *testing.T, idp *authtest.IDP) *relyingParty {
	return &relyingParty{
		t:   t,
		idp: idp,
		client: &http.Client{
			Transport:     cappedTransport{http.DefaultTransport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		scopes:    []string{"openid", "profile", "email"},
		algorithm: "ES256",
	}
}

// cappedTransport ends every body after 1 MB.
type cappedTransport struct{ http.RoundTripper }

func (c cappedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, 1<<20), res.Body}
	return res, nil
}

// signedIn is the result of a sign-in.
type signedIn struct {
	config   *oauth2.Config
	verifier *oidc.IDTokenVerifier
	token    *oauth2.Token
	idToken  *oidc.IDToken
	claims   map[string]any // of the ID token
	userinfo map[string]any
}

// signIn signs a user in.
func (rp *relyingParty) signIn(username string) (*signedIn, error) {
	rp.t.Helper()
	ctx := oidc.ClientContext(rp.t.Context(), rp.client)
	provider, err := oidc.NewProvider(ctx, rp.idp.Issuer())
	if err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	for _, u := range []string{endpoint.AuthURL, endpoint.TokenURL, provider.UserInfoEndpoint()} {
		if !strings.HasPrefix(u, rp.idp.Issuer()) {
			return nil, fmt.Errorf("endpoint %q", u)
		}
	}
	config := &oauth2.Config{
		ClientID: rp.idp.ClientID(), ClientSecret: rp.idp.ClientSecret(),
		Endpoint: endpoint, RedirectURL: callbackURL, Scopes: rp.scopes,
	}

	state, nonce, pkce := "state-of-this-sign-in", "nonce-of-this-sign-in", oauth2.GenerateVerifier()
	back := rp.idp.SignIn(rp.t, config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(pkce)), username)
	response := back.URL.Query()
	switch {
	case response.Has("error"):
		return nil, fmt.Errorf("error %q", response.Get("error"))
	case response.Get("state") != state:
		return nil, errors.New("state")
	case response.Get("iss") != rp.idp.Issuer():
		return nil, errors.New("iss")
	}

	token, err := config.Exchange(ctx, response.Get("code"), oauth2.VerifierOption(pkce))
	if err != nil {
		return nil, err
	}
	if token.Type() != "Bearer" {
		return nil, fmt.Errorf("token type %q", token.Type())
	}
	result := &signedIn{
		config: config,
		token:  token,
		// Tolerates clock skew.
		verifier: provider.VerifierContext(ctx, &oidc.Config{
			ClientID:             config.ClientID,
			Now:                  func() time.Time { return time.Now().Add(-30 * time.Second) },
			SupportedSigningAlgs: []string{rp.algorithm},
		}),
	}
	if result.idToken, result.claims, err = rp.verify(ctx, result.verifier, token); err != nil {
		return nil, err
	}
	if result.idToken.Nonce != nonce {
		return nil, fmt.Errorf("nonce %q", result.idToken.Nonce)
	}

	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, err
	}
	if info.Subject != result.idToken.Subject {
		return nil, errors.New("userinfo is of another user")
	}
	return result, info.Claims(&result.userinfo)
}

// verify checks the ID token of a token response.
func (rp *relyingParty) verify(ctx context.Context, verifier *oidc.IDTokenVerifier, token *oauth2.Token) (*oidc.IDToken, map[string]any, error) {
	raw, _ := token.Extra("id_token").(string)
	idToken, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	var claims map[string]any
	if err := idToken.Claims(&claims); err != nil {
		return nil, nil, err
	}
	issuedAt, now := idToken.IssuedAt, time.Now()
	azp, hasAzp := claims["azp"]
	notBefore, _ := claims["nbf"].(float64)
	switch {
	case idToken.Subject == "":
		return nil, nil, errors.New("no sub")
	case hasAzp && azp != rp.idp.ClientID(), !hasAzp && len(idToken.Audience) > 1:
		return nil, nil, errors.New("azp")
	case issuedAt.Unix() <= 0, issuedAt.After(now.Add(time.Minute)):
		return nil, nil, errors.New("iat")
	case time.Unix(int64(notBefore), 0).After(now.Add(time.Minute)):
		return nil, nil, errors.New("nbf")
	}
	if idToken.AccessTokenHash == "" {
		return idToken, claims, nil
	}
	return idToken, claims, idToken.VerifyAccessToken(token.AccessToken)
}

// refresh uses the refresh token of a sign-in.
func (rp *relyingParty) refresh(in *signedIn) (*oauth2.Token, error) {
	rp.t.Helper()
	ctx := oidc.ClientContext(rp.t.Context(), rp.client)
	token, err := in.config.TokenSource(ctx, &oauth2.Token{RefreshToken: in.token.RefreshToken}).Token()
	if err != nil {
		return nil, err
	}
	idToken, _, err := rp.verify(ctx, in.verifier, token)
	if err != nil {
		return nil, err
	}
	if idToken.Subject != in.idToken.Subject {
		return nil, errors.New("the refreshed ID token is of another user")
	}
	return token, nil
}

// authorizationURL returns the URL of a valid authorization request, after changes: pairs
// of a parameter's name and value. An empty value removes the parameter.
func authorizationURL(idp *authtest.IDP, changes ...string) string {
	params := url.Values{
		"client_id": {idp.ClientID()}, "redirect_uri": {callbackURL}, "response_type": {"code"},
		"scope": {"openid profile email"}, "state": {"s1"}, "nonce": {"n1"},
		"code_challenge_method": {"S256"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(testVerifier)},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if params.Del(changes[i]); changes[i+1] != "" {
			params.Set(changes[i], changes[i+1])
		}
	}
	return strings.TrimSuffix(idp.Issuer(), "/") + "/authorize?" + params.Encode()
}

const testVerifier = "a-code-verifier-that-has-more-than-43-characters-"

// newCode signs in as alice and returns the code.
func newCode(t *testing.T, idp *authtest.IDP, changes ...string) string {
	t.Helper()
	return idp.SignIn(t, authorizationURL(idp, changes...), "alice").URL.Query().Get("code")
}

// codeForm returns the form of a valid token request with client_secret_post.
func codeForm(idp *authtest.IDP, code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callbackURL}, "code_verifier": {testVerifier},
		"client_id": {idp.ClientID()}, "client_secret": {idp.ClientSecret()},
	}
}
