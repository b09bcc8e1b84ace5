package session_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

const secureCookie = "__Secure-next-auth.session-token"

// A domainBrowser is a browser at an application with a host name, which is
// served without a network.
type domainBrowser struct {
	*testing.T
	jar    http.CookieJar
	url    *url.URL
	router *gin.Engine
	auth   *nuxtauth.Auth[apptest.Token, apptest.Session]
}

// newDomainBrowser starts an application at https://host whose session cookie has
// the domain, "" for the host alone.
func newDomainBrowser(t *testing.T, host, domain string, change ...func(*apptest.Config)) *domainBrowser {
	t.Helper()
	change = append(change, func(c *apptest.Config) { c.URL, c.Cookies.Domain = "https://"+host, domain })
	auth := apptest.NewAuth(t, change...)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &domainBrowser{t, jar, &url.URL{Scheme: "https", Host: host, Path: "/"}, apptest.NewRouter(auth), auth}
}

func (b *domainBrowser) do(method, path string, form url.Values) apptest.Response {
	req, rec := httptest.NewRequest(method, "https://"+b.url.Host+path, strings.NewReader(form.Encode())), httptest.NewRecorder()
	req.Header.Set("Content-Type", apptest.FormType)
	for _, c := range b.jar.Cookies(b.url) {
		req.AddCookie(c)
	}
	b.router.ServeHTTP(rec, req)
	res := apptest.Recorded(rec)
	b.jar.SetCookies(b.url, res.Cookies())
	return res
}

func (b *domainBrowser) csrf() string {
	token, _, _ := strings.Cut(strings.TrimPrefix(b.do("GET", "/api/auth/csrf", nil).Text, `{"csrfToken":"`), `"`)
	return token
}

func (b *domainBrowser) signIn() {
	b.Helper()
	form := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {b.csrf()}}
	if res := b.do("POST", "/api/auth/callback/credentials", form); strings.Contains(res.Header.Get("Location"), "error") {
		b.Fatalf("sign-in leads to %s", res.Header.Get("Location"))
	}
}

