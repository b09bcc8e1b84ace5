package api_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

var protocols = []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS}

// A panicTransport panics at requests to a path.
type panicTransport struct{ path atomic.Pointer[string] }

func (p *panicTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if path := p.path.Load(); path != nil && strings.HasSuffix(r.URL.Path, *path) {
		panic(boom)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (p *panicTransport) at(path string) { p.path.Store(&path) }

// failsSignIn checks the answer to a sign-in that failed.
func failsSignIn(t *testing.T, res apptest.Response) {
	t.Helper()
	apptest.NotSignedIn(t, "the sign-in", res)
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusFound || !strings.Contains(to, "error=") {
		t.Errorf("the sign-in answers %d %s", res.StatusCode, to)
	}
}

func TestOAuth_PanicFailsSignIn(t *testing.T) {
	panicking := func(on *atomic.Bool) {
		if on.Load() {
			panic(boom)
		}
	}
	for name, at := range map[string]func(c *apptest.OpenIDConfig, tr *panicTransport, on *atomic.Bool){
		"Profile": func(c *apptest.OpenIDConfig, _ *panicTransport, on *atomic.Bool) {
			c.Providers[0].Profile = func(ctx context.Context, p provider.ProfileRequest) (*provider.User, error) {
				panicking(on)
				return provider.DefaultProfile(ctx, p)
			}
		},
		"client secret": func(c *apptest.OpenIDConfig, _ *panicTransport, on *atomic.Bool) {
			secret := c.Providers[0].ClientSecret
			setClientSecretFunc(&c.Providers[0], func(context.Context) (string, error) {
				panicking(on)
				return secret, nil
			})
		},
		"token endpoint":    func(_ *apptest.OpenIDConfig, tr *panicTransport, _ *atomic.Bool) { tr.at("/token") },
		"keys":              func(_ *apptest.OpenIDConfig, tr *panicTransport, _ *atomic.Bool) { tr.at("/jwks") },
		"userinfo endpoint": func(_ *apptest.OpenIDConfig, tr *panicTransport, _ *atomic.Bool) { tr.at("/userinfo") },
		"SignIn callback": func(c *apptest.OpenIDConfig, _ *panicTransport, on *atomic.Bool) {
			c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { panicking(on); return nil }
		},
		"JWT callback": func(c *apptest.OpenIDConfig, _ *panicTransport, on *atomic.Bool) {
			c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.OpenIDToken]) (*apptest.OpenIDToken, error) {
				panicking(on)
				return p.Token, nil
			}
		},
	} {
		for _, protocol := range protocols {
			t.Run(name+", "+protocol.String(), func(t *testing.T) {
				tr, on := new(panicTransport), new(atomic.Bool)
				a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
					c.Protocol, c.HTTPClient = protocol, &http.Client{Transport: tr}
					at(c, tr, on)
				})
				back := a.IDP.SignIn(t, a.Start("idp"), "alice")
				on.Store(true)
				failsSignIn(t, panicsInside(a.Site, back))
				if a.Session() != nil {
					t.Error("signed in")
				}
				on.Store(false)
				tr.path.Store(nil)
				a.SignIn()
			})
		}
	}
}

func TestOAuth_PanicDuringDiscoveryFailsStart(t *testing.T) {
	for _, protocol := range protocols {
		tr := new(panicTransport)
		a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) { c.Protocol, c.HTTPClient = protocol, &http.Client{Transport: tr} })
		tr.at("/.well-known/openid-configuration")
		form := url.Values{"csrfToken": {a.CSRF()}}
		failsSignIn(t, panicsInside(a.Site, a.Request("POST", "/api/auth/signin/idp", apptest.FormType, form.Encode())))
		tr.path.Store(nil)
		a.Clock.Advance(3 * time.Second) // until then the error is cached
		a.SignIn()
	}
}

func TestCredentials_PanicOfAccountFailsSignIn(t *testing.T) {
	for _, protocol := range protocols {
		a := apptest.New(t, func(c *apptest.Config) {
			c.Protocol, c.SignInLimit.Account = protocol, func(url.Values) string { panic(boom) }
		})
		form := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {a.CSRF()}}
		failsSignIn(t, panicsInside(a.Site, a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, form.Encode())))
		if a.Session() != nil {
			t.Errorf("%v: signed in", protocol)
		}
	}
}

// A panicCounter is a store whose next call of Count panics while on is set.
type panicCounter struct {
	*store.Memory
	on atomic.Bool
}

func (p *panicCounter) Count(ctx context.Context, name string, n int, window time.Duration) (int, error) {
	if p.on.CompareAndSwap(true, false) {
		panic(boom)
	}
	return p.Memory.Count(ctx, name, n, window)
}

