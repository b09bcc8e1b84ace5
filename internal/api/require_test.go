package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// A browser that opens a page or posts a form gets a page, or the way to one; a program, and a request for
// another host, whose pages would have links to nowhere, get JSON.
func TestRequire_PageOrMessage(t *testing.T) {
	const own, other = "app.example.com", "evil.example"
	auth := apptest.NewAuth(t, func(c *apptest.Config) { c.URL, c.TrustHost, c.TrustedOrigins = "", true, []string{"https://" + own} })
	r := apptest.NewRouter(auth)
	for path, err := range map[string]error{
		"/signed-out": nuxtauth.ErrSignedOut, "/not-recent": nuxtauth.ErrNotRecent,
		"/forbidden": nuxtauth.ErrForbidden, "/unavailable": nuxtauth.ErrUnavailable,
	} {
		r.Any(path, func(c *gin.Context) { auth.Refuse(c, err) })
	}
	challenges := map[string]string{"/not-recent": `Bearer error="insufficient_user_authentication"`}
	statuses := map[string]int{"/signed-out": 401, "/not-recent": 401, "/forbidden": 403, "/unavailable": 503}
	for _, tt := range []struct {
		method, host, accept, mode, form string // form: its Content-Type
		page                             bool
	}{
		{"GET", own, "text/html,*/*", "", "", true},
		{"HEAD", own, "text/html,*/*", "", "", true},
		{"GET", own, "", "navigate", "", true},
		{"GET", own, "text/html", "cors", "", false},
		{"GET", own, "application/json", "", "", false},
		{"GET", own, "", "", "", false},
		{"POST", own, "text/html", "navigate", apptest.FormType, true},
		{"POST", own, "text/html,*/*", "", apptest.FormType, true},
		{"POST", own, "text/html,*/*", "", "multipart/form-data; boundary=x", true},
		{"POST", own, "text/html", "cors", apptest.FormType, false},
		{"POST", own, "*/*", "", apptest.FormType, false},
		{"POST", own, "text/html", "", "application/json", false},
		{"PUT", own, "text/html", "navigate", apptest.FormType, false},
		{"GET", other, "text/html", "navigate", "", false},
		{"POST", other, "text/html", "navigate", apptest.FormType, false},
	} {
		for path, status := range statuses {
			req, rec := apptest.NewRequest(tt.method, "https://"+tt.host+path, nil)
			for header, value := range map[string]string{"Accept": tt.accept, "Sec-Fetch-Mode": tt.mode, "Content-Type": tt.form, "Referer": "https://" + own + path + "?form"} {
				if value != "" {
					req.Header.Set(header, value)
				}
			}
			r.ServeHTTP(rec, req)
			res := apptest.Recorded(rec)
			wantType, challenge := "application/json", ""
			switch {
			case tt.page && status == http.StatusUnauthorized:
				status, wantType = http.StatusFound, ""
				back := path[1:]
				if tt.method == "POST" {
					status, back = http.StatusSeeOther, back+"%3Fform"
				}
				again := map[string]string{"/not-recent": "&prompt=login"}[path] // the sign-in page says why
				if to := res.Header.Get("Location"); to != "https://"+own+"/api/auth/signin?callbackUrl=https%3A%2F%2F"+own+"%2F"+back+again {
					t.Errorf("%+v: %s leads to %s", tt, path, to)
				}
			case tt.page:
				wantType = "text/html; charset=utf-8"
			default:
				challenge = challenges[path]
			}
			if _, ok := res.Header["Www-Authenticate"]; ok != (challenge != "") || res.Header.Get("WWW-Authenticate") != challenge {
				t.Errorf("%+v: %s has the challenge %q", tt, path, res.Header["Www-Authenticate"])
			}
			if got := res.Header.Get("Content-Type"); res.StatusCode != status || got != wantType {
				t.Errorf("%+v: %s answers %d %q, want %d %q", tt, path, res.StatusCode, got, status, wantType)
			}
			// Another user may do what this one may not, but not what the store prevents.
			if offers := strings.Contains(res.Text, "/api/auth/signin"); offers != (tt.page && path == "/forbidden") {
				t.Errorf("%+v: %s offers a sign-in: %t", tt, path, offers)
			}
		}
	}
}

// After the sign-in the browser is at the page with the form, unless that is of another site.
func TestRequire_PostedFormLeadsBack(t *testing.T) {
	auth := apptest.NewAuth(t)
	r := apptest.NewRouter(auth)
	r.POST("/change", auth.Require(), func(*gin.Context) {})
	for referer, want := range map[string]string{
		"http://localhost:3000/settings?tab=2": "http%3A%2F%2Flocalhost%3A3000%2Fsettings%3Ftab%3D2",
		"http://localhost:3000/":               "http%3A%2F%2Flocalhost%3A3000%2F",
		"https://evil.example/":                "http%3A%2F%2Flocalhost%3A3000",
		"javascript:alert(1)":                  "http%3A%2F%2Flocalhost%3A3000",
		"":                                     "http%3A%2F%2Flocalhost%3A3000",
	} {
		req, rec := apptest.NewRequest("POST", "http://localhost:3000/change", nil)
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Referer", referer)
		r.ServeHTTP(rec, req)
		if to := rec.Header().Get("Location"); rec.Code != http.StatusSeeOther || to != "http://localhost:3000/api/auth/signin?callbackUrl="+want {
			t.Errorf("from %q: %d, to %s", referer, rec.Code, to)
		}
	}
}
