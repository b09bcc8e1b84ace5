package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

const boom = "a bug of the application"

// newPanicApp starts an application, signed in as ada, with routes that call each
// method of Auth. They answer an error with 503.
func newPanicApp(t *testing.T, change ...func(*apptest.Config)) *apptest.App {
	a := apptest.New(t, change...)
	for path, call := range map[string]func(c *gin.Context) error{
		"/update": func(c *gin.Context) error {
			return a.Auth.Update(c, func(t *apptest.Token) error { t.Nickname += "x"; return nil })
		},
		"/leave":  a.Auth.SignOut,
		"/list":   func(c *gin.Context) error { _, err := listSessions(c, a.Auth, "1"); return err },
		"/revoke": func(c *gin.Context) error { return revokeSessions(c, a.Auth, "1") },
	} {
		a.Router.POST(path, func(c *gin.Context) {
			if err := call(c); err != nil {
				c.String(http.StatusServiceUnavailable, err.Error())
			}
		})
	}
	a.SignIn()
	return a
}

// panicRequests are the requests that use a session.
var panicRequests = map[string]func(a *apptest.App) *http.Request{
	"me":      func(a *apptest.App) *http.Request { return a.Request("GET", "/me", "", "") },
	"session": func(a *apptest.App) *http.Request { return a.Request("GET", "/api/auth/session", "", "") },
	"update": func(a *apptest.App) *http.Request {
		return a.Request("POST", "/api/auth/session", "application/json", `{"csrfToken":"`+a.CSRF()+`","data":{}}`)
	},
	"sign-in": func(a *apptest.App) *http.Request {
		return a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, "username=ada&password=lovelace&csrfToken="+a.CSRF())
	},
	"sign-out": func(a *apptest.App) *http.Request {
		return a.Request("POST", "/api/auth/signout", apptest.FormType, "csrfToken="+a.CSRF())
	},
	"Update":         func(a *apptest.App) *http.Request { return a.Request("POST", "/update", "", "") },
	"SignOut":        func(a *apptest.App) *http.Request { return a.Request("POST", "/leave", "", "") },
	"ListSessions":   func(a *apptest.App) *http.Request { return a.Request("POST", "/list", "", "") },
	"RevokeSessions": func(a *apptest.App) *http.Request { return a.Request("POST", "/revoke", "", "") },
}

// panicsInside has the application answer a request with the cookies of the
// browser, during which a function of the application panics. It checks that the
// panic does not leave the middleware, that the answer is neither a 500 nor tells
// of the panic, and that the log has each panic at the error level, with its stack.
func panicsInside(a *apptest.App, req *http.Request) (res apptest.Response) {
	a.Helper()
	for _, c := range a.Cookies() {
		req.AddCookie(c)
	}
	rec, logged := httptest.NewRecorder(), len(a.Log.String())
	func() {
		defer func() {
			if v := recover(); v != nil {
				a.Errorf("a panic leaves the middleware: %v; cookies so far: %.200q", v, rec.Header()["Set-Cookie"])
			}
		}()
		a.Router.ServeHTTP(rec, req)
	}()
	res = apptest.Recorded(rec)
	if res.StatusCode == http.StatusInternalServerError || strings.Contains(res.Text, "goroutine ") {
		a.Errorf("the answer is %d %.200s", res.StatusCode, res.Text)
	}
	hasStack(a.T, a.Log.String()[logged:])
	return res
}

// hasStack checks that a log has a line at the error level for each panic with boom,
// with its stack.
func hasStack(t *testing.T, log string) {
	t.Helper()
	found := 0
	for line := range strings.Lines(log) {
		if !strings.Contains(line, " panicked") {
			continue
		}
		if found++; !strings.Contains(line, "level=ERROR") || !strings.Contains(line, "stack=") || !strings.Contains(line, boom) {
			t.Errorf("the line of a panic is %.300q", line)
		}
	}
	if found == 0 {
		t.Errorf("the log has no panic: %.300q", log)
	}
}

