package session_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// atRefresh is a transport that is called before each request with a refresh
// token.
type atRefresh func()

func (f atRefresh) RoundTrip(r *http.Request) (*http.Response, error) {
	if isRefresh(r) {
		f()
	}
	return http.DefaultTransport.RoundTrip(r)
}

func isRefresh(r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, "/token") {
		return false
	}
	body, _ := r.GetBody()
	b, _ := io.ReadAll(body)
	return strings.Contains(string(b), "grant_type=refresh_token")
}

func TestRefresh_BeforeExpiry(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		var seen []string
		a := apptest.NewOpenIDApp(t, storage, func(c *apptest.OpenIDConfig) {
			c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.OpenIDToken, apptest.Session]) (*apptest.Session, error) {
				seen = append(seen, p.Token.AccessToken)
				return p.Session, nil
			}
		})
		a.SignIn()
		last := a.AccessToken()
		if last == "" || a.AccessToken() != last || a.Refreshes() != 0 {
			t.Fatalf("access token %q after %d refreshes", last, a.Refreshes())
		}
		for round := 1; round <= 4; round++ { // each with the refresh token of the round before
			a.Clock.Advance(4*time.Minute + 45*time.Second)
			token := a.AccessToken()
			if token == "" || token == last || a.Refreshes() != round {
				t.Fatalf("round %d: %q after %q, %d refreshes", round, token, last, a.Refreshes())
			}
			if seen[len(seen)-1] != token {
				t.Error("the Session callback gets an older access token")
			}
			last = token
		}
		if body := a.Get("/api/auth/session").Text; strings.Contains(body, last) {
			t.Errorf("the browser gets the access token: %s", body)
		}
	})
}

func TestRefresh_OncePerSession(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		a := apptest.NewOpenIDApp(t, storage)
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		tokens := make([]string, 50)
		var wg sync.WaitGroup
		for i := range tokens {
			b := a.Copy()
			wg.Go(func() { tokens[i] = b.AccessToken() })
		}
		wg.Wait()
		if distinct := slices.Compact(tokens); len(distinct) != 1 || distinct[0] == "" || a.Refreshes() != 1 {
			t.Errorf("%d different tokens, %d token requests", len(distinct), a.Refreshes())
		}
	})
}

func TestRefresh_OnceForReplicas(t *testing.T) {
	first := apptest.NewOpenIDApp(t)
	shared := store.NewMemory(store.MemoryOptions{Now: first.Clock.Now})
	share := func(c *apptest.OpenIDConfig) { c.Session.Store = shared }
	one := apptest.NewReplica(t, first.IDP, first.Clock, share)
	two := apptest.NewReplica(t, first.IDP, first.Clock, share)
	one.SignIn()
	two.SetCookie(apptest.SessionCookie, one.Cookie(apptest.SessionCookie))
	one.Clock.Advance(6 * time.Minute)
	var mu sync.Mutex
	tokens := make(map[string]int)
	var wg sync.WaitGroup
	for range 20 {
		for _, replica := range []*apptest.OpenIDApp{one, two} {
			wg.Go(func() {
				token := replica.AccessToken()
				mu.Lock()
				defer mu.Unlock()
				tokens[token]++
			})
		}
	}
	wg.Wait()
	if len(tokens) != 1 || tokens[""] != 0 || one.Refreshes() != 1 {
		t.Errorf("tokens %v, %d token requests", tokens, one.Refreshes())
	}
}

func TestRefresh_OldCookieIsServed(t *testing.T) {
	a := apptest.NewOpenIDApp(t)
	a.SignIn()
	late := a.Copy() // with the old refresh token
	a.Clock.Advance(6 * time.Minute)
	token := a.AccessToken()
	a.Clock.Advance(2 * time.Minute)
	if got := late.AccessToken(); got != token || a.Refreshes() != 1 {
		t.Errorf("the late request got %q, not %q, after %d token requests", got, token, a.Refreshes())
	}
}

func TestRefresh_TokenNotRotated(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		a := apptest.NewOpenIDApp(t, storage)
		a.IDP.SetFaults(hostile.RefreshNotRotated)
		a.SignIn()
		last := a.AccessToken()
		for round := 1; round <= 3; round++ {
			a.Clock.Advance(5 * time.Minute)
			token := a.AccessToken()
			if token == "" || token == last || a.Refreshes() != round {
				t.Fatalf("round %d: %q after %d token requests", round, token, a.Refreshes())
			}
			last = token
		}
	})
}

