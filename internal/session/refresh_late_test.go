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

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// The JWT callback makes the token too large for cookies in the request that
// refreshes it. Its change is lost, and the new refresh token is not.
func TestRefresh_SavedAlthoughCallbackOvergrows(t *testing.T) {
	for _, storage := range []string{"cookie", "deny-list"} {
		for name, path := range map[string]string{"middleware": "/me", "GET session": "/api/auth/session"} {
			t.Run(storage+", "+name, func(t *testing.T) {
				growing := false
				a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages[storage], func(c *apptest.OpenIDConfig) {
					c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.OpenIDToken]) (*apptest.OpenIDToken, error) {
						if growing {
							p.Token.Note = strings.Repeat("x", 40_000)
						}
						return p.Token, nil
					}
				})
				a.SignIn()
				a.Clock.Advance(6 * time.Minute)
				growing = true
				res := a.Get(path)
				growing = false
				if a.SessionIn(res) == nil || a.Refreshes() != 1 {
					t.Fatalf("%s after %d token requests", res.Text, a.Refreshes())
				}
				if !slices.Contains(res.SetCookies(), apptest.SessionCookie+"=") {
					t.Errorf("the answer sets %v", res.SetCookies())
				}
				if !strings.Contains(a.Log.String(), "too large for cookies") {
					t.Error("the log does not say that the token is too large")
				}
				a.Clock.Advance(6 * time.Minute) // the process has forgotten the answer of the provider
				if a.AccessToken() == "" || a.Session() == nil {
					t.Error("the new refresh token was lost")
				}
			})
		}
	}
}

// The provider keeps refresh tokens, so that its answers are needed for a short
// time alone.
func TestRefresh_KeptTokenIsUsedAgain(t *testing.T) {
	a := apptest.NewOpenIDApp(t)
	a.IDP.SetFaults(hostile.RefreshNotRotated)
	a.IDP.SetAccessTokenLifetime(time.Minute)
	a.SignIn()
	late := a.Copy()
	a.Clock.Advance(2 * time.Minute)
	first := a.AccessToken()
	a.Clock.Advance(11 * time.Second)
	if second := late.AccessToken(); second == "" || second == first || a.Refreshes() != 2 {
		t.Errorf("eleven seconds later an old cookie gets %q after %q, %d token requests", second, first, a.Refreshes())
	}
}

// lateApp is an application with a route that calls AccessToken six minutes after
// its session was loaded, before or after the body began.
func lateApp(t *testing.T, change ...func(*apptest.OpenIDConfig)) (a *apptest.OpenIDApp, result func() (string, error)) {
	a = apptest.NewOpenIDApp(t, change...)
	var token string
	var got error
	a.Router.POST("/late", func(c *gin.Context) {
		a.Clock.Advance(6 * time.Minute)
		if c.Query("body") != "" {
			c.String(http.StatusOK, "streaming")
		}
		token, got = a.Auth.AccessToken(c)
	})
	a.SignIn()
	return a, func() (string, error) { return token, got }
}

func TestAccessToken_RefreshesDuringRequest(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		a, result := lateApp(t, storage)
		before := a.AccessToken()
		res := a.Post("/late", nil)
		token, err := result()
		if err != nil || token == before || token == "" || a.Refreshes() != 1 {
			t.Errorf("AccessToken returns %q, %v after %d token requests", token, err, a.Refreshes())
		}
		if sealed := strings.Contains(a.Cookie(apptest.SessionCookie), "."); sealed && !slices.Contains(res.SetCookies(), apptest.SessionCookie+"=") {
			t.Errorf("the answer sets %v", res.SetCookies())
		}
		if got := a.AccessToken(); got != token || a.Refreshes() != 1 {
			t.Errorf("the next request has %q after %d token requests", got, a.Refreshes())
		}
		a.Clock.Advance(6 * time.Minute) // the process has forgotten the answer of the provider
		if a.AccessToken() == "" {
			t.Error("the new refresh token was lost")
		}
	})
}

// A session in its cookie can't be saved any more.
func TestAccessToken_RefreshesNoCookieAfterBody(t *testing.T) {
	for _, storage := range []string{"cookie", "deny-list"} {
		t.Run(storage, func(t *testing.T) {
			a, result := lateApp(t, apptest.OpenIDStorages[storage])
			a.Post("/late?body=begun", nil)
			if token, err := result(); token != "" || !errors.Is(err, nuxtauth.ErrNoAccessToken) || a.Refreshes() != 0 {
				t.Errorf("AccessToken returns %q, %v after %d token requests", token, err, a.Refreshes())
			}
			if a.AccessToken() == "" {
				t.Error("the refresh token was lost")
			}
		})
	}
}

func TestAccessToken_RevokedDuringRequest(t *testing.T) {
	for name, storage := range apptest.OpenIDStorages {
		for _, query := range []string{"", "?body=begun"} {
			t.Run(name+query, func(t *testing.T) {
				a, result := lateApp(t, storage)
				a.IDP.SetFaults(hostile.RefreshInvalidGrant)
				a.Post("/late"+query, nil)
				if token, err := result(); token != "" || !errors.Is(err, nuxtauth.ErrNoAccessToken) && !errors.Is(err, nuxtauth.ErrSignedOut) {
					t.Errorf("AccessToken returns %q, %v", token, err)
				}
			})
		}
	}
}

// A session of the store needs no cookie to be saved.
func TestAccessToken_RefreshesStoreAfterBody(t *testing.T) {
	for _, storage := range []string{"memory", "cached"} {
		t.Run(storage, func(t *testing.T) {
			a, result := lateApp(t, apptest.OpenIDStorages[storage])
			before := a.AccessToken()
			a.Post("/late?body=begun", nil)
			token, err := result()
			if err != nil || token == "" || token == before || a.Refreshes() != 1 {
				t.Errorf("AccessToken returns %q, %v after %d token requests", token, err, a.Refreshes())
			}
			if got := a.AccessToken(); got != token || a.Refreshes() != 1 {
				t.Errorf("the next request has %q after %d token requests", got, a.Refreshes())
			}
		})
	}
}
