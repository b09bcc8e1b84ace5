package flow_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// startQuery starts a sign-in and returns the query of the authorization URL.
func startQuery(t *testing.T, f *flow.Flow, query url.Values) (*url.URL, url.Values, *flow.Check) {
	t.Helper()
	address, check, err := f.Start(context.Background(), redirectURI, query)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("the authorization URL %q: %v", address, err)
	}
	return u, u.Query(), check
}

func TestStart_AuthorizationRequest(t *testing.T) {
	i := newIDP()
	u, q, check := startQuery(t, i.flow(i.oidc()), nil)

	if got := u.Scheme + "://" + u.Host + u.Path; got != issuer+"/authorize" {
		t.Errorf("the authorization endpoint is %s", got)
	}
	challenge := sha256.Sum256([]byte(check.Verifier))
	want := url.Values{
		"response_type":         {"code"},
		"client_id":             {clientID},
		"redirect_uri":          {redirectURI},
		"scope":                 {"openid profile email"},
		"state":                 {check.State},
		"nonce":                 {check.Nonce},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}
	if diff := cmp.Diff(want, q); diff != "" {
		t.Errorf("authorization request (-want +got):\n%s", diff)
	}
	if len(check.Verifier) < 43 || len(check.State) < 26 || len(check.Nonce) < 26 {
		t.Errorf("too short: verifier %d, state %d, nonce %d characters", len(check.Verifier), len(check.State), len(check.Nonce))
	}
	if check.Provider != "idp" || check.Issuer != issuer || check.RedirectURI != redirectURI {
		t.Errorf("the check is not bound to the provider: %+v", check)
	}
}

func TestStart_RandomValues(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	_, _, a := startQuery(t, f, nil)
	_, _, b := startQuery(t, f, nil)
	if a.State == b.State || a.Nonce == b.Nonce || a.Verifier == b.Verifier {
		t.Error("two sign-ins share a secret")
	}
}

func TestStart_OAuth2(t *testing.T) {
	i := newIDP()
	_, q, check := startQuery(t, i.flow(i.oauth2()), nil)
	if q.Has("nonce") || q.Has("scope") || check.Nonce != "" {
		t.Errorf("unexpected parameters: %v", q)
	}
	if q.Get("code_challenge") == "" || q.Get("state") == "" {
		t.Errorf("PKCE or state is missing: %v", q)
	}
	if len(i.requests) != 0 {
		t.Errorf("%d requests", len(i.requests))
	}
}

func TestStart_ConfiguredParameters(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oauth2(func(p *provider.Provider) {
		p.AuthorizationURL = issuer + "/authorize?p=B2C_1"
		p.AuthorizationParams = map[string]string{"access_type": "offline"}
		p.Scopes = []string{"read", "write"}
		p.ResponseMode = "form_post"
	}))
	_, q, _ := startQuery(t, f, nil)
	for name, want := range map[string]string{
		"p": "B2C_1", "access_type": "offline", "scope": "read write", "response_mode": "form_post",
	} {
		if got := q.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestStart_AllowedParams(t *testing.T) {
	for name, tt := range map[string]struct {
		query url.Values
		param string
		want  []string
	}{
		"login_hint":       {url.Values{"login_hint": {"ada@example.com"}}, "login_hint", []string{"ada@example.com"}},
		"prompt":           {url.Values{"prompt": {"login"}}, "prompt", []string{"login"}},
		"ui_locales":       {url.Values{"ui_locales": {"de en"}}, "ui_locales", []string{"de en"}},
		"allowed by app":   {url.Values{"hd": {"example.com"}}, "hd", []string{"example.com"}},
		"first value only": {url.Values{"prompt": {"login", "none"}}, "prompt", []string{"login"}},
		"replaces default": {url.Values{"audience": {"b"}}, "audience", []string{"b"}},
		"unknown":          {url.Values{"acr_values": {"0"}}, "acr_values", nil},
		"longest":          {url.Values{"login_hint": {strings.Repeat("a", 512)}}, "login_hint", []string{strings.Repeat("a", 512)}},
		"too long":         {url.Values{"login_hint": {strings.Repeat("a", 513)}}, "login_hint", nil},
		"line break":       {url.Values{"login_hint": {"a\r\nb"}}, "login_hint", nil},
		"not UTF-8":        {url.Values{"login_hint": {"\xff"}}, "login_hint", nil},
		"empty":            {url.Values{"login_hint": {""}}, "login_hint", nil},
		"client_id":        {url.Values{"client_id": {"evil"}}, "client_id", []string{clientID}},
		"redirect_uri":     {url.Values{"redirect_uri": {"https://evil.example"}}, "redirect_uri", []string{redirectURI}},
		"response_type":    {url.Values{"response_type": {"token"}}, "response_type", []string{"code"}},
		"challenge method": {url.Values{"code_challenge_method": {"plain"}}, "code_challenge_method", []string{"S256"}},
		"scope":            {url.Values{"scope": {"admin"}}, "scope", []string{"openid profile email"}},
		"request object":   {url.Values{"request": {"x"}}, "request", nil},
		"CSRF token":       {url.Values{"csrfToken": {"x"}}, "csrfToken", nil},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			_, q, _ := startQuery(t, i.flow(i.oidc(func(p *provider.Provider) {
				p.AuthorizationParams = map[string]string{"audience": "a"}
				p.AllowedParams = []string{"hd", "audience"}
			})), tt.query)
			if diff := cmp.Diff(tt.want, q[tt.param]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.param, diff)
			}
		})
	}
}

