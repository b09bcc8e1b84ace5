package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// A refusal is a request that a guard refuses, and what the program that sent it gets.
type refusal struct {
	status  int
	err     error
	message string
}

func TestGuards_RefusalsAreErrorsOfTheContext(t *testing.T) {
	s := apptest.NewStore()
	own := errors.New("outside of office hours")
	for name, tt := range map[string]struct {
		guard  func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) gin.HandlerFunc
		signIn bool
		after  time.Duration // the sign-in
		fail   error
		want   refusal
	}{
		"signed out": {
			guard: func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) gin.HandlerFunc { return auth.Require() },
			want:  refusal{401, nuxtauth.ErrSignedOut, "Sign in first."},
		},
		"signed out, recent": {
			guard: func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) gin.HandlerFunc {
				return auth.RequireRecent(time.Hour)
			},
			want: refusal{401, nuxtauth.ErrSignedOut, "Sign in first."},
		},
		"forbidden": {
			guard: func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) gin.HandlerFunc {
				return auth.Require(func(*apptest.Session) bool { return false })
			},
			signIn: true, want: refusal{403, nuxtauth.ErrForbidden, "You may not do this."},
		},
		"not recent": {
			guard: func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) gin.HandlerFunc {
				return auth.RequireRecent(time.Second)
			},
			signIn: true, after: time.Minute, want: refusal{401, nuxtauth.ErrNotRecent, "Sign in again to do this."},
		},
		"store down": {
			guard:  func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) gin.HandlerFunc { return auth.Require() },
			signIn: true, fail: apptest.ErrDown, want: refusal{503, nuxtauth.ErrUnavailable, "The session could not be checked. Try again soon."},
		},
		"guard of the application": {
			guard: func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) gin.HandlerFunc {
				return func(c *gin.Context) { auth.Refuse(c, own) }
			},
			want: refusal{403, own, "You may not do this."},
		},
		"guard of the application, nil": {
			guard: func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) gin.HandlerFunc {
				return func(c *gin.Context) { auth.Refuse(c, nil) }
			},
			want: refusal{403, nuxtauth.ErrForbidden, "You may not do this."},
		},
		"guard of the application, wrapped": {
			guard: func(auth *nuxtauth.Auth[apptest.Token, apptest.Session]) gin.HandlerFunc {
				return func(c *gin.Context) { auth.Refuse(c, fmt.Errorf("a billing service: %w", nuxtauth.ErrUnavailable)) }
			},
			want: refusal{503, nuxtauth.ErrUnavailable, "The session could not be checked. Try again soon."},
		},
	} {
		for _, replaced := range []bool{false, true} {
			var refused []error
			a := apptest.New(t, s.Use, func(c *apptest.Config) {
				if replaced {
					c.Refused = func(c *gin.Context, err error) {
						refused = append(refused, err)
						c.String(c.Writer.Status(), "by Refused")
					}
				}
			})
			served := false
			var errs []*gin.Error
			a.Router.GET("/guarded", func(c *gin.Context) { c.Next(); errs = c.Errors }, tt.guard(a.Auth), func(*gin.Context) { served = true })
			if tt.signIn {
				a.SignIn()
			}
			a.Clock.Advance(tt.after)
			s.Fail(tt.fail)
			res := a.Get("/guarded")
			s.Fail(nil)
			if served || res.StatusCode != tt.want.status {
				t.Errorf("%s: served %t, status %d", name, served, res.StatusCode)
			}
			if len(errs) != 1 || !errors.Is(errs[0], tt.want.err) {
				t.Errorf("%s: the errors of the context are %v", name, errs)
			}
			switch {
			case replaced && (res.Text != "by Refused" || len(refused) != 1 || !errors.Is(refused[0], tt.want.err)):
				t.Errorf("%s: Refused got %v, and the answer is %s", name, refused, res.Text)
			case !replaced && res.Text != fmt.Sprintf(`{"message":%q}`, tt.want.message):
				t.Errorf("%s: the answer is %s", name, res.Text)
			}
			if again := res.Header.Get("Retry-After") != ""; again != (tt.want.status == 503) {
				t.Errorf("%s: Retry-After %t", name, again)
			}
		}
	}
}

