package authtest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestSignIn_EachAlgorithm(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			idp := authtest.IDPConfig{SigningAlgorithm: alg}.Start(t)
			rp := newRelyingParty(t, idp)
			rp.algorithm = alg
			in, err := rp.signIn("alice")
			if err != nil {
				t.Fatal(err)
			}
			profile := map[string]any{
				"name": "Alice Liddell", "preferred_username": "alice", "picture": "https://example.com/alice.png",
				"email": "alice@example.com", "email_verified": true, "sub": "user-alice",
			}
			if diff := cmp.Diff(profile, in.userinfo); diff != "" {
				t.Errorf("userinfo (-want +got):\n%s", diff)
			}
			for name, want := range profile {
				if in.claims[name] != want {
					t.Errorf("ID token: %s is %v, want %v", name, in.claims[name], want)
				}
			}
			for _, name := range []string{"at_hash", "auth_time", "azp", "nonce"} {
				if in.claims[name] == nil {
					t.Errorf("ID token: no %s", name)
				}
			}
			if in.token.RefreshToken != "" {
				t.Error("a refresh token without offline_access")
			}
		})
	}
}

func TestUserinfo_ClaimsOfScopes(t *testing.T) {
	idp := authtest.IDPConfig{SigningAlgorithm: "ES256", Users: []authtest.IDPUser{{
		Username: "carol", Name: "Carol", Email: "carol@example.com", Claims: map[string]any{"role": "admin", "iss": "https://evil.example"},
	}}}.Start(t)
	for _, tc := range []struct {
		scopes string
		want   map[string]any
	}{
		{"openid", map[string]any{"sub": "carol", "role": "admin", "iss": "https://evil.example"}},
		{"openid email", map[string]any{"sub": "carol", "role": "admin", "iss": "https://evil.example", "email": "carol@example.com", "email_verified": false}},
	} {
		rp := newRelyingParty(t, idp)
		rp.scopes = strings.Fields(tc.scopes)
		in, err := rp.signIn("carol") // fails if the user's iss is in the ID token
		if err != nil {
			t.Fatalf("%s: %v", tc.scopes, err)
		}
		if diff := cmp.Diff(tc.want, in.userinfo); diff != "" {
			t.Errorf("%s: userinfo (-want +got):\n%s", tc.scopes, diff)
		}
	}
}

func TestToken_WithoutOpenIDScope(t *testing.T) {
	idp := fastProvider(t)
	status, body := postToken(t, idp, codeForm(idp, newCode(t, idp, "scope", "profile")), nil)
	if status != http.StatusOK || body["access_token"] == nil || body["id_token"] != nil {
		t.Errorf("%d %v", status, body)
	}
}

// postToken sends a token request and returns the status and the JSON object of the
// response. prepare, which may be nil, changes the request before.
func postToken(t *testing.T, idp *authtest.IDP, form url.Values, prepare func(*http.Request, url.Values)) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, strings.TrimSuffix(idp.Issuer(), "/")+"/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if prepare != nil {
		prepare(r, form)
	}
	r.Body = io.NopCloser(strings.NewReader(form.Encode()))
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, r)
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("token endpoint: status %d: %q", w.Code, w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("the response can be cached")
	}
	return w.Code, body
}

func TestCode_TokenRequest(t *testing.T) {
	other := "another-code-verifier-that-is-long-enough-too-123"
	for _, tc := range []struct {
		name      string
		change    func(url.Values)
		wantError string
	}{
		{"valid", func(url.Values) {}, ""},
		{"another code", func(f url.Values) { f.Set("code", "another") }, "invalid_grant"},
		{"no code", func(f url.Values) { f.Del("code") }, "invalid_grant"},
		{"another verifier", func(f url.Values) { f.Set("code_verifier", other) }, "invalid_grant"},
		{"no verifier", func(f url.Values) { f.Del("code_verifier") }, "invalid_request"},
		{"short verifier", func(f url.Values) { f.Set("code_verifier", "short") }, "invalid_request"},
		{"verifier with a space", func(f url.Values) { f.Set("code_verifier", strings.Repeat(" ", 50)) }, "invalid_request"},
		{"another redirect_uri", func(f url.Values) { f.Set("redirect_uri", callbackURL+"/") }, "invalid_grant"},
		{"no redirect_uri", func(f url.Values) { f.Del("redirect_uri") }, "invalid_grant"},
		{"no grant_type", func(f url.Values) { f.Del("grant_type") }, "unsupported_grant_type"},
		{"password grant", func(f url.Values) { f.Set("grant_type", "password") }, "unsupported_grant_type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			idp := fastProvider(t)
			form := codeForm(idp, newCode(t, idp))
			tc.change(form)
			status, body := postToken(t, idp, form, nil)
			got, _ := body["error"].(string)
			if got != tc.wantError || (status == http.StatusOK) != (tc.wantError == "") {
				t.Errorf("status %d, error %q, want error %q", status, got, tc.wantError)
			}
		})
	}
}

