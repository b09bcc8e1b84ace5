package flow_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The endpoints of the idp.
const (
	metadataPath = "/.well-known/openid-configuration"
	keysPath     = "/jwks"
	tokenPath    = "/token"
	userinfoPath = "/userinfo"
)

// onNetwork serves the idp on a loopback address.
func (i *idp) onNetwork(t *testing.T) {
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.issuer = server.URL
	i.claims["iss"] = server.URL
	for name, path := range map[string]string{
		"issuer": "", "authorization_endpoint": "/authorize", "token_endpoint": tokenPath,
		"userinfo_endpoint": userinfoPath, "jwks_uri": keysPath,
	} {
		i.metadata[name] = server.URL + path
	}
}

func TestSignIn_OverNetwork(t *testing.T) {
	i := newIDP()
	i.onNetwork(t)
	if _, err := i.signIn(t, flow.New(i.oidc(), flow.Config{Now: clock})); err != nil {
		t.Fatal(err)
	}
}

// Each fault at each endpoint is an error, within the timeout.
func TestNetwork_Faults(t *testing.T) {
	huge := `{"a":"` + strings.Repeat("x", 2<<20) + `"}`
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	io.WriteString(z, strings.Repeat(huge, 4))
	z.Close()
	faults := map[string]http.HandlerFunc{
		"slow": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"dripping": func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-r.Context().Done():
					return
				case <-tick.C:
					io.WriteString(w, " ")
					http.NewResponseController(w).Flush()
				}
			}
		},
		"huge": serve(huge),
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		},
		"huge headers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Huge", strings.Repeat("x", 128<<10))
		},
		"HTML":       serve("<!doctype html><title>Maintenance</title>"),
		"no content": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"redirect loop": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		},
		"truncated": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"sub":`)
		},
		"closed connection": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		},
	}
	for fault, handler := range faults {
		for _, path := range []string{metadataPath, keysPath, tokenPath, userinfoPath} {
			t.Run(fault+" "+path, func(t *testing.T) {
				i := newIDP()
				i.onNetwork(t)
				p := i.oidc()

				i.handlers[path] = handler
				timeout := 10 * time.Second
				if fault == "slow" || fault == "dripping" {
					timeout = 50 * time.Millisecond
				}
				f := flow.New(p, flow.Config{Timeout: timeout, Now: clock})
				if path == metadataPath {
					_, _, err := f.Start(context.Background(), redirectURI, nil)
					wantCode(t, err, "OAuthSignin")
				} else {
					// The timeout is for the faulty request alone: a machine
					// under load may need longer for the others.
					check, params := i.start(t, flow.New(p, flow.Config{Now: clock}))
					_, err := f.Finish(context.Background(), check, redirectURI, params)
					wantCode(t, err, "OAuthCallback")
				}
				if n := len(i.seen("/elsewhere")); n != 0 {
					t.Error("a redirect was followed")
				}
				if n := len(i.seen(tokenPath)); n > 1 {
					t.Errorf("the code was sent %d times", n)
				}
			})
		}
	}
}

// A response that is too large is an error, even if its beginning is valid.
func TestResponse_TooLarge(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"body": serve(`{"sub":"user-1"}` + strings.Repeat(" ", 1<<20)),
		"headers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Huge", strings.Repeat("x", 128<<10))
			io.WriteString(w, `{"sub":"user-1"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.onNetwork(t)
			i.handlers[userinfoPath] = handler
			_, err := i.signIn(t, flow.New(i.oidc(), flow.Config{Now: clock}))
			wantCode(t, err, "OAuthCallback")
		})
	}
}

func TestResponse_Largest(t *testing.T) {
	i := newIDP()
	const body = `{"sub":"user-1"}`
	i.handlers[userinfoPath] = serve(body + strings.Repeat(" ", 1<<20-len(body)))
	if _, err := i.signIn(t, i.flow(i.oidc())); err != nil {
		t.Error(err)
	}
}

// closer counts the bodies that are open.
type closer struct {
	io.ReadCloser
	open *int
}

func (c closer) Close() error {
	*c.open--
	return c.ReadCloser.Close()
}

// After a call its connections are free, and its contexts have ended.
func TestCalls_LeaveNothingOpen(t *testing.T) {
	i := newIDP()
	open := 0
	var contexts []context.Context
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		contexts = append(contexts, r.Context())
		resp, err := i.RoundTrip(r)
		if err == nil {
			open++
			resp.Body = closer{resp.Body, &open}
		}
		return resp, err
	})
	profile := func(p *provider.Provider) {
		p.Profile = func(ctx context.Context, r provider.ProfileRequest) (*provider.User, error) {
			_, err := r.Get(ctx, r.UserinfoURL)
			if err == nil && contexts[len(contexts)-1].Err() == nil {
				t.Error("the context of Get has not ended")
			}
			return &provider.User{ID: "1"}, err
		}
	}
	f := flow.New(i.oidc(profile), flow.Config{HTTPClient: &http.Client{Transport: transport}, Now: clock})
	if _, err := i.signIn(t, f); err != nil {
		t.Fatal(err)
	}
	if _, err := refresh(f); err != nil {
		t.Fatal(err)
	}
	if open != 0 || len(contexts) != 6 {
		t.Errorf("%d requests, %d bodies are open", len(contexts), open)
	}
	for n, ctx := range contexts {
		if ctx.Err() == nil {
			t.Errorf("the context of request %d has not ended", n)
		}
	}
}

