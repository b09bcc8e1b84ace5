package authtest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/provider"
)

// User is a user of a [Provider].
type User struct {
	Subject  string // "sub", the stable identifier of the user; empty means Username
	Username string // for the sign-in form; must be unique
	Password string // empty means a random one, see [Provider.Users]

	// The profile. An empty field is left out of the claims.
	Name          string
	Email         string
	Picture       string // URL
	EmailVerified bool

	// Claims are further claims of the ID token and of the userinfo response, with
	// every scope. They replace those of the profile, but not those of the protocol
	// (iss, sub, aud, exp and so on).
	Claims map[string]any
}

// DefaultUsers returns the users of a [StartProvider] without arguments: alice, with a
// complete profile, and bob, with an unverified e-mail address alone. Their passwords
// equal their usernames.
func DefaultUsers() []User {
	return []User{
		{
			Subject: "user-alice", Username: "alice", Password: "alice",
			Name: "Alice Liddell", Email: "alice@example.com", EmailVerified: true,
			Picture: "https://example.com/alice.png",
		},
		{
			Subject: "user-bob", Username: "bob", Password: "bob",
			Email: "bob@example.com",
		},
	}
}

// ProviderConfig is the configuration of a [Provider]. Issuer and Users are required.
type ProviderConfig struct {
	// Issuer is the URL of the provider, such as "http://localhost:8080/idp":
	// http or https, without query and fragment. The provider serves the paths
	// below it.
	Issuer string

	// ClientID and ClientSecret are those of the provider's only client. Empty
	// means "authtest" and a random secret.
	ClientID     string
	ClientSecret string

	// AuthMethods are the accepted methods of client authentication, of which
	// [Provider.AsProvider] uses the first. Empty means client_secret_basic,
	// client_secret_post and client_secret_jwt, and with a ClientKey also
	// private_key_jwt. "none" is accepted only if it is listed.
	AuthMethods []provider.AuthMethod

	// ClientKey verifies private_key_jwt: an RSA (RS256), ECDSA P-256 (ES256)
	// or Ed25519 (EdDSA) public key.
	ClientKey crypto.PublicKey

	// RedirectURIs are the registered callback URLs of the client, compared
	// exactly. Empty accepts every http or https URL, for tests, in which the port
	// of the application is not known beforehand; elsewhere that is an open
	// redirect.
	RedirectURIs []string

	// PostLogoutRedirectURIs are the registered URLs for redirects after a logout,
	// compared exactly. Empty means none or, if RedirectURIs is empty too, every
	// http or https URL.
	PostLogoutRedirectURIs []string

	// Users are the users that can sign in.
	Users []User

	// SigningAlgorithm is that of the ID tokens: "RS256", "ES256" or "EdDSA".
	// Empty means RS256. Generating an RSA key takes about 0.1 s; ES256 is faster.
	SigningAlgorithm string

	// TokenLifetime is the lifetime of access tokens and ID tokens. Zero means one
	// hour.
	TokenLifetime time.Duration

	// AccessTokenLife is the lifetime of access tokens and their "expires_in", in
	// whole seconds. Zero means TokenLifetime. [Provider.SetAccessTokenLife]
	// changes it.
	AccessTokenLife time.Duration

	// Name is the provider's name on the sign-in form. Empty means "Test ID".
	Name string

	// ClientName is the application's name on the sign-in form. Empty means
	// the host of the redirect URI.
	ClientName string

	// Hint is a line below the sign-in form, such as the password of a demo. Empty
	// means none.
	Hint string

	// RecordRequests records requests and sessions for [Provider.Requests] and
	// [Provider.Sessions]. The record contains passwords and secrets, and grows
	// without bound.
	RecordRequests bool

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Provider is an OpenID provider with one client and a list of users, for tests and
// demos. It implements the authorization code flow with PKCE (S256, always required),
// refresh tokens (scope offline_access, rotating), userinfo, discovery, the "iss" of
// RFC 9207, RP-Initiated Logout, and the logout tokens of Back-Channel Logout. It keeps
// no session in the browser: each sign-in requires the password and has a "sid" of its
// own.
//
// It serves these paths below that of its issuer: /.well-known/openid-configuration,
// /jwks, /authorize, /login, /token, /userinfo and /logout. It is safe for concurrent
// use.
type Provider struct {
	cfg     ProviderConfig
	base    string // path of the issuer, without a trailing slash
	handler http.Handler
	pages   *pages
	closed  context.Context // done when the provider is closed
	close   context.CancelFunc

	mu              sync.Mutex
	key             *signingKey
	extraKeys       map[string]*signingKey // for faults, by algorithm
	faults          []spec
	accessTokenLife time.Duration
	received        []Received
	sessions        []Session
	codes           grants
	access          grants
	refresh         grants
	assertions      map[string]time.Time // expiry of the used client assertions, by "jti"
}

// NewProvider returns a provider. The error joins all problems of cfg. Mount the
// provider in a server so that it gets the whole path, including that of the issuer:
//
//	mux.Handle("/idp/", idp)                       // net/http
//	router.Any("/idp/*path", gin.WrapH(idp))       // gin
func NewProvider(cfg ProviderConfig) (*Provider, error) {
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
	p := &Provider{
		cfg:             cfg,
		base:            strings.TrimSuffix(issuer.Path, "/"),
		pages:           newPages(),
		closed:          closed,
		close:           cancel,
		key:             key,
		extraKeys:       map[string]*signingKey{},
		accessTokenLife: cfg.AccessTokenLife,
		codes:           grants{},
		access:          grants{},
		refresh:         grants{},
		assertions:      map[string]time.Time{},
	}
	p.handler = http.StripPrefix(p.base, p.routes())
	return p, nil
}

// withDefaults returns cfg with the defaults of empty fields. The result shares no slice with cfg.
func (cfg ProviderConfig) withDefaults() ProviderConfig {
	if cfg.ClientID == "" {
		cfg.ClientID = "authtest"
	}
	if cfg.ClientSecret == "" {
		cfg.ClientSecret = rand.Text()
	}
	if len(cfg.AuthMethods) == 0 {
		cfg.AuthMethods = []provider.AuthMethod{provider.ClientSecretBasic, provider.ClientSecretPost, provider.ClientSecretJWT}
		if cfg.ClientKey != nil {
			cfg.AuthMethods = append(cfg.AuthMethods, provider.PrivateKeyJWT)
		}
	}
	if cfg.SigningAlgorithm == "" {
		cfg.SigningAlgorithm = "RS256"
	}
	if cfg.TokenLifetime == 0 {
		cfg.TokenLifetime = time.Hour
	}
	if cfg.AccessTokenLife == 0 {
		cfg.AccessTokenLife = cfg.TokenLifetime
	}
	if cfg.Name == "" {
		cfg.Name = "Test ID"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.AuthMethods = slices.Clone(cfg.AuthMethods)
	cfg.RedirectURIs = slices.Clone(cfg.RedirectURIs)
	cfg.PostLogoutRedirectURIs = slices.Clone(cfg.PostLogoutRedirectURIs)
	cfg.Users = slices.Clone(cfg.Users)
	for i := range cfg.Users {
		u := &cfg.Users[i]
		if u.Subject == "" {
			u.Subject = u.Username
		}
		if u.Password == "" {
			u.Password = rand.Text()
		}
	}
	return cfg
}

// validate returns all problems of cfg, joined.
func (cfg ProviderConfig) validate() error {
	var problems []error
	issuer, err := url.Parse(cfg.Issuer)
	switch {
	case err != nil || issuer.Host == "" || (issuer.Scheme != "http" && issuer.Scheme != "https"):
		problems = append(problems, fmt.Errorf("Issuer %q is not an http or https URL", cfg.Issuer))
	case issuer.User != nil || strings.ContainsAny(cfg.Issuer, "?#"):
		problems = append(problems, fmt.Errorf("Issuer %q has a user, a query or a fragment", cfg.Issuer))
	}

	for _, uri := range cfg.RedirectURIs {
		if !isWebURL(uri) {
			problems = append(problems, fmt.Errorf("RedirectURIs: %q is not an http or https URL without a fragment", uri))
		}
	}

	for _, uri := range cfg.PostLogoutRedirectURIs {
		if !isWebURL(uri) {
			problems = append(problems, fmt.Errorf("PostLogoutRedirectURIs: %q is not an http or https URL without a fragment", uri))
		}
	}

	for _, m := range cfg.AuthMethods {
		switch m {
		case provider.ClientSecretBasic, provider.ClientSecretPost, provider.ClientSecretJWT, provider.NoClientAuth:
		case provider.PrivateKeyJWT:
			if cfg.ClientKey == nil {
				problems = append(problems, fmt.Errorf("AuthMethods: %q needs ClientKey", m))
			}
		default:
			problems = append(problems, fmt.Errorf("AuthMethods: %q is unknown", m))
		}
	}
	switch cfg.ClientKey.(type) {
	case nil, *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		problems = append(problems, fmt.Errorf("ClientKey is a %T, not an RSA, ECDSA or Ed25519 public key", cfg.ClientKey))
	}

	if len(cfg.Users) == 0 {
		problems = append(problems, errors.New("Users is empty: add at least one user"))
	}
	usernames, subjects := map[string]bool{}, map[string]bool{}
	for _, u := range cfg.Users {
		if u.Username == "" {
			problems = append(problems, errors.New("Users: a user has no Username"))
			continue
		}
		if usernames[u.Username] || subjects[u.Subject] {
			problems = append(problems, fmt.Errorf("Users: the Username or the Subject of %q is not unique", u.Username))
		}
		usernames[u.Username], subjects[u.Subject] = true, true
		if _, err := json.Marshal(u.Claims); err != nil {
			problems = append(problems, fmt.Errorf("Users: the Claims of %q are not JSON: %w", u.Username, err))
		}
	}
	if cfg.TokenLifetime < 0 {
		problems = append(problems, fmt.Errorf("TokenLifetime %v is negative", cfg.TokenLifetime))
	}
	if cfg.AccessTokenLife < 0 {
		problems = append(problems, fmt.Errorf("AccessTokenLife %v is negative", cfg.AccessTokenLife))
	}
	return errors.Join(problems...)
}

// StartProvider starts a provider on the loopback interface with these users, by
// default [DefaultUsers], and closes it at the end of the test. It accepts every
// redirect URI, records requests, and has a client secret with characters that must be
// encoded.
func StartProvider(t testing.TB, users ...User) *Provider {
	t.Helper()
	return ProviderConfig{Users: users}.Start(t)
}

// Start is [StartProvider] with a configuration. It sets Issuer, which must be empty,
// and RecordRequests.
func (cfg ProviderConfig) Start(t testing.TB) *Provider {
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
	var p *Provider
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r) }))
	cfg.Issuer = "http://" + server.Listener.Addr().String()
	p, err := NewProvider(cfg)
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
func (p *Provider) Close() { p.close() }

