package flow_test

import (
	"context"
	"crypto"
	"encoding/asn1"
	"errors"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/provider"
)

// The secret has characters that are form-encoded before base64 (RFC 6749 §2.3.1).
func TestTokenRequest_ClientAuthentication(t *testing.T) {
	common := []string{"code", "code_verifier", "grant_type", "redirect_uri"}
	for name, tt := range map[string]struct {
		change func(*provider.Provider)
		header string
		form   map[string]string
	}{
		"default":   {func(*provider.Provider) {}, "Basic dGhlK2NsaWVudDpzM2NyZXQrJTI2K21vcmU=", nil},
		"basic":     {func(p *provider.Provider) { p.AuthMethod = provider.ClientSecretBasic }, "Basic dGhlK2NsaWVudDpzM2NyZXQrJTI2K21vcmU=", nil},
		"post":      {func(p *provider.Provider) { p.AuthMethod = provider.ClientSecretPost }, "", map[string]string{"client_id": clientID, "client_secret": secret}},
		"none":      {func(p *provider.Provider) { p.AuthMethod = provider.NoClientAuth }, "", map[string]string{"client_id": clientID}},
		"function":  {secretFunc("short-lived"), "", map[string]string{"client_id": clientID, "client_secret": "short-lived"}},
		"by secret": {func(p *provider.Provider) { p.AuthMethod = provider.ClientSecretJWT }, "", map[string]string{"client_id": clientID, "client_assertion": "", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}},
		"by key":    {signWith(ecKey()), "", map[string]string{"client_id": clientID, "client_assertion": "", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			if _, err := i.signIn(t, i.flow(i.oidc(tt.change))); err != nil {
				t.Fatal(err)
			}
			r := i.seen("/token")[0]
			if got := r.Header.Get("Authorization"); got != tt.header {
				t.Errorf("Authorization %q, want %q", got, tt.header)
			}
			want := slices.Sorted(slices.Values(slices.Concat(common, slices.Collect(maps.Keys(tt.form)))))
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(r.PostForm))); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			for field, value := range tt.form {
				if got := r.PostForm.Get(field); value != "" && got != value {
					t.Errorf("%s = %q, want %q", field, got, value)
				}
			}
			if r.URL.RawQuery != "" {
				t.Errorf("the token request has the query %q", r.URL.RawQuery)
			}
		})
	}
}

func secretFunc(secret string) func(*provider.Provider) {
	return func(p *provider.Provider) {
		p.AuthMethod = provider.ClientSecretPost
		p.ClientSecretFunc = func(context.Context) (string, error) { return secret, nil }
	}
}

func signWith(key crypto.Signer) func(*provider.Provider) {
	return func(p *provider.Provider) {
		p.AuthMethod, p.SigningKey, p.SigningKeyID = provider.PrivateKeyJWT, key, "k1"
	}
}

// remoteKey is a signer of another type than its key, as for a key management service.
type remoteKey struct{ key crypto.Signer }

func (k remoteKey) Public() crypto.PublicKey { return k.key.Public() }
func (k remoteKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.key.Sign(rand, digest, opts)
}

