package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/authtest"
)

const goodPassword = "correct horse battery staple"

// fill submits the form of a page that the browser opens.
func (b *browser) fill(page, action string, fields ...string) response {
	b.Helper()
	form := map[string]string{}
	for i := 0; i < len(fields); i += 2 {
		form[fields[i]] = fields[i+1]
	}
	return b.submit(b.get(page), action, form)
}

// signUp creates a user with the link of the first mail to an address.
func (b *browser) signUp(email, name, password string) {
	b.Helper()
	b.fill("/signup", "/signup", "email", email)
	res := b.fill(b.link(email, 1), "/signup/confirm", "name", name, "password", password)
	if to := res.Header.Get("Location"); to != "/?notice=signed-up" {
		b.Fatalf("sign-up: status %d, Location %q:\n%s", res.StatusCode, to, res.body)
	}
}

func TestSignUp_NewUser(t *testing.T) {
	for name, env := range map[string]map[string]string{"in cookies": nil, "in a store": inMemory} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(t, start(t, env))
			res := b.fill("/signup", "/signup", "email", "Zoe@Example.com")
			if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "/sent" {
				t.Fatalf("status %d, Location %q", res.StatusCode, to)
			}
			link := b.link("zoe@example.com", 1)
			if res := b.signIn("zoe@example.com", goodPassword); !strings.Contains(res.Header.Get("Location"), "error=") {
				t.Error("there is a user before the address is proved")
			}
			for range 2 { // to open the link changes nothing
				b.get(link)
			}
			res = b.fill(link, "/signup/confirm", "name", " Zoë ", "password", goodPassword)
			if page := b.get(res.Header.Get("Location")).body; !strings.Contains(page, "Your account is ready") {
				t.Fatalf("status %d, and then:\n%s", res.StatusCode, page)
			}
			res = b.signIn("zoe@example.com", goodPassword)
			to := res.Header.Get("Location")
			if page := b.get(to).body; !strings.Contains(to, "notice=welcome") || !strings.Contains(page, "Welcome!") {
				t.Errorf("the first sign-in leads to %q", to)
			}
			if user := b.session().User; user != (User{"Zoë", b.site + "/avatars/guest.svg", Member}) {
				t.Errorf("session of %+v", user)
			}
			if to := b.signIn("zoe@example.com", goodPassword).Header.Get("Location"); strings.Contains(to, "welcome") {
				t.Errorf("the second sign-in leads to %q", to)
			}
			if page := b.get("/account").body; !strings.Contains(page, "zoe@example.com") || !strings.Contains(page, ">Verified<") {
				t.Errorf("the account is shown as:\n%s", page)
			}
		})
	}
}

func TestSignUp_LinkWorksOnce(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	b.signUp("zoe@example.com", "Zoë", goodPassword)
	res := b.fill(b.link("zoe@example.com", 1), "/signup/confirm", "name", "Mallory", "password", goodPassword)
	if res.StatusCode != http.StatusGone || !strings.Contains(res.body, `href="/signup"`) {
		t.Errorf("status %d:\n%s", res.StatusCode, res.body)
	}
}

func TestSignUp_TakenAddress(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	res := b.fill("/signup", "/signup", "email", "ada@example.com")
	if to := res.Header.Get("Location"); to != "/sent" { // as for an address that is free
		t.Fatalf("status %d, Location %q", res.StatusCode, to)
	}
	res = b.fill(b.link("ada@example.com", 1), "/signup/confirm", "name", "Mallory", "password", goodPassword)
	if res.StatusCode != http.StatusConflict || !strings.Contains(res.body, "You have an account already") || !strings.Contains(res.body, "/signin?callbackUrl=%2F") {
		t.Errorf("status %d:\n%s", res.StatusCode, res.body)
	}
	b.signIn("ada@example.com", goodPassword)
	b.expectName("")
	b.signIn("ada", "lovelace")
	b.expectUser("ada", "Ada Lovelace", "admin")
}