// Issuer returns the URL of the provider.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// ClientID returns the client ID.
func (p *Provider) ClientID() string { return p.cfg.ClientID }

// ClientSecret returns the client secret.
func (p *Provider) ClientSecret() string { return p.cfg.ClientSecret }

// Users returns the users, including generated subjects and passwords.
func (p *Provider) Users() []User { return slices.Clone(p.cfg.Users) }

// AsProvider returns the configuration of the provider for nuxtauth's
// Config.Providers. With private_key_jwt the caller has to set SigningKey.
func (p *Provider) AsProvider(id string) provider.Provider {
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

// SetAccessTokenLife sets the lifetime of the access tokens that are issued from now
// on. With less than a second, "expires_in" is 0.
func (p *Provider) SetAccessTokenLife(life time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accessTokenLife = life
}

// user returns the user with a username.
func (p *Provider) user(username string) (User, bool) {
	i := slices.IndexFunc(p.cfg.Users, func(u User) bool { return u.Username == username })
	if i < 0 {
		return User{}, false
	}
	return p.cfg.Users[i], true
}

// now returns the time of the provider's clock.
func (p *Provider) now() time.Time { return p.cfg.Now() }

// url returns the absolute URL of a path below the issuer.
func (p *Provider) url(path string) string {
	return strings.TrimSuffix(p.cfg.Issuer, "/") + path
}

// isWebURL reports whether uri is an absolute http or https URL without a fragment (RFC
// 6749 §3.1.2).
func isWebURL(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.Contains(uri, "#")
}
