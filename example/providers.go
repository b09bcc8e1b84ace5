package main

import (
	"strings"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// newDemoProvider returns an OpenID provider with the demo accounts, in place of one such
// as Google. It is served below /demo-provider.
func newDemoProvider(s settings) (*authtest.IDP, error) {
	var users []authtest.IDPUser
	var hint []string
	for _, d := range demoAccounts("") {
		users = append(users, authtest.IDPUser{
			Subject:       d.Username,
			Username:      d.Username,
			Password:      d.Password,
			Name:          d.User.Name,
			Email:         d.email(),
			EmailVerified: true,
		})
		hint = append(hint, d.Username+" / "+d.Password)
	}
	return authtest.NewIDP(authtest.IDPConfig{
		Issuer:                 s.origin + "/demo-provider",
		ClientID:               "example",
		RedirectURIs:           []string{s.api + "/callback/demo"},
		PostLogoutRedirectURIs: []string{s.api + "/signout/demo"},
		Users:                  users,
		SigningAlgorithm:       "ES256",
		Name:                   "Demo ID",
		ClientName:             "nuxtauth example",
		Hint:                   strings.Join(hint, ", "),
	})
}

// demoID returns the configuration of the demo provider, with AUTH_FEDERATED_LOGOUT=1
// including the sign-out.
func demoID(s settings, idp *authtest.IDP) provider.Provider {
	p := idp.AsProvider("demo")
	p.FederatedLogout = s.federatedLogout
	return p
}

// furtherProviders returns the providers whose client credentials are in the environment.
// The library reads the other variables AUTH_GITHUB_*, AUTH_GOOGLE_* and AUTH_OIDC_*.
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
