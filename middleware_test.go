package nuxtauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

func TestMiddleware_PanicsOnWrongConfig(t *testing.T) {
	defer func() {
		if v := recover(); v == nil {
			t.Error("Middleware does not panic")
		}
	}()
	nuxtauth.Middleware(apptest.Config{URL: "nowhere"})
}

func TestMiddleware_InGroup(t *testing.T) {
	auth := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.URL = "http://localhost:3000/app/auth" })
	r := gin.New()
	r.GET("/outside", func(c *gin.Context) { _, ok := c.Get("session"); c.JSON(200, ok) })
	group := r.Group("/app")
	auth.Register(group)
	group.GET("/me", func(c *gin.Context) { c.JSON(200, auth.Session(c)) })
	ada := apptest.Issue(t, auth, "Ada")
	for path, want := range map[string]string{"/outside": "false", "/app/me": `"name":"Ada"`, "/app/auth/session": `"name":"Ada"`, "/app/auth/csrf": "csrfToken"} {
		req, rec := apptest.NewRequest("GET", path, ada)
		r.ServeHTTP(rec, req)
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s answers %d %s", path, rec.Code, rec.Body)
		}
	}
	defer func() {
		if v := recover(); v == nil || !strings.Contains(v.(string), `set Config.BasePath to "/other/auth"`) {
			t.Errorf("a base path outside the group: %v", v)
		}
	}()
	auth.Register(r.Group("/other"))
}

func TestMiddleware_TwoAuthsInOneRouter(t *testing.T) {
	shop := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.BasePath, cfg.Cookies.Prefix = "/shop/auth", "shop" })
	staff := apptest.NewAuth(t, func(cfg *apptest.Config) {
		cfg.BasePath, cfg.Cookies.Prefix, cfg.Secret = "/staff/auth", "staff", strings.Repeat("other-secret", 4)
	})
	r := gin.New()
	shop.Register(r.Group("/shop"))
	staff.Register(r.Group("/staff"))
	both := append(apptest.Issue(t, shop, "Customer"), apptest.Issue(t, staff, "Clerk")...)
	for path, want := range map[string]string{"/shop/auth/session": "Customer", "/staff/auth/session": "Clerk"} {
		req, rec := apptest.NewRequest("GET", path, both)
		r.ServeHTTP(rec, req)
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s answers %s", path, rec.Body)
		}
	}
}

func TestMiddleware_TwiceRunsOnce(t *testing.T) {
	calls := 0
	auth := apptest.NewAuth(t, func(cfg *apptest.Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			calls++
			p.Token.Nickname = "changed"
			return p.Token, nil
		}
	})
	r := gin.New()
	r.Use(auth.Middleware(), auth.Middleware())
	r.GET("/", func(*gin.Context) {})
	req, rec := apptest.NewRequest("GET", "/", apptest.Issue(t, auth, "Ada"))
	r.ServeHTTP(rec, req)
	if n := len(rec.Result().Cookies()); calls != 1 || n != 1 {
		t.Errorf("the callback ran %d times, %d cookies", calls, n)
	}
}

func TestMiddleware_SkipLeavesRequestUnchanged(t *testing.T) {
	auth := apptest.NewAuth(t, func(cfg *apptest.Config) {
		cfg.Skip = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/static") }
	})
	r := gin.New()
	r.Use(auth.Middleware())
	r.GET("/static", func(c *gin.Context) {
		defer func() {
			if v, _ := recover().(string); !strings.Contains(v, "Config.Skip") {
				t.Errorf("SessionFrom panics with %q", v)
			}
		}()
		nuxtauth.SessionFrom[apptest.Session](c)
	})
	req, rec := apptest.NewRequest("GET", "/static", apptest.Issue(t, auth, "Ada"))
	r.ServeHTTP(rec, req)
	type other struct {
		nuxtauth.DefaultSession[nuxtauth.DefaultUser]
	}
	r.GET("/other", func(c *gin.Context) {
		defer func() {
			if v, _ := recover().(string); !strings.Contains(v, "use the type of your Config") {
				t.Errorf("SessionFrom of another type panics with %q", v)
			}
		}()
		nuxtauth.SessionFrom[other](c)
	})
	req, rec = apptest.NewRequest("GET", "/other", nil)
	r.ServeHTTP(rec, req)
}

