package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

func withFormPost(c *apptest.Config) { c.Providers[1].ResponseMode = "form_post" }

// postsBack signs in with the answer of a provider as a cross-site post, which has
// none of the browser's cookies but its check cookies. It returns the new browser.
func postsBack(t *testing.T, a *apptest.App, back *http.Request) *apptest.App {
	t.Helper()
	if back.Method != http.MethodPost {
		t.Fatalf("the provider answers with %s", back.Method)
	}
	poster := a.Another()
	for _, c := range a.Cookies() {
		if strings.Contains(c.Name, ".state.") {
			poster.SetCookie(c.Name, c.Value)
		}
	}
	if res := poster.Follow(back); poster.Session() == nil {
		t.Fatalf("the sign-in leads to %s", res.Header.Get("Location"))
	}
	return poster
}

func TestOAuth_FormPostEndsCachedSession(t *testing.T) {
	for _, storage := range []string{"deny-list", "memory"} {
		t.Run(storage, func(t *testing.T) {
			idp := apptest.StartIDP(t)
			a := apptest.New(t, apptest.Storages[storage], apptest.WithProviders(idp), withFormPost, func(c *apptest.Config) {
				c.Session.CacheFor = time.Hour
			})
			a.SignIn()
			old := a.Copy()
			if old.Get("/me").Text == "null" {
				t.Fatal("not signed in")
			}
			a.Clock.Advance(time.Second)
			postsBack(t, a, idp.SignIn(t, a.Start("idp"), "alice"))
			if got := old.Get("/me").Text; got != "null" {
				t.Errorf("with the cookie of before, /me answers %s", got)
			}
		})
	}
}

// The old session is sealed in a cookie that has not been adopted.
func TestOAuth_FormPostEndsSealedSession(t *testing.T) {
	idp := apptest.StartIDP(t)
	before := apptest.New(t)
	before.SignIn()
	sealed := before.Cookie(apptest.SessionCookie)
	a := apptest.New(t, apptest.NewStore().Use, apptest.WithProviders(idp), withFormPost, func(c *apptest.Config) {
		c.Session.AdoptCookies = true
	})
	token := a.CSRF()
	a.SetCookie(apptest.SessionCookie, sealed)
	to := a.URLIn(a.Post("/api/auth/signin/idp", map[string][]string{"csrfToken": {token}, "callbackUrl": {"/home"}, "json": {"true"}}))
	if a.Cookie(apptest.SessionCookie) != sealed {
		t.Fatal("the sealed session is adopted already")
	}
	a.Clock.Advance(time.Second)
	in := postsBack(t, a, idp.SignIn(t, to, "alice"))
	if a.Session() != nil {
		t.Error("the sealed session of before is valid")
	}
	if in.Session() == nil {
		t.Error("the new session ended")
	}
}

// A store can have handles of any length, and more than one for a session.
func TestOAuth_FormPostAsksStoreForHandle(t *testing.T) {
	for _, length := range []int{0, 600, 1200} {
		t.Run(strconv.Itoa(length), func(t *testing.T) {
			idp := apptest.StartIDP(t)
			a := apptest.New(t, apptest.WithProviders(idp), withFormPost, func(c *apptest.Config) {
				c.Session.Store = apptest.Handles{Sessions: store.NewMemory(store.MemoryOptions{Now: c.Now}), Length: length}
			})
			a.SignIn()
			old := a.Copy()
			if old.Session() == nil {
				t.Fatal("not signed in")
			}
			a.Clock.Advance(time.Second)
			postsBack(t, a, idp.SignIn(t, a.Start("idp"), "alice"))
			if old.Session() != nil {
				t.Error("the session of before goes on")
			}
		})
	}
}
