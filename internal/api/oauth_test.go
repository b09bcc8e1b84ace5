package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestOpenID_SignIn(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		idp := apptest.StartIDP(t)
		var account *nuxtauth.Account
		var profile struct {
			Subject string `json:"sub"`
			Email   string `json:"email"`
		}
		a := apptest.New(t, apptest.WithProviders(idp), func(cfg *apptest.Config) {
			cfg.Protocol = protocol
			cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
				if p.Account == nil {
					return p.Token, nil
				}
				account = p.Account
				p.Token.SessionToken = p.Account.AccessToken
				return p.Token, p.Profile.Decode(&profile)
			}
		})
		alice := idp.Users()[0]
		res := a.Follow(idp.SignIn(t, a.Start("idp"), alice.Username))
		if res.StatusCode != 302 || res.Header.Get("Location") != a.URL+"/home" {
			t.Fatalf("%v: %d %s", protocol, res.StatusCode, res.Header.Get("Location"))
		}
		if s := a.Session(); s == nil || s.User.Name != alice.Name {
			t.Errorf("%v: the session is %+v", protocol, s)
		}
		if account == nil || account.Provider != "idp" || account.ProviderAccountID != alice.Subject ||
			account.IDToken == "" || account.ExpiresAt < time.Now().Unix() {
			t.Errorf("%v: the account is %+v", protocol, account)
		}
		if profile.Subject != alice.Subject || profile.Email != alice.Email {
			t.Errorf("%v: the profile is %+v", protocol, profile)
		}
		if body := a.Get("/api/auth/session").Text; strings.Contains(body, account.AccessToken) || strings.Contains(body, account.IDToken) {
			t.Errorf("%v: the browser gets a token: %s", protocol, body)
		}
	}
}

func TestOAuth_TwoTabs(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	first, second := a.StartWith("idp", "", "/first"), a.StartWith("idp", "", "/second")
	for _, tab := range []struct{ to, want string }{{second, "/second"}, {first, "/first"}} {
		res := a.Follow(idp.SignIn(t, tab.to, idp.Users()[0].Username))
		if got := res.Header.Get("Location"); got != a.URL+tab.want {
			t.Errorf("the tab for %s ends at %s", tab.want, got)
		}
	}
}

func TestOAuth_CallbackCountsOnceInItsBrowser(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	back := idp.SignIn(t, a.Start("idp"), idp.Users()[0].Username)
	browser := a.Client
	refused := func(name string) {
		t.Helper()
		res := a.Follow(back.Clone(t.Context()))
		if got := res.Header.Get("Location"); res.StatusCode != 302 || got != a.URL+"/api/auth/error?error=OAuthCallback" || a.Session() != nil {
			t.Errorf("%s: %d %s", name, res.StatusCode, got)
		}
	}
	a.Client = apptest.NewBrowser()
	refused("in another browser")
	if n := len(idp.Requests("/token")); n != 0 {
		t.Errorf("the code was sent without a state: %d token requests", n)
	}
	a.Client = browser
	if res := a.Follow(back.Clone(t.Context())); res.Header.Get("Location") != a.URL+"/home" {
		t.Fatalf("in its own browser: %s", res.Header.Get("Location"))
	}
	a.Post("/api/auth/signout", url.Values{"csrfToken": {a.CSRF()}})
	refused("a second time")
	if n := len(idp.Requests("/token")); n != 1 {
		t.Errorf("a replay sent the code again: %d token requests", n)
	}
}

func TestOAuth_CheckCookieIsForOneProvider(t *testing.T) {
	one, two := apptest.StartIDP(t), apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(one, two))
	back := one.SignIn(t, a.Start("idp"), one.Users()[0].Username)
	back.URL.Path = "/api/auth/callback/idp2"
	if res := a.Follow(back); res.Header.Get("Location") != a.URL+"/api/auth/error?error=OAuthCallback" || a.Session() != nil {
		t.Errorf("got %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if len(one.Requests("/token"))+len(two.Requests("/token")) != 0 {
		t.Error("the code was sent to a provider")
	}
	if n := len(a.CheckCookies()); n != 0 {
		t.Errorf("after the failure %d check cookies are left", n)
	}
}

