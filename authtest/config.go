package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/provider"
)

// IDPUser is a user of an [IDP].
type IDPUser struct {
	_ [0]func() // not comparable

	Subject  string // "sub", the stable identifier of the user; empty means Username
	Username string // for the sign-in form; must be unique
	Password string // empty means a random one, see [IDP.Users]

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

// DefaultUsers returns the users of a [StartIDP] without arguments: alice, with a
// complete profile, and bob, with an unverified e-mail address alone. Their passwords
// equal their usernames.
func DefaultUsers() []IDPUser {
	return []IDPUser{
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

// IDPConfig is the configuration of an [IDP]. Issuer and Users are required, except by
// [IDPConfig.Start].
type IDPConfig struct {
	_ [0]func() // not comparable

	// Issuer is the URL of the provider, such as "http://localhost:8080/idp":
	// http or https, without query and fragment. The provider serves the paths
	// below it.
	Issuer string

	// ClientID and ClientSecret are those of the provider's only client. Empty
	// means "authtest" and a random secret.
	ClientID     string
	ClientSecret string

	// AuthMethods are the accepted methods of client authentication, of which
	// [IDP.AsProvider] uses the first. Empty means client_secret_basic,
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
	Users []IDPUser

	// SigningAlgorithm is that of the ID tokens: "RS256", "ES256" or "EdDSA".
	// Empty means RS256. Generating an RSA key takes about 0.1 s; ES256 is faster.
	SigningAlgorithm string

	// TokenLifetime is the lifetime of access tokens and ID tokens. Zero means one
	// hour.
	TokenLifetime time.Duration

	// AccessTokenLifetime is the lifetime of access tokens and their "expires_in", in
	// whole seconds. Zero means TokenLifetime. [IDP.SetAccessTokenLifetime]
	// changes it.
	AccessTokenLifetime time.Duration

	// Name is the provider's name on the sign-in form. Empty means "Test ID".
	Name string

	// ClientName is the application's name on the sign-in form. Empty means
	// the host of the redirect URI.
	ClientName string

	// Hint is a line below the sign-in form, such as the password of a demo. Empty
	// means none.
	Hint string

	// RecordRequests records requests and sessions for [IDP.Requests] and
	// [IDP.Sessions]. The record contains passwords and secrets, and grows
	// without bound.
	RecordRequests bool

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// withDefaults returns cfg with the defaults of empty fields. The result shares no slice with cfg.
func (cfg IDPConfig) withDefaults() IDPConfig {
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
	if cfg.AccessTokenLifetime == 0 {
		cfg.AccessTokenLifetime = cfg.TokenLifetime
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
func (cfg IDPConfig) validate() error {
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
	if cfg.AccessTokenLifetime < 0 {
		problems = append(problems, fmt.Errorf("AccessTokenLifetime %v is negative", cfg.AccessTokenLifetime))
	}
	return errors.Join(problems...)
}

// isWebURL reports whether uri is an absolute http or https URL without a fragment (RFC
// 6749 §3.1.2).
func isWebURL(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.Contains(uri, "#")
}
