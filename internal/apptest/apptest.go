// Package apptest is for tests only. It has the fixtures that several test packages of
// this module share: a small application on an HTTP server with a browser, an
// application with an OpenID provider, and a store with faults.
package apptest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

const (
	// Secret is the secret of all applications of this package.
	Secret = "a-secret-of-at-least-32-characters"
	// SessionCookie is the name of the session cookie on http, with the default protocol.
	SessionCookie = "next-auth.session-token"
	// FormType is the Content-Type of a posted form.
	FormType = "application/x-www-form-urlencoded"
)

// ErrDown is the error of a service that fails on demand.
var ErrDown = errors.New("the service is down")

// Main runs the tests of a package with Gin in test mode, and ends the process.
// It fails if goroutines that run code of this module are left after the tests.
// Each test package that uses apptest calls it from TestMain.
func Main(m *testing.M) {
	gin.SetMode(gin.TestMode)
	code := m.Run()
	if left := leaks(); left != "" {
		fmt.Fprintln(os.Stderr, "goroutines of this module are left after all tests:\n\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leaks returns the stacks of the goroutines that run code of this module, and waits up
// to 15 seconds for them to end.
func leaks() (left string) {
	const module = "github.com/nuxtauth/nuxtauth"
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); runtime.Gosched() {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		left = ""
		for _, g := range strings.Split(string(stacks), "\n\n")[1:] { // the first is this one
			if strings.Contains(g, module+".") || strings.Contains(g, module+"/") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
	}
	return left
}

// Token is the token type of an App.
type Token struct {
	nuxtauth.DefaultJWT
	SessionToken string `json:"sessionToken,omitzero"`
	Nickname     string `json:"nickname,omitzero"`
}

// User is the user in a Session.
type User struct {
	Name   string `json:"name"`
	Avatar string `json:"avatar"`
	Role   string `json:"role"`
}

// Session is the session type of all applications of this package.
type Session = nuxtauth.DefaultSession[User]

// Config is the configuration of an App.
type Config = nuxtauth.Config[Token, Session]

// App is an application with a credentials provider (ada, lovelace), and a browser.
type App struct {
	*Site
	Auth *nuxtauth.Auth[Token, Session]
}

// New starts an application with the route /me, which responds with the session. The
// functions change its configuration before.
func New(t *testing.T, change ...func(*Config)) *App {
	t.Helper()
	s, start := newSite(t, NewClock())
	cfg := Config{
		Secret:    Secret,
		URL:       s.URL,
		Providers: []provider.Provider{provider.Credentials(Authorize)},
		Logger:    slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:       s.Clock.Now,
	}
	for _, f := range change {
		f(&cfg)
	}
	cfg.HTTPClient = s.clientOf(cfg.HTTPClient)
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Router.Use(auth.Middleware())
	s.serveMe()
	start()
	return &App{Site: s, Auth: auth}
}

// Another returns the same application with a new browser.
func (a *App) Another() *App { return &App{Site: a.Site.another(), Auth: a.Auth} }

// Copy returns the same application with another browser that has the same cookies.
func (a *App) Copy() *App { return &App{Site: a.Site.copy(), Auth: a.Auth} }

// SignIn signs in as ada, as the client of nuxt-auth does.
func (a *App) SignIn() Response {
	a.Helper()
	form := a.CredentialsForm("ada", "lovelace")
	form.Set("callbackUrl", "/")
	res := a.Post("/api/auth/callback/credentials", form)
	if res.StatusCode != http.StatusOK || a.Cookie(SessionCookie) == "" && a.Cookie(SessionCookie+".0") == "" && a.Cookie("authjs.session-token") == "" {
		a.Fatalf("sign-in: status %d: %s", res.StatusCode, res.Text)
	}
	return res
}

// Authorize accepts ada with the password lovelace.
func Authorize(_ context.Context, form url.Values) (*provider.User, error) {
	if form.Get("username") != "ada" || form.Get("password") != "lovelace" {
		return nil, nil
	}
	return &provider.User{ID: "1", Name: "Ada Lovelace", Email: "ada@example.com", Image: "https://example.com/ada.png", AccessToken: "user-api-token"}, nil
}

// WriteAtEachRead gives an application a clock that advances with each call, so that each
// read of a session renews it. It comes before a store with this clock.
func WriteAtEachRead(c *Config) {
	start, seconds := time.Now(), new(atomic.Int64)
	c.Session.UpdateAge = time.Second
	c.Now = func() time.Time { return start.Add(time.Duration(seconds.Add(1)) * time.Second) }
}

// Enriched sets the callbacks of nuxt-auth's guide "Session data".
func Enriched(cfg *Config) {
	cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
		if p.Account != nil {
			p.Token.SessionToken = p.Account.AccessToken
		}
		return p.Token, nil
	}
	cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
		if p.Token.SessionToken != "user-api-token" {
			return nil, fmt.Errorf("no such session: %q", p.Token.SessionToken)
		}
		p.Session.User.Avatar, p.Session.User.Role = "/ada.svg", "admin"
		return p.Session, nil
	}
}

// NewAuth returns an Auth at http://localhost:3000 with a credentials provider, for
// tests without a server.
func NewAuth(t *testing.T, change ...func(*Config)) *nuxtauth.Auth[Token, Session] {
	t.Helper()
	cfg := Config{
		Secret: Secret, URL: "http://localhost:3000", Providers: []provider.Provider{provider.Credentials(Authorize)},
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&cfg)
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// NewRouter returns a router with the middleware of auth.
func NewRouter(auth *nuxtauth.Auth[Token, Session]) *gin.Engine {
	r := gin.New()
	r.Use(auth.Middleware())
	return r
}

// NewRequest returns a request with cookies, and a recorder for its response.
func NewRequest(method, path string, cookies []*http.Cookie) (*http.Request, *httptest.ResponseRecorder) {
	req := httptest.NewRequest(method, path, nil)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	return req, httptest.NewRecorder()
}

// Cookies returns the cookies of a session that was issued.
func Cookies(issued *nuxtauth.Issued, err error) ([]*http.Cookie, error) {
	if err != nil {
		return nil, err
	}
	return issued.Cookies, nil
}

// Issue returns the cookies of a session of the subject "1" with a name.
func Issue(t *testing.T, auth *nuxtauth.Auth[Token, Session], name string) []*http.Cookie {
	t.Helper()
	cookies, err := Cookies(auth.Issue(t.Context(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: name}}))
	if err != nil {
		t.Fatal(err)
	}
	return cookies
}
