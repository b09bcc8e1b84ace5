package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/authtest"
)

func TestDemoID_DemoAccounts(t *testing.T) {
	site := start(t, nil)
	for _, p := range accounts {
		t.Run(p.username, func(t *testing.T) {
			b := newBrowser(t, site)
			b.signInWithDemoID(p.username, p.password)
			b.expectUser(p.username, p.name, p.role)
		})
	}
}

// signInWithDemoID signs in with the form of the demo provider.
func (b *browser) signInWithDemoID(username, password string) {
	b.Helper()
	form := b.get(b.begin("demo"))
	back := b.submit(form, "/demo-provider/login", map[string]string{"username": username, "password": password})
	if back.StatusCode != http.StatusSeeOther {
		b.Fatalf("demo provider: status %d:\n%s", back.StatusCode, back.body)
	}
	b.get(back.Header.Get("Location"))
}

func TestProviders_OpenIDFromEnvironment(t *testing.T) {
	const hostile = `"><script>alert('x')</script>&lt;`
	idp := authtest.StartIDP(t, authtest.IDPUser{Username: "eve", Subject: "ada", Name: hostile, Email: "eve@example.com", EmailVerified: true})
	env := map[string]string{"AUTH_OIDC_ISSUER": idp.Issuer(), "AUTH_OIDC_ID": idp.ClientID(), "AUTH_OIDC_SECRET": idp.ClientSecret()}
	for name, value := range env {
		t.Setenv(name, value) // read by the library
	}
	site := start(t, env)

	var ids []string
	for range 2 {
		b := newBrowser(t, site)
		b.do(idp.SignIn(t, b.begin("oidc"), "eve"))
		user := b.session().User
		if user.Name != hostile || user.Role != Member || user.Avatar != site+"/avatars/guest.svg" {
			t.Fatalf("session of %+v", user)
		}
		ids = append(ids, b.token().Subject)
		b.expectHarmless("/", hostile)
		b.expectHarmless("/admin", hostile) // the page for users without the role
	}
	if ids[0] == "" || ids[0] == "ada" || ids[1] != ids[0] {
		t.Errorf("two sign-ins of one user have the subjects %q", ids)
	}

	ada := newBrowser(t, site)
	ada.signIn("ada", "lovelace")
	ada.submit(ada.get("/"), "/profile", map[string]string{"name": hostile})
	ada.expectHarmless("/", hostile)
	ada.expectHarmless("/admin", hostile)
}

// The user API rejects other tokens than its own, so that the JWT callback must not copy a
// provider's access token into the session. The subject is the ID of the user here, also if
// a provider has the same ID for another user.
func TestSignIn_TokenOfUserAPI(t *testing.T) {
	idp := authtest.StartIDP(t, authtest.IDPUser{Username: "eve", Subject: "ada", Name: "Eve"})
	env := map[string]string{"AUTH_OIDC_ISSUER": idp.Issuer(), "AUTH_OIDC_ID": idp.ClientID(), "AUTH_OIDC_SECRET": idp.ClientSecret()}
	for name, value := range env {
		t.Setenv(name, value) // read by the library
	}
	site := start(t, env)
	for _, tt := range []struct {
		name    string
		signIn  func(b *browser)
		subject string
		user    User
	}{
		{"credentials", func(b *browser) { b.signIn("ada", "lovelace") },
			"ada", User{"Ada Lovelace", site + "/avatars/ada.svg", Admin}},
		{"Demo ID", func(b *browser) { b.signInWithDemoID("ada", "lovelace") },
			"ada", User{"Ada Lovelace", site + "/avatars/ada.svg", Admin}},
		{"OpenID provider with the same id", func(b *browser) { b.do(idp.SignIn(t, b.begin("oidc"), "eve")) },
			"", User{"Eve", site + "/avatars/guest.svg", Member}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser(t, site)
			tt.signIn(b)
			token := b.token()
			if tt.subject == "" && token.Subject != "ada" { // an ID that the store has made
				tt.subject = token.Subject
			}
			if tt.subject == "" || token.Subject != tt.subject || !strings.HasPrefix(token.SessionToken, tt.subject+".") {
				t.Errorf("the token has the subject %q and the session token %q, want those of %q", token.Subject, mask(token.SessionToken), tt.subject)
			}
			if user := b.session().User; user != tt.user {
				t.Errorf("session of %+v, want %+v", user, tt.user)
			}
			if res := b.api("GET", "/api/me"); res.StatusCode != http.StatusOK {
				t.Errorf("/api/me: status %d", res.StatusCode)
			}
		})
	}
}