func TestRefuse_SilentFunctionKeepsStatus(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) { c.Refused = func(*gin.Context, error) {} })
	a.Router.GET("/guarded", a.Auth.Require(), func(*gin.Context) {})
	if res := a.Get("/guarded"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestRefuse_AfterTheBodyChangesNothing(t *testing.T) {
	a := apptest.New(t)
	a.Router.GET("/late", func(c *gin.Context) {
		c.String(http.StatusOK, "begun")
		a.Auth.Refuse(c, nuxtauth.ErrForbidden)
		if !c.IsAborted() {
			t.Error("the request goes on")
		}
	})
	if res := a.Get("/late"); res.StatusCode != http.StatusOK || res.Text != "begun" {
		t.Errorf("%d %s", res.StatusCode, res.Text)
	}
}

func TestRequireRecent_CountsFromTheSignIn(t *testing.T) {
	for name, storage := range apptest.Storages {
		a := apptest.New(t, storage)
		a.Router.GET("/recent", a.Auth.RequireRecent(10*time.Minute), func(c *gin.Context) { c.Status(http.StatusOK) })
		a.SignIn()
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{0, 200}, {9 * time.Minute, 200}, {2 * time.Minute, 401}} {
			a.Clock.Advance(step.after)
			a.Session() // which renews the session
			res := a.Get("/recent")
			if res.StatusCode != step.want {
				t.Errorf("%s: after %v status %d", name, step.after, res.StatusCode)
			}
			if challenge := res.Header.Get("WWW-Authenticate"); (challenge == `Bearer error="insufficient_user_authentication"`) != (step.want == 401) {
				t.Errorf("%s: WWW-Authenticate is %q", name, challenge)
			}
		}
		req := a.Request("GET", "/recent", "", "")
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		if res := a.Do(req); res.StatusCode != http.StatusFound || !strings.Contains(res.Header.Get("Location"), "/api/auth/signin?callbackUrl=") ||
			res.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: a browser gets %d %s", name, res.StatusCode, res.Header.Get("Location"))
		}
		a.SignIn()
		if res := a.Get("/recent"); res.StatusCode != http.StatusOK {
			t.Errorf("%s: after another sign-in status %d", name, res.StatusCode)
		}
	}
}

// When the user of such a session signed in is not known.
func TestRequireRecent_RefusesUnknownSignIn(t *testing.T) {
	auth := apptest.NewAuth(t)
	r := gin.New()
	r.Use(auth.Middleware())
	r.GET("/recent", auth.RequireRecent(time.Hour), func(c *gin.Context) { c.Status(http.StatusOK) })
	for provider, want := range map[string]int{"": http.StatusUnauthorized, "saml": http.StatusOK} {
		issued, err := auth.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{
			Subject: "1", Origin: nuxtauth.Origin{Provider: provider, ProviderSubject: "ada"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		req, rec := apptest.NewRequest("GET", "/recent", issued.Cookies)
		if r.ServeHTTP(rec, req); rec.Code != want {
			t.Errorf("issued with the provider %q: status %d", provider, rec.Code)
		}
	}
}

func TestGuards_PanicWithoutMiddleware(t *testing.T) {
	auth := apptest.NewAuth(t)
	for name, guard := range map[string]gin.HandlerFunc{"Require": auth.Require(), "RequireRecent": auth.RequireRecent(time.Hour)} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, "r.Use(auth.Middleware())") {
					t.Errorf("%s panics with %q", name, v)
				}
			}()
			r := gin.New()
			r.GET("/", guard)
			req, rec := apptest.NewRequest("GET", "/", nil)
			r.ServeHTTP(rec, req)
		}()
	}
}

