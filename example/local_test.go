package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// send sends JSON, or GET without it, to the application without cookies.
func send(t *testing.T, site, path, token, body string) (status int, answer string) {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	b := newBrowser(t, site)
	req, err := http.NewRequest(method, site+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res := b.do(req)
	return res.StatusCode, res.body
}

func TestLocal_SignInToSignOut(t *testing.T) {
	site := start(t, map[string]string{"SESSIONS": "memory"})
	status, body := send(t, site, "/api/auth/local/login", "", `{"username":"ada","password":"lovelace"}`)
	var tokens struct {
		Token        string `json:"token"`
		RefreshToken string `json:"refreshToken"`
	}
	if err := json.Unmarshal([]byte(body), &tokens); err != nil || status != http.StatusOK {
		t.Fatalf("login: %d %s", status, body)
	}
	for _, path := range []string{"/api/auth/local/session", "/api/me"} {
		if status, body := send(t, site, path, tokens.Token, ""); status != http.StatusOK || !strings.Contains(body, "Ada Lovelace") || !strings.Contains(body, `"admin"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := send(t, site, "/api/auth/local/refresh", "", `{"refreshToken":"`+tokens.RefreshToken+`"}`); status != http.StatusOK {
		t.Errorf("refresh: %d %s", status, body)
	}
	if status, body := send(t, site, "/api/auth/local/logout", "", `{"refreshToken":"`+tokens.RefreshToken+`"}`); status != http.StatusOK {
		t.Errorf("logout: %d %s", status, body)
	}
	if status, body := send(t, site, "/api/me", tokens.Token, ""); status != http.StatusUnauthorized {
		t.Errorf("after the logout: %d %s", status, body)
	}
}

// The answer to a sign-up is the same for every address, and a link arrives at a new one.
func TestLocal_SignUp(t *testing.T) {
	site := start(t, map[string]string{"SESSIONS": "memory"})
	for _, email := range []string{"new@example.com", "ada@example.com"} {
		if status, body := send(t, site, "/api/auth/local/register", "", `{"email":"`+email+`"}`); status != http.StatusAccepted || body != "{}" {
			t.Errorf("%s: %d %s", email, status, body)
		}
	}
	if status, body := send(t, site, "/api/auth/local/register", "", `{"email":"new"}`); status != http.StatusUnprocessableEntity || !strings.Contains(body, `"fields":{"email":`) {
		t.Errorf("no address: %d %s", status, body)
	}
	newBrowser(t, site).link("new@example.com", 1)
}

// Sessions in cookies can't be ended by a token: there are no endpoints.
func TestLocal_NeedsStore(t *testing.T) {
	if status, _ := send(t, start(t, nil), "/api/auth/local/login", "", `{"username":"ada","password":"lovelace"}`); status != http.StatusBadRequest {
		t.Errorf("status %d", status)
	}
}