// expectHarmless checks that a page escapes a name.
func (b *browser) expectHarmless(path, name string) {
	b.Helper()
	page := b.get(path)
	if strings.Contains(page.body, "<script") || !strings.Contains(page.body, "&lt;script&gt;") {
		b.Errorf("%s does not escape the name %q:\n%s", path, name, page.body)
	}
}

func TestProviders_WithCredentials(t *testing.T) {
	env := map[string]string{}
	for _, id := range []string{"GITHUB", "GOOGLE"} {
		env["AUTH_"+id+"_ID"], env["AUTH_"+id+"_SECRET"] = "id", "secret"
		t.Setenv("AUTH_"+id+"_ID", "id")
		t.Setenv("AUTH_"+id+"_SECRET", "secret")
	}
	for name, want := range map[string]struct {
		env       map[string]string
		providers []string
	}{
		"without": {nil, []string{"credentials", "demo", "email"}},
		"with":    {env, []string{"credentials", "demo", "email", "github", "google"}},
	} {
		b := newBrowser(t, start(t, want.env))
		var got map[string]struct{ ID string }
		if err := json.Unmarshal([]byte(b.api("GET", "/api/auth/providers").body), &got); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want.providers) {
			t.Errorf("%s: providers %v, want %v", name, got, want.providers)
		}
		for _, id := range want.providers {
			if _, ok := got[id]; !ok {
				t.Errorf("%s: there is no provider %q", name, id)
			}
		}
	}
}

func TestProtocol_AuthJS(t *testing.T) {
	b := newBrowser(t, start(t, map[string]string{"AUTH_PROTOCOL": "authjs"}))
	if got := b.api("GET", "/api/auth/session").body; got != "null" {
		t.Errorf("signed out, the session is %q", got)
	}
	b.signIn("grace", "hopper")
	if c := b.cookie(); c == nil || c.Name != "authjs.session-token" {
		t.Errorf("the session cookie is %v", c)
	}
	if got := b.session().User.Role; got != Manager {
		t.Errorf("the role is %q", got)
	}
	b.signInWithDemoID("ada", "lovelace")
	if got := b.session().User.Role; got != Admin {
		t.Errorf("with Demo ID, the role is %q", got)
	}
}

func TestBackchannelLogout_EndsSession(t *testing.T) {
	for name, sessions := range map[string]string{"in cookies": "", "in a store": "memory"} {
		t.Run(name, func(t *testing.T) {
			idp := authtest.StartIDP(t, authtest.IDPUser{Username: "eve"})
			env := map[string]string{"AUTH_OIDC_ISSUER": idp.Issuer(), "AUTH_OIDC_ID": idp.ClientID(), "AUTH_OIDC_SECRET": idp.ClientSecret(), "SESSIONS": sessions}
			for name, value := range env {
				t.Setenv(name, value) // read by the library
			}
			b := newBrowser(t, start(t, env))
			b.do(idp.SignIn(t, b.begin("oidc"), "eve"))
			b.expectName("eve")
			s := idp.Sessions()[0]
			res := b.post("/api/auth/backchannel-logout/oidc", url.Values{"logout_token": {idp.LogoutToken(t, s.Subject, s.ID)}})
			if res.StatusCode != http.StatusOK {
				t.Fatalf("back-channel logout: status %d, %s", res.StatusCode, res.body)
			}
			b.expectName("")
		})
	}
}

func TestSignOut_Federated(t *testing.T) {
	for name, on := range map[string]bool{"off": false, "on": true} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{}
			if on {
				env["AUTH_FEDERATED_LOGOUT"] = "1"
			}
			b := newBrowser(t, start(t, env))
			b.signInWithDemoID("ada", "lovelace")
			res := b.submit(b.get("/"), "/signout", nil)
			var visited []string
			for range 6 {
				to := res.Header.Get("Location")
				if to == "" {
					if !strings.Contains(res.body, `action="`+b.site+`/api/auth/signout"`) {
						break
					}
					res = b.submit(res, "/api/auth/signout", nil) // the confirmation
					continue
				}
				visited = append(visited, strings.Split(strings.TrimPrefix(to, b.site), "?")[0])
				res = b.get(strings.TrimPrefix(to, b.site))
			}
			if !strings.Contains(res.body, "You are signed out, here and at the user API.") || b.cookie() != nil {
				t.Errorf("after %q: status %d:\n%s", visited, res.StatusCode, res.body)
			}
			if got := slices.Contains(visited, "/demo-provider/logout") && slices.Contains(visited, "/api/auth/signout/demo"); got != on {
				t.Errorf("a visit of Demo ID: %t; all redirects: %q", got, visited)
			}
		})
	}
}
