package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// Mistakes in the configuration that only requests show are logged, and not with each
// request.
func TestWarnings_SayWhatToConfigure(t *testing.T) {
	form := func(a *apptest.App, header ...string) *http.Request {
		req := a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, a.CredentialsForm("ada", "lovelace").Encode())
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		return req
	}
	for name, tt := range map[string]struct {
		request func(a *apptest.App) *http.Request // of a new browser
		want    []string                           // in one line of the log
		answer  string                             // in the answer
	}{
		"form at another address": {
			func(a *apptest.App) *http.Request { return form(a, "Origin", "http://127.0.0.1:9") },
			[]string{"Config.TrustedOrigins", "origin=http://127.0.0.1:9"}, "",
		},
		"form of another origin": {
			func(a *apptest.App) *http.Request { return form(a, "Sec-Fetch-Site", "cross-site") },
			[]string{"Config.TrustedOrigins"}, "",
		},
		"form without the cookie": {
			func(a *apptest.App) *http.Request {
				return a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, "username=ada&csrfToken="+strings.Repeat("0", 64))
			},
			[]string{"without the cookie", "next-auth.csrf-token"}, "",
		},
		"form without the token": {
			func(a *apptest.App) *http.Request {
				a.CSRF()
				return a.Request("POST", "/api/auth/signin/credentials", apptest.FormType, "username=ada")
			},
			[]string{"without the right CSRF token", "csrfToken"}, "",
		},
		"update without the token": {
			func(a *apptest.App) *http.Request {
				a.CSRF()
				return a.Request("POST", "/api/auth/session", "application/json", `{"data":{}}`)
			},
			[]string{"without the right CSRF token", "path=/api/auth/session"}, "",
		},
		"script of another origin": {
			func(a *apptest.App) *http.Request {
				req := a.Request("GET", "/api/auth/session", "", "")
				req.Header.Set("Origin", "https://front.example")
				return req
			},
			[]string{"Config.TrustedOrigins", "origin=https://front.example"}, "",
		},
		"preflight of another origin": {
			func(a *apptest.App) *http.Request {
				req := a.Request("OPTIONS", "/api/auth/session", "", "")
				req.Header.Set("Origin", "https://front.example")
				req.Header.Set("Access-Control-Request-Method", "GET")
				return req
			},
			[]string{"Config.TrustedOrigins", "origin=https://front.example"}, "TrustedOrigins",
		},
		"unknown provider": {
			func(a *apptest.App) *http.Request { return a.Request("GET", "/api/auth/callback/githb?code=x", "", "") },
			[]string{"Config.Providers", "action=callback", "provider=githb"}, "provider",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t)
			count := func() (n int) {
				for line := range strings.Lines(a.Log.String()) {
					all := strings.Contains(line, "level=WARN")
					for _, text := range tt.want {
						all = all && strings.Contains(line, text)
					}
					if all {
						n++
					}
				}
				return n
			}
			for i := range 3 {
				b := a.Another()
				if res := b.Do(tt.request(b)); !strings.Contains(res.Text, tt.answer) {
					t.Errorf("the answer is %d %s", res.StatusCode, res.Text)
				}
				if n := count(); n != 1 {
					t.Fatalf("after request %d there are %d such lines: %s", i+1, n, a.Log)
				}
			}
			a.Clock.Advance(time.Minute)
			b := a.Another()
			if b.Do(tt.request(b)); count() != 2 {
				t.Errorf("a minute later there are %d such lines", count())
			}
		})
	}
}

func TestWarnings_NoneForOwnRequests(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) { c.TrustedOrigins = []string{"https://front.example"} })
	req := a.Request("GET", "/api/auth/session", "", "")
	req.Header.Set("Origin", "https://front.example")
	a.Do(req)
	a.SignIn()
	a.Session()
	a.SignOut()
	if log := a.Log.String(); strings.Contains(log, "WARN") {
		t.Errorf("the log has %s", log)
	}
}

// The page to which a refused form is sent back says so.
func TestPages_SayThatFormWasRefused(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		for _, path := range []string{"/api/auth/callback/credentials", "/api/auth/signout"} {
			t.Run(fmt.Sprint(protocol, path), func(t *testing.T) {
				a := apptest.New(t, func(c *apptest.Config) { c.Protocol = protocol })
				res := a.Post(path, url.Values{"username": {"ada"}})
				page := a.Get(strings.TrimPrefix(res.Header.Get("Location"), a.URL))
				if page.StatusCode != http.StatusOK || !strings.Contains(page.Text, "open for too long or was opened at another address") {
					t.Errorf("%s leads to %s: %s", path, res.Header.Get("Location"), page.Text)
				}
			})
		}
	}
	a := apptest.New(t)
	if page := a.Get("/api/auth/signin"); strings.Contains(page.Text, `role="alert"`) {
		t.Error("the page shows an error without one")
	}
	if page := a.Get("/api/auth/signout"); strings.Contains(page.Text, `role="alert"`) {
		t.Error("the page shows an error without one")
	}
}

