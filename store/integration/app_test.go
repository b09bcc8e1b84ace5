package integration_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// Token is that of an application which calls its provider's API.
type Token struct {
	nuxtauth.DefaultJWT
	nuxtauth.ProviderTokens
}

// User is what its front end sees.
type User struct {
	Name string `json:"name"`
}

// Session is the application's session.
type Session = nuxtauth.DefaultSession[User]

// A setup has the addresses of the application's store and provider. It can be sent to
// another process.
type setup struct {
	Driver, Name string // of the store; "redis" and a socket
	Issuer       string
	ClientID     string
	ClientSecret string
}

// open opens the store.
func (p setup) open() (s store.Sessions, done func() error, err error) {
	if p.Driver == "redis" {
		client := redis.NewClient(&redis.Options{Network: "unix", Addr: p.Name, ContextTimeoutEnabled: true})
		s, err := redisstore.New(background(), client, redisstore.Options{})
		return s, client.Close, err
	}
	db, err := sql.Open(p.Driver, p.Name)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(10)
	s, err = sqlstore.New(background(), db, sqlstore.Options{})
	return s, db.Close, err
}

const appURL = "http://localhost:3000"

// newApp returns the application: the middleware, /me with the name of the user, if any,
// /private for signed-in users, and /api with the provider's access token.
func (p setup) newApp(s store.Sessions, log *slog.Logger) (http.Handler, *nuxtauth.Auth[Token, Session], error) {
	idp := provider.OIDC(provider.Provider{
		ID: "idp", Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret,
		Scopes: []string{"openid", "profile", "offline_access"},
	})
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret: "a secret of the integration tests", URL: appURL, Logger: log,
		Providers: []provider.Provider{idp},
		Session:   nuxtauth.SessionConfig{Store: s},
	})
	if err != nil {
		return nil, nil, err
	}
	gin.SetMode(gin.TestMode)
	r := gin.New()
	r.Use(auth.Middleware())
	r.GET("/me", func(c *gin.Context) {
		if s := auth.Session(c); s != nil {
			c.String(http.StatusOK, s.User.Name)
		}
	})
	r.GET("/private", auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, auth.Session(c).User.Name) })
	r.GET("/api", func(c *gin.Context) {
		token, err := auth.AccessToken(c)
		if err != nil {
			c.String(http.StatusBadGateway, err.Error())
			return
		}
		c.String(http.StatusOK, token)
	})
	return r, auth, nil
}

// get requests a page of the application.
func get(app http.Handler, path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", appURL+path, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	return w
}

// signInAt signs in through the provider, as a browser does, and returns the
// session's cookie.
func signInAt(t *testing.T, app http.Handler, idp *authtest.IDP, username string) *http.Cookie {
	t.Helper()
	w := get(app, "/api/auth/csrf")
	csrf, _, _ := strings.Cut(strings.TrimPrefix(w.Body.String(), `{"csrfToken":"`), `"`)
	form := url.Values{"csrfToken": {csrf}, "json": {"true"}}
	r := httptest.NewRequest("POST", appURL+"/api/auth/signin/idp", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	app.ServeHTTP(w, r)
	to := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(w.Body.String(), `{"url":"`), `"}`), `\u0026`, "&")

	back := idp.SignIn(t, to, username)
	for _, c := range w.Result().Cookies() {
		back.AddCookie(c)
	}
	w = httptest.NewRecorder()
	app.ServeHTTP(w, back)
	for _, c := range w.Result().Cookies() {
		if c.Name == "next-auth.session-token" {
			return c
		}
	}
	t.Fatalf("the sign-in answers %d %s", w.Code, fmt.Sprint(w.Header()))
	return nil
}
