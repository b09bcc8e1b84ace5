package api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// A sameAnswer is the transport to a provider that honours an authorization code
// more than once: it gives the first answer again.
type sameAnswer struct {
	mu    sync.Mutex
	first map[string][]byte // the answers of the token endpoint by code
	used  int               // the requests with a code
}

func (s *sameAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/token") {
		return http.DefaultTransport.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used++
	answer, ok := s.first[form.Get("code")]
	if !ok {
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil || res.StatusCode != http.StatusOK {
			return res, err
		}
		defer res.Body.Close()
		if answer, err = io.ReadAll(res.Body); err != nil {
			return nil, err
		}
		s.first[form.Get("code")] = answer
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(answer)),
	}, nil
}

// The browser's check cookie was copied, and the code is still good.
func TestOAuth_StateCountsOnce(t *testing.T) {
	apptest.EachOpenIDStorage(t, func(t *testing.T, storage func(*apptest.OpenIDConfig)) {
		tr := &sameAnswer{first: make(map[string][]byte)}
		a := apptest.NewOpenIDApp(t, storage, func(c *apptest.OpenIDConfig) { c.HTTPClient = &http.Client{Transport: tr} })
		a.IDP.SetAccessTokenLifetime(time.Hour)
		back := a.IDP.SignIn(t, a.Start("idp"), "alice")
		early, late := a.Copy(), a.Copy()
		if res := a.Follow(back.Clone(t.Context())); res.Header.Get("Location") != a.URL+"/home" || a.Session() == nil {
			t.Fatalf("the sign-in leads to %s", res.Header.Get("Location"))
		}
		refused := func(name string, b *apptest.OpenIDApp) {
			t.Helper()
			res := b.Follow(back.Clone(t.Context()))
			apptest.NotSignedIn(t, name, res)
			if got := res.Header.Get("Location"); got != a.URL+"/api/auth/error?error=OAuthCallback" || b.Session() != nil {
				t.Errorf("%s: the second use leads to %s", name, got)
			}
		}
		refused("at once", early)
		a.Clock.Advance(14 * time.Minute)
		refused("before the check cookie expires", late)
		if tr.used != 1 {
			t.Errorf("the code was sent %d times", tr.used)
		}
		if a.Session() == nil {
			t.Error("the session of the first use ended")
		}
	})
}

func TestOAuth_ConcurrentUsesOfState(t *testing.T) {
	for name, storage := range apptest.OpenIDStorages {
		t.Run(name, func(t *testing.T) {
			tr := &sameAnswer{first: make(map[string][]byte)}
			a := apptest.NewOpenIDApp(t, storage, func(c *apptest.OpenIDConfig) { c.HTTPClient = &http.Client{Transport: tr} })
			back := a.IDP.SignIn(t, a.Start("idp"), "alice")
			const n = 8
			start, in := make(chan struct{}), make(chan bool, n)
			for range n {
				b := a.Copy()
				req := back.Clone(t.Context())
				go func() {
					<-start
					res, err := b.Client.Do(req)
					if err != nil {
						t.Error(err)
						in <- false
						return
					}
					res.Body.Close()
					in <- res.Header.Get("Location") == a.URL+"/home"
				}()
			}
			close(start)
			signedIn := 0
			for range n {
				if <-in {
					signedIn++
				}
			}
			if signedIn != 1 {
				t.Errorf("%d browsers are signed in by one state", signedIn)
			}
		})
	}
}

func TestOAuth_StateCountsOnceForReplicas(t *testing.T) {
	for name, share := range map[string]func(*apptest.OpenIDConfig, *store.Memory){
		"store":     func(c *apptest.OpenIDConfig, m *store.Memory) { c.Session.Store = m },
		"deny-list": func(c *apptest.OpenIDConfig, m *store.Memory) { c.Session.DenyList = m },
	} {
		t.Run(name, func(t *testing.T) {
			clock, tr := apptest.NewClock(), &sameAnswer{first: make(map[string][]byte)}
			idp := authtest.IDPConfig{SigningAlgorithm: "ES256", Users: authtest.DefaultUsers(), Now: clock.Now}.Start(t)
			shared := store.NewMemory(store.MemoryOptions{Now: clock.Now})
			replica := func(change ...func(*apptest.OpenIDConfig)) *apptest.OpenIDApp {
				return apptest.NewReplica(t, idp, clock, append(change, func(c *apptest.OpenIDConfig) {
					c.HTTPClient = &http.Client{Transport: tr}
					share(c, shared)
				})...)
			}
			one := replica()
			two := replica(func(c *apptest.OpenIDConfig) { c.URL = one.URL })
			back := idp.SignIn(t, one.Start("idp"), "alice")
			copied := two.Another()
			for _, c := range one.Cookies() {
				copied.SetCookie(c.Name, c.Value)
			}
			if res := one.Follow(back.Clone(t.Context())); one.Session() == nil {
				t.Fatalf("the sign-in leads to %s", res.Header.Get("Location"))
			}
			// The second replica serves the same URL.
			req := copied.Request("GET", back.URL.RequestURI(), "", "")
			res := copied.Do(req)
			apptest.NotSignedIn(t, "the other replica", res)
			if got := res.Header.Get("Location"); !strings.Contains(got, "error=OAuthCallback") {
				t.Errorf("the second use, at another replica, leads to %s", got)
			}
		})
	}
}

// A store that can't count states keeps no user out, and this process counts them.
func TestOAuth_StoreFaultCountsStatesInMemory(t *testing.T) {
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		c.Session.Store = countFault{store.NewMemory(store.MemoryOptions{Now: c.Now})}
	})
	back := a.IDP.SignIn(t, a.Start("idp"), "alice")
	copied := a.Copy()
	if a.Follow(back.Clone(t.Context())); a.Session() == nil {
		t.Error("not signed in")
	}
	res := copied.Follow(back.Clone(t.Context()))
	if to := res.Header.Get("Location"); !strings.Contains(to, "error=OAuthCallback") || copied.Session() != nil {
		t.Errorf("the second use leads to %s", to)
	}
	for _, want := range []string{`this process counts alone" counted="states of sign-ins"`, "the state was used before"} {
		if !strings.Contains(a.Log.String(), want) {
			t.Errorf("the log does not say that %s", want)
		}
	}
}
