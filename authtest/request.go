package authtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/nuxtauth/nuxtauth"
)

// SessionIssuer creates sessions. *nuxtauth.Auth implements it, for the token type of the
// application.
type SessionIssuer[T any] interface {
	Issue(ctx context.Context, token *T) (*nuxtauth.Issued, error)
}

// Request returns a request of a user who is signed in with token, for the ServeHTTP
// method of the application. target is a path or an absolute URL, as in
// httptest.NewRequest; body may be nil. Use [Jar] for requests over a network, and
// httptest.NewRequest for a user who is signed out.
//
// The session is a new one, and its callbacks run when the request is served. Request
// fails the test if the token has no Subject or the store returns an error.
func Request[T any](t testing.TB, auth SessionIssuer[T], token *T, method, target string, body io.Reader) *http.Request {
	t.Helper()
	r := newRequest(t, method, target, body)
	for _, c := range issue(t, auth, token) {
		r.AddCookie(c)
	}
	return r
}

// newRequest is httptest.NewRequest, but fails the test where that panics.
func newRequest(t testing.TB, method, target string, body io.Reader) *http.Request {
	t.Helper()
	r, err := func() (r *http.Request, err error) {
		defer func() {
			if reason := recover(); reason != nil {
				err = fmt.Errorf("%v", reason)
			}
		}()
		return httptest.NewRequestWithContext(t.Context(), method, target, body), nil
	}()
	if err != nil {
		t.Fatalf("authtest: %s %q: %v", method, target, err)
	}
	return r
}

// Jar returns a cookie jar of a user who is signed in with token at baseURL, such as
// the URL of an httptest.Server:
//
//	client := server.Client()
//	client.Jar = authtest.Jar(t, auth, token, server.URL)
//
// It fails the test if a client would not send the cookies to baseURL: for example, the
// cookies of an application whose URL is https are not sent over http.
func Jar[T any](t testing.TB, auth SessionIssuer[T], token *T, baseURL string) http.CookieJar {
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

// issue returns the cookies of a new session, without those that clear others.
func issue[T any](t testing.TB, auth SessionIssuer[T], token *T) []*http.Cookie {
	t.Helper()
	if token == nil {
		t.Fatal("authtest: the token is nil: use httptest.NewRequest for a request without a session")
	}
	issued, err := auth.Issue(t.Context(), token)
	if err != nil {
		t.Fatalf("authtest: issue a session: %v", err)
	}
	var cookies []*http.Cookie
	for _, c := range issued.Cookies {
		if c.MaxAge >= 0 {
			cookies = append(cookies, c)
		}
	}
	if len(cookies) == 0 {
		t.Fatal("authtest: the session has no cookie")
	}
	return cookies
}