func TestCode_SecondUseRevokesTokens(t *testing.T) {
	idp := fastProvider(t)
	form := codeForm(idp, newCode(t, idp, "scope", "openid offline_access"))
	_, first := postToken(t, idp, form, nil)
	if status := userinfoStatus(t, idp, first["access_token"]); status != http.StatusOK {
		t.Fatalf("userinfo with a new token: status %d", status)
	}

	if status, body := postToken(t, idp, form, nil); status != http.StatusBadRequest || body["error"] != "invalid_grant" {
		t.Errorf("second use of the code: status %d: %v", status, body)
	}
	if status := userinfoStatus(t, idp, first["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("userinfo after the second use: status %d", status)
	}
}

func TestCode_ConcurrentUses(t *testing.T) {
	idp := fastProvider(t)
	form := codeForm(idp, newCode(t, idp))
	statuses := make([]int, 8)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() { statuses[i], _ = postToken(t, idp, form, nil) })
	}
	all.Wait()
	successes := 0
	for _, status := range statuses {
		if status == http.StatusOK {
			successes++
		}
	}
	if successes != 1 {
		t.Errorf("%d uses of one code succeeded", successes)
	}
}

func TestToken_Expires(t *testing.T) {
	now := time.Now()
	idp := authtest.IDPConfig{SigningAlgorithm: "ES256", TokenLifetime: 5 * time.Minute, Now: func() time.Time { return now }}.Start(t)

	code := newCode(t, idp)
	now = now.Add(60 * time.Second)
	if status, body := postToken(t, idp, codeForm(idp, code), nil); status != http.StatusBadRequest {
		t.Errorf("a code after 60 s: status %d: %v", status, body)
	}

	code = newCode(t, idp)
	now = now.Add(59 * time.Second)
	_, tokens := postToken(t, idp, codeForm(idp, code), nil)
	if tokens["expires_in"] != 300.0 {
		t.Errorf("expires_in is %v", tokens["expires_in"])
	}
	now = now.Add(5*time.Minute - time.Second)
	if status := userinfoStatus(t, idp, tokens["access_token"]); status != http.StatusOK {
		t.Errorf("userinfo before the expiry: status %d", status)
	}
	now = now.Add(time.Second)
	if status := userinfoStatus(t, idp, tokens["access_token"]); status != http.StatusUnauthorized {
		t.Errorf("userinfo with an expired token: status %d", status)
	}
}

func userinfoStatus(t *testing.T, idp *authtest.IDP, accessToken any) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/userinfo", nil)
	if s, ok := accessToken.(string); ok {
		r.Header.Set("Authorization", "Bearer "+s)
	}
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, r)
	return w.Code
}

func TestUserinfo_TokenInHeader(t *testing.T) {
	idp := fastProvider(t)
	_, tokens := postToken(t, idp, codeForm(idp, newCode(t, idp)), nil)
	accessToken := tokens["access_token"].(string)
	for header, want := range map[string]int{
		"Bearer " + accessToken: http.StatusOK,
		"bearer " + accessToken: http.StatusOK,
		"Basic " + accessToken:  http.StatusUnauthorized,
		accessToken:             http.StatusUnauthorized,
		"Bearer ":               http.StatusUnauthorized,
		"":                      http.StatusUnauthorized,
	} {
		r := httptest.NewRequest(http.MethodGet, "/userinfo?access_token="+accessToken, nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		idp.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Authorization %q: status %d, want %d", header, w.Code, want)
		}
	}
}

