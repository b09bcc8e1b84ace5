package pages

import (
	"context"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The page shows the template of the guide, whose form signs in.
func TestLoginPage(t *testing.T) {
	guide, err := os.ReadFile("../../../docs/pages.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(guide), "```html\n")
	source, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the guide has no template")
	}
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		URL: "http://localhost:3000", Secret: "a-secret-of-at-least-32-characters", Pages: pages,
		Providers: []provider.Provider{provider.Credentials(func(_ context.Context, form url.Values) (*provider.User, error) {
			if form.Get("username") != "ada" || form.Get("password") != "lovelace" {
				return nil, nil
			}
			return &provider.User{ID: "1"}, nil
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	router := gin.New()
	router.SetHTMLTemplate(template.Must(template.New("login.html").Parse(source)))
	router.Use(auth.Middleware())
	router.GET("/login", loginPage(auth))

	for password, want := range map[string]string{"lovelace": "http://localhost:3000/account", "wrong": "http://localhost:3000/login"} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost:3000/login?callbackUrl=/account", nil))
		page := w.Body.String()
		form := url.Values{"username": {"ada"}, "password": {password}}
		for _, name := range []string{"csrfToken", "callbackUrl"} {
			_, rest, _ := strings.Cut(page, `name="`+name+`" value="`)
			value, _, _ := strings.Cut(rest, `"`)
			form.Set(name, value)
		}
		_, rest, _ := strings.Cut(page, `action="`)
		action, _, _ := strings.Cut(rest, `"`)
		if !strings.Contains(page, `type="password" autocomplete="current-password" required`) {
			t.Fatalf("the page is %s", page)
		}
		post := httptest.NewRequest("POST", action, strings.NewReader(form.Encode()))
		post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		post.Header.Set("Origin", "http://localhost:3000")
		for _, c := range w.Result().Cookies() {
			post.AddCookie(c)
		}
		w = httptest.NewRecorder()
		router.ServeHTTP(w, post)
		for strings.Contains(w.Header().Get("Location"), "/api/auth/") {
			next := httptest.NewRequest("GET", w.Header().Get("Location"), nil)
			w = httptest.NewRecorder()
			router.ServeHTTP(w, next)
		}
		got, _, _ := strings.Cut(w.Header().Get("Location"), "?")
		if w.Code != http.StatusFound || got != want && "http://localhost:3000"+got != want {
			t.Errorf("%s: %d %s", password, w.Code, w.Header().Get("Location"))
		}
	}
}
