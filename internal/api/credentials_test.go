package api_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestCredentials_Wrong(t *testing.T) {
	for _, tt := range []struct {
		protocol nuxtauth.Protocol
		status   int
		want     string
	}{
		{nuxtauth.NextAuth, 401, "/api/auth/error?error=CredentialsSignin&provider=credentials"},
		{nuxtauth.AuthJS, 200, "/api/auth/signin?error=CredentialsSignin&code=credentials"},
	} {
		a := apptest.New(t, func(cfg *apptest.Config) { cfg.Protocol = tt.protocol })
		for _, form := range []url.Values{
			a.CredentialsForm("ada", "wrong"), a.CredentialsForm("unknown", "lovelace"), a.CredentialsForm("", ""),
		} {
			res := a.Post("/api/auth/callback/credentials", form)
			if res.StatusCode != tt.status || a.URLIn(res) != a.URL+tt.want {
				t.Errorf("%v: %d %s", tt.protocol, res.StatusCode, res.Text)
			}
			if strings.Contains(strings.Join(res.Header["Set-Cookie"], ""), "session-token") {
				t.Errorf("%v: a session cookie for wrong credentials", tt.protocol)
			}
		}
	}
}

func TestCredentials_AuthorizeErrorIsOnlyLogged(t *testing.T) {
	cause := errors.New("dial database: secret-detail")
	failing := func() error { return cause }
	panicking := func() error { panic("secret-detail") }
	withCode := func() error { return &nuxtauth.Error{Code: "AccountLocked", Err: cause} }
	withoutCode := func() error { return &nuxtauth.Error{Err: cause} }
	for _, tt := range []struct {
		err      func() error
		protocol nuxtauth.Protocol
		want     string
	}{
		{failing, nuxtauth.NextAuth, "/api/auth/error?error=Callback"},
		{failing, nuxtauth.AuthJS, "/api/auth/error?error=Configuration"},
		{panicking, nuxtauth.NextAuth, "/api/auth/error?error=Callback"},
		{panicking, nuxtauth.AuthJS, "/api/auth/error?error=Configuration"},
		{withCode, nuxtauth.NextAuth, "/api/auth/error?error=AccountLocked"},
		{withCode, nuxtauth.AuthJS, "/api/auth/signin?error=CredentialsSignin&code=AccountLocked"},
		{withoutCode, nuxtauth.NextAuth, "/api/auth/error?error=Callback"},
		{withoutCode, nuxtauth.AuthJS, "/api/auth/signin?error=CredentialsSignin&code="},
	} {
		a := apptest.New(t, func(cfg *apptest.Config) {
			cfg.Protocol = tt.protocol
			cfg.Providers = []provider.Provider{provider.Credentials(func(context.Context, url.Values) (*provider.User, error) {
				return nil, tt.err()
			})}
		})
		res := a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace"))
		if got := a.URLIn(res); got != a.URL+tt.want || res.StatusCode >= 500 {
			t.Errorf("%v: %d %s, want %s", tt.protocol, res.StatusCode, res.Text, tt.want)
		}
		if !strings.Contains(a.Log.String(), "secret-detail") || strings.Contains(res.Text, "secret-detail") {
			t.Errorf("the cause is not in the log, or in the answer: %s", res.Text)
		}
	}
}

func TestCredentials_FormReachesAuthorize(t *testing.T) {
	var got url.Values
	a := apptest.New(t, func(cfg *apptest.Config) {
		cfg.Providers = []provider.Provider{provider.Credentials(func(_ context.Context, form url.Values) (*provider.User, error) {
			got = form
			return nil, nil
		})}
	})
	a.PostJSON("/api/auth/callback/credentials?username=query", `{"csrfToken":"`+a.CSRF()+`","username":"ada","code":123456,`+
		`"remember":true,"none":null,"nested":{"a":1},"json":true,"callbackUrl":"/"}`)
	want := url.Values{"username": {"ada"}, "code": {"123456"}, "remember": {"true"}}
	if got.Encode() != want.Encode() {
		t.Errorf("Authorize gets %v, want %v", got, want)
	}
}

// The server shuts down during a sign-in, which is finished.
func TestCredentials_FinishWhenServerStops(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	a := apptest.New(t, apptest.Storages["memory"], func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			once.Do(func() { close(inside); <-goOn })
			return p.Token, nil
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: a.Router}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	csrf := a.CSRF()
	req := a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, "username=ada&password=lovelace&csrfToken="+csrf)
	req.URL.Host = listener.Addr().String()
	for _, c := range a.Cookies() {
		req.AddCookie(c)
	}
	answer := make(chan *http.Response, 1)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			res.Body.Close()
		}
		answer <- res
	}()
	<-inside
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Shutdown(context.Background()) }()
	<-served // no new connection from here on
	close(goOn)
	res := <-answer
	err = <-stopped
	if err != nil || res == nil || res.StatusCode != http.StatusFound || strings.Contains(res.Header.Get("Location"), "error") {
		t.Errorf("the sign-in ends with %+v, the server with %v", res, err)
	}
}
