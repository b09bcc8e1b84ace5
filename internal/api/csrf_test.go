package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestCSRF_PostsNeedTokenFromSameSite(t *testing.T) {
	type post struct{ path, refused string }
	posts := []post{
		{"/api/auth/callback/credentials", "/api/auth/signin?csrf=true"},
		{"/api/auth/signin/credentials", "/api/auth/signin?csrf=true"},
		{"/api/auth/signout", "/api/auth/signout?csrf=true"},
	}
	for _, p := range posts {
		a := apptest.New(t)
		a.SignIn()
		good := a.CSRF()
		for name, change := range map[string]func(r *http.Request){
			"other origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"null origin":  func(r *http.Request) { r.Header.Set("Origin", "null") },
			"https twin":   func(r *http.Request) { r.Header.Set("Origin", strings.Replace(a.URL, "http:", "https:", 1)) },
			"cross-site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"wrong token": func(r *http.Request) {
				*r = *a.Request("POST", p.path, apptest.FormType, "username=ada&password=lovelace&csrfToken="+strings.Repeat("0", 64))
			},
			"in the query": func(r *http.Request) {
				*r = *a.Request("POST", p.path+"?csrfToken="+good, apptest.FormType, "username=ada&password=lovelace")
			},
			"plain text": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
			"multipart":  func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") },
		} {
			req := a.Request("POST", p.path, apptest.FormType, "username=ada&password=lovelace&csrfToken="+good)
			change(req)
			res := a.Do(req)
			if got := res.Header.Get("Location"); res.StatusCode != 302 || got != a.URL+p.refused {
				t.Errorf("%s, %s: %d %s", p.path, name, res.StatusCode, got)
			}
			if a.Session() == nil {
				t.Fatalf("%s, %s: signed out", p.path, name)
			}
		}
	}
	a := apptest.New(t)
	a.SignIn()
	if res := a.PostJSON("/api/auth/session", `{"data":{}}`); res.StatusCode != 400 || res.Text != "{}" {
		t.Errorf("an update without the token answers %d %s", res.StatusCode, res.Text)
	}
}
