package conformance_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// unaffected checks that hostile requests had no effect: a new browser is signed
// out, and can sign in.
func unaffected(a *apptest.App) {
	a.Helper()
	if a.Another().Session() != nil {
		a.Error("a new browser is signed in")
	}
	valid := a.Another()
	valid.SignIn()
	if valid.Session() == nil {
		a.Error("a new browser can't sign in")
	}
	if log := a.Log.String(); strings.Contains(log, "panick") || strings.Contains(log, "goroutine ") {
		a.Errorf("a panic in the log: %s", log)
	}
}

func TestRequest_ForeignHostHeadersAreIgnored(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	names := []string{
		"X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Scheme",
		"X-Original-Url", "X-Original-Host", "X-Rewrite-Url", "X-Host", "X-Http-Host-Override", "Forwarded", "Base-Url", "Referer", "Via", "X-Script-Name",
	}
	for _, value := range []string{"evil.example", "https://evil.example/", "host=evil.example;proto=https", "/evil.example", "//evil.example", "evil.example, " + a.URL, "a\"b", ""} {
		header := http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Ssl": {"on"}, "X-Forwarded-For": {"203.0.113.1"}}
		for _, name := range names {
			header.Set(name, value)
		}
		send := func(method, path, contentType, body string) apptest.Response {
			req := a.Request(method, path, contentType, body)
			maps.Copy(req.Header, header)
			for _, c := range a.Cookies() { // the jar has none for another host
				req.AddCookie(c)
			}
			req.Host = value
			if strings.ContainsAny(value, "/;, \"") {
				req.Host = "evil.example:1"
			}
			return a.Do(req)
		}
		for _, path := range []string{"/api/auth/providers", "/api/auth/signin", "/api/auth/signout", "/api/auth/error?error=AccessDenied", "/api/auth/verify-request", "/api/auth/callback/idp", "/api/auth/session"} {
			res := send("GET", path, "", "")
			apptest.NotSignedIn(t, path, res)
			if all := res.Text + fmt.Sprint(res.Header); strings.Contains(all, "evil") || strings.Contains(all, "__Host-") || strings.Contains(all, "Secure") {
				t.Errorf("%q at %s: %s", value, path, all)
			}
		}
		csrf := a.CSRF()
		res := send("POST", "/api/auth/signin/idp", apptest.FormType, "json=true&csrfToken="+csrf)
		to, err := url.Parse(a.URLIn(res))
		if err != nil || !strings.HasPrefix(to.String(), idp.Issuer()) || to.Query().Get("redirect_uri") != a.URL+"/api/auth/callback/idp" {
			t.Errorf("%q: a sign-in redirects to %s", value, to)
		}
		res = send("POST", "/api/auth/signout", apptest.FormType, "callbackUrl=/x&csrfToken="+csrf)
		if got := res.Header.Get("Location"); got != a.URL+"/x" {
			t.Errorf("%q: a sign-out redirects to %s", value, got)
		}
	}
	unaffected(a)
}

func TestRequest_MethodOverrideIsIgnored(t *testing.T) {
	a := apptest.New(t)
	a.SignIn()
	csrf := a.CSRF()
	for _, method := range []string{"HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "POST2", "PROPFIND", "GET"} {
		for _, header := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"} {
			req := a.Request(method, "/api/auth/signout?_method=POST&csrfToken="+csrf, apptest.FormType, "_method=POST&csrfToken="+csrf)
			req.Header.Set(header, "POST")
			rec := httptest.NewRecorder()
			for _, c := range a.Cookies() {
				req.AddCookie(c)
			}
			a.Router.ServeHTTP(rec, req)
			if reads := method == "GET" || method == "HEAD"; rec.Code != http.StatusBadRequest && !reads || rec.Code >= 500 {
				t.Errorf("%s: status %d: %s", method, rec.Code, rec.Body)
			}
			if slices.Contains(apptest.Recorded(rec).SetCookies(), apptest.SessionCookie+"-") {
				t.Errorf("%s signs out", method)
			}
		}
	}
	if a.Session() == nil {
		t.Error("signed out")
	}
	unaffected(a)
}

