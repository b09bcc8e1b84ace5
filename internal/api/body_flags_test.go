package api_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// Clients ask for JSON in place of a redirect with any value that JavaScript takes for true.
func TestBody_FlagForJSON(t *testing.T) {
	for value, asJSON := range map[string]bool{"true": true, "1": true, "yes": true, "false": false, "0": false, "": false} {
		a := apptest.New(t)
		res := a.Post("/api/auth/signout", url.Values{"csrfToken": {a.CSRF()}, "json": {value}})
		if got := res.StatusCode == http.StatusOK && strings.HasPrefix(res.Text, `{"url":`); got != asJSON {
			t.Errorf("json=%s: %d %s", value, res.StatusCode, res.Text)
		}
	}
}

// The body of a GET request is not read, whatever it asks for and however large it is.
func TestBody_OfGetIsNotRead(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) { c.Pages.SignIn = "/login" })
	for name, body := range map[string]string{"flag": "json=true", "large": "json=" + strings.Repeat("x", 100<<10)} {
		if res := a.Do(a.Request("GET", "/api/auth/signin", apptest.FormType, body)); res.StatusCode != http.StatusFound {
			t.Errorf("%s: %d %.100s", name, res.StatusCode, res.Text)
		}
	}
}

// The data of an update is JSON of any kind in JSON, and a string in a form.
func TestUpdateSession_Data(t *testing.T) {
	var got []string
	a := apptest.New(t, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Trigger == nuxtauth.TriggerUpdate {
				got = append(got, string(p.Update))
			}
			return p.Token, nil
		}
	})
	a.SignIn()
	for _, data := range []string{`{"a":1}`, `"text"`, `null`, `[true]`} {
		a.Update(data)
	}
	a.PostJSON("/api/auth/session", `{"csrfToken":"`+a.CSRF()+`"}`)
	a.Post("/api/auth/session", url.Values{"csrfToken": {a.CSRF()}, "data": {`say "hi"`}})
	a.Post("/api/auth/session", url.Values{"csrfToken": {a.CSRF()}})
	if want := `{"a":1} "text" null [true]  "say \"hi\"" `; strings.Join(got, " ") != want {
		t.Errorf("the callbacks get %q, want %q", strings.Join(got, " "), want)
	}
}
