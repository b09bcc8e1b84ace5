package nuxtauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// A fragile text panics when it is written, or read, if it says so.
type fragile string

const (
	panicsWritten fragile = "panics when it is written"
	panicsRead    fragile = "panics when it is read"
)

func (f fragile) MarshalText() ([]byte, error) {
	if f == panicsWritten {
		panic("a bug of the application")
	}
	return []byte(f), nil
}

func (f *fragile) UnmarshalText(b []byte) error {
	if string(b) == string(panicsRead) {
		panic("a bug of the application")
	}
	*f = fragile(b)
	return nil
}

// A fragileObject is the same for MarshalJSON.
type fragileObject struct{ Text fragile }

func (f fragileObject) MarshalJSON() ([]byte, error) {
	b, err := f.Text.MarshalText()
	return []byte(`{"text":"` + string(b) + `"}`), err
}

type fragileToken struct {
	nuxtauth.DefaultJWT
	Text fragile `json:"text,omitzero"`
}

type fragileSession struct {
	nuxtauth.DefaultSession[nuxtauth.DefaultUser]
	Text   fragile       `json:"text,omitzero"`
	Object fragileObject `json:"object,omitzero"`
}

// A fragileApp is an application with these types. The clock is a minute ahead of
// its cookies, so that GET /session renews them.
type fragileApp struct {
	*testing.T
	router  *gin.Engine
	cookies []*http.Cookie
	log     *bytes.Buffer
	token   func(*fragileToken)   // in the JWT callback
	session func(*fragileSession) // in the Session callback
}

func newFragileApp(t *testing.T, issued fragile, storage func(*nuxtauth.SessionConfig)) *fragileApp {
	a := &fragileApp{T: t, router: gin.New(), log: new(bytes.Buffer), token: func(*fragileToken) {}, session: func(*fragileSession) {}}
	clock := apptest.NewClock()
	cfg := nuxtauth.Config[fragileToken, fragileSession]{
		Secret: apptest.Secret, URL: "http://localhost:3000", Now: clock.Now,
		Providers: []provider.Provider{provider.Credentials(apptest.Authorize)},
		Logger:    slog.New(slog.NewTextHandler(a.log, nil)),
		Callbacks: nuxtauth.Callbacks[fragileToken, fragileSession]{
			JWT: func(_ context.Context, p nuxtauth.JWTParams[fragileToken]) (*fragileToken, error) {
				a.token(p.Token)
				return p.Token, nil
			},
			Session: func(_ context.Context, p nuxtauth.SessionParams[fragileToken, fragileSession]) (*fragileSession, error) {
				a.session(p.Session)
				return p.Session, nil
			},
		},
	}
	storage(&cfg.Session)
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.router.Use(auth.Middleware())
	a.router.GET("/me", func(c *gin.Context) { c.String(http.StatusOK, "%t", auth.Session(c) != nil) })
	a.router.GET("/private", auth.Require(), func(*gin.Context) {})
	a.cookies, err = apptest.Cookies(auth.Issue(t.Context(), &fragileToken{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, Text: issued}))
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Minute)
	return a
}

// get sends a request and checks that no panic leaves the middleware. The browser
// takes the cookies of the response.
func (a *fragileApp) get(path string) apptest.Response {
	a.Helper()
	req, rec := apptest.NewRequest("GET", path, a.cookies)
	func() {
		defer func() {
			if v := recover(); v != nil {
				a.Errorf("GET %s: a panic leaves the middleware: %v; cookies so far: %q", path, v, rec.Header()["Set-Cookie"])
			}
		}()
		a.router.ServeHTTP(rec, req)
	}()
	res := apptest.Recorded(rec)
	for _, c := range res.Cookies() {
		if c.Name == apptest.SessionCookie {
			a.cookies = []*http.Cookie{c}
		}
	}
	return res
}

// panicked checks that the log has one stack, and empties it.
func (a *fragileApp) panicked() {
	a.Helper()
	if n := strings.Count(a.log.String(), "stack="); n != 1 {
		a.Errorf("the log has %d stacks: %s", n, a.log)
	}
	a.log.Reset()
}

var fragileStorages = map[string]func(*nuxtauth.SessionConfig){
	"cookie": func(*nuxtauth.SessionConfig) {},
	"cached": func(c *nuxtauth.SessionConfig) { c.CacheFor = time.Minute },
	"memory": func(c *nuxtauth.SessionConfig) { c.Store = store.NewMemory(store.MemoryOptions{}) },
}

