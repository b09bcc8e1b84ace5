package session_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// An unlockedStore has locks of its own in each replica, so that replicas can't wait
// for each other.
type unlockedStore struct {
	store.Sessions
	store.Locker
}

// A failOnceStore fails in the next ReplaceSession after fail was set.
type failOnceStore struct {
	*store.Memory
	fail atomic.Bool
}

func (f *failOnceStore) ReplaceSession(ctx context.Context, h string, r *store.Record) (string, error) {
	if f.fail.CompareAndSwap(true, false) {
		return "", apptest.ErrDown
	}
	return f.Memory.ReplaceSession(ctx, h, r)
}

func TestRefresh_InvalidGrantEndsSession(t *testing.T) {
	for name, storage := range apptest.OpenIDStorages {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, storage)
			a.SignIn()
			before := a.Copy()
			a.Clock.Advance(6 * time.Minute)
			a.IDP.SetFaults(hostile.RefreshInvalidGrant)
			res := a.Get("/api/auth/session")
			if a.SessionIn(res) != nil || !slices.Contains(res.SetCookies(), apptest.SessionCookie+"-") {
				t.Errorf("session data: %s, cookies %v", res.Text, res.SetCookies())
			}
			a.IDP.SetFaults()
			a.Clock.Advance(time.Minute)
			if a.Session() != nil || a.AccessToken() != "" {
				t.Error("the session is still valid")
			}
			if name != "cookie" && before.Session() != nil {
				t.Error("a copy of the cookie is valid")
			}
		})
	}
}

func TestRefresh_ProviderFaultEndsNoSession(t *testing.T) {
	for _, fault := range []hostile.Fault{
		hostile.RefreshServerError, hostile.RefreshInvalidClient, hostile.RefreshGarbage,
		hostile.RefreshWrongIssuer, hostile.RefreshWrongSubject, hostile.RefreshSlow,
	} {
		for name, storage := range apptest.OpenIDStorages {
			t.Run(fault.String()+" "+name, func(t *testing.T) {
				apptest.Bubble(t, func(t *testing.T) {
					a := apptest.NewOpenIDApp(t, storage)
					a.SignIn()
					token := a.AccessToken()
					a.IDP.SetFaults(fault, hostile.RefreshNotRotated) // after a refused answer the refresh token is valid

					a.Clock.Advance(4*time.Minute + 50*time.Second)
					if got := a.AccessToken(); got != token {
						t.Errorf("ten seconds before it expires the token is %q", got)
					}
					a.Clock.Advance(time.Minute)
					if res := a.Get("/api"); res.StatusCode != http.StatusBadGateway {
						t.Errorf("with an expired token AccessToken lets the handler answer %d %s", res.StatusCode, res.Text)
					}
					if a.Session() == nil || a.Get("/private").StatusCode != http.StatusOK {
						t.Error("the session ended")
					}
					if strings.Contains(a.Log.String(), token) {
						t.Error("the log has a token")
					}

					a.IDP.SetFaults()
					a.Clock.Advance(10 * time.Second)
					if got := a.AccessToken(); got == "" || got == token {
						t.Errorf("after the fault the token is %q", got)
					}
				})
			})
		}
	}
}

func TestRefresh_FaultPausesRequests(t *testing.T) {
	a := apptest.NewOpenIDApp(t)
	a.SignIn()
	a.Clock.Advance(6 * time.Minute)
	a.IDP.SetFaults(hostile.RefreshServerError)
	for range 10 {
		a.Get("/me")
	}
	if n := a.Refreshes(); n != 1 {
		t.Errorf("ten requests sent %d token requests", n)
	}
}

func TestRefresh_StaleTokenEndsNoSession(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		a := apptest.NewOpenIDApp(t, storage, func(c *apptest.OpenIDConfig) {
			c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.OpenIDToken, apptest.Session]) (*apptest.Session, error) {
				if p.Token.AccessTokenExpires.Time().Before(c.Now()) {
					return nil, errors.New("the API answers 401")
				}
				return p.Session, nil
			}
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		a.IDP.SetFaults(hostile.RefreshServerError)
		if res := a.Get("/private"); res.StatusCode != http.StatusServiceUnavailable || len(res.SetCookies()) != 0 {
			t.Errorf("meanwhile: %d, cookies %v", res.StatusCode, res.SetCookies())
		}
		a.IDP.SetFaults()
		a.Clock.Advance(10 * time.Second)
		if a.Session() == nil {
			t.Error("the session ended")
		}
	})
}

func TestRefresh_UnsavedTokenIsNotLost(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		s := apptest.NewStore()
		a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
			s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
			c.Session.Store = s
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		s.RunBefore("ReplaceSession", func() { s.Fail(apptest.ErrDown) })
		if a.AccessToken() != "" {
			t.Fatal("the store does not fail")
		}
		if a.Session() != nil {
			t.Fatal("the store does not fail")
		}
		s.Fail(nil)
		a.Clock.Advance(10 * time.Second) // a fault is cached for five
		if a.AccessToken() == "" || a.Refreshes() != 1 {
			t.Errorf("no token after %d token requests", a.Refreshes())
		}
		a.Clock.Advance(6 * time.Minute)
		if a.AccessToken() == "" || a.Refreshes() != 2 {
			t.Errorf("the refresh token was lost")
		}
	})
}

