package api_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// A page of the application at another host would have forms that lead to nowhere.
func TestForms_OfAnotherHost(t *testing.T) {
	auth := apptest.NewAuth(t, func(c *apptest.Config) {
		c.URL, c.TrustHost, c.TrustedOrigins = "", true, []string{"https://app.example.com"}
	})
	r := apptest.NewRouter(auth)
	var in, out error
	r.GET("/login", func(c *gin.Context) {
		var form nuxtauth.SignInForm
		form, in = auth.SignInForm(c)
		if in != nil && form.CSRFToken+form.CallbackURL+form.Error != "" {
			t.Errorf("form %+v with the error %v", form, in)
		}
		_, out = auth.SignOutForm(c)
	})
	for host, ok := range map[string]bool{"app.example.com": true, "evil.example": false} {
		req, rec := apptest.NewRequest("GET", "https://"+host+"/login", nil)
		r.ServeHTTP(rec, req)
		if (in == nil) != ok || (out == nil) != ok {
			t.Errorf("%s: SignInForm returns the error %v, SignOutForm %v", host, in, out)
		}
	}
}

// The token in the page is that of one browser, whether the cookie is new or not.
func TestForms_StayOutOfCaches(t *testing.T) {
	a := apptest.New(t)
	a.Router.GET("/login", func(c *gin.Context) {
		if _, err := a.Auth.SignInForm(c); err != nil {
			t.Error(err)
		}
	})
	for _, visit := range []string{"first", "second"} {
		if res := a.Get("/login"); !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s visit: Cache-Control %q", visit, res.Header.Get("Cache-Control"))
		}
	}
}

// A provider without fields has its form elsewhere in the front end.
func TestForms_ProvidersWithForm(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, func(c *apptest.Config) {
		door := provider.Credentials(apptest.Authorize, provider.Field{Name: "badge"})
		door.ID = "door"
		c.Providers[0].Fields = nil
		c.Providers = append(c.Providers, door)
		c.SignInLimit.Account = func(url.Values) string { return "" }
	}, func(c *apptest.Config) { c.Providers = append(c.Providers, idp.AsProvider("idp")) })
	var ids []string
	a.Router.GET("/login", func(c *gin.Context) {
		form, err := a.Auth.SignInForm(c)
		if err != nil {
			t.Error(err)
		}
		for _, p := range form.Providers {
			ids = append(ids, p.ID)
		}
	})
	a.Get("/login")
	if got := strings.Join(ids, " "); got != "door idp" {
		t.Errorf("the form has the providers %q", got)
	}
}

// The page says "signed out" to a browser that is known to have no session alone.
func TestSignOutPage_SaysWhetherSignedOut(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	signedOut := func() bool {
		page := a.Get("/api/auth/signout").Text
		form, out := strings.Contains(page, "<form"), strings.Contains(page, "You are signed out")
		if link := strings.Contains(page, `href="`+a.URL+`/api/auth/signin"`); form == out || link != out {
			t.Errorf("the page has a form: %t, says signed out: %t, has a link to sign in: %t", form, out, link)
		}
		return out
	}
	if !signedOut() {
		t.Error("without a session there is a form")
	}
	a.SignIn()
	if signedOut() {
		t.Error("a signed-in user is signed out")
	}
	s.Fail(apptest.ErrDown)
	if signedOut() {
		t.Error("a user whose session can't be checked is signed out")
	}
	s.Fail(nil)
	a.SetCookie(apptest.SessionCookie, "ended")
	if !signedOut() {
		t.Error("a session that has ended is one")
	}
}

// The page of an error is the whole answer.
func TestPages_UnknownPathHasOneAnswer(t *testing.T) {
	for _, protocol := range protocols {
		a := apptest.New(t, func(c *apptest.Config) { c.Protocol = protocol })
		req := a.Request("GET", "/api/auth/nope", "", "")
		req.Header.Set("Accept", "text/html")
		if res := a.Do(req); !strings.HasSuffix(strings.TrimSpace(res.Text), "</html>") {
			t.Errorf("%v: after the page: %q", protocol, res.Text[max(0, len(res.Text)-100):])
		}
	}
}

// An account that an error of Authorize refuses stays in the form too.
func TestSignInPage_KeepsUserNameAfterError(t *testing.T) {
	for _, protocol := range protocols {
		a := apptest.New(t, func(c *apptest.Config) {
			c.Protocol = protocol
			c.Providers = []provider.Provider{provider.Credentials(func(context.Context, url.Values) (*provider.User, error) {
				return nil, &provider.Error{Code: "CredentialsSignin"}
			})}
		})
		if page := browse(a, wrongPassword(a, "ada")); !strings.Contains(page.Text, `value="ada"`) {
			t.Errorf("%v: the form has no user name", protocol)
		}
	}
}

func TestSignInPage_UserNamesThatAreNotKept(t *testing.T) {
	for name, tt := range map[string]struct {
		account string
		kept    bool
	}{
		"of 256 bytes": {strings.Repeat("a", 256), true},
		"of 257 bytes": {strings.Repeat("a", 257), false},
		"not UTF-8":    {"ada\xff", false},
	} {
		a := apptest.New(t)
		res := wrongPassword(a, tt.account)
		if kept := strings.Contains(strings.Join(res.SetCookies(), " "), "next-auth.form="); kept != tt.kept {
			t.Errorf("%s: kept: %t", name, kept)
		}
		if log := a.Log.String(); strings.Contains(log, "cookie of a form") {
			t.Errorf("%s: the log is %s", name, log)
		}
	}
}

// A prefix of cookies can leave no space for the user name: the user writes it again.
func TestSignInPage_UserNameThatDoesNotFit(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) { c.Cookies.Prefix = strings.Repeat("p", 3900) })
	res := wrongPassword(a, strings.Repeat("a", 200))
	if res.StatusCode != http.StatusFound || strings.Contains(strings.Join(res.SetCookies(), " "), ".form=") {
		t.Errorf("the answer is %d with %d cookies", res.StatusCode, len(res.SetCookies()))
	}
	if log := a.Log.String(); !strings.Contains(log, "nuxtauth: the cookie of a form failed") {
		t.Errorf("the log is %.500s", log)
	}
}
