package provider

import (
	"context"
	"net/url"
)

// GitHub returns the provider github.com. If the profile has no public e-mail
// address, the verified primary address is fetched; an address that GitHub has not
// verified is left out.
//
// For GitHub Enterprise Server, set AuthorizationURL, TokenURL, UserinfoURL
// (https://<host>/api/v3/user) and Issuer (https://<host>/login/oauth). The e-mail
// address is then fetched from that server.
func GitHub(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:               "github",
		Name:             "GitHub",
		Type:             TypeOAuth,
		Issuer:           "https://github.com/login/oauth",
		AuthorizationURL: "https://github.com/login/oauth/authorize",
		TokenURL:         "https://github.com/login/oauth/access_token",
		UserinfoURL:      "https://api.github.com/user",
		Scopes:           []string{"read:user", "user:email"},
		Profile:          githubProfile,
		VerifiesEmail:    true,
		Style:            Style{Brand: "#24292f"},
	}, change)
}

// Google returns the provider of Google accounts. For a refresh token set
// AuthorizationParams to access_type=offline and prompt=consent. An address is verified if
// Google is in charge of it: one at gmail.com, or of a Workspace ("hd").
func Google(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:           "google",
		Name:         "Google",
		Type:         TypeOIDC,
		Issuer:       "https://accounts.google.com",
		SkipUserinfo: true, // the ID token has the same claims
		Profile:      googleProfile,
		Style:        Style{Brand: "#1a73e8"},

		VerifiesEmail: true,
	}, change)
}

// GitLab returns the provider gitlab.com. For a self-managed GitLab, set
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

// Discord returns the provider discord.com. An e-mail address that Discord marks as
// unverified is left out.
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

// MicrosoftEntraID returns the provider Microsoft Entra ID (Azure AD).
//
// With neither Issuer nor AUTH_MICROSOFT_ENTRA_ID_ISSUER, every Microsoft account
// of any tenant can sign in. To accept one tenant, set the issuer to
// https://login.microsoftonline.com/<tenant id>/v2.0.
//
// The e-mail address is set by an administrator of the user's tenant and is not
// verified. The user has no image, which Microsoft serves with a token alone.
func MicrosoftEntraID(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:             "microsoft-entra-id",
		Name:           "Microsoft Entra ID",
		Type:           TypeOIDC,
		fallbackIssuer: "https://login.microsoftonline.com/common/v2.0",
		MultiTenant:    true,
		SkipUserinfo:   true, // the ID token has the same claims
		Scopes:         []string{"openid", "profile", "email", "User.Read"},
		Profile:        bareMembers.profile,
		Style:          Style{Brand: "#0072c6"},
	}, change)
}

// Keycloak returns the provider of a Keycloak realm. Issuer, or
// AUTH_KEYCLOAK_ISSUER, is https://<host>/realms/<realm>.
func Keycloak(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:    "keycloak",
		Name:  "Keycloak",
		Type:  TypeOIDC,
		Style: Style{Brand: "#428bca"},
	}, change)
}

// Auth0 returns the provider of an Auth0 tenant. Issuer, or AUTH_AUTH0_ISSUER, is
// https://<tenant>.auth0.com/ with the slash at its end.
func Auth0(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:    "auth0",
		Name:  "Auth0",
		Type:  TypeOIDC,
		Style: Style{Brand: "#EB5424"},
	}, change)
}

// Okta returns the provider of an Okta organisation. Issuer, or AUTH_OKTA_ISSUER,
// is https://<org>.okta.com, or https://<org>.okta.com/oauth2/default for the
// default authorization server.
func Okta(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:    "okta",
		Name:  "Okta",
		Type:  TypeOIDC,
		Style: Style{Brand: "#000"},
	}, change)
}

// OIDC returns p as an OpenID Connect provider. p needs an ID and an Issuer;
// everything else is discovered.
func OIDC(p Provider) Provider {
	p.Type = TypeOIDC
	return p
}

// OAuth2 returns p as an OAuth 2 provider. p needs an ID, the three endpoints and,
// unless the user API has the members that [DefaultProfile] reads, a Profile
// function.
func OAuth2(p Provider) Provider {
	p.Type = TypeOAuth
	return p
}

// Credentials returns a provider whose form authorize checks. authorize gets the
// fields of the form and returns the user, nil if the name or the password is wrong,
// or an error if it could not check. It must need the same time for an unknown name
// as for a wrong password, and be safe for concurrent use.
//
// An error that wraps nuxtauth.ErrUnavailable (see nuxtauth.Unavailable) or
// [context.DeadlineExceeded], as one that wraps password.ErrBusy does, is temporary: the user
// can try again in a few seconds, and the attempt does not count for the account. An [*Error]
// has a code for the browser. After any other error the sign-in has failed with the code
// Callback, and counts as an attempt.
//
// Without fields the form has "username" and "password". The ID is "credentials"
// and the Name "Credentials"; change the result for others.
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

// build returns p after the application's changes.
func build(p Provider, change []func(*Provider)) Provider {
	for _, apply := range change {
		apply(&p)
	}
	return p
}

// Email returns the provider of sign-ins by a link that is sent to the user's address, by
// Config.Mail. It needs Config.Accounts, with a store that is a store.Links. The link opens a
// page with a button, so that programs which open the links of a mail spend none. The ID is
// "email" and the Name "Email"; a front end of Auth.js v5 that calls signIn("nodemailer")
// needs that ID.
//
// Any person who reads the user's mail can sign in: that is no second factor (OWASP ASVS 5.0,
// 6.3.6), and NIST SP 800-63B does not accept e-mail for one.
func Email(change ...func(*Provider)) Provider {
	return build(Provider{ID: "email", Name: "Email", Type: TypeEmail}, change)
}