func TestMiddleware_KeepsCookiesOfOthers(t *testing.T) {
	auth := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.Protocol = nuxtauth.AuthJS })
	r := gin.New()
	r.Use(func(c *gin.Context) { c.Header("Set-Cookie", "lb=1") }, auth.Middleware())
	req, rec := apptest.NewRequest("POST", "/api/auth/signout", nil)
	r.ServeHTTP(rec, req)
	if got := rec.Header()["Set-Cookie"]; len(got) != 1 || got[0] != "lb=1" {
		t.Errorf("got %q", got)
	}
}

func TestMiddleware_TrustHostServesListedHosts(t *testing.T) {
	t.Setenv("AUTH_URL", "")
	t.Setenv("NEXTAUTH_URL", "")
	auth := apptest.NewAuth(t, func(cfg *apptest.Config) {
		cfg.URL, cfg.TrustHost = "", true
		cfg.TrustedOrigins = []string{"https://app.example.com", "http://localhost:3000"}
	})
	r := gin.New()
	r.Use(auth.Middleware())
	r.GET("/", func(c *gin.Context) { c.JSON(200, auth.Session(c)) })
	for _, tt := range []struct {
		host, forwarded, proto string
		status                 int
		cookie                 string
	}{
		{"backend:8080", "app.example.com", "https", 200, "__Host-next-auth.csrf-token="},
		{"localhost:3000", "", "", 200, "next-auth.csrf-token="},
		{"evil.example", "", "", 400, ""},
		{"localhost:3000", "evil.example", "https", 400, ""},
	} {
		req, rec := apptest.NewRequest("GET", "/api/auth/csrf", nil)
		req.Host = tt.host
		if tt.forwarded != "" {
			req.Header.Set("X-Forwarded-Host", tt.forwarded)
			req.Header.Set("X-Forwarded-Proto", tt.proto)
		}
		r.ServeHTTP(rec, req)
		if rec.Code != tt.status || !strings.HasPrefix(rec.Header().Get("Set-Cookie"), tt.cookie) {
			t.Errorf("%s for %q: %d %s", tt.host, tt.forwarded, rec.Code, rec.Header().Get("Set-Cookie"))
		}
		if strings.Contains(rec.Body.String(), "evil") {
			t.Errorf("the answer repeats the host: %s", rec.Body)
		}
	}
	req, rec := apptest.NewRequest("GET", "/", nil)
	req.Host = "evil.example"
	if r.ServeHTTP(rec, req); rec.Code != 200 || rec.Body.String() != "null" {
		t.Errorf("an ordinary route for an unknown host answers %d %s", rec.Code, rec.Body)
	}
}

func TestMiddleware_URLWinsOverHeaders(t *testing.T) {
	auth := apptest.NewAuth(t)
	r := gin.New()
	r.Use(auth.Middleware())
	for name, value := range map[string]string{"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example", "X-Original-URL": "/evil"} {
		req, rec := apptest.NewRequest("GET", "/api/auth/providers", nil)
		req.Header.Set(name, value)
		if name == "Host" {
			req.Host = value
		}
		r.ServeHTTP(rec, req)
		if !strings.Contains(rec.Body.String(), `"http://localhost:3000/api/auth/signin/credentials"`) || strings.Contains(rec.Body.String(), "evil") {
			t.Errorf("%s: %s", name, rec.Body)
		}
	}
}

