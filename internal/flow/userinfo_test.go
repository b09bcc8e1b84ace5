package flow_test

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/provider"
)

func TestUserinfo_MergedWithClaims(t *testing.T) {
	i := newIDP()
	i.claims["name"] = "From the ID token"
	i.claims["department"] = "Engines"
	i.claims["email"], i.claims["email_verified"] = "signed@example.com", true
	i.userinfo = jsontext.Value(`{"sub":"user-1","name":"From userinfo","email":"other@example.com","iss":"https://evil.example","big":9007199254740993}`)
	result, err := i.signIn(t, i.flow(i.oidc()))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]jsontext.Value
	if err := json.Unmarshal(jsontext.Value(result.Profile), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"sub": `"user-1"`, "iss": `"` + issuer + `"`, "name": `"From userinfo"`, "department": `"Engines"`,
		"email": `"other@example.com"`, "big": `9007199254740993`,
	} {
		if got := string(got[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if v, ok := got["email_verified"]; ok {
		t.Errorf("email_verified is %s, which is of another address", v)
	}
}

// Userinfo without an address leaves that of the ID token, and whether it is verified.
func TestUserinfo_WithoutEmail(t *testing.T) {
	i := newIDP()
	i.claims["email"], i.claims["email_verified"] = "signed@example.com", true
	i.userinfo = object{"sub": "user-1"}
	result, err := i.signIn(t, i.flow(i.oidc()))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if err := result.Profile.Decode(&got); err != nil || got.Email != "signed@example.com" || !got.Verified {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestUserinfo_SkippedOrAbsent(t *testing.T) {
	i := newIDP()
	if _, err := i.signIn(t, i.flow(i.oidc(fromIDToken))); err != nil {
		t.Errorf("skipped: %v", err)
	}
	delete(i.metadata, "userinfo_endpoint")
	if _, err := i.signIn(t, i.flow(i.oidc())); err != nil {
		t.Errorf("absent: %v", err)
	}
	if n := len(i.seen("/userinfo")); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestUserinfo_Rejected(t *testing.T) {
	for name, tt := range map[string]struct {
		handler   http.HandlerFunc
		oidc, oau bool // rejected by OpenID Connect, by OAuth 2
	}{
		"other sub":       {serve(`{"sub":"user-2"}`), true, false},
		"no sub":          {serve(`{"id":"user-1"}`), true, false},
		"sub is a number": {serve(`{"sub":1}`), true, false},
		"no id":           {serve(`{"name":"x"}`), true, true},
		"sub twice":       {serve(`{"sub":"user-2","sub":"user-1"}`), true, true},
		"id is an object": {serve(`{"sub":{}}`), true, true},
		"null":            {serve(`null`), true, true},
		"array":           {serve(`[{"sub":"user-1"}]`), true, true},
		"string":          {serve(`"user-1"`), true, true},
		"HTML":            {serve(`<html>`), true, true},
		"truncated":       {serve(`{"sub":"user-1"`), true, true},
		"two values":      {serve(`{"sub":"user-1"}{"sub":"user-2"}`), true, true},
		"empty":           {serve(``), true, true},
		"not UTF-8":       {serve("{\"sub\":\"user-1\",\"name\":\"\xff\"}"), true, true},
		"no content":      {status(204, ""), true, true},
		"created":         {status(201, `{"sub":"user-1"}`), true, true},
		"unauthorized":    {status(401, `{"sub":"user-1"}`), true, true},
		"error":           {status(500, `{"sub":"user-1"}`), true, true},
		"redirect":        {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.handlers["/userinfo"] = tt.handler
			for _, c := range []struct {
				p        provider.Provider
				rejected bool
			}{{i.oidc(), tt.oidc}, {i.oauth2(), tt.oau}} {
				_, err := i.signIn(t, i.flow(c.p))
				if c.rejected {
					wantCode(t, err, "OAuthCallback")
				} else if err != nil {
					t.Errorf("%s: %v", c.p.Type, err)
				}
			}
			if n := len(i.seen("/other")); n != 0 {
				t.Error("the access token followed a redirect")
			}
		})
	}
}

// The error tells a response that is no JSON from a signed one that is not accepted.
func TestUserinfo_ErrorSaysWhy(t *testing.T) {
	const noObject = "userinfo: the response is not a JSON object"
	claims := `{"iss":"` + issuer + `","aud":"` + clientID + `","sub":"user-1"}`
	oidc, oauth := (*idp).oidc, (*idp).oauth2
	for name, tt := range map[string]struct {
		config func(*idp, ...func(*provider.Provider)) provider.Provider
		change func(signer *idp)
		body   string // "" for a signed token
		want   string
	}{
		"HTML":                 {oidc, nil, "<html>", noObject},
		"a number":             {oidc, nil, "1", noObject},
		"two parts":            {oidc, nil, "a.b", noObject},
		"three parts":          {oidc, nil, "a.b.c", "userinfo: the signed response: the header: illegal base64"},
		"OAuth 2 has no keys":  {oauth, nil, "", noObject},
		"another key":          {oidc, func(i *idp) { i.key = otherECKey() }, "", "userinfo: the signed response: the signature is of none"},
		"logout token by type": {oidc, func(i *idp) { i.header["typ"] = "logout+jwt" }, "", "userinfo: the signed response: it is a logout token"},
	} {
		t.Run(name, func(t *testing.T) {
			signer := newIDP()
			if tt.change != nil {
				tt.change(signer)
			}
			i := newIDP()
			i.handlers["/userinfo"] = serve(cmp.Or(tt.body, signer.sign(claims)))
			_, err := i.signIn(t, i.flow(tt.config(i)))
			wantCode(t, err, "OAuthCallback")
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// The error goes to the log.
func TestUserinfo_ErrorHasNoAccessToken(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"unauthorized": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", r.Header.Get("Authorization"))
			http.Error(w, r.Header.Get("Authorization"), http.StatusUnauthorized)
		},
		"an echo": func(w http.ResponseWriter, r *http.Request) { writeJSON(w, r.Header.Get("Authorization")) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/?"+r.Header.Get("Authorization"), http.StatusFound)
		},
		"an error in JSON": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, object{"error": r.Header.Get("Authorization"), "error_description": r.Header.Get("Authorization")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.answer["access_token"] = "access-token"
			i.handlers["/userinfo"] = handler
			for _, p := range []provider.Provider{i.oidc(), i.oauth2()} {
				_, err := i.signIn(t, i.flow(p))
				wantCode(t, err, "OAuthCallback")
				if strings.Contains(err.Error(), "access-token") {
					t.Errorf("%s: the error has the access token: %v", p.Type, err)
				}
			}
			if n := len(i.seen("/userinfo")); n != 2 {
				t.Fatalf("%d userinfo requests", n)
			}
		})
	}
}

// A Profile function may read a single member, so that it gets valid JSON alone.
func TestProfile_GetsValidJSON(t *testing.T) {
	for _, body := range []string{`{"sub":"user-1"`, `{"sub":"a","sub":"b"}`, `[]`, `null`, ``} {
		i := newIDP()
		i.handlers["/userinfo"] = serve(body)
		_, err := i.signIn(t, i.flow(i.oauth2(func(p *provider.Provider) {
			p.Profile = func(_ context.Context, r provider.ProfileRequest) (*provider.User, error) {
				t.Errorf("the Profile function got %q", r.Profile)
				return &provider.User{ID: "1"}, nil
			}
		})))
		wantCode(t, err, "OAuthCallback")
	}
}
