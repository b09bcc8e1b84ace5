package nuxtauth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
)

func federated(c *freshConfig) {
	for i := range c.Providers {
		c.Providers[i].FederatedLogout = true
	}
}

// signOutTo signs out and returns where the browser is sent.
func (a *freshApp) signOutTo(callbackURL string) string {
	a.Helper()
	return urlIn(a.app, a.post("/api/auth/signout", url.Values{"csrfToken": {a.csrf()}, "callbackUrl": {callbackURL}, "json": {"true"}}))
}

func TestASignOutGoesOnAtTheProviderAndBack(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		t.Run(protocol.String(), func(t *testing.T) {
			freshEverywhere(t, func(t *testing.T, place func(*freshConfig)) {
				a := newFreshApp(t, place, federated, func(c *freshConfig) { c.Protocol = protocol })
				a.signIn()
				to, err := url.Parse(a.signOutTo("/bye"))
				if err != nil {
					t.Fatal(err)
				}
				q := to.Query()
				if !strings.HasPrefix(to.String(), a.idp.Issuer()) || q.Get("client_id") != a.idp.ClientID() || q.Get("state") == "" ||
					q.Get("post_logout_redirect_uri") != a.url+"/api/auth/signout/idp" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
					t.Fatalf("the browser is sent to %s", to)
				}
				if a.session() != nil {
					t.Error("the session here lives on")
				}
				if sessions := a.idp.Sessions(); sessions[0].Ended {
					t.Error("the session there ended by itself")
				}

				req := a.request("GET", "/", "", "")
				req.URL = to
				back := a.at(req).Header.Get("Location")
				if sessions := a.idp.Sessions(); !sessions[0].Ended || !strings.HasPrefix(back, a.url+"/api/auth/signout/idp?") {
					t.Fatalf("the provider sends the browser to %s", back)
				}
				res := a.get(strings.TrimPrefix(back, a.url))
				if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || got != a.url+"/bye" {
					t.Errorf("back here: %d %s", res.StatusCode, got)
				}
			})
		})
	}
}

func TestAFormThatSignsOutGoesToTheProviderToo(t *testing.T) {
	a := newFreshApp(t, federated)
	a.signIn()
	res := a.post("/api/auth/signout", url.Values{"csrfToken": {a.csrf()}})
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusFound || !strings.HasPrefix(to, a.idp.Issuer()) {
		t.Errorf("%d %s", res.StatusCode, to)
	}
}

func TestBackFromTheProviderWithAWrongStateIsTheFrontPage(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := newFreshApp(t, federated, func(c *freshConfig) { c.Protocol = protocol })
		ticket := ""
		a.start("idp")
		for _, c := range a.cookies() {
			if strings.Contains(c.Name, ".state.") {
				ticket = c.Value
			}
		}
		if ticket == "" {
			t.Fatal("no ticket")
		}
		for _, state := range []string{"", "?state=", "?state=x", "?state=https://evil.example", "?state=" + ticket} {
			res := a.get("/api/auth/signout/idp" + state)
			if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || got != a.url {
				t.Errorf("%v, %q: %d %s", protocol, state, res.StatusCode, got)
			}
		}
	}
}

func TestAProviderThatIsDownKeepsNobodySignedIn(t *testing.T) {
	first := newFreshApp(t)
	first.signIn()
	a := newReplica(t, first.idp, first.clock, federated) // knows nothing of the provider yet
	a.setCookie(sessionCookie, first.cookie(sessionCookie))
	if a.session() == nil {
		t.Fatal("not signed in")
	}
	a.idp.SetFaults(authtest.DiscoveryServerError)
	if to := a.signOutTo("/bye"); to != a.url+"/bye" || a.session() != nil {
		t.Errorf("the browser is sent to %s", to)
	}
}

func TestASignOutEndsHereWithoutFederatedLogout(t *testing.T) {
	a := newFreshApp(t)
	a.signIn()
	if to := a.signOutTo("/bye"); to != a.url+"/bye" {
		t.Errorf("the browser is sent to %s", to)
	}
}

// logout posts a logout token, as a provider does.
func (a *freshApp) logout(token string) response {
	a.Helper()
	provider := a.another()
	return provider.post("/api/auth/backchannel-logout/idp", url.Values{"logout_token": {token}})
}

var endingPlaces = map[string]func(*freshConfig){"deny-list": freshPlaces["deny-list"], "memory": freshPlaces["memory"]}

func TestAProviderEndsASession(t *testing.T) {
	for name, place := range endingPlaces {
		t.Run(name, func(t *testing.T) {
			a := newFreshApp(t, place)
			phone := &freshApp{app: a.another(), idp: a.idp}
			a.signIn()
			phone.signIn()
			s := a.idp.Sessions()[0]
			res := a.logout(a.idp.LogoutToken(t, s.Subject, s.ID))
			if res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("%d %s, Cache-Control %q", res.StatusCode, res.body, res.Header.Get("Cache-Control"))
			}
			if a.session() != nil || phone.session() == nil {
				t.Error("not that one session ended")
			}
			a.clock.advance(1e9)
			a.signIn()
			if a.session() == nil {
				t.Error("the next sign-in does not count")
			}
		})
	}
}

