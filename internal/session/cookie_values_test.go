package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A browser sends several cookies of one name when they have different domains.

// sendCookies answers a request with a Cookie header.
func sendCookies(a *apptest.App, path string, lines ...string) apptest.Response {
	req, rec := httptest.NewRequest("GET", a.URL+path, nil), httptest.NewRecorder()
	req.Header["Cookie"] = lines
	a.Router.ServeHTTP(rec, req)
	return apptest.Recorded(rec)
}

// pair is a session cookie in a Cookie header.
func pair(value string) string { return apptest.SessionCookie + "=" + value }

// clearsSession reports whether an answer clears a session cookie.
func clearsSession(res apptest.Response) bool {
	return slices.ContainsFunc(res.Cookies(), func(c *http.Cookie) bool {
		return strings.HasPrefix(c.Name, apptest.SessionCookie) && c.MaxAge < 0
	})
}

// otherSecret is the session cookie of an application with another secret. It can't be
// told from a good one without a key.
func otherSecret(t *testing.T) string {
	other := apptest.New(t, func(c *apptest.Config) { c.Secret = "another-secret-of-at-least-32-characters" })
	other.SignIn()
	return other.Cookie(apptest.SessionCookie)
}

func TestCookie_TriesEachValue(t *testing.T) {
	sealed := otherSecret(t)
	expired := func(a *apptest.App) string {
		a.SignIn()
		value := a.Cookie(apptest.SessionCookie)
		a.Client = apptest.NewBrowser()
		a.Clock.Advance(31 * 24 * time.Hour)
		return value
	}
	ended := func(a *apptest.App) string {
		a.SignIn()
		copied := a.Cookie(apptest.SessionCookie)
		a.SignOut()
		return copied
	}
	handle := func(*apptest.App) string { h, _ := store.NewHandle(); return h }
	for _, tt := range []struct {
		storage, name string
		bad           func(a *apptest.App) string
	}{
		{"cookie", "another secret", func(*apptest.App) string { return sealed }},
		{"cookie", "expired", expired},
		{"deny-list", "ended", ended},
		{"memory", "unknown", handle},
		{"memory", "expired", expired},
		{"memory", "ended", ended},
		{"memory, cached", "unknown", handle},
	} {
		t.Run(tt.storage+", "+tt.name, func(t *testing.T) {
			a := apptest.New(t, apptest.Storages[tt.storage])
			bad := pair(tt.bad(a))
			a.SignIn()
			good := pair(a.Cookie(apptest.SessionCookie))
			for _, lines := range [][]string{
				{bad + "; " + good},
				{good + "; " + bad},
				{bad, good},
				{pair("") + "; " + bad + "; " + good},
				{bad + "; theme=dark; " + bad + "; " + bad + "; " + good},
			} {
				for _, path := range []string{"/me", "/api/auth/session"} {
					res := sendCookies(a, path, lines...)
					if a.SessionIn(res) == nil {
						t.Errorf("%s is signed out with %d lines, the good value last: %v", path, len(lines), strings.HasSuffix(lines[len(lines)-1], good))
					}
					if path == "/me" && clearsSession(res) {
						t.Error("the answer clears the cookie of a valid session")
					}
				}
			}
		})
	}
}

func TestCookie_TriesFourValuesAtMost(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.SignIn()
	good := pair(a.Cookie(apptest.SessionCookie))
	var bad []string
	for range 9 {
		h, _ := store.NewHandle()
		bad = append(bad, pair(h))
	}
	for _, n := range []int{4, 9} {
		line := strings.Join(append(slices.Clone(bad[:n]), good), "; ")
		for _, path := range []string{"/me", "/api/auth/session"} {
			s.Calls()
			res := sendCookies(a, path, line)
			if calls := s.Calls(); len(calls) > 4 {
				t.Errorf("%d values: the store is called %d times", n+1, len(calls))
			}
			if a.SessionIn(res) != nil {
				t.Errorf("%d values: the value %d is a session", n+1, n+1)
			}
			if clearsSession(res) {
				t.Errorf("%d values: %s clears cookies that were not read", n+1, path)
			}
		}
	}
}

