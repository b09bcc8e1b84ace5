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
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestRoutes_OnlyBelowBasePath(t *testing.T) {
	auth := apptest.NewAuth(t)
	r := gin.New()
	r.Use(auth.Middleware())
	r.NoRoute(func(c *gin.Context) { c.String(404, "the application's") })
	for path, ours := range map[string]bool{
		"/api/auth/csrf": true, "/api/auth/csrf/": true, "/api/auth": true,
		"/api/authentic": false, "/api/auth-connect": false, "/API/auth/csrf": false, "//api/auth/csrf": true,
		"/api//auth///csrf": true, "/x/api/auth/csrf": false, "/x//api/auth/csrf": false, "//x/api/auth/csrf": false,
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

func TestRoutes_AnswersAreNotCached(t *testing.T) {
	a := apptest.New(t)
	a.SignIn()
	for _, path := range []string{
		"session", "csrf", "providers", "signin", "signout", "error", "verify-request", "nothing", "session/x.css", "callback/credentials",
	} {
		res := a.Get("/api/auth/" + path)
		if !strings.Contains(res.Header.Get("Cache-Control"), "no-store") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, res.Header)
		}
		if res.StatusCode >= 500 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// A cache in front of the server may store what looks like a picture.
func TestRoutes_NothingFollowsAction(t *testing.T) {
	for name, p := range map[string]nuxtauth.Protocol{"v4": nuxtauth.NextAuth, "v5": nuxtauth.AuthJS} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t, func(c *apptest.Config) { c.Protocol = p })
			a.SignIn()
			for _, path := range []string{"session/logo.png", "session//logo.png", "session/undefined/logo.png", "csrf/x.css", "providers/x.js"} {
				if res := a.Get("/api/auth/" + path); res.StatusCode != http.StatusBadRequest || strings.Contains(res.Text, "Ada") {
					t.Errorf("%s: %d %s", path, res.StatusCode, res.Text)
				}
			}
			if res := a.Get("/api/auth/session/"); !strings.Contains(res.Text, "Ada") {
				t.Errorf("session/: %d %s", res.StatusCode, res.Text)
			}
		})
	}
}

func TestRoutes_ProvidersInOrder(t *testing.T) {
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Providers = []provider.Provider{
			provider.OIDC(provider.Provider{ID: "zeta", Name: "Zeta", Issuer: "https://zeta.example", ClientID: "i", ClientSecret: "s"}),
			provider.Credentials(apptest.Authorize),
		}
	})
	want := `{"zeta":{"id":"zeta","name":"Zeta","type":"oauth",` +
		`"signinUrl":"U/api/auth/signin/zeta","callbackUrl":"U/api/auth/callback/zeta"},` +
		`"credentials":{"id":"credentials","name":"Credentials","type":"credentials",` +
		`"signinUrl":"U/api/auth/signin/credentials","callbackUrl":"U/api/auth/callback/credentials"}}`
	if got := strings.ReplaceAll(a.Get("/api/auth/providers").Text, a.URL, "U"); got != want {
		t.Errorf("got %s", got)
	}
	b := apptest.New(t, func(cfg *apptest.Config) { cfg.Providers = nil })
	if got := b.Get("/api/auth/providers").Text; got != "{}" {
		t.Errorf("without providers the list is %s", got)
	}
}

