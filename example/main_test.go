package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// accounts are the demo accounts on the start page.
var accounts = []struct{ username, password, name, role string }{
	{"ada", "lovelace", "Ada Lovelace", "admin"},
	{"grace", "hopper", "Grace Hopper", "manager"},
	{"alan", "turing", "Alan Turing", "user"},
}

func TestPassword_DemoAccounts(t *testing.T) {
	site := start(t, nil)
	startPage := newBrowser(t, site).get("/").body
	for _, p := range accounts {
		t.Run(p.username, func(t *testing.T) {
			for _, text := range []string{p.username, p.password, p.name, p.role} {
				if !strings.Contains(startPage, ">"+text+"<") {
					t.Errorf("the start page does not contain %q", text)
				}
			}
			b := newBrowser(t, site)
			res := b.signIn(p.username, p.password)
			if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || strings.TrimSuffix(got, "/") != site {
				t.Fatalf("sign-in: status %d, Location %q", res.StatusCode, got)
			}
			b.expectUser(p.username, p.name, p.role)
		})
	}
}

func (b *browser) expectUser(id, name, role string) {
	b.Helper()
	user := b.session().User
	if user.Name != name || string(user.Role) != role {
		b.Errorf("session of %q, %q; want %q, %q", user.Name, user.Role, name, role)
	}
	if token := b.token(); token.Subject != id || token.Name != name {
		b.Errorf("token of %q, %q; want %q, %q", token.Subject, token.Name, id, name)
	}
	avatar := b.get(user.Avatar)
	if avatar.StatusCode != http.StatusOK || avatar.Header.Get("Content-Type") != "image/svg+xml" {
		b.Errorf("avatar %q: status %d, type %q", user.Avatar, avatar.StatusCode, avatar.Header.Get("Content-Type"))
	}
	page := b.get("/")
	for _, want := range []string{`<h1 dir="auto">` + name + "</h1>", `src="` + user.Avatar + `"`, ">" + role + "<"} {
		if !strings.Contains(page.body, want) {
			b.Errorf("the start page has no %s", want)
		}
	}
}

func TestPassword_Wrong(t *testing.T) {
	site := start(t, nil)
	for _, c := range []struct{ username, password string }{
		{"ada", "byron"}, {"ada", ""}, {"ada", "LOVELACE"}, {"mallory", "lovelace"}, {"", ""}, {"Ada", "lovelace"},
	} {
		b := newBrowser(t, site)
		res := b.signIn(c.username, c.password)
		if to := res.Header.Get("Location"); !strings.Contains(to, "error=CredentialsSignin") {
			t.Errorf("%q / %q: Location %q", c.username, c.password, to)
		}
		if b.cookie() != nil || b.session().User != (User{}) {
			t.Errorf("%q / %q is signed in", c.username, c.password)
		}
	}
}

func TestAdmin_RequiresRole(t *testing.T) {
	site := start(t, nil)

	signedOut := newBrowser(t, site)
	res := signedOut.get("/admin")
	if want := site + "/api/auth/signin?callbackUrl=" + url.QueryEscape(site+"/admin"); res.StatusCode != http.StatusFound || res.Header.Get("Location") != want {
		t.Errorf("signed out, /admin: status %d, Location %q, want %q", res.StatusCode, res.Header.Get("Location"), want)
	}
	if res := signedOut.api("GET", "/api/users"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out, /api/users: status %d", res.StatusCode)
	}

	for _, p := range accounts {
		b := newBrowser(t, site)
		b.signIn(p.username, p.password)
		want := http.StatusForbidden
		if p.role == "admin" {
			want = http.StatusOK
		}
		page, list := b.get("/admin"), b.api("GET", "/api/users")
		if page.StatusCode != want || list.StatusCode != want {
			t.Errorf("%s: /admin %d, /api/users %d, want %d", p.role, page.StatusCode, list.StatusCode, want)
		}
		if got := page.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: /admin has the type %q", p.role, got)
		}
		for _, other := range accounts {
			if other.username != p.username && strings.Contains(page.body+list.body, other.name) != (p.role == "admin") {
				t.Errorf("%s: %q in the lists: %t", p.role, other.name, p.role != "admin")
			}
		}
	}
}

