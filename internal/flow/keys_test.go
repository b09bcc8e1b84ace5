package flow_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

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
