package apptest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
)

// Site is an application on an HTTP server, and a browser. Its methods fail the test if a
// request gets no response. A Site is not safe for concurrent use; several Sites of one
// application are, see [App.Another].
type Site struct {
	*testing.T
	URL    string // without a slash at the end
	Router *gin.Engine
	Client *http.Client // the browser, which has a cookie jar and follows no redirects
	Log    *LogBuffer   // of the application
	Clock  *Clock       // of the application
}

// newSite returns a site whose server has an address and does not serve until start is
// called. A panic that leaves a handler fails the test.
func newSite(t *testing.T, c *Clock) (_ *Site, start func()) {
	s := &Site{T: t, Router: gin.New(), Client: NewBrowser(), Log: new(LogBuffer), Clock: c}
	s.Router.Use(func(c *gin.Context) {
		defer func() {
			if v := recover(); v != nil {
				t.Errorf("%s %s panics: %v\n%s", c.Request.Method, c.Request.URL.Path, v, debug.Stack())
				panic(v)
			}
		}()
		c.Next()
	})
	if n := NetworkOf(t); n != nil {
		url, serve := n.newHost()
		s.URL, s.Client.Transport = url, n
		return s, func() { serve(s.Router) }
	}
	srv := httptest.NewUnstartedServer(s.Router)
	s.URL = "http://" + srv.Listener.Addr().String()
	t.Cleanup(srv.Close)
	return s, srv.Start
}

// clientOf returns the client with which the application calls providers: c, or one that
// uses the network of the test.
func (s *Site) clientOf(c *http.Client) *http.Client {
	if n := NetworkOf(s.T); n != nil {
		return n.client(c)
	}
	return c
}

// serveMe adds the route /me, which responds with the session.
func (s *Site) serveMe() {
	s.Router.GET("/me", func(c *gin.Context) { c.JSON(http.StatusOK, c.MustGet("session").(*Session)) })
}

func (s *Site) another() *Site {
	other := *s
	other.Client = NewBrowser()
	other.Client.Transport = s.Client.Transport
	return &other
}

func (s *Site) copy() *Site {
	other := s.another()
	for _, c := range s.Cookies() {
		other.SetCookie(c.Name, c.Value)
	}
	return other
}

// NewBrowser returns a client with an empty cookie jar that follows no redirects.
func NewBrowser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Response is a response whose body was read.
type Response struct {
	*http.Response
	Text string // the body
}

// Recorded returns the response in a recorder.
func Recorded(rec *httptest.ResponseRecorder) Response {
	return Response{rec.Result(), rec.Body.String()}
}

// SetCookies returns the names of the cookies in Set-Cookie headers, each followed by
// "=", or by "-" if it is cleared.
func (r Response) SetCookies() []string {
	var names []string
	for _, c := range r.Cookies() {
		mark := "="
		if c.MaxAge < 0 {
			mark = "-"
		}
		names = append(names, c.Name+mark)
	}
	return names
}

// NotSignedIn checks that a response is no 5xx and sets no session cookie. what describes
// the request.
func NotSignedIn(t *testing.T, what string, r Response) {
	t.Helper()
	if r.StatusCode >= 500 {
		t.Errorf("%s: status %d: %.200s", what, r.StatusCode, r.Text)
	}
	for _, c := range r.Cookies() {
		if strings.Contains(c.Name, "session-token") && c.MaxAge >= 0 && c.Value != "" {
			t.Errorf("%s sets %s", what, c)
		}
	}
}

// Do sends a request with the cookies of the browser.
func (s *Site) Do(req *http.Request) Response {
	s.Helper()
	res, err := s.Client.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return Response{res, string(b)}
}

// Follow sends a request that follows a redirect of another server, such as the callback
// of a sign-in.
func (s *Site) Follow(req *http.Request) Response {
	s.Helper()
	req.RequestURI = ""
	return s.Do(req)
}

