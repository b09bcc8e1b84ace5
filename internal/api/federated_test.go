package api_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

// Of two providers, one ends its session too when a user signs out.
func TestFederated_IsPerProvider(t *testing.T) {
	one, two := apptest.StartIDP(t), apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(one, two), func(c *apptest.Config) { c.Providers[1].FederatedLogout = true })
	for id, idp := range map[string]*authtest.IDP{"idp": one, "idp2": two} {
		a.Follow(idp.SignIn(t, a.Start(id), "alice"))
		if a.Session() == nil {
			t.Fatalf("%s: not signed in", id)
		}
		to := a.SignOutTo("/bye")
		if visits := strings.HasPrefix(to, idp.Issuer()); visits != (id == "idp") || !visits && to != a.URL+"/bye" {
			t.Errorf("%s: the sign-out leads to %s", id, to)
		}
		// The token type has no ProviderTokens, and so no ID token.
		if strings.Contains(to, "id_token_hint") {
			t.Errorf("%s: the sign-out has an ID token: %s", id, to)
		}
		if a.Session() != nil {
			t.Errorf("%s: signed in", id)
		}
	}
	a.SignIn() // with credentials
	if to := a.SignOutTo("/bye"); to != a.URL+"/bye" {
		t.Errorf("credentials: the sign-out leads to %s", to)
	}
}

// returnFrom is the path and query with which the provider sends the browser back.
func returnFrom(t *testing.T, a *apptest.OpenIDApp, endSession string) string {
	t.Helper()
	to, err := url.Parse(endSession)
	if err != nil {
		t.Fatal(err)
	}
	req := a.Request("GET", "/", "", "")
	req.URL = to
	return strings.TrimPrefix(a.Follow(req).Header.Get("Location"), a.URL)
}

func TestFederated_StateExpires(t *testing.T) {
	for name, tt := range map[string]struct {
		after time.Duration
		want  string
	}{
		"in time":  {59 * time.Minute, "/bye"},
		"too late": {61 * time.Minute, ""},
	} {
		a := apptest.NewOpenIDApp(t, apptest.Federated)
		a.SignIn()
		back := returnFrom(t, a, a.SignOutTo("/bye"))
		a.Clock.Advance(tt.after)
		if got := a.Get(back).Header.Get("Location"); got != a.URL+tt.want {
			t.Errorf("%s: the browser is sent to %s", name, got)
		}
	}
}

// A state that is right but for what follows it is none.
func TestFederated_StateIsWhole(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.Federated)
	codec, err := token.NewNextAuth("next-auth.state", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for end, want := range map[string]string{"": "/bye", "{}": ""} {
		claims := fmt.Sprintf(`{"site":%q,"logoutProvider":"idp","callbackUrl":"/bye","exp":%d}`, a.URL, a.Clock.Now().Add(time.Minute).Unix())
		state, err := codec.Seal(t.Context(), []byte(claims+end))
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Get("/api/auth/signout/idp?state=" + state).Header.Get("Location"); got != a.URL+want {
			t.Errorf("%q: the browser is sent to %s", end, got)
		}
	}
}

func TestFederated_StateIsForOneProvider(t *testing.T) {
	one, two := apptest.StartIDP(t), apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(one, two), func(c *apptest.Config) {
		c.Providers[1].FederatedLogout, c.Providers[2].FederatedLogout = true, true
	})
	a.Follow(one.SignIn(t, a.Start("idp"), "alice"))
	to, err := url.Parse(a.SignOutTo("/bye"))
	if err != nil {
		t.Fatal(err)
	}
	res := a.Get("/api/auth/signout/idp2?state=" + url.QueryEscape(to.Query().Get("state")))
	if got := res.Header.Get("Location"); got != a.URL {
		t.Errorf("the state of another provider leads to %s", got)
	}
}

// Another application of the same provider has the same secret.
func TestFederated_StateIsForOneSite(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.Federated)
	other := apptest.NewReplica(t, a.IDP, a.Clock, apptest.Federated, func(c *apptest.OpenIDConfig) {
		c.TrustedOrigins = []string{a.URL} // which is allowed as a callback URL
	})
	a.SignIn()
	back := returnFrom(t, a, a.SignOutTo("/bye"))
	if got := other.Get(back).Header.Get("Location"); got != other.URL {
		t.Errorf("the state of another application leads to %s", got)
	}
	if got := a.Get(back).Header.Get("Location"); got != a.URL+"/bye" {
		t.Errorf("the browser is sent to %s", got)
	}
}

// The Redirect callback may have changed while the browser was at its provider.
func TestFederated_URLIsResolvedOnReturn(t *testing.T) {
	const partner = "https://partner.example/bye"
	allowed := true
	a := apptest.NewOpenIDApp(t, apptest.Federated, func(c *apptest.OpenIDConfig) {
		c.Callbacks.Redirect = func(_ context.Context, p nuxtauth.RedirectParams) (string, error) {
			if p.URL == partner && !allowed {
				return p.BaseURL, nil
			}
			return p.URL, nil
		}
	})
	a.SignIn()
	back := returnFrom(t, a, a.SignOutTo(partner))
	if got := a.Get(back).Header.Get("Location"); got != partner {
		t.Errorf("the browser is sent to %s", got)
	}
	allowed = false
	if got := a.Get(back).Header.Get("Location"); got != a.URL {
		t.Errorf("the browser is sent to %s, which is not allowed any more", got)
	}
}

// The state goes into a URL, which is not to become too long.
func TestFederated_LongCallbackURLIsLeftOut(t *testing.T) {
	for length, kept := range map[int]bool{1024: true, 1025: false} {
		a := apptest.NewOpenIDApp(t, apptest.Federated)
		a.SignIn()
		long := "/" + strings.Repeat("x", length-len(a.URL)-1)
		to := a.SignOutTo(long)
		if !strings.HasPrefix(to, a.IDP.Issuer()) {
			t.Fatalf("the sign-out leads to %s", to)
		}
		if !kept {
			long = ""
		}
		if got := a.Get(returnFrom(t, a, to)).Header.Get("Location"); got != a.URL+long {
			t.Errorf("%d bytes: after the return the browser is sent to %s", length, got)
		}
	}
}

func TestFederated_HintIsRefreshedIDToken(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		var first string
		a := apptest.NewOpenIDApp(t, storage, apptest.Federated, func(c *apptest.OpenIDConfig) {
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.OpenIDToken]) (*apptest.OpenIDToken, error) {
				if p.Account != nil {
					first = p.Account.IDToken
				}
				return p.Token, nil
			}
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		if a.AccessToken() == "" || a.Refreshes() != 1 {
			t.Fatalf("%d token requests", a.Refreshes())
		}
		to, err := url.Parse(a.SignOutTo("/bye"))
		if err != nil {
			t.Fatal(err)
		}
		if hint := to.Query().Get("id_token_hint"); hint == first || strings.Count(hint, ".") != 2 {
			t.Errorf("the hint is the ID token of the sign-in: %v; %.20q", hint == first, hint)
		}
	})
}
