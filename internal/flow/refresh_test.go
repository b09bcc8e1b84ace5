package flow_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

const oldRefreshToken = "the refresh token of the sign-in"

// refresh refreshes the tokens of user-1.
func refresh(f *flow.Flow) (*provider.Account, error) {
	return f.Refresh(context.Background(), flow.Refresh{RefreshToken: oldRefreshToken, Subject: "user-1"})
}

// wantTransient checks an error that says nothing about the refresh token.
func wantTransient(t testing.TB, err error) {
	t.Helper()
	wantRefresh(t, err, nil)
}

// wantRefresh checks which sentinel err wraps, none if want is nil.
func wantRefresh(t testing.TB, err, want error) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %v", want)
	}
	for _, kind := range []error{flow.ErrInvalidGrant, flow.ErrInvalidIDToken} {
		if errors.Is(err, kind) != (kind == want) {
			t.Errorf("error %v, is it %q: %t", err, kind, errors.Is(err, kind))
		}
	}
	if !strings.HasPrefix(err.Error(), `provider "idp": refresh: `) {
		t.Errorf("the error has another prefix: %v", err)
	}
	wantLoggable(t, err)
}

func TestRefresh_NewTokens(t *testing.T) {
	i := newIDP()
	i.answer["session_state"] = "s"
	account, err := refresh(i.flow(i.oidc()))
	if err != nil {
		t.Fatal(err)
	}
	want := &provider.Account{
		Provider: "idp", Type: provider.TypeOIDC,
		AccessToken: "the access token", RefreshToken: "the refresh token", TokenType: "Bearer",
		Scope: "openid profile email", ExpiresAt: now.Unix() + 3600,
		Extra: jsontext.Value(`{"session_state":"s"}`),
	}
	if diff := cmp.Diff(want, account, cmpopts.IgnoreFields(provider.Account{}, "IDToken")); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	if strings.Count(account.IDToken, ".") != 2 {
		t.Errorf("the ID token is %q", account.IDToken)
	}

	requests := i.seen(tokenPath)
	if len(requests) != 1 {
		t.Fatalf("%d token requests", len(requests))
	}
	if diff := cmp.Diff(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {oldRefreshToken}}, requests[0].PostForm); diff != "" {
		t.Errorf("token request (-want +got):\n%s", diff)
	}
	if got := requests[0].Header.Get("Authorization"); got != "Basic dGhlK2NsaWVudDpzM2NyZXQrJTI2K21vcmU=" {
		t.Errorf("Authorization %q", got)
	}
	if n := len(i.seen(userinfoPath)); n != 0 {
		t.Errorf("%d userinfo requests", n)
	}
}

func TestRefresh_ClientAuthentication(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*provider.Provider)
		want   map[string]string // "" is any value
	}{
		"post":      {func(p *provider.Provider) { p.AuthMethod = provider.ClientSecretPost }, map[string]string{"client_secret": secret}},
		"none":      {func(p *provider.Provider) { p.AuthMethod = provider.NoClientAuth }, nil},
		"function":  {secretFunc("short-lived"), map[string]string{"client_secret": "short-lived"}},
		"by secret": {func(p *provider.Provider) { p.AuthMethod = provider.ClientSecretJWT }, map[string]string{"client_assertion": "", "client_assertion_type": ""}},
		"by key":    {signWith(ecKey()), map[string]string{"client_assertion": "", "client_assertion_type": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			if _, err := refresh(i.flow(i.oidc(tt.change))); err != nil {
				t.Fatal(err)
			}
			r := i.seen(tokenPath)[0]
			if r.Header.Get("Authorization") != "" || r.PostForm.Get("client_id") != clientID || len(r.PostForm) != len(tt.want)+3 {
				t.Errorf("Authorization %q, form %v", r.Header.Get("Authorization"), r.PostForm)
			}
			for field, value := range tt.want {
				if got := r.PostForm.Get(field); got == "" || value != "" && got != value {
					t.Errorf("%s is %q", field, got)
				}
			}
		})
	}
}

func TestRefresh_OmittedTokensAreEmpty(t *testing.T) {
	i := newIDP()
	i.handlers[tokenPath] = serve(`{"access_token":"at","token_type":"bearer"}`)
	account, err := refresh(i.flow(i.oidc()))
	if err != nil {
		t.Fatal(err)
	}
	want := &provider.Account{Provider: "idp", Type: provider.TypeOIDC, AccessToken: "at", TokenType: "bearer"}
	if diff := cmp.Diff(want, account); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
}