func TestSessionType_PanicInJSONShowsNoSession(t *testing.T) {
	for name, set := range map[string]func(*fragileSession){
		"MarshalText": func(s *fragileSession) { s.Text = panicsWritten },
		"MarshalJSON": func(s *fragileSession) { s.Object.Text = panicsWritten },
	} {
		for where, storage := range fragileStorages {
			t.Run(name+", "+where, func(t *testing.T) {
				a := newFragileApp(t, "", storage)
				a.session = set
				res := a.get("/api/auth/session")
				if res.StatusCode != http.StatusOK || res.Text != "{}" || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
					t.Errorf("GET session answers %d %s %q", res.StatusCode, res.Header.Get("Content-Type"), res.Text)
				}
				a.panicked()
				a.session = func(*fragileSession) {}
				if res := a.get("/me"); res.Text != "true" {
					t.Errorf("the session ended: %s", res.Text)
				}
			})
		}
	}
}

// What a JWT callback has put into the token can't be written: the request goes on,
// and the session stays as it was.
func TestTokenType_PanicInJSONKeepsSession(t *testing.T) {
	for where, storage := range fragileStorages {
		for _, path := range []string{"/me", "/api/auth/session"} {
			t.Run(where+" "+path, func(t *testing.T) {
				a := newFragileApp(t, "", storage)
				a.token = func(t *fragileToken) { t.Text = panicsWritten }
				if res := a.get(path); res.StatusCode != http.StatusOK || slices.Contains(res.SetCookies(), apptest.SessionCookie+"=") || res.Text == "false" {
					t.Errorf("GET %s answers %d %s, and sets %v", path, res.StatusCode, res.Text, res.SetCookies())
				}
				if log := a.log.String(); !strings.Contains(log, "stack=") {
					t.Errorf("the log has no stack: %s", log)
				}
				a.token = func(*fragileToken) {}
				if res := a.get("/me"); res.Text != "true" {
					t.Errorf("the session ended: %s", res.Text)
				}
			})
		}
	}
}

// A token that can't be read because of a bug is not an invalid one.
func TestTokenType_PanicOfReaderIsFault(t *testing.T) {
	for where, storage := range fragileStorages {
		t.Run(where, func(t *testing.T) {
			a := newFragileApp(t, panicsRead, storage)
			for path, want := range map[string]string{"/me": "false", "/api/auth/session": "{}"} {
				if res := a.get(path); res.StatusCode != http.StatusOK || res.Text != want {
					t.Errorf("GET %s answers %d %s", path, res.StatusCode, res.Text)
				}
				a.panicked()
			}
			if res := a.get("/private"); res.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("Require answers %d", res.StatusCode)
			}
			if len(a.cookies) != 1 || a.cookies[0].MaxAge < 0 {
				t.Errorf("the session ended: %v", a.cookies)
			}
		})
	}
}

// A sign-out that can't tell which session ends is an error.
func TestSignOut_PanicOfReaderIsFault(t *testing.T) {
	for where, storage := range map[string]func(*nuxtauth.SessionConfig){
		"cookie":    func(*nuxtauth.SessionConfig) {},
		"deny-list": func(c *nuxtauth.SessionConfig) { c.DenyList = store.NewMemory(store.MemoryOptions{}) },
		"memory":    func(c *nuxtauth.SessionConfig) { c.Store = store.NewMemory(store.MemoryOptions{}) },
	} {
		a := newFragileApp(t, panicsRead, storage)
		csrf := a.get("/api/auth/csrf")
		token := strings.TrimSuffix(strings.TrimPrefix(csrf.Text, `{"csrfToken":"`), `"}`)
		req, rec := apptest.NewRequest("POST", "/api/auth/signout", append(csrf.Cookies(), a.cookies...))
		req.Header.Set("Content-Type", apptest.FormType)
		req.Body = io.NopCloser(strings.NewReader("csrfToken=" + token + "&json=true"))
		a.router.ServeHTTP(rec, req)
		if res := apptest.Recorded(rec); res.StatusCode != http.StatusServiceUnavailable || len(res.Cookies()) > 0 {
			t.Errorf("%s: the sign-out answers %d %s, %v", where, res.StatusCode, res.Text, res.Cookies())
		}
	}
}