// Later changes of the application's slices and maps change no flow.
func TestNew_CopiesProvider(t *testing.T) {
	i := newIDP()
	scopes, allowed, params := []string{"openid"}, []string{"hd"}, map[string]string{"audience": "a"}
	f := i.flow(i.oidc(func(p *provider.Provider) { p.Scopes, p.AllowedParams, p.AuthorizationParams = scopes, allowed, params }))
	scopes[0], allowed[0], params["audience"] = "admin", "evil", "b"
	_, q, _ := startQuery(t, f, url.Values{"hd": {"x"}, "evil": {"x"}})
	if q.Get("scope") != "openid" || q.Get("hd") != "x" || q.Has("evil") || q.Get("audience") != "a" {
		t.Errorf("authorization request %v", q)
	}
}

// Validate rejects this configuration. A flow that gets it must not be an open
// redirect.
func TestStart_ReservedParams(t *testing.T) {
	i := newIDP()
	reserved := []string{"client_id", "redirect_uri", "response_type", "state", "nonce", "code_challenge", "code_challenge_method"}
	query := url.Values{}
	for _, name := range reserved {
		query.Set(name, "evil")
	}
	_, q, _ := startQuery(t, i.flow(i.oidc(func(p *provider.Provider) { p.AllowedParams = reserved })), query)
	for name, values := range q {
		if len(values) != 1 || values[0] == "evil" {
			t.Errorf("%s = %q", name, values)
		}
	}
}

