package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestSignIn_WithoutFlowLeadsToPage(t *testing.T) {
	for _, tt := range []struct {
		protocol nuxtauth.Protocol
		path     string
		verified bool
		want     string
	}{
		{nuxtauth.NextAuth, "", true, "/api/auth/signin?csrf=true"},
		{nuxtauth.NextAuth, "/undefined", true, "/api/auth/signin?csrf=true"},
		{nuxtauth.NextAuth, "/credentials", true, "/api/auth/signin"},
		{nuxtauth.NextAuth, "/unknown", true, "/api/auth/signin?csrf=true"},
		{nuxtauth.NextAuth, "/credentials", false, "/api/auth/signin?csrf=true"},
		{nuxtauth.NextAuth, "/idp", false, "/api/auth/signin?csrf=true"},
		{nuxtauth.AuthJS, "", true, "/api/auth/signin"},
		{nuxtauth.AuthJS, "/undefined", true, "/api/auth/signin"},
		{nuxtauth.AuthJS, "/credentials", true, "/api/auth/signin"},
		{nuxtauth.AuthJS, "/unknown", true, "/api/auth/error?error=Configuration"},
		{nuxtauth.AuthJS, "/credentials", false, "/api/auth/signin?error=MissingCSRF"},
		{nuxtauth.AuthJS, "/idp", false, "/api/auth/signin?error=MissingCSRF"},
	} {
		a := apptest.New(t, apptest.WithProviders(apptest.StartIDP(t)), func(c *apptest.Config) { c.Protocol = tt.protocol })
		form := url.Values{"csrfToken": {a.CSRF()}}
		if !tt.verified {
			form.Set("csrfToken", "x")
		}
		res := a.Post("/api/auth/signin"+tt.path, form)
		if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || got != a.URL+tt.want {
			t.Errorf("%v, POST signin%s, with the CSRF token: %v: %d %s, want %s", tt.protocol, tt.path, tt.verified, res.StatusCode, got, tt.want)
		}
	}
}

// "undefined" in the path is what a client without a provider makes of its ID.
func TestSignIn_UndefinedProviderIsNoError(t *testing.T) {
	for _, protocol := range protocols {
		a := apptest.New(t, func(c *apptest.Config) { c.Protocol, c.Pages.SignIn = protocol, "/login" })
		to := a.Get("/api/auth/signin/undefined").Header.Get("Location")
		if want := "/login?callbackUrl=" + url.QueryEscape(a.URL); to != want {
			t.Errorf("%v: the sign-in page is %s, want %s", protocol, to, want)
		}
	}
}

// A browser has five check cookies at most.
func TestOAuth_OldestCheckCookieGoes(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	a.SetCookie("next-auth.state.planted", "garbage")
	var starts []string
	for range 6 {
		a.Clock.Advance(time.Second)
		starts = append(starts, a.Start("idp"))
		if a.Cookie("next-auth.state.planted") != "" {
			t.Fatal("a planted check cookie is left")
		}
	}
	if n := len(a.CheckCookies()); n != 5 {
		t.Errorf("the browser has %d check cookies", n)
	}
	for i, to := range starts {
		res := a.Follow(idp.SignIn(t, to, "alice"))
		if failed := strings.Contains(res.Header.Get("Location"), "error="); failed != (i == 0) {
			t.Errorf("sign-in %d of %d leads to %s", i+1, len(starts), res.Header.Get("Location"))
		}
	}
}