func TestOAuth_CheckCookieIsNoSession(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	back := idp.SignIn(t, a.Start("idp"), idp.Users()[0].Username)
	check := a.CheckCookies()[0]
	a.SetCookie("next-auth.session-token", check.Value)
	if s := a.Session(); s != nil {
		t.Errorf("a check cookie is a session: %+v", s)
	}
	a.SignIn()
	a.SetCookie(check.Name, a.Cookie("next-auth.session-token"))
	if res := a.Follow(back); res.Header.Get("Location") != a.URL+"/api/auth/error?error=OAuthCallback" {
		t.Errorf("a session is a check cookie: %s", res.Header.Get("Location"))
	}
}

func TestOAuth_AbandonedCheckCookiesArePruned(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	var last string
	for range 12 {
		a.Clock.Advance(time.Second)
		last = a.Start("idp")
	}
	if n := len(a.CheckCookies()); n != 5 {
		t.Errorf("the browser has %d check cookies", n)
	}
	if res := a.Follow(idp.SignIn(t, last, idp.Users()[0].Username)); res.Header.Get("Location") != a.URL+"/home" {
		t.Errorf("the newest sign-in ends at %s", res.Header.Get("Location"))
	}
	back := idp.SignIn(t, a.Start("idp"), idp.Users()[0].Username)
	a.Clock.Advance(16 * time.Minute)
	if res := a.Follow(back); res.Header.Get("Location") != a.URL+"/api/auth/error?error=OAuthCallback" {
		t.Errorf("after sixteen minutes a sign-in ends at %s", res.Header.Get("Location"))
	}
}

func TestOAuth_PlantedCheckCookiesCostLittle(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	req := a.Request("POST", "/api/auth/signin/idp", apptest.FormType, "csrfToken="+a.CSRF())
	u, _ := url.Parse(a.URL)
	for _, c := range a.Client.Jar.Cookies(u) {
		req.AddCookie(c)
	}
	for i := range 2000 {
		req.AddCookie(&http.Cookie{Name: fmt.Sprintf("next-auth.state.%d", i), Value: "a"})
	}
	rec := httptest.NewRecorder()
	a.Router.ServeHTTP(rec, req)
	if n := len(rec.Header()["Set-Cookie"]); n > 40 || !strings.HasPrefix(rec.Header().Get("Location"), idp.Issuer()) {
		t.Errorf("%d cookies, to %s", n, rec.Header().Get("Location"))
	}
}

func TestOAuth_CallerCannotChangeRequest(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	hostile := url.Values{
		"client_id": {"evil"}, "redirect_uri": {"https://evil.example"}, "response_type": {"token"}, "state": {"x"}, "nonce": {"x"},
		"code_challenge": {"x"}, "code_challenge_method": {"plain"}, "scope": {"admin"}, "request_uri": {"https://evil.example"},
		"login_hint": {"alice"},
	}
	to, _ := url.Parse(a.StartWith("idp", "?"+hostile.Encode(), "/home"))
	q := to.Query()
	for key, values := range hostile {
		if key != "login_hint" && (q.Get(key) == values[0] || len(q[key]) > 1) {
			t.Errorf("the caller chose %s: %q", key, q[key])
		}
	}
	if q.Get("login_hint") != "alice" || q.Get("redirect_uri") != a.URL+"/api/auth/callback/idp" ||
		q.Get("code_challenge_method") != "S256" || q.Get("state") == "" || q.Get("nonce") == "" {
		t.Errorf("got %v", q)
	}
}

func TestOAuth_LinkStartsNoSignIn(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	res := a.Get("/api/auth/signin/idp")
	if res.StatusCode != 200 || len(a.CheckCookies()) != 0 || len(idp.Requests()) != 0 {
		t.Errorf("got %d, %d check cookies, %d requests", res.StatusCode, len(a.CheckCookies()), len(idp.Requests()))
	}
	if res := a.Post("/api/auth/signin/idp", nil); res.Header.Get("Location") != a.URL+"/api/auth/signin?csrf=true" {
		t.Errorf("without the CSRF token: %s", res.Header.Get("Location"))
	}
}

func TestOAuth_UserDeclines(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	if res := a.Follow(idp.Deny(t, a.Start("idp"))); res.Header.Get("Location") != a.URL+"/api/auth/error?error=Cancelled" {
		t.Errorf("got %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if len(a.CheckCookies()) != 0 {
		t.Error("the check cookie is left")
	}
}