// OAuth 2 has no keys to verify an ID token with: it is a member like any other, as at
// a sign-in.
func TestRefresh_OAuth2(t *testing.T) {
	i := newIDP()
	i.handlers[tokenPath] = serve(`{"access_token":"at","token_type":"bearer","id_token":"x"}`)
	account, err := refresh(i.flow(i.oauth2()))
	if err != nil {
		t.Fatal(err)
	}
	if account.Type != provider.TypeOAuth || account.IDToken != "x" {
		t.Errorf("account %+v", account)
	}
	if n := len(i.seen(metadataPath)) + len(i.seen(keysPath)); n != 0 {
		t.Errorf("%d requests to other endpoints", n)
	}
}

func TestRefresh_NoRefreshToken(t *testing.T) {
	i := newIDP()
	_, err := i.flow(i.oidc()).Refresh(context.Background(), flow.Refresh{})
	wantTransient(t, err)
	if len(i.requests) != 0 {
		t.Error("a request was sent to the provider")
	}
}

// The session of a user ends after invalid_grant alone.
func TestRefresh_InvalidGrant(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"invalid_grant":                {400, `{"error":"invalid_grant"}`, flow.ErrInvalidGrant},
		"invalid_grant, description":   {400, `{"error":"invalid_grant","error_description":"the refresh token is spent","error_uri":"https://x.example"}`, flow.ErrInvalidGrant},
		"invalid_grant, not UTF-8":     {400, "{\"error\":\"invalid_grant\",\"error_description\":\"abgelaufen \xfc\"}", flow.ErrInvalidGrant},
		"invalid_grant with a 401":     {401, `{"error":"invalid_grant"}`, flow.ErrInvalidGrant},
		"invalid_grant with a 403":     {403, `{"error":"invalid_grant"}`, nil},
		"invalid_grant with a 500":     {500, `{"error":"invalid_grant"}`, nil},
		"invalid_grant with a 200":     {200, `{"error":"invalid_grant","access_token":"the access token","token_type":"Bearer"}`, nil},
		"bad_refresh_token of GitHub":  {200, `{"error":"bad_refresh_token"}`, flow.ErrInvalidGrant},
		"bad_refresh_token, a 400":     {400, `{"error":"bad_refresh_token"}`, nil},
		"invalid_grant, truncated":     {400, `{"error":"invalid_grant"`, nil},
		"invalid_client":               {401, `{"error":"invalid_client"}`, nil},
		"unauthorized_client":          {400, `{"error":"unauthorized_client"}`, nil},
		"invalid_request":              {400, `{"error":"invalid_request"}`, nil},
		"temporarily_unavailable":      {400, `{"error":"temporarily_unavailable"}`, nil},
		"another case":                 {400, `{"error":"Invalid_Grant"}`, nil},
		"an object":                    {400, `{"error":{"code":"invalid_grant"}}`, nil},
		"an object in a 200":           {200, `{"error":{},"access_token":"the access token","token_type":"Bearer"}`, nil},
		"in the description":           {400, `{"error":"server_error","error_description":"invalid_grant"}`, nil},
		"a form":                       {400, `error=invalid_grant`, nil},
		"a page":                       {400, `<title>invalid_grant</title>`, nil},
		"empty":                        {400, ``, nil},
		"too many requests":            {429, ``, nil},
		"server error, tokens":         {500, `{"refresh_token":"the refresh token of the sign-in"}`, nil},
		"no access token":              {200, `{"token_type":"Bearer"}`, nil},
		"other token type":             {200, `{"access_token":"the access token","token_type":"DPoP"}`, nil},
		"an ID token that is a number": {200, `{"access_token":"the access token","token_type":"Bearer","id_token":1}`, nil},
		"HTML":                         {200, `<html>`, nil},
		"null":                         {200, `null`, nil},
		"no content":                   {204, ``, nil},
		"truncated":                    {200, `{"access_token":"the access token`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.handlers[tokenPath] = status(tt.status, tt.body)
			account, err := refresh(i.flow(i.oidc()))
			wantRefresh(t, err, tt.want)
			if account != nil {
				t.Error("an account came with the error")
			}
			if n := len(i.seen(tokenPath)); n != 1 {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

// At a sign-in, invalid_grant is about the code.
func TestFinish_InvalidGrant(t *testing.T) {
	i := newIDP()
	i.handlers[tokenPath] = status(400, `{"error":"invalid_grant"}`)
	_, err := i.signIn(t, i.flow(i.oidc()))
	wantCode(t, err, "OAuthCallback")
	if errors.Is(err, flow.ErrInvalidGrant) {
		t.Errorf("error %v", err)
	}
}

// The first names are those of modules of the OpenID conformance suite
// (oidcc-client-test-refresh-token, -invalid-issuer, -invalid-sub).
func TestRefresh_IDTokenClaims(t *testing.T) {
	unix := now.Unix()
	for name, tt := range map[string]struct {
		claims object
		ok     bool
	}{
		"refresh-token":                {object{}, true},
		"no nonce":                     {object{"nonce": nil}, true},
		"another nonce":                {object{"nonce": "x"}, true},
		"a nonce that is a number":     {object{"nonce": 1}, true},
		"audience in an array":         {object{"aud": []string{clientID}}, true},
		"expired within the skew":      {object{"exp": unix - 60}, true},
		"events of another kind":       {object{"events": object{"urn:example:event": object{}}}, true},
		"refresh-token-invalid-issuer": {object{"iss": "https://evil.example"}, false},
		"refresh-token-invalid-sub":    {object{"sub": "user-2"}, false},
		"sub with same prefix":         {object{"sub": "user-12"}, false},
		"no sub":                       {object{"sub": nil}, false},
		"issuer with a slash":          {object{"iss": issuer + "/"}, false},
		"other audience":               {object{"aud": "other"}, false},
		"two audiences, no azp":        {object{"aud": []string{clientID, "other"}}, false},
		"azp is another":               {object{"azp": "other"}, false},
		"expired":                      {object{"exp": unix - 61}, false},
		"no exp":                       {object{"exp": nil}, false},
		"no iat":                       {object{"iat": nil}, false},
		"issued in the future":         {object{"iat": unix + 61}, false},
		"at_hash of another token":     {object{"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}, false},
		"a logout event":               {object{"events": object{logoutEvent: object{}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			maps.Copy(i.claims, tt.claims)
			account, err := refresh(i.flow(i.oidc()))
			if tt.ok {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			wantRefresh(t, err, flow.ErrInvalidIDToken)
			if account != nil {
				t.Error("the tokens came with the error")
			}
		})
	}
}

func TestRefresh_ForgedIDToken(t *testing.T) {
	for name, change := range map[string]func(*idp){
		"another's key":  func(i *idp) { i.key = otherECKey() },
		"alg none":       func(i *idp) { i.method, i.key = jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType },
		"HS256, secret":  func(i *idp) { i.method, i.key = jwt.SigningMethodHS256, []byte(secret) },
		"garbage":        func(i *idp) { i.answer["id_token"] = "a.b.c" },
		"dots":           func(i *idp) { i.answer["id_token"] = strings.Repeat(".", 30_000) },
		"a logout token": func(i *idp) { i.header["typ"] = "logout+jwt" },
		"unknown kid":    func(i *idp) { i.header["kid"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			change(i)
			_, err := refresh(i.flow(i.oidc()))
			wantRefresh(t, err, flow.ErrInvalidIDToken)
		})
	}
}

func TestRefresh_UnknownSubject(t *testing.T) {
	i := newIDP()
	i.claims["sub"] = "user-2"
	if _, err := i.flow(i.oidc()).Refresh(context.Background(), flow.Refresh{RefreshToken: "x"}); err != nil {
		t.Error(err)
	}
}

// Otherwise the refresh token would be used up for an ID token that can't be verified,
// and a short outage of the provider would end sessions.
func TestRefresh_KeysDownSendsNoToken(t *testing.T) {
	for _, path := range []string{keysPath, metadataPath} {
		i := newIDP()
		i.handlers[path] = status(503, "")
		at := now
		f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time { return at }})
		_, err := refresh(f)
		wantTransient(t, err)
		if n := len(i.seen(tokenPath)); n != 0 {
			t.Errorf("%s is down: the refresh token was sent %d times", path, n)
		}
		delete(i.handlers, path)
		at = now.Add(3 * time.Second)
		if _, err := refresh(f); err != nil {
			t.Errorf("after the repair: %v", err)
		}
	}
}

// Each refresh needs the keys, and not a request for them.
func TestRefresh_KeysAreCached(t *testing.T) {
	i := newIDP()
	i.answer["id_token"] = nil
	at := now
	f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time { return at }})
	for range 3 {
		if _, err := refresh(f); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Minute)
	}
	if n := len(i.seen(keysPath)); n != 1 {
		t.Errorf("%d requests for the keys", n)
	}
}

// The end of the time says nothing about an ID token that was not verified.
func TestRefresh_EndsBeforeVerification(t *testing.T) {
	i := newIDP()
	ctx, cancel := context.WithCancel(t.Context())
	ends := false
	f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time {
		if ends {
			cancel()
		}
		return now
	}})
	i.handlers[tokenPath] = func(w http.ResponseWriter, _ *http.Request) {
		ends = true
		writeJSON(w, i.tokens())
	}
	_, err := f.Refresh(ctx, flow.Refresh{RefreshToken: oldRefreshToken})
	wantTransient(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRefresh_KeysDownIsTransient(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	if _, err := refresh(f); err != nil {
		t.Fatal(err)
	}
	i.header["kid"] = "new"
	i.handlers[keysPath] = status(503, "")
	_, err := refresh(f)
	wantTransient(t, err)
}

func TestRefresh_RotatedKeys(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	for _, key := range []string{"one", "two", "three"} {
		i.keys, i.header["kid"] = []any{jwk(key, &ecKey().PublicKey)}, key
		if _, err := refresh(f); err != nil {
			t.Errorf("key %s: %v", key, err)
		}
	}
}

func TestRefresh_TimeoutAndRedirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: delayed{i, 4 * time.Second}}, Now: clock})
		began := time.Now()
		_, err := refresh(f)
		wantTransient(t, err)
		if took := time.Since(began); took != 10*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v", took, err)
		}
	})

	i := newIDP()
	i.handlers[tokenPath] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere?"+r.PostForm.Encode(), http.StatusTemporaryRedirect)
	}
	_, err := refresh(i.flow(i.oidc()))
	wantTransient(t, err)
	if len(i.seen("/elsewhere")) != 0 {
		t.Error("the redirect was followed")
	}
}

