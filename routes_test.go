package nuxtauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

func credentials(a *app, username, password string) url.Values {
	return url.Values{"username": {username}, "password": {password}, "csrfToken": {a.csrf()}, "json": {"true"}}
}

func urlIn(a *app, res response) string {
	a.Helper()
	var v struct {
		URL string `json:"url"`
	}
	a.decode(res.body, &v)
	return v.URL
}

func TestWrongCredentials(t *testing.T) {
	for _, tt := range []struct {
		protocol nuxtauth.Protocol
		status   int
		want     string
	}{
		{nuxtauth.NextAuth, 401, "/api/auth/error?error=CredentialsSignin&provider=credentials"},
		{nuxtauth.AuthJS, 200, "/api/auth/signin?error=CredentialsSignin&code=credentials"},
	} {
		a := newApp(t, func(cfg *Config) { cfg.Protocol = tt.protocol })
		for _, form := range []url.Values{credentials(a, "ada", "wrong"), credentials(a, "nobody", "lovelace"), credentials(a, "", "")} {
			res := a.post("/api/auth/callback/credentials", form)
			if res.StatusCode != tt.status || urlIn(a, res) != a.url+tt.want {
				t.Errorf("%v: %d %s", tt.protocol, res.StatusCode, res.body)
			}
			if strings.Contains(strings.Join(res.Header["Set-Cookie"], ""), "session-token") {
				t.Errorf("%v: a session cookie for wrong credentials", tt.protocol)
			}
		}
	}
}

func TestAnErrorOfAuthorizeReachesTheLogAndNotTheBrowser(t *testing.T) {
	for _, tt := range []struct {
		err      func() error
		protocol nuxtauth.Protocol
		want     string
	}{
		{func() error { return errors.New("dial database: secret-detail") }, nuxtauth.NextAuth, "/api/auth/error?error=Callback"},
		{func() error { return errors.New("dial database: secret-detail") }, nuxtauth.AuthJS, "/api/auth/error?error=Configuration"},
		{func() error { panic("secret-detail") }, nuxtauth.NextAuth, "/api/auth/error?error=Callback"},
		{func() error { return &nuxtauth.Error{Code: "AccountLocked", Err: errors.New("secret-detail")} }, nuxtauth.NextAuth, "/api/auth/error?error=AccountLocked"},
		{func() error { return &nuxtauth.Error{Code: "AccountLocked", Err: errors.New("secret-detail")} }, nuxtauth.AuthJS, "/api/auth/signin?error=CredentialsSignin&code=AccountLocked"},
	} {
		a := newApp(t, func(cfg *Config) {
			cfg.Protocol = tt.protocol
			cfg.Providers = []provider.Provider{provider.Credentials(func(context.Context, url.Values) (*provider.User, error) { return nil, tt.err() })}
		})
		res := a.post("/api/auth/callback/credentials", credentials(a, "ada", "lovelace"))
		if got := urlIn(a, res); got != a.url+tt.want || res.StatusCode >= 500 {
			t.Errorf("%v: %d %s, want %s", tt.protocol, res.StatusCode, res.body, tt.want)
		}
		if !strings.Contains(a.log.String(), "secret-detail") || strings.Contains(res.body, "secret-detail") {
			t.Errorf("the cause is not in the log, or in the answer: %s", res.body)
		}
	}
}

func TestTheSignInCallbackDecides(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"error":            {errors.New("banned"), "/api/auth/error?error=AccessDenied"},
		"own code":         {&nuxtauth.Error{Code: "Banned"}, "/api/auth/error?error=Banned"},
		"redirect":         {nuxtauth.RedirectTo("/welcome"), "/welcome"},
		"redirect outside": {nuxtauth.RedirectTo("https://evil.example/"), ""},
	} {
		a := newApp(t, func(cfg *Config) {
			cfg.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return tt.err }
			cfg.Callbacks.JWT = func(context.Context, nuxtauth.JWTParams[Token]) (*Token, error) {
				t.Error(name, "the JWT callback ran")
				return nil, nil
			}
		})
		res := a.post("/api/auth/callback/credentials", credentials(a, "ada", "lovelace"))
		if got := urlIn(a, res); got != a.url+tt.want || res.StatusCode != 403 {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
		if a.session() != nil {
			t.Errorf("%s: signed in", name)
		}
	}
}

