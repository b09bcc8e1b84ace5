package session_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestAdopt_MovesCookieToStore(t *testing.T) {
	a := apptest.New(t, apptest.Enriched)
	a.SignIn()
	sealed := a.Cookie(apptest.SessionCookie)
	s := apptest.NewStore()
	b := apptest.New(t, apptest.Enriched, s.Use, func(c *apptest.Config) { c.Session.AdoptCookies = true })
	b.SetCookie(apptest.SessionCookie, sealed)
	if got := b.Session(); got == nil || got.User.Role != "admin" {
		t.Fatalf("session %+v", got)
	}
	handle := b.Cookie(apptest.SessionCookie)
	if _, ok := store.KeyOf(handle); !ok {
		t.Fatalf("the cookie is %q", handle)
	}
	if b.Session() == nil || b.Cookie(apptest.SessionCookie) != handle {
		t.Error("the session is not in the store")
	}
	if list, _ := b.Auth.ListSessions(t.Context(), "1"); len(list) != 1 {
		t.Errorf("%d sessions", len(list))
	}

	s = apptest.NewStore()
	strict := apptest.New(t, apptest.Enriched, s.Use)
	strict.SetCookie(apptest.SessionCookie, sealed)
	if strict.Session() != nil {
		t.Error("without AdoptCookies a sealed cookie is a session")
	}
}

// SE-04 for a session that is being moved into the store.
func TestAdopt_LateReadDoesNotUndoSignOut(t *testing.T) {
	old := apptest.New(t)
	old.SignIn()
	reading, signedOut := make(chan struct{}), make(chan struct{})
	var slow sync.Once
	s := apptest.NewStore()
	a := apptest.New(t, s.Use, func(c *apptest.Config) {
		c.Session.AdoptCookies = true
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			slow.Do(func() { close(reading); <-signedOut })
			return p.Session, nil
		}
	})
	a.SetCookie(apptest.SessionCookie, old.Cookie(apptest.SessionCookie))
	late := make(chan apptest.Response)
	go func() { late <- a.Copy().Get("/api/auth/session") }()
	<-reading
	a.SignOut()
	close(signedOut)
	for _, c := range (<-late).Cookies() {
		if c.MaxAge >= 0 {
			a.SetCookie(c.Name, c.Value)
		}
	}
	if a.Session() != nil {
		t.Error("the late answer signed the user in again")
	}
}

// A request that still has the sealed cookie comes while the store is down.
func TestAdopt_StoreFaultKeepsCookie(t *testing.T) {
	for _, path := range []string{"/me", "/api/auth/session"} {
		s := apptest.NewStore()
		a := apptest.New(t, s.Use, func(c *apptest.Config) { c.Session.AdoptCookies = true })
		old := apptest.New(t, func(c *apptest.Config) { c.Now = a.Clock.Now })
		old.SignIn()
		a.SetCookie(apptest.SessionCookie, old.Cookie(apptest.SessionCookie))
		late := a.Copy()
		if a.Session() == nil {
			t.Fatal("the session was not moved")
		}
		s.Fail(apptest.ErrDown)
		if set := late.Get(path).SetCookies(); slices.Contains(set, apptest.SessionCookie+"=") {
			t.Errorf("%s clears the cookie: %v", path, set)
		}
		s.Fail(nil)
		if late.Session() == nil {
			t.Errorf("%s: the session has ended", path)
		}
	}
}