func TestStore_PanicIsFault(t *testing.T) {
	kinds := map[string]func(*apptest.Store) func(*apptest.Config){
		"store":     func(s *apptest.Store) func(*apptest.Config) { return s.Use },
		"deny-list": func(s *apptest.Store) func(*apptest.Config) { return s.UseAsDenyList },
	}
	for _, tt := range []struct {
		kind, method string
		requests     []string
	}{
		{"store", "FindSession", []string{"me", "session", "update", "sign-out"}},
		{"store", "ReplaceSession", []string{"me", "session", "update", "Update"}},
		{"store", "CreateSession", []string{"sign-in"}},
		{"store", "DeleteSession", []string{"sign-in", "sign-out", "SignOut"}},
		{"store", "ListSessions", []string{"ListSessions"}},
		{"store", "DeleteSessions", []string{"RevokeSessions"}},
		{"deny-list", "Marked", []string{"me", "session", "update", "sign-in", "sign-out"}},
		{"deny-list", "Mark", []string{"sign-out", "SignOut", "RevokeSessions"}},
	} {
		for _, name := range tt.requests {
			t.Run(tt.kind+"."+tt.method+" during "+name, func(t *testing.T) {
				s := apptest.NewStore()
				a := newPanicApp(t, kinds[tt.kind](s))
				req := panicRequests[name](a)
				if tt.method == "ReplaceSession" {
					a.Clock.Advance(25 * time.Hour)
				}
				before := a.Copy()
				s.RunBefore(tt.method, func() { panic(boom) })
				res := panicsInside(a, req)
				if clearsSession(res) {
					t.Errorf("the answer clears the session cookie: %d %s", res.StatusCode, res.Text)
				}
				if name == "sign-in" && strings.Contains(res.Header.Get("Location"), "error=") {
					apptest.NotSignedIn(t, name, res)
				}
				if name != "sign-in" && before.Session() == nil {
					t.Error("the session ended")
				}
				if status := res.StatusCode; strings.HasPrefix(name, "sign-out") && status != http.StatusServiceUnavailable && !strings.Contains(res.Header.Get("Location"), "error=SignOutError") {
					t.Errorf("a sign-out that failed answers %d %s", status, res.Header.Get("Location"))
				}
			})
		}
	}
}

// A panicCodec panics while the flag is set.
type panicCodec struct {
	token.Codec
	seal, open atomic.Bool
}

func (p *panicCodec) Seal(ctx context.Context, claims []byte) (string, error) {
	if p.seal.Load() {
		panic(boom)
	}
	return p.Codec.Seal(ctx, claims)
}

func (p *panicCodec) Open(ctx context.Context, sealed string) ([]byte, error) {
	if p.open.Load() {
		panic(boom)
	}
	return p.Codec.Open(ctx, sealed)
}

func TestCodec_PanicIsFault(t *testing.T) {
	for _, tt := range []struct {
		name     string
		on       func(*panicCodec) *atomic.Bool
		requests []string
	}{
		{"Open", func(p *panicCodec) *atomic.Bool { return &p.open }, []string{"me", "session", "update", "sign-out", "SignOut"}},
		{"Seal", func(p *panicCodec) *atomic.Bool { return &p.seal }, []string{"me", "session", "update", "sign-in", "Update"}},
	} {
		for _, name := range tt.requests {
			t.Run(tt.name+" during "+name, func(t *testing.T) {
				inner, err := token.NewNextAuth("", apptest.Secret)
				if err != nil {
					t.Fatal(err)
				}
				p := &panicCodec{Codec: inner}
				a := newPanicApp(t, func(c *apptest.Config) { c.Session.Codec = p })
				req := panicRequests[name](a)
				a.Clock.Advance(25 * time.Hour) // the token is due to be sealed anew
				before := a.Copy()
				tt.on(p).Store(true)
				res := panicsInside(a, req)
				tt.on(p).Store(false)
				if name == "sign-in" {
					apptest.NotSignedIn(t, name, res)
					if !strings.Contains(res.Header.Get("Location"), "error=") {
						t.Errorf("a sign-in that failed answers %d %s", res.StatusCode, res.Header.Get("Location"))
					}
				}
				if before.Session() == nil {
					t.Error("the session ended")
				}
			})
		}
	}
}

func TestSkip_PanicIsLogged(t *testing.T) {
	var on atomic.Bool
	a := newPanicApp(t, func(c *apptest.Config) {
		c.Skip = func(*http.Request) bool {
			if on.Load() {
				panic(boom)
			}
			return false
		}
	})
	on.Store(true)
	if res := panicsInside(a, panicRequests["me"](a)); res.StatusCode != http.StatusOK || res.Text == "" {
		t.Errorf("/me answers %d %s", res.StatusCode, res.Text)
	}
}

// A load for the cache may run in a goroutine of its own.
func TestCache_PanicIsLogged(t *testing.T) {
	for _, storage := range []string{"store", "codec"} {
		t.Run(storage, func(t *testing.T) {
			s, p := apptest.NewStore(), new(panicCodec)
			cached := func(c *apptest.Config) { c.Session.CacheFor = time.Minute }
			var a *apptest.App
			if storage == "store" {
				a = newPanicApp(t, s.Use, cached)
				s.RunBefore("FindSession", func() { panic(boom) })
			} else {
				inner, err := token.NewNextAuth("", apptest.Secret)
				if err != nil {
					t.Fatal(err)
				}
				p.Codec = inner
				a = newPanicApp(t, cached, func(c *apptest.Config) { c.Session.Codec = p })
				p.open.Store(true)
			}
			if res := panicsInside(a, panicRequests["me"](a)); res.Text != "null" {
				t.Errorf("/me answers %d %s", res.StatusCode, res.Text)
			}
			p.open.Store(false)
			if a.Get("/me").Text == "null" {
				t.Error("the session ended, or the fault is cached")
			}
		})
	}
}