func TestRefresh_Rotates(t *testing.T) {
	idp := fastProvider(t)
	rp := newRelyingParty(t, idp)
	rp.scopes = append(rp.scopes, "offline_access")
	in, err := rp.signIn("alice")
	if err != nil {
		t.Fatal(err)
	}

	second, err := rp.refresh(in)
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken == "" || second.RefreshToken == in.token.RefreshToken || second.AccessToken == in.token.AccessToken {
		t.Error("no new tokens")
	}
	if status := userinfoStatus(t, idp, second.AccessToken); status != http.StatusOK {
		t.Errorf("userinfo with the new token: status %d", status)
	}

	if _, err := rp.refresh(in); err == nil {
		t.Fatal("the old refresh token is still valid")
	}
	if status := userinfoStatus(t, idp, second.AccessToken); status != http.StatusUnauthorized {
		t.Error("the grant is still valid after a second use of the refresh token")
	}
}

func TestRefresh_Scope(t *testing.T) {
	idp := fastProvider(t)
	_, tokens := postToken(t, idp, codeForm(idp, newCode(t, idp, "scope", "openid offline_access")), nil)
	status, body := postToken(t, idp, url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}, "scope": {"openid email"},
		"client_id": {idp.ClientID()}, "client_secret": {idp.ClientSecret()},
	}, nil)
	if status != http.StatusBadRequest || body["error"] != "invalid_scope" {
		t.Errorf("status %d: %v", status, body)
	}
}

