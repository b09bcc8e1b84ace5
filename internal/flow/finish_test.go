package flow_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestFinish_SignsIn(t *testing.T) {
	i := newIDP()
	i.answer["session_state"] = "s"
	result, err := i.signIn(t, i.flow(i.oidc()))
	if err != nil {
		t.Fatalf("Finish: %v", err)
	}

	wantUser := &provider.User{ID: "user-1", Name: "Ada Lovelace", Email: "ada@example.com", Image: "https://img.example/ada.png"}
	if diff := cmp.Diff(wantUser, result.User); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
	wantAccount := &provider.Account{
		Provider: "idp", Type: provider.TypeOIDC, ProviderAccountID: "user-1",
		AccessToken: "the access token", RefreshToken: "the refresh token", TokenType: "Bearer",
		Scope: "openid profile email", ExpiresAt: now.Unix() + 3600,
		Extra: jsontext.Value(`{"session_state":"s"}`),
	}
	if diff := cmp.Diff(wantAccount, result.Account, cmpopts.IgnoreFields(provider.Account{}, "IDToken")); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	if strings.Count(result.Account.IDToken, ".") != 2 {
		t.Errorf("the account's ID token is %q", result.Account.IDToken)
	}
	var profile struct {
		Issuer string `json:"iss"`
		Email  string `json:"email"`
	}
	if err := result.Profile.Decode(&profile); err != nil || profile.Issuer != issuer || profile.Email != "Ada@Example.com" {
		t.Errorf("profile %s, %v", result.Profile, err)
	}
}

// A logout token and a refreshed ID token identify the sign-in by these.
func TestFinish_SubjectAndSession(t *testing.T) {
	for name, tt := range map[string]struct {
		sid  any
		want string
	}{
		"sid":             {"s1", "s1"},
		"none":            {nil, ""},
		"null":            {null, ""},
		"a number":        {1, ""}, // allowed in an ID token
		"not in userinfo": {"s1", "s1"},
	} {
		i := newIDP()
		i.claims["sid"] = tt.sid
		i.userinfo = object{"sub": "user-1", "sid": "another's"}
		result, err := i.signIn(t, i.flow(i.oidc(func(p *provider.Provider) {
			p.Profile = func(context.Context, provider.ProfileRequest) (*provider.User, error) {
				return &provider.User{ID: "an ID of another kind"}, nil
			}
		})))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if result.Subject != "user-1" || result.Session != tt.want {
			t.Errorf("%s: subject %q, session %q", name, result.Subject, result.Session)
		}
	}

	i := newIDP()
	result, err := i.signIn(t, i.flow(i.oauth2()))
	if err != nil {
		t.Fatal(err)
	}
	if result.Subject != "" || result.Session != "" {
		t.Errorf("OAuth 2 has the subject %q and the session %q, which are not signed", result.Subject, result.Session)
	}
}

func TestFinish_TokenRequest(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	check, params := i.start(t, f)
	if _, err := f.Finish(context.Background(), check, redirectURI, params); err != nil {
		t.Fatal(err)
	}
	requests := i.seen("/token")
	if len(requests) != 1 {
		t.Fatalf("%d token requests", len(requests))
	}
	want := url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {"the-code"},
		"redirect_uri":  {redirectURI},
		"code_verifier": {check.Verifier},
	}
	if diff := cmp.Diff(want, requests[0].PostForm); diff != "" {
		t.Errorf("token request (-want +got):\n%s", diff)
	}
	if got := requests[0].Header.Get("User-Agent"); got != "nuxtauth" {
		t.Errorf("User-Agent %q", got)
	}
	if got := i.seen("/userinfo")[0].Header.Get("Authorization"); got != "Bearer the access token" {
		t.Errorf("userinfo request with Authorization %q", got)
	}
}

