package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestCallback_EnrichesSession(t *testing.T) {
	a := apptest.New(t, apptest.Enriched)
	if s := a.Session(); s != nil {
		t.Fatalf("signed out, the session is %+v", s)
	}
	if got := a.Get("/me").Text; got != "null" {
		t.Fatalf("signed out, a handler has the session %s", got)
	}
	a.SignIn()
	for _, body := range []string{a.Get("/api/auth/session").Text, a.Get("/me").Text} {
		var s apptest.Session
		a.Decode(body, &s)
		if s.User != (apptest.User{Name: "Ada Lovelace", Avatar: "/ada.svg", Role: "admin"}) {
			t.Errorf("got %s", body)
		}
		if left := s.Expires.Time().Sub(a.Clock.Now()); left > 30*24*time.Hour || left < 30*24*time.Hour-time.Second {
			t.Errorf("it expires in %v", left)
		}
		if strings.Contains(body, "user-api-token") {
			t.Errorf("the browser gets a claim of the token: %s", body)
		}
	}
	a.Post("/api/auth/signout", url.Values{"csrfToken": {a.CSRF()}})
	if s := a.Session(); s != nil {
		t.Fatalf("after sign-out the session is %+v", s)
	}
}

func TestCallback_Parameters(t *testing.T) {
	var calls []string
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
			calls = append(calls, fmt.Sprintf("signIn user=%s account=%s credentials=%v", p.User.ID, p.Account.Provider, p.Credentials.Encode()))
			return nil
		}
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			calls = append(calls, fmt.Sprintf("jwt %q user=%t account=%t new=%t update=%s sub=%s", p.Trigger, p.User != nil, p.Account != nil, p.IsNewUser, p.Update, p.Token.Subject))
			var change struct {
				Nickname string `json:"nickname"`
			}
			if err := p.Update.Decode(&change); err != nil {
				return nil, err
			}
			if change.Nickname != "" {
				p.Token.Nickname = change.Nickname
			}
			return p.Token, nil
		}
		cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			calls = append(calls, fmt.Sprintf("session %q update=%s nickname=%s name=%s", p.Trigger, p.Update, p.Token.Nickname, p.Session.User.Name))
			return p.Session, nil
		}
		cfg.Events.SignIn = func(_ context.Context, e nuxtauth.SignInEvent[apptest.Token]) {
			calls = append(calls, "event signIn "+e.User.ID)
		}
		cfg.Events.SignOut = func(_ context.Context, e nuxtauth.SignOutEvent[apptest.Token]) {
			calls = append(calls, "event signOut "+e.Token.Subject)
		}
		cfg.Events.Session = func(_ context.Context, e nuxtauth.SessionEvent[apptest.Token, apptest.Session]) {
			calls = append(calls, "event session "+e.Session.User.Name)
		}
	})
	steps := []struct {
		do   func()
		want []string
	}{
		{func() { a.SignIn() }, []string{
			`signIn user=1 account=credentials credentials=password=lovelace&username=ada`,
			`jwt "signIn" user=true account=true new=false update= sub=1`,
			`event signIn 1`,
		}},
		{func() { a.Session() }, []string{
			`jwt "" user=false account=false new=false update= sub=1`,
			`session "" update= nickname= name=Ada Lovelace`,
			`event session Ada Lovelace`,
		}},
		{func() { a.Update(`{"nickname":"Countess"}`) }, []string{
			`jwt "update" user=false account=false new=false update={"nickname":"Countess"} sub=1`,
			`session "update" update={"nickname":"Countess"} nickname=Countess name=Ada Lovelace`,
			`event session Ada Lovelace`,
		}},
		{func() { a.Get("/me") }, []string{
			`jwt "" user=false account=false new=false update= sub=1`,
			`session "" update= nickname=Countess name=Ada Lovelace`,
		}},
		{func() { a.Post("/api/auth/signout", url.Values{"csrfToken": {a.CSRF()}}) }, []string{`event signOut 1`}},
		{func() { a.Session() }, nil},
	}
	for i, s := range steps {
		calls = nil
		s.do()
		if !slices.Equal(calls, s.want) {
			t.Errorf("step %d:\n got %s\nwant %s", i, strings.Join(calls, "\n     "), strings.Join(s.want, "\n     "))
		}
	}
}

