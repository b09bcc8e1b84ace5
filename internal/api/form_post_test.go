package api_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestOAuth_FormPostCheckCookie(t *testing.T) {
	auth := apptest.NewAuth(t, func(cfg *apptest.Config) {
		cfg.URL = "https://app.example.com"
		cfg.Providers = []provider.Provider{provider.OAuth2(provider.Provider{
			ID: "post", ClientID: "i", ClientSecret: "s", ResponseMode: "form_post",
			AuthorizationURL: "https://id.example/authorize", TokenURL: "https://id.example/token", UserinfoURL: "https://id.example/me",
		})}
	})
	r := apptest.NewRouter(auth)
	req, rec := apptest.NewRequest("GET", "/api/auth/csrf", nil)
	r.ServeHTTP(rec, req)
	cookies := rec.Result().Cookies()
	token, _, _ := strings.Cut(cookies[0].Value, "%7C")
	req, rec = apptest.NewRequest("POST", "/api/auth/signin/post", cookies)
	req.Header.Set("Content-Type", apptest.FormType)
	req.Body = io.NopCloser(strings.NewReader("csrfToken=" + token))
	r.ServeHTTP(rec, req)
	got := rec.Header().Get("Location")
	if !strings.HasPrefix(got, "https://id.example/authorize?") || !strings.Contains(got, "response_mode=form_post") {
		t.Fatalf("got %d %s", rec.Code, got)
	}
	for _, c := range rec.Result().Cookies() {
		if strings.HasPrefix(c.Name, "__Host-next-auth.state.") {
			if c.SameSite != http.SameSiteNoneMode || !c.Secure || !c.HttpOnly || c.MaxAge != 900 {
				t.Errorf("a cross-site post does not send the check cookie: %s", c)
			}
			return
		}
	}
	t.Error("there is no check cookie")
}

// A cross-site post has no session cookie. The sign-in replaces that of the
// browser nevertheless.
func TestOAuth_FormPostReplacesSession(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp), func(cfg *apptest.Config) {
		cfg.Providers[1].ResponseMode = "form_post"
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Account != nil && p.Account.Provider == "idp" {
				p.Token.SessionToken = strings.Repeat("x", 5000) // in chunks, unlike ada's token
			}
			return p.Token, nil
		}
	})
	a.SignIn()
	back := idp.SignIn(t, a.Start("idp"), idp.Users()[0].Username)
	browser := a.Client
	a.Client = apptest.NewBrowser() // sends only the check cookie, because of SameSite
	if back.Method != http.MethodPost {
		t.Fatalf("the provider answers with %s", back.Method)
	}
	u, _ := url.Parse(a.URL)
	for _, c := range browser.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "next-auth.state.") {
			a.SetCookie(c.Name, c.Value)
		}
	}
	res := a.Follow(back)
	browser.Jar.SetCookies(u, res.Cookies())
	a.Client = browser
	if s := a.Session(); s == nil || s.User.Name != idp.Users()[0].Name {
		t.Errorf("the session is %+v", s)
	}
}

// A cross-site post does not send the cookie of the old session (SE-01).
func TestOAuth_FormPostEndsOldSession(t *testing.T) {
	for _, name := range []string{"memory", "deny-list"} {
		storage := apptest.Storages[name]
		t.Run(name, func(t *testing.T) {
			idp := apptest.StartIDP(t)
			a := apptest.New(t, storage, apptest.WithProviders(idp), func(cfg *apptest.Config) { cfg.Providers[1].ResponseMode = "form_post" })
			a.SignIn()
			thief := a.Copy()
			a.Clock.Advance(time.Second)
			back := idp.SignIn(t, a.Start("idp"), idp.Users()[0].Username)
			if back.Method != http.MethodPost {
				t.Fatalf("the provider answers with %s", back.Method)
			}
			poster := a.Another()
			u, _ := url.Parse(a.URL)
			for _, c := range a.Client.Jar.Cookies(u) {
				if strings.HasPrefix(c.Name, "next-auth.state.") {
					poster.SetCookie(c.Name, c.Value)
				}
			}
			poster.Follow(back)
			if poster.Session() == nil {
				t.Fatal("not signed in")
			}
			if thief.Session() != nil {
				t.Error("the session before the sign-in is still valid")
			}
		})
	}
}
