package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// browse follows the redirects of a response to a page of the application.
func browse(a *apptest.App, res apptest.Response) apptest.Response {
	a.Helper()
	for range 5 {
		to := res.Header.Get("Location")
		if to == "" {
			return res
		}
		res = a.Get(strings.TrimPrefix(to, a.URL))
	}
	a.Fatal("too many redirects")
	return res
}

// wrongPassword sends the form of the sign-in page.
func wrongPassword(a *apptest.App, username string) apptest.Response {
	a.Helper()
	form := a.CredentialsForm(username, "wrong")
	form.Del("json")
	return a.Post("/api/auth/callback/credentials", form)
}

// The page after a wrong password has the user name, once, from a cookie that does not
// show it (WCAG 2.2, 3.3.7).
func TestSignInPage_KeepsUserName(t *testing.T) {
	const username = `ada"><b>@example.com`
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.New(t, func(c *apptest.Config) { c.Protocol = protocol })
		res := wrongPassword(a, username)
		if strings.Contains(res.Header.Get("Location"), "ada") || strings.Contains(strings.Join(res.Header["Set-Cookie"], ""), "ada") {
			t.Errorf("%v: the user name is in %v", protocol, res.Header)
		}
		page := browse(a, res)
		if !strings.Contains(page.Text, `value="ada&#34;&gt;&lt;b&gt;@example.com"`) || strings.Contains(page.Text, "wrong\"") {
			t.Errorf("%v: the form has no user name, or the password", protocol)
		}
		if again := a.Get("/api/auth/signin"); strings.Contains(again.Text, "@example.com") {
			t.Errorf("%v: the user name is shown twice", protocol)
		}
	}
}

func TestSignInPage_KeepsUserNameOnlyWhereItIsShown(t *testing.T) {
	hasCookie := func(a *apptest.App, res apptest.Response) bool {
		return strings.Contains(strings.Join(res.SetCookies(), " "), "next-auth.form=")
	}
	a := apptest.New(t)
	if res := a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "wrong")); hasCookie(a, res) {
		t.Error("a script gets the cookie")
	}
	if res := wrongPassword(a, strings.Repeat("a", 300)); hasCookie(a, res) {
		t.Error("a long user name is kept")
	}
	if res := wrongPassword(a, "ada"); !hasCookie(a, res) {
		t.Fatal("there is no cookie")
	}
	a.Clock.Advance(6 * time.Minute)
	if page := a.Get("/api/auth/signin"); strings.Contains(page.Text, `value="ada"`) {
		t.Error("the cookie does not expire")
	}
	a.SetCookie("next-auth.form", "planted")
	if page := a.Get("/api/auth/signin"); page.StatusCode != http.StatusOK || !strings.Contains(strings.Join(page.SetCookies(), " "), "next-auth.form-") {
		t.Errorf("a planted cookie: %d, %q", page.StatusCode, page.SetCookies())
	}
	own := apptest.New(t, func(c *apptest.Config) { c.Pages.SignIn = "/login" })
	if res := wrongPassword(own, "ada"); hasCookie(own, res) {
		t.Error("a page of the application gets the cookie")
	}
	pin := apptest.New(t, func(c *apptest.Config) {
		c.Providers = []provider.Provider{provider.Credentials(apptest.Authorize, provider.Field{Name: "pin"})}
		c.SignInLimit.Account = func(url.Values) string { return "door" }
	})
	form := url.Values{"pin": {"1234"}, "csrfToken": {pin.CSRF()}}
	if res := pin.Post("/api/auth/callback/credentials", form); hasCookie(pin, res) {
		t.Error("a secret is kept")
	}
}

func TestSignInPage_SaysWhoIsSignedIn(t *testing.T) {
	a := apptest.New(t)
	if page := a.Get("/api/auth/signout"); strings.Contains(page.Text, "<form") || !strings.Contains(page.Text, "You are signed out") {
		t.Error("a browser without a session is asked to sign out")
	}
	a.SignIn()
	name := a.Session().User.Name
	page := a.Get("/api/auth/signin?callbackUrl=/orders")
	if !strings.Contains(page.Text, `href="`+a.URL+`/orders"`) || !strings.Contains(page.Text, "Continue as <strong dir=\"auto\">"+name) {
		t.Errorf("there is no link to continue as %s", name)
	}
	if page := a.Get("/api/auth/signin?prompt=login"); strings.Contains(page.Text, "Continue as") || !strings.Contains(page.Text, "sign in again") {
		t.Error("the page does not ask to sign in again")
	}
	if page := a.Get("/api/auth/signout"); !strings.Contains(page.Text, "Signed in as <strong dir=\"auto\">"+name) || !strings.Contains(page.Text, "<form") {
		t.Errorf("the sign-out page does not say that %s is signed in", name)
	}
}