// A user whom a provider has made with an address that it does not vouch for goes to the
// owner of the address, without the account at that provider.
func TestSignUp_AddressThatWasNotProved(t *testing.T) {
	idp := authtest.StartIDP(t, authtest.IDPUser{Username: "eve", Name: "Eve", Email: "zoe@example.com"})
	env := map[string]string{"AUTH_OIDC_ISSUER": idp.Issuer(), "AUTH_OIDC_ID": idp.ClientID(), "AUTH_OIDC_SECRET": idp.ClientSecret()}
	for name, value := range env {
		t.Setenv(name, value) // read by the library
	}
	site := start(t, env)
	eve, b := newBrowser(t, site), newBrowser(t, site)
	eve.do(idp.SignIn(t, eve.begin("oidc"), "eve"))
	eve.expectName("Eve")
	if page := eve.get("/account").body; !strings.Contains(page, ">Not verified<") {
		t.Errorf("the account is shown as:\n%s", page)
	}

	b.signUp("zoe@example.com", "Zoë", goodPassword)
	eve.expectName("")
	b.signIn("zoe@example.com", goodPassword)
	page := b.get("/account").body
	if b.cookie() == nil || !strings.Contains(page, ">Verified<") || strings.Contains(page, ">Disconnect<") {
		t.Errorf("the account is shown as:\n%s", page)
	}
	res := eve.do(idp.SignIn(t, eve.begin("oidc"), "eve"))
	if to := res.Header.Get("Location"); !strings.Contains(to, "error=OAuthAccountNotLinked") {
		t.Errorf("the account at the provider: Location %q", to)
	}
}

func TestSignUp_RefusedFormKeepsLink(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	b.fill("/signup", "/signup", "email", "zoe@example.com")
	link := b.link("zoe@example.com", 1)
	for _, c := range []struct{ name, password, want, field string }{
		{"Zoë", "short", "at least 15 characters", "password"},
		{"Zoë", "", "at least 15 characters", "password"},
		{"Zoë", strings.Repeat("a", 1025), "too long", "password"},
		{"Zoë", "zoe@example.com", "your name, your address", "password"},
		{"Zoë Zimmermann-Meyer", "zoë zimmermann-meyer", "your name, your address", "password"},
		{"Zoë", "nuxtauthnuxtauth", "the name of this site", "password"},
		{"Zoë", "qwertyuiopasdfgh", "easy to guess", "password"},
		{" ", goodPassword, "Write a name", "name"},
	} {
		res := b.fill(link, "/signup/confirm", "name", c.name, "password", c.password)
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(res.body, c.want) || !strings.Contains(res.body, "<title>Error: ") {
			t.Errorf("%q / %q: status %d, without %q:\n%s", c.name, c.password, res.StatusCode, c.want, res.body)
		}
		if problem := `aria-describedby="` + c.field + `-problem"`; !strings.Contains(res.body, problem) {
			t.Errorf("%q / %q: there is no %s", c.name, c.password, problem)
		}
		if strings.Contains(res.body, goodPassword) {
			t.Error("the page has the password")
		}
	}
	res := b.fill(link, "/signup/confirm", "name", "Zoë", "password", goodPassword)
	if to := res.Header.Get("Location"); to != "/?notice=signed-up" {
		t.Errorf("the link does not work any more: status %d, Location %q", res.StatusCode, to)
	}
}

func TestLink_NoAddress(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	for _, page := range []string{"/signup", "/forgot"} {
		for _, bad := range []string{"", "zoe", `zoe"><script>@example.com`, "a@example.com, b@example.com"} {
			res := b.fill(page, page, "email", bad)
			if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(res.body, `aria-describedby="email-problem"`) || strings.Contains(res.body, "<script") {
				t.Errorf("%s, %q: status %d", page, bad, res.StatusCode)
			}
		}
	}
}

