package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/token"
)

// connect connects an account of the demo provider on the page of the account.
func (b *browser) connect(username, password string) response {
	b.Helper()
	res := b.submit(b.get("/account"), "/signin/demo", nil)
	if res.StatusCode != http.StatusFound {
		b.Fatalf("connect: status %d, Location %q:\n%s", res.StatusCode, res.Header.Get("Location"), res.body)
	}
	form := b.get(res.Header.Get("Location"))
	back := b.submit(form, "/demo-provider/login", map[string]string{"username": username, "password": password})
	return b.get(back.Header.Get("Location"))
}

func TestAccount_Disconnect(t *testing.T) {
	site := start(t, nil)
	b := newBrowser(t, site)
	b.signIn("ada", "lovelace")
	demo := newBrowser(t, site)
	demo.signInWithDemoID("ada", "lovelace")

	page := b.get("/account")
	for _, want := range []string{"ada@example.com", ">Verified<", "You have one.", "Demo ID", ">Disconnect<"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the account has no %q:\n%s", want, page.body)
		}
	}
	if strings.Contains(page.body, ">Connect<") {
		t.Error("an account that is connected can be connected")
	}
	res := b.submit(page, "/account/disconnect", nil)
	page = b.get(res.Header.Get("Location"))
	if !strings.Contains(page.body, "The account is disconnected.") || strings.Contains(page.body, ">Disconnect<") || !strings.Contains(page.body, ">Connect<") {
		t.Fatalf("status %d, and then:\n%s", res.StatusCode, page.body)
	}
	demo.expectName("") // the session came from that account
	b.expectName("Ada Lovelace")

	res = b.post("/account/disconnect", url.Values{"provider": {"demo"}, "id": {"grace"}})
	if to := res.Header.Get("Location"); to != "/account?notice=not-connected" {
		t.Errorf("the account of another user: Location %q", to)
	}
	newBrowser(t, site).signInWithDemoID("grace", "hopper")
}

func TestAccount_Connect(t *testing.T) {
	site := start(t, nil)
	b := newBrowser(t, site)
	b.signIn("ada", "lovelace")
	b.submit(b.get("/account"), "/account/disconnect", nil)
	if res := b.connect("grace", "hopper"); !strings.Contains(res.Header.Get("Location"), "error=OAuthAccountNotLinked") {
		t.Errorf("the account of another user: Location %q", res.Header.Get("Location"))
	}
	b.expectName("Ada Lovelace")
	res := b.connect("ada", "lovelace")
	to := res.Header.Get("Location")
	if page := b.get(to).body; to != site+"/account?notice=connected" || !strings.Contains(page, "The account is connected.") || !strings.Contains(page, ">Disconnect<") {
		t.Fatalf("Location %q, and then:\n%s", to, page)
	}
	b.expectUser("ada", "Ada Lovelace", "admin")
	demo := newBrowser(t, site)
	demo.signInWithDemoID("ada", "lovelace")
	demo.expectUser("ada", "Ada Lovelace", "admin")
}

