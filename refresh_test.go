package nuxtauth_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// FreshToken keeps the provider's tokens.
type FreshToken struct {
	nuxtauth.DefaultJWT
	nuxtauth.ProviderTokens
	Note string `json:"note,omitzero"`
}

type freshConfig = nuxtauth.Config[FreshToken, Session]

// A freshApp has a provider whose access tokens are good for five minutes, and
// a route /api that answers with the access token.
type freshApp struct {
	*app
	auth *nuxtauth.Auth[FreshToken, Session]
	idp  *authtest.Provider
}

func newFreshApp(t *testing.T, change ...func(*freshConfig)) *freshApp {
	t.Helper()
	c := &clock{now: time.Now()}
	idp := authtest.ProviderConfig{Users: authtest.DefaultUsers(), AccessTokenLife: 5 * time.Minute, Now: c.Now}.Start(t)
	return newReplica(t, idp, c, change...)
}

func newReplica(t *testing.T, idp *authtest.Provider, c *clock, change ...func(*freshConfig)) *freshApp {
	t.Helper()
	a := &freshApp{app: &app{T: t, router: gin.New(), log: new(logBuffer), clock: c, client: newBrowser()}, idp: idp}
	srv := httptest.NewUnstartedServer(a.router)
	a.url = "http://" + srv.Listener.Addr().String()
	p := idp.AsProvider("idp")
	p.Scopes = []string{"openid", "profile", "email", "offline_access"}
	cfg := freshConfig{
		Secret: secret, URL: a.url, Providers: []provider.Provider{p}, Now: c.Now,
		Logger: slog.New(slog.NewTextHandler(a.log, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if a.auth, err = nuxtauth.New(cfg); err != nil {
		t.Fatal(err)
	}
	a.router.Use(a.auth.Handler())
	a.router.GET("/me", func(c *gin.Context) { c.JSON(http.StatusOK, c.MustGet("session").(*Session)) })
	a.router.GET("/private", a.auth.Require(), func(c *gin.Context) {})
	a.router.GET("/api", func(c *gin.Context) {
		switch token, err := a.auth.AccessToken(c); {
		case errors.Is(err, nuxtauth.ErrSignedOut):
			c.Status(http.StatusUnauthorized)
		case err != nil:
			c.String(http.StatusBadGateway, err.Error())
		default:
			c.String(http.StatusOK, token)
		}
	})
	srv.Start()
	t.Cleanup(srv.Close)
	return a
}

func (a *freshApp) signIn() {
	a.Helper()
	a.at(a.idp.SignIn(a.T, a.start("idp"), "alice"))
	if a.session() == nil {
		a.Fatal("not signed in")
	}
}

// refreshed counts the token requests with a refresh token.
func (a *freshApp) refreshed() (n int) {
	for _, r := range a.idp.Requests("/token") {
		if r.Form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}

// token asks the route /api for the access token, "" when there is none.
func (a *freshApp) token() string {
	if res := a.get("/api"); res.StatusCode == http.StatusOK {
		return res.body
	}
	return ""
}

var freshPlaces = map[string]func(*freshConfig){
	"cookie":    func(*freshConfig) {},
	"deny-list": func(c *freshConfig) { c.Session.DenyList = store.NewMemory(store.MemoryOptions{Now: c.Now}) },
	"memory":    func(c *freshConfig) { c.Session.Store = store.NewMemory(store.MemoryOptions{Now: c.Now}) },
	"cached": func(c *freshConfig) {
		c.Session.Store = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.CacheFor = 10 * time.Minute
	},
}

func freshEverywhere(t *testing.T, test func(t *testing.T, place func(*freshConfig))) {
	for name, place := range freshPlaces {
		t.Run(name, func(t *testing.T) { test(t, place) })
	}
}

func TestAccessTokensAreRefreshedBeforeTheyExpire(t *testing.T) {
	freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
		var seen []string
		a := newFreshApp(t, place, func(c *freshConfig) {
			c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[FreshToken, Session]) (*Session, error) {
				seen = append(seen, p.Token.AccessToken)
				return p.Session, nil
			}
		})
		a.signIn()
		last := a.token()
		if last == "" || a.token() != last || a.refreshed() != 0 {
			t.Fatalf("access token %q after %d refreshes", last, a.refreshed())
		}
		for round := 1; round <= 4; round++ { // each with the refresh token of the one before
			a.clock.advance(4*time.Minute + 45*time.Second)
			token := a.token()
			if token == "" || token == last || a.refreshed() != round {
				t.Fatalf("round %d: %q after %q, %d refreshes", round, token, last, a.refreshed())
			}
			if seen[len(seen)-1] != token {
				t.Error("the Session callback sees an older access token")
			}
			last = token
		}
		if body := a.get("/api/auth/session").body; strings.Contains(body, last) {
			t.Errorf("the access token reached the browser: %s", body)
		}
	})
}

func TestManyRequestsWithAnExpiredTokenRefreshOnce(t *testing.T) {
	freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
		a := newFreshApp(t, place)
		a.signIn()
		a.clock.advance(6 * time.Minute)
		tokens := make([]string, 50)
		var wg sync.WaitGroup
		for i := range tokens {
			b := &freshApp{app: a.copied(), idp: a.idp}
			wg.Go(func() { tokens[i] = b.token() })
		}
		wg.Wait()
		if distinct := slices.Compact(tokens); len(distinct) != 1 || distinct[0] == "" || a.refreshed() != 1 {
			t.Errorf("%d different tokens, %d token requests", len(distinct), a.refreshed())
		}
	})
}

