package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
)

// These types are like those of nuxtauth: constraints that embedding alone satisfies, and
// an Auth with two type parameters.
type (
	jwtConstraint     interface{ isJWT() }
	sessionConstraint interface{ isSession() }

	defaultJWT     struct{ Subject string }
	defaultSession struct{}
)

func (defaultJWT) isJWT()         {}
func (defaultSession) isSession() {}

type appToken struct {
	defaultJWT
	Role string
}

type appSession struct{ defaultSession }

// fakeAuth issues sessions as nuxtauth.Auth does.
type fakeAuth[T jwtConstraint, S sessionConstraint] struct {
	cookies func(*T) ([]*http.Cookie, error)
}

func (a *fakeAuth[T, S]) Issue(_ context.Context, token *T) (*nuxtauth.Issued, error) {
	cookies, err := a.cookies(token)
	return &nuxtauth.Issued{Cookies: cookies}, err
}

// newAuth returns a fakeAuth that writes the token to two cookies, as is done for a long
// one, and clears a third.
func newAuth(secure bool) *fakeAuth[appToken, appSession] {
	return &fakeAuth[appToken, appSession]{func(token *appToken) ([]*http.Cookie, error) {
		return []*http.Cookie{
			{Name: "session.0", Value: token.Subject, Path: "/", HttpOnly: true, Secure: secure},
			{Name: "session.1", Value: token.Role, Path: "/", HttpOnly: true, Secure: secure},
			{Name: "session.2", Path: "/", MaxAge: -1},
		}, nil
	}}
}

// whoami responds with the method, the URL, the cookies and the body of the request.
func whoami(w http.ResponseWriter, r *http.Request) {
	var parts []string
	for _, c := range r.Cookies() {
		parts = append(parts, c.Name+"="+c.Value)
	}
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL, strings.Join(parts, ";"), body)
}

func TestRequest_SignedIn(t *testing.T) {
	auth := newAuth(true) // a Request has Secure cookies too
	token := &appToken{defaultJWT{"42"}, "admin"}
	for _, tc := range []struct{ target, want string }{
		{"/me?x=1", "POST /me?x=1 session.0=42;session.1=admin hello"},
		{"https://app.example/me", "POST https://app.example/me session.0=42;session.1=admin hello"},
	} {
		w := httptest.NewRecorder()
		whoami(w, authtest.Request(t, auth, token, http.MethodPost, tc.target, strings.NewReader("hello")))
		if got := w.Body.String(); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.target, got, tc.want)
		}
	}
}

func TestJar_SignedIn(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("https %t", secure), func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(whoami))
			if secure {
				server.StartTLS()
			} else {
				server.Start()
			}
			defer server.Close()
			client := server.Client()
			client.Jar = authtest.Jar(t, newAuth(secure), &appToken{defaultJWT{"42"}, "admin"}, server.URL)
			res, err := client.Get(server.URL + "/deep/path")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := read(t, res), "GET /deep/path session.0=42;session.1=admin "; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// failingT records a fatal error instead of failing the test.
type failingT struct {
	*testing.T
	message string
}

func (t *failingT) Fatalf(format string, args ...any) {
	t.message = fmt.Sprintf(format, args...)
	panic(t) // instead of runtime.Goexit
}

func (t *failingT) Fatal(args ...any) { t.Fatalf("%s", fmt.Sprint(args...)) }

// failure returns the message of a fatal error of f, or "".
func failure(t *testing.T, f func(t testing.TB)) (message string) {
	failing := &failingT{T: t}
	defer func() {
		if r := recover(); r != nil && r != any(failing) {
			panic(r)
		}
		message = failing.message
	}()
	f(failing)
	return ""
}

func TestHelpers_FatalMessages(t *testing.T) {
	token := &appToken{defaultJWT{"42"}, "admin"}
	broken := &fakeAuth[appToken, appSession]{func(*appToken) ([]*http.Cookie, error) { return nil, errors.New("the store is down") }}
	empty := &fakeAuth[appToken, appSession]{func(*appToken) ([]*http.Cookie, error) { return nil, nil }}
	idp := fastProvider(t)
	for name, tc := range map[string]struct {
		run  func(t testing.TB)
		want string
	}{
		"secure cookies over http": {func(t testing.TB) { authtest.Jar(t, newAuth(true), token, "http://app.example") }, "Secure: true"},
		"base URL without a host":  {func(t testing.TB) { authtest.Jar(t, newAuth(false), token, "/") }, "not an absolute URL"},
		"issue fails":              {func(t testing.TB) { authtest.Request(t, broken, token, "GET", "/", nil) }, "the store is down"},
		"no cookies":               {func(t testing.TB) { authtest.Request(t, empty, token, "GET", "/", nil) }, "no cookie"},
		"nil token":                {func(t testing.TB) { authtest.Request(t, newAuth(false), nil, "GET", "/", nil) }, "token is nil"},
		"no target":                {func(t testing.TB) { authtest.Request(t, newAuth(false), token, "GET", "", nil) }, `GET ""`},
		"target with a space":      {func(t testing.TB) { authtest.Request(t, newAuth(false), token, "GET", "/a b", nil) }, `GET "/a b"`},
		"method with a space":      {func(t testing.TB) { authtest.Request(t, newAuth(false), token, "GE T", "/", nil) }, `GE T "/"`},
		"unknown user":             {func(t testing.TB) { idp.SignIn(t, authorizationURL(idp), "mallory") }, `no user "mallory"`},
		"foreign URL":              {func(t testing.TB) { idp.SignIn(t, "https://other.example/authorize?x", "alice") }, "not an authorization URL"},
		"unknown client": {func(t testing.TB) {
			idp.SignIn(t, authorizationURL(idp, "client_id", "other"), "alice")
		}, "has no form"},
		"sign-in without a jar": {func(t testing.TB) {
			authtest.BeginSignIn(t, &http.Client{}, idp.Issuer()+"/api/auth/signin/test")
		}, "no cookie jar"},
		"sign-in without an application": {func(t testing.TB) {
			authtest.BeginSignIn(t, newClient(), idp.Issuer()+"/api/auth/signin/test")
		}, "/api/auth/csrf: status 404"},
		"sign-in with a relative URL": {func(t testing.TB) {
			authtest.BeginSignIn(t, newClient(), "/api/auth/signin/test")
		}, "unsupported protocol scheme"},
		"issuer given to Start": {func(t testing.TB) { authtest.IDPConfig{Issuer: "https://idp.example"}.Start(t) }, "leave Issuer empty"},
	} {
		if got := failure(t, tc.run); !strings.Contains(got, tc.want) {
			t.Errorf("%s: message %q, want %q", name, got, tc.want)
		}
	}
}
