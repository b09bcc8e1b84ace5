package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// localApp is an application with the endpoints of Config.Local.
type localApp struct {
	*apptest.App
	store *apptest.Store
}

// newLocal starts an application with the endpoints. The functions change its configuration.
func newLocal(t *testing.T, change ...func(*apptest.Config)) *localApp {
	t.Helper()
	s := apptest.NewStore()
	use := func(c *apptest.Config) {
		if s.Use(c); c.Local.Provider == "" {
			c.Local = nuxtauth.LocalConfig{Provider: "credentials"}
		}
	}
	return &localApp{apptest.New(t, append([]func(*apptest.Config){use}, change...)...), s}
}

// rotating makes an application replace refresh tokens.
func rotating(c *apptest.Config) { c.Local.RotateRefreshTokens = true }

// localTokens are what a client stores.
type localTokens struct {
	Token        string `json:"token"`
	RefreshToken string `json:"refreshToken"`
}

// do sends a request and checks that its answer sets no cookie and is kept out of caches.
// authorization is the header, "" for none, and body is JSON, "" for none.
func (a *localApp) do(method, path, authorization, body string) apptest.Response {
	a.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	req := a.Request(method, "/api/auth/local/"+path, contentType, body)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res := a.Do(req)
	if len(res.Header["Set-Cookie"]) > 0 || res.Header.Get("Cache-Control") != "private, no-cache, no-store" {
		a.Errorf("%s %s: Set-Cookie %q, Cache-Control %q", method, path, res.Header["Set-Cookie"], res.Header.Get("Cache-Control"))
	}
	return res
}

// signIn signs in as ada.
func (a *localApp) signIn() localTokens {
	a.Helper()
	return a.tokensIn(a.do("POST", "login", "", `{"username":"ada","password":"lovelace"}`))
}

// tokensIn returns the tokens in an answer.
func (a *localApp) tokensIn(res apptest.Response) (t localTokens) {
	a.Helper()
	if res.StatusCode != http.StatusOK {
		a.Fatalf("status %d: %s", res.StatusCode, res.Text)
	}
	if a.Decode(res.Text, &t); t.Token == "" || t.RefreshToken == "" {
		a.Fatalf("no tokens in %s", res.Text)
	}
	return t
}

func (a *localApp) refresh(refreshToken string) apptest.Response {
	a.Helper()
	return a.do("POST", "refresh", "null", `{"refreshToken":"`+refreshToken+`"}`)
}

func (a *localApp) session(token string) apptest.Response {
	a.Helper()
	return a.do("GET", "session", "Bearer "+token, "")
}

// me asks a route of the application for the session of a token: "null" when signed out.
func (a *localApp) me(token string) string {
	a.Helper()
	req := a.Request("GET", "/me", "", "")
	req.Header.Set("Authorization", "Bearer "+token)
	return a.Do(req).Text
}

// want checks the status and the code of an answer, "" for none.
func (a *localApp) want(what string, res apptest.Response, status int, code string) {
	a.Helper()
	var e struct {
		Message string `json:"message"`
		Code    string `json:"code"`
	}
	if status >= 400 {
		a.Decode(res.Text, &e)
	}
	if res.StatusCode != status || e.Code != code || status >= 400 && e.Message == "" {
		a.Errorf("%s: status %d: %s, want %d %s", what, res.StatusCode, res.Text, status, code)
	}
	if wantRetry := status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests; wantRetry != (res.Header.Get("Retry-After") != "") {
		a.Errorf("%s: Retry-After %q", what, res.Header.Get("Retry-After"))
	}
}

// signedIn checks whether the tokens of a session work, all of them or none.
func (a *localApp) signedIn(what string, t localTokens, want bool) {
	a.Helper()
	status, code := http.StatusOK, ""
	if !want {
		status, code = http.StatusUnauthorized, "InvalidToken"
	}
	a.want(what+": session", a.session(t.Token), status, code)
	if got := a.me(t.Token); strings.Contains(got, "expires") != want {
		a.Errorf("%s: /me answers %s", what, got)
	}
	a.want(what+": refresh", a.refresh(t.RefreshToken), status, code)
}
