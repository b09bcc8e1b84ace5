package flow_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// anyUser is a Profile function that accepts each profile, so that an error is not its own.
func anyUser(p *provider.Provider) {
	p.Profile = func(context.Context, provider.ProfileRequest) (*provider.User, error) {
		return &provider.User{ID: "1"}, nil
	}
}

// The error of a sign-in says what was wrong, for the log of the application.
func TestSignIn_ErrorSaysWhy(t *testing.T) {
	raw := func(token string) func(*idp) { return func(i *idp) { i.answer["id_token"] = token } }
	for want, tt := range map[string]struct {
		change func(*idp)
		params func(url.Values)
	}{
		"the token endpoint returned no ID token":      {func(i *idp) { i.answer["id_token"] = nil }, nil},
		"ID token: the issuer is":                      {func(i *idp) { i.claims["iss"] = "https://evil.example" }, nil},
		"ID token: the nonce does not match":           {func(i *idp) { i.claims["nonce"] = "x" }, nil},
		"ID token: 3 bytes are not a compact JWS":      {raw("a.b"), nil},
		"token endpoint: the id_token has 65537 bytes": {raw("A.A." + strings.Repeat("A", 64<<10-3)), nil},
		"ID token: the header has":                     {raw(strings.Repeat("A", 17<<10) + ".A.A"), nil},
		"ID token: the header: illegal base64":         {raw("!.A.A"), nil},
		"ID token: the header: jsontext":               {raw("AAAA.A.A"), nil},
		`ID token: the algorithm "HS256"`:              {func(i *idp) { i.method, i.key = jwt.SigningMethodHS256, []byte(secret) }, nil},
		"ID token: the header has a critical":          {func(i *idp) { i.header["crit"] = []string{"b64"} }, nil},
		"ID token: the payload: illegal base64":        {func(i *idp) { i.answer["id_token"] = strings.Replace(i.idToken(), ".", ".!", 1) }, nil},
		"ID token: the payload: jsontext":              {func(i *idp) { i.answer["id_token"] = i.sign("{") }, nil},
		"the signature is of none of the provider's":   {func(i *idp) { i.key = otherECKey() }, nil},
		"the response is of issuer":                    {nil, func(p url.Values) { p.Set("iss", "https://evil.example") }},
		"the response has 0 values of the parameter s": {nil, func(p url.Values) { p.Del("state") }},
		"the parameter state has 4097 bytes":           {nil, func(p url.Values) { p.Set("state", strings.Repeat("s", 4097)) }},
		"userinfo: the sub is not that of the ID":      {func(i *idp) { i.userinfo = object{"sub": "user-2"} }, nil},
		"/userinfo: status 302":                        {func(i *idp) { i.handlers[userinfoPath] = http.RedirectHandler("/", http.StatusFound).ServeHTTP }, nil},
		"the response is larger than 1048576 bytes":    {func(i *idp) { i.handlers[tokenPath] = serve(strings.Repeat(" ", 1<<20+1)) }, nil},
		"/jwks: status 503":                            {func(i *idp) { i.handlers[keysPath] = status(503, "") }, nil},
		"status 300, error":                            {func(i *idp) { i.handlers[tokenPath] = status(300, `{"access_token":"x","token_type":"Bearer"}`) }, nil},
	} {
		t.Run(want, func(t *testing.T) {
			i := newIDP()
			f := i.flow(i.oidc(anyUser))
			check, params := i.start(t, f)
			if tt.change != nil {
				tt.change(i)
			}
			if tt.params != nil {
				tt.params(params)
			}
			_, err := f.Finish(t.Context(), check, redirectURI, params)
			wantCode(t, err, "OAuthCallback")
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		})
	}
}

