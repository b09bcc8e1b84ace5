package flow_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// github returns the GitHub of the catalogue with the endpoints of the idp, changed
// after its constructor has run.
func github(i *idp) provider.Provider {
	p := provider.GitHub()
	p.ClientID, p.ClientSecret = clientID, secret
	p.TokenURL, p.UserinfoURL = i.issuer+"/token", i.issuer+"/user"
	return p
}

func TestGitHub_PrimaryEmail(t *testing.T) {
	private := `{"id":583231,"login":"octocat","name":null,"email":null,"avatar_url":"https://img.example/1"}`
	for name, tt := range map[string]struct {
		profile string
		emails  http.HandlerFunc
		email   string
		fails   bool
	}{
		"public":               {`{"id":583231,"login":"octocat","email":"Octo@Cat.example"}`, status(500, ""), "octo@cat.example", false},
		"primary and verified": {private, serve(`[{"email":"a@x.example","verified":true},{"email":"B@x.example","primary":true,"verified":true}]`), "b@x.example", false},
		"primary, unverified":  {private, serve(`[{"email":"victim@x.example","primary":true,"verified":false},{"email":"a@x.example","verified":true}]`), "", false},
		"none":                 {private, serve(`[]`), "", false},
		"scope refused":        {private, status(404, ""), "", false},
		"not a list":           {private, serve(`{"email":"a@x.example"}`), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.handlers["/user"] = serve(tt.profile)
			i.handlers["/user/emails"] = tt.emails
			result, err := i.signIn(t, i.flow(github(i)))
			if tt.fails {
				wantCode(t, err, "OAuthCallback")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if result.User.ID != "583231" || result.User.Name != "octocat" || result.User.Email != tt.email {
				t.Errorf("user %+v", result.User)
			}
			for _, r := range i.seen("/user/emails") {
				if got := "https://" + r.Host; got != i.issuer {
					t.Errorf("the token of %s is sent to %s", i.issuer, got)
				}
				if r.Header.Get("Authorization") != "Bearer the access token" {
					t.Error("a request for the addresses without the token")
				}
			}
		})
	}
}

func TestApple_FormPost(t *testing.T) {
	for name, tt := range map[string]struct{ form, want string }{
		"first consent": {`{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"evil@example.com"}`, "Ada Lovelace"},
		"later":         {``, "ada@privaterelay.example"},
		"no name":       {`{"name":{}}`, "ada@privaterelay.example"},
		"malformed":     {`{"name":["x"]`, "ada@privaterelay.example"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			delete(i.metadata, "userinfo_endpoint")
			i.claims["email"] = "Ada@PrivateRelay.example"
			f := i.flow(provider.Apple(func(p *provider.Provider) {
				p.ClientID, p.ClientSecret, p.Issuer = clientID, "short-lived", issuer
			}))
			_, q, _ := startQuery(t, f, nil)
			if q.Get("response_mode") != "form_post" || q.Get("scope") != "name email" {
				t.Errorf("authorization request %v", q)
			}

			check, form := i.start(t, f)
			if tt.form != "" {
				form.Set("user", tt.form)
			}
			result, err := f.Finish(context.Background(), check, redirectURI, form)
			if err != nil {
				t.Fatal(err)
			}
			want := &provider.User{ID: "user-1", Name: tt.want, Email: "ada@privaterelay.example"}
			if diff := cmp.Diff(want, result.User); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
			if got := i.seen("/token")[0].PostForm.Get("client_secret"); got != "short-lived" {
				t.Errorf("client_secret %q", got)
			}
			if strings.Contains(string(result.Profile), "evil") {
				t.Errorf("the profile has data of the unsigned form: %s", result.Profile)
			}
		})
	}
}