// Without an answer of the store the front end can't know whether its user is signed in,
// unless a header says so.
func TestSession_UnavailableIsMarked(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		s := apptest.NewStore()
		a := apptest.New(t, s.Use, func(c *apptest.Config) {
			c.Protocol, c.TrustedOrigins = protocol, []string{"https://front.example"}
		})
		a.SignIn()
		get := func() apptest.Response {
			req := a.Request("GET", "/api/auth/session", "", "")
			req.Header.Set("Origin", "https://front.example")
			return a.Do(req)
		}
		res := get()
		if res.Header.Get("X-Auth-Unavailable") != "" || res.Header.Get("Retry-After") != "" {
			t.Errorf("%v: a session is marked: %v", protocol, res.Header)
		}
		if exposed := res.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "X-Auth-Unavailable") || !strings.Contains(exposed, "Retry-After") {
			t.Errorf("%v: exposed headers %q", protocol, exposed)
		}
		s.Fail(errors.New("down"))
		res = get()
		if res.StatusCode != http.StatusOK || a.SessionIn(res) != nil || res.Header.Get("X-Auth-Unavailable") != "1" || res.Header.Get("Retry-After") != "5" {
			t.Errorf("%v: during the fault: %d %s %v", protocol, res.StatusCode, res.Text, res.Header)
		}
		s.Fail(nil)
		if a.Session() == nil {
			t.Errorf("%v: after the fault: signed out", protocol)
		}
		a.SignOut()
		if res := get(); res.Header.Get("X-Auth-Unavailable") != "" {
			t.Errorf("%v: signed out is marked", protocol)
		}
	}
}

// Users who do not consent see so, and come back to the sign-in page.
func TestOAuth_Cancelled(t *testing.T) {
	idp := authtest.StartIDP(t)
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		for _, code := range []string{"access_denied", "user_cancelled_authorize", "user_cancelled_login"} {
			a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) { c.Protocol = protocol })
			to, err := url.Parse(a.Start("idp"))
			if err != nil {
				t.Fatal(err)
			}
			res := a.Get("/api/auth/callback/idp?error=" + code + "&state=" + url.QueryEscape(to.Query().Get("state")))
			for range 3 {
				if next := res.Header.Get("Location"); next != "" {
					res = a.Get(strings.TrimPrefix(next, a.URL))
				}
			}
			if res.StatusCode != http.StatusOK || !strings.Contains(res.Text, "Sign-in was cancelled.") || !strings.Contains(res.Text, "csrfToken") {
				t.Errorf("%v, %s: %d %s", protocol, code, res.StatusCode, res.Text)
			}
		}
	}
}

// The page, the header and the log say which limit it is, and for how long.
func TestLimit_SaysHowLong(t *testing.T) {
	for name, tt := range map[string]struct {
		limit      nuxtauth.SignInLimit
		log        string
		retryAfter string
		page       string
	}{
		"network": {nuxtauth.SignInLimit{PerNetwork: 1}, "limit=network", "60", "Please wait a minute"},
		"account": {nuxtauth.SignInLimit{PerAccount: 1}, "limit=account", "900", "Please wait 15 minutes"},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, func(c *apptest.Config) { c.SignInLimit = tt.limit })
			var res apptest.Response
			for range 2 {
				res = a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "wrong"))
			}
			if got := res.Header.Get("Retry-After"); got != tt.retryAfter {
				t.Errorf("Retry-After %q", got)
			}
			if !strings.Contains(a.Log.String(), tt.log) {
				t.Errorf("the log is %s", a.Log)
			}
			page := a.Get(strings.TrimPrefix(a.URLIn(res), a.URL))
			if page.StatusCode != http.StatusTooManyRequests || !strings.Contains(page.Text, tt.page) {
				t.Errorf("the page is %d %s", page.StatusCode, page.Text)
			}
			hint := strings.Contains(a.Log.String(), "may apply to many clients together")
			if wantHint := name == "network"; hint != wantHint { // requests of tests come from a loopback address
				t.Errorf("the log mentions a proxy: %v", hint)
			}
		})
	}
	a := apptest.New(t)
	for _, seconds := range []string{"", "x", "-900", "59", "60", "3601", "99999999999999999999"} {
		if page := a.Get("/api/auth/error?error=TooManyAttempts&retryAfter=" + seconds); !strings.Contains(page.Text, "Please wait a minute") {
			t.Errorf("retryAfter=%s: %s", seconds, page.Text)
		}
	}
}