// A store that can't count does not keep users out.
func TestCredentials_PanicOfCounterIsLogged(t *testing.T) {
	s := new(panicCounter)
	a := apptest.New(t, func(c *apptest.Config) {
		s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
		c.Session.Store = s
	})
	form := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {a.CSRF()}, "callbackUrl": {"/home"}}
	req := a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, form.Encode())
	s.on.Store(true)
	if res := panicsInside(a.Site, req); res.Header.Get("Location") != a.URL+"/home" || a.Session() == nil {
		t.Errorf("the sign-in answers %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

func TestLogout_PanicIsFailure(t *testing.T) {
	for name, method := range map[string]string{
		"store": "DeleteProviderSession", "store marked": "Marked", "deny-list": "Mark", "deny-list marked": "Marked",
	} {
		t.Run(name, func(t *testing.T) {
			s := apptest.NewStore()
			a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
				s.Memory = store.NewMemory(store.MemoryOptions{Now: c.Now})
				if strings.HasPrefix(name, "store") {
					c.Session.Store = s
				} else {
					c.Session.DenyList = s
				}
			}, apptest.Backchannel)
			a.SignIn()
			session := a.IDP.Sessions()[0]
			form := url.Values{"logout_token": {a.IDP.LogoutToken(t, session.Subject, session.ID)}}
			s.RunBefore(method, func() { panic(boom) })
			provider := a.Another()
			res := panicsInside(provider.Site, a.Request("POST", "/api/auth/backchannel-logout/idp", apptest.FormType, form.Encode()))
			if res.StatusCode != http.StatusBadRequest || !strings.Contains(res.Text, "logout_failed") {
				t.Errorf("the logout answers %d %s", res.StatusCode, res.Text)
			}
			if res := provider.Post("/api/auth/backchannel-logout/idp", form); res.StatusCode != http.StatusOK || a.Session() != nil {
				t.Errorf("the logout token, sent again, answers %d %s", res.StatusCode, res.Text)
			}
		})
	}
	t.Run("transport", func(t *testing.T) {
		signedIn := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"])
		signedIn.SignIn()
		session, tr := signedIn.IDP.Sessions()[0], new(panicTransport)
		withTransport := func(c *apptest.OpenIDConfig) { c.HTTPClient = &http.Client{Transport: tr} }
		a := apptest.NewReplica(t, signedIn.IDP, signedIn.Clock, apptest.OpenIDStorages["memory"], apptest.Backchannel, withTransport)
		form := url.Values{"logout_token": {a.IDP.LogoutToken(t, session.Subject, session.ID)}}
		tr.at("/jwks")
		res := panicsInside(a.Site, a.Request("POST", "/api/auth/backchannel-logout/idp", apptest.FormType, form.Encode()))
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("the logout answers %d %s", res.StatusCode, res.Text)
		}
	})
}

// The sign-out at the provider fails, that of the application does not.
func TestSignOut_PanicOfTransportSignsOutHere(t *testing.T) {
	first := apptest.NewOpenIDApp(t)
	first.SignIn()
	tr := new(panicTransport)
	a := apptest.NewReplica(t, first.IDP, first.Clock, apptest.Federated, func(c *apptest.OpenIDConfig) {
		c.HTTPClient = &http.Client{Transport: tr}
	})
	a.SetCookie(apptest.SessionCookie, first.Cookie(apptest.SessionCookie))
	form := url.Values{"csrfToken": {a.CSRF()}, "callbackUrl": {"/bye"}}
	tr.at("/.well-known/openid-configuration")
	res := panicsInside(a.Site, a.Request("POST", "/api/auth/signout", apptest.FormType, form.Encode()))
	if res.Header.Get("Location") != a.URL+"/bye" || a.Session() != nil {
		t.Errorf("the sign-out answers %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

func TestEvents_PanicIsLogged(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) {
		c.Events = nuxtauth.Events[apptest.Token, apptest.Session]{
			SignIn:  func(context.Context, nuxtauth.SignInEvent[apptest.Token]) { panic(boom) },
			SignOut: func(context.Context, nuxtauth.SignOutEvent[apptest.Token]) { panic(boom) },
			Session: func(context.Context, nuxtauth.SessionEvent[apptest.Token, apptest.Session]) { panic(boom) },
		}
	})
	csrf := a.CSRF()
	form := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {csrf}, "callbackUrl": {"/home"}}
	panicsInside(a.Site, a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, form.Encode()))
	panicsInside(a.Site, idp.SignIn(t, a.Start("idp"), "alice"))
	if res := panicsInside(a.Site, a.Request("GET", "/api/auth/session", "", "")); !strings.Contains(res.Text, "Alice") {
		t.Errorf("GET session answers %d %s", res.StatusCode, res.Text)
	}
	res := panicsInside(a.Site, a.Request("POST", "/api/auth/session", "application/json", `{"csrfToken":"`+csrf+`","data":{}}`))
	if !strings.Contains(res.Text, "Alice") {
		t.Errorf("POST session answers %d %s", res.StatusCode, res.Text)
	}
	res = panicsInside(a.Site, a.Request("POST", "/api/auth/signout", apptest.FormType, "csrfToken="+csrf))
	if res.StatusCode != http.StatusFound || a.Cookie(apptest.SessionCookie) != "" {
		t.Errorf("the sign-out answers %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

func TestRedirect_PanicLeadsToRootURL(t *testing.T) {
	a := apptest.New(t, func(c *apptest.Config) {
		c.Callbacks.Redirect = func(_ context.Context, p nuxtauth.RedirectParams) (string, error) {
			if strings.HasSuffix(p.URL, "/boom") {
				panic(boom)
			}
			return p.URL, nil
		}
	})
	form := url.Values{"username": {"ada"}, "password": {"lovelace"}, "csrfToken": {a.CSRF()}, "callbackUrl": {"/boom"}}
	res := panicsInside(a.Site, a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, form.Encode()))
	if res.Header.Get("Location") != a.URL || a.Session() == nil {
		t.Errorf("the sign-in answers %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}
