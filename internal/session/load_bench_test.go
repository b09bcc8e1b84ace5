package session_test

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// BenchmarkLoad measures a request with a session, including Gin and a recorder.
// Its parts have benchmarks in token, internal/cookie, internal/claims,
// internal/memo, internal/origin and store; bench/ compares it with other
// libraries.
func BenchmarkLoad(b *testing.B) {
	for _, bench := range []struct {
		name, path string
		change     func(*apptest.Config)
		origin     nuxtauth.Origin
		signedOut  bool
	}{
		{name: "signed-out", signedOut: true},
		{name: "v4"},
		{name: "v4-provider", origin: nuxtauth.Origin{Provider: "keycloak", ProviderSubject: "f1c2b0de-6f3a-4c3e-9d52-8b8f0d5f1a77"}},
		{name: "v5", change: func(c *apptest.Config) { c.Protocol = nuxtauth.AuthJS }},
		{name: "cached", change: func(c *apptest.Config) { c.Session.CacheFor = time.Hour }},
		{name: "store", change: func(c *apptest.Config) { c.Session.Store = store.NewMemory(store.MemoryOptions{}) }},
		{name: "deny-list", change: func(c *apptest.Config) { c.Session.DenyList = store.NewMemory(store.MemoryOptions{}) }},
		{name: "route", path: "/api/auth/session"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			cfg := apptest.Config{Secret: apptest.Secret, URL: "http://localhost"}
			apptest.Enriched(&cfg)
			if bench.change != nil {
				bench.change(&cfg)
			}
			auth, err := nuxtauth.New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			r := gin.New()
			r.Use(auth.Middleware())
			r.GET("/", func(c *gin.Context) {
				if (auth.Session(c) == nil) != bench.signedOut {
					c.Status(http.StatusInternalServerError)
				}
			})
			req := httptest.NewRequest("GET", "http://localhost"+cmp.Or(bench.path, "/"), nil)
			if !bench.signedOut {
				cookies, err := apptest.Cookies(auth.Issue(b.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada", Origin: bench.origin}, SessionToken: "user-api-token"}))
				if err != nil {
					b.Fatal(err)
				}
				for _, c := range cookies {
					req.AddCookie(c)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				if r.ServeHTTP(w, req); w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
			b.ReportMetric(float64(len(req.Header.Get("Cookie"))), "cookie-B")
		})
	}
}
