package flow_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestEndSessionURL_Parameters(t *testing.T) {
	all := flow.EndSession{IDToken: "a.b.c", RedirectURI: "https://app.example/signed-out?x=1&y", State: "s&1"}
	at := func(endpoint string) func(*provider.Provider) {
		return func(p *provider.Provider) { p.EndSessionURL = endpoint }
	}
	i := newIDP()
	for name, tt := range map[string]struct {
		provider provider.Provider
		endpoint any // discovered
		e        flow.EndSession
		to       string
		query    url.Values
	}{
		"everything": {i.oidc(), issuer + "/logout", all, issuer + "/logout", url.Values{
			"client_id": {clientID}, "id_token_hint": {"a.b.c"}, "post_logout_redirect_uri": {all.RedirectURI}, "state": {"s&1"},
		}},
		"nothing": {i.oidc(), issuer + "/logout", flow.EndSession{}, issuer + "/logout", url.Values{"client_id": {clientID}}},
		"a query of its own": {i.oidc(), issuer + "/logout?p=B2C_1&client_id=other&state=x", flow.EndSession{State: "s"}, issuer + "/logout", url.Values{
			"p": {"B2C_1"}, "client_id": {clientID}, "state": {"s"},
		}},
		"configured":          {i.oidc(at("https://other.example/logout")), issuer + "/logout", flow.EndSession{}, "https://other.example/logout", url.Values{"client_id": {clientID}}},
		"configured, alone":   {i.oidc(at("https://other.example/logout")), nil, flow.EndSession{}, "https://other.example/logout", url.Values{"client_id": {clientID}}},
		"configured loopback": {i.oidc(at("http://127.0.0.1:8080/logout")), nil, flow.EndSession{}, "http://127.0.0.1:8080/logout", url.Values{"client_id": {clientID}}},
		"OAuth 2, configured": {i.oauth2(at("https://id.example/v2/logout?returnTo=https%3A%2F%2Fapp.example")), nil, flow.EndSession{}, "https://id.example/v2/logout", url.Values{"client_id": {clientID}, "returnTo": {"https://app.example"}}},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			if tt.endpoint != nil {
				i.metadata["end_session_endpoint"] = tt.endpoint
			}
			got, err := i.flow(tt.provider).EndSessionURL(context.Background(), tt.e)
			if err != nil {
				t.Fatal(err)
			}
			to, query, _ := strings.Cut(got, "?")
			if to != tt.to {
				t.Errorf("URL %q, want %q", to, tt.to)
			}
			if diff := cmp.Diff(tt.query, must(url.ParseQuery(query))); diff != "" {
				t.Errorf("query (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEndSessionURL_NoEndpoint(t *testing.T) {
	i := newIDP()
	for _, p := range []provider.Provider{i.oidc(), i.oauth2()} {
		if got, err := i.flow(p).EndSessionURL(context.Background(), flow.EndSession{}); got != "" || err != nil {
			t.Errorf("%s: %q, %v", p.Type, got, err)
		}
	}
}

func TestEndSessionURL_InvalidEndpoint(t *testing.T) {
	for _, endpoint := range []string{"http://idp.example/logout", "http://127.0.0.1:8080/logout", "https://localhost/logout", "https://10.0.0.1/logout", "javascript:alert(1)", "//idp.example", "/logout", "https://u:p@idp.example/", "https://idp.example/#x", "https://%"} {
		i := newIDP()
		i.metadata["end_session_endpoint"] = endpoint
		f := i.flow(i.oidc())
		got, err := f.EndSessionURL(context.Background(), flow.EndSession{IDToken: "the access token"})
		if got != "" || err == nil {
			t.Errorf("%s: %q, %v", endpoint, got, err)
			continue
		}
		wantLoggable(t, err)

		// Sign-ins do not need the endpoint.
		if _, err := i.signIn(t, f); err != nil {
			t.Errorf("%s: sign-in: %v", endpoint, err)
		}
	}
}

func TestEndSessionURL_ConfiguredNeedsNoDiscovery(t *testing.T) {
	i := newIDP()
	i.handlers[metadataPath] = status(503, "")
	if _, err := i.flow(i.oidc()).EndSessionURL(context.Background(), flow.EndSession{}); err == nil {
		t.Error("a URL without metadata")
	} else {
		wantLoggable(t, err)
	}
	configured := i.oidc(func(p *provider.Provider) { p.EndSessionURL = issuer + "/logout" })
	if _, err := i.flow(configured).EndSessionURL(context.Background(), flow.EndSession{}); err != nil {
		t.Error(err)
	}
}

func TestEndSessionURL_EndsProviderSession(t *testing.T) {
	idp := authtest.IDPConfig{SigningAlgorithm: "ES256"}.Start(t)
	f := flow.New(idp.AsProvider("idp"), flow.Config{})
	address, check, err := f.Start(t.Context(), redirectURI, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := f.Finish(t.Context(), check, redirectURI, idp.SignIn(t, address, "alice").URL.Query())
	if err != nil {
		t.Fatal(err)
	}
	to, err := f.EndSessionURL(t.Context(), flow.EndSession{IDToken: result.Account.IDToken, RedirectURI: "https://app.example/signed-out", State: "s 1"})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Location"); got != "https://app.example/signed-out?state=s+1" {
		t.Errorf("status %d, Location %q", res.StatusCode, got)
	}
	if s := idp.Sessions(); len(s) != 1 || s[0].ID != result.Session || !s[0].Ended {
		t.Errorf("sessions %+v, that of the sign-in is %q", s, result.Session)
	}
}