func TestEntra_TenantIssuer(t *testing.T) {
	const (
		template = issuer + "/{tenantid}/v2.0"
		tenant   = "9188040d-6c67-4c5b-b112-36a304b66dad"
	)
	for name, tt := range map[string]struct {
		configured, discovered string
		iss                    string
		tid                    any
		answered               string // the iss parameter
		code                   string
	}{
		"any tenant":                  {issuer + "/common/v2.0", template, issuer + "/" + tenant + "/v2.0", tenant, "", ""},
		"iss parameter":               {issuer + "/common/v2.0", template, issuer + "/" + tenant + "/v2.0", tenant, issuer + "/" + tenant + "/v2.0", ""},
		"other iss parameter":         {issuer + "/common/v2.0", template, issuer + "/" + tenant + "/v2.0", tenant, "https://evil.example", "OAuthCallback"},
		"one tenant":                  {issuer + "/" + tenant + "/v2.0", issuer + "/" + tenant + "/v2.0", issuer + "/" + tenant + "/v2.0", tenant, "", ""},
		"one tenant, token of other":  {issuer + "/" + tenant + "/v2.0", issuer + "/" + tenant + "/v2.0", issuer + "/other/v2.0", "other", "", "OAuthCallback"},
		"no tid":                      {issuer + "/common/v2.0", template, issuer + "/" + tenant + "/v2.0", nil, "", "OAuthCallback"},
		"tid of another tenant":       {issuer + "/common/v2.0", template, issuer + "/" + tenant + "/v2.0", "other", "", "OAuthCallback"},
		"tid is a path":               {issuer + "/common/v2.0", template, issuer + "/a/../b/v2.0", "a/../b", "", "OAuthCallback"},
		"tid is the placeholder":      {issuer + "/common/v2.0", template, template, "{tenantid}", "", "OAuthCallback"},
		"issuer is the template":      {issuer + "/common/v2.0", template, template, nil, "", "OAuthCallback"},
		"foreign issuer":              {issuer + "/common/v2.0", template, "https://evil.example/" + tenant + "/v2.0", tenant, "", "OAuthCallback"},
		"foreign template":            {issuer + "/common/v2.0", "https://evil.example/{tenantid}/v2.0", "", tenant, "", "OAuthSignin"},
		"template with another end":   {issuer + "/common/v3.0", template, "", tenant, "", "OAuthSignin"},
		"template whose ends overlap": {issuer + "/aab", issuer + "/aa{tenantid}aab", "", tenant, "", "OAuthSignin"},
		"beginning of the issuer":     {issuer + "/common/v2.0", issuer + "/common/v2", "", tenant, "", "OAuthSignin"},
		"template without a tenant":   {issuer + "//v2.0", template, "", tenant, "", "OAuthSignin"},
		"token without an issuer":     {issuer + "/common/v2.0", template, "", "{tenantid}", "", "OAuthCallback"},
		"a dot in the tenant":         {issuer + "/contoso.example/v2.0", template, issuer + "/contoso.example/v2.0", "contoso.example", "", ""},
		"longest tenant":              {issuer + "/common/v2.0", template, issuer + "/" + strings.Repeat("t", 64) + "/v2.0", strings.Repeat("t", 64), "", ""},
		"tenant too long":             {issuer + "/common/v2.0", template, issuer + "/" + strings.Repeat("t", 65) + "/v2.0", strings.Repeat("t", 65), "", "OAuthCallback"},
		"tenant of other letters":     {issuer + "/common/v2.0", template, issuer + "/\u00e9/v2.0", "\u00e9", "", "OAuthCallback"},
		"template too short":          {issuer + "/v2.0", template, "", tenant, "", "OAuthSignin"},
		"template over two segments":  {issuer + "/a/b/v2.0", template, "", tenant, "", "OAuthSignin"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.metadata["issuer"] = tt.discovered
			i.handlers[strings.TrimPrefix(tt.configured, issuer)+metadataPath] = func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, i.metadata)
			}
			i.claims["iss"], i.claims["tid"] = tt.iss, tt.tid
			if tt.iss == "" {
				i.claims["iss"] = nil
			}
			f := i.flow(provider.MicrosoftEntraID(func(p *provider.Provider) {
				p.ClientID, p.ClientSecret, p.Issuer = clientID, secret, tt.configured
			}))
			if tt.code == "OAuthSignin" {
				_, _, err := f.Start(context.Background(), redirectURI, nil)
				wantCode(t, err, tt.code)
				return
			}
			check, params := i.start(t, f)
			if tt.answered != "" {
				params.Set("iss", tt.answered)
			}
			_, err := f.Finish(context.Background(), check, redirectURI, params)
			if tt.code != "" {
				wantCode(t, err, tt.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// The same sub in two tenants is two users.
func TestEntra_IssuerOfTenant(t *testing.T) {
	common, one, other := issuer+"/common/v2.0", issuer+"/one/v2.0", issuer+"/other/v2.0"
	of := func(tenant string) (*idp, *flow.Flow) {
		i := newIDP()
		i.metadata["issuer"] = issuer + "/{tenantid}/v2.0"
		i.handlers["/common/v2.0"+metadataPath] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, i.metadata) }
		i.claims["iss"], i.claims["tid"] = issuer+"/"+tenant+"/v2.0", tenant
		return i, i.flow(i.oidc(fromIDToken, func(p *provider.Provider) { p.Issuer, p.MultiTenant = common, true }))
	}

	i, f := of("one")
	result, err := i.signIn(t, f)
	if err != nil {
		t.Fatal(err)
	}
	if result.Issuer != one || result.Account.Issuer != one {
		t.Errorf("issuer %q, of the account %q", result.Issuer, result.Account.Issuer)
	}
	token, err := f.VerifyLogoutToken(t.Context(), i.logoutToken(object{"iss": other, "tid": "other"}))
	if err != nil || token.Issuer != other {
		t.Errorf("logout token %+v, %v", token, err)
	}
	for _, tt := range []struct {
		tenant string
		r      flow.Refresh
		ok     bool
	}{
		{"one", flow.Refresh{RefreshToken: "x", Subject: "user-1", Issuer: one}, true},
		{"other", flow.Refresh{RefreshToken: "x", Subject: "user-1", Issuer: one}, false},
		{"one", flow.Refresh{RefreshToken: "x", Subject: "user-1"}, false},
		{"one", flow.Refresh{RefreshToken: "x"}, true},
	} {
		_, f := of(tt.tenant)
		if _, err := f.Refresh(t.Context(), tt.r); (err == nil) != tt.ok || err != nil && !errors.Is(err, flow.ErrInvalidIDToken) {
			t.Errorf("%s, %+v: %v", tt.tenant, tt.r, err)
		}
	}

	// It is left out where it is the configured one, so that cookies stay short.
	i = newIDP()
	if result, err := i.signIn(t, i.flow(i.oidc())); err != nil || result.Issuer != "" || result.Account.Issuer != "" {
		t.Errorf("a provider with one issuer: %+v, %v", result, err)
	}
}

// Without MultiTenant the placeholder has no meaning.
func TestEntra_WithoutMultiTenant(t *testing.T) {
	i := newIDP()
	i.metadata["issuer"] = issuer + "/{tenantid}/v2.0"
	i.handlers["/common/v2.0"+metadataPath] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, i.metadata) }
	_, _, err := i.flow(i.oidc(func(p *provider.Provider) { p.Issuer = issuer + "/common/v2.0" })).Start(context.Background(), redirectURI, nil)
	wantCode(t, err, "OAuthSignin")
}