func (b *domainBrowser) signOut() {
	b.Helper()
	res := b.do("POST", "/api/auth/signout", url.Values{"csrfToken": {b.csrf()}})
	if res.StatusCode != http.StatusFound || strings.Contains(res.Header.Get("Location"), "csrf") {
		b.Fatalf("sign-out answers %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

// plant puts a session cookie with a domain into the browser, "" for the host
// alone, split into n chunks, or whole if n is zero.
func (b *domainBrowser) plant(value, domain string, n int) {
	if n == 0 {
		b.jar.SetCookies(b.url, []*http.Cookie{{Name: secureCookie, Value: value, Domain: domain, Path: "/", Secure: true}})
	}
	for i := range n {
		part := value[i*len(value)/n : (i+1)*len(value)/n]
		b.jar.SetCookies(b.url, []*http.Cookie{{Name: secureCookie + "." + string(rune('0'+i)), Value: part, Domain: domain, Path: "/", Secure: true}})
	}
}

// sessionCookies are the session cookies that the browser sends.
func (b *domainBrowser) sessionCookies() (found []string) {
	for _, c := range b.jar.Cookies(b.url) {
		if strings.HasPrefix(c.Name, secureCookie) {
			found = append(found, c.Name+"="+c.Value)
		}
	}
	return found
}

func (b *domainBrowser) signedIn() bool {
	return strings.Contains(b.do("GET", "/api/auth/session", nil).Text, "Ada")
}

// scopes are configurations, and the domains of session cookies that are left from
// another configuration.
var scopes = []struct {
	name, host, domain string
	left               []string
	chunks             int
}{
	{"parent domain left", "app.example.com", "", []string{"example.com"}, 0},
	{"host left", "app.example.com", "example.com", []string{""}, 0},
	{"both parents left", "www.app.example.com", "", []string{"example.com", "app.example.com"}, 0},
	{"parent and host left", "www.app.example.com", "app.example.com", []string{"example.com", ""}, 0},
	{"parent domain left, in chunks", "app.example.com", "", []string{"example.com"}, 2},
	{"host left, in chunks", "app.example.com", "example.com", []string{""}, 3},
}

func TestCookie_LeftOverDoesNotHideSession(t *testing.T) {
	for _, tt := range scopes {
		t.Run(tt.name, func(t *testing.T) {
			left := otherSecret(t)
			b := newDomainBrowser(t, tt.host, tt.domain)
			for _, domain := range tt.left {
				b.plant(left, domain, tt.chunks)
			}
			cookies := apptest.Issue(t, b.auth, "Ada")
			b.jar.SetCookies(b.url, cookies) // without a sign-in, which would clear the other cookies
			for i := range 3 {
				if !b.signedIn() {
					t.Fatalf("request %d is signed out", i)
				}
			}
		})
	}
}

func TestSignOut_ClearsEachScope(t *testing.T) {
	for _, tt := range scopes {
		t.Run(tt.name, func(t *testing.T) {
			b := newDomainBrowser(t, tt.host, tt.domain)
			b.signIn()
			for _, domain := range tt.left {
				b.plant(apptest.Issue(t, b.auth, "Ada")[0].Value, domain, tt.chunks)
			}
			b.signOut()
			if left := b.sessionCookies(); len(left) != 0 {
				t.Errorf("after the sign-out the browser has %d session cookies: %.200q", len(left), left)
			}
			if b.signedIn() {
				t.Error("the browser is signed in after the sign-out")
			}
		})
	}
}

// The cookie of the configured domain has expired, and that of the host alone is left.
func TestSignOut_ClearsHostWithDomain(t *testing.T) {
	b := newDomainBrowser(t, "app.example.com", "example.com")
	b.plant(apptest.Issue(t, b.auth, "Ada")[0].Value, "", 0)
	if b.signOut(); len(b.sessionCookies()) != 0 {
		t.Error("after the sign-out the browser has a session cookie")
	}
}

func TestSignIn_ClearsOtherScopes(t *testing.T) {
	for _, tt := range scopes {
		t.Run(tt.name, func(t *testing.T) {
			left := otherSecret(t)
			b := newDomainBrowser(t, tt.host, tt.domain)
			b.plant(left, tt.domain, tt.chunks) // in the scope of the new cookie
			for _, domain := range tt.left {
				b.plant(left, domain, tt.chunks)
			}
			b.signIn()
			if found := b.sessionCookies(); len(found) != 1 || strings.Contains(found[0], left) {
				t.Errorf("after the sign-in the browser has %d session cookies: %.200q", len(found), found)
			}
			if !b.signedIn() {
				t.Error("signed out")
			}
		})
	}
}

// An address and a name without dots have no parent domain.
func TestSignOut_ClearsNoDomainOfAddress(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "192.0.2.7", "localhost", "[::1]"} {
		b := newDomainBrowser(t, host, "")
		token := b.csrf()
		req, rec := httptest.NewRequest("POST", "https://"+host+"/api/auth/signout", strings.NewReader("csrfToken="+token)), httptest.NewRecorder()
		req.Header.Set("Content-Type", apptest.FormType)
		for _, c := range b.jar.Cookies(b.url) {
			req.AddCookie(c)
		}
		for range 2 {
			req.AddCookie(&http.Cookie{Name: secureCookie, Value: apptest.Issue(t, b.auth, "Ada")[0].Value})
		}
		b.router.ServeHTTP(rec, req)
		cleared := 0
		for _, c := range rec.Result().Cookies() {
			if c.Name == secureCookie {
				cleared++
			}
			if c.Domain != "" {
				t.Errorf("%s: the answer has the cookie %s", host, c)
			}
		}
		if cleared != 1 {
			t.Errorf("%s: the session cookie is cleared %d times", host, cleared)
		}
	}
}