func TestAProviderEndsAllSessionsOfAUser(t *testing.T) {
	for name, place := range endingPlaces {
		t.Run(name, func(t *testing.T) {
			a := newFreshApp(t, place)
			phone, bob := &freshApp{app: a.another(), idp: a.idp}, a.another()
			a.signIn()
			phone.signIn()
			bob.at(a.idp.SignIn(t, bob.start("idp"), "bob"))
			res := a.logout(a.idp.LogoutToken(t, a.idp.Sessions()[0].Subject, ""))
			if res.StatusCode != http.StatusOK || a.session() != nil || phone.session() != nil {
				t.Errorf("%d %s: a session lives on", res.StatusCode, res.body)
			}
			if bob.session() == nil {
				t.Error("another user's session ended")
			}
		})
	}
}

func TestForgedLogoutTokensEndNothing(t *testing.T) {
	a := newFreshApp(t, freshPlaces["memory"])
	for _, fault := range authtest.LogoutFaults() {
		t.Run(fault.String(), func(t *testing.T) {
			a.app.T = t
			a.signIn()
			sessions := a.idp.Sessions()
			s := sessions[len(sessions)-1]
			res := a.logout(a.idp.LogoutToken(t, s.Subject, s.ID, fault))
			refused := fault.Outcome() == authtest.Refused
			if want := map[bool]int{true: 400, false: 200}[refused]; res.StatusCode != want || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
			if alive := a.session() != nil; alive != refused {
				t.Errorf("the session is alive: %v", alive)
			}
			if strings.Contains(res.body, s.ID) || strings.Contains(res.body, "nuxtauth") {
				t.Errorf("the answer says too much: %s", res.body)
			}
		})
	}
}

func TestALogoutTokenCountsOnce(t *testing.T) {
	a := newFreshApp(t, freshPlaces["memory"])
	a.signIn()
	s := a.idp.Sessions()[0]
	token := a.idp.LogoutToken(t, s.Subject, s.ID)
	if res := a.logout(token); res.StatusCode != http.StatusOK {
		t.Fatal(res.body)
	}
	if res := a.logout(token); res.StatusCode != http.StatusBadRequest {
		t.Errorf("the second time: %d", res.StatusCode)
	}
}

func TestALogoutThatFailedCanBeTriedAgain(t *testing.T) {
	s := newStore()
	a := newFreshApp(t, func(c *freshConfig) {
		var plain Config
		plain.Now = c.Now
		s.stored(&plain)
		c.Session.Store = s
	})
	a.signIn()
	session := a.idp.Sessions()[0]
	token := a.idp.LogoutToken(t, session.Subject, session.ID)
	for _, call := range []string{"Marked", "DeleteWhere"} {
		s.runBefore(call, func() { s.fail(errDown) })
		if res := a.logout(token); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "logout_failed") {
			t.Errorf("%s fails: %d %s", call, res.StatusCode, res.body)
		}
		s.fail(nil)
		if a.session() == nil {
			t.Error("the session ended")
		}
	}
	if res := a.logout(token); res.StatusCode != http.StatusOK || a.session() != nil {
		t.Errorf("after the fault: %d %s", res.StatusCode, res.body)
	}
}

func TestALogoutTokenThatCanEndNothingIsAnError(t *testing.T) {
	a := newFreshApp(t)
	a.signIn()
	s := a.idp.Sessions()[0]
	res := a.logout(a.idp.LogoutToken(t, s.Subject, s.ID))
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(a.log.String(), "Session.Store") {
		t.Errorf("%d %s; the log: %s", res.StatusCode, res.body, a.log)
	}
}

func TestBackchannelLogoutIsForProvidersAlone(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := newFreshApp(t, freshPlaces["memory"], func(c *freshConfig) { c.Protocol = protocol })
		a.signIn()
		s := a.idp.Sessions()[0]
		token := a.idp.LogoutToken(t, s.Subject, s.ID)
		form := url.Values{"logout_token": {token}}
		for name, res := range map[string]response{
			"another provider": a.post("/api/auth/backchannel-logout/other", form),
			"no provider":      a.post("/api/auth/backchannel-logout", form),
			"a link":           a.get("/api/auth/backchannel-logout/idp?logout_token=" + token),
			"in the query":     a.post("/api/auth/backchannel-logout/idp?logout_token="+token, nil),
			"no token":         a.post("/api/auth/backchannel-logout/idp", nil),
		} {
			if res.StatusCode != http.StatusBadRequest || len(setCookies(res)) != 0 {
				t.Errorf("%v, %s: %d, cookies %v", protocol, name, res.StatusCode, setCookies(res))
			}
		}
		if a.session() == nil {
			t.Error("the session ended")
		}
		if res := a.logout(token); res.StatusCode != http.StatusOK {
			t.Errorf("%v: %d %s", protocol, res.StatusCode, res.body)
		}
	}
}

// An application with users of its own names them in the JWT callback.
func TestAProviderEndsAllSessionsOfAUserWhoHasAnotherNameHere(t *testing.T) {
	for name, place := range endingPlaces {
		t.Run(name, func(t *testing.T) {
			a := newFreshApp(t, place, func(c *freshConfig) {
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[FreshToken]) (*FreshToken, error) {
					if p.Account != nil {
						p.Token.Subject = "user 42"
					}
					return p.Token, nil
				}
			})
			a.signIn()
			res := a.logout(a.idp.LogoutToken(t, a.idp.Sessions()[0].Subject, ""))
			if res.StatusCode != http.StatusOK {
				t.Fatal(res.StatusCode, res.body)
			}
			if a.session() != nil {
				t.Error("the provider was told that its user is signed out, and the session lives on")
			}
		})
	}
}
