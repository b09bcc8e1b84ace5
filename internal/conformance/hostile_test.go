package conformance_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// The hostile tests send the requests of a hostile client. No response is a 5xx, starts a
// session or repeats the client's text in a page, and other clients are not affected.

// hostileURLs are callback URLs that must not be the target of a redirect. There are more in
// testdata/vectors/redirect.json.
var hostileURLs = []string{
	"https://evil.example", "http://evil.example:80/", "//evil.example", `\\evil.example`, `/\evil.example`, `\/evil.example`,
	"/\t/evil.example", "/\n/evil.example", "\r\n//evil.example", "\x00//evil.example", "\x01https://evil.example", " https://evil.example",
	"///evil.example", "////evil.example", "/.//evil.example", "/./\\evil.example", "/..//evil.example", "/%2e%2e//evil.example", "/a/..//evil.example",
	"https:evil.example", "https:/evil.example", "https:\\evil.example", "hTTps://evil.example", "http:///evil.example", "http:////evil.example",
	"http://localhost:3000.evil.example/", "http://localhost:3000@evil.example/", "http://evil.example@localhost:3000/", "http://localhost:3000:80@evil.example/",
	"http://localhost:3000#@evil.example/", "http://localhost:3000\\@evil.example/", "http://localhost:30000/", "http://localhost/", "https://localhost:3000/",
	"http://localhost%3a3000.evil.example/", "http://[::1]:3000/", "http://0x7f.1:3000/", "http://2130706433:3000/", "http://127.1:3000/",
	"http://ⓛocalhost:3000/", "http://localhost。evil.example/", "http://evil.example\u3002com/", "http://xn--vil-hma.example/",
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "javascript://localhost:3000/%0aalert(1)", "data:text/html,<script>alert(1)</script>",
	"vbscript:x", "blob:http://localhost:3000/x", "filesystem:http://localhost:3000/x", "view-source:http://localhost:3000/", "file:///etc/passwd", "ftp://localhost:3000/",
	"/x\r\nLocation: https://evil.example\r\n\r\n<script>alert(1)</script>", "/x\r\nSet-Cookie: next-auth.session-token=evil", "/%0d%0aSet-Cookie:evil=1",
	`/"><script>alert(1)</script>`, "/'onmouseover='alert(1)", "/</script><svg onload=alert(1)>", "/\u2028\u2029\u202e", "/\xff\xfe", "/\xed\xa0\x80", "\xff",
	"/" + strings.Repeat("a", 5000), strings.Repeat("/", 3000), strings.Repeat("%", 2000), "/?" + strings.Repeat("&a", 900), "http://" + strings.Repeat("a.", 900) + "example/",
	"undefined", "null", "[object Object]", "NaN", "{{.CSRFToken}}", "${7*7}", "/../../../../etc/passwd", "..;/..;/", "?callbackUrl=//evil.example", "#//evil.example",
}