func TestLink_OfAnotherPurposeOrAddress(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	b.fill("/signup", "/signup", "email", "ada@example.com")
	link, err := url.Parse(b.link("ada@example.com", 1))
	if err != nil {
		t.Fatal(err)
	}
	token := link.Query().Get("token")
	for _, path := range []string{
		"/reset?email=ada%40example.com&token=" + token, "/signup/confirm?email=grace%40example.com&token=" + token,
		"/signup/confirm?email=ada%40example.com&token=", "/signup/confirm", "/reset",
	} {
		action, _, _ := strings.Cut(path, "?")
		fields := []string{"password", goodPassword}
		if action != "/reset" {
			fields = append(fields, "name", "Mallory")
		}
		if res := b.fill(path, action, fields...); res.StatusCode != http.StatusGone {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
	b.signIn("ada", goodPassword)
	b.expectName("")
}

func TestReset_EndsSessions(t *testing.T) {
	for name, env := range map[string]map[string]string{"in cookies": nil, "in a store": inMemory} {
		t.Run(name, func(t *testing.T) {
			site := start(t, env)
			devices := signedIn(t, site, "ada", "lovelace", firefox, iPhone)
			grace := signedIn(t, site, "grace", "hopper", edge)[0]
			b := newBrowser(t, site)
			b.fill("/forgot", "/forgot", "email", "ada@example.com")
			link := b.link("ada@example.com", 1)
			if res := b.fill(link, "/reset", "password", "ada@example.com"); res.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("the address as a password: status %d", res.StatusCode)
			}
			devices[0].expectName("Ada Lovelace")

			res := b.fill(link, "/reset", "password", goodPassword)
			if page := b.get(res.Header.Get("Location")).body; !strings.Contains(page, "Your new password is stored") {
				t.Fatalf("status %d, and then:\n%s", res.StatusCode, page)
			}
			for _, d := range devices {
				d.expectName("")
			}
			grace.expectName("Grace Hopper")
			b.signIn("ada", "lovelace")
			b.expectName("")
			b.signIn("ada", goodPassword)
			b.expectName("Ada Lovelace")
			if res := b.fill(link, "/reset", "password", goodPassword+"!"); res.StatusCode != http.StatusGone {
				t.Errorf("the link works twice: status %d", res.StatusCode)
			}
		})
	}
}

// The answer does not show whether a user has an address, and an address without a user
// gets no mail.
func TestReset_UnknownAddress(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	unknown := b.fill("/forgot", "/forgot", "email", "mallory@example.com")
	known := b.fill("/forgot", "/forgot", "email", "ada@example.com")
	if unknown.StatusCode != known.StatusCode || unknown.Header.Get("Location") != known.Header.Get("Location") || unknown.body != known.body {
		t.Errorf("the answers differ: %d %q, %d %q", unknown.StatusCode, unknown.Header.Get("Location"), known.StatusCode, known.Header.Get("Location"))
	}
	b.link("ada@example.com", 1)
	if strings.Contains(b.get("/outbox").body, "mallory@example.com") {
		t.Error("an address without a user got a mail")
	}
}

func TestEmail_SignsIn(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	for _, c := range []struct {
		email, name, role, to string
	}{
		{"alan@example.com", "Alan Turing", "user", ""},
		{"new@example.com", "Guest", "user", "notice=welcome"},
	} {
		res := b.submit(b.get("/api/auth/signin?callbackUrl=%2F"), "/signin/email", map[string]string{"email": c.email})
		if to := res.Header.Get("Location"); !strings.Contains(to, "/verify-request") {
			t.Fatalf("%s: status %d, Location %q", c.email, res.StatusCode, to)
		}
		link := b.link(c.email, 1)
		other := newBrowser(t, b.site)
		res = other.submit(other.get(link), "/callback/email", nil)
		if to := res.Header.Get("Location"); !strings.Contains(to, c.to) {
			t.Errorf("%s: Location %q", c.email, to)
		}
		other.expectUser(other.token().Subject, c.name, c.role)
		b.expectName("")
	}
}
