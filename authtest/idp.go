package authtest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/provider"
)

// IDP is an OpenID provider with one client and a list of users, for tests and
// demos. It implements the authorization code flow with PKCE (S256, always required),
// refresh tokens (scope offline_access, rotating), userinfo, discovery, the "iss" of
// RFC 9207, RP-Initiated Logout, and the logout tokens of Back-Channel Logout. It keeps
// no session in the browser: each sign-in requires the password and has a "sid" of its
// own.
//
// It serves these paths below that of its issuer: /.well-known/openid-configuration,
// /jwks, /authorize, /login, /token, /userinfo and /logout. It is safe for concurrent
// use.
type IDP struct {
	cfg     IDPConfig
	base    string // path of the issuer, without a trailing slash
	handler http.Handler
	pages   *pages
	closed  context.Context // done when the provider is closed
	close   context.CancelFunc

	mu                  sync.Mutex
	key                 *signingKey
	extraKeys           map[string]*signingKey // for faults, by algorithm
	faults              []spec
	accessTokenLifetime time.Duration
	received            []IDPRequest
	sessions            []IDPSession
	codes               grants
	access              grants
	refresh             grants
	assertions          map[string]time.Time // expiry of the used client assertions, by "jti"
}

// NewIDP returns a provider. The error joins all problems of cfg. Mount the
// provider in a server so that it gets the whole path, including that of the issuer:
//
//	mux.Handle("/idp/", idp)                       // net/http
//	router.Any("/idp/*path", gin.WrapH(idp))       // gin
func NewIDP(cfg IDPConfig) (*IDP, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("authtest: %w", err)
	}
	key, err := newSigningKey(cfg.SigningAlgorithm)
	if err != nil {
		return nil, fmt.Errorf("authtest: %w", err)
	}

	issuer, _ := url.Parse(cfg.Issuer) // validate has parsed it
	closed, cancel := context.WithCancel(context.Background())
	p := &IDP{
		cfg:                 cfg,
		base:                strings.TrimSuffix(issuer.Path, "/"),
		pages:               newPages(),
		closed:              closed,
		close:               cancel,
		key:                 key,
		extraKeys:           map[string]*signingKey{},
		accessTokenLifetime: cfg.AccessTokenLifetime,
		codes:               grants{},
		access:              grants{},
		refresh:             grants{},
		assertions:          map[string]time.Time{},
	}
	p.handler = http.StripPrefix(p.base, p.routes())
	return p, nil
}

// StartIDP starts a provider on the loopback interface with these users, by
// default [DefaultUsers], and closes it at the end of the test. It accepts every
// redirect URI, records requests, and has a client secret with characters that must be
// encoded.
func StartIDP(t testing.TB, users ...IDPUser) *IDP {
	t.Helper()
	return IDPConfig{Users: users}.Start(t)
}

// Start is [StartIDP] with a configuration. It sets Issuer, which must be empty, and
// RecordRequests. It fails the test if the configuration is invalid.
func (cfg IDPConfig) Start(t testing.TB) *IDP {
	t.Helper()
	if cfg.Issuer != "" {
		t.Fatalf("authtest: Start chooses the issuer itself; leave Issuer empty (it is %q)", cfg.Issuer)
	}
	if len(cfg.Users) == 0 {
		cfg.Users = DefaultUsers()
	}
	if cfg.ClientSecret == "" {
		cfg.ClientSecret = "a secret: 100%+ /safe&sound?"
	}
	cfg.RecordRequests = true

	// The provider needs its issuer, and so the address of the server.
	var p *IDP
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r) }))
	cfg.Issuer = "http://" + server.Listener.Addr().String()
	p, err := NewIDP(cfg)
	if err != nil {
		server.Close()
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		p.Close()
		server.Close()
	})
	return p
}

// Close ends the responses that a fault delays, so that a server with this handler can
// shut down. Without such faults it has no effect.
func (p *IDP) Close() { p.close() }

// Issuer returns the URL of the provider.
func (p *IDP) Issuer() string { return p.cfg.Issuer }

// ClientID returns the client ID.
func (p *IDP) ClientID() string { return p.cfg.ClientID }

// ClientSecret returns the client secret.
func (p *IDP) ClientSecret() string { return p.cfg.ClientSecret }

// Users returns the users, including generated subjects and passwords.
func (p *IDP) Users() []IDPUser { return slices.Clone(p.cfg.Users) }

// AsProvider returns the configuration of the provider for nuxtauth's
// Config.Providers. With private_key_jwt the caller has to set SigningKey.
func (p *IDP) AsProvider(id string) provider.Provider {
	entry := provider.Provider{
		ID:           id,
		Name:         p.cfg.Name,
		Type:         provider.TypeOIDC,
		Issuer:       p.cfg.Issuer,
		ClientID:     p.cfg.ClientID,
		ClientSecret: p.cfg.ClientSecret,
		AuthMethod:   p.cfg.AuthMethods[0],
	}
	if entry.AuthMethod == provider.NoClientAuth {
		entry.ClientSecret = ""
	}
	return entry
}

// SetAccessTokenLifetime sets the lifetime of the access tokens that are issued from now
// on. With less than a second, "expires_in" is 0.
func (p *IDP) SetAccessTokenLifetime(lifetime time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accessTokenLifetime = lifetime
}

// user returns the user with a username.
func (p *IDP) user(username string) (IDPUser, bool) {
	i := slices.IndexFunc(p.cfg.Users, func(u IDPUser) bool { return u.Username == username })
	if i < 0 {
		return IDPUser{}, false
	}
	return p.cfg.Users[i], true
}

// now returns the time of the provider's clock.
func (p *IDP) now() time.Time { return p.cfg.Now() }

// url returns the absolute URL of a path below the issuer.
func (p *IDP) url(path string) string {
	return strings.TrimSuffix(p.cfg.Issuer, "/") + path
}