// everyCallbackURL returns hostileURLs and the URLs of redirect.json.
func everyCallbackURL(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/redirect.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			URL string `json:"url"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	urls := hostileURLs
	for _, v := range file.Vectors {
		urls = append(urls, v.URL)
	}
	if len(urls) < 280 {
		t.Fatalf("%d callback URLs", len(urls))
	}
	return urls
}

// prober sends requests to an application at http://localhost:3000, without a network and
// with a valid CSRF token.
type prober struct {
	*testing.T
	router http.Handler
	token  string
	cookie string
	log    *apptest.LogBuffer
}

func newProber(t *testing.T, change ...func(*apptest.Config)) *prober {
	t.Helper()
	a := apptest.New(t, append(change, func(c *apptest.Config) { c.URL = "http://localhost:3000" })...)
	p := &prober{T: t, router: a.Router, log: a.Log}
	rec := p.send(httptest.NewRequest("GET", "/api/auth/csrf", nil))
	for _, c := range rec.Result().Cookies() {
		if c.Name == "next-auth.csrf-token" {
			p.cookie = c.Name + "=" + c.Value
			p.token, _, _ = strings.Cut(c.Value, "%7C")
		}
	}
	if len(p.token) != 64 {
		t.Fatal("there is no CSRF token")
	}
	return p
}

func (p *prober) send(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	p.router.ServeHTTP(rec, r)
	return rec
}

// post sends a form with the CSRF token, and further cookies.
func (p *prober) post(path, query string, fields url.Values, cookies ...string) *httptest.ResponseRecorder {
	fields.Set("csrfToken", p.token)
	r := httptest.NewRequest("POST", path, strings.NewReader(fields.Encode()))
	r.URL.RawQuery = query
	r.Header.Set("Content-Type", apptest.FormType)
	r.Header.Set("Cookie", strings.Join(append(cookies, p.cookie), "; "))
	return p.send(r)
}

func (p *prober) get(path, query string, cookies ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.URL.RawQuery = query
	if cookies != nil {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return p.send(r)
}

// stays checks that a URL is of the origin in every browser. It does not parse: such a URL
// is the origin, followed by nothing or by a path with one slash at its beginning.
func stays(t *testing.T, where, origin, to string) {
	t.Helper()
	rest, ok := strings.CutPrefix(to, origin)
	if !ok || rest != "" && rest[0] != '/' || strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, `/\`) || len(to) > 8192 {
		t.Errorf("%s redirects to %.120q", where, to)
	}
	if strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r > '~' }) {
		t.Errorf("%s redirects to %.120q, which is not printable ASCII", where, to)
	}
}

// harmless checks a response to a hostile request, and all URLs in it.
func (p *prober) harmless(where string, rec *httptest.ResponseRecorder) {
	p.Helper()
	const origin = "http://localhost:3000"
	if rec.Code >= 500 {
		p.Errorf("%s responds with %d %.200s", where, rec.Code, rec.Body)
	}
	for name, values := range rec.Header() {
		if name == "Evil" || name == "Set-Cookie" && len(values) > 3 {
			p.Errorf("%s sets the header %s: %q", where, name, values)
		}
	}
	if to := rec.Header().Get("Location"); to != "" {
		stays(p.T, where+": Location", origin, to)
		if u, err := url.Parse(to); err == nil && u.Path == "/login" {
			stays(p.T, where+": callbackUrl in Location", origin, u.Query().Get("callbackUrl"))
		}
	}
	for _, c := range rec.Result().Cookies() {
		switch {
		case c.Name == "next-auth.callback-url":
			to, err := url.QueryUnescape(c.Value)
			if err != nil {
				p.Errorf("%s sets %q", where, c.Value)
			}
			stays(p.T, where+": cookie", origin, to)
		case strings.Contains(c.Name, "session-token") && c.MaxAge >= 0 || c.Name == "evil":
			p.Errorf("%s sets %s", where, c)
		}
	}
	body := rec.Body.String()
	switch rec.Header().Get("Content-Type") {
	case "application/json":
		var v struct {
			URL string `json:"url"`
		}
		if json.Unmarshal([]byte(body), &v) == nil && v.URL != "" {
			stays(p.T, where+": url", origin, v.URL)
		}
	case "text/html; charset=utf-8":
		for _, field := range regexp.MustCompile(`name="callbackUrl" value="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			stays(p.T, where+": field", origin, strings.NewReplacer("&amp;", "&", "&#39;", "'", "&#43;", "+").Replace(field[1]))
		}
		for _, markup := range []string{"<script", "<svg onload", "onmouseover=", "javascript:", "evil.example\""} {
			if strings.Contains(strings.ToLower(body), markup) {
				p.Errorf("%s contains %q", where, markup)
			}
		}
	}
}

func TestRedirect_HostileCallbackURLs(t *testing.T) {
	p := newProber(t)
	own := newProber(t, func(c *apptest.Config) { c.Pages.SignIn = "http://localhost:3000/login" })
	send := func(p *prober, u string) {
		where := func(storage string) string { return storage + " with " + shorten(u) }
		query := url.Values{"callbackUrl": {u}}.Encode()
		planted := "next-auth.callback-url=" + url.PathEscape(u)
		p.harmless(where("POST signin"), p.post("/api/auth/signin/credentials", "", url.Values{"callbackUrl": {u}}))
		p.harmless(where("POST signin, query"), p.post("/api/auth/signin/credentials", query, url.Values{"json": {"true"}}))
		p.harmless(where("POST signout"), p.post("/api/auth/signout", "", url.Values{"callbackUrl": {u}}))
		p.harmless(where("POST signout, JSON"), p.post("/api/auth/signout", "", url.Values{"callbackUrl": {u}, "json": {"true"}}))
		p.harmless(where("POST signout, query"), p.post("/api/auth/signout", query, url.Values{}))
		p.harmless(where("POST signout, cookie"), p.post("/api/auth/signout", "", url.Values{}, planted))
		p.harmless(where("POST callback"), p.post("/api/auth/callback/credentials", "", url.Values{"callbackUrl": {u}, "username": {"eve"}}))
		p.harmless(where("GET signin"), p.get("/api/auth/signin", query))
		p.harmless(where("GET signin, cookie"), p.get("/api/auth/signin", "", planted))
		p.harmless(where("GET signout"), p.get("/api/auth/signout", query))
		p.harmless(where("GET error"), p.get("/api/auth/error", query+"&error="+url.QueryEscape(u), planted))
		p.harmless(where("GET csrf"), p.get("/api/auth/csrf", "", planted))
		if rec := p.get("/api/auth/session", query, planted); rec.Code != http.StatusOK || rec.Body.String() != "{}" {
			p.Errorf("%s: status %d: %s", where("GET session"), rec.Code, rec.Body)
		}
	}
	for _, u := range everyCallbackURL(t) {
		send(p, u)
		own.harmless("own page with "+shorten(u), own.get("/api/auth/signin", url.Values{"callbackUrl": {u}}.Encode()))
	}
}

