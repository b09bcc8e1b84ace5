package nuxtauth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// withProviders adds OpenID providers with the ids "idp", "idp2" and so on.
func withProviders(idps ...*authtest.Provider) func(*Config) {
	return func(cfg *Config) {
		for i, idp := range idps {
			cfg.Providers = append(cfg.Providers, idp.AsProvider("idp"+strings.Repeat("2", i)))
		}
	}
}

// start begins a sign-in and returns where the browser is sent.
func (a *app) start(id string) string {
	a.Helper()
	return a.startWith(id, "", "/home")
}

func (a *app) startWith(id, query, callbackURL string) string {
	a.Helper()
	res := a.post("/api/auth/signin/"+id+query, url.Values{"csrfToken": {a.csrf()}, "callbackUrl": {callbackURL}, "json": {"true"}})
	return urlIn(a, res)
}

// at sends a request to the application's server, whatever place it is for.
func (a *app) at(req *http.Request) response {
	a.Helper()
	req.RequestURI = ""
	return a.do(req)
}

func TestOpenIDSignIn(t *testing.T) {
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		idp := authtest.StartProvider(t)
		var account *nuxtauth.Account
		var profile struct {
			Subject string `json:"sub"`
			Email   string `json:"email"`
		}
		a := newApp(t, withProviders(idp), func(cfg *Config) {
			cfg.Protocol = protocol
			cfg.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
				if p.Account == nil {
					return p.Token, nil
				}
				account = p.Account
				p.Token.SessionToken = p.Account.AccessToken
				return p.Token, p.Profile.Decode(&profile)
			}
		})
		alice := idp.Users()[0]
		res := a.at(idp.SignIn(t, a.start("idp"), alice.Username))
		if res.StatusCode != 302 || res.Header.Get("Location") != a.url+"/home" {
			t.Fatalf("%v: %d %s", protocol, res.StatusCode, res.Header.Get("Location"))
		}
		if s := a.session(); s == nil || s.User.Name != alice.Name {
			t.Errorf("%v: the session is %+v", protocol, s)
		}
		if account == nil || account.Provider != "idp" || account.ProviderAccountID != alice.Subject || account.IDToken == "" || account.ExpiresAt < time.Now().Unix() {
			t.Errorf("%v: the account is %+v", protocol, account)
		}
		if profile.Subject != alice.Subject || profile.Email != alice.Email {
			t.Errorf("%v: the profile is %+v", protocol, profile)
		}
		if body := a.get("/api/auth/session").body; strings.Contains(body, account.AccessToken) || strings.Contains(body, account.IDToken) {
			t.Errorf("%v: a token reached the browser: %s", protocol, body)
		}
	}
}

func TestTwoTabsSignInAtOnce(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp))
	first, second := a.startWith("idp", "", "/first"), a.startWith("idp", "", "/second")
	for _, tab := range []struct{ to, want string }{{second, "/second"}, {first, "/first"}} {
		res := a.at(idp.SignIn(t, tab.to, idp.Users()[0].Username))
		if got := res.Header.Get("Location"); got != a.url+tab.want {
			t.Errorf("the tab for %s ends at %s", tab.want, got)
		}
	}
}

func TestACallbackCountsOnceAndInItsOwnBrowser(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp))
	back := idp.SignIn(t, a.start("idp"), idp.Users()[0].Username)
	ours := a.client
	refused := func(name string) {
		t.Helper()
		res := a.at(back.Clone(t.Context()))
		if got := res.Header.Get("Location"); res.StatusCode != 302 || got != a.url+"/api/auth/error?error=OAuthCallback" || a.session() != nil {
			t.Errorf("%s: %d %s", name, res.StatusCode, got)
		}
	}
	a.client = newBrowser()
	refused("in another browser")
	if n := len(idp.Requests("/token")); n != 0 {
		t.Errorf("the code was spent without a state: %d token requests", n)
	}
	a.client = ours
	if res := a.at(back.Clone(t.Context())); res.Header.Get("Location") != a.url+"/home" {
		t.Fatalf("in its own browser: %s", res.Header.Get("Location"))
	}
	a.post("/api/auth/signout", url.Values{"csrfToken": {a.csrf()}})
	refused("a second time")
	if n := len(idp.Requests("/token")); n != 1 {
		t.Errorf("a replay spent the code again: %d token requests", n)
	}
}