func TestReplicasThatShareAStoreRefreshOnce(t *testing.T) {
	first := newFreshApp(t)
	shared := store.NewMemory(store.MemoryOptions{Now: first.clock.Now})
	share := func(c *freshConfig) { c.Session.Store = shared }
	one := newReplica(t, first.idp, first.clock, share)
	two := newReplica(t, first.idp, first.clock, share)
	one.signIn()
	two.setCookie(sessionCookie, one.cookie(sessionCookie))
	one.clock.advance(6 * time.Minute)
	var mu sync.Mutex
	tokens := make(map[string]int)
	var wg sync.WaitGroup
	for range 20 {
		for _, replica := range []*freshApp{one, two} {
			wg.Go(func() {
				token := replica.token()
				mu.Lock()
				defer mu.Unlock()
				tokens[token]++
			})
		}
	}
	wg.Wait()
	if len(tokens) != 1 || tokens[""] != 0 || one.refreshed() != 1 {
		t.Errorf("tokens %v, %d token requests", tokens, one.refreshed())
	}
}

func TestARequestWithTheOldCookieIsStillServed(t *testing.T) {
	a := newFreshApp(t)
	a.signIn()
	late := &freshApp{app: a.copied(), idp: a.idp} // its cookie has the old refresh token
	a.clock.advance(6 * time.Minute)
	token := a.token()
	a.clock.advance(2 * time.Minute)
	if got := late.token(); got != token || a.refreshed() != 1 {
		t.Errorf("the late request got %q, not %q, after %d token requests", got, token, a.refreshed())
	}
}

func TestARevokedRefreshTokenEndsTheSession(t *testing.T) {
	freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
		a := newFreshApp(t, place)
		a.signIn()
		before := &freshApp{app: a.copied(), idp: a.idp}
		a.clock.advance(6 * time.Minute)
		a.idp.SetFaults(authtest.RefreshInvalidGrant)
		res := a.get("/api/auth/session")
		if a.sessionIn(res) != nil || !slices.Contains(setCookies(res), sessionCookie+"-") {
			t.Errorf("session data: %s, cookies %v", res.body, setCookies(res))
		}
		a.idp.SetFaults()
		a.clock.advance(time.Minute)
		if a.session() != nil || a.token() != "" {
			t.Error("the session lives on")
		}
		if _, inCookie := freshPlaces["cookie"]; !inCookie && before.session() != nil {
			t.Error("a copy of the cookie is good")
		}
	})
}

