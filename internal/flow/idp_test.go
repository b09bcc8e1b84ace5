package flow_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

const (
	issuer      = "https://idp.example"
	clientID    = "the client"
	secret      = "s3cret & more"
	redirectURI = "https://app.example/api/auth/callback/idp"
)

// now is the clock of the tests: the 23rd of November 2026.
var now = time.Unix(1795420000, 0)

func clock() time.Time { return now }

// Generating keys is slow, so that the tests share them.
var (
	rsaKey     = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey      = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	otherECKey = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey      = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// object is a JSON object.
type object = map[string]any

// idp is an OpenID provider in memory. A test changes its fields before the sign-in,
// not during it.
type idp struct {
	issuer string

	// The responses of the endpoints.
	metadata object
	keys     []any // JSON Web Keys
	answer   object
	userinfo any

	// The ID token.
	method jwt.SigningMethod
	key    any
	header object
	claims object

	handlers map[string]http.HandlerFunc // in place of the default ones

	nonce string // of the latest authorization URL

	mu       sync.Mutex
	requests []*http.Request // with their forms parsed
}

// newIDP returns a provider that follows the standards.
func newIDP() *idp {
	return &idp{
		issuer: issuer,
		metadata: object{
			"issuer":                                issuer,
			"authorization_endpoint":                issuer + "/authorize",
			"token_endpoint":                        issuer + "/token",
			"userinfo_endpoint":                     issuer + "/userinfo",
			"jwks_uri":                              issuer + "/jwks",
			"id_token_signing_alg_values_supported": []string{"none", "HS256", "ES256"},
		},
		keys: []any{jwk("ec", &ecKey().PublicKey)},
		answer: object{
			"access_token":  "the access token",
			"token_type":    "Bearer",
			"refresh_token": "the refresh token",
			"expires_in":    3600,
			"scope":         "openid profile email",
		},
		userinfo: object{"sub": "user-1", "name": "Ada Lovelace", "email": "Ada@Example.com", "picture": "https://img.example/ada.png"},
		method:   jwt.SigningMethodES256,
		key:      ecKey(),
		header:   object{"kid": "ec"},
		claims: object{
			"iss": issuer,
			"aud": clientID,
			"sub": "user-1",
			"iat": now.Unix(),
			"exp": now.Add(10 * time.Minute).Unix(),
		},
		handlers: map[string]http.HandlerFunc{},
	}
}

// jwk returns a public key as a JSON Web Key for signatures.
func jwk(kid string, public crypto.PublicKey) any {
	return jose.JSONWebKey{KeyID: kid, Key: public, Use: "sig"}
}

func (i *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	i.mu.Lock()
	i.requests = append(i.requests, r)
	i.mu.Unlock()

	if handler, ok := i.handlers[r.URL.Path]; ok {
		handler(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		writeJSON(w, i.metadata)
	case "/jwks":
		writeJSON(w, object{"keys": i.keys})
	case "/token":
		writeJSON(w, i.tokens())
	case "/userinfo":
		writeJSON(w, i.userinfo)
	default:
		http.NotFound(w, r)
	}
}

// seen returns the requests for a path.
func (i *idp) seen(path string) []*http.Request {
	i.mu.Lock()
	defer i.mu.Unlock()
	var found []*http.Request
	for _, r := range i.requests {
		if r.URL.Path == path {
			found = append(found, r)
		}
	}
	return found
}

// tokens returns the response of the token endpoint. A nil member is left out.
func (i *idp) tokens() object {
	answer := maps.Clone(i.answer)
	if _, ok := answer["id_token"]; !ok {
		answer["id_token"] = i.idToken()
	}
	maps.DeleteFunc(answer, func(_ string, v any) bool { return v == nil })
	return answer
}

func (i *idp) idToken() string {
	claims := object{"nonce": i.nonce}
	maps.Copy(claims, i.claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return i.sign(string(must(json.Marshal(claims))))
}

// sign returns a token with the payload.
func (i *idp) sign(payload string) string {
	header := object{"alg": i.method.Alg(), "typ": "JWT"}
	maps.Copy(header, i.header)
	text := base64.RawURLEncoding.EncodeToString(must(json.Marshal(header))) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(payload))
	signature := must(i.method.Sign(text, i.key))
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(must(json.Marshal(v)))
}

// RoundTrip serves a request in memory.
func (i *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w.Result(), nil
}

// oidc returns the configuration of the provider, after change.
func (i *idp) oidc(change ...func(*provider.Provider)) provider.Provider {
	p := provider.OIDC(provider.Provider{ID: "idp", Issuer: i.issuer, ClientID: clientID, ClientSecret: secret})
	for _, apply := range change {
		apply(&p)
	}
	return p
}

// oauth2 returns the configuration of the provider as one of OAuth 2, after change.
func (i *idp) oauth2(change ...func(*provider.Provider)) provider.Provider {
	p := provider.OAuth2(provider.Provider{
		ID: "idp", ClientID: clientID, ClientSecret: secret,
		AuthorizationURL: i.issuer + "/authorize", TokenURL: i.issuer + "/token", UserinfoURL: i.issuer + "/userinfo",
	})
	for _, apply := range change {
		apply(&p)
	}
	return p
}

// flow returns the flow of p, whose requests the idp serves in memory.
func (i *idp) flow(p provider.Provider) *flow.Flow {
	return flow.New(p, flow.Config{HTTPClient: &http.Client{Transport: i}, Now: clock})
}

// start starts a sign-in, passes the nonce to the idp and returns the response.
func (i *idp) start(t testing.TB, f *flow.Flow) (*flow.Check, url.Values) {
	t.Helper()
	address, check, err := f.Start(context.Background(), redirectURI, nil)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	query := must(url.Parse(address)).Query()
	i.nonce = query.Get("nonce")
	return check, url.Values{"state": query["state"], "code": {"the-code"}}
}

// signIn starts and completes a sign-in.
func (i *idp) signIn(t testing.TB, f *flow.Flow) (*flow.Result, error) {
	t.Helper()
	check, params := i.start(t, f)
	return f.Finish(context.Background(), check, redirectURI, params)
}

// startParams is start for goroutines, which does not pass the nonce to the idp.
func startParams(f *flow.Flow) (*flow.Check, url.Values) {
	_, check, err := f.Start(context.Background(), redirectURI, nil)
	if err != nil {
		panic(err)
	}
	return check, url.Values{"state": {check.State}, "code": {"the-code"}}
}
