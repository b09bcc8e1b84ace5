package api_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A store that finds no session by its ID can have handles that do not fit into a check
// cookie: the sign-in goes on, and can't end that session if it comes from another site.
func TestOAuth_LongHandleIsLeftOut(t *testing.T) {
	for length, logged := range map[int]bool{100: false, 3500: true} {
		idp := apptest.StartIDP(t)
		a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) {
			c.Session.Store = apptest.Handles{Sessions: store.NewMemory(store.MemoryOptions{Now: c.Now}), Length: length}
		})
		a.SignIn()
		back := idp.SignIn(t, a.Start("idp"), "alice")
		if n := len(a.CheckCookies()); n != 1 {
			t.Errorf("a handle of %d bytes: %d check cookies", length, n)
		}
		a.Follow(back)
		if s := a.Session(); s == nil || s.User.Name == "Ada Lovelace" {
			t.Errorf("a handle of %d bytes: the session is %v", length, s)
		}
		if got := strings.Contains(a.Log.String(), "too long for the cookie of a sign-in"); got != logged {
			t.Errorf("a handle of %d bytes: the log has %s", length, a.Log)
		}
	}
}

// Only the post of another site needs a cookie without SameSite, which needs https.
func TestOAuth_SameSiteOfCheckCookie(t *testing.T) {
	for _, tt := range []struct {
		url, mode string
		want      http.SameSite
	}{
		{"https://app.example.com", "", http.SameSiteLaxMode},
		{"https://app.example.com", "form_post", http.SameSiteNoneMode},
		{"http://localhost:3000", "", http.SameSiteLaxMode},
		{"http://localhost:3000", "form_post", http.SameSiteLaxMode},
	} {
		r := apptest.NewRouter(apptest.NewAuth(t, func(c *apptest.Config) {
			c.URL = tt.url
			c.Providers = []provider.Provider{provider.OAuth2(provider.Provider{
				ID: "idp", ClientID: "i", ClientSecret: "s", ResponseMode: tt.mode,
				AuthorizationURL: "https://id.example/authorize", TokenURL: "https://id.example/token", UserinfoURL: "https://id.example/me",
			})}
		}))
		req, rec := apptest.NewRequest("GET", "/api/auth/csrf", nil)
		r.ServeHTTP(rec, req)
		csrf := strings.Split(rec.Body.String(), `"`)[3]
		req, rec = apptest.NewRequest("POST", "/api/auth/signin/idp", rec.Result().Cookies())
		req.Header.Set("Content-Type", apptest.FormType)
		req.Body = io.NopCloser(strings.NewReader("csrfToken=" + csrf))
		r.ServeHTTP(rec, req)
		found := false
		for _, c := range rec.Result().Cookies() {
			if strings.Contains(c.Name, "next-auth.state.") {
				found = true
				if c.SameSite != tt.want {
					t.Errorf("%+v: %s", tt, c)
				}
			}
		}
		if !found {
			t.Errorf("%+v: there is no check cookie: %d %s", tt, rec.Code, rec.Header().Get("Location"))
		}
	}
}

// A check cookie that the library has not written, or that is for something else, belongs
// to no sign-in, and goes.
func TestOAuth_WrongCheckCookie(t *testing.T) {
	codec, err := token.NewNextAuth("next-auth.state", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(claims string) string {
		sealed, err := codec.Seal(t.Context(), []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	for name, value := range map[string]string{
		"garbage":              "garbage",
		"of another shape":     seal(`{"state":["x"],"iat":1,"exp":99999999999}`),
		"empty":                seal(`{}`),
		"state of a sign-out":  seal(`{"site":"x","logoutProvider":"idp","callbackUrl":"/","exp":99999999999}`),
		"without its provider": seal(`{"iat":1,"exp":99999999999}`),
		"its own, and more":    "",
	} {
		idp := apptest.StartIDP(t)
		a := apptest.New(t, apptest.WithProviders(idp))
		back := idp.SignIn(t, a.Start("idp"), "alice")
		check := a.CheckCookies()[0].Name
		if value == "" {
			claims, err := codec.Open(t.Context(), a.CheckCookies()[0].Value)
			if err != nil {
				t.Fatal(err)
			}
			value = seal(string(claims) + "{}")
		}
		a.SetCookie(check, value)
		res := a.Follow(back)
		if to := res.Header.Get("Location"); to != a.URL+"/api/auth/error?error=OAuthCallback" || a.Session() != nil {
			t.Errorf("%s: the callback leads to %s", name, to)
		}
		if !slices.Contains(res.SetCookies(), check+"-") {
			t.Errorf("%s: cookies %v", name, res.SetCookies())
		}
		if len(idp.Requests("/token")) != 0 {
			t.Errorf("%s: the code is redeemed", name)
		}
	}
}

// A callback without a state of the library's form is one of no sign-in.
func TestOAuth_MalformedState(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	const malformed, unknown = "no state, or a malformed one", "no sign-in under way"
	for state, logged := range map[string]string{
		"": malformed, "a": malformed, "aaaaaaaaaaa": malformed, "aaaaaaaaaaaa;b": malformed, "aaaaaaaaaaaa\r\nx: y": malformed,
		"aaaaaaaaaaaa": unknown, "aaaaaaaaaaaaaaaaaaaaaaaa": unknown,
	} {
		before := len(a.Log.String())
		res := a.Get("/api/auth/callback/idp?code=x&state=" + url.QueryEscape(state))
		if to := res.Header.Get("Location"); to != a.URL+"/api/auth/error?error=OAuthCallback" || len(res.SetCookies()) != 0 {
			t.Errorf("%q: the callback leads to %s, cookies %v", state, to, res.SetCookies())
		}
		if log := a.Log.String()[before:]; !strings.Contains(log, logged) {
			t.Errorf("%q: the log has %s", state, log)
		}
	}
}

// The log names the provider of a logout token that was refused, and no text of the path.
func TestLogout_RefusalNamesProvider(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"], apptest.Backchannel, func(c *apptest.OpenIDConfig) {
		c.Providers = append(c.Providers, provider.Credentials(apptest.Authorize))
	})
	for id, logged := range map[string]string{"idp": "idp", "credentials": "credentials", "unknown": `""`} {
		before := len(a.Log.String())
		res := a.Post("/api/auth/backchannel-logout/"+id, url.Values{"logout_token": {"x"}})
		if log := a.Log.String()[before:]; !strings.Contains(log, "provider="+logged+" ") || res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s, the log has %s", id, res.StatusCode, res.Text, log)
		}
	}
}