func TestRequire_RefusesAndRedirects(t *testing.T) {
	auth := apptest.NewAuth(t)
	isAda := func(s *apptest.Session) bool { return s.User.Name == "Ada" }
	r := gin.New()
	r.Use(auth.Middleware())
	r.GET("/in", auth.Require(), func(c *gin.Context) { c.String(200, "in") })
	r.POST("/in", auth.Require(), func(c *gin.Context) { c.String(200, "in") })
	r.GET("/ada", auth.Require(isAda), func(c *gin.Context) { c.String(200, "in") })
	for _, tt := range []struct {
		method, path, as, accept, mode string
		status                         int
		location                       string
	}{
		{"GET", "/in", "", "", "", 401, ""},
		{"GET", "/in", "", "application/json", "", 401, ""},
		{"GET", "/in?a=b&c=d", "", "text/html,*/*", "", 302, "http://localhost:3000/api/auth/signin?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fin%3Fa%3Db%26c%3Dd"},
		{"GET", "/in", "", "text/html", "cors", 401, ""},
		{"GET", "/in", "", "*/*", "navigate", 302, "http://localhost:3000/api/auth/signin?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fin"},
		{"POST", "/in", "", "text/html", "navigate", 303, "http://localhost:3000/api/auth/signin?callbackUrl=http%3A%2F%2Flocalhost%3A3000"},
		{"POST", "/in", "", "text/html", "cors", 401, ""},
		{"GET", "/in", "Grace", "", "", 200, ""},
		{"GET", "/ada", "Grace", "text/html", "navigate", 403, ""},
		{"GET", "/ada", "Ada", "", "", 200, ""},
	} {
		var cookies []*http.Cookie
		if tt.as != "" {
			cookies = apptest.Issue(t, auth, tt.as)
		}
		req, rec := apptest.NewRequest(tt.method, tt.path, cookies)
		req.Header.Set("Accept", tt.accept)
		req.Header.Set("Sec-Fetch-Mode", tt.mode)
		r.ServeHTTP(rec, req)
		if rec.Code != tt.status || rec.Header().Get("Location") != tt.location {
			t.Errorf("%s %s as %q for %q: %d %s", tt.method, tt.path, tt.as, tt.accept, rec.Code, rec.Header().Get("Location"))
		}
		if in := rec.Body.String() == "in"; in != (tt.status == 200) {
			t.Errorf("%s %s as %q: the handler ran: %t", tt.method, tt.path, tt.as, in)
		}
		if isPage := strings.Contains(rec.Body.String(), "<h1"); isPage != (tt.status == 403) {
			t.Errorf("%s %s as %q: answered with a page: %t", tt.method, tt.path, tt.as, isPage)
		}
		if tt.status != 200 && !strings.Contains(rec.Header().Get("Cache-Control"), "no-store") {
			t.Errorf("%s %s: the answer may be cached", tt.method, tt.path)
		}
	}
}

// The callback URL is one that the sign-in accepts, whatever the path of the request is.
func TestRequire_CallbackURLIsSafe(t *testing.T) {
	auth := apptest.NewAuth(t)
	r := apptest.NewRouter(auth)
	r.NoRoute(auth.Require())
	const site = "http://localhost:3000"
	for path, want := range map[string]string{
		"/a b":                          site + "/a%20b",
		"//evil.example/x":              site,
		"///evil.example/x":             site,
		"/.//evil.example/x":            site,
		"/" + strings.Repeat("x", 2100): site,
	} {
		req, rec := apptest.NewRequest("GET", "/", nil)
		req.URL = &url.URL{Path: path}
		req.Header.Set("Accept", "text/html")
		r.ServeHTTP(rec, req)
		to, err := url.Parse(rec.Header().Get("Location"))
		if err != nil || to.Query().Get("callbackUrl") != want {
			t.Errorf("%.40s leads to %.200s, %v", path, to, err)
		}
	}
}

func TestRequire_StoreFaultIsPage(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) {})
	a.SignIn()
	s.Fail(apptest.ErrDown)
	req := a.Request("GET", "/private", "", "")
	req.Header.Set("Accept", "text/html")
	res := a.Do(req)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(res.Text, "You are still signed in") {
		t.Errorf("%d %s", res.StatusCode, res.Text)
	}
}

func TestTrustHost_WithOneOriginRefusesOthers(t *testing.T) {
	t.Setenv("AUTH_URL", "")
	t.Setenv("NEXTAUTH_URL", "")
	auth := apptest.NewAuth(t, func(c *apptest.Config) {
		c.URL, c.TrustHost, c.TrustedOrigins = "", true, []string{"https://app.example.com"}
	})
	r := apptest.NewRouter(auth)
	for host, status := range map[string]int{"app.example.com": http.StatusOK, "evil.example": http.StatusBadRequest, "app.example.com.evil.example": http.StatusBadRequest} {
		req, rec := apptest.NewRequest("GET", "/api/auth/providers", nil)
		req.Header.Set("X-Forwarded-Host", host)
		req.Header.Set("X-Forwarded-Proto", "https")
		if r.ServeHTTP(rec, req); rec.Code != status || strings.Contains(rec.Body.String(), "evil") {
			t.Errorf("%s: %d %s", host, rec.Code, rec.Body)
		}
	}
}

// A staffSession is the session type of a second Auth.
type staffSession struct {
	nuxtauth.DefaultSession[nuxtauth.DefaultUser]
	Desk int `json:"desk"`
}