func TestTokenRequest_ClientAssertion(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*provider.Provider)
		alg    string
		key    any
	}{
		"client secret":  {func(p *provider.Provider) { p.AuthMethod = provider.ClientSecretJWT }, "HS256", []byte(secret)},
		"RSA":            {signWith(rsaKey()), "RS256", &rsaKey().PublicKey},
		"P-256":          {signWith(ecKey()), "ES256", &ecKey().PublicKey},
		"Ed25519":        {signWith(edKey()), "EdDSA", edKey().Public()},
		"remote RSA":     {signWith(remoteKey{rsaKey()}), "RS256", &rsaKey().PublicKey},
		"remote P-256":   {signWith(remoteKey{ecKey()}), "ES256", &ecKey().PublicKey},
		"remote Ed25519": {signWith(remoteKey{edKey()}), "EdDSA", edKey().Public()},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			if _, err := i.signIn(t, i.flow(i.oidc(tt.change))); err != nil {
				t.Fatal(err)
			}
			var claims jwt.RegisteredClaims
			assertion := i.seen("/token")[0].PostForm.Get("client_assertion")
			token, err := jwt.ParseWithClaims(assertion, &claims, func(*jwt.Token) (any, error) { return tt.key, nil },
				jwt.WithValidMethods([]string{tt.alg}), jwt.WithTimeFunc(clock), jwt.WithExpirationRequired(),
				jwt.WithIssuer(clientID), jwt.WithSubject(clientID), jwt.WithAudience(issuer+"/token"))
			if err != nil {
				t.Fatalf("the assertion: %v", err)
			}
			if claims.ID == "" || claims.ExpiresAt.Sub(now) > 5*time.Minute {
				t.Errorf("the assertion has no ID, or lives too long: %+v", claims)
			}
			if kid := token.Header["kid"]; tt.alg != "HS256" && kid != "k1" {
				t.Errorf("kid %v", kid)
			}
		})
	}
}

func TestTokenRequest_AssertionWithoutKeyID(t *testing.T) {
	i := newIDP()
	if _, err := i.signIn(t, i.flow(i.oidc(signWith(ecKey()), func(p *provider.Provider) { p.SigningKeyID = "" }))); err != nil {
		t.Fatal(err)
	}
	token, _, err := jwt.NewParser().ParseUnverified(i.seen("/token")[0].PostForm.Get("client_assertion"), &jwt.RegisteredClaims{})
	if err != nil {
		t.Fatal(err)
	}
	if kid, ok := token.Header["kid"]; ok {
		t.Errorf("kid %q", kid)
	}
}

// fakeKey returns a signature or an error of its own, as a key management service may.
type fakeKey struct {
	public    crypto.PublicKey
	signature any // as ASN.1
	err       error
}

func (k fakeKey) Public() crypto.PublicKey { return k.public }
func (k fakeKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	if k.err != nil {
		return nil, k.err
	}
	return asn1.Marshal(k.signature)
}

func TestTokenRequest_SignatureOfSigner(t *testing.T) {
	type pair struct{ R, S *big.Int }
	bit := func(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }
	one := big.NewInt(1)
	ec := func(r, s *big.Int) fakeKey { return fakeKey{public: &ecKey().PublicKey, signature: pair{r, s}} }
	for name, tt := range map[string]struct {
		key  crypto.Signer
		want string // in the error
	}{
		"256 bits":            {ec(bit(255), bit(255)), ""},
		"one":                 {ec(one, one), ""},
		"R of 257 bits":       {ec(bit(256), one), "not of P-256"},
		"S of 257 bits":       {ec(one, bit(256)), "not of P-256"},
		"R is zero":           {ec(new(big.Int), one), "not of P-256"},
		"S is zero":           {ec(one, new(big.Int)), "not of P-256"},
		"R is negative":       {ec(big.NewInt(-1), one), "not of P-256"},
		"S is negative":       {ec(one, big.NewInt(-1)), "not of P-256"},
		"no pair":             {fakeKey{public: &ecKey().PublicKey, signature: "x"}, "asn1"},
		"RSA, fails":          {fakeKey{public: &rsaKey().PublicKey, err: errors.New("locked")}, "locked"},
		"Ed25519, fails":      {fakeKey{public: edKey().Public(), err: errors.New("locked")}, "locked"},
		"key of another type": {fakeKey{public: "x"}, "a key of type string is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			_, err := i.signIn(t, i.flow(i.oidc(signWith(tt.key))))
			requests := i.seen("/token")
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if text := requests[0].PostForm.Get("client_assertion"); len(text[strings.LastIndexByte(text, '.')+1:]) != 86 {
					t.Errorf("the assertion is %s", text)
				}
				return
			}
			wantCode(t, err, "OAuthCallback")
			if !strings.Contains(err.Error(), tt.want) || len(requests) != 0 {
				t.Errorf("%d requests, %v", len(requests), err)
			}
		})
	}
}

