package session_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// onWholeSecond advances a clock to a whole second: the times in tokens have no fractions.
func onWholeSecond(c *apptest.Clock) {
	now := c.Now()
	c.Advance(now.Truncate(time.Second).Add(time.Second).Sub(now))
}

// A token is refreshed when it is valid for less than twenty seconds.
func TestRefresh_FromTwentySeconds(t *testing.T) {
	for left, refreshes := range map[time.Duration]int{20 * time.Second: 0, 19 * time.Second: 1} {
		apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
			a := apptest.NewOpenIDApp(t, storage)
			onWholeSecond(a.Clock)
			a.SignIn()
			a.Clock.Advance(5*time.Minute - left)
			res := a.Get("/me")
			if res.Text == "null" || a.Refreshes() != refreshes {
				t.Errorf("with %v left there are %d token requests", left, a.Refreshes())
			}
			// The cookie of a session in the store lives as long as its session.
			if set := slices.Contains(res.SetCookies(), apptest.SessionCookie+"="); set != (refreshes == 1) {
				t.Errorf("with %v left the cookies are %v", left, res.SetCookies())
			}
			if log := a.Log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
				t.Errorf("the log has %s", log)
			}
		})
	}
}

// At the second of its expiry an access token is no reason any more to end a session over
// a callback's error.
func TestRefresh_StaleFromTheSecondOfExpiry(t *testing.T) {
	fails := false
	change := func(c *apptest.OpenIDConfig) {
		c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.OpenIDToken, apptest.Session]) (*apptest.Session, error) {
			if fails {
				return nil, apptest.ErrDown
			}
			return p.Session, nil
		}
	}
	for _, bearer := range []bool{false, true} {
		for left, status := range map[time.Duration]int{time.Second: http.StatusUnauthorized, 0: http.StatusServiceUnavailable} {
			a := apptest.NewOpenIDApp(t, change)
			onWholeSecond(a.Clock)
			fails = false
			a.SignIn()
			fails = true
			a.IDP.SetFaults(hostile.RefreshServerError)
			a.Clock.Advance(5*time.Minute - left)
			req := a.Request("GET", "/private", "", "")
			client := a
			if bearer {
				client = a.Another()
				req.Header.Set("Authorization", "Bearer "+a.Cookie(apptest.SessionCookie))
			}
			if got := client.Do(req).StatusCode; got != status {
				t.Errorf("bearer %t, %v left: Require answers %d, want %d", bearer, left, got, status)
			}
		}
	}
}

// Without a refresh token, or after the provider was removed, there is nothing to ask.
func TestRefresh_NothingToRefreshWith(t *testing.T) {
	for name, removed := range map[string]bool{"no refresh token": false, "provider removed": true} {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
				if !removed {
					c.Providers[0].Scopes = []string{"openid", "profile", "email"}
				}
			})
			a.SignIn()
			b := a
			if removed {
				b = apptest.NewReplica(t, a.IDP, a.Clock, func(c *apptest.OpenIDConfig) {
					c.Providers = []provider.Provider{provider.Credentials(apptest.Authorize)}
				})
				b.SetCookie(apptest.SessionCookie, a.Cookie(apptest.SessionCookie))
			}
			b.Clock.Advance(6 * time.Minute)
			if got := b.Get("/private").StatusCode; got != http.StatusOK {
				t.Errorf("Require answers %d", got)
			}
			if got := b.Get("/api").StatusCode; got != http.StatusBadGateway || a.Refreshes() != 0 {
				t.Errorf("AccessToken lets the handler answer %d after %d token requests", got, a.Refreshes())
			}
			if log := b.Log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
				t.Errorf("the log has %s", log)
			}
		})
	}
}

// The client leaves while the provider is asked: no callback runs for it.
func TestRefresh_ClientLeavesMeanwhile(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		ran := 0
		a := apptest.NewOpenIDApp(t, delaysRefreshes(t, 5*time.Second), func(c *apptest.OpenIDConfig) {
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.OpenIDToken]) (*apptest.OpenIDToken, error) {
				ran++
				return p.Token, nil
			}
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		leave, serve := a.Cancelable("GET", "/me", "")
		time.AfterFunc(time.Second, leave)
		ran = 0
		start := time.Now()
		serve()
		if took := time.Since(start); took != time.Second || ran != 0 {
			t.Errorf("the request takes %v of the bubble, with %d callbacks", took, ran)
		}
		time.Sleep(5 * time.Second)
		if a.AccessToken() == "" || a.Refreshes() != 1 {
			t.Errorf("%d token requests", a.Refreshes())
		}
	})
}

// newAdoptingReplica returns the browsers of an application that moves sessions into a
// store, each with the sealed cookie of one session, whose access token has expired.
func newAdoptingReplica(t *testing.T, s *apptest.Store, browsers int) (list []*apptest.OpenIDApp) {
	old := apptest.NewOpenIDApp(t)
	old.SignIn()
	a := apptest.NewReplica(t, old.IDP, old.Clock, func(c *apptest.OpenIDConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store, c.Session.AdoptCookies = s, true
	})
	for range browsers {
		b := a.Another()
		b.SetCookie(apptest.SessionCookie, old.Cookie(apptest.SessionCookie))
		list = append(list, b)
	}
	old.Clock.Advance(6 * time.Minute)
	return list
}