// Two Auths on all routes: each has its own user, whichever middleware runs first.
func TestMiddleware_TwoAuthsOnOneRoute(t *testing.T) {
	shop := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.BasePath, cfg.Cookies.Prefix = "/shop/auth", "shop" })
	second := apptest.NewAuth(t, func(cfg *apptest.Config) {
		cfg.BasePath, cfg.Cookies.Prefix, cfg.Secret = "/second/auth", "second", strings.Repeat("other-secret", 4)
	})
	staff, err := nuxtauth.New(nuxtauth.Config[apptest.Token, staffSession]{
		Secret: strings.Repeat("third-secret", 4), URL: "http://localhost:3000", BasePath: "/staff/auth", Cookies: nuxtauth.Cookies{Prefix: "staff"},
	})
	if err != nil {
		t.Fatal(err)
	}
	customer, other := apptest.Issue(t, shop, "Customer"), apptest.Issue(t, second, "Other")
	clerk, err := apptest.Cookies(staff.Issue(t.Context(), &apptest.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "2", Name: "Clerk"}}))
	if err != nil {
		t.Fatal(err)
	}
	var got, want string
	who := func(c *gin.Context) {
		name := func(s *apptest.Session) string {
			if s == nil {
				return "-"
			}
			return s.User.Name
		}
		clerk := func(s *staffSession) string {
			if s == nil {
				return "-"
			}
			return s.User.Name
		}
		from := name(nuxtauth.SessionFrom[apptest.Session](c))
		got = fmt.Sprintln(name(shop.Session(c)), name(second.Session(c)), clerk(staff.Session(c)), from, clerk(nuxtauth.SessionFrom[staffSession](c)),
			shop.Token(c) != nil, second.Token(c) != nil, staff.Token(c) != nil)
	}
	for order, uses := range map[string][]gin.HandlerFunc{
		"shop, second, staff": {shop.Middleware(), second.Middleware(), staff.Middleware()},
		"staff, second, shop": {staff.Middleware(), second.Middleware(), shop.Middleware()},
		"second, staff, shop": {second.Middleware(), staff.Middleware(), shop.Middleware()},
	} {
		r := gin.New()
		r.Use(uses...)
		r.GET("/", who)
		for i, guard := range []gin.HandlerFunc{shop.Require(), second.Require(), staff.Require()} {
			r.GET(fmt.Sprintf("/guarded/%d", i), guard, func(c *gin.Context) { c.Status(http.StatusOK) })
		}
		for signedIn := range 8 {
			var cookies []*http.Cookie
			names := []string{"-", "-", "-"}
			for i, session := range [][]*http.Cookie{customer, other, clerk} {
				if signedIn&(1<<i) != 0 {
					cookies = append(cookies, session...)
					names[i] = []string{"Customer", "Other", "Clerk"}[i]
				}
			}
			in := func(i int) bool { return names[i] != "-" }
			// Two Auths have the same session type: SessionFrom has the last one that found a user.
			last := "-"
			for name := range strings.SplitSeq(order, ", ") {
				if i := map[string]int{"shop": 0, "second": 1, "staff": 2}[name]; i < 2 && in(i) {
					last = names[i]
				}
			}
			want = fmt.Sprintln(names[0], names[1], names[2], last, names[2], in(0), in(1), in(2))
			req, rec := apptest.NewRequest("GET", "/", cookies)
			if r.ServeHTTP(rec, req); got != want {
				t.Errorf("%s, signed in %03b:\n got %s\nwant %s", order, signedIn, got, want)
			}
			for i := range names {
				req, rec := apptest.NewRequest("GET", fmt.Sprintf("/guarded/%d", i), cookies)
				if r.ServeHTTP(rec, req); (rec.Code == http.StatusOK) != in(i) {
					t.Errorf("%s, signed in %03b: guard %d answers %d", order, signedIn, i, rec.Code)
				}
			}
		}
	}
}

// The middleware of one Auth does not sign in a user for the guards of another.
func TestRequire_OfAnotherAuthIsNoSession(t *testing.T) {
	shop := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.BasePath, cfg.Cookies.Prefix = "/shop/auth", "shop" })
	staff := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.BasePath, cfg.Cookies.Prefix = "/staff/auth", "staff" })
	r := gin.New()
	r.Use(shop.Middleware())
	r.GET("/", staff.Require(), func(c *gin.Context) { c.Status(http.StatusOK) })
	req, rec := apptest.NewRequest("GET", "/", apptest.Issue(t, shop, "Customer"))
	defer func() {
		if v, _ := recover().(string); !strings.Contains(v, "a guard ran without the middleware of its Auth") || rec.Body.Len() > 0 {
			t.Errorf("it panics with %q, status %d", v, rec.Code)
		}
	}()
	r.ServeHTTP(rec, req)
}
