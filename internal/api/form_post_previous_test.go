package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// The session of another user before the sign-in can't be ended: the browser stays signed in
// as that user. That of the same user goes on beside the new one, and the log says so.
func TestOAuth_FormPostFaultOfPrevious(t *testing.T) {
	for name, tt := range map[string]struct {
		use  func(*apptest.Store, *apptest.Config)
		call string
	}{
		"store":     {(*apptest.Store).Use, "DeleteSessionByID"},
		"deny-list": {(*apptest.Store).UseAsDenyList, "Mark"},
	} {
		t.Run(name, func(t *testing.T) {
			idp, s := apptest.StartIDP(t), apptest.NewStore()
			a := apptest.New(t, func(c *apptest.Config) { tt.use(s, c) }, apptest.WithProviders(idp), withFormPost)
			a.SignIn()
			signIn := func() (poster *apptest.App) {
				back := idp.SignIn(t, a.Start("idp"), "alice")
				poster = a.Another()
				for _, c := range a.CheckCookies() {
					poster.SetCookie(c.Name, c.Value)
				}
				s.RunBefore(tt.call, func() { s.Fail(apptest.ErrDown) })
				poster.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				poster.Follow(back)
				s.Fail(nil)
				return poster
			}
			if poster := signIn(); poster.Session() != nil || a.Session() == nil {
				t.Error("another user: the new session has begun, or the one before it has ended")
			}
			const text = "the session before this sign-in could not be ended"
			if log := a.Log.String(); strings.Contains(log, text) || !strings.Contains(log, "end the session of the user before") {
				t.Errorf("the log is %s", log)
			}
			a.Follow(idp.SignIn(t, a.Start("idp"), "alice"))
			if poster := signIn(); poster.Session() == nil || a.Session() == nil {
				t.Error("the same user: the new session has not begun, or the one before it has ended")
			}
			if log := a.Log.String(); !strings.Contains(log, text) {
				t.Errorf("the log is %s", log)
			}
		})
	}
}

// The sign-in begins at a replica of another configuration, which names the session in a way
// that means nothing here.
func TestOAuth_FormPostPreviousOfOtherConfiguration(t *testing.T) {
	for _, name := range []string{"memory", "deny-list"} {
		t.Run(name, func(t *testing.T) {
			idp := apptest.StartIDP(t)
			one := apptest.New(t, apptest.Storages[name], apptest.WithProviders(idp), withFormPost)
			two := apptest.New(t, apptest.WithProviders(idp), withFormPost, func(c *apptest.Config) { c.URL = one.URL })
			one.SignIn()
			back := idp.SignIn(t, one.Start("idp"), "alice").Clone(t.Context())
			back.RemoteAddr = "127.0.0.1:1"
			for _, c := range one.CheckCookies() {
				back.AddCookie(c)
			}
			rec := httptest.NewRecorder()
			two.Router.ServeHTTP(rec, back)
			if to := rec.Header().Get("Location"); !strings.HasSuffix(to, "/home") {
				t.Errorf("the sign-in leads to %d %q", rec.Code, to)
			}
		})
	}
}

// checkCookieSize starts a sign-in and returns the size of its check cookie.
func checkCookieSize(t *testing.T, a *apptest.App) int {
	t.Helper()
	a.Start("idp")
	checks := a.CheckCookies()
	if len(checks) != 1 {
		t.Fatalf("%d check cookies", len(checks))
	}
	return len(checks[0].Value)
}

// An indexedHandles is a store with long handles that finds sessions by their IDs too.
type indexedHandles struct {
	apptest.Handles
	store.Index
}

// The check cookie has no more of the session than what is needed to end it.
func TestOAuth_FormPostCheckCookieIsSmall(t *testing.T) {
	for name, tt := range map[string]struct {
		use  func(*apptest.Config)
		most int // bytes for the session
	}{
		"cookie":    {apptest.Storages["cookie"], 0}, // it can't be ended
		"deny-list": {apptest.Storages["deny-list"], 250},
		"index": {func(c *apptest.Config) {
			m := store.NewMemory(store.MemoryOptions{Now: c.Now})
			c.Session.Store = indexedHandles{apptest.Handles{Sessions: m, Length: 600}, m}
		}, 250},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, tt.use, apptest.WithProviders(apptest.StartIDP(t)), withFormPost)
			other := a.Another()
			a.SignIn()
			if size, signedOut := checkCookieSize(t, a), checkCookieSize(t, other); size > signedOut+tt.most {
				t.Errorf("the check cookie has %d bytes, when signed out %d", size, signedOut)
			}
		})
	}
}

// Of several cookies with the session's name, the check cookie names the session of the first
// that is valid.
func TestOAuth_FormPostEndsFirstValidSession(t *testing.T) {
	for name, swapped := range map[string]bool{"valid and another": false, "expired and valid": true} {
		for _, storage := range []string{"deny-list", "memory"} {
			t.Run(name+", "+storage, func(t *testing.T) {
				idp := apptest.StartIDP(t)
				a := apptest.New(t, apptest.Storages[storage], apptest.WithProviders(idp), withFormPost)
				begin := func() *apptest.App {
					b := a.Another()
					b.SetCookie(apptest.SessionCookie, apptest.Issue(t, a.Auth, "Ada")[0].Value)
					return b
				}
				const lifetime = 31 * 24 * time.Hour
				if swapped {
					a.Clock.Advance(-lifetime)
				}
				first := begin()
				if swapped {
					a.Clock.Advance(lifetime)
				}
				second := begin()
				old := first
				if swapped {
					old = second
				}
				u, err := url.Parse(a.URL + "/api")
				if err != nil {
					t.Fatal(err)
				}
				a.Client.Jar.SetCookies(u, []*http.Cookie{ // that with the longer path comes first
					{Name: apptest.SessionCookie, Value: first.Cookie(apptest.SessionCookie), Path: "/api"},
					{Name: apptest.SessionCookie, Value: second.Cookie(apptest.SessionCookie), Path: "/"},
				})
				a.Clock.Advance(time.Second)
				if old.Copy().Session() == nil {
					t.Fatal("not signed in")
				}
				postsBack(t, a, idp.SignIn(t, a.Start("idp"), "alice"))
				if old.Session() != nil {
					t.Error("the session of before is valid")
				}
			})
		}
	}
}
