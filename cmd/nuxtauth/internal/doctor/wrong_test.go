package doctor_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/doctor"
	"github.com/nuxtauth/nuxtauth/store"
)

// rewrite is a proxy that changes the answers of the server.
func rewrite(change func(r *http.Request, h http.Header)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			h := rec.Header()
			change(r, h)
			maps.Copy(w.Header(), h)
			w.WriteHeader(rec.Code)
			_, _ = io.Copy(w, rec.Body)
		})
	}
}

// setCookies is a proxy that changes each Set-Cookie line.
func setCookies(old, replacement string) func(http.Handler) http.Handler {
	return rewrite(func(_ *http.Request, h http.Header) {
		for i, line := range h["Set-Cookie"] {
			h["Set-Cookie"][i] = strings.ReplaceAll(line, old, replacement)
		}
	})
}

// always is a proxy that answers itself.
func always(status int, contentType, body string) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
}

// at is a proxy that answers one path itself.
func at(path string, h http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/auth"+path {
				h(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// signIn is a proxy that answers the forms of sign-ins itself: those that are right with a
// redirect.
func signIn(location string) func(http.Handler) http.Handler {
	return at("/signin/idp", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("csrfToken") == "" || r.Header.Get("Origin") != public {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, location, http.StatusFound)
	})
}

// failing is a store that does not answer.
type failing struct{ store.Sessions }

func (failing) FindSession(context.Context, string) (*store.Record, error) {
	return nil, errors.New("the store is down")
}

// anyHost lets clients set the address of the application.
func anyHost(c *Config) {
	c.URL, c.TrustHost, c.TrustOrigin = "", true, func(string) bool { return true }
}

func TestRun_WrongSetups(t *testing.T) {
	idp := authtest.StartIDP(t)
	csrf, callback, session := "__Host-next-auth.csrf-token", "__Secure-next-auth.callback-url", "__Secure-next-auth.session-token"
	each := func(text string) []string {
		return []string{"fail cookies: " + csrf + text, "fail cookies: " + callback + text, "fail cookies: " + session + text}
	}
	for name, tt := range map[string]struct {
		setup
		want []string
	}{
		"URL is http behind TLS": {setup{config: func(c *Config) { c.URL = "http://example.com" }}, []string{
			"fail public URL: takes http for its scheme",
			"fail cookies: next-auth.csrf-token has no Secure", "fail cookies: next-auth.callback-url has no Secure",
			"fail cookies: next-auth.session-token has no Secure",
			"fail CSRF: a form with the token is refused",
		}},
		"URL is another host": {setup{config: func(c *Config) { c.URL = "https://www.example.com" }}, []string{
			"fail public URL: takes https://www.example.com/api/auth for its address", "fail CSRF: a form with the token is refused",
		}},
		"127.0.0.1 for localhost": {setup{at: "http://127.0.0.1:3000", config: func(c *Config) { c.URL = local }}, []string{
			"fail public URL: takes http://localhost:3000/api/auth for its address", "fail CSRF: a form with the token is refused",
		}},
		"behind the proxy": {setup{at: local, config: func(c *Config) { c.URL = public }}, []string{
			"warn public URL: examined behind its proxy: its address is https://example.com/api/auth",
			"fail cookies: __Host-next-auth.csrf-token is Secure, and the address is http",
			"fail cookies: __Secure-next-auth.callback-url is Secure",
			"fail cookies: __Secure-next-auth.session-token is Secure",
			"fail CSRF: a form with the token is refused",
		}},
		"another path": {setup{config: func(c *Config) { c.URL, c.BasePath = public+"/app/auth", "/api/auth" }}, []string{
			"fail public URL: takes /app/auth for the path of the API, and it is examined at /api/auth",
		}},
		"TrustHost for any": {setup{config: anyHost}, []string{
			"fail proxy: by X-Forwarded-Host, X-Forwarded-Proto, Host", "fail CSRF: a form of another origin is not refused",
		}},
		"TrustHost for any on this machine": {setup{at: local, config: anyHost}, []string{
			"warn proxy: by X-Forwarded-Host, X-Forwarded-Proto, Host", "fail CSRF: a form of another origin is not refused",
		}},
		"no TLS": {setup{at: "http://example.com"}, []string{"fail https: passwords and cookies can be read"}},
		"http is not redirected": {setup{plain: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) }}, []string{
			"warn https: does not redirect to https",
		}},
		"cross-site cookies": {setup{config: func(c *Config) { c.Cookies.CrossSite = true }}, []string{
			"warn cookies: " + csrf + " has SameSite=None", "warn cookies: " + callback + " has SameSite=None", "warn cookies: " + session + " has SameSite=None",
		}},
		"no provider": {setup{config: func(c *Config) { c.Providers = nil }}, []string{"warn API: has no provider"}},
		"the store is down": {setup{config: func(c *Config) { c.Session.Store = failing{store.NewMemory(store.MemoryOptions{})} }}, []string{
			"fail session: the store does not answer",
		}},

		"the proxy drops Set-Cookie": {setup{proxy: rewrite(func(_ *http.Request, h http.Header) { h.Del("Set-Cookie") })}, []string{
			"fail cookies: sets no cookie for the CSRF token",
		}},
		"the proxy drops Cookie": {setup{proxy: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { r.Header.Del("Cookie"); next.ServeHTTP(w, r) })
		}}, []string{"warn session: does not clear", "fail CSRF: a form with the token is refused"}},
		"the proxy drops Origin": {setup{proxy: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { r.Header.Del("Origin"); next.ServeHTTP(w, r) })
		}}, []string{"fail CSRF: a form of another origin is not refused"}},
		"the proxy drops HttpOnly": {setup{proxy: setCookies("; HttpOnly", "")}, each(" has no HttpOnly")},
		"the proxy drops SameSite": {setup{proxy: setCookies("; SameSite=Lax", "")}, []string{"warn cookies: " + csrf + " has no SameSite", "warn cookies: " + callback + " has no SameSite", "warn cookies: " + session + " has no SameSite"}},
		"the proxy sets Strict":    {setup{proxy: setCookies("SameSite=Lax", "SameSite=Strict")}, []string{"warn cookies: " + csrf + " has SameSite=Strict", "warn cookies: " + callback + " has SameSite=Strict", "warn cookies: " + session + " has SameSite=Strict"}},
		"the proxy sets None":      {setup{at: local, proxy: setCookies("SameSite=Lax", "SameSite=None")}, []string{"fail cookies: next-auth.csrf-token has SameSite=None without Secure", "fail cookies: next-auth.callback-url has SameSite=None without Secure", "fail cookies: next-auth.session-token has SameSite=None without Secure"}},
		"the proxy drops a prefix": {setup{proxy: setCookies("__Secure-", "")}, []string{"warn cookies: next-auth.callback-url has neither the prefix", "warn session: does not clear next-auth.session-token"}},
		"the proxy sets a path":    {setup{proxy: setCookies("Path=/;", "Path=/app;")}, []string{"fail cookies: " + csrf + " has the prefix __Host-", "fail cookies: " + csrf + ` has Path="/app"`, "fail cookies: " + callback + ` has Path="/app"`, "fail cookies: " + session + ` has Path="/app"`}},
		"the proxy sets a domain":  {setup{proxy: setCookies("Path=/;", "Path=/; Domain=backend.internal;")}, []string{"fail cookies: " + csrf + " has the prefix __Host-", "fail cookies: " + csrf + " has Domain=backend.internal", "fail cookies: " + callback + " has Domain=backend.internal", "fail cookies: " + session + " has Domain=backend.internal"}},
		"a domain of one label":    {setup{at: local, proxy: setCookies("Path=/;", "Path=/; Domain=localhost;")}, []string{"fail cookies: next-auth.csrf-token has Domain=localhost, a single label", "fail cookies: next-auth.callback-url has Domain=localhost", "fail cookies: next-auth.session-token has Domain=localhost"}},
		"a cache":                  {setup{proxy: rewrite(func(_ *http.Request, h http.Header) { h.Set("Age", "12") })}, []string{`fail caches: /csrf comes from a cache ("Age: 12")`, "fail caches: /session comes from a cache"}},
		"a hit":                    {setup{proxy: rewrite(func(_ *http.Request, h http.Header) { h.Set("CF-Cache-Status", "HIT") })}, []string{"fail caches: /csrf comes from a cache", "fail caches: /session comes from a cache"}},
		"a miss":                   {setup{proxy: rewrite(func(_ *http.Request, h http.Header) { h.Set("X-Cache", "MISS"); h.Set("Age", "0") })}, nil},
		"another Cache-Control":    {setup{proxy: rewrite(func(_ *http.Request, h http.Header) { h.Set("Cache-Control", "public, max-age=60") })}, []string{`fail caches: /csrf has Cache-Control: "public, max-age=60"`, "fail caches: /session has Cache-Control"}},
		"the session of a user": {setup{proxy: at("/session", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			io.WriteString(w, `{"user":{}}`)
		})}, []string{"fail session: a request without a cookie gets session data", "warn session: does not clear", "warn size of cookies: status 200"}[:2]},
		"small headers": {setup{proxy: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if len(r.Header.Get("Cookie")) > 8<<10 {
					w.WriteHeader(http.StatusRequestHeaderFieldsTooLarge)
					return
				}
				next.ServeHTTP(w, r)
			})
		}}, []string{"warn size of cookies: requests with 12 KB of cookies get status 431"}},
		"the session is broken":    {setup{proxy: at("/session", http.NotFound)}, []string{"fail session: answers with status 404", "warn size of cookies: get status 404"}},
		"the CSRF token is broken": {setup{proxy: at("/csrf", http.NotFound)}, []string{"fail CSRF: has no token: status 404"}},
		"forms get through": {setup{proxy: at("/signin/idp", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) })}, []string{
			"fail CSRF: a form without the token is not refused: status 200", `fail provider: "idp": a sign-in does not redirect: status 200`,
		}},
		"the clock is behind": {setup{proxy: rewrite(func(_ *http.Request, h http.Header) {
			h.Set("Date", time.Now().Add(-5*time.Minute).UTC().Format(http.TimeFormat))
		})}, []string{
			"fail clock: behind that of this machine",
		}},
		"the clock is ahead": {setup{proxy: rewrite(func(_ *http.Request, h http.Header) {
			h.Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		})}, []string{
			"fail clock: ahead of that of this machine",
		}},
		"no Date": {setup{proxy: rewrite(func(_ *http.Request, h http.Header) { h["Date"] = nil })}, []string{"warn clock: has no Date"}},

		"the provider is down": {setup{config: func(c *Config) {
			c.Providers[0].Issuer = "http://127.0.0.1:1"
		}}, []string{`fail provider: "idp": the server can't begin a sign-in ("OAuthSignin")`}},
		"the provider is down, Auth.js": {setup{config: func(c *Config) {
			c.Protocol, c.Providers[0].Issuer = nuxtauth.AuthJS, "http://127.0.0.1:1"
		}}, []string{`fail provider: "idp": the server can't begin a sign-in ("OAuthSignInError")`}},

		"no client ID":              {setup{proxy: signIn("https://id.example.com/authorize")}, []string{`fail provider: "idp": a sign-in redirects to https://id.example.com/authorize, without a client_id`}},
		"another callback URL":      {setup{proxy: signIn("https://id.example.com/a?client_id=a&state=b&redirect_uri=https://www.example.com/")}, []string{`fail provider: the provider gets the callback URL "https://www.example.com/", and the list of providers has "https://example.com/api/auth/callback/idp"`}},
		"no state":                  {setup{proxy: signIn("https://id.example.com/a?client_id=a&redirect_uri=" + public + "/api/auth/callback/idp")}, []string{`fail provider: the sign-in has no state`}},
		"a provider without TLS":    {setup{proxy: signIn("http://id.example.com/a?client_id=a&state=b&redirect_uri=" + public + "/api/auth/callback/idp")}, []string{`fail provider: redirects to http://id.example.com/a, without TLS`}},
		"an error of the provider":  {setup{proxy: signIn("https://example.com/api/auth/error?error=OAuthSignin")}, []string{`fail provider: the server can't begin a sign-in ("OAuthSignin")`}},
		"POST loses its connection": {setup{proxy: at("/signin/idp", abort)}, []string{"fail CSRF: POST /signin/idp: ", `fail provider: "idp": `}},
		"/csrf loses it":            {setup{proxy: at("/csrf", abort)}, []string{"fail CSRF: /csrf: "}},
		"/session loses it":         {setup{proxy: at("/session", abort)}, []string{"fail session: /session: ", "warn size of cookies: no answer"}},
		"the clock is 15s ahead":    {setup{now: clock(-15 * time.Second), proxy: dated}, []string{"fail clock: the clock of the server is 15s ahead of"}},
		"the clock is 15s behind":   {setup{now: clock(16 * time.Second), proxy: dated}, []string{"fail clock: the clock of the server is 15s behind that"}},
		"another 400":               {setup{proxy: always(http.StatusBadRequest, "text/plain", "bad")}, []string{`fail API: answers with status 400: "bad"`}},
		"a long answer":             {setup{proxy: always(http.StatusTeapot, "text/plain", strings.Repeat("x", 500))}, []string{`fail API: answers with status 418: "` + strings.Repeat("x", 120) + `"…`}},
		"forbidden":                 {setup{proxy: always(http.StatusForbidden, "text/html", "")}, []string{"fail API: is refused with status 403"}},
		"no server, 503":            {setup{proxy: always(http.StatusServiceUnavailable, "text/html", "")}, []string{"fail API: no server behind its proxy (status 503)"}},
		"no server, 504":            {setup{proxy: always(http.StatusGatewayTimeout, "text/html", "")}, []string{"fail API: no server behind its proxy (status 504)"}},
		"a redirect to www":         {setup{at: "http://example.com", serves: public, plain: http.RedirectHandler("https://www.example.com/api/auth/providers", http.StatusMovedPermanently).ServeHTTP}, []string{"fail API: redirects to https://www.example.com/api/auth/providers"}},
		"a redirect to a page":      {setup{at: "http://example.com", serves: public, plain: http.RedirectHandler(public+"/login", http.StatusMovedPermanently).ServeHTTP}, []string{"fail API: redirects to https://example.com/login"}},
		"a redirect to http":        {setup{at: "http://example.com", proxy: func(http.Handler) http.Handler { return http.RedirectHandler("/x/providers", http.StatusFound) }}, []string{"fail API: redirects to http://example.com/x/providers"}},
		"a redirect to no server":   {setup{at: "http://example.com", serves: public, network: func(n network) { delete(n, "example.com:443") }}, []string{"fail API: no server listens at example.com"}},
		"the front end answers":     {setup{proxy: always(http.StatusOK, "text/html", "<!doctype html>")}, []string{`fail API: /providers is no JSON but "text/html"`}},
		"not found":                 {setup{proxy: always(http.StatusNotFound, "text/plain", "404 page not found")}, []string{"fail API: /providers is not found"}},
		"no server":                 {setup{proxy: always(http.StatusBadGateway, "text/html", "Bad Gateway")}, []string{"fail API: no server behind its proxy (status 502)"}},
		"a password":                {setup{proxy: always(http.StatusUnauthorized, "text/html", "")}, []string{"fail API: is refused with status 401"}},
		"another error":             {setup{proxy: always(http.StatusTeapot, "text/html", "tea")}, []string{`fail API: answers with status 418: "tea"`}},
		"another JSON":              {setup{proxy: always(http.StatusOK, "application/json", "[]")}, []string{"fail API: is not the list of providers"}},
		"another list":              {setup{proxy: always(http.StatusOK, "application/json", `{"a":{"id":"b"}}`)}, []string{"fail API: is not the list of providers"}},
		"a redirect": {setup{proxy: func(http.Handler) http.Handler {
			return http.RedirectHandler("https://login.example.net/?secret=1", http.StatusFound)
		}}, []string{"fail API: redirects to https://login.example.net/"}},
		"a host that is refused": {setup{config: func(c *Config) { c.URL, c.TrustHost, c.TrustedOrigins = "", true, []string{"https://www.example.com"} }}, []string{"fail API: is refused: the server does not know this host"}},
		"no name":                {setup{network: func(n network) { delete(n, "localhost:3000") }, at: local}, []string{"fail API: the name localhost does not resolve"}},
		"no port":                {setup{network: func(n network) { delete(n, "example.com:443") }}, []string{"fail API: no server listens at example.com"}},
		"an unknown certificate": {setup{at: "https://localhost", config: func(c *Config) { c.URL = "https://localhost" }}, []string{"fail API: the certificate is not valid"}},
		"http at https":          {setup{network: func(n network) { n["example.com:443"] = n["example.com:80"] }}, []string{"fail API: without TLS at an https address"}},
	} {
		t.Run(name, func(t *testing.T) {
			all := examine(t, idp, tt.setup)
			faults(t, all, tt.want...)
			for _, f := range all {
				if strings.Contains(f.Text+f.Fix, "secret=1") {
					t.Errorf("the finding %q has a query", f.Text)
				}
			}
		})
	}
}

func TestRun_NoAnswer(t *testing.T) {
	done := make(chan struct{})
	n := network{}
	n.serve(t, local, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	defer close(done)
	faults(t, run(t, doctor.Options{URL: local, Transport: n.transport(t, nil), Timeout: time.Millisecond}), "fail API: no answer in time")
}