// chunksOf splits a value as the library does, and returns pairs.
func chunksOf(value string) (pairs []string) {
	for i := 0; value != ""; i++ {
		n := min(3900, len(value))
		pairs = append(pairs, fmt.Sprintf("%s.%d=%s", apptest.SessionCookie, i, value[:n]))
		value = value[n:]
	}
	return pairs
}

func TestCookie_TriesEachSetOfChunks(t *testing.T) {
	long := func(a *apptest.App) string {
		cookies, err := apptest.Cookies(a.Auth.Issue(t.Context(), &apptest.Token{
			DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, SessionToken: strings.Repeat("x", 5000),
		}))
		if err != nil {
			t.Fatal(err)
		}
		value := ""
		for _, c := range cookies {
			value += c.Value
		}
		return value
	}
	a := apptest.New(t)
	other := apptest.New(t, func(c *apptest.Config) { c.Secret = "another-secret-of-at-least-32-characters" })
	good, bad := chunksOf(long(a)), chunksOf(long(other))
	if len(good) != 2 || len(bad) != 2 {
		t.Fatalf("%d and %d chunks", len(good), len(bad))
	}
	a.SignIn()
	short, badShort := pair(a.Cookie(apptest.SessionCookie)), pair(otherSecret(t))
	for name, pairs := range map[string][]string{
		"good chunks first":           {good[0], bad[0], good[1], bad[1]},
		"bad chunks first":            {bad[0], good[0], bad[1], good[1]},
		"sets one after the other":    {bad[0], bad[1], good[0], good[1]},
		"good chunks, a bad plain":    {badShort, good[0], good[1]},
		"bad chunks, a good plain":    {bad[0], bad[1], short},
		"a bad plain, then a good":    {badShort, short, bad[0], bad[1]},
		"bad plain and chunks, good":  {badShort, bad[0], bad[1], good[0], good[1]},
		"good chunks without another": {good[0], good[1]},
	} {
		for _, path := range []string{"/me", "/api/auth/session"} {
			if res := sendCookies(a, path, strings.Join(pairs, "; ")); a.SessionIn(res) == nil {
				t.Errorf("%s: %s is signed out", name, path)
			}
		}
	}
}

func TestSignOut_EndsEachSessionOfRequest(t *testing.T) {
	for _, storage := range []string{"deny-list", "memory", "memory, cached"} {
		t.Run(storage, func(t *testing.T) {
			a := apptest.New(t, apptest.Storages[storage])
			first, second := a.Another(), a.Another()
			first.SignIn()
			second.SignIn()
			form := "csrfToken=" + a.CSRF()
			req, rec := a.Request("POST", "/api/auth/signout", apptest.FormType, form), httptest.NewRecorder()
			for _, b := range []*apptest.App{a, first, second} {
				for _, c := range b.Cookies() {
					if b == a || c.Name == apptest.SessionCookie {
						req.AddCookie(c)
					}
				}
			}
			a.Router.ServeHTTP(rec, req)
			if rec.Code != http.StatusFound || strings.Contains(rec.Header().Get("Location"), "error") {
				t.Fatalf("sign-out answers %d %s", rec.Code, rec.Header().Get("Location"))
			}
			if first.Session() != nil || second.Session() != nil {
				t.Error("a session of the request is valid after the sign-out")
			}
		})
	}
}

// Names that begin with the name of the session cookie are not read as chunks.
func TestCookie_StrangeNamesAreNoChunks(t *testing.T) {
	a := apptest.New(t)
	a.SignIn()
	good := pair(a.Cookie(apptest.SessionCookie))
	for _, suffix := range []string{"./", ".!", ".:", ".", ".00", ".10", "-1", "X1", ".\x7f", "..", ". "} {
		for _, line := range []string{apptest.SessionCookie + suffix + "=x", good + "; " + apptest.SessionCookie + suffix + "=x"} {
			res := sendCookies(a, "/me", line)
			if in := a.SessionIn(res) != nil; in != strings.HasPrefix(line, good) || clearsSession(res) {
				t.Errorf("a cookie with the suffix %q: %d %s", suffix, res.StatusCode, res.Text)
			}
		}
	}
}
