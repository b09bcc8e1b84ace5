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

// A User is somebody who can sign in at a [Provider].
type User struct {
	Subject  string // "sub", the stable name of the user; empty means Username
	Username string // typed into the form; must be unique
	Password string // empty means a random one, which only [Provider.SignIn] knows

	// The profile. An empty field is left out of the claims.
	Name          string
	Email         string
	Picture       string // URL
	EmailVerified bool

	// Claims are further claims of the ID token and the userinfo endpoint,
	// whatever the scope. They win over the profile, but not over what the
	// protocol defines (iss, sub, aud, exp and so on).
	Claims map[string]any
}

// DefaultUsers returns the users of a [StartProvider] without users of its
// own: alice, who has a whole profile, and bob, who has nothing but an e-mail
// address that nobody verified. Their passwords are their usernames.
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

// ProviderConfig says how a [Provider] is. Issuer and Users are required.
type ProviderConfig struct {
	// Issuer is the provider's own URL, such as "http://localhost:8080/idp":
	// http or https, no query, no fragment. The provider serves everything
	// below its path.
	Issuer string

	// ClientID and ClientSecret are those of the one application that the
	// provider knows. Empty means "authtest" and a random secret.
	ClientID     string
	ClientSecret string

	// AuthMethods are the ways in which the application may authenticate at
	// the token endpoint; [Provider.AsProvider] takes the first. Empty means
	// client_secret_basic, client_secret_post and client_secret_jwt, and
	// private_key_jwt when there is a ClientKey. "none" has to be named.
	AuthMethods []provider.AuthMethod

	// ClientKey verifies private_key_jwt: an RSA (RS256), ECDSA P-256 (ES256)
	// or Ed25519 (EdDSA) public key.
	ClientKey crypto.PublicKey

	// RedirectURIs are the callback URLs of the application, compared to the
	// letter. Empty means that any http or https URL will do: fine in a test,
	// where the application's port is not known beforehand, and an open
	// redirect anywhere else.
	RedirectURIs []string

	// PostLogoutRedirectURIs are the URLs to which the application may have
	// browsers sent after a sign-out, compared to the letter. Empty means none,
	// or any http or https URL when RedirectURIs is empty, too.
	PostLogoutRedirectURIs []string

	// Users can sign in.
	Users []User

	// SigningAlgorithm is that of the ID tokens: "RS256", "ES256" or "EdDSA".
	// Empty means RS256. An RSA key takes a tenth of a second to make; ES256
	// starts faster.
	SigningAlgorithm string

	// TokenLifetime is how long access tokens and ID tokens are good for. Zero
	// means one hour.
	TokenLifetime time.Duration

	// AccessTokenLife is how long access tokens are good for, and their
	// "expires_in", where that is not TokenLifetime: whole seconds. Zero means
	// TokenLifetime. [Provider.SetAccessTokenLife] changes it later.
	AccessTokenLife time.Duration

	// Name is the provider's name on the sign-in form. Empty means "Test ID".
	Name string

	// ClientName is the application's name on the sign-in form. Empty means
	// the host of the redirect URI.
	ClientName string

	// Hint is a line below the sign-in form, for a demo that tells its visitors
	// which password to type. Empty means none.
	Hint string

	// RecordRequests makes [Provider.Requests] and [Provider.Sessions] work. The
	// record holds passwords and secrets and grows without bound.
	RecordRequests bool

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// A Provider is an OpenID provider with one client and a list of users, for
// tests and demos. It implements the authorization code flow with PKCE
// (S256, always required), refresh tokens (scope offline_access, rotating),
// userinfo, discovery, the "iss" of RFC 9207, and sign-out: RP-Initiated Logout,
// and the tokens of Back-Channel Logout. It keeps no session of the browser:
// everybody types a password each time, and each time is a "sid" of its own.
//
// It serves these paths below that of its issuer: /.well-known/openid-configuration,
// /jwks, /authorize, /login, /token, /userinfo and /logout. Its methods may be
// called from several goroutines.
type Provider struct {
	cfg     ProviderConfig
	base    string // path of the issuer, without a trailing slash
	handler http.Handler
	pages   *pages
	closed  context.Context // done when the provider is closed
	close   context.CancelFunc

	mu              sync.Mutex
	key             *signingKey
	extraKeys       map[string]*signingKey // by algorithm; only faults use them
	faults          []spec
	accessTokenLife time.Duration
	received        []Received
	sessions        []Session
	codes           tickets
	access          tickets
	refresh         tickets
	assertions      map[string]time.Time // used "jti" of client assertions, until they expire
}

// NewProvider returns a provider for cfg, or an error that names every problem
// of cfg. Mount it in a server so that it sees the whole path, the issuer's
// included:
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
		codes:           tickets{},
		access:          tickets{},
		refresh:         tickets{},
		assertions:      map[string]time.Time{},
	}
	p.handler = http.StripPrefix(p.base, p.routes())
	return p, nil
}

