package conformance_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
)

// Faults of an identity provider start no session, end none if they are temporary, and end
// within the timeout.

// The provider's port is closed when the application starts.
func TestProvider_DownAtStart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	idp, err := authtest.NewIDP(authtest.IDPConfig{Issuer: "http://" + address, SigningAlgorithm: "ES256", Users: authtest.DefaultUsers()})
	if err != nil {
		t.Fatal(err)
	}
	a := apptest.New(t, apptest.WithProviders(idp))
	if got := a.Start("idp"); got != a.URL+"/api/auth/error?error=OAuthSignin" {
		t.Errorf("a sign-in redirects to %s", got)
	}
	a.SignIn()
	if a.Session() == nil || a.Get("/api/auth/providers").StatusCode != http.StatusOK {
		t.Error("credentials or the list of providers do not work")
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
	a.Clock.Advance(3 * time.Second) // until then the error is cached
	b := a.Another()
	b.Follow(idp.SignIn(t, b.Start("idp"), "alice"))
	if b.Session() == nil {
		t.Error("no sign-in after the start of the provider")
	}
}

// The provider fails between the start and the callback of a sign-in, and recovers.
func TestProvider_FaultEndsOneSignIn(t *testing.T) {
	for _, fault := range []hostile.Fault{hostile.TokenCutOff, hostile.TokenSlow, hostile.TokenDrip, hostile.JWKSSlow, hostile.UserinfoDrip, hostile.TokenGzipBomb, hostile.UserinfoHuge} {
		t.Run(fault.String(), func(t *testing.T) {
			withOrWithoutNetwork(t, fault, func(t *testing.T) {
				idp := apptest.StartIDP(t)
				a := apptest.New(t, apptest.WithProviders(idp))
				to := a.Start("idp")
				idp.SetFaults(fault)
				began := time.Now()
				res := a.Follow(idp.SignIn(t, to, "alice"))
				if took := time.Since(began); stalls(fault) && took != 10*time.Second {
					t.Errorf("the callback takes %v of the bubble", took)
				}
				if res.Header.Get("Location") != a.URL+"/api/auth/error?error=OAuthCallback" || len(a.CheckCookies()) != 0 {
					t.Errorf("%d %s, %d check cookies", res.StatusCode, res.Header.Get("Location"), len(a.CheckCookies()))
				}
				idp.SetFaults()
				if stalls(fault) {
					synctest.Wait() // until the request for the keys has ended too
				}
				a.Clock.Advance(time.Minute) // a fault of the keys is cached
				b := a.Another()
				if b.Follow(idp.SignIn(t, b.Start("idp"), "alice")); b.Session() == nil {
					t.Error("the next sign-in fails too")
				}
			})
		})
	}
}

// stalls reports whether a provider with this fault does not finish its response.
func stalls(fault hostile.Fault) bool {
	name := fault.String()
	return strings.HasSuffix(name, "/slow") || strings.HasSuffix(name, "/drip")
}

// withOrWithoutNetwork runs a test with a network, unless the fault stalls a response: then
// time must pass, and the test runs in a bubble.
func withOrWithoutNetwork(t *testing.T, fault hostile.Fault, test func(t *testing.T)) {
	if stalls(fault) {
		apptest.Bubble(t, test)
		return
	}
	test(t)
}

// If the client closes the connection, the request to the provider is canceled.
func TestProvider_RequestEndsWithClient(t *testing.T) {
	idp := apptest.StartIDP(t)
	requested, canceled := make(chan struct{}), make(chan struct{})
	a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) {
		c.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				close(requested)
				<-r.Context().Done()
				close(canceled)
				return nil, r.Context().Err()
			}
			return http.DefaultTransport.RoundTrip(r)
		})}
	})
	back := idp.SignIn(t, a.Start("idp"), "alice")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := a.Client.Do(back.WithContext(ctx)); err == nil {
			res.Body.Close()
		}
	}()
	<-requested
	cancel()
	<-done
	select {
	case <-canceled:
	case <-time.After(5 * time.Second):
		t.Error("the request to the provider is not canceled")
	}
	if a.Session() != nil {
		t.Error("signed in")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestProvider_DownAffectsOnlyItsSignIns(t *testing.T) {
	idp := apptest.StartIDP(t)
	idp.SetFaults(hostile.DiscoveryServerError)
	a := apptest.New(t, apptest.WithProviders(idp))
	if got := a.Start("idp"); got != a.URL+"/api/auth/error?error=OAuthSignin" {
		t.Errorf("a sign-in redirects to %s", got)
	}
	a.SignIn()
	if a.Session() == nil {
		t.Error("credentials do not work")
	}
	idp.SetFaults()
	a.Clock.Advance(3 * time.Second)
	eventually(a, func() bool { return strings.HasPrefix(a.Start("idp"), idp.Issuer()) })
}

// eventually waits up to ten seconds until ok is true.
func eventually(a *apptest.App, ok func() bool) {
	a.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			a.Fatal("not within ten seconds")
		}
	}
}

// Each fault of a hostile or broken provider ends on the error page.
func TestProvider_FaultsEndOnErrorPage(t *testing.T) {
	for _, fault := range hostile.Faults() {
		if strings.Contains(fault.String(), "refresh") {
			continue // not part of a sign-in
		}
		t.Run(fault.String(), func(t *testing.T) {
			withOrWithoutNetwork(t, fault, func(t *testing.T) {
				idp := apptest.StartIDP(t, authtest.IDPUser{Username: "alice", Name: "Alice", Email: "alice@example.com"})
				idp.SetFaults(fault)
				a := apptest.New(t, apptest.WithProviders(idp))
				to := a.Start("idp")
				if strings.HasPrefix(to, idp.Issuer()) {
					res := a.Follow(idp.SignIn(t, to, "alice"))
					to = res.Header.Get("Location")
					if res.StatusCode != 302 {
						t.Errorf("callback: status %d: %s", res.StatusCode, res.Text)
					}
				}
				s := a.Session()
				switch want := fault.Outcome(); {
				case s != nil && want == hostile.Refused:
					t.Errorf("signed in as %+v", s)
				case s == nil && want == hostile.Accepted:
					t.Errorf("not signed in: redirected to %s", to)
				}
				if s != nil {
					return
				}
				if !strings.HasPrefix(to, a.URL+"/api/auth/error?error=") || strings.Contains(to, "<") {
					t.Fatalf("redirected to %s", to)
				}
				for strings.HasPrefix(to, a.URL) {
					res := a.Get(strings.TrimPrefix(to, a.URL))
					if to = res.Header.Get("Location"); to == "" && res.StatusCode >= 500 {
						t.Errorf("error page: status %d", res.StatusCode)
					}
				}
				if n := strings.Count(a.Log.String(), "level=WARN"); n != 1 {
					t.Errorf("the log has %d warnings: %s", n, a.Log)
				}
			})
		})
	}
}
