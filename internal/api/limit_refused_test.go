package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// A sign-in with the right password that a callback refuses stays counted: what the
// callback has checked, such as a one-time code, could be guessed otherwise.
func TestLimit_RefusalOfCallbackCounts(t *testing.T) {
	for name, change := range map[string]func(*apptest.Config){
		"SignIn redirects": func(c *apptest.Config) {
			c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return nuxtauth.RedirectTo("/second-step") }
		},
		"SignIn refuses": func(c *apptest.Config) {
			c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return errors.New("wrong code") }
		},
		"JWT fails": func(c *apptest.Config) {
			c.Callbacks.JWT = func(context.Context, nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
				return nil, errors.New("wrong code")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuesser(t, change, func(c *apptest.Config) { c.SignInLimit.PerAccount = 3 })
			for range 3 {
				w := g.guess(here, "ada", "lovelace")
				begun := slices.Contains(apptest.Recorded(w).SetCookies(), apptest.SessionCookie+"=")
				if begun || w.Code == http.StatusTooManyRequests {
					t.Fatalf("the callback does not refuse: %d %s", w.Code, w.Body)
				}
			}
			g.refused(here, "ada", "lovelace")
		})
	}
}

// The account is the first field that the user fills in and that is no password.
func TestLimit_AccountIsNoHiddenField(t *testing.T) {
	g := newGuesser(t, func(c *apptest.Config) {
		c.Providers[0].Fields = []provider.Field{
			{Name: "tenant", Type: "hidden"}, {Name: "password", Type: "password"}, {Name: "username", Type: "text"},
		}
		c.SignInLimit.PerAccount = 3
	})
	for _, tenant := range []string{"a", "b", "c"} {
		g.post(here, url.Values{"tenant": {tenant}, "username": {"ada"}, "password": {"wrong"}})
	}
	g.refused(here, "ada", "lovelace")
}

// A secret that is known by its name alone is no account: each guess would have a counter of
// its own.
func TestLimit_AccountIsNoPIN(t *testing.T) {
	g := newGuesser(t, func(c *apptest.Config) {
		c.Providers[0].Fields = []provider.Field{{Name: "pin"}, {Name: "member"}}
		c.SignInLimit.PerAccount = 3
	})
	for _, pin := range []string{"1111", "2222", "3333"} {
		g.post(here, url.Values{"pin": {pin}, "member": {"ada"}})
	}
	if w := g.post(here, url.Values{"pin": {"4444"}, "member": {"ada"}}); w.Code != http.StatusTooManyRequests {
		t.Errorf("another PIN is tried: %d %s", w.Code, w.Body)
	}
}

// Auth.js sets no cookie with an error.
func TestLimit_AuthJSSetsNoCookie(t *testing.T) {
	for protocol, set := range map[nuxtauth.Protocol]bool{nuxtauth.NextAuth: true, nuxtauth.AuthJS: false} {
		a := apptest.New(t, func(c *apptest.Config) { c.Protocol, c.SignInLimit.PerAccount = protocol, 1 })
		form := a.CredentialsForm("ada", "wrong")
		a.Post("/api/auth/callback/credentials", form)
		form.Set("callbackUrl", "/elsewhere")
		res := a.Post("/api/auth/callback/credentials", form)
		got := slices.Contains(res.SetCookies(), protocol.String()+".callback-url=")
		if res.StatusCode != http.StatusTooManyRequests || got != set {
			t.Errorf("%v: %d, cookies %v", protocol, res.StatusCode, res.SetCookies())
		}
	}
}

// The log tells a refusal of the application from a fault of it.
func TestCredentials_LogOfFailure(t *testing.T) {
	var fault error
	a := apptest.New(t, func(c *apptest.Config) {
		c.Providers = []provider.Provider{provider.Credentials(func(context.Context, url.Values) (*provider.User, error) { return nil, fault })}
	})
	for want, err := range map[string]error{
		"a sign-in was refused\" provider=credentials code=Locked": &provider.Error{Code: "Locked", Err: errors.New("cause")},
		"a sign-in failed\" provider=credentials error=cause":      errors.New("cause"),
	} {
		before := len(a.Log.String())
		fault = err
		a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "x"))
		if log := a.Log.String()[before:]; !strings.Contains(log, want) || strings.Count(log, "level=WARN") != 1 {
			t.Errorf("the log has %s, want %s", log, want)
		}
	}
}

// The callback gets as much of User-Agent as a store keeps.
func TestSignIn_UserAgentIsCut(t *testing.T) {
	var got nuxtauth.SignInParams
	a := apptest.New(t, func(c *apptest.Config) {
		c.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error { got = p; return nil }
	})
	req := a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, a.CredentialsForm("ada", "lovelace").Encode())
	req.Header.Set("User-Agent", strings.Repeat("x", 5000))
	if a.Do(req); got.UserAgent != strings.Repeat("x", 256) || got.IP != "127.0.0.1" {
		t.Errorf("the callback gets %d bytes from %s", len(got.UserAgent), got.IP)
	}
}

// What JavaScript makes of a URL that is not set is none.
func TestRedirect_UnsetCallbackURL(t *testing.T) {
	a := apptest.New(t)
	for _, unset := range []string{"", "null", "undefined"} {
		if got := a.SignOutTo(unset); got != a.URL {
			t.Errorf("%q leads to %s", unset, got)
		}
	}
}

// The front end's own errors are logged for debugging, cut to a length.
func TestClientLog_IsCut(t *testing.T) {
	a := apptest.New(t)
	res := a.Post("/api/auth/_log", url.Values{
		"level": {"error"}, "code": {"CLIENT_FETCH_ERROR"}, "message": {strings.Repeat("x", 200) + strings.Repeat("y", 200)}, "csrfToken": {a.CSRF()},
	})
	log := a.Log.String()
	if res.StatusCode != http.StatusOK || !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, strings.Repeat("x", 200)) || strings.Contains(log, "xy") {
		t.Errorf("%d, the log has %s", res.StatusCode, log)
	}
}
