package session_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

// Cookies that open no session run no callback, and the browser drops them. A store is not
// asked for what is no whole value.
func TestCookie_WithoutSessionRunsNoCallback(t *testing.T) {
	chunk := apptest.SessionCookie + ".1=x"
	for _, storage := range []string{"cookie", "memory", "deny-list"} {
		for name, line := range map[string]string{
			"garbage": pair("garbage"), "garbage twice": pair("garbage") + "; " + pair("more"), "a chunk without the first": chunk, "empty": pair(""),
		} {
			a := newCallbackApp(t, storage)
			ran := 0
			a.jwt = func(context.Context, *apptest.Token) error { ran++; return nil }
			a.store.Calls()
			res := sendCookies(a.App, "/me", line)
			if a.SessionIn(res) != nil || ran != 0 || !clearsSession(res) {
				t.Errorf("%s, %s: %s after %d callbacks, cookies %v", storage, name, res.Text, ran, res.SetCookies())
			}
			if calls := a.store.Calls(); len(calls) != 0 && (line == chunk || line == pair("")) {
				t.Errorf("%s, %s: the store has %v", storage, name, calls)
			}
		}
	}
}

// While the store does not answer for the first cookie, the session of the second is not
// that of the browser.
func TestCookie_FaultOfFirstValue(t *testing.T) {
	a := newCallbackApp(t, "memory")
	first := a.Cookie(apptest.SessionCookie)
	a.Client = apptest.NewBrowser()
	a.SignIn()
	second := a.Cookie(apptest.SessionCookie)
	a.store.RunBefore("FindSession", func() {
		a.store.Fail(apptest.ErrDown)
		a.store.RunBefore("FindSession", func() { a.store.Fail(nil) })
	})
	res := sendCookies(a.App, "/private", pair(first)+"; "+pair(second))
	a.store.Fail(nil)
	if res.StatusCode != http.StatusServiceUnavailable || clearsSession(res) {
		t.Errorf("Require answers %d, cookies %v", res.StatusCode, res.SetCookies())
	}
}

// Of three cookies the first is garbage, and a callback ends the session of the second.
func TestCookie_ThirdValueAfterRejectedOne(t *testing.T) {
	a := newCallbackApp(t, "memory")
	issue := func(name string) string { return apptest.Issue(t, a.Auth, name)[0].Value }
	banned, ada := issue("banned"), issue("Ada")
	var ran []string
	a.jwt = func(_ context.Context, t *apptest.Token) error {
		if ran = append(ran, t.Name); t.Name == "banned" {
			return errors.New("banned")
		}
		return nil
	}
	res := sendCookies(a.App, "/me", strings.Join([]string{pair("garbage"), pair(banned), pair(ada)}, "; "))
	if s := a.SessionIn(res); s == nil || s.User.Name != "Ada" || !slices.Equal(ran, []string{"banned", "Ada"}) {
		t.Errorf("the session is %v after the callbacks of %v", s, ran)
	}
}

// A token whose claims do not fit is no session, as opposed to one that can't be read now.
func TestToken_WithUnfitClaimIsCleared(t *testing.T) {
	codec, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	a := newCallbackApp(t, "cookie")
	value, err := codec.Seal(t.Context(), []byte(`{"sub":"1","nickname":7,"iat":1,"exp":99999999999}`))
	if err != nil {
		t.Fatal(err)
	}
	if res := sendCookies(a.App, "/private", pair(value)); res.StatusCode != http.StatusUnauthorized || !clearsSession(res) {
		t.Errorf("Require answers %d, cookies %v", res.StatusCode, res.SetCookies())
	}
}

// The browser sends the sealed cookie again, because it has not had the answer: it gets the
// handle of the session that the cookie has become.
func TestAdopt_SealedCookieGetsHandleAgain(t *testing.T) {
	s := apptest.NewStore()
	a, sealed := newAdoptingApp(t, s)
	a.Router.GET("/id", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.SessionID(c)) })
	phone := sealed()
	handles := map[string]bool{}
	for range 3 {
		late := phone.Copy()
		id := late.Get("/id").Text
		if ids := stored(t, s, "1"); len(ids) != 1 || id != ids[0] {
			t.Errorf("the request has the session %q, the store has %v", id, ids)
		}
		handles[late.Cookie(apptest.SessionCookie)] = true
	}
	if len(handles) != 1 || handles[phone.Cookie(apptest.SessionCookie)] {
		t.Errorf("the browser has the cookies %v", handles)
	}
}

// The ID token is in the session for the sign-out at the provider alone.
func TestRefresh_IDTokenIsForLogoutAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*apptest.OpenIDConfig)
		kept   bool
	}{
		"FederatedLogout": {apptest.Federated, true},
		"without":         {func(*apptest.OpenIDConfig) {}, false},
	} {
		a := apptest.NewOpenIDApp(t, tt.change)
		var got string
		a.Router.GET("/token", func(c *gin.Context) { got = a.Auth.Token(c).IDToken })
		a.SignIn()
		a.Get("/token")
		before := got
		a.Clock.Advance(6 * time.Minute)
		a.Get("/token")
		if a.Refreshes() != 1 || (before != "") != tt.kept || (got != "") != tt.kept || tt.kept && before == got {
			t.Errorf("%s: the ID token is %.20q, and after a refresh %.20q", name, before, got)
		}
	}
}