func TestAProviderThatDoesNotRefreshEndsNoSession(t *testing.T) {
	for _, fault := range []authtest.Fault{
		authtest.RefreshServerError, authtest.RefreshInvalidClient, authtest.RefreshGarbage,
		authtest.RefreshWrongIssuer, authtest.RefreshWrongSubject, authtest.RefreshSlow,
	} {
		for name, place := range freshPlaces {
			t.Run(fault.String()+" "+name, func(t *testing.T) {
				t.Parallel() // one of them takes its time
				a := newFreshApp(t, place, func(c *freshConfig) {
					c.HTTPClient = &http.Client{Timeout: 2 * time.Second}
					if fault == authtest.RefreshSlow {
						c.HTTPClient.Timeout = 200 * time.Millisecond
					}
				})
				a.signIn()
				token := a.token()
				a.idp.SetFaults(fault, authtest.RefreshNotRotated) // one that was refused did not spend the refresh token

				a.clock.advance(4*time.Minute + 50*time.Second)
				if got := a.token(); got != token {
					t.Errorf("ten seconds before it expires the token is %q", got)
				}
				a.clock.advance(time.Minute)
				if res := a.get("/api"); res.StatusCode != http.StatusBadGateway {
					t.Errorf("with an expired token AccessToken lets the handler answer %d %s", res.StatusCode, res.body)
				}
				if a.session() == nil || a.get("/private").StatusCode != http.StatusOK {
					t.Error("the session ended")
				}
				if strings.Contains(a.log.String(), token) {
					t.Error("the log has a token")
				}

				a.idp.SetFaults()
				a.clock.advance(10 * time.Second)
				if got := a.token(); got == "" || got == token {
					t.Errorf("after the fault the token is %q", got)
				}
			})
		}
	}
}

func TestAProviderThatIsDownIsNotAskedByEveryRequest(t *testing.T) {
	a := newFreshApp(t)
	a.signIn()
	a.clock.advance(6 * time.Minute)
	a.idp.SetFaults(authtest.RefreshServerError)
	for range 10 {
		a.get("/me")
	}
	if n := a.refreshed(); n != 1 {
		t.Errorf("ten requests asked %d times", n)
	}
}

func TestACallbackThatFailsOverAStaleTokenEndsNoSession(t *testing.T) {
	freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
		a := newFreshApp(t, place, func(c *freshConfig) {
			c.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[FreshToken, Session]) (*Session, error) {
				if p.Token.AccessTokenExpires.Time().Before(c.Now()) {
					return nil, errors.New("the API answers 401")
				}
				return p.Session, nil
			}
		})
		a.signIn()
		a.clock.advance(6 * time.Minute)
		a.idp.SetFaults(authtest.RefreshServerError)
		if res := a.get("/private"); res.StatusCode != http.StatusServiceUnavailable || len(setCookies(res)) != 0 {
			t.Errorf("meanwhile: %d, cookies %v", res.StatusCode, setCookies(res))
		}
		a.idp.SetFaults()
		a.clock.advance(10 * time.Second)
		if a.session() == nil {
			t.Error("the user was signed out")
		}
	})
}