func TestClientAuth_Methods(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	const secret = "s e:c+r%et/é"
	basic := func(id, secret string) func(*http.Request, url.Values) {
		return func(r *http.Request, _ url.Values) { r.SetBasicAuth(id, secret) }
	}
	post := func(id, secret string) func(*http.Request, url.Values) {
		return func(_ *http.Request, f url.Values) { f.Set("client_id", id); f.Set("client_secret", secret) }
	}
	assertion := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims)) func(*http.Request, url.Values) {
		return func(r *http.Request, f url.Values) {
			claims := jwt.MapClaims{
				"iss": "authtest", "sub": "authtest", "aud": r.URL.String(), "jti": rand.Text(),
				"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
			}
			if change != nil {
				change(claims)
			}
			signed, err := jwt.NewWithClaims(method, claims).SignedString(key)
			if err != nil {
				t.Fatal(err)
			}
			f.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			f.Set("client_assertion", signed)
		}
	}
	set := func(name string, value any) func(jwt.MapClaims) {
		return func(c jwt.MapClaims) { c[name] = value }
	}
	drop := func(name string) func(jwt.MapClaims) {
		return func(c jwt.MapClaims) { delete(c, name) }
	}

	for _, tc := range []struct {
		name    string
		methods []provider.AuthMethod
		key     crypto.PublicKey
		prepare func(*http.Request, url.Values)
		ok      bool
	}{
		{"basic, encoded", nil, nil, basic("authtest", url.QueryEscape(secret)), true},
		{"basic, not encoded", nil, nil, basic("authtest", secret), false},
		{"basic, wrong secret", nil, nil, basic("authtest", "x"), false},
		{"basic, wrong client", nil, nil, basic("other", url.QueryEscape(secret)), false},
		{"basic, not allowed", []provider.AuthMethod{provider.ClientSecretPost}, nil, basic("authtest", url.QueryEscape(secret)), false},
		{"another scheme", nil, nil, func(r *http.Request, _ url.Values) { r.Header.Set("Authorization", "Bearer x") }, false},
		{"post", nil, nil, post("authtest", secret), true},
		{"post, wrong secret", nil, nil, post("authtest", secret+"x"), false},
		{"post, empty secret", nil, nil, post("authtest", ""), false},
		{"post, wrong client", nil, nil, post("other", secret), false},
		{"post, not allowed", []provider.AuthMethod{provider.ClientSecretBasic}, nil, post("authtest", secret), false},
		{"basic and post", nil, nil, func(r *http.Request, f url.Values) {
			basic("authtest", url.QueryEscape(secret))(r, f)
			post("authtest", secret)(r, f)
		}, false},
		{"secret jwt", nil, nil, assertion(jwt.SigningMethodHS256, []byte(secret), nil), true},
		{"secret jwt, for the issuer", nil, nil, assertion(jwt.SigningMethodHS256, []byte(secret), set("aud", "http://idp.test")), true},
		{"secret jwt, wrong secret", nil, nil, assertion(jwt.SigningMethodHS256, []byte("x"), nil), false},
		{"secret jwt, other audience", nil, nil, assertion(jwt.SigningMethodHS256, []byte(secret), set("aud", "http://other.test")), false},
		{"secret jwt, other client", nil, nil, assertion(jwt.SigningMethodHS256, []byte(secret), set("sub", "other")), false},
		{"secret jwt, expired", nil, nil, assertion(jwt.SigningMethodHS256, []byte(secret), set("exp", time.Now().Add(-time.Minute).Unix())), false},
		{"secret jwt, endless", nil, nil, assertion(jwt.SigningMethodHS256, []byte(secret), drop("exp")), false},
		{"secret jwt, no jti", nil, nil, assertion(jwt.SigningMethodHS256, []byte(secret), drop("jti")), false},
		{"secret jwt, not allowed", []provider.AuthMethod{provider.ClientSecretBasic}, nil, assertion(jwt.SigningMethodHS256, []byte(secret), nil), false},
		{"jwt, unsigned", nil, nil, assertion(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), false},
		{"jwt, other type", nil, nil, func(r *http.Request, f url.Values) {
			assertion(jwt.SigningMethodHS256, []byte(secret), nil)(r, f)
			f.Set("client_assertion_type", "x")
		}, false},
		{"private key, RSA", nil, &rsaKey.PublicKey, assertion(jwt.SigningMethodRS256, rsaKey, nil), true},
		{"private key, ECDSA", nil, &ecKey.PublicKey, assertion(jwt.SigningMethodES256, ecKey, nil), true},
		{"private key, Ed25519", nil, edKey.Public(), assertion(jwt.SigningMethodEdDSA, edKey, nil), true},
		{"private key, another", nil, edKey.Public(), assertion(jwt.SigningMethodES256, ecKey, nil), false},
		{"private key, unknown", nil, nil, assertion(jwt.SigningMethodES256, ecKey, nil), false},
		{"none", []provider.AuthMethod{provider.NoClientAuth}, nil, func(_ *http.Request, f url.Values) { f.Set("client_id", "authtest") }, true},
		{"none, wrong client", []provider.AuthMethod{provider.NoClientAuth}, nil, func(_ *http.Request, f url.Values) { f.Set("client_id", "other") }, false},
		{"none, no client", []provider.AuthMethod{provider.NoClientAuth}, nil, func(*http.Request, url.Values) {}, false},
		{"none, not allowed", nil, nil, func(_ *http.Request, f url.Values) { f.Set("client_id", "authtest") }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			idp, err := authtest.NewIDP(authtest.IDPConfig{
				Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256",
				ClientSecret: secret, ClientKey: tc.key, AuthMethods: tc.methods,
			})
			if err != nil {
				t.Fatal(err)
			}
			form := url.Values{
				"grant_type": {"authorization_code"}, "code": {newCode(t, idp)},
				"redirect_uri": {callbackURL}, "code_verifier": {testVerifier},
			}
			status, body := postToken(t, idp, form, tc.prepare)
			switch {
			case tc.ok && status != http.StatusOK:
				t.Errorf("rejected: %v", body)
			case !tc.ok && (status != http.StatusUnauthorized || body["error"] != "invalid_client"):
				t.Errorf("status %d: %v", status, body)
			}
		})
	}
}

func TestClientAuth_AssertionUsedOnce(t *testing.T) {
	idp := fastProvider(t)
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": idp.ClientID(), "sub": idp.ClientID(), "aud": idp.Issuer(), "jti": "once", "exp": time.Now().Add(time.Minute).Unix(),
	}).SignedString([]byte(idp.ClientSecret()))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		form := codeForm(idp, newCode(t, idp))
		form.Del("client_secret")
		form.Set("client_assertion", signed)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		if status, body := postToken(t, idp, form, nil); status != want {
			t.Errorf("use %d: status %d: %v, want %d", i+1, status, body, want)
		}
	}
}

func TestClientAuth_FailureKeepsCode(t *testing.T) {
	idp := fastProvider(t)
	form := codeForm(idp, newCode(t, idp))
	form.Set("client_secret", "wrong")
	if status, _ := postToken(t, idp, form, nil); status != http.StatusUnauthorized {
		t.Fatalf("a wrong secret: status %d", status)
	}
	form.Set("client_secret", idp.ClientSecret())
	if status, body := postToken(t, idp, form, nil); status != http.StatusOK {
		t.Errorf("the right secret afterwards: %v", body)
	}
}