func TestRefresh_ProviderFaults(t *testing.T) {
	idp := authtest.IDPConfig{SigningAlgorithm: "ES256"}.Start(t)
	p := idp.AsProvider("idp")
	p.Scopes = []string{"openid", "offline_access"}
	wants := map[hostile.Fault]error{
		hostile.RefreshInvalidGrant: flow.ErrInvalidGrant,
		hostile.RefreshWrongIssuer:  flow.ErrInvalidIDToken,
		hostile.RefreshWrongSubject: flow.ErrInvalidIDToken,
	}
	for _, fault := range hostile.Faults() {
		if !strings.Contains(fault.String(), "refresh") {
			continue
		}
		t.Run(fault.String(), func(t *testing.T) {
			idp.SetFaults(fault)
			defer idp.SetFaults()
			f := flow.New(p, flow.Config{})
			address, check, err := f.Start(t.Context(), redirectURI, nil)
			if err != nil {
				t.Fatal(err)
			}
			result, err := f.Finish(t.Context(), check, redirectURI, idp.SignIn(t, address, "alice").URL.Query())
			if err != nil {
				t.Fatal(err)
			}
			sessions := idp.Sessions()
			if last := sessions[len(sessions)-1]; result.Session != last.ID || result.Subject != last.Subject {
				t.Errorf("session %q of %q, want %+v", result.Session, result.Subject, last)
			}

			ctx := t.Context()
			if fault == hostile.RefreshSlow {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			r := flow.Refresh{RefreshToken: result.Account.RefreshToken, Subject: result.Subject}
			account, err := f.Refresh(ctx, r)
			if fault.Outcome() == hostile.Accepted {
				if err != nil || account.AccessToken == result.Account.AccessToken {
					t.Errorf("account %+v, %v", account, err)
				}
				return
			}
			wantRefresh(t, err, wants[fault])
			if wants[fault] != nil {
				return
			}
			idp.SetFaults()
			if _, err := f.Refresh(t.Context(), r); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

func TestRefresh_RotatedTokenWorksOnce(t *testing.T) {
	idp := authtest.IDPConfig{SigningAlgorithm: "ES256"}.Start(t)
	p := idp.AsProvider("idp")
	p.Scopes = []string{"openid", "offline_access"}
	f := flow.New(p, flow.Config{})
	address, check, err := f.Start(t.Context(), redirectURI, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := f.Finish(t.Context(), check, redirectURI, idp.SignIn(t, address, "alice").URL.Query())
	if err != nil {
		t.Fatal(err)
	}
	first := flow.Refresh{RefreshToken: result.Account.RefreshToken, Subject: result.Subject}
	second, err := f.Refresh(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Refresh(t.Context(), first)
	wantRefresh(t, err, flow.ErrInvalidGrant)
	_, err = f.Refresh(t.Context(), flow.Refresh{RefreshToken: second.RefreshToken, Subject: result.Subject})
	wantRefresh(t, err, flow.ErrInvalidGrant)
}
