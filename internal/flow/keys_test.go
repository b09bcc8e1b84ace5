package flow_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/flow"
)

// with returns the key with a member set.
func with(key any, name string, value any) any {
	var members object
	if err := json.Unmarshal(must(json.Marshal(key)), &members); err != nil {
		panic(err)
	}
	members[name] = value
	return members
}

func TestKeys_FetchedAgainForUnknownKey(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	for range 3 {
		if _, err := i.signIn(t, f); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(i.seen("/jwks")); n != 1 {
		t.Errorf("%d requests for the keys by three sign-ins", n)
	}

	// The provider replaces its key and signs with the new one at once.
	i.keys = []any{jwk("new", &otherECKey().PublicKey)}
	i.key, i.header = otherECKey(), object{"kid": "new"}
	if _, err := i.signIn(t, f); err != nil {
		t.Errorf("sign-in after the rotation: %v", err)
	}

	// Tokens of the old key are rejected.
	i.key, i.header = ecKey(), object{"kid": "ec"}
	_, err := i.signIn(t, f)
	wantCode(t, err, "OAuthCallback")
}

func TestKeys_ReusedKeyID(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	if _, err := i.signIn(t, f); err != nil {
		t.Fatal(err)
	}
	i.keys, i.key = []any{jwk("ec", &otherECKey().PublicKey)}, otherECKey()
	if _, err := i.signIn(t, f); err != nil {
		t.Errorf("sign-in: %v", err)
	}
}

func TestKeys_WithdrawnKeyExpires(t *testing.T) {
	i := newIDP()
	at := now
	f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time { return at }})
	if _, err := i.signIn(t, f); err != nil {
		t.Fatal(err)
	}
	i.keys = []any{}
	at = now.Add(time.Hour)
	i.claims["exp"] = at.Add(time.Minute).Unix()
	_, err := i.signIn(t, f)
	wantCode(t, err, "OAuthCallback")
}

func TestDiscovery_CachedForAnHour(t *testing.T) {
	i := newIDP()
	at := now
	f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: i}, Now: func() time.Time { return at }})
	startQuery(t, f, nil)
	i.metadata["authorization_endpoint"] = issuer + "/v2/authorize"

	at = now.Add(time.Hour - time.Second)
	if u, _, _ := startQuery(t, f, nil); u.Path != "/authorize" {
		t.Errorf("discovery is not cached: %s", u)
	}
	at = now.Add(time.Hour)
	if u, _, _ := startQuery(t, f, nil); u.Path != "/v2/authorize" {
		t.Errorf("the authorization URL is still %s", u)
	}
}

func TestKeys_NoKeyID(t *testing.T) {
	i := newIDP()
	i.header = object{}
	i.keys = []any{with(jwk("", &ecKey().PublicKey), "use", "sig")}
	if _, err := i.signIn(t, i.flow(i.oidc())); err != nil {
		t.Errorf("sign-in: %v", err)
	}
}

// The member use is optional (RFC 7517 §4.2).
func TestKeys_WithoutUse(t *testing.T) {
	i := newIDP()
	i.keys = []any{jose.JSONWebKey{KeyID: "ec", Key: &ecKey().PublicKey}}
	if _, err := i.signIn(t, i.flow(i.oidc())); err != nil {
		t.Errorf("sign-in: %v", err)
	}
}

// A response that is no key set does not take the place of the known keys.
func TestKeys_BrokenResponseKeepsKnownOnes(t *testing.T) {
	for _, body := range []string{`<html>`, ``, `[]`, `"x"`, `{"keys":"x"}`, `{"keys":{}}`, `{"keys":`} {
		i := newIDP()
		f := i.flow(i.oidc())
		if _, err := i.signIn(t, f); err != nil {
			t.Fatal(err)
		}
		i.handlers["/jwks"] = serve(body)
		i.header["kid"] = "unknown"
		_, err := i.signIn(t, f)
		wantCode(t, err, "OAuthCallback")
		i.header["kid"] = "ec"
		if _, err := i.signIn(t, f); err != nil {
			t.Errorf("%s: a sign-in with a known key fails: %v", body, err)
		}
		if n := len(i.seen("/jwks")); n != 2 {
			t.Errorf("%s: %d requests for the keys", body, n)
		}
	}
}

func TestKeys_SkipsUnusable(t *testing.T) {
	i := newIDP()
	i.keys = []any{
		object{"kty": "XYZ", "kid": "a"},
		object{"kty": "EC", "kid": "b", "crv": "secp256k1", "x": "AA", "y": "AA"},
		object{"kty": "RSA", "kid": "c"},
		object{"kty": "oct", "kid": "ec", "k": "AAAA"},
		object{},
		1, nil, "x",
		jwk("ec", &ecKey().PublicKey),
	}
	if _, err := i.signIn(t, i.flow(i.oidc())); err != nil {
		t.Errorf("sign-in: %v", err)
	}
}

