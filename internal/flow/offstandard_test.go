package flow_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// Some providers leave the token type out, which is Bearer.
func TestTokenResponse_WithoutTokenType(t *testing.T) {
	for _, body := range []string{`{"access_token":"at"}`, `{"access_token":"at","token_type":""}`, `{"access_token":"at","token_type":null}`} {
		i := newIDP()
		i.handlers["/token"] = serve(body)
		result, err := i.signIn(t, i.flow(i.oauth2()))
		if err != nil || result.Account.TokenType != "Bearer" {
			t.Errorf("%s: %v, %v", body, result, err)
		}
	}
}

// A member of a key that is not needed does not make the key unusable. What makes it
// unusable is logged.
func TestKeys_OptionalMembers(t *testing.T) {
	for name, tt := range map[string]struct {
		member string
		value  any
		log    string // "" if the key is used
	}{
		"empty x5c":            {"x5c", []string{}, ""},
		"x5c, no certificate":  {"x5c", []string{"AAAA"}, ""},
		"x5t of another size":  {"x5t", "AAAA", ""},
		"x5t#S256, number":     {"x5t#S256", 1, ""},
		"x5u, no URL":          {"x5u", ":", ""},
		"key_ops":              {"key_ops", "verify", ""},
		"unknown":              {"exp", object{}, ""},
		"use of encryption":    {"use", "enc", `its use is \"enc\"`},
		"kid, number":          {"kid", 1, "error="},
		"no kty":               {"kty", nil, "its kty is"},
		"kty of symmetric key": {"kty", "oct", "its kty is"},
		"private key":          {"d", privateMember(ecKey()), "it is a private key"},
		"broken private key":   {"d", "AQAB", "error="},
		"no curve":             {"crv", "", "error="},
		"coordinate too short": {"x", "AQAB", "wrong length for x"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.keys = []any{with(i.keys[0], tt.member, tt.value)}
			var log bytes.Buffer
			f := flow.New(i.oidc(), flow.Config{
				HTTPClient: &http.Client{Transport: i}, Now: clock,
				Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			_, err := i.signIn(t, f)
			if tt.log == "" && (err != nil || log.Len() > 0) {
				t.Errorf("the key is not used: %v, %s", err, &log)
			}
			if tt.log != "" && (err == nil || !strings.Contains(log.String(), tt.log) || !strings.Contains(log.String(), "provider=idp")) {
				t.Errorf("%v, the log is %s", err, &log)
			}
		})
	}
}

// privateMember is the member of a JSON Web Key that makes it a private one.
func privateMember(key crypto.PrivateKey) string {
	var members struct {
		D string `json:"d"`
	}
	if err := json.Unmarshal(must(json.Marshal(jose.JSONWebKey{Key: key})), &members); err != nil {
		panic(err)
	}
	return members.D
}

// An RSA key with an empty crv, as some servers write it.
func TestKeys_RSAWithCurve(t *testing.T) {
	i := newIDP()
	i.keys = []any{with(jwk("rsa", &rsaKey().PublicKey), "crv", "")}
	i.method, i.key, i.header = jwt.SigningMethodRS256, rsaKey(), object{"kid": "rsa"}
	if _, err := i.signIn(t, i.flow(i.oidc())); err != nil {
		t.Error(err)
	}
}

// The metadata of some providers are not below their issuer.
func TestDiscovery_AtAnotherURL(t *testing.T) {
	i := newIDP()
	i.handlers["/.well-known/openid-configuration"] = http.NotFound
	i.handlers["/tenant/policy/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, i.metadata) }
	at := func(p *provider.Provider) {
		p.DiscoveryURL = i.issuer + "/tenant/policy/.well-known/openid-configuration"
	}
	if result, err := i.signIn(t, i.flow(i.oidc(at))); err != nil || result.Issuer != "" {
		t.Errorf("%+v, %v", result, err)
	}
	i.metadata["issuer"] = "https://other.example"
	_, _, err := i.flow(i.oidc(at)).Start(t.Context(), redirectURI, nil)
	wantCode(t, err, "OAuthSignin")
}

func TestDiscovery_KeysAtConfiguredURL(t *testing.T) {
	i := newIDP()
	delete(i.metadata, "jwks_uri")
	i.handlers["/own/keys"] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, object{"keys": i.keys}) }
	if _, err := i.signIn(t, i.flow(i.oidc(func(p *provider.Provider) { p.JWKSURL = i.issuer + "/own/keys" }))); err != nil {
		t.Error(err)
	}
	_, _, err := i.flow(i.oidc()).Start(t.Context(), redirectURI, nil)
	wantCode(t, err, "OAuthSignin")
}

