package nuxtauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
)

// A cross-site post carries no session cookie: the one in the browser must not
// outlive the new sign-in.
func TestAFormPostSignInReplacesASessionThatItCannotSee(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp), func(cfg *Config) {
		cfg.Providers[1].ResponseMode = "form_post"
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			if p.Account != nil && p.Account.Provider == "idp" {
				p.Token.SessionToken = strings.Repeat("x", 5000) // chunks, where ada's token has none
			}
			return p.Token, nil
		}
	})
	a.signIn()
	back := idp.SignIn(t, a.start("idp"), idp.Users()[0].Username)
	browser := a.client
	a.client = newBrowser() // holds the check cookie alone, as SameSite has it
	if back.Method != http.MethodPost {
		t.Fatalf("the provider answers with %s", back.Method)
	}
	u, _ := url.Parse(a.url)
	for _, c := range browser.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "next-auth.state.") {
			a.setCookie(c.Name, c.Value)
		}
	}
	res := a.at(back)
	browser.Jar.SetCookies(u, res.Cookies())
	a.client = browser
	if s := a.session(); s == nil || s.User.Name != idp.Users()[0].Name {
		t.Errorf("the session is %+v", s)
	}
}

func TestPlantedCheckCookiesCostLittle(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp))
	req := a.request("POST", "/api/auth/signin/idp", "application/x-www-form-urlencoded", "csrfToken="+a.csrf())
	u, _ := url.Parse(a.url)
	for _, c := range a.client.Jar.Cookies(u) {
		req.AddCookie(c)
	}
	for i := range 2000 {
		req.AddCookie(&http.Cookie{Name: fmt.Sprintf("next-auth.state.%d", i), Value: "a"})
	}
	rec := httptest.NewRecorder()
	a.router.ServeHTTP(rec, req)
	if n := len(rec.Header()["Set-Cookie"]); n > 40 || !strings.HasPrefix(rec.Header().Get("Location"), idp.Issuer()) {
		t.Errorf("%d cookies, to %s", n, rec.Header().Get("Location"))
	}
}

// What the JWT callback did, such as the exchange of a refresh token that works
// once, is kept when the Session callback has a passing fault after it.
func TestARotatedTokenOutlivesAPassingFault(t *testing.T) {
	count, down := 0, false
	a := newApp(t, func(cfg *Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			if p.Account == nil && p.Token.Nickname != fmt.Sprint(count) {
				return nil, errDown // spent already
			}
			count++
			p.Token.Nickname = fmt.Sprint(count)
			return p.Token, nil
		}
		cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			if down {
				return nil, nuxtauth.KeepSession(errDown)
			}
			return p.Session, nil
		}
	})
	a.signIn()
	down = true
	if got := a.get("/me").body; got != "null" {
		t.Errorf("during the fault a handler sees %s", got)
	}
	down = false
	if a.session() == nil {
		t.Error("signed out by a passing fault")
	}
}

func TestATokenWithoutASubjectIsSignedOut(t *testing.T) {
	empty := false
	a := newApp(t, func(cfg *Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			if empty {
				return &Token{}, nil
			}
			return p.Token, nil
		}
	})
	a.router.GET("/private", a.auth.Require(), func(c *gin.Context) { c.String(200, "in") })
	a.signIn()
	empty = true
	if res := a.get("/private"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token without a subject enters: %d %s", res.StatusCode, res.body)
	}
	if a.cookie("next-auth.session-token") != "" {
		t.Error("the cookie is kept")
	}
}

func TestAShortSessionInUseGoesOn(t *testing.T) {
	a := newApp(t, func(cfg *Config) { cfg.Session.MaxAge = time.Hour })
	a.signIn()
	for range 6 {
		a.clock.advance(20 * time.Minute)
		if got := a.get("/me").body; got == "null" {
			t.Fatal("signed out while in use")
		}
	}
	for _, age := range []time.Duration{time.Hour, 2 * time.Hour} {
		cfg := Config{Secret: secret, URL: a.url, Session: nuxtauth.SessionConfig{MaxAge: time.Hour, UpdateAge: age}}
		if got := problem(t, cfg); !strings.Contains(got, "not below Session.MaxAge") {
			t.Errorf("New says %q", got)
		}
	}
}

func TestASessionCookieStaysOutOfSharedCaches(t *testing.T) {
	a := newApp(t)
	a.signIn()
	a.clock.advance(25 * time.Hour)
	res := a.get("/me")
	if len(res.Cookies()) != 1 || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") || res.Header.Get("Vary") != "Cookie" {
		t.Errorf("got %v", res.Header)
	}
}

func TestInvalidUTF8InACallbackURLIsNoPanic(t *testing.T) {
	a := newApp(t, func(cfg *Config) {
		cfg.Callbacks.Redirect = func(_ context.Context, p nuxtauth.RedirectParams) (string, error) { return p.URL, nil }
	})
	res := a.post("/api/auth/signout", url.Values{"csrfToken": {a.csrf()}, "callbackUrl": {"https://other.example/?\xff"}, "json": {"true"}})
	if res.StatusCode != 200 || urlIn(a, res) != a.url {
		t.Errorf("got %d %s", res.StatusCode, res.body)
	}
}

func TestCookiesOfOtherMiddlewareSurviveAnError(t *testing.T) {
	auth := newAuth(t, func(cfg *Config) { cfg.Protocol = nuxtauth.AuthJS })
	r := gin.New()
	r.Use(func(c *gin.Context) { c.Header("Set-Cookie", "lb=1") }, auth.Handler())
	req, rec := request("POST", "/api/auth/signout", nil)
	r.ServeHTTP(rec, req)
	if got := rec.Header()["Set-Cookie"]; len(got) != 1 || got[0] != "lb=1" {
		t.Errorf("got %q", got)
	}
}

func TestAPostWithoutABodyIsNoPanic(t *testing.T) {
	r := newRouter(newAuth(t))
	req, err := http.NewRequest("POST", "/api/auth/signout", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	if rec.Code != http.StatusFound {
		t.Errorf("got %d", rec.Code)
	}
}