// A test of a handler sets the session, without cookies and without the middleware.
func TestGuards_AcceptSessionOfHandlerTest(t *testing.T) {
	auth := apptest.NewAuth(t)
	ada := &apptest.Session{User: apptest.User{Name: "Ada"}}
	isAda := func(s *apptest.Session) bool { return s.User.Name == "Ada" }
	for name, set := range map[string]func(c *gin.Context, s *apptest.Session){
		"SessionKey": func(c *gin.Context, s *apptest.Session) { c.Set(nuxtauth.SessionKey, s) },
		"WithSession": func(c *gin.Context, s *apptest.Session) {
			c.Request = c.Request.WithContext(nuxtauth.WithSession(c.Request.Context(), s))
		},
	} {
		for _, s := range []*apptest.Session{ada, nil} {
			r := gin.New()
			r.Use(func(c *gin.Context) { set(c, s) })
			r.GET("/me", func(c *gin.Context) {
				if got := auth.Session(c); got != s {
					t.Errorf("%s: Session returns %v", name, got)
				}
				if got := nuxtauth.SessionFrom[apptest.Session](c); got != s {
					t.Errorf("%s: SessionFrom returns %v", name, got)
				}
				if auth.Token(c) != nil || auth.Subject(c) != "" {
					t.Errorf("%s: there is a token", name)
				}
			})
			r.GET("/ada", auth.Require(isAda), func(c *gin.Context) { c.Status(http.StatusOK) })
			r.GET("/recent", auth.RequireRecent(time.Hour), func(c *gin.Context) { c.Status(http.StatusOK) })
			for path, want := range map[string]int{"/me": 200, "/ada": 200, "/recent": 401} {
				if s == nil && path == "/ada" {
					want = 401
				}
				req, rec := apptest.NewRequest("GET", path, nil)
				if r.ServeHTTP(rec, req); rec.Code != want {
					t.Errorf("%s, %v: %s answers %d", name, s, path, rec.Code)
				}
			}
		}
	}
}

func TestSessionFrom_Contexts(t *testing.T) {
	type key struct{}
	auth := apptest.NewAuth(t)
	r := gin.New()
	r.Use(auth.Middleware())
	ada, grace := &apptest.Session{User: apptest.User{Name: "Ada"}}, &apptest.Session{User: apptest.User{Name: "Grace"}}
	r.GET("/", func(c *gin.Context) {
		found := auth.Session(c)
		for name, tt := range map[string]struct {
			ctx  func() context.Context
			want *apptest.Session
		}{
			"gin.Context":              {func() context.Context { return c }, found},
			"copy":                     {func() context.Context { return c.Copy() }, found},
			"derived":                  {func() context.Context { return context.WithValue(c, key{}, 1) }, found},
			"WithSession":              {func() context.Context { return nuxtauth.WithSession(t.Context(), ada) }, ada},
			"WithSession, nil":         {func() context.Context { return nuxtauth.WithSession[apptest.Session](t.Context(), nil) }, nil},
			"WithSession, derived":     {func() context.Context { return context.WithValue(nuxtauth.WithSession(c, grace), key{}, 1) }, grace},
			"WithSession, request":     {func() context.Context { return nuxtauth.WithSession(c.Request.Context(), found) }, found},
			"WithSession, gin.Context": {func() context.Context { return nuxtauth.WithSession[apptest.Session](c, nil) }, nil},
		} {
			if got := nuxtauth.SessionFrom[apptest.Session](tt.ctx()); got != tt.want {
				t.Errorf("%s: %v, want %v", name, got, tt.want)
			}
		}
		defer func() {
			if v, _ := recover().(string); !strings.Contains(v, "nuxtauth.WithSession") {
				t.Errorf("without a session it panics with %q", v)
			}
		}()
		nuxtauth.SessionFrom[apptest.Session](c.Request.Context())
	})
	req, rec := apptest.NewRequest("GET", "/", apptest.Issue(t, auth, "Ada"))
	r.ServeHTTP(rec, req)
}

func TestRequireRecent_NeedsUnit(t *testing.T) {
	defer func() {
		if v, _ := recover().(string); !strings.Contains(v, "write a duration with its unit") {
			t.Errorf("it panics with %q", v)
		}
	}()
	apptest.NewAuth(t).RequireRecent(600)
}

// The copy of a session is as old as the session.
func TestRequireRecent_IssuedCopyIsAsOld(t *testing.T) {
	a := apptest.New(t)
	a.Router.GET("/recent", a.Auth.RequireRecent(10*time.Minute), func(c *gin.Context) { c.Status(http.StatusOK) })
	var issued *nuxtauth.Issued
	a.Router.GET("/issue", func(c *gin.Context) {
		var err error
		if issued, err = a.Auth.Issue(c, a.Auth.Token(c)); err != nil {
			t.Error(err)
		}
	})
	a.SignIn()
	a.Clock.Advance(time.Hour)
	a.Get("/issue")
	req := a.Another().Request("GET", "/recent", "", "")
	req.Header.Set("Authorization", "Bearer "+issued.Token)
	if res := a.Another().Do(req); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", res.StatusCode)
	}
}

