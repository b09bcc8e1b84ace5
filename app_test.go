package nuxtauth_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	code := m.Run()
	if left := leaks(); left != "" {
		fmt.Fprintln(os.Stderr, "goroutines of ours are left after all tests:\n\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leaks lists the goroutines in which our code runs, after a while in which they may end.
func leaks() (left string) {
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

const secret = "a-secret-of-at-least-32-characters"

type Token struct {
	nuxtauth.DefaultJWT
	SessionToken string `json:"sessionToken,omitzero"`
	Nickname     string `json:"nickname,omitzero"`
}

type User struct {
	Name   string `json:"name"`
	Avatar string `json:"avatar"`
	Role   string `json:"role"`
}

type Session = nuxtauth.DefaultSession[User]

type Config = nuxtauth.Config[Token, Session]

// An app is a Gin application on a real server, and a browser that visits it.
type app struct {
	*testing.T
	auth   *nuxtauth.Auth[Token, Session]
	url    string
	router *gin.Engine
	client *http.Client
	log    *logBuffer
	clock  *clock
}

// newApp starts an application with a credentials provider (ada/lovelace) and
// the routes /me and /echo, after change had its way with the configuration.
func newApp(t *testing.T, change ...func(*Config)) *app {
	t.Helper()
	a := &app{T: t, router: gin.New(), log: new(logBuffer), clock: &clock{now: time.Now()}}
	srv := httptest.NewUnstartedServer(a.router)
	a.url = "http://" + srv.Listener.Addr().String()
	cfg := Config{
		Secret:    secret,
		URL:       a.url,
		Providers: []provider.Provider{provider.Credentials(authorize)},
		Logger:    slog.New(slog.NewTextHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:       a.clock.Now,
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
	srv.Start()
	t.Cleanup(srv.Close)
	a.client = newBrowser()
	return a
}

func newBrowser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func authorize(_ context.Context, form url.Values) (*provider.User, error) {
	if form.Get("username") != "ada" || form.Get("password") != "lovelace" {
		return nil, nil
	}
	return &provider.User{ID: "1", Name: "Ada Lovelace", Email: "ada@example.com", Image: "https://example.com/ada.png", AccessToken: "user-api-token"}, nil
}

// A response is an answer that has been read.
type response struct {
	*http.Response
	body string
}

func (a *app) do(req *http.Request) response {
	a.Helper()
	res, err := a.client.Do(req)
	if err != nil {
		a.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		a.Fatal(err)
	}
	return response{res, string(b)}
}

func (a *app) request(method, path, contentType, body string) *http.Request {
	a.Helper()
	req, err := http.NewRequest(method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func (a *app) get(path string) response {
	a.Helper()
	return a.do(a.request("GET", path, "", ""))
}

func (a *app) post(path string, form url.Values) response {
	a.Helper()
	return a.do(a.request("POST", path, "application/x-www-form-urlencoded", form.Encode()))
}

func (a *app) postJSON(path, body string) response {
	a.Helper()
	return a.do(a.request("POST", path, "application/json", body))
}

func (a *app) csrf() string {
	a.Helper()
	var v struct {
		CSRFToken string `json:"csrfToken"`
	}
	a.decode(a.get("/api/auth/csrf").body, &v)
	return v.CSRFToken
}

// signIn signs in as ada, the way nuxt-auth's client does.
func (a *app) signIn() response {
	a.Helper()
	res := a.post("/api/auth/callback/credentials", url.Values{
		"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {a.csrf()}, "callbackUrl": {"/"}, "json": {"true"},
	})
	if res.StatusCode != http.StatusOK || a.cookie("next-auth.session-token") == "" && a.cookie("next-auth.session-token.0") == "" && a.cookie("authjs.session-token") == "" {
		a.Fatalf("sign-in answers %d %s", res.StatusCode, res.body)
	}
	return res
}

func (a *app) update(data string) response {
	a.Helper()
	return a.postJSON("/api/auth/session", `{"csrfToken":"`+a.csrf()+`","data":`+data+`}`)
}

// session is what the front end gets; nil when signed out.
func (a *app) session() *Session {
	a.Helper()
	return a.sessionIn(a.get("/api/auth/session"))
}

func (a *app) sessionIn(res response) *Session {
	a.Helper()
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		a.Fatalf("session data answers %d %s %s", res.StatusCode, res.Header.Get("Content-Type"), res.body)
	}
	if res.body == "{}" || res.body == "null" {
		return nil
	}
	s := new(Session)
	a.decode(res.body, s)
	return s
}

func (a *app) decode(body string, v any) {
	a.Helper()
	if err := json.Unmarshal([]byte(body), v); err != nil {
		a.Fatalf("%s: %v", body, err)
	}
}

// cookie is the value that the browser holds, "" when it has none.
func (a *app) cookie(name string) string {
	u, _ := url.Parse(a.url)
	for _, c := range a.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (a *app) setCookie(name, value string) {
	u, _ := url.Parse(a.url)
	a.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// setCookies lists the names that a response sets, each with "=" or, when it
// is cleared, with "-" behind it.
func setCookies(res response) []string {
	var names []string
	for _, c := range res.Cookies() {
		mark := "="
		if c.MaxAge < 0 {
			mark = "-"
		}
		names = append(names, c.Name+mark)
	}
	return names
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// request makes a request with cookies and a recorder, for tests without a server.
func request(method, path string, cookies []*http.Cookie) (*http.Request, *httptest.ResponseRecorder) {
	req := httptest.NewRequest(method, path, nil)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	return req, httptest.NewRecorder()
}

func newRouter(auth *nuxtauth.Auth[Token, Session]) *gin.Engine {
	r := gin.New()
	r.Use(auth.Handler())
	return r
}

func newBody(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }
