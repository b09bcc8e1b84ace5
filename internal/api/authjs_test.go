package api_test

import (
	"net/http"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// Only a return from a provider has a path below signout.
func TestAuthJS_PathsOfSignOut(t *testing.T) {
	for _, federated := range []bool{false, true} {
		a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"], func(c *apptest.OpenIDConfig) {
			c.Protocol = nuxtauth.AuthJS
			c.Providers[0].FederatedLogout = federated
			c.Providers = append(c.Providers, provider.Credentials(apptest.Authorize))
		})
		back := http.StatusBadRequest
		if federated {
			back = http.StatusFound
		}
		for _, tt := range []struct {
			method, path string
			want         int
		}{
			{"GET", "/signout", http.StatusOK},
			{"GET", "/signout/idp", back},
			{"GET", "/signout/idp/more", http.StatusBadRequest},
			{"GET", "/signout/credentials", http.StatusBadRequest},
			{"GET", "/signout/unknown", http.StatusBadRequest},
			{"POST", "/signout", http.StatusFound},
			{"POST", "/signout/idp", http.StatusBadRequest},
			{"POST", "/signout/credentials", http.StatusBadRequest},
		} {
			form := ""
			if tt.method == http.MethodPost {
				form = "csrfToken=" + a.CSRF()
			}
			if res := a.Do(a.Request(tt.method, "/api/auth"+tt.path, apptest.FormType, form)); res.StatusCode != tt.want {
				t.Errorf("federated %t: %s %s answers %d, want %d", federated, tt.method, tt.path, res.StatusCode, tt.want)
			}
		}
	}
}

// A request that is refused sets none of the cookies that it would have got.
func TestAuthJS_RefusalSetsNoCookies(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) { c.Protocol = nuxtauth.AuthJS })
	for path, want := range map[string]int{
		"/session": http.StatusBadRequest, "/signout": http.StatusFound, "/callback/credentials": http.StatusFound, "/signin/unknown": http.StatusFound,
	} {
		res := a.Another().Do(a.Request("POST", "/api/auth"+path, apptest.FormType, "callbackUrl=/a"))
		if got := res.Header["Set-Cookie"]; res.StatusCode != want || len(got) != 0 {
			t.Errorf("%s answers %d, and sets %q", path, res.StatusCode, got)
		}
	}
}

// A sign-in that can't start leads to the page where another one can.
func TestAuthJS_ProviderDown(t *testing.T) {
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) { c.Protocol = nuxtauth.AuthJS })
	a.IDP.SetFaults(hostile.DiscoveryServerError)
	if to := a.Start("idp"); to != a.URL+"/api/auth/signin?error=OAuthSignInError" {
		t.Errorf("the sign-in leads to %s", to)
	}
}