// tickets are the check cookies that the browser holds.
func (a *app) tickets() (tickets []*http.Cookie) {
	u, _ := url.Parse(a.url)
	for _, c := range a.client.Jar.Cookies(u) {
		if strings.HasPrefix(c.Name, "next-auth.state.") {
			tickets = append(tickets, c)
		}
	}
	return tickets
}

func TestChecksOfOneProviderAreRefusedAtAnother(t *testing.T) {
	one, two := authtest.StartProvider(t), authtest.StartProvider(t)
	a := newApp(t, withProviders(one, two))
	back := one.SignIn(t, a.start("idp"), one.Users()[0].Username)
	back.URL.Path = "/api/auth/callback/idp2"
	if res := a.at(back); res.Header.Get("Location") != a.url+"/api/auth/error?error=OAuthCallback" || a.session() != nil {
		t.Errorf("got %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if len(one.Requests("/token"))+len(two.Requests("/token")) != 0 {
		t.Error("the code was sent to a provider")
	}
	if n := len(a.tickets()); n != 0 {
		t.Errorf("after the failure %d check cookies are left", n)
	}
}

func TestATicketIsNoSessionAndASessionNoTicket(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp))
	back := idp.SignIn(t, a.start("idp"), idp.Users()[0].Username)
	ticket := a.tickets()[0]
	a.setCookie("next-auth.session-token", ticket.Value)
	if s := a.session(); s != nil {
		t.Errorf("a check cookie is a session: %+v", s)
	}
	a.signIn()
	a.setCookie(ticket.Name, a.cookie("next-auth.session-token"))
	if res := a.at(back); res.Header.Get("Location") != a.url+"/api/auth/error?error=OAuthCallback" {
		t.Errorf("a session is a check cookie: %s", res.Header.Get("Location"))
	}
}

func TestAbandonedSignInsDoNotPileUpCookies(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp))
	var last string
	for range 12 {
		a.clock.advance(time.Second)
		last = a.start("idp")
	}
	if n := len(a.tickets()); n != 5 {
		t.Errorf("the browser holds %d check cookies", n)
	}
	if res := a.at(idp.SignIn(t, last, idp.Users()[0].Username)); res.Header.Get("Location") != a.url+"/home" {
		t.Errorf("the newest sign-in ends at %s", res.Header.Get("Location"))
	}
	back := idp.SignIn(t, a.start("idp"), idp.Users()[0].Username)
	a.clock.advance(16 * time.Minute)
	if res := a.at(back); res.Header.Get("Location") != a.url+"/api/auth/error?error=OAuthCallback" {
		t.Errorf("after sixteen minutes a sign-in ends at %s", res.Header.Get("Location"))
	}
}

func TestTheCallerCannotChangeTheAuthorizationRequest(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp))
	hostile := url.Values{"client_id": {"evil"}, "redirect_uri": {"https://evil.example"}, "response_type": {"token"}, "state": {"x"}, "nonce": {"x"},
		"code_challenge": {"x"}, "code_challenge_method": {"plain"}, "scope": {"admin"}, "request_uri": {"https://evil.example"}, "login_hint": {"alice"}}
	to, _ := url.Parse(a.startWith("idp", "?"+hostile.Encode(), "/home"))
	q := to.Query()
	for key, values := range hostile {
		if key != "login_hint" && (q.Get(key) == values[0] || len(q[key]) > 1) {
			t.Errorf("the caller chose %s: %q", key, q[key])
		}
	}
	if q.Get("login_hint") != "alice" || q.Get("redirect_uri") != a.url+"/api/auth/callback/idp" || q.Get("code_challenge_method") != "S256" || q.Get("state") == "" || q.Get("nonce") == "" {
		t.Errorf("got %v", q)
	}
}

func TestALinkStartsNoSignIn(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp))
	res := a.get("/api/auth/signin/idp")
	if res.StatusCode != 200 || len(a.tickets()) != 0 || len(idp.Requests()) != 0 {
		t.Errorf("got %d, %d tickets, %d requests", res.StatusCode, len(a.tickets()), len(idp.Requests()))
	}
	if res := a.post("/api/auth/signin/idp", nil); res.Header.Get("Location") != a.url+"/api/auth/signin?csrf=true" {
		t.Errorf("without the CSRF token: %s", res.Header.Get("Location"))
	}
}

