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

// A scenario is one way to answer a request of somebody who is signed in.
type scenario struct {
	name  string // as of a Go benchmark: no spaces
	title string // as in the table
	make  func() (http.Handler, *http.Request, error)

	// want is the body of the answer, which has the status 200. A * in it
	// stands for anything. Empty means the answer to GET /me.
	want string
}

// The person who is signed in. Every scenario keeps the same of her in its
// token or session, and times of its own.
type person struct {
	Subject     string `json:"sub"`
	Name        string `json:"name"`
	Email       string `json:"email"`
	Picture     string `json:"picture"`
	Role        string `json:"role"`
	AccessToken string `json:"accessToken"`
}

var ada = person{
	Subject:     "4b3f6c52-6d0f-4e57-9a52-2f3f0c4b9a11",
	Name:        "Ada Lovelace",
	Email:       "ada@example.com",
	Picture:     "https://example.com/people/ada.png",
	Role:        "admin",
	AccessToken: "gho_9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e",
}

// me is what GET /me answers, in every scenario written from this type.
type me struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

const answerToMe = `{"name":"Ada Lovelace","role":"admin"}`

const (
	lifetime = 24 * time.Hour
	secret   = "benchmark-secret-of-more-than-32-characters"
)

// bareGin is what everything is compared with: it reads no cookie and says what
// it knows by heart.
func bareGin() (http.Handler, *http.Request, error) {
	r := gin.New()
	r.GET("/me", func(c *gin.Context) { c.JSON(http.StatusOK, me{ada.Name, ada.Role}) })
	return r, get("/me"), nil
}

// get returns a request with these cookies. It is copied for every use.
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

// A client sends the request of a scenario again and again.
type client struct {
	scenario
	handler http.Handler
	request *http.Request
	answer  answer
}

// newClient makes a scenario ready and checks what it answers.
func newClient(s scenario) (*client, error) {
	c := &client{scenario: s}
	var err error
	if c.handler, c.request, err = s.make(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	for range 2 { // the second request must not live on what the first one left
		c.send()
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return c, nil
}

// send sends the request once. As in a server, each gets a request and a header
// of its own: gorilla/sessions, for one, leaves what it has read in the request.
func (c *client) send() {
	r := *c.request
	c.answer = answer{header: make(http.Header), body: c.answer.body[:0]}
	c.handler.ServeHTTP(&c.answer, &r)
}

func (c *client) check() error {
	want := c.want
	if want == "" {
		want = answerToMe
	}
	got := string(c.answer.body)
	before, after, varies := strings.Cut(want, "*")
	ok := got == want
	if varies {
		ok = strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
	}
	if !ok || c.answer.status != http.StatusOK {
		return fmt.Errorf("answered %d %q, want 200 %q", c.answer.status, got, want)
	}
	return nil
}

// An answer is an http.ResponseWriter that keeps the answer and does no more.
type answer struct {
	header http.Header
	status int
	body   []byte
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, b...)
	return len(b), nil
}
