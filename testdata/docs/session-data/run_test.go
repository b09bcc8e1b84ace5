package sessiondata

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The whole guide: a sign-in, the session of the front end, and the token of the server.
func TestGuide(t *testing.T) {
	t.Setenv("AUTH_SECRET", "a-secret-of-at-least-32-characters")
	t.Setenv("AUTH_URL", "http://localhost:3000")
	t.Setenv("AUTH_GITHUB_ID", "id")
	t.Setenv("AUTH_GITHUB_SECRET", "secret")
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.GitHub()},
		Callbacks: nuxtauth.Callbacks[Token, Session]{JWT: jwt, Session: session},
	})
	if err != nil {
		t.Fatal(err)
	}
	router, err := newRouter()
	if err != nil {
		t.Fatal(err)
	}
	created, err := jwt(t.Context(), nuxtauth.JWTParams[Token]{
		Token: &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}, Account: &nuxtauth.Account{AccessToken: "token-of-ada"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, SessionToken: "an old one"}

	for _, tt := range []struct {
		name   string
		token  *Token
		down   bool
		path   string
		status int
		body   string
		clears bool
	}{
		{"front end", created, false, "/api/auth/session", http.StatusOK, `{"user":{"name":"Ada Lovelace","avatar":"/ada.svg","role":"admin"},"expires":"`, false},
		{"handler", created, false, "/me", http.StatusOK, `{"name":"Ada Lovelace","avatar":"/ada.svg","role":"admin"}`, false},
		{"token", created, false, "/orders", http.StatusOK, `["engine"]`, false},
		{"user API that is down", created, true, "/orders", http.StatusServiceUnavailable, "", false},
		{"error", ended, false, "/me", http.StatusUnauthorized, "", true},
	} {
		users.down = tt.down
		w := httptest.NewRecorder()
		router.ServeHTTP(w, authtest.Request(t, auth, tt.token, "GET", "http://localhost:3000"+tt.path, nil))
		if w.Code != tt.status || !strings.HasPrefix(w.Body.String(), tt.body) || strings.Contains(w.Body.String(), "token-of-ada") {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
		cleared := strings.Contains(strings.Join(w.Header()["Set-Cookie"], "\n"), "session-token=;")
		if cleared != tt.clears {
			t.Errorf("%s: the cookies are %q", tt.name, w.Header()["Set-Cookie"])
		}
	}
}
