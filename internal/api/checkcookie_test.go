package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

// The browser may keep the cookie for longer than it is asked to. The server's clock
// decides.
func TestOAuth_CheckCookieExpires(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		for name, tt := range map[string]struct {
			after time.Duration
			ok    bool
		}{
			"in time":  {15*time.Minute - time.Second, true},
			"too late": {15*time.Minute + 16*time.Second, false},
			"tomorrow": {24 * time.Hour, false},
		} {
			t.Run(protocol.String()+" "+name, func(t *testing.T) {
				a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) { c.Protocol = protocol })
				to := a.Start("idp")
				a.Clock.Advance(tt.after)
				res := a.Follow(a.IDP.SignIn(t, to, "alice"))
				if got := res.Header.Get("Location"); (got == a.URL+"/home") != tt.ok || (a.Session() != nil) != tt.ok {
					t.Errorf("after %v the sign-in leads to %s", tt.after, got)
				}
				if n := len(a.IDP.Requests("/token")); (n == 1) != tt.ok {
					t.Errorf("%d token requests", n)
				}
			})
		}
	}
}

// The cookie is cleared whatever the end of the sign-in, also if it does not open.
func TestOAuth_CheckCookieIsCleared(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(a *apptest.OpenIDApp)
		query  string // added to that of the callback
		want   string
	}{
		"success":          {func(*apptest.OpenIDApp) {}, "", "/home"},
		"another issuer":   {func(*apptest.OpenIDApp) {}, "&iss=https%3A%2F%2Fevil.example", "/api/auth/error?error=OAuthCallback"},
		"a forged cookie":  {func(a *apptest.OpenIDApp) { a.SetCookie(a.CheckCookies()[0].Name, "forged") }, "", "/api/auth/error?error=OAuthCallback"},
		"an expired check": {func(a *apptest.OpenIDApp) { a.Clock.Advance(time.Hour) }, "", "/api/auth/error?error=OAuthCallback"},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t)
			back := a.IDP.SignIn(t, a.Start("idp"), "alice")
			back.URL.RawQuery += tt.query
			tt.change(a)
			if got := a.Follow(back).Header.Get("Location"); got != a.URL+tt.want {
				t.Errorf("the sign-in leads to %s", got)
			}
			if left := a.CheckCookies(); len(left) != 0 {
				t.Errorf("it leaves %v", left)
			}
		})
	}
}

// The state of a sign-in or sign-out at a provider is sealed with a key of its own: its
// claims alone need not tell it from a session.
func TestOAuth_CheckCookieHasItsOwnKey(t *testing.T) {
	for protocol, codec := range map[nuxtauth.Protocol]func(cookieName string) (token.Codec, error){
		nuxtauth.NextAuth: func(name string) (token.Codec, error) {
			if name == "next-auth.session-token" {
				name = "" // next-auth's session has no salt
			}
			return token.NewNextAuth(name, apptest.Secret)
		},
		nuxtauth.AuthJS: func(name string) (token.Codec, error) { return token.NewAuthJS(name, apptest.Secret) },
	} {
		t.Run(protocol.String(), func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, apptest.Federated, func(c *apptest.OpenIDConfig) { c.Protocol = protocol })
			own, err := codec(protocol.String() + ".state")
			if err != nil {
				t.Fatal(err)
			}
			ofSession, err := codec(protocol.String() + ".session-token")
			if err != nil {
				t.Fatal(err)
			}
			opens := func(what, sealed string) (claims []byte) {
				t.Helper()
				if claims, err = own.Open(t.Context(), sealed); err != nil {
					t.Fatalf("the %s does not open with its key: %v", what, err)
				}
				if _, err := ofSession.Open(t.Context(), sealed); err == nil {
					t.Errorf("the %s opens with the key of the session", what)
				}
				return claims
			}
			back := a.IDP.SignIn(t, a.Start("idp"), "alice")
			var check *http.Cookie
			for _, c := range a.Cookies() {
				if strings.HasPrefix(c.Name, protocol.String()+".state.") {
					check = c
				}
			}
			claims := opens("check cookie", check.Value)
			forged, err := ofSession.Seal(t.Context(), claims)
			if err != nil {
				t.Fatal(err)
			}
			b := a.Another()
			b.SetCookie(check.Name, forged)
			if b.Follow(back.Clone(t.Context())); b.Session() != nil {
				t.Error("a check that is sealed with the key of the session counts")
			}
			if a.Follow(back); a.Session() == nil {
				t.Fatal("not signed in")
			}
			to, err := url.Parse(a.SignOutTo("/bye"))
			if err != nil {
				t.Fatal(err)
			}
			claims = opens("state of a sign-out", to.Query().Get("state"))
			if forged, err = ofSession.Seal(t.Context(), claims); err != nil {
				t.Fatal(err)
			}
			if got := a.Get("/api/auth/signout/idp?state=" + url.QueryEscape(forged)).Header.Get("Location"); got != a.URL {
				t.Errorf("a state that is sealed with the key of the session leads to %s", got)
			}
		})
	}
}
