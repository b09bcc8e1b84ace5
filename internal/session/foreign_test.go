package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// foreignWarnings counts the warnings about cookies of other applications.
func foreignWarnings(a *apptest.App) (n int) {
	for line := range strings.Lines(a.Log.String()) {
		if strings.Contains(line, "level=WARN") && strings.Contains(line, "Cookies.Prefix") {
			n++
		}
	}
	return n
}

// Two applications at localhost share the names of their cookies, and each clears those of
// the other. The log says so, and not with each request.
func TestForeignCookie_Warns(t *testing.T) {
	sealed := otherSecret(t)
	inStore := func(c *apptest.Config) { c.Session.Store = store.NewMemory(store.MemoryOptions{Now: c.Now}) }
	handle, _ := store.NewHandle()
	for name, tt := range map[string]struct {
		change  func(*apptest.Config)
		cookies string
	}{
		"another secret":        {func(*apptest.Config) {}, pair(sealed)},
		"AuthJS":                {func(c *apptest.Config) { c.Protocol = nuxtauth.AuthJS }, "authjs.session-token=" + sealed},
		"cache":                 {func(c *apptest.Config) { c.Session.CacheFor = time.Minute }, pair(sealed)},
		"sealed, with a store":  {inStore, pair(sealed)},
		"adopted":               {func(c *apptest.Config) { inStore(c); c.Session.AdoptCookies = true }, pair(sealed)},
		"handle without store":  {func(*apptest.Config) {}, pair(handle)},
		"two values, both so":   {func(*apptest.Config) {}, pair(sealed) + "; " + pair(handle)},
		"text, whatever it is":  {func(*apptest.Config) {}, pair("x")},
		"in chunks of a cookie": {func(*apptest.Config) {}, apptest.SessionCookie + ".0=" + sealed[:20] + "; " + apptest.SessionCookie + ".1=" + sealed[20:]},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, tt.change)
			for range 3 {
				res := sendCookies(a, "/me", tt.cookies)
				apptest.NotSignedIn(t, name, res)
				if n := foreignWarnings(a); n != 1 {
					t.Fatalf("%d warnings: %s", n, a.Log)
				}
			}
			a.Clock.Advance(time.Minute)
			if sendCookies(a, "/api/auth/session", tt.cookies); foreignWarnings(a) != 2 {
				t.Errorf("a minute later: %s", a.Log)
			}
			name, _, _ := strings.Cut(tt.cookies, ".session-token")
			if log := a.Log.String(); !strings.Contains(log, "cookie="+name+".session-token") {
				t.Errorf("the log does not name the cookie: %s", log)
			}
			for _, value := range []string{sealed[:20], sealed[len(sealed)-20:], handle} {
				if strings.Contains(a.Log.String(), value) {
					t.Errorf("the log has the value: %s", a.Log)
				}
			}
		})
	}
}

// A session that has ended is no mistake of the configuration, and neither is what a client
// sends that is no browser.
func TestForeignCookie_NoWarning(t *testing.T) {
	sealed := otherSecret(t)
	handle, _ := store.NewHandle()
	inStore := func(c *apptest.Config) { c.Session.Store = store.NewMemory(store.MemoryOptions{Now: c.Now}) }
	for name, tt := range map[string]struct {
		change func(*apptest.Config)
		send   func(a *apptest.App)
	}{
		"no cookie":      {func(*apptest.Config) {}, func(a *apptest.App) { sendCookies(a, "/me") }},
		"empty cookie":   {func(*apptest.Config) {}, func(a *apptest.App) { sendCookies(a, "/me", pair("")) }},
		"unknown handle": {inStore, func(a *apptest.App) { sendCookies(a, "/me", pair(handle)) }},
		"expired": {func(*apptest.Config) {}, func(a *apptest.App) {
			a.SignIn()
			a.Clock.Advance(31 * 24 * time.Hour)
			a.Get("/me")
		}},
		"beside the right one": {func(*apptest.Config) {}, func(a *apptest.App) {
			a.SignIn()
			sendCookies(a, "/me", pair(sealed)+"; "+pair(a.Cookie(apptest.SessionCookie)))
		}},
		"old secret": {func(c *apptest.Config) { c.OldSecrets = []string{"another-secret-of-at-least-32-characters"} }, func(a *apptest.App) {
			sendCookies(a, "/me", pair(sealed))
		}},
		"bearer": {func(*apptest.Config) {}, func(a *apptest.App) {
			req := a.Request("GET", "/me", "", "")
			req.Header.Set("Authorization", "Bearer "+sealed)
			a.Do(req)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, tt.change)
			if tt.send(a); foreignWarnings(a) != 0 {
				t.Errorf("the log is %s", a.Log)
			}
		})
	}
}