func TestAccount_LastWayIn(t *testing.T) {
	idp := authtest.StartIDP(t, authtest.IDPUser{Username: "eve", Name: "Eve"}) // without an address
	env := map[string]string{"AUTH_OIDC_ISSUER": idp.Issuer(), "AUTH_OIDC_ID": idp.ClientID(), "AUTH_OIDC_SECRET": idp.ClientSecret()}
	for name, value := range env {
		t.Setenv(name, value) // read by the library
	}
	site := start(t, env)
	b := newBrowser(t, site)
	b.do(idp.SignIn(t, b.begin("oidc"), "eve"))
	page := b.get("/account")
	for _, want := range []string{"No address is known.", "You have none.", "OpenID Connect", `aria-label="Connect Demo ID"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the account has no %q:\n%s", want, page.body)
		}
	}
	res := b.submit(page, "/account/disconnect", nil)
	page = b.get(res.Header.Get("Location"))
	if !strings.Contains(page.body, "This is your only way to sign in.") || !strings.Contains(page.body, ">Disconnect<") {
		t.Errorf("status %d, and then:\n%s", res.StatusCode, page.body)
	}
	b.expectName("Eve")
}

func TestAccount_Delete(t *testing.T) {
	for name, env := range map[string]map[string]string{"in cookies": nil, "in a store": inMemory} {
		t.Run(name, func(t *testing.T) {
			site := start(t, env)
			devices := signedIn(t, site, "ada", "lovelace", firefox, iPhone)
			grace := signedIn(t, site, "grace", "hopper", edge)[0]
			here := devices[0]
			if page := here.get("/account").body; !strings.Contains(page, `href="/account/delete"`) {
				t.Error("the account has no link to the deletion")
			}
			here.get("/account/delete") // changes nothing
			here.expectName("Ada Lovelace")
			res := here.submit(here.get("/account/delete"), "/account/delete", nil)
			if here.cookie() != nil {
				t.Error("the cookie of this browser was not cleared")
			}
			if page := here.get(res.Header.Get("Location")).body; !strings.Contains(page, "Your account is deleted.") {
				t.Errorf("status %d, and then:\n%s", res.StatusCode, page)
			}
			for _, b := range devices {
				b.expectName("")
			}
			grace.expectName("Grace Hopper")
			here.signIn("ada", "lovelace")
			here.expectName("")

			// The account at the provider makes a new user.
			here.signInWithDemoID("ada", "lovelace")
			if user := here.session().User; user != (User{"Ada Lovelace", site + "/avatars/guest.svg", Member}) {
				t.Errorf("the new user is %+v", user)
			}
			if env == nil && here.token().Subject == "ada" {
				t.Error("the new user has the ID of the one who was deleted")
			}
		})
	}
}

// age makes the sign-in of the session in the cookie older.
func (b *browser) age(by time.Duration) {
	b.Helper()
	claims := b.token()
	claims.Origin.AuthTime = token.DateOf(claims.Origin.AuthTime.Time().Add(-by))
	codec, err := token.NewNextAuth("", testSecret)
	if err != nil {
		b.Fatal(err)
	}
	plain, err := json.Marshal(claims)
	if err != nil {
		b.Fatal(err)
	}
	sealed, err := codec.Seal(b.Context(), plain)
	if err != nil {
		b.Fatal(err)
	}
	site, err := url.Parse(b.site)
	if err != nil {
		b.Fatal(err)
	}
	cookie := b.cookie()
	cookie.Value, cookie.Path = sealed, "/"
	b.client.Jar.SetCookies(site, []*http.Cookie{cookie})
}

func TestAccount_NotRecent(t *testing.T) {
	site := start(t, nil)
	b := newBrowser(t, site)
	b.signIn("ada", "lovelace")
	b.age(recent + time.Minute)
	b.expectName("Ada Lovelace")

	page := b.get("/account").body
	if !strings.Contains(page, "/signin?callbackUrl=%2Faccount&amp;prompt=login") || strings.Contains(page, "<form method=\"post\" action=\"/account") {
		t.Errorf("the account can be changed:\n%s", page)
	}
	res := b.get("/account/delete")
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusFound || !strings.Contains(to, "/signin?callbackUrl="+url.QueryEscape(site+"/account/delete")) || !strings.Contains(to, "prompt=login") {
		t.Errorf("GET /account/delete: status %d, Location %q", res.StatusCode, to)
	}
	for _, path := range []string{"/account/delete", "/account/disconnect"} {
		res := b.post(path, url.Values{"provider": {"demo"}, "id": {"ada"}})
		if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || !strings.Contains(to, "/signin?") || !strings.Contains(to, "prompt=login") {
			t.Errorf("POST %s: status %d, Location %q", path, res.StatusCode, to)
		}
	}
	b.expectUser("ada", "Ada Lovelace", "admin")
	if list := b.get("/account").body; !strings.Contains(list, "Demo ID") || strings.Contains(list, "Not connected") {
		t.Error("the account was disconnected")
	}

	b.signIn("ada", "lovelace")
	if page := b.get("/account/delete"); page.StatusCode != http.StatusOK {
		t.Errorf("after a sign-in: status %d", page.StatusCode)
	}
}

func TestAccount_SignedOut(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	for _, path := range []string{"/account", "/account/delete"} {
		if res := b.get(path); res.StatusCode != http.StatusFound || !strings.Contains(res.Header.Get("Location"), "/signin?") {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
	for _, path := range []string{"/account/delete", "/account/disconnect"} {
		if res := b.post(path, nil); res.StatusCode != http.StatusSeeOther || !strings.Contains(res.Header.Get("Location"), "/signin?") {
			t.Errorf("POST %s: status %d, Location %q", path, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

// Forms of this page redirect to providers, to which the policy of a page applies.
func TestAccount_PolicyAllowsProviders(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	b.signIn("ada", "lovelace")
	if policy := b.get("/account").Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https:") {
		t.Errorf("the policy is %q", policy)
	}
	if policy := b.get("/").Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "form-action 'self'") {
		t.Errorf("the policy of other pages is %q", policy)
	}
}
