package provider_test

import (
	"context"
	"fmt"
	"net/url"
	"os"

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

// A form that the application checks itself.
func ExampleCredentials() {
	p := provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) {
		if form.Get("username") != "ada" || form.Get("password") != "correct horse" { // compare hashes, in constant time
			return nil, nil
		}
		return &provider.User{ID: "1", Name: "Ada Lovelace"}, nil
	})
	for _, field := range p.Fields {
		fmt.Println(field.Name, field.Autocomplete)
	}
	// Output:
	// username username
	// password current-password
}

// Client secrets for Apple, signed with a key of the developer site.
func ExampleAppleSecret() {
	key, err := os.ReadFile("AuthKey_KEY1234567.p8")
	if err != nil {
		return
	}
	secret, err := provider.AppleSecret(provider.AppleKey{
		TeamID:     "TEAM123456",
		KeyID:      "KEY1234567",
		ClientID:   "com.example.web",
		PrivateKey: key,
	})
	if err != nil {
		return
	}
	_ = provider.Apple(func(p *provider.Provider) {
		p.ClientID = "com.example.web"
		p.ClientSecretFunc = secret
	})
}