func TestPostsNeedTheCSRFTokenFromTheSameSite(t *testing.T) {
	type post struct{ path, refused string }
	posts := []post{
		{"/api/auth/callback/credentials", "/api/auth/signin?csrf=true"},
		{"/api/auth/signin/credentials", "/api/auth/signin?csrf=true"},
		{"/api/auth/signout", "/api/auth/signout?csrf=true"},
	}
	for _, p := range posts {
		a := newApp(t)
		a.signIn()
		good := a.csrf()
		for name, change := range map[string]func(r *http.Request){
			"other origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"null origin":  func(r *http.Request) { r.Header.Set("Origin", "null") },
			"https twin":   func(r *http.Request) { r.Header.Set("Origin", strings.Replace(a.url, "http:", "https:", 1)) },
			"cross-site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"wrong token": func(r *http.Request) {
				*r = *a.request("POST", p.path, "application/x-www-form-urlencoded", "username=ada&password=lovelace&csrfToken="+strings.Repeat("0", 64))
			},
			"in the query": func(r *http.Request) {
				*r = *a.request("POST", p.path+"?csrfToken="+good, "application/x-www-form-urlencoded", "username=ada&password=lovelace")
			},
			"plain text": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
			"multipart":  func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") },
		} {
			req := a.request("POST", p.path, "application/x-www-form-urlencoded", "username=ada&password=lovelace&csrfToken="+good)
			change(req)
			res := a.do(req)
			if got := res.Header.Get("Location"); res.StatusCode != 302 || got != a.url+p.refused {
				t.Errorf("%s, %s: %d %s", p.path, name, res.StatusCode, got)
			}
			if a.session() == nil {
				t.Fatalf("%s, %s: signed out", p.path, name)
			}
		}
	}
	a := newApp(t)
	a.signIn()
	if res := a.postJSON("/api/auth/session", `{"data":{}}`); res.StatusCode != 400 || res.body != "{}" {
		t.Errorf("an update without the token answers %d %s", res.StatusCode, res.body)
	}
}

func TestHostileBodiesGetAClearAnswer(t *testing.T) {
	a := newApp(t)
	csrf := a.csrf()
	for name, tt := range map[string]struct {
		contentType, body string
		status            int
	}{
		"broken JSON":     {"application/json", `{"csrfToken":`, 400},
		"JSON array":      {"application/json", `["csrfToken"]`, 400},
		"JSON string":     {"application/json", `"x"`, 400},
		"duplicate names": {"application/json", `{"a":1,"a":2}`, 400},
		"bad escape":      {"application/x-www-form-urlencoded", "a=%zz", 400},
		"too large form":  {"application/x-www-form-urlencoded", "a=" + strings.Repeat("x", 70<<10), 413},
		"too large JSON":  {"application/json", `{"a":"` + strings.Repeat("x", 70<<10) + `"}`, 413},
		"deep JSON":       {"application/json", strings.Repeat(`{"a":`, 20_000), 400},
		"objects":         {"application/json", `{"csrfToken":{"a":1},"username":["x"],"callbackUrl":7,"json":{}}`, 302},
		"no type":         {"", "csrfToken=" + csrf, 302},
		"odd type":        {";;;", "csrfToken=" + csrf, 302},
	} {
		res := a.do(a.request("POST", "/api/auth/callback/credentials", tt.contentType, tt.body))
		if res.StatusCode != tt.status {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	if res := a.do(a.request("POST", "/api/auth/signout", "text/plain", strings.Repeat("x", 1<<20))); res.StatusCode >= 500 {
		t.Errorf("a large body of no type: %d", res.StatusCode)
	}
}

func TestCallbackURLsThatClientsSend(t *testing.T) {
	a := newApp(t)
	for in, want := range map[string]string{
		"/protected":              a.url + "/protected",
		a.url + "/protected?a=b":  a.url + "/protected?a=b",
		"undefined":               a.url,
		"":                        a.url,
		"https://evil.example/":   a.url,
		"//evil.example":          a.url,
		"javascript:alert(1)":     a.url,
		"/a\r\nSet-Cookie: x=y":   a.url + "/aSet-Cookie:%20x=y",
		strings.Repeat("/x", 4e3): a.url,
	} {
		a.client = newBrowser()
		res := a.post("/api/auth/signout", url.Values{"csrfToken": {a.csrf()}, "callbackUrl": {in}})
		got := res.Header.Get("Location")
		if res.StatusCode != 302 || strings.TrimSuffix(got, "/") != want {
			t.Errorf("%.40q: %d %s, want %s", in, res.StatusCode, got, want)
		}
		if stored, _ := url.QueryUnescape(a.cookie("next-auth.callback-url")); stored != got {
			t.Errorf("%.40q is stored as %q", in, stored)
		}
	}
	a.setCookie("next-auth.callback-url", "javascript%3Aalert(1)")
	if res := a.get("/api/auth/session"); res.StatusCode != 200 {
		t.Errorf("a planted cookie breaks the session: %d", res.StatusCode)
	}
}

func TestTheRedirectCallbackDecides(t *testing.T) {
	answers := map[string]string{"/in": "https://docs.example.com/x", "/bad": "javascript:alert(1)", "/rel": "/elsewhere", "/user": "https://a@docs.example.com/"}
	a := newApp(t, func(cfg *Config) {
		cfg.Callbacks.Redirect = func(_ context.Context, p nuxtauth.RedirectParams) (string, error) {
			if to, ok := answers[p.URL]; ok {
				return to, nil
			}
			panic("unknown")
		}
	})
	for in, want := range map[string]string{"/in": "https://docs.example.com/x", "/bad": a.url, "/rel": a.url + "/elsewhere", "/user": a.url, "/panics": a.url} {
		a.client = newBrowser()
		res := a.post("/api/auth/signout", url.Values{"csrfToken": {a.csrf()}, "callbackUrl": {in}})
		if got := res.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", in, got, want)
		}
	}
}

func TestOtherOriginsGetNoCORSHeadersUnlessTrusted(t *testing.T) {
	a := newApp(t, func(cfg *Config) { cfg.TrustedOrigins = []string{"https://app.example.com"} })
	for origin, allowed := range map[string]bool{"https://app.example.com": true, "http://app.example.com": false, "https://evil.example": false, "null": false, "https://app.example.com.evil.example": false} {
		for _, method := range []string{"GET", "OPTIONS"} {
			req := a.request(method, "/api/auth/session", "", "")
			req.Header.Set("Origin", origin)
			req.Header.Set("Access-Control-Request-Method", "POST")
			res := a.do(req)
			if got := res.Header.Get("Access-Control-Allow-Origin"); (got == origin) != allowed || !allowed && got != "" {
				t.Errorf("%s from %s: Access-Control-Allow-Origin is %q", method, origin, got)
			}
			if allowed && res.Header.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("%s from %s: no credentials", method, origin)
			}
		}
	}
	// A trusted front end can sign in, and be led back to its own pages.
	req := a.request("POST", "/api/auth/callback/credentials", "application/x-www-form-urlencoded",
		"username=ada&password=lovelace&json=true&callbackUrl=https://app.example.com/home&csrfToken="+a.csrf())
	req.Header.Set("Origin", "https://app.example.com")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	res := a.do(req)
	if urlIn(a, res) != "https://app.example.com/home" || a.session() == nil {
		t.Errorf("got %d %s", res.StatusCode, res.body)
	}
}

