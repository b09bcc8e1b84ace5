package main

import (
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
)

const testSecret = "a secret for the tests of the example, and nothing else"

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

// start serves the example with an environment and returns its address.
func start(t *testing.T, env map[string]string) string {
	t.Helper()
	return startWith(t, env, nil)
}

// startWith serves the example with a store in place of that of the environment.
func startWith(t *testing.T, env map[string]string, replacement store.Sessions) string {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	all := map[string]string{"PORT": port, "AUTH_SECRET": testSecret}
	maps.Copy(all, env)

	s, err := readSettings(func(name string) string { return all[name] })
	if err != nil {
		t.Fatal(err)
	}
	sessions, release, err := s.storage.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { release() })
	if replacement != nil {
		sessions.Store = replacement
	}
	app, err := newApp(t.Context(), s, sessions)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(app)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return s.origin
}

// browser is a client with cookies that does not follow redirects.
type browser struct {
	*testing.T
	site   string
	client http.Client
}

func newBrowser(t *testing.T, site string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, site, http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// response is a response whose body was read.
type response struct {
	*http.Response
	body string
}

func (b *browser) do(r *http.Request) response {
	b.Helper()
	res, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return response{res, string(body)}
}

// request returns a navigation request; the path may be a URL.
func (b *browser) request(method, path string, form url.Values) *http.Request {
	b.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.site + path
	}
	r, err := http.NewRequestWithContext(b.Context(), method, path, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.site)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r
}

func (b *browser) get(path string) response {
	b.Helper()
	return b.do(b.request(http.MethodGet, path, nil))
}

func (b *browser) post(path string, form url.Values) response {
	b.Helper()
	return b.do(b.request(http.MethodPost, path, form))
}

// api sends a request without the headers of a navigation.
func (b *browser) api(method, path string) response {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.site+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	return b.do(r)
}

// submit submits the form of a page whose action ends with a path.
func (b *browser) submit(page response, path string, fields map[string]string) response {
	b.Helper()
	for _, f := range regexp.MustCompile(`(?is)<form([^>]*)>(.*?)</form>`).FindAllStringSubmatch(page.body, -1) {
		action := attribute(f[1], "action")
		if !strings.HasSuffix(action, path) {
			continue
		}
		form := url.Values{}
		for _, in := range regexp.MustCompile(`<input[^>]*>`).FindAllString(f[2], -1) {
			form.Set(attribute(in, "name"), attribute(in, "value"))
		}
		for name, value := range fields {
			if !form.Has(name) {
				b.Fatalf("the form for %s has no field %q", path, name)
			}
			form.Set(name, value)
		}
		target, err := page.Request.URL.Parse(action)
		if err != nil {
			b.Fatal(err)
		}
		return b.post(target.String(), form)
	}
	b.Fatalf("the page has no form for %s:\n%s", path, page.body)
	return response{}
}

func attribute(tag, name string) string {
	m := regexp.MustCompile(`\s` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// signIn signs in with a name and a password on the built-in page.
func (b *browser) signIn(username, password string) response {
	b.Helper()
	return b.submit(b.get("/api/auth/signin?callbackUrl=%2F"), "/callback/credentials",
		map[string]string{"username": username, "password": password})
}

// begin starts a sign-in with an OpenID provider on the built-in page.
func (b *browser) begin(provider string) (authorizationURL string) {
	b.Helper()
	res := b.submit(b.get("/api/auth/signin?callbackUrl=%2F"), "/signin/"+provider, nil)
	if res.StatusCode != http.StatusFound {
		b.Fatalf("sign-in with %q: status %d:\n%s", provider, res.StatusCode, res.body)
	}
	return res.Header.Get("Location")
}

// session returns the session that a front end gets. Its User is zero when signed out.
func (b *browser) session() Session {
	b.Helper()
	res := b.api(http.MethodGet, "/api/auth/session")
	if res.StatusCode != http.StatusOK {
		b.Fatalf("GET /api/auth/session: status %d", res.StatusCode)
	}
	var s Session
	if err := json.Unmarshal([]byte(res.body), &s); err != nil {
		b.Fatalf("the session is %q: %v", res.body, err)
	}
	return s
}

// cookie returns the session cookie, nil if there is none.
func (b *browser) cookie() *http.Cookie {
	b.Helper()
	u, err := url.Parse(b.site)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if strings.HasSuffix(c.Name, ".session-token") {
			return c
		}
	}
	return nil
}

// token opens the session cookie with the secret.
func (b *browser) token() *Token {
	b.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if c := b.cookie(); c != nil {
		r.AddCookie(c)
	}
	tokens, err := nuxtauth.NewReader[Token](nuxtauth.ReaderConfig{Secret: testSecret, URL: b.site})
	if err != nil {
		b.Fatal(err)
	}
	token, err := tokens.Token(r)
	if err != nil {
		b.Fatal(err)
	}
	return token
}

// shown returns the text of an element of a page by its id.
func (b *browser) shown(page response, id string) string {
	b.Helper()
	m := regexp.MustCompile(`(?s)<(?:pre|code) id="` + regexp.QuoteMeta(id) + `"[^>]*>(.*?)</(?:pre|code)>`).FindStringSubmatch(page.body)
	if m == nil {
		b.Fatalf("the page has no element with the id %q:\n%s", id, page.body)
	}
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(m[1], ""))
}
