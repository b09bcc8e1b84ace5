package api_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions/cookie"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/ginstore"
)

// postLogoutToken posts a logout token, as a provider does.
func postLogoutToken(a *apptest.OpenIDApp, token string) apptest.Response {
	a.Helper()
	provider := a.Another()
	return provider.Post("/api/auth/backchannel-logout/idp", url.Values{"logout_token": {token}})
}

// endingStorages are the storages that can end a session on the server.
var endingStorages = map[string]func(*apptest.OpenIDConfig){
	"deny-list": apptest.OpenIDStorages["deny-list"],
	"memory":    apptest.OpenIDStorages["memory"],
}

func TestLogout_BackchannelEndsSession(t *testing.T) {
	for name, storage := range endingStorages {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, storage, apptest.Backchannel)
			phone := a.Another()
			a.SignIn()
			phone.SignIn()
			s := a.IDP.Sessions()[0]
			res := postLogoutToken(a, a.IDP.LogoutToken(t, s.Subject, s.ID))
			if res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("%d %s, Cache-Control %q", res.StatusCode, res.Text, res.Header.Get("Cache-Control"))
			}
			if a.Session() != nil || phone.Session() == nil {
				t.Error("that session did not end, or another did")
			}
			a.Clock.Advance(1e9)
			a.SignIn()
			if a.Session() == nil {
				t.Error("the next sign-in has no effect")
			}
		})
	}
}

func TestLogout_BackchannelEndsUserSessions(t *testing.T) {
	for name, storage := range endingStorages {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, storage, apptest.Backchannel)
			phone, bob := a.Another(), a.Another()
			a.SignIn()
			phone.SignIn()
			bob.Follow(a.IDP.SignIn(t, bob.Start("idp"), "bob"))
			res := postLogoutToken(a, a.IDP.LogoutToken(t, a.IDP.Sessions()[0].Subject, ""))
			if res.StatusCode != http.StatusOK || a.Session() != nil || phone.Session() != nil {
				t.Errorf("%d %s: a session is still valid", res.StatusCode, res.Text)
			}
			if bob.Session() == nil {
				t.Error("another user's session ended")
			}
		})
	}
}

// The JWT callback sets the subject of the application's own user.
func TestLogout_BackchannelWithOwnSubject(t *testing.T) {
	for name, storage := range endingStorages {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, storage, apptest.Backchannel, func(c *apptest.OpenIDConfig) {
				c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.OpenIDToken]) (*apptest.OpenIDToken, error) {
					if p.Account != nil {
						p.Token.Subject = "user 42"
					}
					return p.Token, nil
				}
			})
			a.SignIn()
			res := postLogoutToken(a, a.IDP.LogoutToken(t, a.IDP.Sessions()[0].Subject, ""))
			if res.StatusCode != http.StatusOK {
				t.Fatal(res.StatusCode, res.Text)
			}
			if a.Session() != nil {
				t.Error("the answer is 200, and the session is still valid")
			}
		})
	}
}

// A logout token of one issuer ends no session of a user of another with the same sub.
func TestLogout_BackchannelEndsSessionsOfIssuer(t *testing.T) {
	for name, storage := range endingStorages {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, storage, apptest.Backchannel)
			me := func(bearer string) int {
				req := a.Request("GET", "/private", "", "")
				req.Header.Set("Authorization", "Bearer "+bearer)
				return a.Another().Do(req).StatusCode
			}
			issue := func(issuer string) string {
				var token apptest.OpenIDToken
				token.Subject = "1"
				token.Origin.Provider, token.Origin.Issuer, token.Origin.ProviderSubject = "idp", issuer, "user-alice"
				issued, err := a.Auth.Issue(t.Context(), &token)
				if err != nil {
					t.Fatal(err)
				}
				return issued.Token
			}
			same, other := issue(""), issue("https://other.example")
			if me(same) != http.StatusOK || me(other) != http.StatusOK {
				t.Fatal("an issued token is no session")
			}
			if res := postLogoutToken(a, a.IDP.LogoutToken(t, "user-alice", "")); res.StatusCode != http.StatusOK {
				t.Fatal(res.StatusCode, res.Text)
			}
			if me(same) == http.StatusOK || me(other) != http.StatusOK {
				t.Error("the session did not end, or that of another issuer did")
			}
		})
	}
}