// A function that replaces one answer leaves the others to Refuse.
func TestRefuse_WithinRefusedGivesBuiltInAnswer(t *testing.T) {
	a := apptest.New(t)
	calls := 0
	auth := apptest.NewAuth(t, func(c *apptest.Config) {
		c.Refused = func(c *gin.Context, err error) {
			calls++
			a.Auth.Refuse(c, err) // of an Auth with the built-in answers
		}
	})
	var own *nuxtauth.Auth[apptest.Token, apptest.Session]
	own = apptest.NewAuth(t, func(c *apptest.Config) {
		c.Refused = func(c *gin.Context, err error) { calls++; own.Refuse(c, err) }
	})
	for _, auth := range []*nuxtauth.Auth[apptest.Token, apptest.Session]{auth, own} {
		calls = 0
		r := gin.New()
		var errs []*gin.Error
		r.Use(func(c *gin.Context) { c.Next(); errs = c.Errors }, auth.Middleware())
		r.GET("/", auth.Require(), func(c *gin.Context) {})
		req, rec := apptest.NewRequest("GET", "/", nil)
		if r.ServeHTTP(rec, req); rec.Code != http.StatusUnauthorized || rec.Body.String() != `{"message":"Sign in first."}` || calls != 1 || len(errs) != 1 {
			t.Errorf("%d %s, %d calls, %v", rec.Code, rec.Body, calls, errs)
		}
	}
}

func TestRefuse_OnACopyOnlyAborts(t *testing.T) {
	a := apptest.New(t)
	a.Router.GET("/", func(c *gin.Context) {
		a.Auth.Refuse(c.Copy(), nuxtauth.ErrForbidden)
		c.Status(http.StatusNoContent)
	})
	if res := a.Get("/"); res.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", res.StatusCode)
	}
}

// What one Auth has found, and the application hands on, signs in no user at another
// whose middleware ran.
func TestRequire_HandedOnSessionIsNoSession(t *testing.T) {
	shop := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.BasePath, cfg.Cookies.Prefix = "/shop/auth", "shop" })
	admin := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.BasePath, cfg.Cookies.Prefix = "/admin/auth", "admin" })
	for name, handOn := range map[string]gin.HandlerFunc{
		"WithSession": func(c *gin.Context) {
			c.Request = c.Request.WithContext(nuxtauth.WithSession(c.Request.Context(), shop.Session(c)))
		},
		"SessionKey": func(c *gin.Context) { view := *shop.Session(c); c.Set(nuxtauth.SessionKey, &view) },
	} {
		r := gin.New()
		r.Use(shop.Middleware(), admin.Middleware(), handOn)
		r.GET("/", admin.Require(), func(c *gin.Context) { c.Status(http.StatusOK) })
		req, rec := apptest.NewRequest("GET", "/", apptest.Issue(t, shop, "Customer"))
		if r.ServeHTTP(rec, req); rec.Code != http.StatusUnauthorized {
			t.Errorf("%s: status %d", name, rec.Code)
		}
	}
}

func TestRequire_AfterSignOutTheRequestIsSignedOut(t *testing.T) {
	auth := apptest.NewAuth(t)
	r := gin.New()
	r.ContextWithFallback = true
	r.Use(auth.Middleware())
	r.GET("/guarded", auth.Require(), func(c *gin.Context) { c.Status(http.StatusOK) })
	r.GET("/", func(c *gin.Context) {
		c.Request = c.Request.WithContext(nuxtauth.WithSession(c.Request.Context(), auth.Session(c)))
		if err := auth.SignOut(c); err != nil {
			t.Error(err)
		}
		if nuxtauth.SessionFrom[apptest.Session](c) != nil || auth.Session(c) != nil {
			t.Error("the request has a session")
		}
		c.Request.URL.Path = "/guarded"
		r.HandleContext(c)
	})
	req, rec := apptest.NewRequest("GET", "/", apptest.Issue(t, auth, "Ada"))
	if r.ServeHTTP(rec, req); rec.Code != http.StatusUnauthorized {
		t.Errorf("status %d", rec.Code)
	}
}
