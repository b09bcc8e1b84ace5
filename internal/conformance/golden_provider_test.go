package conformance_test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// goldenProvider is the identity provider of the recordings, at its recorded address. It
// is the transport of the HTTP client, and needs no network.
type goldenProvider struct {
	*testing.T
	issuer string
	now    time.Time
	key    *ecdsa.PrivateKey

	request  url.Values              // the last authorization request
	fault    string                  // of the ID token, "" if none
	profile  map[string]any          // of the user
	requests []goldenProviderRequest // of the current exchange
	answer   map[string]any          // to the code, nil for that of the recordings without users

	recordedAt time.Time
}

func newGoldenProvider(t *testing.T, issuer string, now time.Time) *goldenProvider {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &goldenProvider{T: t, issuer: issuer, recordedAt: now, now: now, key: key}
}

// start sets the authorization request.
func (g *goldenProvider) start(request url.Values) { g.request = request }

// prepare sets the user and the fault of an exchange from the recording.
func (g *goldenProvider) prepare(e *goldenExchange) {
	g.requests, g.answer, g.now = nil, nil, cmp.Or(e.At, g.recordedAt)
	if e.Person != nil {
		g.profile, g.fault = maps.Clone(e.Person), ""
		for _, r := range e.ProviderRequests {
			if r.Path == "/token" {
				g.answer = maps.Clone(r.Response.JSON)
			}
		}
		return
	}
	g.fault = strings.TrimPrefix(e.Step, "callback: ")
	g.profile = map[string]any{"sub": "op-user-1", "name": "Op User", "email": "Op.User@Example.com", "picture": "https://op.example/p.png"}
	for _, call := range e.ServerCalls {
		args, _ := call.Args.(map[string]any)
		if profile, ok := args["profile"].(map[string]any); ok && call.Fn == "callback:signIn" {
			g.profile = maps.Clone(profile)
		}
	}
	for _, r := range e.ProviderRequests {
		if sub, ok := strings.CutPrefix(r.Headers["authorization"], "Bearer at-"); ok {
			g.profile["sub"] = sub
		}
	}
	for _, claim := range []string{"iss", "aud", "iat", "exp", "nonce"} {
		delete(g.profile, claim)
	}
}

func (g *goldenProvider) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	seen := goldenProviderRequest{Method: r.Method, Path: r.URL.Path, Headers: map[string]string{"authorization": r.Header.Get("Authorization")}, Form: map[string]string{}}
	for name := range r.PostForm {
		seen.Form[name] = r.PostForm.Get(name)
	}
	g.requests = append(g.requests, seen)

	w := httptest.NewRecorder()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		g.send(w, map[string]any{
			"issuer": g.issuer, "authorization_endpoint": g.issuer + "/authorize", "token_endpoint": g.issuer + "/token",
			"userinfo_endpoint": g.issuer + "/userinfo", "jwks_uri": g.issuer + "/jwks",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	case "/jwks":
		point, err := g.key.PublicKey.Bytes() // 4, x, y
		if err != nil {
			return nil, err
		}
		g.send(w, map[string]any{"keys": []any{map[string]any{
			"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1",
			"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
		}}})
	case "/token":
		g.token(w, r)
	case "/userinfo":
		g.send(w, g.profile)
	default:
		http.NotFound(w, r)
	}
	return w.Result(), nil
}

func (g *goldenProvider) token(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != g.request.Get("code_challenge") {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	sub, _ := g.profile["sub"].(string)
	answer := map[string]any{
		"access_token": "at-" + sub, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "rt-1", "scope": g.request.Get("scope"),
	}
	if g.answer != nil {
		delete(g.answer, "id_token")
		answer = g.answer
	}
	if g.request.Has("nonce") && g.fault != "no-id-token" {
		answer["id_token"] = g.idToken()
	}
	g.send(w, answer)
}

func (g *goldenProvider) idToken() string {
	claims := jwt.MapClaims{
		"iss": g.issuer, "aud": "oidc-cid", "nonce": g.request.Get("nonce"),
		"iat": g.now.Unix(), "exp": g.now.Add(10 * time.Minute).Unix(),
	}
	maps.Copy(claims, g.profile)
	switch g.fault {
	case "bad-nonce":
		claims["nonce"] = "wrong"
	case "bad-iss":
		claims["iss"] = "http://evil"
	case "bad-aud":
		claims["aud"] = "other"
	case "expired":
		claims["exp"] = g.now.Add(-time.Hour).Unix()
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["kid"] = "k1"
	signed, err := t.SignedString(g.key)
	if err != nil {
		g.Fatal(err)
	}
	if g.fault == "bad-sig" {
		body := signed[:strings.LastIndexByte(signed, '.')+1]
		signed = body + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	}
	return signed
}

func (g *goldenProvider) send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.MarshalWrite(w, v); err != nil {
		g.Error(err)
	}
}