func TestCallback_ErrorEndsSession(t *testing.T) {
	faults := map[string]func() error{
		"error":   func() error { return apptest.ErrDown },
		"panic":   func() error { panic("a bug") },
		"nothing": nil,
	}
	for _, which := range []string{"jwt", "session"} {
		for name, fault := range faults {
			for _, path := range []string{"/api/auth/session", "/me"} {
				t.Run(which+" "+name+" "+path, func(t *testing.T) {
					broken := false
					a := apptest.New(t, func(cfg *apptest.Config) {
						cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
							if !broken || which != "jwt" {
								p.Token.SessionToken = strings.Repeat("x", 5000) // two chunks
								return p.Token, nil
							}
							if fault != nil {
								return p.Token, fault()
							}
							return nil, nil
						}
						cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
							if !broken || which != "session" {
								return p.Session, nil
							}
							if fault != nil {
								return p.Session, fault()
							}
							return nil, nil
						}
					})
					a.SignIn()
					broken = true
					res := a.Get(path)
					if res.StatusCode != 200 || res.Text != "{}" && res.Text != "null" {
						t.Errorf("got %d %s", res.StatusCode, res.Text)
					}
					want := []string{"next-auth.session-token.0-", "next-auth.session-token.1-"}
					if got := res.SetCookies(); !slices.Equal(got[max(0, len(got)-2):], want) {
						t.Errorf("cookies %v, want %v", got, want)
					}
					warned, panicked := strings.Count(a.Log.String(), "level=WARN"), strings.Count(a.Log.String(), "level=ERROR")
					if warned != 1 || panicked > 1 {
						t.Errorf("logged %d times, and %d panics: %s", warned, panicked, a.Log)
					}
					broken = false
					if s := a.Session(); s != nil {
						t.Errorf("the session is valid again: %+v", s)
					}
				})
			}
		}
	}
}

func TestCallback_TransientErrorEndsNoSession(t *testing.T) {
	var fault error
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			return p.Session, nuxtauth.Unavailable(fault)
		}
	})
	a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) { c.String(200, "in") })
	a.SignIn()
	fault = apptest.ErrDown
	if s := a.Session(); s != nil {
		t.Errorf("signed in with a failing callback: %+v", s)
	}
	for path, want := range map[string]int{"/me": 200, "/private": 503} {
		res := a.Get(path)
		if res.StatusCode != want || len(res.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s answers %d and sets %q, want %d and no cookie", path, res.StatusCode, res.Header["Set-Cookie"], want)
		}
	}
	fault = nil
	if res := a.Get("/private"); res.StatusCode != 200 {
		t.Errorf("after the fault the answer is %d", res.StatusCode)
	}
}

func TestCallback_CanceledRequestEndsNoSession(t *testing.T) {
	ctx, leave := context.WithCancel(context.Background())
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[apptest.Token, apptest.Session]) (*apptest.Session, error) {
			leave()
			return p.Session, context.Cause(ctx)
		}
	})
	cookies, err := apptest.Cookies(a.Auth.Issue(ctx, &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}))
	if err != nil {
		t.Fatal(err)
	}
	req, rec := apptest.NewRequest("GET", "/api/auth/session", cookies)
	a.Router.ServeHTTP(rec, req.WithContext(ctx))
	if rec.Body.String() != "{}" || strings.Contains(strings.Join(rec.Header()["Set-Cookie"], ""), "session-token") {
		t.Errorf("got %s and %q", rec.Body, rec.Header()["Set-Cookie"])
	}
}

func TestCallback_SignInDecides(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want string
		code int
	}{
		"error":            {errors.New("banned"), "/api/auth/error?error=AccessDenied", 403},
		"own code":         {&nuxtauth.Error{Code: "Banned"}, "/api/auth/error?error=Banned", 403},
		"redirect":         {nuxtauth.RedirectTo("/welcome"), "/welcome", 200},
		"redirect outside": {nuxtauth.RedirectTo("https://evil.example/"), "", 200},
	} {
		a := apptest.New(t, func(cfg *apptest.Config) {
			cfg.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return tt.err }
			cfg.Callbacks.JWT = func(context.Context, nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
				t.Error(name, "the JWT callback ran")
				return nil, nil
			}
		})
		res := a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace"))
		if got := a.URLIn(res); got != a.URL+tt.want || res.StatusCode != tt.code {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.Text)
		}
		if a.Session() != nil {
			t.Errorf("%s: signed in", name)
		}
	}
}

func TestCallback_RedirectDecides(t *testing.T) {
	answers := map[string]string{"/in": "https://docs.example.com/x", "/bad": "javascript:alert(1)", "/rel": "/elsewhere", "/user": "https://a@docs.example.com/", "/host": "https:///docs.example.com", "/opaque": "https:docs.example.com"}
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.Redirect = func(_ context.Context, p nuxtauth.RedirectParams) (string, error) {
			if to, ok := answers[p.URL]; ok {
				return to, nil
			}
			panic("unknown")
		}
	})
	for in, want := range map[string]string{"/in": "https://docs.example.com/x", "/bad": a.URL, "/rel": a.URL + "/elsewhere", "/user": a.URL, "/host": a.URL, "/opaque": a.URL, "/panics": a.URL} {
		a.Client = apptest.NewBrowser()
		res := a.Post("/api/auth/signout", url.Values{"csrfToken": {a.CSRF()}, "callbackUrl": {in}})
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", in, got, want)
		}
	}
}

