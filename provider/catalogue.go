package provider

import (
	"context"
	"net/url"
)

// GitHub signs people in with github.com. When the e-mail address is not
// public, the primary and verified one is asked for; an address that GitHub has
// not verified is left out.
//
// For GitHub Enterprise Server change AuthorizationURL, TokenURL, UserinfoURL
// (https://<host>/api/v3/user) and Issuer (https://<host>/login/oauth).
func GitHub(change ...func(*Provider)) Provider {
	p := build(Provider{
		ID:               "github",
		Name:             "GitHub",
		Type:             TypeOAuth,
		Issuer:           "https://github.com/login/oauth",
		AuthorizationURL: "https://github.com/login/oauth/authorize",
		TokenURL:         "https://github.com/login/oauth/access_token",
		UserinfoURL:      "https://api.github.com/user",
		Scopes:           []string{"read:user", "user:email"},
		Style:            Style{Brand: "#24292f"},
	}, change)
	if p.Profile == nil {
		p.Profile = githubProfile(p.UserinfoURL + "/emails?per_page=100")
	}
	return p
}

// Google signs people in with a Google account. For a refresh token set
// AuthorizationParams to access_type=offline and prompt=consent.
func Google(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:           "google",
		Name:         "Google",
		Type:         TypeOIDC,
		Issuer:       "https://accounts.google.com",
		SkipUserinfo: true, // the ID token says it all
		Style:        Style{Brand: "#1a73e8"},
	}, change)
}

// GitLab signs people in with gitlab.com. For a GitLab of your own change
// AuthorizationURL, TokenURL and UserinfoURL.
func GitLab(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:               "gitlab",
		Name:             "GitLab",
		Type:             TypeOAuth,
		AuthorizationURL: "https://gitlab.com/oauth/authorize",
		TokenURL:         "https://gitlab.com/oauth/token",
		UserinfoURL:      "https://gitlab.com/api/v4/user",
		Scopes:           []string{"read_user"},
		Profile:          gitlabMembers.profile,
		Style:            Style{Brand: "#FC6D26"},
	}, change)
}

// Discord signs people in with discord.com. An e-mail address that Discord
// calls unverified is left out: anybody could have typed it.
func Discord(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:               "discord",
		Name:             "Discord",
		Type:             TypeOAuth,
		AuthorizationURL: "https://discord.com/api/oauth2/authorize",
		TokenURL:         "https://discord.com/api/oauth2/token",
		UserinfoURL:      "https://discord.com/api/users/@me",
		Scopes:           []string{"identify", "email"},
		Profile:          discordProfile,
		Style:            Style{Brand: "#5865F2"},
	}, change)
}

// MicrosoftEntraID signs people in with Microsoft Entra ID (Azure AD).
//
// With neither Issuer nor AUTH_MICROSOFT_ENTRA_ID_ISSUER anybody with a
// Microsoft account, of any tenant, can sign in. To accept one tenant, set the
// issuer to https://login.microsoftonline.com/<tenant id>/v2.0.
//
// The e-mail address is what an administrator of the user's tenant typed in;
// don't take it for proof that the address is theirs. There is no picture:
// Microsoft serves it only to callers with a token.
func MicrosoftEntraID(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:             "microsoft-entra-id",
		Name:           "Microsoft Entra ID",
		Type:           TypeOIDC,
		fallbackIssuer: "https://login.microsoftonline.com/common/v2.0",
		MultiTenant:    true,
		SkipUserinfo:   true, // the ID token says it all
		Scopes:         []string{"openid", "profile", "email", "User.Read"},
		Profile:        bareMembers.profile,
		Style:          Style{Brand: "#0072c6"},
	}, change)
}

// Keycloak signs people in with a realm of Keycloak. Issuer, or
// AUTH_KEYCLOAK_ISSUER, is https://<host>/realms/<realm>.
func Keycloak(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:    "keycloak",
		Name:  "Keycloak",
		Type:  TypeOIDC,
		Style: Style{Brand: "#428bca"},
	}, change)
}

// Auth0 signs people in with a tenant of Auth0. Issuer, or AUTH_AUTH0_ISSUER,
// is https://<tenant>.auth0.com/ with the slash at its end.
func Auth0(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:    "auth0",
		Name:  "Auth0",
		Type:  TypeOIDC,
		Style: Style{Brand: "#EB5424"},
	}, change)
}

// Okta signs people in with an organisation of Okta. Issuer, or
// AUTH_OKTA_ISSUER, is https://<org>.okta.com or that of an authorization
// server, https://<org>.okta.com/oauth2/default.
func Okta(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:    "okta",
		Name:  "Okta",
		Type:  TypeOIDC,
		Style: Style{Brand: "#000"},
	}, change)
}

// OIDC is any other OpenID Connect provider. It needs an ID and an Issuer;
// everything else is discovered.
func OIDC(p Provider) Provider {
	p.Type = TypeOIDC
	return p
}

// OAuth2 is any other OAuth 2 provider. It needs an ID and the three
// endpoints, and a Profile function where the user API does not speak the
// words of [DefaultProfile].
func OAuth2(p Provider) Provider {
	p.Type = TypeOAuth
	return p
}

// Credentials signs people in with a form that authorize checks. It gets the
// fields of the form and returns the user, nil for a wrong name or password, or
// an error when it could not tell. It must take the same time for an unknown
// user as for a wrong password.
//
// Without fields the form asks for "username" and "password". The ID is
// "credentials" and the Name "Credentials"; change the result for others.
func Credentials(authorize func(ctx context.Context, form url.Values) (*User, error), fields ...Field) Provider {
	if len(fields) == 0 {
		fields = []Field{
			{Name: "username", Label: "Username", Type: "text", Autocomplete: "username"},
			{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"},
		}
	}
	return Provider{
		ID:        "credentials",
		Name:      "Credentials",
		Type:      TypeCredentials,
		Authorize: authorize,
		Fields:    fields,
	}
}

// build applies the application's changes to a vendor's facts.
func build(p Provider, change []func(*Provider)) Provider {
	for _, apply := range change {
		apply(&p)
	}
	return p
}
