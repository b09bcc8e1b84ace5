package nuxtauth_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// The faults tests take away what the application depends on. Nobody is signed
// in by a fault, nobody is signed out by one that passes, and each ends in time.

// A provider whose port is closed when the application starts.
func TestAProviderThatIsDownAtTheStartIsNoReasonNotToStart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	idp, err := authtest.NewProvider(authtest.ProviderConfig{Issuer: "http://" + address, Users: authtest.DefaultUsers()})
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(t, withProviders(idp))
	if got := a.start("idp"); got != a.url+"/api/auth/error?error=OAuthSignin" {
		t.Errorf("a sign-in leads to %s", got)
	}
	a.signIn()
	if a.session() == nil || a.get("/api/auth/providers").StatusCode != http.StatusOK {
		t.Error("the rest does not work")
	}

	listener, err = net.Listen("tcp", address)
	if err != nil {
		t.Skip("the port was taken meanwhile: ", err)
	}
	srv := httptest.NewUnstartedServer(idp)
	srv.Listener.Close()
	srv.Listener = listener
	srv.Start()
	t.Cleanup(srv.Close)
	b := a.another()
	b.at(idp.SignIn(t, b.start("idp"), "alice"))
	if b.session() == nil {
		t.Error("once the provider is up, its users can't sign in")
	}
}

// A provider that goes away between the two halves of a sign-in, and comes back.
func TestAProviderThatBreaksDuringASignInEndsThatOneAlone(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp), func(c *Config) { c.HTTPClient = &http.Client{Timeout: 300 * time.Millisecond} })
	for _, fault := range []authtest.Fault{authtest.TokenCutOff, authtest.TokenSlow, authtest.TokenDrip, authtest.JWKSSlow, authtest.UserinfoDrip, authtest.TokenGzipBomb, authtest.UserinfoHuge} {
		to := a.start("idp")
		idp.SetFaults(fault)
		began := time.Now()
		res := a.at(idp.SignIn(t, to, "alice"))
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("%v: the browser waited for %v", fault, took)
		}
		if res.StatusCode == http.StatusFound && res.Header.Get("Location") == a.url+"/home" && fault == authtest.JWKSSlow {
			continue // the keys are known already
		}
		if res.Header.Get("Location") != a.url+"/api/auth/error?error=OAuthCallback" || len(a.tickets()) != 0 {
			t.Errorf("%v: %d %s, %d check cookies", fault, res.StatusCode, res.Header.Get("Location"), len(a.tickets()))
		}
		idp.SetFaults()
		b := a.another()
		if b.at(idp.SignIn(t, b.start("idp"), "alice")); b.session() == nil {
			t.Errorf("%v: the next sign-in fails too", fault)
		}
	}
}

// The browser hangs up: the request to the provider is dropped as well.
func TestABrowserThatHangsUpDuringASignInFreesTheProvider(t *testing.T) {
	idp := authtest.StartProvider(t)
	asked, dropped := make(chan struct{}), make(chan struct{})
	a := newApp(t, withProviders(idp), func(c *Config) {
		c.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				close(asked)
				<-r.Context().Done()
				close(dropped)
				return nil, r.Context().Err()
			}
			return http.DefaultTransport.RoundTrip(r)
		})}
	})
	back := idp.SignIn(t, a.start("idp"), "alice")
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		if res, err := a.client.Do(back.WithContext(ctx)); err == nil {
			res.Body.Close()
		}
	}()
	<-asked
	leave()
	<-left
	select {
	case <-dropped:
	case <-time.After(5 * time.Second):
		t.Error("the request to the provider goes on")
	}
	if a.session() != nil {
		t.Error("signed in")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Each function of the application panics, at a sign-in and later: one answer,
// one line of the log with the stack, no half of a session, no stack outside.
func TestAPanicOfTheApplicationIsAnAnswerAndOneLineOfTheLog(t *testing.T) {
	const boom = "a bug at the heart of it"
	for name, tt := range map[string]struct {
		change func(*Config)
		in     bool // the sign-in counts all the same
	}{
		"Authorize": {func(c *Config) {
			c.Providers[0] = provider.Credentials(func(context.Context, url.Values) (*provider.User, error) { panic(boom) })
		}, false},
		"SignIn": {func(c *Config) {
			c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { panic(boom) }
		}, false},
		"JWT": {func(c *Config) {
			c.Callbacks.JWT = func(context.Context, nuxtauth.JWTParams[Token]) (*Token, error) { panic(boom) }
		}, false},
		"an index out of range": {func(c *Config) {
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
				p.Token.Name = strings.Split(p.Token.Name, boom)[1]
				return p.Token, nil
			}
		}, false},
		"Redirect": {func(c *Config) {
			c.Callbacks.Redirect = func(context.Context, nuxtauth.RedirectParams) (string, error) { panic(boom) }
		}, true},
		"SignIn event": {func(c *Config) { c.Events.SignIn = func(context.Context, nuxtauth.SignInEvent) { panic(boom) } }, true},
	} {
		for where, place := range places {
			a := newApp(t, place, tt.change)
			f := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {a.csrf()}, "callbackUrl": {"/home"}}
			res := a.post("/api/auth/callback/credentials", f)
			to := res.Header.Get("Location")
			if res.StatusCode != http.StatusFound || strings.Contains(to, "error=") == tt.in {
				t.Errorf("%s, %s: %d %s", name, where, res.StatusCode, to)
			}
			if !tt.in {
				notSignedIn(t, name, res)
			}
			log := a.log.String()
			if in := a.session() != nil; in != tt.in {
				t.Errorf("%s, %s: signed in: %t", name, where, in)
			}
			if n := strings.Count(log, "level=ERROR") + strings.Count(log, "level=WARN"); n != 1 || !strings.Contains(log, "stack=") {
				t.Errorf("%s, %s: %d lines of the log: %s", name, where, n, log)
			}
			if all := res.body + a.get(strings.TrimPrefix(to, a.url)).body; strings.Contains(all, boom) || strings.Contains(all, "goroutine") || strings.Contains(all, ".go:") {
				t.Errorf("%s, %s: the answer tells: %s", name, where, all)
			}
		}
	}
}

