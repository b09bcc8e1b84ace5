package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestLogout_VisitsProviderAndReturns(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		t.Run(protocol.String(), func(t *testing.T) {
			apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
				a := apptest.NewOpenIDApp(t, storage, apptest.Federated, func(c *apptest.OpenIDConfig) { c.Protocol = protocol })
				a.SignIn()
				to, err := url.Parse(a.SignOutTo("/bye"))
				if err != nil {
					t.Fatal(err)
				}
				q := to.Query()
				if !strings.HasPrefix(to.String(), a.IDP.Issuer()) || q.Get("client_id") != a.IDP.ClientID() || q.Get("state") == "" ||
					q.Get("post_logout_redirect_uri") != a.URL+"/api/auth/signout/idp" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
					t.Fatalf("the browser is sent to %s", to)
				}
				if a.Session() != nil {
					t.Error("the session here is still valid")
				}
				if sessions := a.IDP.Sessions(); sessions[0].Ended {
					t.Error("the session there ended before the browser arrived")
				}

				req := a.Request("GET", "/", "", "")
				req.URL = to
				back := a.Follow(req).Header.Get("Location")
				if sessions := a.IDP.Sessions(); !sessions[0].Ended || !strings.HasPrefix(back, a.URL+"/api/auth/signout/idp?") {
					t.Fatalf("the provider sends the browser to %s", back)
				}
				res := a.Get(strings.TrimPrefix(back, a.URL))
				if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || got != a.URL+"/bye" {
					t.Errorf("after the return: %d %s", res.StatusCode, got)
				}
			})
		})
	}
}

func TestLogout_FormVisitsProvider(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.Federated)
	a.SignIn()
	res := a.Post("/api/auth/signout", url.Values{"csrfToken": {a.CSRF()}})
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusFound || !strings.HasPrefix(to, a.IDP.Issuer()) {
		t.Errorf("%d %s", res.StatusCode, to)
	}
}

func TestLogout_WrongStateLeadsToRootURL(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.NewOpenIDApp(t, apptest.Federated, func(c *apptest.OpenIDConfig) { c.Protocol = protocol })
		check := ""
		a.Start("idp")
		for _, c := range a.Cookies() {
			if strings.Contains(c.Name, ".state.") {
				check = c.Value
			}
		}
		if check == "" {
			t.Fatal("no check cookie")
		}
		for _, state := range []string{"", "?state=", "?state=x", "?state=https://evil.example", "?state=" + check} {
			res := a.Get("/api/auth/signout/idp" + state)
			if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || got != a.URL {
				t.Errorf("%v, %q: %d %s", protocol, state, res.StatusCode, got)
			}
		}
	}
}

func TestLogout_ProviderDown(t *testing.T) {
	first := apptest.NewOpenIDApp(t)
	first.SignIn()
	a := apptest.NewReplica(t, first.IDP, first.Clock, apptest.Federated) // with no cached metadata of the provider
	a.SetCookie(apptest.SessionCookie, first.Cookie(apptest.SessionCookie))
	if a.Session() == nil {
		t.Fatal("not signed in")
	}
	a.IDP.SetFaults(hostile.DiscoveryServerError)
	if to := a.SignOutTo("/bye"); to != a.URL+"/bye" || a.Session() != nil {
		t.Errorf("the browser is sent to %s", to)
	}
	const line = "signed out here, but not at the provider"
	if log := a.Log.String(); !strings.Contains(log, line) {
		t.Errorf("the log has %s", log)
	}
	a.IDP.SetFaults()
	a.Clock.Advance(time.Hour)
	before := len(a.Log.String())
	a.SignIn()
	if to := a.SignOutTo("/bye"); !strings.HasPrefix(to, a.IDP.Issuer()) || strings.Contains(a.Log.String()[before:], line) {
		t.Errorf("afterwards the browser is sent to %s, and the log has %s", to, a.Log)
	}
}

func TestLogout_OnlyHereByDefault(t *testing.T) {
	a := apptest.NewOpenIDApp(t)
	a.SignIn()
	if to := a.SignOutTo("/bye"); to != a.URL+"/bye" {
		t.Errorf("the browser is sent to %s", to)
	}
}