// RequireRecent would redirect a user who continues back to the page.
func TestSignInPage_AsksToSignInAgain(t *testing.T) {
	a := apptest.New(t)
	a.Router.GET("/delete", a.Auth.RequireRecent(time.Minute), func(c *gin.Context) { c.Status(http.StatusOK) })
	open := func() apptest.Response {
		req := a.Request("GET", "/delete", "", "")
		req.Header.Set("Accept", "text/html")
		return a.Do(req)
	}
	if to := open().Header.Get("Location"); strings.Contains(to, "prompt") {
		t.Errorf("without a session: %s", to)
	}
	a.SignIn()
	a.Clock.Advance(2 * time.Minute)
	res := open()
	if to := res.Header.Get("Location"); to != a.URL+"/api/auth/signin?callbackUrl="+url.QueryEscape(a.URL+"/delete")+"&prompt=login" {
		t.Fatalf("redirected to %s", to)
	}
	if page := browse(a, res); strings.Contains(page.Text, "Continue as") {
		t.Error("the page has a link that leads back to it")
	}
}

func TestPages_UnknownPath(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.New(t, func(c *apptest.Config) { c.Protocol = protocol })
		req := a.Request("GET", "/api/auth/nope", "", "")
		req.Header.Set("Accept", "text/html,*/*")
		res := a.Do(req)
		if res.StatusCode != http.StatusBadRequest || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || !strings.Contains(res.Text, "There is no such page") {
			t.Errorf("%v: %d %s", protocol, res.StatusCode, res.Header.Get("Content-Type"))
		}
		if res := a.Get("/api/auth/nope"); strings.Contains(res.Header.Get("Content-Type"), "html") {
			t.Errorf("%v: a program gets a page", protocol)
		}
	}
}

func TestPages_LinksAndTheme(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) {
		c.Pages.ForgotPassword, c.Pages.SignUp = "/forgot", "https://accounts.example.com/new"
		c.Theme.Name, c.Theme.Logo, c.Theme.LogoDark = "Acme", "/light.svg", "/dark.svg"
		c.Providers[0].Style.Text = "Sign in to Acme"
	})
	page := a.Get("/api/auth/signin").Text
	for _, want := range []string{
		`href="/forgot"`, `href="https://accounts.example.com/new"`, "<title>Sign in – Acme</title>", `srcset="/dark.svg"`, "Sign in to Acme",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// The forms of an application's own pages sign in and out.
func TestForms_OfTheApplication(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) { c.Pages.SignIn = "/login" })
	var in nuxtauth.SignInForm
	var out nuxtauth.SignOutForm
	a.Router.GET("/login", func(c *gin.Context) {
		var err error
		if in, err = a.Auth.SignInForm(c); err != nil {
			t.Error(err)
		}
		c.String(http.StatusOK, "a page")
	})
	a.Router.GET("/logout", func(c *gin.Context) {
		var err error
		if out, err = a.Auth.SignOutForm(c); err != nil {
			t.Error(err)
		}
		c.String(http.StatusOK, "a page")
		if _, err := a.Auth.SignOutForm(c); err == nil {
			t.Error("no error after the body")
		}
	})
	res := a.Get("/login?callbackUrl=https%3A%2F%2Fevil.example%2F&error=%3Cb%3E")
	if !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("the page can be cached: %v", res.Header)
	}
	if in.CallbackURL != a.URL || in.Error != "<b>" || in.Message == "" || len(in.Providers) != 1 {
		t.Fatalf("form %+v", in)
	}
	a.Get("/login?callbackUrl=/orders")
	p := in.Providers[0]
	if len(p.Fields) != 2 || p.Fields[1].Type != "password" || p.Fields[0].Autocomplete != "username" || in.Error+in.Message != "" {
		t.Errorf("form %+v", in)
	}
	res = a.Post(strings.TrimPrefix(p.Action, a.URL), url.Values{
		"csrfToken": {in.CSRFToken}, "callbackUrl": {in.CallbackURL}, "username": {"ada"}, "password": {"lovelace"},
	})
	if res.Header.Get("Location") != a.URL+"/orders" || a.Session() == nil {
		t.Fatalf("sign-in: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	a.Get("/logout?callbackUrl=/bye")
	res = a.Post(strings.TrimPrefix(out.Action, a.URL), url.Values{"csrfToken": {out.CSRFToken}, "callbackUrl": {out.CallbackURL}})
	if res.Header.Get("Location") != a.URL+"/bye" || a.Session() != nil {
		t.Errorf("sign-out: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}