func TestAPI_Me(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	if res := b.api("GET", "/api/me"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out, /api/me: status %d", res.StatusCode)
	}
	b.signIn("grace", "hopper")
	res := b.api("GET", "/api/me")
	var me Session
	if err := json.Unmarshal([]byte(res.body), &me); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("/api/me: status %d, %q: %v", res.StatusCode, res.body, err)
	}
	if want := b.session(); me.User != want.User || me.Expires.Time().IsZero() {
		t.Errorf("/api/me has %+v, the session is %+v", me, want)
	}
	var shown Session
	if err := json.Unmarshal([]byte(b.shown(b.get("/"), "session")), &shown); err != nil || shown.User != me.User {
		t.Errorf("the start page has the session %+v: %v", shown, err)
	}
}

func TestExpire_EndsSession(t *testing.T) {
	site := start(t, nil)
	other := newBrowser(t, site)
	other.signIn("ada", "lovelace")

	b := newBrowser(t, site)
	b.signIn("ada", "lovelace")
	res := b.submit(b.get("/"), "/api/expire", nil)
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("POST /api/expire: status %d:\n%s", res.StatusCode, res.body)
	}
	if b.cookie() == nil {
		t.Fatal("the cookie was cleared before the Session callback ran")
	}

	page := b.get(res.Header.Get("Location"))
	if b.cookie() != nil {
		t.Error("the cookie was not cleared")
	}
	if !strings.Contains(page.body, "The user API ended your session") || !strings.Contains(page.body, "Demo accounts") {
		t.Errorf("the page has no message about the end of the session:\n%s", page.body)
	}
	if other.session().User.Name != "Ada Lovelace" {
		t.Error("the other session of the user ended too")
	}

	res = other.api("POST", "/api/expire")
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("without Accept, POST /api/expire: status %d", res.StatusCode)
	}
	if other.session().User != (User{}) || other.cookie() != nil {
		t.Error("GET /api/auth/session returns the ended session")
	}
	if res := other.api("POST", "/api/expire"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out, POST /api/expire: status %d", res.StatusCode)
	}
}

func TestProfile_Rename(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	b.signIn("alan", "turing")
	res := b.submit(b.get("/"), "/profile", map[string]string{"name": "  Prof  "})
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/?notice=renamed" {
		t.Fatalf("POST /profile: status %d, Location %q", res.StatusCode, res.Header.Get("Location"))
	}
	if token := b.token(); token.Name != "Prof" {
		t.Errorf("the token has the name %q", token.Name)
	}
	if got := b.session().User; got.Name != "Prof" || got.Role != Member {
		t.Errorf("the session has %+v", got)
	}

	for _, bad := range []string{"", "   ", "a\nb", "\u202etxt", "\xff", "\u200d", strings.Repeat("a", 61)} {
		res := b.submit(b.get("/"), "/profile", map[string]string{"name": bad})
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(res.body, "Write a name") {
			t.Errorf("the name %q: status %d", bad, res.StatusCode)
		}
	}
	res = b.submit(b.get("/"), "/profile", map[string]string{"name": strings.Repeat("é", 61)})
	for _, want := range []string{`value="` + strings.Repeat("é", 61) + `"`, `aria-invalid="true" aria-describedby="notice"`, `id="notice" role="alert"`, "<title>Error: "} {
		if !strings.Contains(res.body, want) {
			t.Errorf("after an invalid name the page has no %s", want)
		}
	}
	if got := b.session().User.Name; got != "Prof" {
		t.Errorf("the name is %q after an invalid one", got)
	}
	for _, good := range []string{
		"山田\u3000太郎", "علی\u200cرضا", "श्री\u200d", "Ada 👩\u200d👩\u200d👧\u200d👦", "🏴\U000e0067\U000e0062\U000e007f",
		strings.Repeat("👩\u200d💻", 30), strings.Repeat("a", 60),
	} {
		b.submit(b.get("/"), "/profile", map[string]string{"name": good})
		if got := b.session().User.Name; got != good {
			t.Errorf("the name %q became %q", good, got)
		}
	}
}

func TestForm_SignedOut(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	for _, path := range []string{"/profile", "/signout"} {
		res := b.post(path, url.Values{"name": {"Mallory"}})
		if res.StatusCode != http.StatusSeeOther {
			t.Errorf("signed out, POST %s: status %d", path, res.StatusCode)
		}
	}
}