func TestSomebodyDeclinesAtTheProvider(t *testing.T) {
	idp := authtest.StartProvider(t)
	a := newApp(t, withProviders(idp))
	if res := a.at(idp.Deny(t, a.start("idp"))); res.Header.Get("Location") != a.url+"/api/auth/error?error=AccessDenied" {
		t.Errorf("got %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if len(a.tickets()) != 0 {
		t.Error("the check cookie is left")
	}
}

func TestAProviderThatIsDownDisturbsNothingElse(t *testing.T) {
	idp := authtest.StartProvider(t)
	idp.SetFaults(authtest.DiscoveryServerError)
	a := newApp(t, withProviders(idp))
	if got := a.start("idp"); got != a.url+"/api/auth/error?error=OAuthSignin" {
		t.Errorf("a sign-in leads to %s", got)
	}
	a.signIn()
	if a.session() == nil {
		t.Error("credentials do not work")
	}
	idp.SetFaults()
	a.eventually(func() bool { return strings.HasPrefix(a.start("idp"), idp.Issuer()) })
}

// eventually waits for something that other goroutines or the clock bring about.
func (a *app) eventually(ok func() bool) {
	a.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			a.Fatal("it did not happen within ten seconds")
		}
	}
}

// Every fault of a hostile or broken provider ends on a page of ours.
func TestFaultsOfTheProvider(t *testing.T) {
	for _, fault := range authtest.Faults() {
		if strings.Contains(fault.String(), "refresh") {
			continue // refreshing tokens is not a part of signing in
		}
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			idp := authtest.ProviderConfig{SigningAlgorithm: "ES256", Users: []authtest.User{{Username: "alice", Name: "Alice", Email: "alice@example.com"}}}.Start(t)
			idp.SetFaults(fault)
			a := newApp(t, withProviders(idp), func(cfg *Config) {
				cfg.HTTPClient = &http.Client{Timeout: 500 * time.Millisecond}
			})
			to := a.start("idp")
			if strings.HasPrefix(to, idp.Issuer()) {
				res := a.at(idp.SignIn(t, to, "alice"))
				to = res.Header.Get("Location")
				if res.StatusCode != 302 {
					t.Errorf("the callback answers %d %s", res.StatusCode, res.body)
				}
			}
			s := a.session()
			switch want := fault.Outcome(); {
			case s != nil && want == authtest.Refused:
				t.Errorf("signed in as %+v", s)
			case s == nil && want == authtest.Accepted:
				t.Errorf("not signed in, but at %s", to)
			}
			if s != nil {
				return
			}
			if !strings.HasPrefix(to, a.url+"/api/auth/error?error=") || strings.Contains(to, "<") {
				t.Fatalf("it ends at %s", to)
			}
			for strings.HasPrefix(to, a.url) {
				res := a.get(strings.TrimPrefix(to, a.url))
				if to = res.Header.Get("Location"); to == "" && res.StatusCode >= 500 {
					t.Errorf("the error page answers %d", res.StatusCode)
				}
			}
			if n := strings.Count(a.log.String(), "level=WARN"); n != 1 {
				t.Errorf("the log has %d warnings: %s", n, a.log)
			}
		})
	}
}

func TestAFormPostComesFromTheProvidersOwnPage(t *testing.T) {
	auth := newAuth(t, func(cfg *Config) {
		cfg.URL = "https://app.example.com"
		cfg.Providers = []provider.Provider{provider.OAuth2(provider.Provider{
			ID: "post", ClientID: "i", ClientSecret: "s", ResponseMode: "form_post",
			AuthorizationURL: "https://id.example/authorize", TokenURL: "https://id.example/token", UserinfoURL: "https://id.example/me",
		})}
	})
	r := newRouter(auth)
	req, rec := request("GET", "/api/auth/csrf", nil)
	r.ServeHTTP(rec, req)
	cookies := rec.Result().Cookies()
	token, _, _ := strings.Cut(cookies[0].Value, "%7C")
	req, rec = request("POST", "/api/auth/signin/post", cookies)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Body = http.NoBody
	req.Body = newBody("csrfToken=" + token)
	r.ServeHTTP(rec, req)
	if got := rec.Header().Get("Location"); !strings.HasPrefix(got, "https://id.example/authorize?") || !strings.Contains(got, "response_mode=form_post") {
		t.Fatalf("got %d %s", rec.Code, got)
	}
	for _, c := range rec.Result().Cookies() {
		if strings.HasPrefix(c.Name, "__Secure-next-auth.state.") {
			if c.SameSite != http.SameSiteNoneMode || !c.Secure || !c.HttpOnly || c.MaxAge != 900 {
				t.Errorf("the check cookie does not come back from a cross-site post: %s", c)
			}
			return
		}
	}
	t.Error("there is no check cookie")
}
