package nuxtauth_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// cacheable sets the headers of a page that all caches may store.
func cacheable(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=600")
	c.Header("CDN-Cache-Control", "max-age=600")
	c.Header("Vendor-CDN-Cache-Control", "max-age=600")
	c.Header("Surrogate-Control", "max-age=600")
	c.Header("X-Accel-Expires", "600")
}

// writers are the ways in which a handler answers.
var writers = map[string]func(*gin.Context){
	"string":   func(c *gin.Context) { c.String(http.StatusOK, "text") },
	"io":       func(c *gin.Context) { _, _ = io.WriteString(c.Writer, "text") },
	"status":   func(c *gin.Context) { c.Status(http.StatusNoContent) },
	"now":      func(c *gin.Context) { c.AbortWithStatus(http.StatusForbidden) },
	"flush":    func(c *gin.Context) { c.Writer.Flush() },
	"control":  func(c *gin.Context) { _ = http.NewResponseController(c.Writer).Flush() },
	"redirect": func(c *gin.Context) { c.Redirect(http.StatusSeeOther, "/") },
	"error":    func(c *gin.Context) { http.Error(c.Writer, "text", http.StatusNotFound) },
}

func checkPrivate(t *testing.T, what string, res apptest.Response) {
	t.Helper()
	if len(res.SetCookies()) == 0 {
		t.Errorf("%s: no cookie is set", what)
	}
	h := res.Header
	if h.Get("Cache-Control") != "private, no-cache, no-store" || strings.Join(h["Vary"], "") != "Cookie" || len(h["Cache-Control"]) != 1 {
		t.Errorf("%s: Cache-Control %q, Vary %q", what, h["Cache-Control"], h["Vary"])
	}
	for _, name := range []string{"CDN-Cache-Control", "Vendor-CDN-Cache-Control", "Surrogate-Control", "X-Accel-Expires"} {
		if h.Get(name) != "" {
			t.Errorf("%s: %s is %q", what, name, h.Get(name))
		}
	}
}

// A handler that lets caches store its response does not know that the middleware renews
// the cookie in it.
func TestHeaders_CookieIsNotCached(t *testing.T) {
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t)
			handle := func(path string, before func(*gin.Context)) {
				a.Router.POST(path, func(c *gin.Context) {
					before(c)
					cacheable(c)
					write(c)
				})
			}
			fail := func(err error) {
				if err != nil {
					t.Error(err)
				}
			}
			handle("/page", func(*gin.Context) {})
			handle("/update", func(c *gin.Context) {
				fail(a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname = "Countess"; return nil }))
			})
			handle("/out", func(c *gin.Context) { fail(a.Auth.SignOut(c)) })
			a.SignIn()
			if res := a.Post("/page", nil); res.Header.Get("CDN-Cache-Control") != "max-age=600" && res.StatusCode < 400 {
				t.Errorf("without a cookie the handler's headers are %v", res.Header)
			}
			a.Clock.Advance(25 * time.Hour)
			checkPrivate(t, "renewed", a.Post("/page", nil))
			checkPrivate(t, "updated", a.Post("/update", nil))
			copied := a.Copy()
			copied.Clock.Advance(365 * 24 * time.Hour)
			checkPrivate(t, "cleared", copied.Post("/page", nil))
			checkPrivate(t, "signed out", a.Post("/out", nil))
		})
	}
}

func TestHeaders_GuardedIsPrivate(t *testing.T) {
	a := apptest.New(t)
	a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "text") })
	a.Router.GET("/public", a.Auth.Require(), func(c *gin.Context) {
		cacheable(c)
		c.String(http.StatusOK, "text")
	})
	a.SignIn()
	for path, want := range map[string]string{"/private": "private", "/public": "public, max-age=600", "/me": ""} {
		if got := a.Get(path).Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
		}
	}
}
