package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// scenario is one way to serve a request of a signed-in user.
type scenario struct {
	name  string // as of a Go benchmark: no spaces
	title string // as in the table
	make  func() (http.Handler, *http.Request, error)

	// want is the body of the response, whose status is 200. A * in it matches any
	// text. Empty means the response to GET /me.
	want string
}

// user is the signed-in user. Each scenario has these values in its token or session,
// and its own times.
type user struct {
	Subject     string `json:"sub"`
	Name        string `json:"name"`
	Email       string `json:"email"`
	Picture     string `json:"picture"`
	Role        string `json:"role"`
	AccessToken string `json:"accessToken"`
}

var ada = user{
	Subject:     "4b3f6c52-6d0f-4e57-9a52-2f3f0c4b9a11",
	Name:        "Ada Lovelace",
	Email:       "ada@example.com",
	Picture:     "https://example.com/avatar/ada.png",
	Role:        "admin",
	AccessToken: "gho_9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e",
}

// me is the body of the response to GET /me, in all scenarios.
type me struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

const meJSON = `{"name":"Ada Lovelace","role":"admin"}`

const (
	lifetime = 24 * time.Hour
	secret   = "benchmark-secret-of-more-than-32-characters"
)

// bareGin is the base of the comparison: it reads no cookie and writes a constant.
func bareGin() (http.Handler, *http.Request, error) {
	r := gin.New()
	r.GET("/me", func(c *gin.Context) { c.JSON(http.StatusOK, me{ada.Name, ada.Role}) })
	return r, get("/me"), nil
}

// get returns a request with cookies. It is copied for each use.
func get(path string, cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://localhost:3000"+path, nil)
	for _, c := range cookies {
		if c.MaxAge >= 0 {
			r.AddCookie(c)
		}
	}
	return r
}

// cookiesOf returns the cookies that a handler sets.
func cookiesOf(h http.Handler, r *http.Request) []*http.Cookie {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result().Cookies()
}

// client sends the request of a scenario repeatedly.
type client struct {
	scenario
	handler  http.Handler
	request  *http.Request
	response response
}

// newClient prepares a scenario and checks its response.
func newClient(s scenario) (*client, error) {
	c := &client{scenario: s}
	var err error
	if c.handler, c.request, err = s.make(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	for range 2 { // the second request must not depend on the first one
		c.send()
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return c, nil
}

// send sends the request once. As in a server, the handler gets a new request and a new
// header each time: gorilla/sessions, for example, stores the session in the request.
func (c *client) send() {
	r := *c.request
	c.response = response{header: make(http.Header), body: c.response.body[:0]}
	c.handler.ServeHTTP(&c.response, &r)
}

func (c *client) check() error {
	want := c.want
	if want == "" {
		want = meJSON
	}
	got := string(c.response.body)
	before, after, varies := strings.Cut(want, "*")
	ok := got == want
	if varies {
		ok = strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
	}
	if !ok || c.response.status != http.StatusOK {
		return fmt.Errorf("status %d, body %q, want 200 %q", c.response.status, got, want)
	}
	return nil
}

// response is an http.ResponseWriter that keeps the response.
type response struct {
	header http.Header
	status int
	body   []byte
}

func (a *response) Header() http.Header { return a.header }

func (a *response) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *response) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, b...)
	return len(b), nil
}
