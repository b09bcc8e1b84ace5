package authtest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestNewIDP_JoinsProblems(t *testing.T) {
	_, err := authtest.NewIDP(authtest.IDPConfig{
		Issuer:                 "ftp://idp.example",
		RedirectURIs:           []string{"/callback"},
		PostLogoutRedirectURIs: []string{"/signed-out"}, AccessTokenLifetime: -time.Minute,
		AuthMethods:   []provider.AuthMethod{"unknown-method", provider.PrivateKeyJWT},
		Users:         []authtest.IDPUser{{Username: "a"}, {Username: "a"}, {}, {Username: "b", Claims: map[string]any{"f": func() {}}}},
		TokenLifetime: -time.Second,
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{`"ftp://idp.example"`, `"/callback"`, `"/signed-out"`, "-1m0s", `"unknown-method"`, "ClientKey", `of "a" is not unique`, "no Username", `Claims of "b"`, "-1s"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not contain %s:\n%v", want, err)
		}
	}
}

func TestNewIDP_Problems(t *testing.T) {
	users := authtest.DefaultUsers()
	for name, cfg := range map[string]authtest.IDPConfig{
		"no users":           {Issuer: "https://idp.example"},
		"no issuer":          {Users: users},
		"issuer with query":  {Issuer: "https://idp.example/?x", Users: users},
		"issuer with user":   {Issuer: "https://me@idp.example", Users: users},
		"relative issuer":    {Issuer: "/idp", Users: users},
		"unknown algorithm":  {Issuer: "https://idp.example", Users: users, SigningAlgorithm: "HS256"},
		"unsupported key":    {Issuer: "https://idp.example", Users: users, ClientKey: []byte("secret")},
		"the same subject":   {Issuer: "https://idp.example", Users: []authtest.IDPUser{{Username: "a", Subject: "1"}, {Username: "b", Subject: "1"}}},
		"key method, no key": {Issuer: "https://idp.example", Users: users, AuthMethods: []provider.AuthMethod{provider.PrivateKeyJWT}},
	} {
		if _, err := authtest.NewIDP(cfg); err == nil || !strings.HasPrefix(err.Error(), "authtest: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestNewIDP_RandomSecrets(t *testing.T) {
	cfg := authtest.IDPConfig{Issuer: "https://idp.example", Users: []authtest.IDPUser{{Username: "a"}}, SigningAlgorithm: "ES256"}
	one, err := authtest.NewIDP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	two, err := authtest.NewIDP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if one.ClientSecret() == two.ClientSecret() || len(one.ClientSecret()) < 20 {
		t.Errorf("client secrets %q and %q", one.ClientSecret(), two.ClientSecret())
	}
	if one.Users()[0].Password == two.Users()[0].Password || len(one.Users()[0].Password) < 20 {
		t.Error("the passwords are not random")
	}
	if one.Users()[0].Subject != "a" {
		t.Errorf("subject %q", one.Users()[0].Subject)
	}
	if cfg.Users[0].Password != "" {
		t.Error("the caller's configuration was changed")
	}
}

func TestStartIDP_Defaults(t *testing.T) {
	idp := authtest.StartIDP(t)
	rp := newRelyingParty(t, idp)
	rp.algorithm = "RS256"
	for _, username := range []string{"alice", "bob"} {
		if _, err := rp.signIn(username); err != nil {
			t.Errorf("%s: %v", username, err)
		}
	}
	if url.QueryEscape(idp.ClientSecret()) == idp.ClientSecret() {
		t.Error("the client secret has no character that must be encoded")
	}

	other := authtest.StartIDP(t, authtest.IDPUser{Username: "carol"})
	if users := other.Users(); len(users) != 1 || users[0].Username != "carol" {
		t.Errorf("users %v", users)
	}
}

func TestIDP_IssuerWithPath(t *testing.T) {
	for _, path := range []string{"", "/", "/idp", "/idp/", "/a/b"} {
		t.Run("path "+path, func(t *testing.T) {
			var idp *authtest.IDP
			mux := http.NewServeMux()
			mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { idp.ServeHTTP(w, r) })
			server := httptest.NewServer(mux)
			defer server.Close()

			var err error
			idp, err = authtest.NewIDP(authtest.IDPConfig{Issuer: server.URL + path, Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := newRelyingParty(t, idp).signIn("bob"); err != nil {
				t.Error(err)
			}
			if len(idp.Requests()) != 0 {
				t.Error("requests are recorded without RecordRequests")
			}
			res, err := http.Get(server.URL + "/elsewhere")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusNotFound {
				t.Errorf("/elsewhere: status %d", res.StatusCode)
			}
		})
	}
}

func TestIDP_InGin(t *testing.T) {
	gin.SetMode(gin.TestMode)
	idp, err := authtest.NewIDP(authtest.IDPConfig{Issuer: "http://app.test/idp", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	router := gin.New()
	router.Any("/idp/*path", gin.WrapH(idp))
	for _, path := range []string{"/idp/.well-known/openid-configuration", "/idp/jwks"} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
}

func TestDiscovery_Metadata(t *testing.T) {
	idp := fastProvider(t)
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	var metadata struct {
		Issuer      string
		Iss         bool     `json:"authorization_response_iss_parameter_supported"`
		PKCE        []string `json:"code_challenge_methods_supported"`
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
		Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &metadata, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	if metadata.Issuer != idp.Issuer() || !metadata.Iss ||
		strings.Join(metadata.PKCE, " ") != "S256" || strings.Join(metadata.Algorithms, " ") != "ES256" ||
		strings.Join(metadata.AuthMethods, " ") != "client_secret_basic client_secret_post client_secret_jwt" {
		t.Errorf("got %+v", metadata)
	}
}

func TestAsProvider_Fields(t *testing.T) {
	idp := fastProvider(t)
	entry := idp.AsProvider("test")
	if entry.ID != "test" || entry.Type != provider.TypeOIDC || entry.Issuer != idp.Issuer() ||
		entry.ClientID != idp.ClientID() || entry.ClientSecret != idp.ClientSecret() || entry.AuthMethod != provider.ClientSecretBasic {
		t.Errorf("got %+v", entry)
	}
	public := authtest.IDPConfig{SigningAlgorithm: "ES256", AuthMethods: []provider.AuthMethod{provider.NoClientAuth}}.Start(t)
	if entry := public.AsProvider("test"); entry.ClientSecret != "" || entry.AuthMethod != provider.NoClientAuth {
		t.Errorf("public client: got %+v", entry)
	}
}

func TestRequests_Recorded(t *testing.T) {
	idp := fastProvider(t)
	if _, err := newRelyingParty(t, idp).signIn("alice"); err != nil {
		t.Fatal(err)
	}
	authorize, token, userinfo := idp.Requests("/authorize"), idp.Requests("/token"), idp.Requests("/userinfo")
	if len(authorize) != 1 || len(token) != 1 || len(userinfo) != 1 {
		t.Fatalf("recorded %d, %d, %d requests", len(authorize), len(token), len(userinfo))
	}
	if authorize[0].Query.Get("nonce") != "nonce-of-this-sign-in" {
		t.Errorf("authorize: %v", authorize[0].Query)
	}
	if token[0].Method != http.MethodPost || token[0].Form.Get("code_verifier") == "" || !strings.HasPrefix(token[0].Header.Get("Authorization"), "Basic ") {
		t.Errorf("token: %+v", token[0])
	}
	if !strings.HasPrefix(userinfo[0].Header.Get("Authorization"), "Bearer ") {
		t.Errorf("userinfo: %+v", userinfo[0])
	}
	if len(idp.Requests()) != len(idp.Requests("/.well-known/openid-configuration", "/authorize", "/login", "/token", "/jwks", "/userinfo")) {
		t.Error("there were other requests")
	}
}

func TestIDP_BodyTooLarge(t *testing.T) {
	idp := fastProvider(t)
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader("code="+strings.Repeat("x", 1<<20)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("status %d", w.Code)
	}
}

func TestConfig_NotComparable(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[authtest.IDPConfig](), reflect.TypeFor[authtest.IDPUser](), reflect.TypeFor[authtest.IDPSession](),
	} {
		if first := typ.Field(0); typ.Comparable() || first.Name != "_" || first.Type.Size() != 0 {
			t.Errorf("the first field of %v is %s %v", typ, first.Name, first.Type)
		}
	}
}

// A sign-in at an application with a base path.
func TestBeginSignIn_Paths(t *testing.T) {
	for _, base := range []string{"/api/auth", "/auth", "/a/b/c"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Method + " " + r.URL.Path {
			case "GET " + base + "/csrf":
				http.SetCookie(w, &http.Cookie{Name: "csrf", Value: "of-the-browser", Path: "/"})
				io.WriteString(w, `{"csrfToken":"c1"}`)
			case "POST " + base + "/signin/test":
				c, err := r.Cookie("csrf")
				if err != nil || c.Value != "of-the-browser" || r.FormValue("csrfToken") != "c1" || r.FormValue("json") != "true" {
					w.WriteHeader(http.StatusBadRequest)
				}
				io.WriteString(w, `{"url":"https://idp.example/authorize?x=1"}`)
			default:
				http.NotFound(w, r)
			}
		}))
		t.Cleanup(server.Close)
		if got := authtest.BeginSignIn(t, newClient(), server.URL+base+"/signin/test"); got != "https://idp.example/authorize?x=1" {
			t.Errorf("%s: got %q", base, got)
		}
	}
}