func TestDiscord_SignsIn(t *testing.T) {
	i := newIDP()
	i.userinfo = jsontext.Value(`{"id":"80351110224678912","username":"nelly","global_name":"Nelly","avatar":"a_1","email":"N@x.example","verified":true}`)
	result, err := i.signIn(t, i.flow(provider.Discord(func(p *provider.Provider) {
		p.ClientID, p.ClientSecret = clientID, secret
		p.TokenURL, p.UserinfoURL = issuer+"/token", issuer+"/userinfo"
	})))
	if err != nil {
		t.Fatal(err)
	}
	want := &provider.User{ID: "80351110224678912", Name: "Nelly", Email: "n@x.example", Image: "https://cdn.discordapp.com/avatars/80351110224678912/a_1.gif"}
	if diff := cmp.Diff(want, result.User); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
}

// The scopes are the default ones, since Google's constructor sets none.
func TestGoogle_Scopes(t *testing.T) {
	i := newIDP()
	i.metadata["issuer"] = "https://accounts.google.com"
	f := i.flow(provider.Google(func(p *provider.Provider) {
		p.ClientID, p.ClientSecret = clientID, secret
		p.AuthorizationParams = map[string]string{"access_type": "offline"}
	}))
	_, q, _ := startQuery(t, f, url.Values{"login_hint": {"ada@example.com"}})
	if q.Get("scope") != "openid profile email" || q.Get("access_type") != "offline" || q.Get("login_hint") != "ada@example.com" {
		t.Errorf("authorization request %v", q)
	}
}
