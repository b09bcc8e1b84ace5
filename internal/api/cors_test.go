package api_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

const trustedOrigin = "https://app.example.com"

// The headers of an answer say which origins may read it, and a cache that what it has is
// for one of them.
func TestCORS_Answers(t *testing.T) {
	auth := apptest.NewAuth(t, func(c *apptest.Config) { c.TrustedOrigins = []string{trustedOrigin} })
	r := gin.New()
	r.Use(func(c *gin.Context) { c.Header("Vary", "Accept-Encoding") }, auth.Middleware())
	for name, tt := range map[string]struct {
		method, origin, asks string
		status               int
		allowed, preflight   bool
	}{
		"request":                             {"GET", trustedOrigin, "", http.StatusOK, true, false},
		"preflight":                           {"OPTIONS", trustedOrigin, "POST", http.StatusNoContent, true, true},
		"OPTIONS that is no preflight":        {"OPTIONS", trustedOrigin, "", http.StatusBadRequest, true, false},
		"GET with the header of a preflight":  {"GET", trustedOrigin, "POST", http.StatusOK, true, false},
		"request of the same origin":          {"GET", "http://localhost:3000", "", http.StatusOK, false, false},
		"preflight of another origin":         {"OPTIONS", "https://evil.example", "POST", http.StatusBadRequest, false, false},
		"request of a program":                {"GET", "", "", http.StatusOK, false, false},
		"OPTIONS with the same origin's name": {"OPTIONS", "http://localhost:3000", "POST", http.StatusBadRequest, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			req, rec := apptest.NewRequest(tt.method, "http://localhost:3000/api/auth/session", nil)
			for header, value := range map[string]string{"Origin": tt.origin, "Access-Control-Request-Method": tt.asks} {
				if value != "" {
					req.Header.Set(header, value)
				}
			}
			r.ServeHTTP(rec, req)
			vary := []string{"Accept-Encoding"}
			want := map[string]string{}
			if tt.allowed {
				want["Access-Control-Allow-Origin"], want["Access-Control-Allow-Credentials"] = tt.origin, "true"
				vary = append(vary, "Origin")
			}
			if tt.preflight {
				want["Access-Control-Allow-Methods"] = "GET, POST"
				want["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-Auth-Return-Redirect"
				want["Access-Control-Max-Age"] = "600"
			}
			for _, header := range []string{
				"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods",
				"Access-Control-Allow-Headers", "Access-Control-Max-Age",
			} {
				if got := rec.Header().Get(header); got != want[header] {
					t.Errorf("%s is %q, want %q", header, got, want[header])
				}
			}
			got := slices.DeleteFunc(rec.Header()["Vary"], func(v string) bool { return v == "Cookie" }) // of an answer that sets one
			if rec.Code != tt.status || !slices.Equal(got, vary) {
				t.Errorf("status %d, Vary %q, want %d, %q", rec.Code, got, tt.status, vary)
			}
		})
	}
}