// A provider in the next container: browsers know another address of it than the server.
func TestDiscovery_InsecureHTTP(t *testing.T) {
	const inside = "http://keycloak:8080"
	newContainer := func() *idp {
		i := newIDP()
		for _, member := range []string{"token_endpoint", "userinfo_endpoint", "jwks_uri"} {
			i.metadata[member] = strings.Replace(i.metadata[member].(string), issuer, inside, 1)
		}
		return i
	}
	for name, tt := range map[string]struct {
		hosts []string
		code  string
	}{
		"named":             {[]string{"keycloak:8080"}, ""},
		"not named":         {nil, "OAuthSignin"},
		"another port":      {[]string{"keycloak:80"}, "OAuthSignin"},
		"without its port":  {[]string{"keycloak"}, "OAuthSignin"},
		"one of two":        {[]string{"other", "keycloak:8080"}, ""},
		"as part of a name": {[]string{"x.keycloak:8080"}, "OAuthSignin"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newContainer()
			f := i.flow(i.oidc(func(p *provider.Provider) {
				p.InsecureHTTP = tt.hosts
				p.DiscoveryURL = i.issuer + "/.well-known/openid-configuration"
			}))
			_, _, err := f.Start(t.Context(), redirectURI, nil)
			if tt.code != "" {
				wantCode(t, err, tt.code)
				return
			}
			if _, err := i.signIn(t, f); err != nil {
				t.Error(err)
			}
		})
	}
}

// The address of the container is a private one, which is checked when a connection is
// made: here loopback, for which the URL must be configured.
func TestDiscovery_InsecureHTTPReachesServer(t *testing.T) {
	i := newIDP()
	srv := httptest.NewServer(i)
	defer srv.Close()
	u := must(url.Parse(srv.URL))
	i.issuer = "https://id.example"
	i.claims["iss"] = i.issuer
	i.metadata = object{"issuer": i.issuer, "authorization_endpoint": i.issuer + "/authorize", "token_endpoint": srv.URL + "/token", "jwks_uri": srv.URL + "/jwks"}
	p := i.oidc(func(p *provider.Provider) {
		p.InsecureHTTP = []string{u.Host}
		p.DiscoveryURL = srv.URL + "/.well-known/openid-configuration"
	})
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if _, err := i.signIn(t, flow.New(p, flow.Config{Now: clock})); err != nil {
		t.Error(err)
	}
}

// hs256 makes a provider sign with the client secret.
func hs256(i *idp, key string) {
	i.method, i.key, i.header = jwt.SigningMethodHS256, []byte(key), object{}
}