// A sid that no session has ends the sessions of the user that have none. Otherwise the
// provider would take the answer for the end of the user's sessions.
func TestLogout_BackchannelUnknownSession(t *testing.T) {
	for name, storage := range endingStorages {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, storage, apptest.Backchannel)
			issue := func(provider, subject string) *apptest.OpenIDApp {
				var token apptest.OpenIDToken
				token.Subject, token.Origin.Provider, token.Origin.ProviderSubject = subject, provider, subject
				issued, err := a.Auth.Issue(t.Context(), &token)
				if err != nil {
					t.Fatal(err)
				}
				b := a.Another()
				for _, c := range issued.Cookies {
					b.SetCookie(c.Name, c.Value)
				}
				if b.Session() == nil {
					t.Fatal("an issued token is no session")
				}
				return b
			}
			a.SignIn()
			s := a.IDP.Sessions()[0]
			without, bob, elsewhere := issue("idp", s.Subject), issue("idp", "user-bob"), issue("other", s.Subject)
			res := postLogoutToken(a, a.IDP.LogoutToken(t, s.Subject, "unknown"))
			if res.StatusCode != http.StatusOK || without.Session() != nil {
				t.Errorf("%d %s: the session without a sid did not end", res.StatusCode, res.Text)
			}
			if a.Session() == nil || bob.Session() == nil || elsewhere.Session() == nil {
				t.Error("a session with another sid, of another user or of another provider ended")
			}
			if name == "deny-list" {
				return // it does not know which sessions there are
			}
			without = issue("idp", s.Subject)
			postLogoutToken(a, a.IDP.LogoutToken(t, s.Subject, s.ID))
			if a.Session() != nil || without.Session() == nil {
				t.Error("the sid is known: its session did not end, or another did")
			}
		})
	}
}

func TestLogout_ForgedTokenEndsNothing(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"], apptest.Backchannel)
	for _, fault := range hostile.LogoutFaults() {
		t.Run(fault.String(), func(t *testing.T) {
			a.Site.T = t
			a.SignIn()
			sessions := a.IDP.Sessions()
			s := sessions[len(sessions)-1]
			res := postLogoutToken(a, a.IDP.LogoutToken(t, s.Subject, s.ID, fault))
			refused := fault.Outcome() == hostile.Refused
			want := map[bool]int{true: 400, false: 200}[refused]
			if res.StatusCode != want || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("%d %s", res.StatusCode, res.Text)
			}
			if valid := a.Session() != nil; valid != refused {
				t.Errorf("the session is valid: %v", valid)
			}
			if strings.Contains(res.Text, s.ID) || strings.Contains(res.Text, "nuxtauth") {
				t.Errorf("the answer contains internals: %s", res.Text)
			}
		})
	}
}

func TestLogout_TokenCountsOnce(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"], apptest.Backchannel)
	a.SignIn()
	s := a.IDP.Sessions()[0]
	token := a.IDP.LogoutToken(t, s.Subject, s.ID)
	if res := postLogoutToken(a, token); res.StatusCode != http.StatusOK {
		t.Fatal(res.Text)
	}
	if res := postLogoutToken(a, token); res.StatusCode != http.StatusBadRequest {
		t.Errorf("the second time: %d", res.StatusCode)
	}
}

// A copy of a logout token ends no session of after it, as long as the token is good.
func TestLogout_ReplayEndsNoLaterSession(t *testing.T) {
	for name, storage := range endingStorages {
		t.Run(name, func(t *testing.T) {
			a := apptest.NewOpenIDApp(t, storage, apptest.Backchannel)
			a.SignIn()
			token := a.IDP.LogoutToken(t, a.IDP.Sessions()[0].Subject, "") // all sessions of the user
			if res := postLogoutToken(a, token); res.StatusCode != http.StatusOK || a.Session() != nil {
				t.Fatalf("%d %s", res.StatusCode, res.Text)
			}
			a.SignIn()
			for _, d := range []time.Duration{time.Second, time.Minute, time.Minute, 58 * time.Second, time.Minute} {
				a.Clock.Advance(d)
				if res := postLogoutToken(a, token); res.StatusCode != http.StatusBadRequest {
					t.Errorf("%v later: %d %s", d, res.StatusCode, res.Text)
				}
				if a.Session() == nil {
					t.Fatalf("%v later it ended a session of after it", d)
				}
			}
			if n := strings.Count(a.Log.String(), "the logout token was used before"); n != 4 {
				t.Errorf("%d of 4 replays were refused as such: %s", n, a.Log.String())
			}
		})
	}
}

// Two providers may use the same jti: it is unique at one of them alone.
func TestLogout_IDCountsForItsProvider(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"], func(c *apptest.OpenIDConfig) {
		second := c.Providers[0]
		second.ID = "idp2"
		c.Providers = append(c.Providers, second)
	}, apptest.Backchannel)
	first, second := a.Another(), a.Another()
	for id, b := range map[string]*apptest.OpenIDApp{"idp": first, "idp2": second} {
		if b.Follow(a.IDP.SignIn(t, b.Start(id), "alice")); b.Session() == nil {
			t.Fatalf("%s: not signed in", id)
		}
	}
	form := url.Values{"logout_token": {a.IDP.LogoutToken(t, a.IDP.Sessions()[0].Subject, "")}}
	for id, b := range map[string]*apptest.OpenIDApp{"idp": first, "idp2": second} {
		if res := a.Post("/api/auth/backchannel-logout/"+id, form); res.StatusCode != http.StatusOK || b.Session() != nil {
			t.Errorf("%s: %d %s, or the session goes on", id, res.StatusCode, res.Text)
		}
	}
}

