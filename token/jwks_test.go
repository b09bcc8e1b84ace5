package token_test

import (
	"crypto"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/token"
)

// fetchKeys returns the key set that a codec serves.
func fetchKeys(t *testing.T, cfg token.SignedConfig) (set jose.JSONWebKeySet, body string) {
	t.Helper()
	c, err := token.NewSigned(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	c.JWKS().ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/jwk-set+json" {
		t.Fatalf("%d, %v", w.Code, w.Header())
	}
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	return set, w.Body.String()
}

// A service with the key set alone verifies the tokens, by the key that their "kid" names,
// with another library.
func TestJWKS_VerifiesTokens(t *testing.T) {
	k := keys()
	for name, tt := range map[string]struct {
		private crypto.Signer
		alg     string
	}{
		"RSA":     {k.rsa, "RS256"},
		"ECDSA":   {k.ecdsa, "ES256"},
		"Ed25519": {k.ed25519, "EdDSA"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := token.SignedConfig{PrivateKey: tt.private, KeyID: "new", PublicKeys: map[string]crypto.PublicKey{"old": k.otherRSA.Public()}}
			set, _ := fetchKeys(t, cfg)
			ids := []string{}
			for _, key := range set.Keys {
				ids = append(ids, key.KeyID)
				if !key.IsPublic() || !key.Valid() || key.Use != "sig" {
					t.Errorf("the key %+v", key)
				}
			}
			if !slices.Equal(ids, []string{"new", "old"}) {
				t.Errorf("the set has the keys %q", ids)
			}
			for signer, cfg := range map[string]token.SignedConfig{"new": cfg, "old": {PrivateKey: k.otherRSA, KeyID: "old"}} {
				sealed, err := signed(t, cfg).Seal(t.Context(), []byte(`{"sub":"1"}`))
				if err != nil {
					t.Fatal(err)
				}
				parsed, err := jwt.Parse(sealed, func(tok *jwt.Token) (any, error) {
					found := set.Key(tok.Header["kid"].(string))
					if len(found) != 1 || found[0].Algorithm != tok.Method.Alg() {
						t.Fatalf("the keys for %v are %+v", tok.Header, found)
					}
					return found[0].Key, nil
				})
				if err != nil || parsed.Claims.(jwt.MapClaims)["sub"] != "1" {
					t.Errorf("%s: %v, %v", signer, parsed, err)
				}
			}
			for _, key := range set.Key("new") {
				if key.Algorithm != tt.alg {
					t.Errorf("the algorithm is %q", key.Algorithm)
				}
			}
		})
	}
}

func TestJWKS_HasNoSecret(t *testing.T) {
	secret := strings.Repeat("secret", 8)
	set, body := fetchKeys(t, token.SignedConfig{Secrets: []string{secret}})
	if len(set.Keys) != 0 || body != `{"keys":[]}` {
		t.Errorf("the set of a codec with a secret is %s", body)
	}
	_, body = fetchKeys(t, token.SignedConfig{PrivateKey: keys().rsa, KeyID: "1"})
	for _, member := range []string{`"d"`, `"p"`, `"q"`, `"dp"`, `"dq"`, `"qi"`, `"k"`} { // RFC 7518 §6.3.2, §6.4
		if strings.Contains(body, member+":") {
			t.Errorf("the set has the private member %s", member)
		}
	}
	w := httptest.NewRecorder()
	new(token.Signed).JWKS().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Body.String() != `{"keys":[]}` {
		t.Errorf("the set of the zero Signed is %s", w.Body)
	}
}

func TestJWKS_IsCached(t *testing.T) {
	c, err := token.NewSigned(token.SignedConfig{PrivateKey: keys().ed25519, KeyID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	h := c.JWKS()
	serve := func(method, tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/", nil)
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	first := serve("GET", "")
	tag := first.Header().Get("ETag")
	if tag == "" || first.Header().Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("headers %v", first.Header())
	}
	for _, tt := range []struct {
		method, tag string
		status      int
		body        string
	}{
		{"GET", tag, http.StatusNotModified, ""},
		{"GET", `"other"`, http.StatusOK, first.Body.String()},
		{"HEAD", "", http.StatusOK, ""},
		{"POST", "", http.StatusMethodNotAllowed, "Use GET.\n"},
	} {
		if w := serve(tt.method, tt.tag); w.Code != tt.status || w.Body.String() != tt.body {
			t.Errorf("%s with %q: %d %q", tt.method, tt.tag, w.Code, w.Body)
		}
	}
	if allow := serve("DELETE", "").Header().Get("Allow"); allow != "GET, HEAD" {
		t.Errorf("Allow is %q", allow)
	}

	rotated, err := token.NewSigned(token.SignedConfig{PrivateKey: keys().ed25519, KeyID: "2"})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	rotated.JWKS().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Header().Get("ETag") == tag {
		t.Error("other keys have the same ETag")
	}
}
