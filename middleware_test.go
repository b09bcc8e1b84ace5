package nuxtauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

type pointerToken struct{ *nuxtauth.DefaultJWT }

type shadowingToken struct {
	nuxtauth.DefaultJWT
	Expiry int    `json:"exp"`
	Sub    string `json:"sub"`
}

type taggedToken struct {
	nuxtauth.DefaultJWT `json:"claims"`
}

type deepPointerToken struct{ *Token }

type unmarshalableToken struct {
	nuxtauth.DefaultJWT
	Done chan bool `json:"done"`
}

type pointerSession struct{ *Session }

type shadowingSession struct {
	nuxtauth.DefaultSession[User]
	Expiry string `json:"expires"`
}

// The JSON of what these embed takes the place of their own.
type swallowedToken struct {
	nuxtauth.DefaultJWT
	ownJSON
}

type swallowedSession struct {
	nuxtauth.DefaultSession[User]
	ownJSON
}

func problem[T nuxtauth.JWT, S nuxtauth.Session](t *testing.T, cfg nuxtauth.Config[T, S]) string {
	t.Helper()
	a, err := nuxtauth.New(cfg)
	if err == nil {
		t.Fatal("New took it")
	}
	if a != nil {
		t.Error("New returned an Auth beside the error")
	}
	return err.Error()
}

func TestNewReportsTypesThatCompileAndDoNotWork(t *testing.T) {
	for name, tt := range map[string]struct{ got, want string }{
		"token by pointer":        {problem(t, nuxtauth.Config[pointerToken, Session]{Secret: secret, URL: "https://x.example"}), "embed it by value"},
		"token by inner pointer":  {problem(t, nuxtauth.Config[deepPointerToken, Session]{Secret: secret, URL: "https://x.example"}), "embed it by value"},
		"claim taken":             {problem(t, nuxtauth.Config[shadowingToken, Session]{Secret: secret, URL: "https://x.example"}), `shadowingToken.Expiry has the JSON name "exp"`},
		"second claim taken":      {problem(t, nuxtauth.Config[shadowingToken, Session]{Secret: secret, URL: "https://x.example"}), `shadowingToken.Sub has the JSON name "sub"`},
		"tagged":                  {problem(t, nuxtauth.Config[taggedToken, Session]{Secret: secret, URL: "https://x.example"}), "leave the tag out"},
		"no JSON":                 {problem(t, nuxtauth.Config[unmarshalableToken, Session]{Secret: secret, URL: "https://x.example"}), "does not go through JSON"},
		"swallowed by a method":   {problem(t, nuxtauth.Config[swallowedToken, Session]{Secret: secret, URL: "https://x.example"}), "swallowedToken does not go through JSON: a method"},
		"session swallowed":       {problem(t, nuxtauth.Config[Token, swallowedSession]{Secret: secret, URL: "https://x.example"}), "swallowedSession does not go through JSON: a method"},
		"session by pointer":      {problem(t, nuxtauth.Config[Token, pointerSession]{Secret: secret, URL: "https://x.example"}), "embed it by value"},
		"session's name is taken": {problem(t, nuxtauth.Config[Token, shadowingSession]{Secret: secret, URL: "https://x.example"}), `has the JSON name "expires"`},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%s: New says %q, want %q in it", name, tt.got, tt.want)
		}
	}
}