func TestRoutes_CORSOnlyForTrustedOrigins(t *testing.T) {
	a := apptest.New(t, func(cfg *apptest.Config) { cfg.TrustedOrigins = []string{"https://app.example.com"} })
	for origin, allowed := range map[string]bool{
		"https://app.example.com": true, "http://app.example.com": false, "https://evil.example": false, "null": false,
		"https://app.example.com.evil.example": false,
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			req := a.Request(method, "/api/auth/session", "", "")
			req.Header.Set("Origin", origin)
			req.Header.Set("Access-Control-Request-Method", "POST")
			res := a.Do(req)
			if got := res.Header.Get("Access-Control-Allow-Origin"); (got == origin) != allowed || !allowed && got != "" {
				t.Errorf("%s from %s: Access-Control-Allow-Origin is %q", method, origin, got)
			}
			if allowed && res.Header.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("%s from %s: no credentials", method, origin)
			}
		}
	}
	// A trusted front end can sign in, with a callback URL of its own origin.
	req := a.Request("POST", "/api/auth/callback/credentials", apptest.FormType,
		"username=ada&password=lovelace&json=true&callbackUrl=https://app.example.com/home&csrfToken="+a.CSRF())
	req.Header.Set("Origin", "https://app.example.com")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	res := a.Do(req)
	if a.URLIn(res) != "https://app.example.com/home" || a.Session() == nil {
		t.Errorf("got %d %s", res.StatusCode, res.Text)
	}
}

func TestRedirect_CallbackURLs(t *testing.T) {
	a := apptest.New(t)
	for in, want := range map[string]string{
		"/protected":              a.URL + "/protected",
		a.URL + "/protected?a=b":  a.URL + "/protected?a=b",
		"undefined":               a.URL,
		"":                        a.URL,
		"https://evil.example/":   a.URL,
		"//evil.example":          a.URL,
		"javascript:alert(1)":     a.URL,
		"/a\r\nSet-Cookie: x=y":   a.URL + "/aSet-Cookie:%20x=y",
		strings.Repeat("/x", 4e3): a.URL,
	} {
		a.Client = apptest.NewBrowser()
		res := a.Post("/api/auth/signout", url.Values{"csrfToken": {a.CSRF()}, "callbackUrl": {in}})
		got := res.Header.Get("Location")
		if res.StatusCode != 302 || strings.TrimSuffix(got, "/") != want {
			t.Errorf("%.40q: %d %s, want %s", in, res.StatusCode, got, want)
		}
		if stored, _ := url.QueryUnescape(a.Cookie("next-auth.callback-url")); stored != got {
			t.Errorf("%.40q is stored as %q", in, stored)
		}
	}
	a.SetCookie("next-auth.callback-url", "javascript%3Aalert(1)")
	if res := a.Get("/api/auth/session"); res.StatusCode != 200 {
		t.Errorf("a planted cookie breaks the session: %d", res.StatusCode)
	}
}

func TestRedirect_InvalidUTF8IsNoPanic(t *testing.T) {
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Callbacks.Redirect = func(_ context.Context, p nuxtauth.RedirectParams) (string, error) { return p.URL, nil }
	})
	res := a.Post("/api/auth/signout", url.Values{"csrfToken": {a.CSRF()}, "callbackUrl": {"https://other.example/?\xff"}, "json": {"true"}})
	if res.StatusCode != 200 || a.URLIn(res) != a.URL {
		t.Errorf("got %d %s", res.StatusCode, res.Text)
	}
}

func TestCookie_SecureFollowsURL(t *testing.T) {
	auth := apptest.NewAuth(t, func(cfg *apptest.Config) { cfg.URL, cfg.Cookies.Domain = "https://app.example.com", "example.com" })
	cookies := apptest.Issue(t, auth, "Ada")
	c := cookies[0]
	if c.Name != "__Secure-next-auth.session-token" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
		c.Path != "/" || c.Domain != "example.com" {
		t.Errorf("got %s", c)
	}
	// The cookie without the prefix, which any http page can plant, is not read.
	c.Name = "next-auth.session-token"
	r := apptest.NewRouter(auth)
	req, rec := apptest.NewRequest("GET", "/api/auth/session", cookies)
	r.ServeHTTP(rec, req)
	if rec.Body.String() != "{}" {
		t.Errorf("a cookie without the prefix is a session: %s", rec.Body)
	}
	names := apptest.Recorded(rec).SetCookies()
	if want := []string{"__Host-next-auth.csrf-token=", "__Secure-next-auth.callback-url="}; !slices.Equal(names, want) {
		t.Errorf("cookies %v, want %v", names, want)
	}
	for _, c := range rec.Result().Cookies() {
		if strings.HasPrefix(c.Name, "__Host-") && (c.Domain != "" || c.Path != "/" || !c.Secure) {
			t.Errorf("a browser refuses %s", c)
		}
	}
}

