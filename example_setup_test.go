package nuxtauth_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

// newApp calls New with the secret, the address and the clock of the examples, and adds
// the middleware to a router.
func newApp[T nuxtauth.TokenType, S nuxtauth.SessionType](cfg nuxtauth.Config[T, S]) (*nuxtauth.Auth[T, S], *gin.Engine) {
	cfg.Secret = cmp.Or(cfg.Secret, secret)
	cfg.URL = cmp.Or(cfg.URL, "http://localhost:3000")
	cfg.Logger = slog.New(slog.DiscardHandler)
	if cfg.Now == nil {
		cfg.Now = midnight
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		panic(err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
	return auth, r
}

// midnight is the clock of the examples.
func midnight() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) }

// A frontEnd sends requests to an application as a browser does, with its cookies.
type frontEnd struct {
	app     http.Handler
	cookies []*http.Cookie
}

// signedIn returns a front end with a new session for t.
func signedIn[T nuxtauth.TokenType, S nuxtauth.SessionType](auth *nuxtauth.Auth[T, S], app http.Handler, t *T) *frontEnd {
	issued, err := auth.Issue(context.Background(), t)
	if err != nil {
		panic(err)
	}
	return &frontEnd{app, issued.Cookies}
}

// send returns the status and the body of the answer, or where it redirects to.
func (f *frontEnd) send(method, path, body string) string {
	r := httptest.NewRequest(method, "http://localhost:3000"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Firefox")
	for _, c := range f.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	f.app.ServeHTTP(w, r)
	for _, set := range w.Result().Cookies() {
		f.cookies = slices.DeleteFunc(f.cookies, func(c *http.Cookie) bool { return c.Name == set.Name })
		if set.MaxAge >= 0 {
			f.cookies = append(f.cookies, set)
		}
	}
	return strings.TrimSpace(fmt.Sprint(w.Code, " ", cmp.Or(w.Header().Get("Location"), w.Body.String())))
}

// get sends a GET request.
func (f *frontEnd) get(path string) string { return f.send("GET", path, "") }

// post sends a JSON object to the API, with the CSRF token.
func (f *frontEnd) post(path, object string) string {
	_, answer, _ := strings.Cut(f.get("/api/auth/csrf"), " ")
	var csrf struct{ CSRFToken string }
	if err := json.Unmarshal([]byte(answer), &csrf); err != nil {
		panic(err)
	}
	return f.send("POST", path, fmt.Sprintf(`{"json":true,"csrfToken":%q,%s`, csrf.CSRFToken, strings.TrimPrefix(object, "{")))
}

// signIn signs in with credentials, as signIn("credentials", …) of the front end does.
func (f *frontEnd) signIn(username, password string) string {
	return f.post("/api/auth/callback/credentials", fmt.Sprintf(`{"username":%q,"password":%q}`, username, password))
}