func TestTokenRequest_AuthenticationError(t *testing.T) {
	for name, change := range map[string]func(*provider.Provider){
		"no signing key": func(p *provider.Provider) { p.AuthMethod = provider.PrivateKeyJWT },
		"unknown method": func(p *provider.Provider) { p.AuthMethod = "tls" },
		"secret fails": func(p *provider.Provider) {
			p.ClientSecretFunc = func(context.Context) (string, error) { return "", errors.New("no key") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			_, err := i.signIn(t, i.flow(i.oidc(change)))
			wantCode(t, err, "OAuthCallback")
			if len(i.seen("/token")) != 0 {
				t.Error("a token request was sent")
			}
		})
	}
}

func TestTokenResponse_Account(t *testing.T) {
	base := `"access_token":"at","token_type":"bearer"`
	for name, tt := range map[string]struct {
		body string
		want provider.Account
	}{
		"least":                {`{` + base + `}`, provider.Account{}},
		"lifetime":             {`{` + base + `,"expires_in":60}`, provider.Account{ExpiresAt: now.Unix() + 60}},
		"lifetime in string":   {`{` + base + `,"expires_in":"60"}`, provider.Account{ExpiresAt: now.Unix() + 60}},
		"no lifetime":          {`{` + base + `,"expires_in":null}`, provider.Account{}},
		"fraction":             {`{` + base + `,"expires_in":3600.0}`, provider.Account{ExpiresAt: now.Unix() + 3600}},
		"exponent":             {`{` + base + `,"expires_in":3.6e3}`, provider.Account{ExpiresAt: now.Unix() + 3600}},
		"fraction as text":     {`{` + base + `,"expires_in":"3600.0"}`, provider.Account{ExpiresAt: now.Unix() + 3600}},
		"part of a second":     {`{` + base + `,"expires_in":0.5}`, provider.Account{}},
		"unreadable lifetime":  {`{` + base + `,"expires_in":"soon"}`, provider.Account{}},
		"lifetime, object":     {`{` + base + `,"expires_in":{}}`, provider.Account{}},
		"lifetime, infinite":   {`{` + base + `,"expires_in":1e999}`, provider.Account{}},
		"lifetime as text NaN": {`{` + base + `,"expires_in":"NaN"}`, provider.Account{}},
		"endless lifetime":     {`{` + base + `,"expires_in":99999999999}`, provider.Account{ExpiresAt: now.Unix() + 1<<31 - 1}},
		"negative lifetime":    {`{` + base + `,"expires_in":-5}`, provider.Account{}},
		"end":                  {`{` + base + `,"expires_at":1795429999}`, provider.Account{ExpiresAt: 1795429999}},
		"end and lifetime":     {`{` + base + `,"expires_at":1,"expires_in":60}`, provider.Account{ExpiresAt: now.Unix() + 60}},
		"end in milliseconds":  {`{` + base + `,"expires_at":1795429999000}`, provider.Account{}},
		"end too large":        {`{` + base + `,"expires_at":9223372036854775807}`, provider.Account{}},
		"end as text NaN":      {`{` + base + `,"expires_at":"NaN"}`, provider.Account{}},
		"negative end":         {`{` + base + `,"expires_at":-1}`, provider.Account{}},
		"null refresh token":   {`{` + base + `,"refresh_token":null}`, provider.Account{}},
		"scope":                {`{` + base + `,"scope":"a b"}`, provider.Account{Scope: "a b"}},
		"scope in an array":    {`{` + base + `,"scope":["a","b"]}`, provider.Account{Scope: "a b"}},
		"scope is a number":    {`{` + base + `,"scope":1}`, provider.Account{}},
		"more":                 {`{` + base + `,"team":{"id":9007199254740993},"x":1.0}`, provider.Account{Extra: jsontext.Value(`{"team":{"id":9007199254740993},"x":1.0}`)}},
		"members of Account":   {`{` + base + `,"provider":"evil","type":"x","providerAccountId":"admin"}`, provider.Account{}},
		"shortest lifetime":    {`{` + base + `,"expires_in":1}`, provider.Account{ExpiresAt: now.Unix() + 1}},
		"largest number":       {`{` + base + `,"expires_in":9223372036854775807}`, provider.Account{ExpiresAt: now.Unix() + 1<<31 - 1}},
		"latest end":           {`{` + base + `,"expires_at":3942903647}`, provider.Account{ExpiresAt: now.Unix() + 1<<31 - 1}},
		"error is null":        {`{` + base + `,"error":null}`, provider.Account{Extra: jsontext.Value(`{"error":null}`)}},
		"error is empty":       {`{` + base + `,"error":""}`, provider.Account{Extra: jsontext.Value(`{"error":""}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.handlers["/token"] = serve(tt.body)
			result, err := i.signIn(t, i.flow(i.oauth2()))
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			want.Provider, want.Type, want.ProviderAccountID = "idp", provider.TypeOAuth, "user-1"
			want.AccessToken, want.TokenType = "at", "bearer"
			if diff := cmp.Diff(&want, result.Account); diff != "" {
				t.Errorf("account (-want +got):\n%s", diff)
			}
			if _, err := json.Marshal(result.Account); err != nil {
				t.Errorf("the account can't be written: %v", err)
			}
		})
	}
}

func TestTokenResponse_OtherSuccess(t *testing.T) {
	for _, code := range []int{200, 201, 299} {
		i := newIDP()
		i.handlers["/token"] = status(code, `{"access_token":"at","token_type":"Bearer"}`)
		if _, err := i.signIn(t, i.flow(i.oauth2())); err != nil {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// Some providers send no content type, or another one.
func TestTokenResponse_ContentTypeIsIgnored(t *testing.T) {
	for _, contentType := range []string{"", "text/plain", "text/javascript", "application/x-www-form-urlencoded"} {
		i := newIDP()
		i.handlers["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{contentType}
			w.Write([]byte(`{"access_token":"at","token_type":"Bearer"}`))
		}
		if _, err := i.signIn(t, i.flow(i.oauth2())); err != nil {
			t.Errorf("%q: %v", contentType, err)
		}
	}
}

func TestTokenResponse_Rejected(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"no access token":      serve(`{"token_type":"Bearer"}`),
		"access token, number": serve(`{"access_token":1,"token_type":"Bearer"}`),
		"other token type":     serve(`{"access_token":"at","token_type":"DPoP"}`),
		"two access tokens":    serve(`{"access_token":"at","access_token":"b","token_type":"Bearer"}`),
		"token type, number":   serve(`{"access_token":"at","token_type":1}`),
		"null":                 serve(`null`),
		"array":                serve(`[]`),
		"HTML":                 serve(`<html>`),
		"truncated":            serve(`{"access_token":"the access token`),
		"two values":           serve(`{"access_token":"at","token_type":"Bearer"}{}`),
		"empty":                serve(``),
		"no content":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"a form": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
			w.Write([]byte("access_token=at&token_type=bearer"))
		},
		"invalid_grant": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			w.Write([]byte(`{"error":"invalid_grant","error_description":"the-code is spent"}`))
		},
		"error in a 200": serve(`{"error":"invalid_grant","access_token":"the access token","token_type":"Bearer"}`),
		"status 300":     status(300, `{"access_token":"at","token_type":"Bearer"}`),
		"status 500":     status(500, `{"access_token":"at","token_type":"Bearer"}`),
		"the code in a 500": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			w.Write([]byte("dump: " + r.PostForm.Encode() + r.Header.Get("Authorization")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.handlers["/token"] = handler
			_, err := i.signIn(t, i.flow(i.oauth2()))
			wantCode(t, err, "OAuthCallback")
			if n := len(i.seen("/token")); n != 1 {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

func TestTokenRequest_URLSecretStaysOutOfErrors(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oauth2(func(p *provider.Provider) {
		p.TokenURL += "?key=" + url.QueryEscape("the refresh token")
	}))
	i.handlers["/token"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusTemporaryRedirect) }
	_, err := i.signIn(t, f)
	wantCode(t, err, "OAuthCallback")
}
