package session_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// The process stops while a new refresh token is being saved, for a client that
// does not wait for its response.
func TestShutdown_WaitsForRefresh(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	a.SignIn()
	a.Clock.Advance(6 * time.Minute)
	testShutdown(t, s, "ReplaceSession", a.Site, a.Auth.Shutdown)
	if a.AccessToken() == "" || a.Refreshes() != 1 {
		t.Errorf("%d token requests", a.Refreshes())
	}
}

// The same while a session is moved from its cookie into the store.
func TestShutdown_WaitsForAdoption(t *testing.T) {
	s := apptest.NewStore()
	before := apptest.New(t)
	before.SignIn()
	a := apptest.New(t, s.Use, func(c *apptest.Config) { c.Session.AdoptCookies = true })
	for _, c := range before.Cookies() {
		a.SetCookie(c.Name, c.Value)
	}
	testShutdown(t, s, "CreateSession", a.Site, a.Auth.Shutdown)
	if a.Session() == nil {
		t.Error("signed out")
	}
}

// testShutdown calls shutdown while a call of a method of the store, for a request whose
// client has left, has not returned.
func testShutdown(t *testing.T, s *apptest.Store, method string, site *apptest.Site, shutdown func(context.Context) error) {
	t.Helper()
	if err := shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown without work: %v", err)
	}
	writing, release := make(chan struct{}), make(chan struct{})
	s.RunBefore(method, func() { close(writing); <-release })
	leave, serve := site.Cancelable(http.MethodGet, "/me", "")
	served := make(chan struct{})
	go func() { defer close(served); serve() }()
	select {
	case <-writing:
	case <-served:
		t.Fatalf("the request did not call %s", method)
	}
	leave()

	ended, end := context.WithCancel(t.Context())
	end()
	if err := shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown returns %v, although a session is being written", err)
	}
	done := make(chan error, 1)
	go func() { done <- shutdown(t.Context()) }()
	close(release)
	<-served
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := shutdown(ended); err != nil {
		t.Errorf("Shutdown after the work: %v", err)
	}
}