func TestDiscovery_InvalidMetadata(t *testing.T) {
	for name, change := range map[string]func(*idp){
		"other issuer":               func(i *idp) { i.metadata["issuer"] = "https://evil.example" },
		"issuer with another slash":  func(i *idp) { i.metadata["issuer"] = issuer + "/" },
		"no issuer":                  func(i *idp) { delete(i.metadata, "issuer") },
		"issuer of the wrong type":   func(i *idp) { i.metadata["issuer"] = 1 },
		"no authorization endpoint":  func(i *idp) { delete(i.metadata, "authorization_endpoint") },
		"no token endpoint":          func(i *idp) { delete(i.metadata, "token_endpoint") },
		"no keys":                    func(i *idp) { delete(i.metadata, "jwks_uri") },
		"script as endpoint":         func(i *idp) { i.metadata["authorization_endpoint"] = "javascript:alert(1)" },
		"relative endpoint":          func(i *idp) { i.metadata["token_endpoint"] = "/token" },
		"endpoint without TLS":       func(i *idp) { i.metadata["token_endpoint"] = "http://idp.example/token" },
		"keys without TLS":           func(i *idp) { i.metadata["jwks_uri"] = "http://idp.example/jwks" },
		"userinfo without TLS":       func(i *idp) { i.metadata["userinfo_endpoint"] = "http://idp.example/userinfo" },
		"endpoint with a fragment":   func(i *idp) { i.metadata["authorization_endpoint"] = issuer + "/authorize#x" },
		"endpoint with a user name":  func(i *idp) { i.metadata["token_endpoint"] = "https://a:b@idp.example/token" },
		"template without tenants":   func(i *idp) { i.metadata["issuer"] = "https://{tenantid}.example" },
		"metadata are not found":     func(i *idp) { i.handlers["/.well-known/openid-configuration"] = http.NotFound },
		"metadata are a JSON string": func(i *idp) { i.handlers["/.well-known/openid-configuration"] = serve(`"x"`) },
		"metadata are null":          func(i *idp) { i.handlers["/.well-known/openid-configuration"] = serve(`null`) },
		"metadata are HTML":          func(i *idp) { i.handlers["/.well-known/openid-configuration"] = serve(`<html>`) },
		"issuer twice": func(i *idp) {
			i.handlers["/.well-known/openid-configuration"] = serve(`{"issuer":"https://evil.example","issuer":"` + issuer + `"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			change(i)
			address, check, err := i.flow(i.oidc()).Start(context.Background(), redirectURI, nil)
			wantCode(t, err, "OAuthSignin")
			if address != "" || check != nil {
				t.Errorf("Start failed and returned %q, %v", address, check)
			}
		})
	}
}

func TestDiscovery_ConfiguredEndpoints(t *testing.T) {
	i := newIDP()
	i.handlers["/inner/token"] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, i.tokens()) }
	i.handlers["/token"] = http.NotFound
	f := i.flow(i.oidc(func(p *provider.Provider) { p.TokenURL = issuer + "/inner/token" }))
	if _, err := i.signIn(t, f); err != nil {
		t.Fatalf("sign-in: %v", err)
	}
}

// The first sign-in after the pause ends an outage.
func TestDiscovery_ErrorIsCachedBriefly(t *testing.T) {
	i := newIDP()
	at := now
	f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time { return at }})
	i.handlers[metadataPath] = status(503, "")
	_, _, err := f.Start(context.Background(), redirectURI, nil)
	wantCode(t, err, "OAuthSignin")

	delete(i.handlers, metadataPath)
	at = now.Add(3 * time.Second)
	if _, err := i.signIn(t, f); err != nil {
		t.Fatalf("sign-in after the outage: %v", err)
	}
}

// All that every client can send causes one request to a provider that is down.
func TestDiscovery_OneRequestWhileDown(t *testing.T) {
	i := newIDP()
	at := now
	f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time { return at }})
	check, params := i.start(t, i.flow(i.oidc()))
	i.requests = nil
	i.handlers[metadataPath] = status(503, "")
	for name, call := range map[string]func() error{
		"a logout token": func() error { _, err := f.VerifyLogoutToken(t.Context(), i.logoutToken(nil)); return err },
		"a sign-in":      func() error { _, _, err := f.Start(t.Context(), redirectURI, nil); return err },
		"a callback":     func() error { _, err := f.Finish(t.Context(), check, redirectURI, params); return err },
		"a sign-out":     func() error { _, err := f.EndSessionURL(t.Context(), flow.EndSession{}); return err },
	} {
		for range 20 {
			if err := call(); err == nil || !strings.Contains(err.Error(), "status 503") {
				t.Fatalf("%s: %v, want the error of the request", name, err)
			}
		}
	}
	if n := len(i.requests); n != 1 {
		t.Errorf("%d requests", n)
	}
	at = now.Add(3 * time.Second)
	for range 20 {
		f.VerifyLogoutToken(t.Context(), i.logoutToken(nil))
	}
	if n := len(i.requests); n != 2 {
		t.Errorf("%d requests after the pause", n)
	}
	at = at.Add(-1) // the clock is set back
	f.Start(t.Context(), redirectURI, nil)
	if n := len(i.requests); n != 3 {
		t.Errorf("%d requests after the clock was set back", n)
	}
}

// serve returns a handler that responds with body as application/json.
func serve(body string) http.HandlerFunc { return status(http.StatusOK, body) }

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		w.Write([]byte(body))
	}
}

// wantCode checks the code of an error.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	failed, ok := errors.AsType[*provider.Error](err)
	if !ok {
		t.Fatalf("error %v, want a *provider.Error with code %s", err, code)
	}
	if failed.Code != code {
		t.Errorf("code %s (%v), want %s", failed.Code, err, code)
	}
	wantLoggable(t, err)
}

// wantLoggable checks that an error has no secrets and one line of limited length.
func wantLoggable(t testing.TB, err error) {
	t.Helper()
	for _, private := range []string{secret, "the access token", "the refresh token", "the-code", "&code"} {
		if strings.Contains(err.Error(), private) {
			t.Errorf("the error contains %q: %v", private, err)
		}
	}
	if len(err.Error()) > 1100 || strings.ContainsAny(err.Error(), "\r\n\x00") {
		t.Errorf("the error is too long, or has control characters: %q", err)
	}
}
