package provider_test

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/nuxtauth/nuxtauth/provider"
)

// A provider of the catalogue needs its environment variables alone.
func ExampleGitHub() {
	p := provider.GitHub()
	fmt.Println(p.ID, p.Name)
	fmt.Println(p.Validate())
	// Output:
	// github GitHub
	// provider "github": no client id: set ClientID or the environment variable AUTH_GITHUB_ID
	// provider "github": no client secret: set ClientSecret or the environment variable AUTH_GITHUB_SECRET, or AuthMethod to NoClientAuth if the client is a public one
}

// GitHub Enterprise Server has its own endpoints, and applications of its own.
func ExampleGitHub_enterprise() {
	const host = "https://github.acme.example"
	p := provider.GitHub()
	p.ID, p.Name = "acme", "GitHub at Acme" // AUTH_ACME_ID, AUTH_ACME_SECRET
	p.Issuer = host + "/login/oauth"
	p.AuthorizationURL = host + "/login/oauth/authorize"
	p.TokenURL = host + "/login/oauth/access_token"
	p.UserinfoURL = host + "/api/v3/user"

	p = p.WithEnv(func(name string) string { return "the value of " + name })
	fmt.Println(p.ClientID)
	fmt.Println(p.Validate())
	// Output:
	// the value of AUTH_ACME_ID
	// <nil>
}

// Google gives a refresh token at the first consent alone, unless the consent is asked
// for each time.
func ExampleGoogle() {
	p := provider.Google(func(p *provider.Provider) {
		p.AuthorizationParams = map[string]string{"access_type": "offline", "prompt": "consent"}
	})
	fmt.Println(p.Issuer)
	// Output: https://accounts.google.com
}

// The users of one tenant. Without an Issuer, or with that of "common", every Microsoft
// account can sign in.
func ExampleMicrosoftEntraID() {
	p := provider.MicrosoftEntraID(func(p *provider.Provider) {
		p.Issuer = "https://login.microsoftonline.com/8a6d0b5c-9f5b-4b0e-9d1c-3f1f6f0b7c2e/v2.0"
	})
	p.ClientID, p.ClientSecret = "my-app", "from the registration"
	fmt.Println(p.Validate())
	// Output: <nil>
}

// The Issuer of Auth0 ends with a slash: it must equal the one in the metadata exactly.
func ExampleAuth0() {
	p := provider.Auth0(func(p *provider.Provider) {
		p.Issuer = "https://acme.eu.auth0.com/"
		p.AuthorizationParams = map[string]string{"audience": "https://api.acme.example"} // an access token for this API
	})
	fmt.Println(p.ID)
	// Output: auth0
}

// A custom authorization server of Okta; the one of the organisation is
// https://acme.okta.com.
func ExampleOkta() {
	p := provider.Okta(func(p *provider.Provider) {
		p.Issuer = "https://acme.okta.com/oauth2/default"
		p.Scopes = []string{"openid", "profile", "email", "groups", "offline_access"}
	})
	fmt.Println(p.ID)
	// Output: okta
}

// Two realms of one Keycloak need two IDs.
func ExampleKeycloak() {
	staff := provider.Keycloak(func(p *provider.Provider) {
		p.ID, p.Name = "staff", "Staff"
		p.Issuer = "https://sso.example.com/realms/staff"
	})
	customers := provider.Keycloak(func(p *provider.Provider) {
		p.ID, p.Name = "customers", "Customers"
		p.Issuer = "https://sso.example.com/realms/customers"
	})
	fmt.Println(staff.ID, customers.ID)
	// Output: staff customers
}

// An OpenID Connect provider that is not in the catalogue: its endpoints are discovered.
func ExampleOIDC() {
	p := provider.OIDC(provider.Provider{
		ID:           "acme",
		Issuer:       "https://id.acme.example",
		ClientID:     "my-app",
		ClientSecret: "from the registration at acme",
	})
	fmt.Println(p.Validate())
	// Output: <nil>
}

// An OAuth 2 provider whose user API has members of other names.
func ExampleOAuth2() {
	p := provider.OAuth2(provider.Provider{
		ID:               "acme",
		ClientID:         "my-app",
		ClientSecret:     "from the registration at acme",
		AuthorizationURL: "https://acme.example/oauth/authorize",
		TokenURL:         "https://acme.example/oauth/token",
		UserinfoURL:      "https://acme.example/api/me",
		Profile: func(_ context.Context, r provider.ProfileRequest) (*provider.User, error) {
			var me struct {
				UUID   string `json:"uuid"`
				Handle string `json:"handle"`
			}
			if err := r.Profile.Decode(&me); err != nil {
				return nil, err
			}
			return &provider.User{ID: me.UUID, Name: me.Handle}, nil
		},
	})
	fmt.Println(p.Validate())
	// Output: <nil>
}

// A sign-out in the application also ends the session at the provider. Register
// /api/auth/signout/keycloak there as post-logout redirect URI.
func ExampleProvider_federatedLogout() {
	p := provider.Keycloak(func(p *provider.Provider) {
		p.Issuer = "https://sso.example.com/realms/acme"
		p.FederatedLogout = true
	})
	fmt.Println(p.ID, p.FederatedLogout)
	// Output: keycloak true
}

// A client without a shared secret signs an assertion with a key, whose public half is
// registered at the provider.
func ExampleProvider_privateKeyJWT() {
	key := ed25519.NewKeyFromSeed([]byte("32 random bytes from a safe file")) // or an RSA or ECDSA P-256 key
	p := provider.OIDC(provider.Provider{
		ID:           "acme",
		Issuer:       "https://id.acme.example",
		ClientID:     "my-app",
		AuthMethod:   provider.PrivateKeyJWT,
		SigningKey:   key,
		SigningKeyID: "2026",
	})
	fmt.Println(p.Validate())
	// Output: <nil>
}

// Validate reports all problems at once, each with what to write instead.
// nuxtauth.New calls it for each provider, after WithEnv.
func ExampleProvider_Validate() {
	p := provider.OIDC(provider.Provider{
		ID:           "acme",
		Issuer:       "http://id.acme.example",
		ClientID:     "my-app",
		ClientSecret: "from the registration at acme",
		Scopes:       []string{"openid email"},
	})
	fmt.Println(p.Validate())
	// Output:
	// provider "acme": the scope "openid email" has a space or is empty: write each scope as one element of Scopes
	// provider "acme": Issuer "http://id.acme.example" is not https: only a loopback address, and a host that InsecureHTTP lists, may be http
}

// A field that is set is not replaced. Usually getenv is os.Getenv.
func ExampleProvider_WithEnv() {
	env := map[string]string{
		"AUTH_ACME_ID_ID":     "from the environment",
		"AUTH_ACME_ID_SECRET": "from the environment too",
		"AUTH_ACME_ID_ISSUER": "https://id.acme.example",
	}
	p := provider.OIDC(provider.Provider{ID: "acme-id", ClientID: "my-app"})
	p = p.WithEnv(func(name string) string { return env[name] })
	fmt.Println(p.ClientID)
	fmt.Println(p.ClientSecret)
	fmt.Println(p.Issuer)
	// Output:
	// my-app
	// from the environment too
	// https://id.acme.example
}
