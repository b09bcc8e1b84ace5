package session_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// answers are the members of the answers of a token endpoint: to the code of a
// sign-in, which is request 0, and to the refresh tokens after it.
type answers func(request int) map[string]any

// newAnsweringApp starts an application with an OAuth 2 provider, "oauth", that
// takes each code and refresh token. refreshes counts the latter.
func newAnsweringApp(t *testing.T, answer answers, change ...func(*apptest.OpenIDConfig)) (a *apptest.OpenIDApp, refreshes func() int) {
	var mu sync.Mutex
	requests := 0
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		members := map[string]any{"access_token": fmt.Sprint("access ", requests), "token_type": "Bearer", "refresh_token": fmt.Sprint("refresh ", requests)}
		maps.Copy(members, answer(requests))
		requests++
		if err := json.MarshalWrite(w, members); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`{"id":"1","name":"Alice"}`)) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	p := provider.OAuth2(provider.Provider{
		ID: "oauth", ClientID: "client", ClientSecret: "secret",
		AuthorizationURL: srv.URL + "/authorize", TokenURL: srv.URL + "/token", UserinfoURL: srv.URL + "/me",
	})
	change = append([]func(*apptest.OpenIDConfig){func(c *apptest.OpenIDConfig) { c.Providers = []provider.Provider{p} }}, change...)
	a = apptest.NewOpenIDApp(t, change...)
	to, err := url.Parse(a.Start("oauth"))
	if err != nil {
		t.Fatal(err)
	}
	if a.Get("/api/auth/callback/oauth?code=x&state=" + to.Query().Get("state")); a.Session() == nil {
		t.Fatalf("not signed in: %s", a.Log)
	}
	return a, func() int { mu.Lock(); defer mu.Unlock(); return requests - 1 }
}

// A time in milliseconds, say, is not taken for one in seconds.
func TestRefresh_AbsurdExpiryIsUnknown(t *testing.T) {
	now := time.Now().Unix()
	for name, tt := range map[string]struct {
		answer map[string]any
		want   int64
	}{
		"1e15":            {map[string]any{"expires_at": int64(1e15)}, 0},
		"milliseconds":    {map[string]any{"expires_at": now * 1000}, 0},
		"as a string":     {map[string]any{"expires_at": fmt.Sprint(now * 1000)}, 0},
		"the largest":     {map[string]any{"expires_at": int64(1<<63 - 1)}, 0},
		"beyond integers": {map[string]any{"expires_at": 1e30}, 0},
		"seconds":         {map[string]any{"expires_at": now + 3600}, now + 3600},
		"none":            {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var account, kept int64
			a, refreshes := newAnsweringApp(t, func(int) map[string]any { return tt.answer }, func(c *apptest.OpenIDConfig) {
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.OpenIDToken]) (*apptest.OpenIDToken, error) {
					if p.Account != nil {
						account, kept = p.Account.ExpiresAt, int64(p.Token.AccessTokenExpires)
					}
					return p.Token, nil
				}
			})
			if account != tt.want || kept != tt.want {
				t.Errorf("the account expires at %d, the token at %d, want %d", account, kept, tt.want)
			}
			if got := a.AccessToken(); got != "access 0" {
				t.Errorf("the access token is %q", got)
			}
			if a.Clock.Advance(time.Minute); a.AccessToken() != "access 0" || refreshes() != 0 {
				t.Errorf("a minute later there are %d token requests", refreshes())
			}
		})
	}
}

func TestRefresh_UnknownExpiryIsNotRefreshed(t *testing.T) {
	a, refreshes := newAnsweringApp(t, func(int) map[string]any { return nil })
	for range 3 {
		a.Clock.Advance(20 * time.Hour)
		if got := a.AccessToken(); got != "access 0" || refreshes() != 0 {
			t.Errorf("access token %q after %d token requests", got, refreshes())
		}
	}
}

// The clock of the provider is wrong.
func TestRefresh_ExpiredAnswersAreBounded(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		a, refreshes := newAnsweringApp(t, func(request int) map[string]any {
			if request == 0 {
				return map[string]any{"expires_in": 60}
			}
			return map[string]any{"expires_at": time.Now().Add(-time.Hour).Unix()}
		}, storage)
		a.Clock.Advance(2 * time.Minute)
		if res := a.Get("/api"); res.StatusCode != http.StatusBadGateway && res.StatusCode != http.StatusUnauthorized {
			t.Errorf("AccessToken lets the handler answer %d %s", res.StatusCode, res.Text)
		}
		if n := refreshes(); n == 0 || n > 10 { // five for the session, and five for AccessToken
			t.Errorf("one request sent %d token requests", n)
		}
	})
}

func TestRefresh_TooLargeAnswerIsLogged(t *testing.T) {
	for _, size := range []int{30_000, 32 << 10} {
		a, _ := newAnsweringApp(t, func(request int) map[string]any {
			if request == 0 {
				return map[string]any{"expires_in": 60}
			}
			return map[string]any{"expires_in": 3600, "access_token": strings.Repeat("x", size)}
		})
		before := a.Cookie(apptest.SessionCookie)
		a.Clock.Advance(2 * time.Minute)
		if res := a.Get("/me"); res.Text == "null" {
			t.Errorf("%d bytes: signed out", size)
		}
		if a.Cookie(apptest.SessionCookie) != before {
			t.Errorf("%d bytes: the cookie changed", size)
		}
		if log := a.Log.String(); strings.Count(log, "too large for cookies") != 1 {
			t.Errorf("%d bytes: the log has not one line for it: %.500s", size, log)
		}
	}
}

func TestAccessToken_ProviderGaveNone(t *testing.T) {
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		c.Providers = append(c.Providers, provider.Credentials(func(context.Context, url.Values) (*provider.User, error) {
			return &provider.User{ID: "1", Name: "Ada"}, nil
		}))
	})
	var token string
	var got error
	a.Router.GET("/token", func(c *gin.Context) { token, got = a.Auth.AccessToken(c) })
	a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace"))
	if a.Get("/token"); token != "" || !errors.Is(got, nuxtauth.ErrNoAccessToken) {
		t.Errorf("AccessToken returns %q, %v", token, got)
	}
}

// A token that no session takes is a fault of the provider, which ends no session.
func TestRefresh_OversizedTokenEndsNoSession(t *testing.T) {
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		t.Run(name, func(t *testing.T) {
			apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
				a, refreshes := newAnsweringApp(t, func(request int) map[string]any {
					if request == 1 {
						return map[string]any{"expires_in": 3600, name: strings.Repeat("x", 32<<10+1)}
					}
					return map[string]any{"expires_in": 60}
				}, storage)
				a.Clock.Advance(50 * time.Second)
				if got := a.AccessToken(); got != "access 0" || refreshes() != 1 || a.Session() == nil {
					t.Errorf("access token %.20q after %d token requests", got, refreshes())
				}
				a.Clock.Advance(20 * time.Second)
				if got := a.AccessToken(); got != "access 2" || a.Session() == nil {
					t.Errorf("after the fault the access token is %.20q", got)
				}
				if log := a.Log.String(); !strings.Contains(log, name+" has 32769 bytes") {
					t.Errorf("the log does not name it: %.500s", log)
				}
			})
		})
	}
}