func TestStart_ErrorSaysWhy(t *testing.T) {
	at := func(u string) func(*provider.Provider) { return func(p *provider.Provider) { p.TokenURL = u } }
	for want, tt := range map[string]struct {
		provider func(*provider.Provider)
		metadata object
	}{
		"jwks_uri: there is none in the provider's metadata":  {nil, object{"jwks_uri": ""}},
		`token endpoint: "https://%" is not a URL`:            {at("https://%"), nil},
		`token endpoint: "https:///x" is not the URL of an`:   {at("https:///x"), nil},
		`token endpoint: "http://idp.example/x" is not https`: {at("http://idp.example/x"), nil},
	} {
		i := newIDP()
		maps.Copy(i.metadata, tt.metadata)
		p := i.oidc()
		if tt.provider != nil {
			tt.provider(&p)
		}
		_, _, err := i.flow(p).Start(t.Context(), redirectURI, nil)
		wantCode(t, err, "OAuthSignin")
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestRefresh_ErrorSaysWhy(t *testing.T) {
	i := newIDP()
	i.handlers[keysPath] = status(503, "")
	f := i.flow(i.oidc())
	for range 2 { // the second one is that of the first request
		_, err := refresh(f)
		if err == nil || !strings.Contains(err.Error(), "the provider's keys are not available") || !strings.Contains(err.Error(), "status 503") {
			t.Errorf("error %v", err)
		}
	}
	if n := len(i.seen(tokenPath)); n != 0 {
		t.Errorf("the refresh token was sent %d times", n)
	}
}

func TestProfile_ErrorOfGetSaysWhy(t *testing.T) {
	i := newIDP()
	_, err := i.signIn(t, i.flow(i.oauth2(func(p *provider.Provider) {
		p.Profile = func(ctx context.Context, r provider.ProfileRequest) (*provider.User, error) {
			_, err := r.Get(ctx, "http://idp.example/x")
			return nil, err
		}
	})))
	wantCode(t, err, "OAuthCallback")
	if !strings.Contains(err.Error(), `"http://idp.example/x" is not https`) {
		t.Errorf("error %v", err)
	}
}

// The iss of a provider with many tenants can be compared with the ID token alone.
func TestEntra_ErrorSaysWhy(t *testing.T) {
	i := newIDP()
	i.metadata["issuer"] = issuer + "/{tenantid}/v2.0"
	i.handlers["/common/v2.0"+metadataPath] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, i.metadata) }
	i.claims["iss"], i.claims["tid"] = issuer+"/one/v2.0", "one"
	f := i.flow(i.oidc(anyUser, func(p *provider.Provider) { p.Issuer, p.MultiTenant = issuer+"/common/v2.0", true }))
	check, params := i.start(t, f)
	params.Set("iss", issuer+"/other/v2.0")
	_, err := f.Finish(t.Context(), check, redirectURI, params)
	wantCode(t, err, "OAuthCallback")
	if want := `the response is of issuer "` + issuer + `/other/v2.0", the ID token of`; !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestLogoutToken_ErrorSaysWhy(t *testing.T) {
	i := newIDP()
	p := i.oauth2()
	p.Issuer = issuer
	_, err := i.flow(p).VerifyLogoutToken(t.Context(), i.logoutToken(nil))
	if err == nil || !strings.Contains(err.Error(), "is not an OpenID provider") {
		t.Errorf("error %v", err)
	}
}

// An error names the address of a request, without the query that may be secret.
func TestRequest_ErrorNamesURL(t *testing.T) {
	fault := errors.New("no route to the host")
	i := newIDP()
	p := i.oauth2()
	p.TokenURL += "?key=secret"
	f := flow.New(p, flow.Config{Now: clock, HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, fault })}})
	check, params := i.start(t, f)
	_, err := f.Finish(t.Context(), check, redirectURI, params)
	wantCode(t, err, "OAuthCallback")
	if !errors.Is(err, fault) || !strings.Contains(err.Error(), issuer+"/token: no route") {
		t.Errorf("error %v", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Values of others are shortened in errors.
func TestError_ShortensValues(t *testing.T) {
	for n, want := range map[int]string{
		200: `"` + strings.Repeat("t", 200) + `", not Bearer`,
		201: `"` + strings.Repeat("t", 200) + `"…, not Bearer`,
	} {
		i := newIDP()
		i.answer["token_type"] = strings.Repeat("t", n)
		_, err := i.signIn(t, i.flow(i.oidc()))
		wantCode(t, err, "OAuthCallback")
		if !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d bytes: error %v", n, err)
		}
	}
}

// The parts of a response that were read before a fault in it are not used.
func TestResponse_BrokenAtItsEnd(t *testing.T) {
	i := newIDP()
	p := i.oidc(fromIDToken, anyUser)
	good := jsontext.Value(`{"issuer":"` + issuer + `","authorization_endpoint":"` + issuer + `/authorize","token_endpoint":"` + issuer + `/token","jwks_uri":"` + issuer + `/jwks"}`)
	i.handlers[metadataPath] = serve(string(good))
	if _, _, err := i.flow(p).Start(t.Context(), redirectURI, nil); err != nil {
		t.Fatal(err)
	}
	i.handlers[metadataPath] = serve(string(good[:len(good)-1]))
	_, _, err := i.flow(p).Start(t.Context(), redirectURI, nil)
	wantCode(t, err, "OAuthSignin")

	i = newIDP()
	i.onNetwork(t)
	i.handlers[userinfoPath] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(`{"sub":"user-1"}`))
	}
	_, err = i.signIn(t, flow.New(i.oidc(anyUser), flow.Config{Now: clock}))
	wantCode(t, err, "OAuthCallback")
	if !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("error %v", err)
	}
}
