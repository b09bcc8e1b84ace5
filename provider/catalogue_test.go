package provider_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/provider"
)

// catalogue has all constructors of the catalogue, by ID.
var catalogue = map[string]func(...func(*provider.Provider)) provider.Provider{
	"github":             provider.GitHub,
	"google":             provider.Google,
	"gitlab":             provider.GitLab,
	"discord":            provider.Discord,
	"microsoft-entra-id": provider.MicrosoftEntraID,
	"keycloak":           provider.Keycloak,
	"auth0":              provider.Auth0,
	"okta":               provider.Okta,
	"apple":              provider.Apple,
}

// environment returns a function like os.Getenv for these variables.
func environment(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

func TestCatalogue_NeedsOnlyEnvironment(t *testing.T) {
	for id, constructor := range catalogue {
		t.Run(id, func(t *testing.T) {
			prefix := "AUTH_" + strings.ToUpper(strings.ReplaceAll(id, "-", "_"))
			variables := map[string]string{prefix + "_ID": "id", prefix + "_SECRET": "secret"}
			switch id {
			case "keycloak", "auth0", "okta":
				variables[prefix+"_ISSUER"] = "https://id.example/tenant"
			}
			p := constructor()
			if p.ID != id || p.Name == "" || !strings.HasPrefix(p.Style.Brand, "#") {
				t.Errorf("ID %q, Name %q, Brand %q", p.ID, p.Name, p.Style.Brand)
			}
			p = p.WithEnv(environment(variables))
			if err := p.Validate(); err != nil {
				t.Errorf("Validate: %v", err)
			}
			if p.ClientID != "id" || p.ClientSecret != "secret" {
				t.Errorf("client %q, secret %q", p.ClientID, p.ClientSecret)
			}
		})
	}
}

// The values are those of the vendors' documentation.
func TestCatalogue_Endpoints(t *testing.T) {
	for id, want := range map[string]struct {
		kind                            provider.Type
		authorization, token, userinfo  string
		issuer, scope, mode, authMethod string
	}{
		"github": {provider.TypeOAuth, "https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token", "https://api.github.com/user",
			"https://github.com/login/oauth", "read:user user:email", "", ""},
		"gitlab": {provider.TypeOAuth, "https://gitlab.com/oauth/authorize", "https://gitlab.com/oauth/token", "https://gitlab.com/api/v4/user",
			"", "read_user", "", ""},
		"discord": {provider.TypeOAuth, "https://discord.com/api/oauth2/authorize", "https://discord.com/api/oauth2/token", "https://discord.com/api/users/@me",
			"", "identify email", "", ""},
		"google":             {provider.TypeOIDC, "", "", "", "https://accounts.google.com", "", "", ""},
		"microsoft-entra-id": {provider.TypeOIDC, "", "", "", "https://login.microsoftonline.com/common/v2.0", "openid profile email User.Read", "", ""},
		"keycloak":           {provider.TypeOIDC, "", "", "", "", "", "", ""},
		"auth0":              {provider.TypeOIDC, "", "", "", "", "", "", ""},
		"okta":               {provider.TypeOIDC, "", "", "", "", "", "", ""},
		"apple":              {provider.TypeOIDC, "", "", "", "https://appleid.apple.com", "name email", "form_post", "client_secret_post"},
	} {
		t.Run(id, func(t *testing.T) {
			p := catalogue[id]().WithEnv(environment(nil))
			got := []string{string(p.Type), p.AuthorizationURL, p.TokenURL, p.UserinfoURL, p.Issuer, strings.Join(p.Scopes, " "), p.ResponseMode, string(p.AuthMethod)}
			if diff := cmp.Diff([]string{string(want.kind), want.authorization, want.token, want.userinfo, want.issuer, want.scope, want.mode, want.authMethod}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCatalogue_ChangesInOrder(t *testing.T) {
	for id, constructor := range catalogue {
		p := constructor(
			func(p *provider.Provider) { p.Name, p.ClientID = "first", "id" },
			func(p *provider.Provider) { p.Name = "second" },
		)
		if p.Name != "second" || p.ClientID != "id" || p.ID != id {
			t.Errorf("%s: Name %q, ClientID %q", id, p.Name, p.ClientID)
		}
	}
}

func TestWithEnv_FillsEmptyFields(t *testing.T) {
	getenv := environment(map[string]string{
		"AUTH_MY_OWN_IDP_ID": "env-id", "AUTH_MY_OWN_IDP_SECRET": "env-secret", "AUTH_MY_OWN_IDP_ISSUER": "https://env.example",
	})
	p := provider.OIDC(provider.Provider{ID: "my-own.idp"}).WithEnv(getenv)
	if p.ClientID != "env-id" || p.ClientSecret != "env-secret" || p.Issuer != "https://env.example" {
		t.Errorf("not filled: %q %q %q", p.ClientID, p.ClientSecret, p.Issuer)
	}
	p = provider.OIDC(provider.Provider{ID: "my-own.idp", ClientID: "a", ClientSecret: "b", Issuer: "c"}).WithEnv(getenv)
	if p.ClientID != "a" || p.ClientSecret != "b" || p.Issuer != "c" {
		t.Errorf("overwritten: %q %q %q", p.ClientID, p.ClientSecret, p.Issuer)
	}
}

func TestWithEnv_EntraTenant(t *testing.T) {
	const tenant = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"
	p := provider.MicrosoftEntraID().WithEnv(environment(map[string]string{"AUTH_MICROSOFT_ENTRA_ID_ISSUER": tenant}))
	if p.Issuer != tenant {
		t.Errorf("every tenant could sign in: issuer %q", p.Issuer)
	}
}

func TestProvider_Type(t *testing.T) {
	if p := provider.OIDC(provider.Provider{ID: "a"}); p.Type != provider.TypeOIDC || p.ID != "a" {
		t.Errorf("OIDC returned %+v", p)
	}
	if p := provider.OAuth2(provider.Provider{ID: "a"}); p.Type != provider.TypeOAuth || p.ID != "a" {
		t.Errorf("OAuth2 returned %+v", p)
	}
}

func TestCredentials_Fields(t *testing.T) {
	authorize := func(_ context.Context, form url.Values) (*provider.User, error) {
		if form.Get("password") != "right" {
			return nil, errors.New("wrong")
		}
		return &provider.User{ID: "1"}, nil
	}
	p := provider.Credentials(authorize)
	want := []provider.Field{
		{Name: "username", Label: "Username", Type: "text", Autocomplete: "username"},
		{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"},
	}
	if diff := cmp.Diff(want, p.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if p.ID != "credentials" || p.Name != "Credentials" || p.Type != provider.TypeCredentials {
		t.Errorf("ID %q, Name %q, Type %q", p.ID, p.Name, p.Type)
	}
	if err := p.WithEnv(environment(nil)).Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
	if u, err := p.Authorize(context.Background(), url.Values{"password": {"right"}}); err != nil || u.ID != "1" {
		t.Errorf("Authorize: %v, %v", u, err)
	}

	pin := provider.Field{Name: "pin", Type: "password"}
	if diff := cmp.Diff([]provider.Field{pin}, provider.Credentials(authorize, pin).Fields); diff != "" {
		t.Errorf("own fields (-want +got):\n%s", diff)
	}
}