func TestIDToken_HS256(t *testing.T) {
	const long = "a client secret of 32 characters"
	with := func(alg string) func(*provider.Provider) {
		return func(p *provider.Provider) { p.ClientSecret, p.IDTokenAlg = long, alg }
	}
	t.Run("right", func(t *testing.T) {
		i := newIDP()
		hs256(i, long)
		delete(i.metadata, "jwks_uri")
		if _, err := i.signIn(t, i.flow(i.oidc(with("HS256")))); err != nil {
			t.Error(err)
		}
		if n := len(i.seen("/jwks")); n != 0 {
			t.Errorf("%d requests for keys", n)
		}
	})
	for name, prepare := range map[string]func(i *idp) provider.Provider{
		"not configured": func(i *idp) provider.Provider { hs256(i, long); return i.oidc(with("")) },
		"other secret":   func(i *idp) provider.Provider { hs256(i, strings.Repeat("x", 32)); return i.oidc(with("HS256")) },
		"with the public key as secret": func(i *idp) provider.Provider {
			hs256(i, fmt.Sprint(i.keys[0]))
			return i.oidc(with("HS256"))
		},
		"asymmetric": func(i *idp) provider.Provider { return i.oidc(with("HS256")) },
		"HS512": func(i *idp) provider.Provider {
			hs256(i, long)
			i.method = jwt.SigningMethodHS512
			return i.oidc(with("HS256"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			_, err := i.signIn(t, i.flow(prepare(i)))
			wantCode(t, err, "OAuthCallback")
		})
	}
}

// A userinfo response may be a signed token.
func TestUserinfo_Signed(t *testing.T) {
	serveToken := func(i *idp, claims object) {
		i.handlers["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwt")
			fmt.Fprintln(w, i.sign(string(must(json.Marshal(claims)))))
		}
	}
	claims := func(changes object) object {
		all := object{"iss": issuer, "aud": clientID, "sub": "user-1", "name": "Ada King", "email": "ada@example.com"}
		for name, v := range changes {
			if all[name] = v; v == nil {
				delete(all, name)
			}
		}
		return all
	}
	for name, tt := range map[string]struct {
		changes object
		ok      bool
	}{
		"right":                  {nil, true},
		"with times":             {object{"iat": now.Unix(), "exp": now.Unix() + 60}, true},
		"of another issuer":      {object{"iss": "https://other.example"}, false},
		"for another client":     {object{"aud": "other"}, false},
		"without an audience":    {object{"aud": nil}, false},
		"expired":                {object{"exp": now.Unix() - 3600}, false},
		"issued in the future":   {object{"iat": now.Unix() + 3600}, false},
		"of another user":        {object{"sub": "user-2"}, false},
		"a logout token instead": {object{"events": object{"http://schemas.openid.net/event/backchannel-logout": object{}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			serveToken(i, claims(tt.changes))
			result, err := i.signIn(t, i.flow(i.oidc()))
			if !tt.ok {
				wantCode(t, err, "OAuthCallback")
				return
			}
			if err != nil || result.User.Name != "Ada King" {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
	t.Run("with another key", func(t *testing.T) {
		i := newIDP()
		i.handlers["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) {
			j := newIDP()
			j.key = otherECKey()
			fmt.Fprint(w, j.sign(string(must(json.Marshal(claims(nil))))))
		}
		_, err := i.signIn(t, i.flow(i.oidc()))
		wantCode(t, err, "OAuthCallback")
	})
	t.Run("of OAuth 2, which has no keys", func(t *testing.T) {
		i := newIDP()
		serveToken(i, claims(nil))
		_, err := i.signIn(t, i.flow(i.oauth2()))
		wantCode(t, err, "OAuthCallback")
	})
}

func TestIDToken_AbsentNonceSaysSo(t *testing.T) {
	i := newIDP()
	i.claims["nonce"] = nil
	_, err := i.signIn(t, i.flow(i.oidc()))
	if wantCode(t, err, "OAuthCallback"); err == nil || !strings.Contains(err.Error(), "the nonce is absent") {
		t.Errorf("the error is %v", err)
	}
	i.claims["nonce"] = "other"
	if _, err := i.signIn(t, i.flow(i.oidc())); err == nil || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("the error is %v", err)
	}
}

// An application repairs what a provider sends.
func TestConform_RepairsResponses(t *testing.T) {
	i := newIDP()
	i.handlers["/token"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.acme+json")
		w.Write([]byte(`{"data":{"access_token":"at","token_type":"Bearer"}}`))
	}
	i.handlers["/userinfo"] = serve(`{"data":{"sub":"user-1","name":"Ada"}}`)
	var seen []string
	f := i.flow(i.oauth2(func(p *provider.Provider) {
		p.Conform = func(_ context.Context, r provider.Response) ([]byte, error) {
			seen = append(seen, fmt.Sprint(r.Endpoint, " ", r.Status, " ", r.ContentType))
			return bytes.TrimSuffix(bytes.TrimPrefix(r.Body, []byte(`{"data":`)), []byte("}")), nil
		}
	}))
	result, err := i.signIn(t, f)
	if err != nil || result.User.Name != "Ada" || result.Account.AccessToken != "at" {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := strings.Join(seen, ", "); got != "token 200 application/vnd.acme+json, userinfo 200 application/json" {
		t.Errorf("Conform gets %s", got)
	}
}

func TestConform_ErrorFailsSignIn(t *testing.T) {
	for _, endpoint := range []string{"token", "userinfo"} {
		i := newIDP()
		f := i.flow(i.oauth2(func(p *provider.Provider) {
			p.Conform = func(_ context.Context, r provider.Response) ([]byte, error) {
				if r.Endpoint == endpoint {
					return nil, errors.New("no user of ours")
				}
				return r.Body, nil
			}
		}))
		_, err := i.signIn(t, f)
		if wantCode(t, err, "OAuthCallback"); err == nil || !strings.Contains(err.Error(), "no user of ours") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	// A status that is an error stays one.
	i := newIDP()
	i.handlers["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte(`{"sub":"user-1"}`))
	}
	_, err := i.signIn(t, i.flow(i.oauth2(func(p *provider.Provider) {
		p.Conform = func(_ context.Context, r provider.Response) ([]byte, error) { return r.Body, nil }
	})))
	wantCode(t, err, "OAuthCallback")
}