func TestFinish_ChecksResponse(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(check *flow.Check, params url.Values)
		code   string
	}{
		"no state":                  {func(_ *flow.Check, p url.Values) { p.Del("state") }, "OAuthCallback"},
		"empty state":               {func(_ *flow.Check, p url.Values) { p.Set("state", "") }, "OAuthCallback"},
		"other state":               {func(_ *flow.Check, p url.Values) { p.Set("state", "x") }, "OAuthCallback"},
		"state twice":               {func(_ *flow.Check, p url.Values) { p.Add("state", p.Get("state")) }, "OAuthCallback"},
		"empty state on both sides": {func(c *flow.Check, p url.Values) { c.State = ""; p.Set("state", "") }, "OAuthCallback"},
		"check of another provider": {func(c *flow.Check, _ url.Values) { c.Provider = "other" }, "OAuthCallback"},
		"check of another issuer":   {func(c *flow.Check, _ url.Values) { c.Issuer = "https://evil.example" }, "OAuthCallback"},
		"check of another callback": {func(c *flow.Check, _ url.Values) { c.RedirectURI += "2" }, "OAuthCallback"},
		"check without verifier":    {func(c *flow.Check, _ url.Values) { c.Verifier = "" }, "OAuthCallback"},
		"check without nonce":       {func(c *flow.Check, _ url.Values) { c.Nonce = "" }, "OAuthCallback"},
		"no code":                   {func(_ *flow.Check, p url.Values) { p.Del("code") }, "OAuthCallback"},
		"empty code":                {func(_ *flow.Check, p url.Values) { p.Set("code", "") }, "OAuthCallback"},
		"code twice":                {func(_ *flow.Check, p url.Values) { p.Add("code", "b") }, "OAuthCallback"},
		"huge code":                 {func(_ *flow.Check, p url.Values) { p.Set("code", strings.Repeat("c", 5000)) }, "OAuthCallback"},
		"other issuer (RFC 9207)":   {func(_ *flow.Check, p url.Values) { p.Set("iss", "https://evil.example") }, "OAuthCallback"},
		"issuer with another slash": {func(_ *flow.Check, p url.Values) { p.Set("iss", issuer+"/") }, "OAuthCallback"},
		"empty issuer":              {func(_ *flow.Check, p url.Values) { p.Set("iss", "") }, "OAuthCallback"},
		"issuer twice":              {func(_ *flow.Check, p url.Values) { p["iss"] = []string{issuer, issuer} }, "OAuthCallback"},
		"access denied":             {func(_ *flow.Check, p url.Values) { p.Del("code"); p.Set("error", "access_denied") }, "Cancelled"},
		"error":                     {func(_ *flow.Check, p url.Values) { p.Del("code"); p.Set("error", "server_error") }, "Callback"},
		"error beside a code":       {func(_ *flow.Check, p url.Values) { p.Set("error", "server_error") }, "Callback"},
		"empty error beside a code": {func(_ *flow.Check, p url.Values) { p.Set("error", "") }, "Callback"},
		"error without state":       {func(_ *flow.Check, p url.Values) { p.Del("state"); p.Set("error", "access_denied") }, "OAuthCallback"},
		"error with a long description": {func(_ *flow.Check, p url.Values) {
			p.Set("error", "e\r\nx")
			p.Set("error_description", strings.Repeat("\n<b>", 5000))
		}, "Callback"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			f := i.flow(i.oidc())
			check, params := i.start(t, f)
			tt.change(check, params)
			result, err := f.Finish(context.Background(), check, redirectURI, params)
			wantCode(t, err, tt.code)
			if result != nil {
				t.Error("a result came with the error")
			}
			if n := len(i.seen("/token")); n != 0 {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

func TestFinish_LongestParameter(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	check, params := i.start(t, f)
	params.Set("code", strings.Repeat("c", 4096))
	if _, err := f.Finish(t.Context(), check, redirectURI, params); err != nil {
		t.Error(err)
	}
}

// What a flow without metadata can check needs no provider.
func TestCheckResponse_MakesNoRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(check *flow.Check, params url.Values)
		code   string
	}{
		"good":          {func(*flow.Check, url.Values) {}, ""},
		"other state":   {func(_ *flow.Check, p url.Values) { p.Set("state", "x") }, "OAuthCallback"},
		"other check":   {func(c *flow.Check, _ url.Values) { c.Provider = "other" }, "OAuthCallback"},
		"access denied": {func(_ *flow.Check, p url.Values) { p.Set("error", "access_denied") }, "Cancelled"},
		"error":         {func(_ *flow.Check, p url.Values) { p.Set("error", "server_error") }, "Callback"},
		"no code":       {func(_ *flow.Check, p url.Values) { p.Del("code") }, "OAuthCallback"},
	} {
		i := newIDP()
		check, params := i.start(t, i.flow(i.oidc()))
		tt.change(check, params)
		err := i.flow(i.oidc()).CheckResponse(check, redirectURI, params)
		if tt.code == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if tt.code != "" {
			wantCode(t, err, tt.code)
		}
		if n := len(i.seen("/.well-known/openid-configuration")); n != 1 || len(i.seen("/token")) != 0 {
			t.Errorf("%s: %d requests for metadata, %d for tokens", name, n, len(i.seen("/token")))
		}
	}
}

func TestFinish_WithoutCheck(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	_, params := i.start(t, f)
	_, err := f.Finish(context.Background(), nil, redirectURI, params)
	wantCode(t, err, "OAuthCallback")
}

func TestFinish_OtherRedirectURI(t *testing.T) {
	i := newIDP()
	f := i.flow(i.oidc())
	check, params := i.start(t, f)
	_, err := f.Finish(context.Background(), check, "https://evil.example/callback", params)
	wantCode(t, err, "OAuthCallback")
}

// GHSA-x445-f3h2-j279: the check of one provider satisfied the callback of another.
func TestFinish_CheckOfOtherProvider(t *testing.T) {
	i := newIDP()
	check, params := i.start(t, i.flow(i.oidc(func(p *provider.Provider) { p.ID = "one" })))
	_, err := i.flow(i.oidc(func(p *provider.Provider) { p.ID = "two" })).Finish(context.Background(), check, redirectURI, params)
	wantCode(t, err, "OAuthCallback")
}

// The provider with an ID got another issuer, or none, while the user was there.
func TestFinish_CheckOfOtherIssuer(t *testing.T) {
	i := newIDP()
	check, params := i.start(t, i.flow(i.oidc()))
	other := newIDP()
	other.issuer = "https://other.example"
	other.metadata["issuer"], other.claims["iss"], other.nonce = other.issuer, other.issuer, check.Nonce
	for name, f := range map[string]*flow.Flow{
		"another issuer": other.flow(other.oidc()),
		"OAuth 2":        i.flow(i.oauth2()),
	} {
		_, err := f.Finish(context.Background(), check, redirectURI, params)
		wantCode(t, err, "OAuthCallback")
		if n := len(other.seen("/token")) + len(i.seen("/token")); n != 0 {
			t.Errorf("%s: the code is in %d token requests", name, n)
		}
	}
}

func TestFinish_RequiresAnnouncedIss(t *testing.T) {
	i := newIDP()
	i.metadata["authorization_response_iss_parameter_supported"] = true
	f := i.flow(i.oidc())
	_, err := i.signIn(t, f)
	wantCode(t, err, "OAuthCallback")

	check, params := i.start(t, f)
	params.Set("iss", issuer)
	if _, err := f.Finish(context.Background(), check, redirectURI, params); err != nil {
		t.Errorf("with iss: %v", err)
	}
}

func TestFinish_OAuth2Iss(t *testing.T) {
	for name, tt := range map[string]struct {
		issuer, iss string
		code        string
	}{
		"twice":         {"", issuer + " " + issuer, "OAuthCallback"},
		"same":          {issuer, issuer, ""},
		"other":         {issuer, "https://evil.example", "OAuthCallback"},
		"absent":        {issuer, "", ""},
		"no issuer":     {"", "https://any.example", ""},
		"differs by /":  {issuer, issuer + "/", "OAuthCallback"},
		"differs by AA": {issuer, strings.ToUpper(issuer), "OAuthCallback"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			f := i.flow(i.oauth2(func(p *provider.Provider) { p.Issuer = tt.issuer }))
			check, params := i.start(t, f)
			if tt.iss != "" {
				params["iss"] = strings.Fields(tt.iss)
			}
			_, err := f.Finish(context.Background(), check, redirectURI, params)
			if tt.code != "" {
				wantCode(t, err, tt.code)
			} else if err != nil {
				t.Errorf("Finish: %v", err)
			}
		})
	}
}

