package api_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// The Redirect callback may lead to another origin, by a plain URL alone.
func TestRedirect_OfCallback(t *testing.T) {
	const faulty, tooLong = "the Redirect callback failed", "a cookie was not set"
	for _, tt := range []struct {
		asked, to string
		err       error
		want      string // "" for the root URL
		logged    string
	}{
		{asked: "/a", to: "/b", want: "U/b"},
		{asked: "/a", to: "https://www.example.com/b", want: "https://www.example.com/b"},
		{asked: "/a", to: "http://www.example.com/b", want: "http://www.example.com/b"},
		{asked: "/a", to: ""},
		{asked: "/a", to: "ftp://www.example.com/b"},
		{asked: "/a", to: "javascript:alert(1)"},
		{asked: "/a", to: "https:///b"},
		{asked: "/a", to: "https://user@www.example.com/b"},
		{asked: "/a", to: "https://www.example.com/%zz"},
		{asked: "/\xff", to: "/b"},
		{asked: "null", to: "/b"},
		{asked: "undefined", to: "/b"},
		{asked: "/a", to: "https://www.example.com/b", err: errors.New("no such tenant"), logged: faulty},
		{asked: "/a", to: "https://www.example.com/" + strings.Repeat("x", 3500), want: "https://www.example.com/" + strings.Repeat("x", 3500)},
		{asked: "/a", to: "https://www.example.com/" + strings.Repeat("x", 4500), logged: tooLong},
	} {
		a := apptest.New(t, func(c *apptest.Config) {
			c.Callbacks.Redirect = func(context.Context, nuxtauth.RedirectParams) (string, error) { return tt.to, tt.err }
		})
		csrf := "csrfToken=" + a.CSRF()
		res := a.Do(a.Request("POST", "/api/auth/signout", apptest.FormType, csrf+"&callbackUrl="+url.QueryEscape(tt.asked)))
		want := strings.Replace(tt.want, "U", a.URL, 1)
		if want == "" {
			want = a.URL
		}
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("%q that becomes %.60q leads to %.60s, want %.60s", tt.asked, tt.to, got, want)
		}
		for _, line := range []string{faulty, tooLong} {
			if log := a.Log.String(); strings.Contains(log, line) != (line == tt.logged) {
				t.Errorf("%q that becomes %.60q: the log has %.300s", tt.asked, tt.to, log)
			}
		}
	}
}

// A sign-in whose state does not fit into a cookie does not start.
func TestOAuth_LongCallbackURLStartsNothing(t *testing.T) {
	idp := apptest.StartIDP(t)
	for protocol, want := range map[nuxtauth.Protocol]string{
		nuxtauth.NextAuth: "/api/auth/error?error=OAuthSignin", nuxtauth.AuthJS: "/api/auth/signin?error=OAuthSignInError",
	} {
		a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) {
			c.Protocol = protocol
			c.Callbacks.Redirect = func(context.Context, nuxtauth.RedirectParams) (string, error) {
				return "https://www.example.com/" + strings.Repeat("x", 3500), nil
			}
		})
		if to := a.Start("idp"); to != a.URL+want || len(a.CheckCookies()) != 0 {
			t.Errorf("%v: the sign-in leads to %.100s", protocol, to)
		}
		if log := a.Log.String(); strings.Contains(log, "handle of the session") || !strings.Contains(log, "too large") {
			t.Errorf("%v: the log has %.300s", protocol, log)
		}
	}
}
