package session_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// A renewal clears the cookie in other scopes where the browser has more than one, and all
// of them have been read.
func TestCookie_RenewalClearsOtherScopesOfSeveral(t *testing.T) {
	for name, tt := range map[string]struct {
		others, cleared int
	}{"one cookie": {0, 0}, "two cookies": {1, 1}, "more than are read": {9, 0}} {
		t.Run(name, func(t *testing.T) {
			clock := apptest.NewClock()
			auth := apptest.NewAuth(t, func(c *apptest.Config) { c.URL, c.Now = "https://app.shop.example", clock.Now })
			value := apptest.Issue(t, auth, "Ada")[0].Value
			clock.Advance(25 * time.Hour)
			line := secureCookie + "=" + value
			for i := range tt.others {
				line += "; " + secureCookie + "=other" + strings.Repeat("x", i)
			}
			req, rec := apptest.NewRequest("GET", "/", nil)
			req.Header = http.Header{"Cookie": {line}}
			apptest.NewRouter(auth).ServeHTTP(rec, req)
			set, cleared := 0, 0
			for _, c := range rec.Result().Cookies() {
				switch {
				case c.Name != secureCookie:
				case c.MaxAge < 0:
					cleared++
				default:
					set++
				}
			}
			if set != 1 || cleared != tt.cleared {
				t.Errorf("the cookie is set %d and cleared %d times, want %d: %q", set, cleared, tt.cleared, rec.Header()["Set-Cookie"])
			}
		})
	}
}

// The answer to an empty cookie clears it.
func TestCookie_EmptyIsCleared(t *testing.T) {
	a := apptest.New(t)
	for _, path := range []string{"/me", "/api/auth/session"} {
		res := sendCookies(a, path, pair(""))
		if a.SessionIn(res) != nil || !clearsSession(res) {
			t.Errorf("%s: %s, cookies %v", path, res.Text, res.SetCookies())
		}
	}
}