// Each function of the application panics, at a sign-in and later: there is one
// answer without the stack, one line of the log with it, and no session.
func TestCallback_PanicIsOneAnswerAndLogLine(t *testing.T) {
	const boom = "a bug in the application"
	for name, tt := range map[string]struct {
		change func(*apptest.Config)
		in     bool // the sign-in succeeds nevertheless
	}{
		"Authorize": {func(c *apptest.Config) {
			c.Providers[0] = provider.Credentials(func(context.Context, url.Values) (*provider.User, error) { panic(boom) })
		}, false},
		"SignIn": {func(c *apptest.Config) {
			c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { panic(boom) }
		}, false},
		"JWT": {func(c *apptest.Config) {
			c.Callbacks.JWT = func(context.Context, nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) { panic(boom) }
		}, false},
		"an index out of range": {func(c *apptest.Config) {
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
				p.Token.Name = strings.Split(p.Token.Name, boom)[1]
				return p.Token, nil
			}
		}, false},
		"Redirect": {func(c *apptest.Config) {
			c.Callbacks.Redirect = func(context.Context, nuxtauth.RedirectParams) (string, error) { panic(boom) }
		}, true},
		"SignIn event": {func(c *apptest.Config) {
			c.Events.SignIn = func(context.Context, nuxtauth.SignInEvent[apptest.Token]) { panic(boom) }
		}, true},
	} {
		for where, storage := range apptest.Storages {
			a := apptest.New(t, storage, tt.change)
			f := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {a.CSRF()}, "callbackUrl": {"/home"}}
			res := a.Post("/api/auth/callback/credentials", f)
			to := res.Header.Get("Location")
			if res.StatusCode != http.StatusFound || strings.Contains(to, "error=") == tt.in {
				t.Errorf("%s, %s: %d %s", name, where, res.StatusCode, to)
			}
			if !tt.in {
				apptest.NotSignedIn(t, name, res)
			}
			log := a.Log.String()
			if in := a.Session() != nil; in != tt.in {
				t.Errorf("%s, %s: signed in: %t", name, where, in)
			}
			if n := strings.Count(log, "stack="); n != 1 || strings.Count(log, "level=ERROR") != 1 {
				t.Errorf("%s, %s: %d stacks in the log: %s", name, where, n, log)
			}
			if all := res.Text + a.Get(strings.TrimPrefix(to, a.URL)).Text; strings.Contains(all, boom) || strings.Contains(all, "goroutine") || strings.Contains(all, ".go:") {
				t.Errorf("%s, %s: the answer contains internals: %s", name, where, all)
			}
		}
	}
}

// The functions of the application get the deadline of the request: one that
// waits for a hanging service ends, and the sign-in fails.
func TestCallback_GetsRequestDeadline(t *testing.T) {
	apptest.Bubble(t, func(t *testing.T) {
		var want time.Time
		late := false
		wait := func(ctx context.Context) error {
			deadline, ok := ctx.Deadline()
			late = !ok || deadline.After(want)
			<-ctx.Done()
			return ctx.Err()
		}
		for name, change := range map[string]func(*apptest.Config){
			"Authorize": func(c *apptest.Config) {
				c.Providers[0] = provider.Credentials(func(ctx context.Context, _ url.Values) (*provider.User, error) {
					return &provider.User{ID: "1"}, wait(ctx)
				})
			},
			"SignIn": func(c *apptest.Config) {
				c.Callbacks.SignIn = func(ctx context.Context, _ nuxtauth.SignInParams) error { return wait(ctx) }
			},
			"JWT": func(c *apptest.Config) {
				c.Callbacks.JWT = func(ctx context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
					return p.Token, wait(ctx)
				}
			},
		} {
			a := apptest.New(t, change)
			req, rec := apptest.NewRequest("POST", "/api/auth/callback/credentials", nil)
			body := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {a.CSRF()}}
			for _, c := range a.Cookies() {
				req.AddCookie(c)
			}
			req.Header.Set("Content-Type", apptest.FormType)
			req.Body = io.NopCloser(strings.NewReader(body.Encode()))
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			want, _ = ctx.Deadline()
			a.Router.ServeHTTP(rec, req.WithContext(ctx))
			cancel()
			if late {
				t.Errorf("%s has no deadline, or a later one than the request", name)
			}
			apptest.NotSignedIn(t, name, apptest.Recorded(rec))
			if to := rec.Header().Get("Location"); rec.Code != http.StatusFound || !strings.HasPrefix(to, a.URL+"/api/auth/error?error=") {
				t.Errorf("%s: %d %s", name, rec.Code, to)
			}
		}
	})
}

func TestEvents_HaveTheTokenAndTheClient(t *testing.T) {
	var params, in, out string
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			p.Token.Subject = "user 1"
			return p.Token, nil
		}
		cfg.Callbacks.SignIn = func(_ context.Context, p nuxtauth.SignInParams) error {
			params = p.IP + ", " + p.UserAgent
			return nil
		}
		cfg.Events.SignIn = func(_ context.Context, e nuxtauth.SignInEvent[apptest.Token]) {
			in = e.Token.Subject + ", " + e.IP + ", " + e.UserAgent
		}
		cfg.Events.SignOut = func(_ context.Context, e nuxtauth.SignOutEvent[apptest.Token]) {
			out = e.Token.Subject + ", " + e.IP + ", " + e.UserAgent
		}
	})
	a.SignIn()
	a.SignOut()
	const client = "127.0.0.1, Go-http-client/1.1"
	if params != client || in != "user 1, "+client || out != "user 1, "+client {
		t.Errorf("the callback got %q, the events %q and %q", params, in, out)
	}
}