// withDefaults fills in what cfg leaves empty. The result shares no slice with cfg.
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

// validate returns every problem of cfg, joined.
func (cfg ProviderConfig) validate() error {
	var problems []error
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(format, args...))
	}

	issuer, err := url.Parse(cfg.Issuer)
	switch {
	case err != nil || issuer.Host == "" || (issuer.Scheme != "http" && issuer.Scheme != "https"):
		problem("Issuer %q is not an http or https URL", cfg.Issuer)
	case issuer.User != nil || strings.ContainsAny(cfg.Issuer, "?#"):
		problem("Issuer %q has a user, a query or a fragment", cfg.Issuer)
	}

	for _, uri := range cfg.RedirectURIs {
		if !isWebURL(uri) {
			problem("RedirectURIs: %q is not an http or https URL without a fragment", uri)
		}
	}

	for _, uri := range cfg.PostLogoutRedirectURIs {
		if !isWebURL(uri) {
			problem("PostLogoutRedirectURIs: %q is not an http or https URL without a fragment", uri)
		}
	}

	for _, m := range cfg.AuthMethods {
		switch m {
		case provider.ClientSecretBasic, provider.ClientSecretPost, provider.ClientSecretJWT, provider.NoClientAuth:
		case provider.PrivateKeyJWT:
			if cfg.ClientKey == nil {
				problem("AuthMethods: %q needs ClientKey", m)
			}
		default:
			problem("AuthMethods: %q is unknown", m)
		}
	}
	switch cfg.ClientKey.(type) {
	case nil, *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		problem("ClientKey is a %T, not an RSA, ECDSA or Ed25519 public key", cfg.ClientKey)
	}

	if len(cfg.Users) == 0 {
		problem("Users is empty, so nobody could sign in")
	}
	usernames, subjects := map[string]bool{}, map[string]bool{}
	for _, u := range cfg.Users {
		if u.Username == "" {
			problem("Users: a user has no Username")
			continue
		}
		if usernames[u.Username] || subjects[u.Subject] {
			problem("Users: %q is there twice, by Username or by Subject", u.Username)
		}
		usernames[u.Username], subjects[u.Subject] = true, true
		if _, err := json.Marshal(u.Claims); err != nil {
			problem("Users: the Claims of %q are not JSON: %w", u.Username, err)
		}
	}
	if cfg.TokenLifetime < 0 {
		problem("TokenLifetime %v is negative", cfg.TokenLifetime)
	}
	if cfg.AccessTokenLife < 0 {
		problem("AccessTokenLife %v is negative", cfg.AccessTokenLife)
	}
	return errors.Join(problems...)
}

// StartProvider starts a provider on the loopback interface with these users,
// or [DefaultUsers], and closes it when the test ends. Any redirect URI is
// accepted, requests are recorded, and the client secret has characters that
// a client must encode.
func StartProvider(t testing.TB, users ...User) *Provider {
	t.Helper()
	return ProviderConfig{Users: users}.Start(t)
}

// Start is [StartProvider] for a configuration of one's own, such as another
// signing algorithm. It chooses Issuer itself and always records requests.
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

	// The issuer is part of the provider, and the address is known only when
	// the server listens.
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

// Close ends the answers that a fault holds back, so that a server with this
// handler can shut down. The provider needs no closing otherwise.
func (p *Provider) Close() { p.close() }

// Issuer returns the URL of the provider.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// ClientID returns the ID of the application at this provider.
func (p *Provider) ClientID() string { return p.cfg.ClientID }

// ClientSecret returns the secret of the application at this provider.
func (p *Provider) ClientSecret() string { return p.cfg.ClientSecret }

// Users returns who can sign in, with their subjects and passwords filled in.
func (p *Provider) Users() []User { return slices.Clone(p.cfg.Users) }

// AsProvider returns the provider as an entry of nuxtauth's Config.Providers.
// With private_key_jwt the caller still has to set SigningKey.
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

// SetAccessTokenLife changes how long access tokens are good for, and their
// "expires_in", from the next one on. Less than a second makes them of no use.
func (p *Provider) SetAccessTokenLife(life time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accessTokenLife = life
}

// user returns the user with this username.
func (p *Provider) user(username string) (User, bool) {
	i := slices.IndexFunc(p.cfg.Users, func(u User) bool { return u.Username == username })
	if i < 0 {
		return User{}, false
	}
	return p.cfg.Users[i], true
}

// now is the time on the provider's clock.
func (p *Provider) now() time.Time { return p.cfg.Now() }

// url returns the absolute URL of a path below the issuer.
func (p *Provider) url(path string) string {
	return strings.TrimSuffix(p.cfg.Issuer, "/") + path
}

// isWebURL reports whether uri is an absolute http or https URL without a
// fragment, as RFC 6749 §3.1.2 asks of a redirect URI.
func isWebURL(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.Contains(uri, "#")
}