// Two requests with the sealed cookie come while the store creates the session.
func TestAdopt_RefreshOfTwoRequestsAtOnce(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		s := apptest.NewStore()
		browsers := newAdoptingReplica(t, s, 2)
		create := make(chan struct{})
		s.RunBefore("CreateSession", func() { <-create })
		var tokens, cookies [2]string
		var wg sync.WaitGroup
		for i, b := range browsers {
			wg.Go(func() {
				tokens[i] = b.AccessToken()
				cookies[i] = b.Cookie(apptest.SessionCookie)
			})
		}
		synctest.Wait()
		close(create)
		wg.Wait()
		if tokens[0] == "" || tokens[0] != tokens[1] || browsers[0].Refreshes() != 1 {
			t.Errorf("the access tokens are %q after %d token requests", tokens, browsers[0].Refreshes())
		}
		if cookies[0] != cookies[1] || strings.Contains(cookies[0], ".") {
			t.Errorf("the cookies are %.40q", cookies)
		}
		if log := browsers[0].Log.String(); strings.Contains(log, "level=ERROR") {
			t.Errorf("the log has %s", log)
		}
	})
}

// The user is signed out everywhere while the session moves into the store.
func TestAdopt_RevokedBeforeRefresh(t *testing.T) {
	s := apptest.NewStore()
	a := newAdoptingReplica(t, s, 1)[0]
	s.RunBefore("CreateSession", func() {
		if err := revokeSessions(context.Background(), a.Auth, a.IDP.Sessions()[0].Subject); err != nil {
			t.Error(err)
		}
	})
	res := a.Get("/private")
	if res.StatusCode != http.StatusUnauthorized || a.Refreshes() != 0 {
		t.Errorf("Require answers %d after %d token requests", res.StatusCode, a.Refreshes())
	}
	if log := a.Log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("the log has %s", log)
	}
}

// A session that is in the store is refreshed there with one write.
func TestAdopt_RefreshOfStoredSessionIsOneWrite(t *testing.T) {
	s := apptest.NewStore()
	a := newAdoptingReplica(t, s, 1)[0]
	if a.AccessToken() == "" {
		t.Fatal("not refreshed")
	}
	a.Clock.Advance(6 * time.Minute)
	s.Calls()
	if a.AccessToken() == "" || a.Refreshes() != 2 {
		t.Errorf("%d token requests", a.Refreshes())
	}
	writes := slices.DeleteFunc(s.Calls(), func(call string) bool { return call == "FindSession" || call == "Marked" })
	if !slices.Equal(writes, []string{"ReplaceSession"}) {
		t.Errorf("a refresh writes by %v", writes)
	}
}

// What a callback changes in the request that refreshes is saved at once: the request has
// the record that the refresh has written.
func TestRefresh_ThenCallbackChanges(t *testing.T) {
	for _, storage := range []string{"cookie", "memory"} {
		ran, note := 0, ""
		a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages[storage], func(c *apptest.OpenIDConfig) {
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.OpenIDToken]) (*apptest.OpenIDToken, error) {
				ran++
				p.Token.Note = note
				return p.Token, nil
			}
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		ran, note = 0, "changed"
		first := a.AccessToken()
		if first == "" || ran != 1 || a.Refreshes() != 1 {
			t.Errorf("%s: the token is %q after %d callbacks and %d token requests", storage, first, ran, a.Refreshes())
		}
		if got := a.AccessToken(); got != first || a.Refreshes() != 1 {
			t.Errorf("%s: the next request has the token %q, want %q", storage, got, first)
		}
	}
}

// The access token is valid for ten more seconds when the provider ends the session.
func TestAccessToken_RefusedWhileValid(t *testing.T) {
	for name, storage := range apptest.OpenIDStorages {
		a := apptest.NewOpenIDApp(t, storage)
		var token string
		var got error
		a.Router.POST("/late", func(c *gin.Context) {
			a.Clock.Advance(4*time.Minute + 50*time.Second)
			token, got = a.Auth.AccessToken(c)
		})
		a.SignIn()
		a.IDP.SetFaults(hostile.RefreshInvalidGrant)
		if a.Post("/late", nil); token != "" || !errors.Is(got, nuxtauth.ErrNoAccessToken) {
			t.Errorf("%s: AccessToken returns %q, %v", name, token, got)
		}
	}
}

// At the second of its expiry an access token is not handed out any more.
func TestAccessToken_UntilTheSecondOfExpiry(t *testing.T) {
	for left, status := range map[time.Duration]int{time.Second: http.StatusOK, 0: http.StatusBadGateway} {
		a := apptest.NewOpenIDApp(t)
		onWholeSecond(a.Clock)
		a.SignIn()
		a.IDP.SetFaults(hostile.RefreshServerError)
		a.Clock.Advance(5*time.Minute - left)
		if got := a.Get("/api").StatusCode; got != status {
			t.Errorf("%v left: AccessToken lets the handler answer %d, want %d", left, got, status)
		}
	}
}
