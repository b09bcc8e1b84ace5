package apptest

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// WithProviders adds OpenID providers with the ids "idp", "idp2" and so on.
func WithProviders(idps ...*authtest.IDP) func(*Config) {
	return func(cfg *Config) {
		for i, idp := range idps {
			cfg.Providers = append(cfg.Providers, idp.AsProvider("idp"+strings.Repeat("2", i)))
		}
	}
}

// StartIDP is [authtest.StartIDP] for a provider that signs with ES256: to generate a key
// for RS256 takes longer than most tests.
func StartIDP(t *testing.T, users ...authtest.IDPUser) *authtest.IDP {
	t.Helper()
	return startIDP(t, authtest.IDPConfig{Users: users})
}

func startIDP(t *testing.T, cfg authtest.IDPConfig) *authtest.IDP {
	t.Helper()
	cfg.SigningAlgorithm = "ES256"
	if len(cfg.Users) == 0 {
		cfg.Users = authtest.DefaultUsers()
	}
	if n := NetworkOf(t); n != nil {
		return n.startIDP(t, cfg)
	}
	return cfg.Start(t)
}

// OpenIDToken is the token type of an OpenIDApp. It has the provider's tokens.
type OpenIDToken struct {
	nuxtauth.DefaultJWT
	nuxtauth.ProviderTokens
	Note string `json:"note,omitzero"`
}

// OpenIDConfig is the configuration of an OpenIDApp.
type OpenIDConfig = nuxtauth.Config[OpenIDToken, Session]

// OpenIDApp is an application with one OpenID provider, "idp", and a browser.
type OpenIDApp struct {
	*Site
	Auth *nuxtauth.Auth[OpenIDToken, Session]
	IDP  *authtest.IDP
}

// NewOpenIDApp starts an application and its provider, whose access tokens are valid
// for five minutes. Both use the same clock. The application has the routes of
// [NewReplica].
func NewOpenIDApp(t *testing.T, change ...func(*OpenIDConfig)) *OpenIDApp {
	t.Helper()
	c := NewClock()
	idp := startIDP(t, authtest.IDPConfig{AccessTokenLifetime: 5 * time.Minute, Now: c.Now})
	return NewReplica(t, idp, c, change...)
}

// NewReplica starts an application with a provider that is running. Its routes are /me,
// which responds with the session, /private, which requires one, and /api, which
// responds with the access token, with 401 when signed out, or with 502 if there is no
// token.
func NewReplica(t *testing.T, idp *authtest.IDP, c *Clock, change ...func(*OpenIDConfig)) *OpenIDApp {
	t.Helper()
	s, start := newSite(t, c)
	p := idp.AsProvider("idp")
	p.Scopes = []string{"openid", "profile", "email", "offline_access"}
	cfg := OpenIDConfig{
		Secret: Secret, URL: s.URL, Providers: []provider.Provider{p}, Now: c.Now,
		Logger: slog.New(slog.NewTextHandler(s.Log, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	cfg.HTTPClient = s.clientOf(cfg.HTTPClient)
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Router.Use(auth.Middleware())
	s.serveMe()
	s.Router.GET("/private", auth.Require(), func(c *gin.Context) {})
	s.Router.GET("/api", func(c *gin.Context) {
		switch token, err := auth.AccessToken(c); {
		case errors.Is(err, nuxtauth.ErrSignedOut):
			c.Status(http.StatusUnauthorized)
		case err != nil:
			c.String(http.StatusBadGateway, err.Error())
		default:
			c.String(http.StatusOK, token)
		}
	})
	start()
	return &OpenIDApp{Site: s, Auth: auth, IDP: idp}
}

// Another returns the same application with a new browser.
func (a *OpenIDApp) Another() *OpenIDApp {
	return &OpenIDApp{Site: a.Site.another(), Auth: a.Auth, IDP: a.IDP}
}

// Copy returns the same application with another browser that has the same cookies.
func (a *OpenIDApp) Copy() *OpenIDApp {
	return &OpenIDApp{Site: a.Site.copy(), Auth: a.Auth, IDP: a.IDP}
}

// SignIn signs in as alice, a user of the provider.
func (a *OpenIDApp) SignIn() {
	a.Helper()
	a.Follow(a.IDP.SignIn(a.T, a.Start("idp"), "alice"))
	if a.Session() == nil {
		a.Fatal("not signed in")
	}
}

// Refreshes counts the requests that the provider got with a refresh token.
func (a *OpenIDApp) Refreshes() (n int) {
	for _, r := range a.IDP.Requests("/token") {
		if r.Form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}

// AccessToken returns the access token in the response of /api, "" if there is none.
func (a *OpenIDApp) AccessToken() string {
	if res := a.Get("/api"); res.StatusCode == http.StatusOK {
		return res.Text
	}
	return ""
}

// Federated sets FederatedLogout of the providers.
func Federated(c *OpenIDConfig) {
	for i := range c.Providers {
		c.Providers[i].FederatedLogout = true
	}
}

// Backchannel sets BackchannelLogout of the providers. It needs a deny-list or a store.
func Backchannel(c *OpenIDConfig) {
	for i := range c.Providers {
		c.Providers[i].BackchannelLogout = true
	}
}

// OpenIDStorages are the ways to store the sessions of an OpenIDApp, by name.
var OpenIDStorages = map[string]func(*OpenIDConfig){
	"cookie":    func(*OpenIDConfig) {},
	"deny-list": func(c *OpenIDConfig) { c.Session.DenyList = store.NewMemory(store.MemoryOptions{Now: c.Now}) },
	"memory":    func(c *OpenIDConfig) { c.Session.Store = store.NewMemory(store.MemoryOptions{Now: c.Now}) },
	"cached": func(c *OpenIDConfig) {
		c.Session.Store = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.CacheFor = 10 * time.Minute
	},
}

// EachOpenIDStorage runs a test once for each of OpenIDStorages.
func EachOpenIDStorage(t *testing.T, test func(t *testing.T, storage func(*OpenIDConfig))) {
	for name, storage := range OpenIDStorages {
		t.Run(name, func(t *testing.T) { test(t, storage) })
	}
}