// A path that is similar to one of the API neither reaches the API without its checks, nor
// redirects to another host.
func TestRequest_SimilarPathsBypassNothing(t *testing.T) {
	a := apptest.New(t)
	a.Router.RedirectFixedPath = true
	a.Router.GET("/private/", a.Auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "inside") })
	a.Router.GET("/users/:id", a.Auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "inside") })
	a.SignIn()
	victim := ""
	for _, c := range a.Cookies() {
		victim += c.Name + "=" + c.Value + "; "
	}
	post := "username=ada&password=lovelace&csrfToken=" + strings.Repeat("0", 64)
	for _, path := range []string{
		"//api/auth/signout", "/api//auth/signout", "/api/auth//signout", "/api/auth/./signout", "/api/auth/../auth/signout", "/api/auth/signout/", "/api/auth/signout//",
		"/api/auth/%73ignout", "/api%2fauth%2fsignout", "/api/auth%2Fsignout", "/api/auth/signout%00", "/api/auth/signout%20", "/api/auth/SIGNOUT", "/API/AUTH/signout",
		"/api/auth/signout;x=y", "/api/auth/signout?", "/api/auth/signout%3Fx", "/api/auth/signout%23", `/api/auth\signout`, "/api/auth/%5c..%5csignout", "/api/auth/callback/credentials/",
		"/api/auth//callback/credentials", "/api/auth/callback//credentials", "/api/auth/callback/%63redentials", "/api/auth/callback/credentials%2f", "/api/auth/session/", "/api/auth//session",
		"//evil.example/api/auth/signin", "//evil.example/", "/%2fevil.example", "/\\evil.example/", "/%5cevil.example", "//evil.example/%2e%2e", "/private", "//private", "/PRIVATE", "/private/%2e%2e",
		"/users/1/", "//evil.example/users/1/", "/users/%2f%2fevil.example/", "http://evil.example/api/auth/signin", "http:evil.example", "*", "evil.example:80",
	} {
		for _, method := range []string{"GET", "POST"} {
			for _, cookies := range []string{"", victim} {
				if method == "GET" && cookies != "" {
					continue
				}
				request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-Prefix: //evil.example\r\nCookie: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
					method, path, cookies, apptest.FormType, len(post), post)
				for _, res := range raw(a.Site, request) {
					what := method + " " + path
					apptest.NotSignedIn(t, what, res)
					to := res.Header.Get("Location")
					if u, err := url.Parse(to); err != nil || u.Host != "" && !strings.HasPrefix(to, a.URL+"/") && to != a.URL || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) {
						t.Errorf("%s redirects to %q", what, to)
					}
					if slices.Contains(res.SetCookies(), apptest.SessionCookie+"-") || strings.Contains(res.Text, "inside") {
						t.Errorf("%s signs out, or passes Require: %d %s", what, res.StatusCode, res.Text)
					}
				}
			}
		}
	}
	unaffected(a)
}

// Input that is copied into a header or a log line stays in that line.
func TestRequest_SplitsNoHeaderOrLogLine(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	lines := strings.Count(a.Log.String(), "\n")
	sent := 0
	for _, evil := range []string{"%0d%0aEvil:%20yes%0d%0a%0d%0a<script>", "%0aEvil:%20yes", "%0d%0d%0aEvil:%20yes", "%E5%98%8A%E5%98%8DEvil:%20yes", "%00Evil:%20yes", "%1b[2J%0alevel=ERROR", "%c0%8aEvil:%20yes"} {
		for _, path := range []string{
			"/api/auth/signin?error=X", "/api/auth/signin/X", "/api/auth/error?error=X", "/api/auth/error/X", "/api/auth/signout?callbackUrl=/X", "/api/auth/signin?callbackUrl=/X",
			"/api/auth/callback/idp?error=X&error_description=X&state=X", "/api/auth/callback/X?code=X", "/api/auth/X", "/api/auth/session/X", "/api/auth/verify-request?X", "/X",
		} {
			for _, method := range []string{"GET", "POST"} {
				body := "csrfToken=X&callbackUrl=/X&logout_token=X&code=X&message=X"
				request := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: next-auth.callback-url=/X; next-auth.csrf-token=X; next-auth.session-token=X; next-auth.state.X=X\r\nAuthorization: Bearer X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
					method, path, apptest.FormType, len(body), body)
				request = strings.ReplaceAll(request, "X=X", "x=X") // a cookie's name
				request = strings.Replace(request, fmt.Sprint("Content-Length: ", len(body)), fmt.Sprint("Content-Length: ", len(strings.ReplaceAll(body, "X", evil))), 1)
				request = strings.ReplaceAll(request, "X", evil)
				answers := raw(a.Site, request)
				sent++
				if len(answers) != 1 {
					t.Fatalf("%s %s: %d answers", method, path, len(answers))
				}
				apptest.NotSignedIn(t, path, answers[0])
				if answers[0].Header.Get("Evil") != "" || strings.Contains(answers[0].Text, "<script>") {
					t.Errorf("%s %s: %v %s", method, path, answers[0].Header, answers[0].Text)
				}
			}
		}
	}
	for line := range strings.Lines(a.Log.String()) {
		if !strings.HasPrefix(line, "time=") || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\r\x00\x1b") {
			t.Errorf("a line of the log: %q", line)
		}
	}
	if n := strings.Count(a.Log.String(), "\n") - lines; n > 3*sent {
		t.Errorf("%d requests wrote %d lines", sent, n)
	}
	unaffected(a)
}

