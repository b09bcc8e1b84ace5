package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// A custom page gets what the built-in one would show, in its query.
func TestPages_Custom(t *testing.T) {
	pages := nuxtauth.Pages{SignIn: "/login", SignOut: "/bye", Error: "/oops?from=auth", VerifyRequest: "/mail"}
	for _, tt := range []struct{ path, nextAuth, authJS string }{
		{"/signin", "/login?callbackUrl=U", "/login?callbackUrl=U"},
		{"/signin?callbackUrl=/a", "/login?callbackUrl=U%2Fa", "/login?callbackUrl=U%2Fa"},
		{"/signin?error=Signin", "/login?callbackUrl=U&error=Signin", "/login?callbackUrl=U&error=Signin"},
		{"/signin/credentials", "/login?callbackUrl=U&error=credentials", "U/oops?from=auth&error=Configuration"},
		{"/signout", "/bye", "/bye"},
		{"/error", "/oops?from=auth", "/oops?from=auth"},
		{"/error?error=AccessDenied", "/oops?from=auth&error=AccessDenied", "/oops?from=auth&error=AccessDenied"},
		{"/error/AccessDenied", "/oops?from=auth&error=AccessDenied", ""},
		{"/error?error=OAuthSignin", "U/api/auth/signin?error=OAuthSignin", "/oops?from=auth&error=OAuthSignin"},
		{"/verify-request?type=email&provider=a+b", "/mail", "/mail?provider=a+b&type=email"},
		{"/verify-request", "/mail", "/mail"},
	} {
		for protocol, want := range map[nuxtauth.Protocol]string{nuxtauth.NextAuth: tt.nextAuth, nuxtauth.AuthJS: tt.authJS} {
			a := apptest.New(t, func(c *apptest.Config) { c.Protocol, c.Pages = protocol, pages })
			short := strings.NewReplacer(url.QueryEscape(a.URL), "U", a.URL, "U")
			res := a.Get("/api/auth" + tt.path)
			if got := short.Replace(res.Header.Get("Location")); got != want || want != "" && res.StatusCode != http.StatusFound {
				t.Errorf("%v: GET %s answers %d %q, want %q", protocol, tt.path, res.StatusCode, got, want)
			}
			// A client that follows redirects by itself parses an absolute URL.
			req := a.Another().Request("GET", "/api/auth"+tt.path, "", "")
			req.Header.Set("X-Auth-Return-Redirect", "1")
			if strings.HasPrefix(want, "/") {
				want = "U" + want
			}
			if want == "" {
				continue
			}
			if res := a.Another().Do(req); short.Replace(a.URLIn(res)) != want || res.StatusCode != http.StatusOK {
				t.Errorf("%v: GET %s answers a client that follows redirects with %d %s, want %q", protocol, tt.path, res.StatusCode, res.Text, want)
			}
		}
	}
}

// A sign-in that fails leads to the custom pages, also to those of another origin.
func TestPages_CustomAfterFailure(t *testing.T) {
	relative := nuxtauth.Pages{SignIn: "/login", Error: "/oops"}
	other := nuxtauth.Pages{SignIn: "https://www.example.com/login", Error: "https://www.example.com/oops"}
	const query = "?error=CredentialsSignin&code=credentials"
	for _, tt := range []struct {
		protocol       nuxtauth.Protocol
		pages          nuxtauth.Pages
		wrong, tooMany string
	}{
		{nuxtauth.NextAuth, nuxtauth.Pages{}, "U/api/auth/error?error=CredentialsSignin&provider=credentials", "U/api/auth/error?error=TooManyAttempts&retryAfter=900"},
		{nuxtauth.NextAuth, relative, "U/api/auth/error?error=CredentialsSignin&provider=credentials", "U/oops?error=TooManyAttempts&retryAfter=900"},
		{nuxtauth.NextAuth, other, "U/api/auth/error?error=CredentialsSignin&provider=credentials", "https://www.example.com/oops?error=TooManyAttempts&retryAfter=900"},
		{nuxtauth.AuthJS, nuxtauth.Pages{}, "U/api/auth/signin" + query, "U/api/auth/error?error=TooManyAttempts&retryAfter=900"},
		{nuxtauth.AuthJS, relative, "U/login" + query, "U/oops?error=TooManyAttempts&retryAfter=900"},
		{nuxtauth.AuthJS, other, "https://www.example.com/login" + query, "https://www.example.com/oops?error=TooManyAttempts&retryAfter=900"},
	} {
		a := apptest.New(t, func(c *apptest.Config) { c.Protocol, c.Pages, c.SignInLimit.PerAccount = tt.protocol, tt.pages, 1 })
		for _, want := range []string{tt.wrong, tt.tooMany} {
			res := a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "wrong"))
			if got := strings.ReplaceAll(a.URLIn(res), a.URL, "U"); got != want {
				t.Errorf("%v, %v: a wrong password leads to %q, want %q", tt.protocol, tt.pages, got, want)
			}
		}
	}
}

// The built-in pages have what the user needs next.
func TestPages_BuiltIn(t *testing.T) {
	idp := apptest.StartIDP(t)
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) { c.Protocol = protocol })
		text := func(path string) string {
			res := a.Get("/api/auth" + path)
			if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
				t.Errorf("%v: GET %s answers %d %s", protocol, path, res.StatusCode, res.Header.Get("Content-Type"))
			}
			return res.Text
		}
		const notice = `role="alert"`
		signIn := text("/signin")
		for _, want := range []string{a.URL + "/api/auth/callback/credentials", `name="username"`, `name="password"`, a.URL + "/api/auth/signin/idp"} {
			if !strings.Contains(signIn, want) {
				t.Errorf("%v: the sign-in page has no %s", protocol, want)
			}
		}
		if strings.Contains(signIn, notice) || !strings.Contains(text("/signin?error=CredentialsSignin"), notice) {
			t.Errorf("%v: the sign-in page has a notice without an error, or none with one", protocol)
		}
		if protocol == nuxtauth.NextAuth && (text("/signin/credentials") != signIn || !strings.Contains(text("/signin/credentials?error=CredentialsSignin"), notice)) {
			t.Error("the ID of a provider is an error, or hides one")
		}
		for _, path := range []string{"/error", "/error?error=AccessDenied", "/verify-request", "/signout"} {
			if !strings.Contains(text(path), "<h1") {
				t.Errorf("%v: GET %s has no heading", protocol, path)
			}
		}
	}
}

// An answer without a code costs nothing, and so does not use the state up.
func TestOAuth_AnswerWithoutCodeLeavesState(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	to := a.Start("idp")
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	other := a.Another()
	for _, c := range a.Cookies() {
		other.SetCookie(c.Name, c.Value)
	}
	a.Get("/api/auth/callback/idp?error=access_denied&iss=" + url.QueryEscape(idp.Issuer()) + "&state=" + u.Query().Get("state"))
	if other.Follow(idp.SignIn(t, to, "alice")); other.Session() == nil {
		t.Error("the state is used up")
	}
}