// A Reader has no middleware around it.
func TestReader_PanicOfReaderIsError(t *testing.T) {
	a := newFragileApp(t, panicsRead, func(*nuxtauth.SessionConfig) {})
	req, _ := apptest.NewRequest("GET", "/", a.cookies)
	_, err := apptest.ReadToken[fragileToken](req, nuxtauth.ReaderConfig{Secret: apptest.Secret, URL: "http://localhost:3000"})
	if !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// A moodyText panics when it is read for the nth time.
type moodyText string

var moodyReads atomic.Int64 // until the panic

func (m *moodyText) UnmarshalText(b []byte) error {
	if moodyReads.Add(-1) == 0 {
		panic("a bug of the application")
	}
	*m = moodyText(b)
	return nil
}

type moodyToken struct {
	nuxtauth.DefaultJWT
	nuxtauth.ProviderTokens
	Text moodyText `json:"text,omitzero"`
}

// A panic after a refresh, when the stored token is read again, ends no session.
func TestTokenType_PanicAfterRefreshKeepsSession(t *testing.T) {
	clock := apptest.NewClock()
	idp := authtest.IDPConfig{SigningAlgorithm: "ES256", Users: authtest.DefaultUsers(), AccessTokenLifetime: 5 * time.Minute, Now: clock.Now}.Start(t)
	entry := idp.AsProvider("idp")
	entry.Scopes = []string{"openid", "offline_access"}
	auth, err := nuxtauth.New(nuxtauth.Config[moodyToken, apptest.Session]{
		Secret: apptest.Secret, URL: "http://localhost:3000", Providers: []provider.Provider{entry}, Now: clock.Now,
		Logger:  slog.New(slog.DiscardHandler),
		Session: nuxtauth.SessionConfig{Store: store.NewMemory(store.MemoryOptions{Now: clock.Now})},
		Callbacks: nuxtauth.Callbacks[moodyToken, apptest.Session]{JWT: func(_ context.Context, p nuxtauth.JWTParams[moodyToken]) (*moodyToken, error) {
			p.Token.Text = "x"
			return p.Token, nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
	reads := int64(0) // after which one panics
	r.GET("/me", func(c *gin.Context) { c.JSON(http.StatusOK, auth.Session(c)) })
	r.GET("/token", func(c *gin.Context) {
		clock.Advance(6 * time.Minute)
		moodyReads.Store(reads)
		_, _ = auth.AccessToken(c)
		c.JSON(http.StatusOK, auth.Token(c))
	})
	for reads = 1; reads <= 4; reads++ {
		for _, path := range []string{"/me", "/token"} {
			cookies := idpCookies(t, r, idp)
			get := func(path string) string {
				req, rec := apptest.NewRequest("GET", path, cookies)
				r.ServeHTTP(rec, req)
				res := apptest.Recorded(rec)
				for _, c := range res.Cookies() {
					if c.Name == apptest.SessionCookie {
						cookies = []*http.Cookie{c}
					}
				}
				return res.Text
			}
			if path == "/me" {
				clock.Advance(6 * time.Minute)
				moodyReads.Store(reads)
			}
			if token := get(path); path == "/token" && !strings.Contains(token, `"sub":`) {
				t.Errorf("%s, read %d: the request has the token %s", path, reads, token)
			}
			moodyReads.Store(0)
			if get("/me") == "null" {
				t.Errorf("%s: the panic of read %d has ended the session", path, reads)
			}
		}
	}
}

// idpCookies returns the session cookie after a sign-in with a provider.
func idpCookies(t *testing.T, r http.Handler, idp *authtest.IDP) (session []*http.Cookie) {
	var cookies []*http.Cookie
	do := func(req *http.Request) apptest.Response {
		for _, c := range cookies {
			req.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, req)
		res := apptest.Recorded(rec)
		cookies = append(cookies, res.Cookies()...)
		return res
	}
	var csrf struct{ CSRFToken string }
	if err := json.Unmarshal([]byte(do(httptest.NewRequest("GET", "/api/auth/csrf", nil)).Text), &csrf); err != nil {
		t.Fatal(err)
	}
	start := httptest.NewRequest("POST", "/api/auth/signin/idp", strings.NewReader("csrfToken="+csrf.CSRFToken))
	start.Header.Set("Content-Type", apptest.FormType)
	back := idp.SignIn(t, do(start).Header.Get("Location"), "alice")
	for _, c := range do(httptest.NewRequest("GET", back.URL.RequestURI(), nil)).Cookies() {
		if c.Name == apptest.SessionCookie {
			return []*http.Cookie{c}
		}
	}
	t.Fatal("there is no session")
	return nil
}

// A methodless zero value is no reason for New to panic.
type zeroPanics struct {
	nuxtauth.DefaultJWT
	Text alwaysPanics `json:"text"`
}

type alwaysPanics string

func (alwaysPanics) MarshalText() ([]byte, error) { panic("a bug of the application") }

func TestNew_PanicInJSONIsError(t *testing.T) {
	_, err := nuxtauth.New(nuxtauth.Config[zeroPanics, apptest.Session]{
		Secret: apptest.Secret, URL: "http://localhost:3000", Logger: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), "zeroPanics does not go through JSON") {
		t.Errorf("New returns %v", err)
	}
}

// A session that embeds the token would show it to the front end.
type sessionWithToken struct {
	*apptest.Token
	nuxtauth.DefaultSession[nuxtauth.DefaultUser]
}

func TestNew_SessionTypeWithTokenByPointer(t *testing.T) {
	_, err := nuxtauth.New(nuxtauth.Config[apptest.Token, sessionWithToken]{Secret: apptest.Secret, URL: "http://localhost:3000"})
	if err == nil || !strings.Contains(err.Error(), "by pointer") {
		t.Errorf("New returns %v", err)
	}
}
