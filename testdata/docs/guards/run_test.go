package guards

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
)

const site = "http://localhost:3000"

func newApp(t *testing.T, change ...func(*nuxtauth.Config[Token, Session])) (*nuxtauth.Auth[Token, Session], *gin.Engine) {
	t.Helper()
	cfg := nuxtauth.Config[Token, Session]{URL: site, Secret: "a-secret-of-at-least-32-characters"}
	cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
		p.Session.User.Role = p.Token.Role
		return p.Session, nil
	}
	for _, f := range change {
		f(&cfg)
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	addRoutes(r, auth)
	addOrders(r, auth)
	return auth, r
}

func TestGuards(t *testing.T) {
	auth, router := newApp(t)
	tokens := map[string]*Token{}
	for _, role := range []string{"admin", "manager", "user"} {
		tokens[role] = &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: role}, Role: role}
	}
	for _, tt := range []struct {
		role, method, path string
		status             int
	}{
		{"", "GET", "/", http.StatusOK},
		{"", "GET", "/account", http.StatusUnauthorized},
		{"user", "GET", "/account", http.StatusOK},
		{"user", "GET", "/admin", http.StatusForbidden},
		{"admin", "GET", "/admin", http.StatusOK},
		{"user", "GET", "/team/reports", http.StatusOK},
		{"user", "POST", "/team/reports", http.StatusForbidden},
		{"manager", "POST", "/team/reports", http.StatusOK},
		{"", "POST", "/team/reports", http.StatusUnauthorized},
		{"user", "POST", "/password", http.StatusUnauthorized}, // Issue without a provider is no sign-in
		{"user", "GET", "/orders/user", http.StatusOK},
		{"user", "GET", "/orders/admin", http.StatusForbidden},
		{"user", "GET", "/orders/down", http.StatusServiceUnavailable},
	} {
		r := httptest.NewRequest(tt.method, site+tt.path, nil)
		if tt.role != "" {
			r = authtest.Request(t, auth, tokens[tt.role], tt.method, site+tt.path, nil)
		}
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%s %s as %q: %d %s, want %d", tt.method, tt.path, tt.role, w.Code, w.Body, tt.status)
		}
	}
}

func TestAnyRole(t *testing.T) {
	for role, want := range map[string]bool{"admin": true, "manager": true, "user": false} {
		if got := anyRole("admin", "manager")(&Session{User: User{role}}); got != want {
			t.Errorf("%s: %v", role, got)
		}
	}
}

func TestRefused(t *testing.T) {
	_, router := newApp(t, func(c *nuxtauth.Config[Token, Session]) { c.Refused = refused })
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest("GET", site+"/account", nil))
	if w.Code != http.StatusUnauthorized || w.Body.String() != `{"error":"Unauthorized","signIn":true}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A form of another site does not reach the routes.
func TestProtect(t *testing.T) {
	auth, router := newApp(t)
	r := authtest.Request(t, auth, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, Role: "manager"}, "POST", site+"/team/reports", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	protect(router).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