func TestKeys_BrokenResponse(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"error":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"HTML":         serve("<html>"),
		"null":         serve("null"),
		"empty":        serve(""),
		"no keys":      serve(`{}`),
		"keys, no set": serve(`[]`),
		"not an array": serve(`{"keys":{}}`),
		"redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/jwks2", http.StatusFound) },
		"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.handlers["/jwks"] = handler
			f := i.flow(i.oidc())
			_, err := i.signIn(t, f)
			wantCode(t, err, "OAuthCallback")

			delete(i.handlers, "/jwks")
			if _, err := i.signIn(t, f); err != nil {
				t.Errorf("sign-in after the repair: %v", err)
			}
		})
	}
}

// Concurrent sign-ins make one request for the metadata.
func TestDiscovery_SharedByConcurrentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		open := make(chan struct{})
		i.handlers["/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
			<-open
			writeJSON(w, i.metadata)
		}
		f := i.flow(i.oidc())

		failures := make(chan error, 10)
		for range cap(failures) {
			go func() {
				_, _, err := f.Start(context.Background(), redirectURI, nil)
				failures <- err
			}()
		}
		synctest.Wait()
		close(open)
		for range cap(failures) {
			if err := <-failures; err != nil {
				t.Errorf("Start: %v", err)
			}
		}
		if n := len(i.seen("/.well-known/openid-configuration")); n != 1 {
			t.Errorf("%d requests for the metadata", n)
		}
	})
}

func TestDiscovery_CanceledCallEndsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		open := make(chan struct{})
		i.handlers["/.well-known/openid-configuration"] = func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-open:
				writeJSON(w, i.metadata)
			case <-r.Context().Done():
				w.WriteHeader(500)
			}
		}
		f := i.flow(i.oidc())

		ctx, cancel := context.WithCancel(context.Background())
		canceled, other := make(chan error, 1), make(chan error, 1)
		go func() {
			_, _, err := f.Start(ctx, redirectURI, nil)
			canceled <- err
		}()
		synctest.Wait()
		go func() {
			_, _, err := f.Start(context.Background(), redirectURI, nil)
			other <- err
		}()
		synctest.Wait()
		cancel()
		wantCode(t, <-canceled, "OAuthSignin")
		close(open)
		if err := <-other; err != nil {
			t.Errorf("the other's Start: %v", err)
		}
	})
}

// filler returns n keys, each with a key ID of its own, that sign no token.
func filler(n int) []any {
	keys := make([]any, n)
	for i := range keys {
		keys[i] = jwk(fmt.Sprint("other ", i), &otherECKey().PublicKey)
	}
	return keys
}

// A key set that costs too much is an error; the keys from before it stay in use.
func TestKeys_AtMostFifty(t *testing.T) {
	for name, tt := range map[string]struct {
		others int
		ok     bool
	}{
		"50 keys":   {49, true},
		"51 keys":   {50, false},
		"5000 keys": {4999, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.keys = append(filler(tt.others), jwk("ec", &ecKey().PublicKey))
			_, err := i.signIn(t, i.flow(i.oidc()))
			if tt.ok && err != nil {
				t.Errorf("sign-in: %v", err)
			}
			if !tt.ok {
				wantCode(t, err, "OAuthCallback")
			}
		})
	}

	i := newIDP()
	f := i.flow(i.oidc())
	if _, err := i.signIn(t, f); err != nil {
		t.Fatal(err)
	}
	i.keys = append(filler(50), jwk("new", &ecKey().PublicKey))
	i.header = object{"kid": "new"}
	_, err := i.signIn(t, f)
	wantCode(t, err, "OAuthCallback")
	i.header = object{"kid": "ec"}
	if _, err := i.signIn(t, f); err != nil {
		t.Errorf("with a key from before the large set: %v", err)
	}
}

// A token without a key ID is verified with at most eight keys. Those that can't verify its
// algorithm do not count.
func TestKeys_AtMostEightVerifications(t *testing.T) {
	p521 := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	unsuitable := []any{
		with(jwk("384", &otherECKey().PublicKey), "alg", "ES384"), jwk("rsa", &rsaKey().PublicKey),
		jwk("ed", edKey().Public()), jwk("521", &p521.PublicKey),
		object{"kty": "oct", "kid": "oct", "k": "AAAA"},
	}
	for name, tt := range map[string]struct {
		before []any
		kid    string
		ok     bool
	}{
		"the eighth key":             {filler(7), "", true},
		"the ninth key":              {filler(8), "", false},
		"the ninth key, by its ID":   {filler(8), "ec", true},
		"the eighth suitable key":    {append(unsuitable, filler(7)...), "", true},
		"the ninth with this key ID": {slices.Repeat([]any{jwk("ec", &otherECKey().PublicKey)}, 8), "ec", false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.keys = append(tt.before, jwk("ec", &ecKey().PublicKey))
			if i.header = (object{}); tt.kid != "" {
				i.header["kid"] = tt.kid
			}
			_, err := i.signIn(t, i.flow(i.oidc()))
			if tt.ok && err != nil {
				t.Errorf("sign-in: %v", err)
			}
			if !tt.ok {
				wantCode(t, err, "OAuthCallback")
			}
		})
	}
}

// Cached keys need no request that would see the end of the context.
func TestKeys_VerificationEndsWithContext(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	if _, err := f.VerifyLogoutToken(t.Context(), i.logoutToken(nil)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	token, err := f.VerifyLogoutToken(ctx, i.logoutToken(nil))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v, want the end of the context", token, err)
	}
}