func TestRefresh_SavedAfterFailedWrite(t *testing.T) {
	first := apptest.NewOpenIDApp(t)
	shared := &failOnceStore{Memory: store.NewMemory(store.MemoryOptions{Now: first.Clock.Now})}
	share := func(c *apptest.OpenIDConfig) { c.Session.Store = shared }
	one := apptest.NewReplica(t, first.IDP, first.Clock, share)
	two := apptest.NewReplica(t, first.IDP, first.Clock, share)
	one.SignIn()
	two.SetCookie(apptest.SessionCookie, one.Cookie(apptest.SessionCookie))
	one.Clock.Advance(6 * time.Minute)
	shared.fail.Store(true)
	one.Get("/me") // refreshes, and does not call AccessToken
	if two.AccessToken() == "" || two.Session() == nil {
		t.Error("the other replica used the old refresh token, and the session ended")
	}
}

func TestRefresh_LateReplicaEndsNoSession(t *testing.T) {
	first := apptest.NewOpenIDApp(t)
	shared := store.NewMemory(store.MemoryOptions{Now: first.Clock.Now})
	unlocked := func(c *apptest.OpenIDConfig) {
		c.Session.Store = unlockedStore{shared, store.NewMemory(store.MemoryOptions{})}
	}
	reached, opened := make(chan struct{}), make(chan struct{})
	fast := apptest.NewReplica(t, first.IDP, first.Clock, unlocked)
	slow := apptest.NewReplica(t, first.IDP, first.Clock, unlocked, func(c *apptest.OpenIDConfig) {
		c.HTTPClient = &http.Client{Transport: atRefresh(func() { reached <- struct{}{}; <-opened })}
	})
	fast.SignIn()
	slow.SetCookie(apptest.SessionCookie, fast.Cookie(apptest.SessionCookie))
	fast.Clock.Advance(6 * time.Minute)
	token := make(chan string)
	go func() { token <- slow.AccessToken() }()
	<-reached // with the refresh token that fast uses next
	want := fast.AccessToken()
	close(opened)
	if got := <-token; got == "" || got != want {
		t.Errorf("the slow replica got %q, the fast one %q", got, want)
	}
	if fast.Session() == nil {
		t.Error("the session ended, although the store has a newer refresh token")
	}
}

// A formerStore is a connection to a former primary, which has an old copy of each session.
type formerStore struct {
	*store.Memory
	old    *store.Record
	cutOff atomic.Bool // there is no new connection
}

func (f *formerStore) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	switch {
	case f.old != nil && !store.NeedsNewConnection(ctx):
		r := *f.old
		return &r, nil
	case f.cutOff.Load():
		return nil, apptest.ErrDown
	}
	return f.Memory.FindSession(ctx, handle)
}

// A process that reads from a former primary sends a refresh token that another process has
// used.
func TestRefresh_FormerPrimaryEndsNoSession(t *testing.T) {
	for name, cutOff := range map[string]bool{"new connection": false, "no new connection": true} {
		t.Run(name, func(t *testing.T) {
			first := apptest.NewOpenIDApp(t)
			shared := store.NewMemory(store.MemoryOptions{Now: first.Clock.Now})
			former := &formerStore{Memory: shared}
			present := apptest.NewReplica(t, first.IDP, first.Clock, func(c *apptest.OpenIDConfig) { c.Session.Store = shared })
			alone := apptest.NewReplica(t, first.IDP, first.Clock, func(c *apptest.OpenIDConfig) { c.Session.Store = former })
			present.SignIn()
			handle := present.Cookie(apptest.SessionCookie)
			var err error
			if former.old, err = shared.FindSession(t.Context(), handle); err != nil {
				t.Fatal(err)
			}
			former.cutOff.Store(cutOff)
			alone.SetCookie(apptest.SessionCookie, handle)
			first.Clock.Advance(6 * time.Minute)
			want := present.AccessToken()

			res := alone.Get("/private")
			if res.StatusCode != http.StatusOK || len(res.SetCookies()) != 0 {
				t.Errorf("the process at the former primary answers %d, with cookies %v", res.StatusCode, res.SetCookies())
			}
			if cutOff {
				want = ""
			}
			if got := alone.AccessToken(); got != want {
				t.Errorf("the process at the former primary has the access token %q, want %q", got, want)
			}
			if present.Session() == nil {
				t.Error("the session ended")
			}
		})
	}
}

func TestRefresh_PanicIsLogged(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		a := apptest.NewOpenIDApp(t, storage, func(c *apptest.OpenIDConfig) {
			c.HTTPClient = &http.Client{Transport: atRefresh(func() { panic("a bug of the transport") })}
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		if a.Session() == nil {
			t.Error("the session ended")
		}
		if !strings.Contains(a.Log.String(), "a bug of the transport") {
			t.Error("the panic is not in the log")
		}
	})
}