func TestEveryAnswerOfTheAPIStaysOutOfCaches(t *testing.T) {
	a := newApp(t)
	a.signIn()
	for _, path := range []string{"session", "csrf", "providers", "signin", "signout", "error", "verify-request", "nothing", "session/x.css", "callback/credentials"} {
		res := a.get("/api/auth/" + path)
		if !strings.Contains(res.Header.Get("Cache-Control"), "no-store") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, res.Header)
		}
		if res.StatusCode >= 500 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

func TestProvidersAreListedInOrder(t *testing.T) {
	a := newApp(t, func(cfg *Config) {
		cfg.Providers = []provider.Provider{
			provider.OIDC(provider.Provider{ID: "zeta", Name: "Zeta", Issuer: "https://zeta.example", ClientID: "i", ClientSecret: "s"}),
			provider.Credentials(authorize),
		}
	})
	want := `{"zeta":{"id":"zeta","name":"Zeta","type":"oauth","signinUrl":"U/api/auth/signin/zeta","callbackUrl":"U/api/auth/callback/zeta"},` +
		`"credentials":{"id":"credentials","name":"Credentials","type":"credentials","signinUrl":"U/api/auth/signin/credentials","callbackUrl":"U/api/auth/callback/credentials"}}`
	if got := strings.ReplaceAll(a.get("/api/auth/providers").body, a.url, "U"); got != want {
		t.Errorf("got %s", got)
	}
	b := newApp(t, func(cfg *Config) { cfg.Providers = nil })
	if got := b.get("/api/auth/providers").body; got != "{}" {
		t.Errorf("without providers the list is %s", got)
	}
}

func TestSecureCookiesFollowTheURL(t *testing.T) {
	auth := newAuth(t, func(cfg *Config) { cfg.URL, cfg.Cookies.Domain = "https://app.example.com", "example.com" })
	cookies := named(t, auth, "Ada")
	c := cookies[0]
	if c.Name != "__Secure-next-auth.session-token" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "example.com" {
		t.Errorf("got %s", c)
	}
	// The twin without the prefix, which any http page can plant, is not read.
	c.Name = "next-auth.session-token"
	r := newRouter(auth)
	req, rec := request("GET", "/api/auth/session", cookies)
	r.ServeHTTP(rec, req)
	if rec.Body.String() != "{}" {
		t.Errorf("the twin counts: %s", rec.Body)
	}
	names := setCookies(response{rec.Result(), ""})
	if want := []string{"__Host-next-auth.csrf-token=", "__Secure-next-auth.callback-url="}; !slices.Equal(names, want) {
		t.Errorf("cookies %v, want %v", names, want)
	}
	for _, c := range rec.Result().Cookies() {
		if strings.HasPrefix(c.Name, "__Host-") && (c.Domain != "" || c.Path != "/" || !c.Secure) {
			t.Errorf("a browser refuses %s", c)
		}
	}
}