func TestProfile_UserAndErrorCode(t *testing.T) {
	for name, tt := range map[string]struct {
		user *provider.User
		err  error
		code string
	}{
		"no user":     {nil, nil, "OAuthCallback"},
		"no id":       {&provider.User{Name: "x"}, nil, "OAuthCallback"},
		"error":       {nil, errors.New("boom"), "OAuthCallback"},
		"own code":    {nil, &provider.Error{Code: "NotInvited"}, "NotInvited"},
		"normalized":  {&provider.User{ID: "1", Email: "A@B.C", Image: "javascript:alert(1)"}, nil, ""},
		"user, error": {&provider.User{ID: "1"}, errors.New("boom"), "OAuthCallback"},
		"long error":  {nil, errors.New(strings.Repeat("boom\r\n", 1000)), "OAuthCallback"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			result, err := i.signIn(t, i.flow(i.oidc(func(p *provider.Provider) {
				p.Profile = func(context.Context, provider.ProfileRequest) (*provider.User, error) { return tt.user, tt.err }
			})))
			if tt.code != "" {
				wantCode(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&provider.User{ID: "1", Email: "a@b.c"}, result.User); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProfile_Request(t *testing.T) {
	i := newIDP()
	i.handlers["/more"] = func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, object{"auth": r.Header.Get("Authorization")})
	}
	i.handlers["/moved"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/more", http.StatusFound) }
	var got provider.ProfileRequest
	var more, missing, moved error
	f := i.flow(i.oidc(func(p *provider.Provider) {
		p.Profile = func(ctx context.Context, r provider.ProfileRequest) (*provider.User, error) {
			got = r
			body, err := r.Get(ctx, issuer+"/more")
			more = err
			if string(body) != `{"auth":"Bearer the access token"}` {
				t.Errorf("Get returned %s", body)
			}
			_, missing = r.Get(ctx, issuer+"/none?token=the-code")
			_, moved = r.Get(ctx, issuer+"/moved?token=the-code")
			return &provider.User{ID: "1"}, nil
		}
	}))
	check, params := i.start(t, f)
	params.Set("user", "u")
	params.Set("iss", issuer)
	if _, err := f.Finish(context.Background(), check, redirectURI, params); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(url.Values{"user": {"u"}}, got.Params); diff != "" {
		t.Errorf("params (-want +got):\n%s", diff)
	}
	if got.Account.AccessToken != "the access token" || params.Get("code") == "" {
		t.Errorf("account %+v, params %v", got.Account, params)
	}
	if got.UserinfoURL != issuer+"/userinfo" {
		t.Errorf("UserinfoURL %q is not that of the metadata", got.UserinfoURL)
	}
	if more != nil || missing == nil || moved == nil {
		t.Errorf("Get: %v, %v, %v", more, missing, moved)
	}
	if text := errors.Join(missing, moved).Error(); strings.Contains(text, "the-code") {
		t.Errorf("the error contains a token: %s", text)
	}
}

// The ID exceeds the precision of a float64.
func TestProfile_NumericIDKeepsDigits(t *testing.T) {
	i := newIDP()
	i.userinfo = jsontext.Value(`{"id":9007199254740993}`)
	result, err := i.signIn(t, i.flow(i.oauth2()))
	if err != nil {
		t.Fatal(err)
	}
	if result.User.ID != "9007199254740993" || result.Account.ProviderAccountID != "9007199254740993" {
		t.Errorf("id %q, account %q", result.User.ID, result.Account.ProviderAccountID)
	}
}

func TestCheck_JSON(t *testing.T) {
	want := flow.Check{Provider: "a", Issuer: "b", RedirectURI: "c", State: "d", Nonce: "e", Verifier: "f"}
	sealed, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got flow.Check
	if err := json.Unmarshal(sealed, &got); err != nil || got != want {
		t.Errorf("%s became %+v, %v", sealed, got, err)
	}
}
