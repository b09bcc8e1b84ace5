package main

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// passwords is the provider for people who have a password at the user API.
// What they get for it there goes on to the JWT callback as the access token.
func passwords(users *UserAPI) provider.Provider {
	p := provider.Credentials(func(ctx context.Context, form url.Values) (*nuxtauth.User, error) {
		in, err := users.SignIn(ctx, form.Get("username"), form.Get("password"))
		if errors.Is(err, ErrWrongPassword) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return &nuxtauth.User{ID: in.ID, Name: in.Name, AccessToken: in.SessionToken}, nil
	})
	p.Name = "password"
	return p
}

// newDemoProvider makes an OpenID provider that stands for Google, GitHub and
// their like. It lives below /demo-provider and knows the demo accounts.
func newDemoProvider(s settings) (*authtest.Provider, error) {
	var people []authtest.User
	var hint []string
	for _, d := range demoAccounts("") {
		people = append(people, authtest.User{
			Subject:       d.Username,
			Username:      d.Username,
			Password:      d.Password,
			Name:          d.User.Name,
			Email:         d.Username + "@example.com",
			EmailVerified: true,
		})
		hint = append(hint, d.Username+" / "+d.Password)
	}
	return authtest.NewProvider(authtest.ProviderConfig{
		Issuer:                 s.origin + "/demo-provider",
		ClientID:               "example",
		RedirectURIs:           []string{s.api + "/callback/demo"},
		PostLogoutRedirectURIs: []string{s.api + "/signout/demo"},
		Users:                  people,
		SigningAlgorithm:       "ES256",
		Name:                   "Demo ID",
		ClientName:             "nuxtauth example",
		Hint:                   strings.Join(hint, ", "),
	})
}

// demoID is the way to sign in with it, and with AUTH_FEDERATED_LOGOUT=1 also
// to sign out.
func demoID(s settings, idp *authtest.Provider) provider.Provider {
	p := idp.AsProvider("demo")
	p.FederatedLogout = s.federatedLogout
	return p
}

// furtherProviders returns those that the environment has credentials for. The
// library reads the rest of AUTH_GITHUB_*, AUTH_GOOGLE_* and AUTH_OIDC_* itself.
func furtherProviders(getenv func(string) string) []provider.Provider {
	var list []provider.Provider
	if getenv("AUTH_GITHUB_ID") != "" {
		list = append(list, provider.GitHub())
	}
	if getenv("AUTH_GOOGLE_ID") != "" {
		list = append(list, provider.Google())
	}
	if getenv("AUTH_OIDC_ISSUER") != "" || getenv("AUTH_OIDC_ID") != "" {
		list = append(list, provider.OIDC(provider.Provider{ID: "oidc", Name: "OpenID Connect", BackchannelLogout: true}))
	}
	return list
}