// An application may have replaced the default transport by one of another type.
func TestHTTPClient_OtherDefaultTransport(t *testing.T) {
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	i := newIDP()
	http.DefaultTransport = i
	if _, err := i.signIn(t, flow.New(i.oidc(), flow.Config{Now: clock})); err != nil {
		t.Error(err)
	}
}

func TestResponse_Compressed(t *testing.T) {
	i := newIDP()
	i.onNetwork(t)
	i.handlers[userinfoPath] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, `{"sub":"user-1"}`)
		z.Close()
	}
	if _, err := i.signIn(t, flow.New(i.oidc(), flow.Config{Now: clock})); err != nil {
		t.Fatal(err)
	}
}

// delayed delays each request.
type delayed struct {
	next  http.RoundTripper
	delay time.Duration
}

func (s delayed) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(s.delay):
		return s.next.RoundTrip(r)
	}
}

// Three requests of four seconds each exceed the ten seconds of a sign-in.
func TestTimeout_BoundsWholeSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: delayed{i, 4 * time.Second}}, Now: clock})
		check, params := i.start(t, f)

		began := time.Now()
		_, err := f.Finish(context.Background(), check, redirectURI, params)
		wantCode(t, err, "OAuthCallback")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the deadline", err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("the sign-in took %v", took)
		}
	})
}

func TestFinish_EndsWithRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		f := flow.New(i.oidc(), flow.Config{HTTPClient: &http.Client{Transport: delayed{i, time.Second}}, Now: clock})
		check, params := i.start(t, f)

		ctx, leave := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer leave()
		_, err := f.Finish(ctx, check, redirectURI, params)
		wantCode(t, err, "OAuthCallback")
		if len(i.seen(tokenPath)) != 0 {
			t.Error("the token request was sent")
		}
	})
}

func TestHTTPClient_TransportAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		base := &http.Client{
			Transport:     delayed{i, 3 * time.Second},
			Timeout:       2 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return nil },
		}
		f := flow.New(i.oidc(), flow.Config{HTTPClient: base, Now: clock})
		began := time.Now()
		_, _, err := f.Start(context.Background(), redirectURI, nil)
		wantCode(t, err, "OAuthSignin")
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("the timeout of the client was not used: %v", took)
		}
	})
}

// GitHub's token endpoint answers with a form unless it is asked for JSON.
func TestRequest_AsksForJSON(t *testing.T) {
	i := newIDP()
	if _, err := i.signIn(t, i.flow(i.oidc())); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{metadataPath, "/token", "/jwks", "/userinfo"} {
		requests := i.seen(path)
		if len(requests) != 1 {
			t.Fatalf("%s: %d requests", path, len(requests))
		}
		if h := requests[0].Header; h.Get("Accept") != "application/json" || h.Get("User-Agent") != "nuxtauth" {
			t.Errorf("%s: Accept %q, User-Agent %q", path, h.Get("Accept"), h.Get("User-Agent"))
		}
		if _, ok := requests[0].Header["Authorization"]; ok != (path == tokenPath || path == userinfoPath) {
			t.Errorf("%s: Authorization is there: %v", path, ok)
		}
	}
}

// The transport runs in a goroutine in which a panic would end the server.
func TestHTTPClient_TransportPanics(t *testing.T) {
	i := newIDP()
	i.handlers[metadataPath] = func(http.ResponseWriter, *http.Request) { panic("boom") }
	_, _, err := i.flow(i.oidc()).Start(context.Background(), redirectURI, nil)
	wantCode(t, err, "OAuthSignin")
}

func TestStart_ProviderDown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := newIDP()
	i.issuer = "http://" + listener.Addr().String()
	listener.Close()
	_, _, err = flow.New(i.oidc(), flow.Config{}).Start(context.Background(), redirectURI, nil)
	wantCode(t, err, "OAuthSignin")
}

func TestSignIn_Concurrent(t *testing.T) {
	i := newIDP()
	// The idp does not get the nonces, so that the OpenID sign-ins have to fail at
	// the check of the nonce.
	oauth, oidc := i.flow(i.oauth2()), i.flow(i.oidc())
	failures := make(chan error, 16)
	for range cap(failures) / 2 {
		go func() {
			check, params := startParams(oauth)
			_, err := oauth.Finish(context.Background(), check, redirectURI, params)
			failures <- err
		}()
		go func() {
			check, params := startParams(oidc)
			_, err := oidc.Finish(context.Background(), check, redirectURI, params)
			if err == nil || !strings.Contains(err.Error(), "nonce") {
				failures <- errors.Join(errors.New("want an error about the nonce"), err)
				return
			}
			failures <- nil
		}()
	}
	for range cap(failures) {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}
