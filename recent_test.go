package nuxtauth_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// Another process has ended the session, and this one has it in its cache.
func TestRequireRecent_ReloadsInSpiteOfCacheFor(t *testing.T) {
	for name, use := range map[string]func(*apptest.Config, *store.Memory){
		"store":     func(c *apptest.Config, m *store.Memory) { c.Session.Store = m },
		"deny-list": func(c *apptest.Config, m *store.Memory) { c.Session.DenyList = m },
	} {
		m := store.NewMemory(store.MemoryOptions{})
		runs := 0
		start := func() *apptest.App {
			a := apptest.New(t, func(c *apptest.Config) {
				use(c, m)
				c.Session.CacheFor = time.Hour
				c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
					runs++
					p.Session.User.Name = fmt.Sprint("run ", runs)
					return p.Session, nil
				}
			})
			a.Router.POST("/delete", a.Auth.RequireRecent(time.Hour), func(c *gin.Context) {
				c.String(http.StatusOK, a.Auth.Session(c).User.Name+", "+c.MustGet("session").(*apptest.Session).User.Name)
			})
			return a
		}
		here, there := start(), start()
		here.SignIn()
		for _, c := range here.Cookies() {
			there.SetCookie(c.Name, c.Value)
		}
		cached := here.Get("/me").Text
		if here.Get("/me").Text != cached {
			t.Fatalf("%s: the session is not cached", name)
		}
		before := runs
		if res := here.Post("/delete", nil); res.StatusCode != http.StatusOK || res.Text != fmt.Sprintf("run %d, run %[1]d", before+1) {
			t.Errorf("%s: %d %s after %d runs", name, res.StatusCode, res.Text, before)
		}
		if there.SignOut(); here.Get("/me").Text != cached {
			t.Fatalf("%s: the session is not cached any more", name)
		}
		copied := here.Copy()
		if res := here.Post("/delete", nil); res.StatusCode != http.StatusUnauthorized || !strings.Contains(res.Text, "Sign in first.") {
			t.Errorf("%s: a session that has ended: %d %s", name, res.StatusCode, res.Text)
		}
		if here.Cookie(apptest.SessionCookie) != "" {
			t.Errorf("%s: the cookie of the session stays", name)
		}
		if got := copied.Get("/me").Text; got != "null" {
			t.Errorf("%s: the session is still in the cache: %s", name, got)
		}
	}
}

// It can't be told whether the session has ended.
func TestRequireRecent_StoreDownInSpiteOfCacheFor(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, func(c *apptest.Config) { c.Session.CacheFor = time.Hour })
	a.Router.POST("/delete", a.Auth.RequireRecent(time.Hour), func(c *gin.Context) {})
	a.SignIn()
	a.Get("/me")
	s.Fail(apptest.ErrDown)
	if a.Get("/me").Text == "null" {
		t.Fatal("the session is not cached")
	}
	if res := a.Post("/delete", nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", res.StatusCode)
	}
	s.Fail(nil)
	if res := a.Post("/delete", nil); res.StatusCode != http.StatusOK {
		t.Errorf("status %d when the store is back", res.StatusCode)
	}
}

// Without CacheFor the session is loaded once.
func TestRequireRecent_LoadsOnceWithoutCacheFor(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.Router.POST("/delete", a.Auth.RequireRecent(time.Hour), func(c *gin.Context) {})
	a.SignIn()
	s.Calls()
	a.Post("/delete", nil)
	if calls := s.Calls(); len(calls) != 1 || calls[0] != "FindSession" {
		t.Errorf("the calls are %v", calls)
	}
}