func TestNewReportsAllMistakesAtOnce(t *testing.T) {
	for _, name := range []string{"AUTH_SECRET", "NEXTAUTH_SECRET", "AUTH_URL", "NEXTAUTH_URL", "AUTH_GITHUB_ID", "AUTH_GITHUB_SECRET"} {
		t.Setenv(name, "")
	}
	got := problem(t, Config{
		OldSecrets: []string{"short"},
		URL:        "ftp://app.example.com",
		Protocol:   7,
		Session:    nuxtauth.SessionConfig{MaxAge: -1},
		Pages:      nuxtauth.Pages{SignIn: "login"},
		Theme:      nuxtauth.Theme{BrandColor: "red;}"},
		Providers: []provider.Provider{
			provider.GitHub(),
			provider.Credentials(authorize),
			provider.Credentials(authorize),
		},
	})
	for _, want := range []string{"AUTH_SECRET", "ftp://app.example.com", "Protocol(7)", "MaxAge", `Pages.SignIn is "login"`, "red;}", "AUTH_GITHUB_ID", `two providers have the id "credentials"`} {
		if !strings.Contains(got, want) {
			t.Errorf("New does not mention %q: %s", want, got)
		}
	}
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{Secret: "too-short", URL: "https://x.example"}, "Config.Secret (or AUTH_SECRET) has 9 characters"},
		{Config{Secret: secret, OldSecrets: []string{"short"}, URL: "https://x.example"}, "Config.OldSecrets[0] has 5 characters"},
		{Config{Secret: secret}, "AUTH_URL"},
		{Config{Secret: secret, URL: "https://x.example", Cookies: nuxtauth.Cookies{Prefix: "a b"}}, "a b"},
		{Config{Secret: secret, URL: "https://x.example", Cookies: nuxtauth.Cookies{Domain: "x;y"}}, "x;y"},
	} {
		if got := problem(t, tt.cfg); !strings.Contains(got, tt.want) {
			t.Errorf("New says %q, want %q in it", got, tt.want)
		}
	}
}

func TestMiddlewarePanicsOnAWrongConfiguration(t *testing.T) {
	defer func() {
		if v := recover(); v == nil {
			t.Error("it started")
		}
	}()
	nuxtauth.Middleware(Config{URL: "nowhere"})
}

