package nuxtauth_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// corsApp returns an application with routes of its own, which the front end at
// https://app.example.com may call.
func corsApp(t *testing.T, before bool) http.Handler {
	auth := apptest.NewAuth(t, func(c *apptest.Config) {
		c.TrustedOrigins = []string{"https://app.example.com"}
		c.TrustOrigin = func(origin string) bool { return origin == "https://tenant.example" }
	})
	r := gin.New()
	if before {
		r.Use(auth.CORS(), auth.Middleware())
	} else {
		r.Use(auth.Middleware(), auth.CORS())
	}
	r.GET("/api/me", auth.Require(), func(c *gin.Context) { c.Status(http.StatusOK) })
	r.PUT("/api/name", func(c *gin.Context) { c.Status(http.StatusOK) })
	r.OPTIONS("/public", func(c *gin.Context) { c.Header("Access-Control-Allow-Origin", "*") })
	return r
}

func TestCORS_RoutesOfTheApplication(t *testing.T) {
	const app, tenant, evil, own = "https://app.example.com", "https://tenant.example", "https://evil.example", "http://localhost:3000"
	for name, tt := range map[string]struct {
		method, path, origin, asks, headers string

		status        int
		allow         string // Access-Control-Allow-Origin
		methods       string
		allowsHeaders string
	}{
		"request":                          {"GET", "/api/me", app, "", "", 401, app, "", ""},
		"request of a tenant":              {"PUT", "/api/name", tenant, "", "", 200, tenant, "", ""},
		"preflight":                        {"OPTIONS", "/api/name", app, "PUT", "content-type,x-trace", 204, app, "PUT", "content-type,x-trace"},
		"preflight without headers":        {"OPTIONS", "/api/name", app, "DELETE", "", 204, app, "DELETE", ""},
		"OPTIONS that is no preflight":     {"OPTIONS", "/api/name", app, "", "", 404, app, "", ""},
		"GET with headers of a preflight":  {"GET", "/api/me", app, "PUT", "x-trace", 401, app, "", ""},
		"route that does not exist":        {"GET", "/api/none", app, "", "", 404, app, "", ""},
		"request of another origin":        {"GET", "/api/me", evil, "", "", 401, "", "", ""},
		"preflight of another origin":      {"OPTIONS", "/api/name", evil, "PUT", "", 404, "", "", ""},
		"preflight that the app answers":   {"OPTIONS", "/public", evil, "PUT", "", 200, "*", "", ""},
		"request of an opaque origin":      {"GET", "/api/me", "null", "", "", 401, "", "", ""},
		"request of the same origin":       {"GET", "/api/me", own, "", "", 401, "", "", ""},
		"request of a program":             {"GET", "/api/me", "", "", "", 401, "", "", ""},
		"request of the API":               {"GET", "/api/auth/session", app, "", "", 200, app, "", ""},
		"preflight of the API":             {"OPTIONS", "/api/auth/session", app, "PUT", "x-trace", 204, app, "GET, POST", "Authorization, Content-Type, X-Auth-Return-Redirect"},
		"preflight of the API from others": {"OPTIONS", "/api/auth/session", evil, "POST", "", 400, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, before := range []bool{true, false} {
				req := httptest.NewRequest(tt.method, "http://localhost:3000"+tt.path, nil)
				for header, value := range map[string]string{
					"Origin": tt.origin, "Access-Control-Request-Method": tt.asks, "Access-Control-Request-Headers": tt.headers,
				} {
					if value != "" {
						req.Header.Set(header, value)
					}
				}
				rec := httptest.NewRecorder()
				corsApp(t, before).ServeHTTP(rec, req)

				if rec.Code != tt.status {
					t.Errorf("before %v: status %d, want %d", before, rec.Code, tt.status)
				}
				credentials := ""
				if tt.allow != "" && tt.allow != "*" {
					credentials = "true"
				}
				for header, want := range map[string]string{
					"Access-Control-Allow-Origin": tt.allow, "Access-Control-Allow-Credentials": credentials,
					"Access-Control-Allow-Methods": tt.methods, "Access-Control-Allow-Headers": tt.allowsHeaders,
				} {
					if got := rec.Header().Values(header); want == "" && len(got) > 0 || want != "" && !slices.Equal(got, []string{want}) {
						t.Errorf("before %v: %s is %q, want %q", before, header, got, want)
					}
				}
				varies := slices.Contains(rec.Header().Values("Vary"), "Origin")
				if isAPI := tt.path == "/api/auth/session"; !isAPI && !varies {
					t.Errorf("before %v: no Vary: Origin, so that a cache may give the answer to another origin", before)
				}
			}
		})
	}
}