func TestSessionToken_StaysOnServer(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	b.signIn("ada", "lovelace")
	secret := b.token().SessionToken
	if len(secret) < 22 { // 128 bits in base 64
		t.Fatalf("the session token has %d characters", len(secret))
	}
	responses := []response{
		b.get("/"), b.get("/admin"), b.get("/sessions"), b.get("/nowhere"), b.api("GET", "/api/me"), b.api("GET", "/api/users"),
		b.api("GET", "/api/auth/session"), b.api("GET", "/api/auth/csrf"), b.get("/api/auth/signin"), b.get("/api/auth/signout"),
		b.submit(b.get("/"), "/profile", map[string]string{"name": "Ada"}),
		b.submit(b.get("/"), "/signout", nil), b.get("/"),
	}
	for _, a := range responses {
		var all strings.Builder
		a.Header.Write(&all)
		if strings.Contains(all.String()+a.body, secret) {
			t.Errorf("the response of %s has the session token", a.Request.URL)
		}
	}
	if got, want := b.shown(responses[0], "token"), `"`+secret[:4]+"…"+secret[len(secret)-4:]+`"`; !strings.Contains(got, want) {
		t.Errorf("the start page has no masked token %s:\n%s", want, got)
	}
}

func TestSessionToken_OnePerSignIn(t *testing.T) {
	site := start(t, nil)
	first, second := newBrowser(t, site), newBrowser(t, site)
	first.signIn("ada", "lovelace")
	second.signIn("ada", "lovelace")
	if first.token().SessionToken == second.token().SessionToken {
		t.Error("two sign-ins share a session token")
	}
}

func TestSignOut_EndsUserAPISession(t *testing.T) {
	site := start(t, nil)
	password := func(b *browser) { b.signIn("ada", "lovelace") }
	demoID := func(b *browser) { b.signInWithDemoID("ada", "lovelace") }
	for _, tt := range []struct {
		name            string
		signIn, signOut func(b *browser)
	}{
		{"button", password, func(b *browser) { b.submit(b.get("/"), "/signout", nil) }},
		{"built-in page", password, func(b *browser) { b.submit(b.get("/api/auth/signout"), "/api/auth/signout", nil) }},
		{"Demo ID", demoID, func(b *browser) { b.submit(b.get("/"), "/signout", nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser(t, site)
			tt.signIn(b)
			copied := b.cookie()
			if copied == nil {
				t.Fatal("there is no session to end")
			}
			tt.signOut(b)
			if b.cookie() != nil || b.session().User != (User{}) {
				t.Error("the browser is still signed in")
			}

			r := b.request(http.MethodGet, "/", nil)
			r.AddCookie(copied)
			if page := b.do(r); !strings.Contains(page.body, "Demo accounts") {
				t.Errorf("a copy of the cookie still works:\n%s", page.body)
			}
		})
	}
}

func TestForm_CrossSite(t *testing.T) {
	site := start(t, map[string]string{"AUTH_URL": "http://front.localhost:8080"})
	b := newBrowser(t, site)
	post := func(path string, header map[string]string) response {
		r := b.request(http.MethodPost, path, url.Values{"name": {"Mallory"}})
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Del("Origin")
		for name, value := range header {
			r.Header.Set(name, value)
		}
		return b.do(r)
	}
	for _, path := range []string{"/profile", "/signout", "/api/expire", "/sessions/end", "/sessions/end-others", "/sessions/end-all",
		"/signup", "/signup/confirm", "/forgot", "/reset", "/account/disconnect", "/account/delete"} {
		for name, header := range map[string]map[string]string{
			"cross-site":   {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
			"same-site":    {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost:8080"},
			"old browser":  {"Origin": "https://evil.example"},
			"opaque frame": {"Origin": "null"},
		} {
			if res := post(path, header); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s: POST %s: status %d", name, path, res.StatusCode)
			}
		}
		for name, header := range map[string]map[string]string{
			"own page":      {"Sec-Fetch-Site": "same-origin", "Origin": site},
			"the front end": {"Sec-Fetch-Site": "same-site", "Origin": "http://front.localhost:8080"},
			"no browser":    {},
		} {
			if res := post(path, header); res.StatusCode == http.StatusForbidden {
				t.Errorf("%s: POST %s is rejected", name, path)
			}
		}
	}
}