// largeBody is a body of many bytes that counts those that were read.
type largeBody struct {
	start string
	left  int
	read  atomic.Int64 // the transport may continue to read after the response
}

func (b *largeBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, b.start)
	b.start = b.start[n:]
	for i := n; i < len(p); i++ {
		p[i] = 'x'
	}
	n = min(len(p), b.left)
	b.left -= n
	b.read.Add(int64(n))
	return n, nil
}

func TestBody_HugeIsCutOff(t *testing.T) {
	a := apptest.New(t)
	for contentType, start := range map[string]string{
		apptest.FormType:                  "csrfToken=",
		"application/json":                `{"csrfToken":"`,
		"text/plain":                      "",
		"multipart/form-data; boundary=x": "--x\r\nContent-Disposition: form-data; name=\"csrfToken\"\r\n\r\n",
		"":                                "",
	} {
		for _, path := range []string{"/api/auth/callback/credentials", "/api/auth/signout", "/api/auth/session", "/api/auth/backchannel-logout/x", "/api/auth/_log", "/api/auth/nothing"} {
			for _, length := range []int64{-1, 100 << 20} {
				body := &largeBody{start: start, left: 100 << 20}
				req := a.Request("POST", path, contentType, "")
				req.Body, req.ContentLength = io.NopCloser(body), length
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				res, err := a.Client.Do(req)
				runtime.ReadMemStats(&after)
				if err == nil { // otherwise the connection was closed, which is correct too
					b, _ := io.ReadAll(res.Body)
					res.Body.Close()
					apptest.NotSignedIn(t, path, apptest.Response{Response: res, Text: string(b)})
				}
				if n := body.read.Load(); n > 32<<20 {
					t.Errorf("%s %s: %d bytes are read", contentType, path, n)
				}
				if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
					t.Errorf("%s %s: %d bytes of memory", contentType, path, n)
				}
			}
		}
	}
	unaffected(a)
}