func TestLogout_FailedTokenCanBeRetried(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.NewOpenIDApp(t, func(c *apptest.OpenIDConfig) {
		var plain apptest.Config
		plain.Now = c.Now
		s.Use(&plain)
		c.Session.Store = s
	}, apptest.Backchannel)
	a.SignIn()
	session := a.IDP.Sessions()[0]
	token := a.IDP.LogoutToken(t, session.Subject, session.ID)
	for _, call := range []string{"Marked", "DeleteProviderSession"} {
		s.RunBefore(call, func() { s.Fail(apptest.ErrDown) })
		if res := postLogoutToken(a, token); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.Text, "logout_failed") {
			t.Errorf("%s fails: %d %s", call, res.StatusCode, res.Text)
		}
		s.Fail(nil)
		if a.Session() == nil {
			t.Error("the session ended")
		}
	}
	if res := postLogoutToken(a, token); res.StatusCode != http.StatusOK || a.Session() != nil {
		t.Errorf("after the fault: %d %s", res.StatusCode, res.Text)
	}
}

// Logout tokens that could end nothing are refused when the application starts.
func TestLogout_BackchannelNeedsStore(t *testing.T) {
	bridged, err := ginstore.New(cookie.NewStore([]byte("a key of thirty-two bytes, or so")), ginstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	backchannel := func(p *provider.Provider) { p.BackchannelLogout = true }
	federated := func(p *provider.Provider) { p.FederatedLogout = true }
	hidden := struct{ store.Sessions }{store.NewMemory(store.MemoryOptions{})}
	for name, tt := range map[string]struct {
		change func(*provider.Provider)
		store  store.Sessions
		want   string
	}{
		"back-channel logout of sessions in cookies": {backchannel, nil, "set Session.DenyList or Session.Store"},
		"back-channel logout without an index":       {backchannel, bridged, "*ginstore.Store is no store.Index"},
		"federated logout without an index":          {federated, bridged, "*ginstore.Store is no store.Index"},
		"a decorator that hides the index":           {backchannel, hidden, "Unwrap() store.Sessions"},
	} {
		p := provider.OIDC(provider.Provider{ID: "idp", Issuer: "https://idp.example", ClientID: "x", ClientSecret: "y"})
		tt.change(&p)
		_, err := nuxtauth.New(apptest.Config{
			Secret: apptest.Secret, URL: "http://localhost", Providers: []provider.Provider{p},
			Session: nuxtauth.SessionConfig{Store: tt.store},
		})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A provider whose logout tokens are not accepted ends nothing.
func TestLogout_BackchannelIsOffByDefault(t *testing.T) {
	a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"])
	a.SignIn()
	s := a.IDP.Sessions()[0]
	res := postLogoutToken(a, a.IDP.LogoutToken(t, s.Subject, s.ID))
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(a.Log.String(), "set its BackchannelLogout") || a.Session() == nil {
		t.Errorf("%d %s; the log: %s", res.StatusCode, res.Text, a.Log)
	}
}

func TestLogout_BackchannelNeedsProviderPost(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.NewOpenIDApp(t, apptest.OpenIDStorages["memory"], apptest.Backchannel, func(c *apptest.OpenIDConfig) {
			c.Protocol = protocol
		})
		a.SignIn()
		s := a.IDP.Sessions()[0]
		token := a.IDP.LogoutToken(t, s.Subject, s.ID)
		form := url.Values{"logout_token": {token}}
		for name, res := range map[string]apptest.Response{
			"another provider": a.Post("/api/auth/backchannel-logout/other", form),
			"no provider":      a.Post("/api/auth/backchannel-logout", form),
			"a link":           a.Get("/api/auth/backchannel-logout/idp?logout_token=" + token),
			"in the query":     a.Post("/api/auth/backchannel-logout/idp?logout_token="+token, nil),
			"no token":         a.Post("/api/auth/backchannel-logout/idp", nil),
		} {
			if res.StatusCode != http.StatusBadRequest || len(res.SetCookies()) != 0 {
				t.Errorf("%v, %s: %d, cookies %v", protocol, name, res.StatusCode, res.SetCookies())
			}
		}
		if a.Session() == nil {
			t.Error("the session ended")
		}
		if res := postLogoutToken(a, token); res.StatusCode != http.StatusOK {
			t.Errorf("%v: %d %s", protocol, res.StatusCode, res.Text)
		}
	}
}