// A route of the application below the base path is served like its other routes,
// unless the path is one of the API.
func TestRoutes_OfTheApplicationBelowBasePath(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		auth := apptest.NewAuth(t, func(c *apptest.Config) { c.Protocol = protocol })
		r := apptest.NewRouter(auth)
		mine := func(c *gin.Context) {
			c.String(http.StatusTeapot, "mine, %t", nuxtauth.SessionFrom[apptest.Session](c) != nil)
		}
		for _, path := range []string{
			"mine", "mine/:id", "session", "signin/:id", "signin/:id/more", "callback/:id", "signout", "csrf", "providers",
			"backchannel-logout/:id", "_log", "error",
		} {
			r.Any("/api/auth/"+path, mine)
		}
		r.GET("/api/auth-of-another/:x", mine)
		r.GET("/api/other", mine)
		cookies := apptest.Issue(t, auth, "Ada")
		for _, tt := range []struct {
			path string
			mine bool
		}{
			{"mine", true},
			{"mine/1", true},
			{"mine/1/2", false}, // no route
			{"other", false},
			{"", false},
			{"session", false}, {"signin/idp", false}, {"signin/idp/more", false}, {"callback/idp", false}, {"signout", false}, {"csrf", false},
			{"providers", false}, {"backchannel-logout/idp", false}, {"_log", false}, {"error", false},
		} {
			for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
				req, rec := apptest.NewRequest(method, "/api/auth/"+tt.path, cookies)
				r.ServeHTTP(rec, req)
				if got := rec.Body.String() == "mine, true"; got != tt.mine {
					t.Errorf("%v: %s %s: answered by the application: %t (%d %.100s)", protocol, method, tt.path, got, rec.Code, rec.Body)
				}
				if method == "PUT" && !tt.mine && rec.Code != http.StatusBadRequest {
					t.Errorf("%v: %s %s: %d", protocol, method, tt.path, rec.Code)
				}
			}
		}
	}
}

// Routes that match any path do not make an unknown path one of the application.
func TestRoutes_CatchAllsTakeNoUnknownPath(t *testing.T) {
	unknown := func(r http.Handler) int {
		req, rec := apptest.NewRequest("GET", "/api/auth/unknown", nil)
		r.ServeHTTP(rec, req)
		return rec.Code
	}
	for name, register := range map[string]func(r *gin.Engine, auth *nuxtauth.Auth[apptest.Token, apptest.Session]){
		"Register": func(r *gin.Engine, auth *nuxtauth.Auth[apptest.Token, apptest.Session]) { auth.Register(r) },
		"Register in a group": func(r *gin.Engine, auth *nuxtauth.Auth[apptest.Token, apptest.Session]) {
			auth.Register(r.Group("/api"))
		},
		"front end": func(r *gin.Engine, auth *nuxtauth.Auth[apptest.Token, apptest.Session]) {
			r.Use(auth.Middleware())
			r.GET("/*path", func(*gin.Context) {})
		},
	} {
		r := gin.New()
		register(r, apptest.NewAuth(t))
		if code := unknown(r); code != http.StatusBadRequest {
			t.Errorf("%s: an unknown path answers %d", name, code)
		}
	}
}

// The base path itself, with and without a slash, can be a route of the application.
func TestRoutes_OfTheApplicationAtBasePath(t *testing.T) {
	for _, path := range []string{"/api/auth", "/api/auth/"} {
		r := apptest.NewRouter(apptest.NewAuth(t))
		r.GET(path, func(c *gin.Context) { c.Status(http.StatusTeapot) })
		req, rec := apptest.NewRequest("GET", path, nil)
		if r.ServeHTTP(rec, req); rec.Code != http.StatusTeapot {
			t.Errorf("%s answers %d", path, rec.Code)
		}
	}
}