// A request whose body does not end is canceled after the server's ReadTimeout, which the
// application sets. Its response, if there is one, is a 4xx.
func TestBody_SlowEndsAtReadTimeout(t *testing.T) {
	a := apptest.New(t)
	finished := make(chan struct{}, 1)
	srv := &http.Server{ReadTimeout: 200 * time.Millisecond, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Router.ServeHTTP(w, r)
		finished <- struct{}{}
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(listener)
	t.Cleanup(func() { srv.Close() })
	slow := *a.Site
	slow.URL = "http://" + listener.Addr().String()
	for _, contentType := range []string{apptest.FormType, "application/json"} {
		answers := raw(&slow, "POST /api/auth/callback/credentials HTTP/1.1\r\nHost: x\r\nContent-Type: "+contentType+"\r\nContent-Length: 1000\r\n\r\n{\"usern")
		select {
		case <-finished:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: the handler does not return", contentType)
		}
		for _, res := range answers {
			apptest.NotSignedIn(t, contentType, res)
			if res.StatusCode < 400 {
				t.Errorf("%s: an incomplete body: status %d", contentType, res.StatusCode)
			}
		}
	}
	unaffected(a)
}

// Each body is sent to each action that reads one, with the right Content-Type
// and with wrong ones.
func TestBody_MalformedIsClientError(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) {
		second := provider.Credentials(apptest.Authorize)
		second.ID = "second"
		c.Providers = append(c.Providers, second)
	})
	a.SignIn()
	csrf := a.CSRF()
	bodies := map[string]string{
		"nothing": "", "NUL": "\x00", "a lone %": "%", "not UTF-8": "csrfToken=\xff\xfe&username=\xff", "escaped NUL": "username=%00&password=%00", "BOM": "\ufeff{}", "UTF-16": "{\x00}\x00",
		"deep objects": strings.Repeat(`{"a":`, 12_000), "deep arrays": strings.Repeat("[", 60_000), "deep and closed": `{"data":` + strings.Repeat("[", 15_000) + strings.Repeat("]", 15_000) + "}",
		"numbers": `{"csrfToken":1e999999,"username":-0,"data":1e400}`, "a big number": `{"data":` + strings.Repeat("9", 60_000) + "}", "lone surrogate": `{"csrfToken":"\ud800"}`, "twice": `{"csrfToken":"a","csrfToken":"b"}`,
		"twice, escaped": `{"csrfToken":"a","csrf\u0054oken":"b"}`, "__proto__": `{"__proto__":{"csrfToken":"` + csrf + `"},"constructor":{"prototype":{}}}`, "null": "null", "true": "true", "array": `[{"csrfToken":"` + csrf + `"}]`,
		"two documents": `{}{"csrfToken":"` + csrf + `"}`, "comment": `{/**/"csrfToken":"` + csrf + `"}`, "NaN": `{"data":NaN}`, "single quotes": `{'csrfToken':'` + csrf + `'}`, "wrong types": `{"csrfToken":["` + csrf + `"],"callbackUrl":{},"json":[],"data":null}`,
		"many fields": strings.Repeat("a=b&", 15_000), "many names": "csrfToken=" + strings.Repeat("&csrfToken=x", 5_000), "brackets": "csrfToken[]=" + csrf + "&csrfToken[0]=" + csrf, "semicolons": "a=b;csrfToken=" + csrf,
		"multipart": "--x\r\nContent-Disposition: form-data; name=\"csrfToken\"\r\n\r\n" + csrf + "\r\n--x--\r\n", "XML": `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>`,
	}
	types := []string{
		apptest.FormType, apptest.FormType + "; charset=utf-16", "application/json", "application/json; charset=utf-16", "APPLICATION/JSON", "application/json, " + apptest.FormType, "text/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x",
		"application/xml", "application/x-www-form-urlencoded\x00", "application/json;" + strings.Repeat("a=b;", 500), "*/*", "json", "",
	}
	for name, body := range bodies {
		for _, contentType := range types {
			for _, path := range []string{"/api/auth/session", "/api/auth/signout", "/api/auth/signin/credentials", "/api/auth/callback/credentials", "/api/auth/callback/second", "/api/auth/backchannel-logout/credentials", "/api/auth/_log"} {
				req := httptest.NewRequest("POST", path, strings.NewReader(body))
				req.Header.Set("Content-Type", contentType)
				for _, c := range a.Cookies() {
					req.AddCookie(c)
				}
				rec := httptest.NewRecorder()
				a.Router.ServeHTTP(rec, req)
				res := apptest.Recorded(rec)
				what := fmt.Sprintf("%s as %q at %s", name, contentType, path)
				apptest.NotSignedIn(t, what, res)
				if path != "/api/auth/_log" && res.StatusCode != http.StatusFound && (res.StatusCode < 400 || res.StatusCode > 413) {
					t.Errorf("%s: status %d", what, res.StatusCode)
				}
				if slices.Contains(res.SetCookies(), apptest.SessionCookie+"-") {
					t.Errorf("%s signs out", what)
				}
			}
		}
	}
	if a.Session() == nil {
		t.Error("signed out")
	}
	unaffected(a)
}

func TestRequest_WritesLittleToLog(t *testing.T) {
	a := apptest.New(t)
	before := len(a.Log.String())
	r := httptest.NewRequest("POST", "/api/auth/backchannel-logout/"+strings.Repeat("x", 500_000), nil)
	a.Router.ServeHTTP(httptest.NewRecorder(), r)
	if n := len(a.Log.String()) - before; n > 4096 {
		t.Errorf("one request wrote %d bytes", n)
	}
}