// The deadline of a request is that of the functions of the application: one
// that waits for a service that hangs is let go, and nobody signs in meanwhile.
func TestTheDeadlineOfARequestReachesTheApplicationsFunctions(t *testing.T) {
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, change := range map[string]func(*Config){
		"Authorize": func(c *Config) {
			c.Providers[0] = provider.Credentials(func(ctx context.Context, _ url.Values) (*provider.User, error) {
				return &provider.User{ID: "1"}, wait(ctx)
			})
		},
		"SignIn": func(c *Config) {
			c.Callbacks.SignIn = func(ctx context.Context, _ nuxtauth.SignInParams) error { return wait(ctx) }
		},
		"JWT": func(c *Config) {
			c.Callbacks.JWT = func(ctx context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) { return p.Token, wait(ctx) }
		},
	} {
		p := newProber(t, change)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		body := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {p.token}}
		req := httptest.NewRequest("POST", "/api/auth/callback/credentials", strings.NewReader(body.Encode())).WithContext(ctx)
		req.Header.Set("Content-Type", form)
		req.Header.Set("Cookie", p.cookie)
		rec := p.send(req)
		cancel()
		p.harmless(name, rec)
		if !strings.Contains(rec.Header().Get("Location"), "error=") {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Header().Get("Location"))
		}
	}
}

// The server stops while somebody signs in: that sign-in is finished.
func TestASignInUnderWayIsFinishedWhenTheServerStops(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	a := newApp(t, places["memory"], func(c *Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
			once.Do(func() { close(inside); <-goOn })
			return p.Token, nil
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: a.router}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	csrf := a.csrf()
	req := a.request("POST", "/api/auth/callback/credentials", form, "username=ada&password=lovelace&csrfToken="+csrf)
	req.URL.Host = listener.Addr().String()
	for _, c := range a.cookies() {
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
	if err := <-stopped; err != nil || res == nil || res.StatusCode != http.StatusFound || strings.Contains(res.Header.Get("Location"), "error") {
		t.Errorf("the sign-in ends with %+v, the server with %v", res, err)
	}
}

// ory/fosite CVE-2020-15223: an error while something is taken back is an
// error, here when all sessions of a user are to end.
func TestAdvisory_CVE_2020_15223_ARevocationThatFailsSaysSo(t *testing.T) {
	for kind, as := range map[string]func(*testStore) func(*Config){
		"store":     func(s *testStore) func(*Config) { return s.stored },
		"deny-list": func(s *testStore) func(*Config) { return s.denying },
	} {
		s := newStore()
		a := newApp(t, as(s))
		a.signIn()
		s.fail(errDown)
		if _, err := a.auth.Revoke(t.Context(), store.Filter{Subject: "1"}); !errors.Is(err, errDown) {
			t.Errorf("%s: Revoke says %v", kind, err)
		}
		if res := a.signOut(); res.StatusCode != http.StatusServiceUnavailable || a.cookie(sessionCookie) == "" {
			t.Errorf("%s: a sign-out answers %d", kind, res.StatusCode)
		}
		s.fail(nil)
		if a.session() == nil {
			t.Errorf("%s: the session that was not ended is gone", kind)
		}
	}
}