// Request returns a request for a path of the application.
func (s *Site) Request(method, path, contentType, body string) *http.Request {
	s.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

// Get sends a GET request.
func (s *Site) Get(path string) Response {
	s.Helper()
	return s.Do(s.Request("GET", path, "", ""))
}

// Post posts a form.
func (s *Site) Post(path string, form url.Values) Response {
	s.Helper()
	return s.Do(s.Request("POST", path, FormType, form.Encode()))
}

// PostJSON posts JSON.
func (s *Site) PostJSON(path, body string) Response {
	s.Helper()
	return s.Do(s.Request("POST", path, "application/json", body))
}

// Cancelable prepares a request without a network, with the cookies of the browser and,
// unless it is empty, a form as its body. serve has the application serve it. cancel ends
// its context, as the server does if the client closes the connection.
func (s *Site) Cancelable(method, path, form string) (cancel, serve func()) {
	ctx, cancel := context.WithCancel(s.Context())
	req, rec := NewRequest(method, path, s.Cookies())
	if form != "" {
		req.Header.Set("Content-Type", FormType)
		req.Body = io.NopCloser(strings.NewReader(form))
	}
	return cancel, func() { s.Router.ServeHTTP(rec, req.WithContext(ctx)) }
}

// CSRF returns the CSRF token of the browser, which gets one if it has none.
func (s *Site) CSRF() string {
	s.Helper()
	var v struct {
		CSRFToken string `json:"csrfToken"`
	}
	s.Decode(s.Get("/api/auth/csrf").Text, &v)
	return v.CSRFToken
}

// CredentialsForm returns a sign-in form that requests JSON.
func (s *Site) CredentialsForm(username, password string) url.Values {
	s.Helper()
	return url.Values{"username": {username}, "password": {password}, "csrfToken": {s.CSRF()}, "json": {"true"}}
}

// Start starts a sign-in with a provider and the callback URL /home, and returns the URL
// of the redirect.
func (s *Site) Start(id string) string {
	s.Helper()
	return s.StartWith(id, "", "/home")
}

// StartWith is Start with a query ("?a=b") and a callback URL.
func (s *Site) StartWith(id, query, callbackURL string) string {
	s.Helper()
	return s.URLIn(s.Post("/api/auth/signin/"+id+query, url.Values{"csrfToken": {s.CSRF()}, "callbackUrl": {callbackURL}, "json": {"true"}}))
}

// SignOut signs out.
func (s *Site) SignOut() Response {
	s.Helper()
	return s.Post("/api/auth/signout", url.Values{"csrfToken": {s.CSRF()}, "json": {"true"}})
}

// SignOutTo signs out and returns the URL of the redirect.
func (s *Site) SignOutTo(callbackURL string) string {
	s.Helper()
	return s.URLIn(s.Post("/api/auth/signout", url.Values{"csrfToken": {s.CSRF()}, "callbackUrl": {callbackURL}, "json": {"true"}}))
}

// Update updates the session with data, which is JSON.
func (s *Site) Update(data string) Response {
	s.Helper()
	return s.PostJSON("/api/auth/session", `{"csrfToken":"`+s.CSRF()+`","data":`+data+`}`)
}

// Session returns the session that the front end gets, nil when signed out.
func (s *Site) Session() *Session {
	s.Helper()
	return s.SessionIn(s.Get("/api/auth/session"))
}

// SessionIn returns the session in a response, nil when signed out.
func (s *Site) SessionIn(res Response) *Session {
	s.Helper()
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		s.Fatalf("session data: status %d, type %s: %s", res.StatusCode, res.Header.Get("Content-Type"), res.Text)
	}
	if res.Text == "{}" || res.Text == "null" {
		return nil
	}
	session := new(Session)
	s.Decode(res.Text, session)
	return session
}

// URLIn returns the member url of a response in JSON.
func (s *Site) URLIn(res Response) string {
	s.Helper()
	var v struct {
		URL string `json:"url"`
	}
	s.Decode(res.Text, &v)
	return v.URL
}

// Decode decodes JSON into v, and fails the test if it can't.
func (s *Site) Decode(body string, v any) {
	s.Helper()
	if err := json.Unmarshal([]byte(body), v); err != nil {
		s.Fatalf("%s: %v", body, err)
	}
}

// Cookies returns the cookies of the browser.
func (s *Site) Cookies() []*http.Cookie {
	u, _ := url.Parse(s.URL)
	return s.Client.Jar.Cookies(u)
}

// Cookie returns the value of a cookie of the browser, "" if there is none.
func (s *Site) Cookie(name string) string {
	for _, c := range s.Cookies() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// SetCookie sets a cookie of the browser.
func (s *Site) SetCookie(name, value string) {
	u, _ := url.Parse(s.URL)
	s.Client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// CheckCookies returns the cookies of the browser for sign-ins that are not completed.
func (s *Site) CheckCookies() (checks []*http.Cookie) {
	for _, c := range s.Cookies() {
		if strings.HasPrefix(c.Name, "next-auth.state.") {
			checks = append(checks, c)
		}
	}
	return checks
}

// LogBuffer is a log in memory. It is safe for concurrent use.
type LogBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends to the log.
func (l *LogBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns the log.
func (l *LogBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Clock is a clock that tests set. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that is set to the present time.
func NewClock() *Clock { return &Clock{now: time.Now()} }

// Now returns the time of the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d, backwards if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