func TestSecretAndURLComeFromTheEnvironment(t *testing.T) {
	t.Setenv("AUTH_SECRET", "")
	t.Setenv("NEXTAUTH_SECRET", secret)
	t.Setenv("AUTH_URL", "")
	t.Setenv("NEXTAUTH_URL", "https://app.example.com/auth")
	auth, err := nuxtauth.New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	cookies, err := auth.Issue(t.Context(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	if err != nil || len(cookies) != 1 || cookies[0].Name != "__Secure-next-auth.session-token" {
		t.Fatalf("got %v, %v", cookies, err)
	}
	r := gin.New()
	r.Use(auth.Handler())
	req, rec := request("GET", "/auth/session", cookies)
	r.ServeHTTP(rec, req)
	if !strings.Contains(rec.Body.String(), "expires") {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}

// named is a session for a token with that name and role.
func named(t *testing.T, auth *nuxtauth.Auth[Token, Session], name string) []*http.Cookie {
	t.Helper()
	cookies, err := auth.Issue(t.Context(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	return cookies
}

func newAuth(t *testing.T, change ...func(*Config)) *nuxtauth.Auth[Token, Session] {
	t.Helper()
	cfg := Config{Secret: secret, URL: "http://localhost:3000", Providers: []provider.Provider{provider.Credentials(authorize)}}
	for _, f := range change {
		f(&cfg)
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

func TestRequire(t *testing.T) {
	auth := newAuth(t)
	isAda := func(s *Session) bool { return s.User.Name == "Ada" }
	r := gin.New()
	r.Use(auth.Handler())
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
		{"POST", "/in", "", "text/html", "navigate", 401, ""},
		{"GET", "/in", "Grace", "", "", 200, ""},
		{"GET", "/ada", "Grace", "text/html", "navigate", 403, ""},
		{"GET", "/ada", "Ada", "", "", 200, ""},
	} {
		var cookies []*http.Cookie
		if tt.as != "" {
			cookies = named(t, auth, tt.as)
		}
		req, rec := request(tt.method, tt.path, cookies)
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
			t.Errorf("%s %s: the refusal may be cached", tt.method, tt.path)
		}
	}
}

func TestUpdateAndSignOutOnTheServer(t *testing.T) {
	var ended []string
	var refuse bool
	auth := newAuth(t, func(cfg *Config) {
		cfg.Callbacks.Session = func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
			if refuse {
				return nil, errDown
			}
			p.Session.User.Role = p.Token.Nickname
			return p.Session, nil
		}
		cfg.Events.SignOut = func(_ context.Context, e nuxtauth.SignOutEvent[Token]) { ended = append(ended, e.Token.Name) }
	})
	var step func(c *gin.Context)
	r := gin.New()
	r.Use(auth.Handler())
	r.POST("/", func(c *gin.Context) { step(c) })
	do := func(cookies []*http.Cookie, f func(c *gin.Context)) *http.Response {
		step = f
		req, rec := request("POST", "/", cookies)
		r.ServeHTTP(rec, req)
		return rec.Result()
	}
	nickname := func(tok *Token) error { tok.Nickname = "Countess"; return nil }
	ada := named(t, auth, "Ada")

	res := do(ada, func(c *gin.Context) {
		if err := auth.Update(c, nickname); err != nil {
			t.Error(err)
		}
		if s := nuxtauth.SessionFrom[Session](c); s.User.Role != "Countess" || auth.Session(c) != s || auth.Token(c).Nickname != "Countess" {
			t.Errorf("after Update the request sees %+v and %+v", s, auth.Token(c))
		}
	})
	updated := res.Cookies()
	if len(updated) != 1 {
		t.Fatalf("Update sets %v", updated)
	}
	do(updated, func(c *gin.Context) {
		if got := auth.Session(c).User.Role; got != "Countess" {
			t.Errorf("the next request sees %q", got)
		}
	})
	res = do(ada, func(c *gin.Context) {
		refuse = true
		defer func() { refuse = false }()
		if err := auth.Update(c, nickname); err == nil {
			t.Error("Update hid the error of the Session callback")
		}
		if err := auth.Update(c, func(tok *Token) error { tok.Nickname = "x"; return errDown }); err != errDown {
			t.Errorf("Update says %v", err)
		}
		if auth.Token(c).Nickname != "" {
			t.Error("a failed Update changed the token")
		}
	})
	if n := len(res.Cookies()); n != 0 {
		t.Errorf("a failed Update set %d cookies", n)
	}
	do(nil, func(c *gin.Context) {
		if err := auth.Update(c, nickname); err != nuxtauth.ErrSignedOut {
			t.Errorf("signed out, Update says %v", err)
		}
		if err := auth.SignOut(c); err != nil {
			t.Errorf("signed out, SignOut says %v", err)
		}
	})
	res = do(ada, func(c *gin.Context) {
		if err := auth.SignOut(c); err != nil {
			t.Error(err)
		}
		if auth.Session(c) != nil || auth.Token(c) != nil || c.MustGet("session").(*Session) != nil {
			t.Error("after SignOut the request is still signed in")
		}
	})
	if got := setCookies(response{res, ""}); !slices.Equal(got, []string{"next-auth.session-token-"}) || !slices.Equal(ended, []string{"Ada"}) {
		t.Errorf("SignOut sets %v, events %v", got, ended)
	}
}

func TestMiddlewareInAGroup(t *testing.T) {
	auth := newAuth(t, func(cfg *Config) { cfg.URL = "http://localhost:3000/app/auth" })
	r := gin.New()
	r.GET("/outside", func(c *gin.Context) { _, ok := c.Get("session"); c.JSON(200, ok) })
	group := r.Group("/app")
	auth.Register(group)
	group.GET("/me", func(c *gin.Context) { c.JSON(200, auth.Session(c)) })
	ada := named(t, auth, "Ada")
	for path, want := range map[string]string{"/outside": "false", "/app/me": `"name":"Ada"`, "/app/auth/session": `"name":"Ada"`, "/app/auth/csrf": "csrfToken"} {
		req, rec := request("GET", path, ada)
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

func TestTwoAuthsInOneApplication(t *testing.T) {
	shop := newAuth(t, func(cfg *Config) { cfg.BasePath, cfg.Cookies.Prefix = "/shop/auth", "shop" })
	staff := newAuth(t, func(cfg *Config) {
		cfg.BasePath, cfg.Cookies.Prefix, cfg.Secret = "/staff/auth", "staff", strings.Repeat("s", 40)
	})
	r := gin.New()
	shop.Register(r.Group("/shop"))
	staff.Register(r.Group("/staff"))
	both := append(named(t, shop, "Customer"), named(t, staff, "Clerk")...)
	for path, want := range map[string]string{"/shop/auth/session": "Customer", "/staff/auth/session": "Clerk"} {
		req, rec := request("GET", path, both)
		r.ServeHTTP(rec, req)
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s answers %s", path, rec.Body)
		}
	}
}

func TestTheMiddlewareTwiceIsTheMiddlewareOnce(t *testing.T) {
	calls := 0
	auth := newAuth(t, func(cfg *Config) {
		cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			calls++
			p.Token.Nickname = "changed"
			return p.Token, nil
		}
	})
	r := gin.New()
	r.Use(auth.Handler(), auth.Handler())
	r.GET("/", func(*gin.Context) {})
	req, rec := request("GET", "/", named(t, auth, "Ada"))
	r.ServeHTTP(rec, req)
	if n := len(rec.Result().Cookies()); calls != 1 || n != 1 {
		t.Errorf("the callback ran %d times, %d cookies", calls, n)
	}
}

func TestSkipLeavesRequestsAlone(t *testing.T) {
	auth := newAuth(t, func(cfg *Config) {
		cfg.Skip = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/static") }
	})
	r := gin.New()
	r.Use(auth.Handler())
	r.GET("/static", func(c *gin.Context) {
		defer func() {
			if v, _ := recover().(string); !strings.Contains(v, "Config.Skip") {
				t.Errorf("SessionFrom panics with %q", v)
			}
		}()
		nuxtauth.SessionFrom[Session](c)
	})
	req, rec := request("GET", "/static", named(t, auth, "Ada"))
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
	req, rec = request("GET", "/other", nil)
	r.ServeHTTP(rec, req)
}

func TestOnlyPathsBelowTheBasePathAreTheAPI(t *testing.T) {
	auth := newAuth(t)
	r := gin.New()
	r.Use(auth.Handler())
	r.NoRoute(func(c *gin.Context) { c.String(404, "the application's") })
	for path, ours := range map[string]bool{
		"/api/auth/csrf": true, "/api/auth/csrf/": true, "/api/auth": true,
		"/api/authentic": false, "/api/auth-connect": false, "/API/auth/csrf": false, "//api/auth/csrf": false, "/api//auth/csrf": false, "/x/api/auth/csrf": false,
	} {
		req := httptest.NewRequest("GET", "http://localhost:3000/", nil)
		req.URL.Path = path
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, req)
		if got := rec.Body.String() != "the application's"; got != ours {
			t.Errorf("%s: answered by the API: %t (%d %s)", path, got, rec.Code, rec.Body)
		}
	}
}

func TestTrustHostServesTheHostsItMay(t *testing.T) {
	t.Setenv("AUTH_URL", "")
	t.Setenv("NEXTAUTH_URL", "")
	auth := newAuth(t, func(cfg *Config) {
		cfg.URL, cfg.TrustHost = "", true
		cfg.TrustedOrigins = []string{"https://app.example.com", "http://localhost:3000"}
	})
	r := gin.New()
	r.Use(auth.Handler())
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
		req, rec := request("GET", "/api/auth/csrf", nil)
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
	req, rec := request("GET", "/", nil)
	req.Host = "evil.example"
	if r.ServeHTTP(rec, req); rec.Code != 200 || rec.Body.String() != "null" {
		t.Errorf("an ordinary route for an unknown host answers %d %s", rec.Code, rec.Body)
	}
}

func TestSetURLIgnoresHostAndForwardedHeaders(t *testing.T) {
	auth := newAuth(t)
	r := gin.New()
	r.Use(auth.Handler())
	for name, value := range map[string]string{"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example", "X-Original-URL": "/evil"} {
		req, rec := request("GET", "/api/auth/providers", nil)
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

func TestCredentialsFormKeepsWhatAuthorizeNeeds(t *testing.T) {
	var got url.Values
	a := newApp(t, func(cfg *Config) {
		cfg.Providers = []provider.Provider{provider.Credentials(func(_ context.Context, form url.Values) (*provider.User, error) {
			got = form
			return nil, nil
		})}
	})
	a.postJSON("/api/auth/callback/credentials?username=query", `{"csrfToken":"`+a.csrf()+`","username":"ada","code":123456,"remember":true,"none":null,"nested":{"a":1},"json":true,"callbackUrl":"/"}`)
	want := url.Values{"username": {"ada"}, "code": {"123456"}, "remember": {"true"}}
	if got.Encode() != want.Encode() {
		t.Errorf("Authorize gets %v, want %v", got, want)
	}
}