func shorten(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// A Redirect callback may return a URL of another origin, but only with http or
// https, and in one line.
func TestRedirect_CallbackReturnsOnlyWebURLs(t *testing.T) {
	answer := ""
	p := newProber(t, func(c *apptest.Config) {
		c.Callbacks.Redirect = func(context.Context, nuxtauth.RedirectParams) (string, error) { return answer, nil }
	})
	for _, answer = range everyCallbackURL(t) {
		for _, as := range []string{"", "true"} {
			rec := p.post("/api/auth/signout", "", url.Values{"callbackUrl": {"/x"}, "json": {as}})
			to := rec.Header().Get("Location")
			if as == "true" {
				var v struct {
					URL string `json:"url"`
				}
				if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
					t.Fatalf("%s: %s", shorten(answer), rec.Body)
				}
				to = v.URL
			}
			u, err := url.Parse(strings.ReplaceAll(to, "%", ".")) // net/url rejects some escapes that browsers accept
			if rec.Code >= 400 || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(to, "\r\n\x00\\ ") {
				t.Errorf("%s redirects to %d %q", shorten(answer), rec.Code, to)
			}
		}
	}
}

// The same rules apply to RedirectTo, the callback of a provider and a federated sign-out.
func TestRedirect_SignInAndSignOutStayAtOrigin(t *testing.T) {
	answer := ""
	p := newProber(t, func(c *apptest.Config) {
		c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return nuxtauth.RedirectTo(answer) }
	})
	for _, answer = range everyCallbackURL(t) {
		rec := p.post("/api/auth/callback/credentials", "", url.Values{"username": {"ada"}, "password": {"lovelace"}})
		p.harmless("RedirectTo("+shorten(answer)+")", rec)
		if rec.Header().Get("Location") == "" {
			t.Errorf("RedirectTo(%s): status %d", shorten(answer), rec.Code)
		}
	}

	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	for _, u := range hostileURLs[:12] {
		res := a.Follow(idp.SignIn(t, a.StartWith("idp", "?"+url.Values{"callbackUrl": {u}}.Encode(), u), "alice"))
		stays(t, "a sign-in with "+shorten(u), a.URL, res.Header.Get("Location"))
	}
	b := apptest.NewOpenIDApp(t, apptest.Federated)
	for _, u := range hostileURLs[:12] {
		b.SignIn()
		to, err := url.Parse(b.SignOutTo(u))
		if err != nil || !strings.HasPrefix(to.String(), b.IDP.Issuer()) {
			t.Fatalf("a sign-out with %s redirects to %s", shorten(u), to)
		}
		back := b.Get("/api/auth/signout/idp?state=" + url.QueryEscape(to.Query().Get("state")))
		stays(t, "a sign-out with "+shorten(u), b.URL, back.Header.Get("Location"))
	}
}

// The response to a callback, whose URL contains a code, is not cached, sends no referrer
// and is no redirect that repeats a POST.
func TestOAuth_CallbackAnswerIsPrivate(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	back := idp.SignIn(t, a.Start("idp"), "alice")
	for _, res := range []apptest.Response{a.Follow(back), a.Follow(back.Clone(t.Context())), a.Get("/api/auth/callback/idp?error=x")} {
		h := res.Header
		if res.StatusCode != http.StatusFound || !strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Referrer-Policy") != "no-referrer" || strings.Contains(h.Get("Location"), "code=") {
			t.Errorf("%d %v", res.StatusCode, h)
		}
	}
}

// raw sends bytes over a new connection and returns the responses.
func raw(a *apptest.Site, request string) (answers []apptest.Response) {
	a.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		a.Fatal(err)
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		a.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return answers
		}
		var body strings.Builder
		_, err = bufio.NewReader(res.Body).WriteTo(&body)
		answers = append(answers, apptest.Response{Response: res, Text: body.String()})
		if err != nil || res.Close {
			return answers
		}
	}
}
