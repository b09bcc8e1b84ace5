package authtest

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
)

// An Issuer makes the cookies that carry a session with this token.
// *nuxtauth.Auth is one.
type Issuer[T any] interface {
	Issue(ctx context.Context, token *T) ([]*http.Cookie, error)
}

// Request returns a request of somebody who is signed in with this token, to
// be given to the ServeHTTP method of the application. The target is a path
// or an absolute URL, as for httptest.NewRequest; body may be nil. For a
// request that goes over a network, use [Jar].
func Request[T any](t testing.TB, auth Issuer[T], token *T, method, target string, body io.Reader) *http.Request {
	t.Helper()
	if _, err := url.ParseRequestURI(target); err != nil {
		t.Fatalf("authtest: target: %v", err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, body)
	for _, c := range issue(t, auth, token) {
		r.AddCookie(c)
	}
	return r
}

// Jar returns a cookie jar of somebody who is signed in with this token at
// baseURL, such as the URL of an httptest.Server:
//
//	client := server.Client()
//	client.Jar = authtest.Jar(t, auth, token, server.URL)
//
// It fails the test when the cookies would not be sent there, as those of an
// application configured for https are not sent to another machine over http.
func Jar[T any](t testing.TB, auth Issuer[T], token *T, baseURL string) http.CookieJar {
	t.Helper()
	base, err := url.Parse(baseURL)
	if err != nil || base.Host == "" {
		t.Fatalf("authtest: baseURL %q is not an absolute URL", baseURL)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}

	cookies := issue(t, auth, token)
	jar.SetCookies(base, cookies)
	sent := map[string]bool{}
	for _, c := range jar.Cookies(base) {
		sent[c.Name] = true
	}
	for _, c := range cookies {
		if !sent[c.Name] {
			t.Fatalf("authtest: the cookie %q (Secure: %t, Domain: %q, Path: %q) is not for %q", c.Name, c.Secure, c.Domain, c.Path, baseURL)
		}
	}
	return jar
}

// issue returns the cookies of a new session, without those that only delete.
func issue[T any](t testing.TB, auth Issuer[T], token *T) []*http.Cookie {
	t.Helper()
	if token == nil {
		t.Fatal("authtest: token is nil; for somebody who is signed out, use httptest.NewRequest")
	}
	all, err := auth.Issue(t.Context(), token)
	if err != nil {
		t.Fatalf("authtest: issue a session: %v", err)
	}
	var cookies []*http.Cookie
	for _, c := range all {
		if c.MaxAge >= 0 {
			cookies = append(cookies, c)
		}
	}
	if len(cookies) == 0 {
		t.Fatal("authtest: the session has no cookie")
	}
	return cookies
}