func TestANewRefreshTokenThatCouldNotBeStoredIsNotLost(t *testing.T) {
	s := newStore()
	a := newFreshApp(t, func(c *freshConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	a.signIn()
	a.clock.advance(6 * time.Minute)
	s.runBefore("Replace", func() { s.fail(errDown) })
	if a.token() != "" {
		t.Fatal("the store did not fail")
	}
	if a.session() != nil {
		t.Fatal("the store is not down")
	}
	s.fail(nil)
	a.clock.advance(10 * time.Second) // a fault is remembered for five
	if a.token() == "" || a.refreshed() != 1 {
		t.Errorf("no token after %d token requests", a.refreshed())
	}
	a.clock.advance(6 * time.Minute)
	if a.token() == "" || a.refreshed() != 2 {
		t.Errorf("the refresh token was lost")
	}
}

func TestARefreshAndAnUpdateAtOnceLoseNothing(t *testing.T) {
	s := newStore()
	a := newFreshApp(t, func(c *freshConfig) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	a.router.GET("/note", func(c *gin.Context) { c.String(http.StatusOK, a.auth.Token(c).Note) })
	a.signIn()
	a.clock.advance(6 * time.Minute)
	s.runBefore("Replace", func() {
		r, err := s.Memory.Find(context.Background(), a.cookie(sessionCookie))
		if err != nil {
			t.Error(err)
			return
		}
		r.Claims = []byte(strings.Replace(string(r.Claims), "{", `{"note":"kept",`, 1))
		if _, err := s.Memory.Replace(context.Background(), a.cookie(sessionCookie), r); err != nil {
			t.Error(err)
		}
	})
	if a.token() == "" || a.refreshed() != 1 {
		t.Errorf("%d token requests", a.refreshed())
	}
	if got := a.get("/note").body; got != "kept" {
		t.Errorf("the other change is %q", got)
	}
	a.clock.advance(6 * time.Minute)
	if a.token() == "" {
		t.Error("the new refresh token was lost")
	}
}

// atRefresh is called before each request for new tokens.
type atRefresh func()

func (f atRefresh) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/token") {
		body, _ := r.GetBody()
		if b, _ := io.ReadAll(body); strings.Contains(string(b), "grant_type=refresh_token") {
			f()
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestABrowserThatLeavesDoesNotLoseTheNewRefreshToken(t *testing.T) {
	freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
		reached, opened := make(chan struct{}), make(chan struct{})
		a := newFreshApp(t, place, func(c *freshConfig) {
			c.HTTPClient = &http.Client{Transport: atRefresh(func() { reached <- struct{}{}; <-opened })}
		})
		a.signIn()
		a.clock.advance(6 * time.Minute)
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() {
			defer close(left)
			req := a.request("GET", "/api", "", "").WithContext(ctx)
			if res, err := a.client.Do(req); err == nil {
				res.Body.Close()
			}
		}()
		<-reached
		leave()
		<-left
		close(opened)
		if a.token() == "" || a.refreshed() != 1 {
			t.Errorf("no token after %d token requests", a.refreshed())
		}
	})
}

func TestAProviderMayKeepItsRefreshTokens(t *testing.T) {
	freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
		a := newFreshApp(t, place)
		a.idp.SetFaults(authtest.RefreshNotRotated)
		a.signIn()
		last := a.token()
		for round := 1; round <= 3; round++ {
			a.clock.advance(5 * time.Minute)
			token := a.token()
			if token == "" || token == last || a.refreshed() != round {
				t.Fatalf("round %d: %q after %d token requests", round, token, a.refreshed())
			}
			last = token
		}
	})
}

func TestASealedBearerTokenIsNotRefreshed(t *testing.T) {
	a := newFreshApp(t)
	a.signIn()
	bearer := a.another()
	ask := func() response {
		req := bearer.request("GET", "/api", "", "")
		req.Header.Set("Authorization", "Bearer "+a.cookie(sessionCookie))
		return bearer.do(req)
	}
	if ask().StatusCode != http.StatusOK {
		t.Fatal("a fresh token is refused")
	}
	a.clock.advance(6 * time.Minute)
	if res := ask(); res.StatusCode != http.StatusBadGateway || a.refreshed() != 0 {
		t.Errorf("%d, %d token requests: nobody could keep the new refresh token", res.StatusCode, a.refreshed())
	}
}

func TestAccessTokenSaysWhyThereIsNone(t *testing.T) {
	a := newFreshApp(t)
	if res := a.get("/api"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out: %d", res.StatusCode)
	}
	b := newApp(t)
	var err error
	b.router.GET("/api", func(c *gin.Context) { _, err = b.auth.AccessToken(c) })
	b.signIn()
	if b.get("/api"); !errors.Is(err, nuxtauth.ErrNoAccessToken) || !strings.Contains(err.Error(), "embed nuxtauth.ProviderTokens") {
		t.Error(err)
	}
}
