package nuxtauth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
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
	a.router.Use(auth.Handler())
	a.router.GET("/me", func(c *gin.Context) { c.String(http.StatusOK, "%t", auth.Session(c) != nil) })
	a.router.GET("/private", auth.Require(), func(*gin.Context) {})
	a.cookies, err = auth.Issue(t.Context(), &fragileToken{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, Text: issued})
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

// GetToken has no middleware around it.
func TestGetToken_PanicOfReaderIsError(t *testing.T) {
	a := newFragileApp(t, panicsRead, func(*nuxtauth.SessionConfig) {})
	req, _ := apptest.NewRequest("GET", "/", a.cookies)
	_, err := nuxtauth.GetToken[fragileToken](req, nuxtauth.TokenOptions{Secret: apptest.Secret, URL: "http://localhost:3000"})
	if !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