func TestRefresh_SkipsSealedBearer(t *testing.T) {
	a := apptest.NewOpenIDApp(t)
	a.SignIn()
	bearer := a.Another()
	ask := func() apptest.Response {
		req := bearer.Request("GET", "/api", "", "")
		req.Header.Set("Authorization", "Bearer "+a.Cookie(apptest.SessionCookie))
		return bearer.Do(req)
	}
	if ask().StatusCode != http.StatusOK {
		t.Fatal("a fresh token is refused")
	}
	a.Clock.Advance(6 * time.Minute)
	if res := ask(); res.StatusCode != http.StatusBadGateway || a.Refreshes() != 0 {
		t.Errorf("%d, %d token requests: there is no cookie for the new refresh token", res.StatusCode, a.Refreshes())
	}
}

func TestRefresh_ConcurrentUpdateIsSaved(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	a.Router.GET("/note", func(c *gin.Context) { c.String(http.StatusOK, a.Auth.Token(c).Note) })
	a.SignIn()
	a.Clock.Advance(6 * time.Minute)
	s.RunBefore("ReplaceSession", func() {
		r, err := s.Memory.FindSession(context.Background(), a.Cookie(apptest.SessionCookie))
		if err != nil {
			t.Error(err)
			return
		}
		r.Claims = []byte(strings.Replace(string(r.Claims), "{", `{"note":"saved",`, 1))
		if _, err := s.Memory.ReplaceSession(context.Background(), a.Cookie(apptest.SessionCookie), r); err != nil {
			t.Error(err)
		}
	})
	if a.AccessToken() == "" || a.Refreshes() != 1 {
		t.Errorf("%d token requests", a.Refreshes())
	}
	if got := a.Get("/note").Text; got != "saved" {
		t.Errorf("the other change is %q", got)
	}
	a.Clock.Advance(6 * time.Minute)
	if a.AccessToken() == "" {
		t.Error("the new refresh token was lost")
	}
}

func TestRefresh_CompletesWhenClientLeaves(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		reached, opened := make(chan struct{}), make(chan struct{})
		a := apptest.NewOpenIDApp(t, storage, func(c *apptest.OpenIDConfig) {
			c.HTTPClient = &http.Client{Transport: atRefresh(func() { reached <- struct{}{}; <-opened })}
		})
		a.SignIn()
		a.Clock.Advance(6 * time.Minute)
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() {
			defer close(left)
			req := a.Request("GET", "/api", "", "").WithContext(ctx)
			if res, err := a.Client.Do(req); err == nil {
				res.Body.Close()
			}
		}()
		<-reached
		leave()
		<-left
		close(opened)
		if a.AccessToken() == "" || a.Refreshes() != 1 {
			t.Errorf("no token after %d token requests", a.Refreshes())
		}
	})
}

func TestRefresh_ExpiredResultIsRefreshed(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		c := apptest.NewClock()
		idp := authtest.IDPConfig{SigningAlgorithm: "ES256", Users: authtest.DefaultUsers(), AccessTokenLifetime: time.Minute, Now: c.Now}.Start(t)
		a := apptest.NewReplica(t, idp, c, storage, func(cfg *apptest.OpenIDConfig) {
			cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.OpenIDToken, apptest.Session]) (*apptest.Session, error) {
				if !p.Token.AccessTokenExpires.Time().After(c.Now()) {
					return nil, errors.New("the API answers 401")
				}
				return p.Session, nil
			}
		})
		a.SignIn()
		late := a.Copy() // does not get the new cookie
		a.Clock.Advance(2 * time.Minute)
		if a.AccessToken() == "" {
			t.Fatal("not refreshed")
		}
		a.Clock.Advance(2 * time.Minute)
		if late.Session() == nil {
			t.Error("the callbacks got an expired access token, and the session ended")
		}
	})
}

func TestRefresh_EndedSessionStaysEnded(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	a.SignIn()
	a.Clock.Advance(6 * time.Minute)
	s.RunBefore("ReplaceSession", func() { a.Auth.RevokeSessions(context.Background(), a.IDP.Sessions()[0].Subject) })
	if res := a.Get("/private"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("an ended session passes Require: %d", res.StatusCode)
	}
}
