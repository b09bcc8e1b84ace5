package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// people are the demo accounts as the start page promises them.
var people = []struct{ username, password, name, role string }{
	{"ada", "lovelace", "Ada Lovelace", "admin"},
	{"grace", "hopper", "Grace Hopper", "manager"},
	{"alan", "turing", "Alan Turing", "user"},
}

func TestEveryDemoAccountSignsInWithItsPassword(t *testing.T) {
	site := start(t, nil)
	startPage := newBrowser(t, site).get("/").body
	for _, p := range people {
		t.Run(p.username, func(t *testing.T) {
			for _, promised := range []string{p.username, p.password, p.name, p.role} {
				if !strings.Contains(startPage, ">"+promised+"<") {
					t.Errorf("the start page does not say %q", promised)
				}
			}
			b := newBrowser(t, site)
			res := b.signIn(p.username, p.password)
			if got := res.Header.Get("Location"); res.StatusCode != http.StatusFound || strings.TrimSuffix(got, "/") != site {
				t.Fatalf("signing in answers %d and leads to %q", res.StatusCode, got)
			}
			b.expectPerson(p.username, p.name, p.role)
		})
	}
}

func (b *browser) expectPerson(id, name, role string) {
	b.Helper()
	user := b.session().User
	if user.Name != name || string(user.Role) != role {
		b.Errorf("the session is that of %q, %q; want %q, %q", user.Name, user.Role, name, role)
	}
	if token := b.token(); token.Subject != id || token.Name != name {
		b.Errorf("the token is that of %q, %q; want %q, %q", token.Subject, token.Name, id, name)
	}
	avatar := b.get(user.Avatar)
	if avatar.StatusCode != http.StatusOK || avatar.Header.Get("Content-Type") != "image/svg+xml" {
		b.Errorf("the avatar %q answers %d, %q", user.Avatar, avatar.StatusCode, avatar.Header.Get("Content-Type"))
	}
	page := b.get("/")
	for _, want := range []string{"<h1>" + name + "</h1>", `src="` + user.Avatar + `"`, ">" + role + "<"} {
		if !strings.Contains(page.body, want) {
			b.Errorf("the start page lacks %s", want)
		}
	}
}

func TestNobodySignsInWithAWrongPassword(t *testing.T) {
	site := start(t, nil)
	for _, c := range []struct{ username, password string }{
		{"ada", "byron"}, {"ada", ""}, {"ada", "LOVELACE"}, {"nobody", "lovelace"}, {"", ""}, {"Ada", "lovelace"},
	} {
		b := newBrowser(t, site)
		res := b.signIn(c.username, c.password)
		if to := res.Header.Get("Location"); !strings.Contains(to, "error=CredentialsSignin") {
			t.Errorf("%q / %q leads to %q", c.username, c.password, to)
		}
		if b.cookie() != nil || b.session().User != (User{}) {
			t.Errorf("%q / %q is signed in", c.username, c.password)
		}
	}
}

func TestWithoutAPasswordNobodySignsInAsAnAccountThatHasNone(t *testing.T) {
	users := NewUserAPI("/avatars/", testSecret)
	if _, err := users.SignInWith(t.Context(), "github", "1", "Mona"); err != nil {
		t.Fatal(err)
	}
	for _, username := range []string{"", "github:1", "Mona"} {
		if _, err := users.SignIn(t.Context(), username, ""); err != ErrWrongPassword {
			t.Errorf("signing in as %q without a password: %v", username, err)
		}
	}
}

func TestOnlyAdminsSeeTheUsers(t *testing.T) {
	site := start(t, nil)

	signedOut := newBrowser(t, site)
	res := signedOut.get("/admin")
	if want := site + "/api/auth/signin?callbackUrl=" + url.QueryEscape(site+"/admin"); res.StatusCode != http.StatusFound || res.Header.Get("Location") != want {
		t.Errorf("signed out, /admin answers %d and leads to %q, want %q", res.StatusCode, res.Header.Get("Location"), want)
	}
	if res := signedOut.api("GET", "/api/users"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out, /api/users answers %d", res.StatusCode)
	}

	for _, p := range people {
		b := newBrowser(t, site)
		b.signIn(p.username, p.password)
		want := http.StatusForbidden
		if p.role == "admin" {
			want = http.StatusOK
		}
		page, list := b.get("/admin"), b.api("GET", "/api/users")
		if page.StatusCode != want || list.StatusCode != want {
			t.Errorf("for %s, /admin answers %d and /api/users %d, want %d", p.role, page.StatusCode, list.StatusCode, want)
		}
		if got := page.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("for %s, /admin is no page but %q", p.role, got)
		}
		for _, other := range people {
			if other.username != p.username && strings.Contains(page.body+list.body, other.name) != (p.role == "admin") {
				t.Errorf("for %s, %q is in the lists: %t", p.role, other.name, p.role != "admin")
			}
		}
	}
}

func TestTheAPIAnswersWithTheSession(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	if res := b.api("GET", "/api/me"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out, /api/me answers %d", res.StatusCode)
	}
	b.signIn("grace", "hopper")
	res := b.api("GET", "/api/me")
	var me Session
	if err := json.Unmarshal([]byte(res.body), &me); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("/api/me answers %d, %q: %v", res.StatusCode, res.body, err)
	}
	if want := b.session(); me.User != want.User || me.Expires.Time().IsZero() {
		t.Errorf("/api/me says %+v, the session is %+v", me, want)
	}
	var shown Session
	if err := json.Unmarshal([]byte(b.shown(b.get("/"), "session")), &shown); err != nil || shown.User != me.User {
		t.Errorf("the start page shows the session %+v: %v", shown, err)
	}
}

func TestAnExpiredSessionOfTheUserAPISignsOut(t *testing.T) {
	site := start(t, nil)
	elsewhere := newBrowser(t, site)
	elsewhere.signIn("ada", "lovelace")

	b := newBrowser(t, site)
	b.signIn("ada", "lovelace")
	res := b.submit(b.get("/"), "/api/expire", nil)
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("POST /api/expire answers %d:\n%s", res.StatusCode, res.body)
	}
	if b.cookie() == nil {
		t.Fatal("the cookie is gone before the Session callback was asked, so this test proves nothing")
	}

	page := b.get(res.Header.Get("Location"))
	if b.cookie() != nil {
		t.Error("the cookie is still there")
	}
	if !strings.Contains(page.body, "The user API ended your session") || !strings.Contains(page.body, "Demo accounts") {
		t.Errorf("the page does not say that the session ended:\n%s", page.body)
	}
	if elsewhere.session().User.Name != "Ada Lovelace" {
		t.Error("the other session of the same person ended, too")
	}

	res = elsewhere.api("POST", "/api/expire")
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("for a program, POST /api/expire answers %d", res.StatusCode)
	}
	if elsewhere.session().User != (User{}) || elsewhere.cookie() != nil {
		t.Error("GET /api/auth/session still has the session that a program expired")
	}
	if res := elsewhere.api("POST", "/api/expire"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out, POST /api/expire answers %d", res.StatusCode)
	}
}

func TestANewNameIsInTheSessionAndInTheToken(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	b.signIn("alan", "turing")
	res := b.submit(b.get("/"), "/profile", map[string]string{"name": "  Prof  "})
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/?notice=renamed" {
		t.Fatalf("POST /profile answers %d and leads to %q", res.StatusCode, res.Header.Get("Location"))
	}
	if token := b.token(); token.Name != "Prof" {
		t.Errorf("the token has the name %q", token.Name)
	}
	if got := b.session().User; got.Name != "Prof" || got.Role != Member {
		t.Errorf("the session has %+v", got)
	}

	for _, bad := range []string{"", "   ", "a\nb", "\u202etxt", "\xff", strings.Repeat("a", 61)} {
		res := b.submit(b.get("/"), "/profile", map[string]string{"name": bad})
		if got := res.Header.Get("Location"); got != "/?notice=name" {
			t.Errorf("the name %q leads to %q", bad, got)
		}
	}
	if got := b.session().User.Name; got != "Prof" {
		t.Errorf("a bad name made the name %q", got)
	}
	if !strings.Contains(b.get("/?notice=name").body, "Write a name") {
		t.Error("the page does not say what is wrong with a bad name")
	}
}

func TestAFormOfATabThatIsSignedOutLeadsToTheStartPage(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	for _, path := range []string{"/profile", "/signout"} {
		res := b.post(path, url.Values{"name": {"Mallory"}})
		if res.StatusCode != http.StatusSeeOther {
			t.Errorf("signed out, POST %s answers %d", path, res.StatusCode)
		}
	}
}

func TestTheSessionTokenNeverReachesTheBrowser(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	b.signIn("ada", "lovelace")
	secret := b.token().SessionToken
	if len(secret) < 22 { // 128 bits in base 64
		t.Fatalf("the session token has %d characters", len(secret))
	}
	answers := []answer{
		b.get("/"), b.get("/admin"), b.get("/sessions"), b.get("/nowhere"), b.api("GET", "/api/me"), b.api("GET", "/api/users"),
		b.api("GET", "/api/auth/session"), b.api("GET", "/api/auth/csrf"), b.get("/api/auth/signin"), b.get("/api/auth/signout"),
		b.submit(b.get("/"), "/profile", map[string]string{"name": "Ada"}),
		b.submit(b.get("/"), "/signout", nil), b.get("/"),
	}
	for _, a := range answers {
		var all strings.Builder
		a.Header.Write(&all)
		if strings.Contains(all.String()+a.body, secret) {
			t.Errorf("the answer of %s has the session token", a.Request.URL)
		}
	}
	if got, want := b.shown(answers[0], "token"), `"`+secret[:4]+"…"+secret[len(secret)-4:]+`"`; !strings.Contains(got, want) {
		t.Errorf("the start page does not show the token's two ends %s:\n%s", want, got)
	}
}

func TestSignInsGetSessionTokensOfTheirOwn(t *testing.T) {
	site := start(t, nil)
	first, second := newBrowser(t, site), newBrowser(t, site)
	first.signIn("ada", "lovelace")
	second.signIn("ada", "lovelace")
	if first.token().SessionToken == second.token().SessionToken {
		t.Error("two sign-ins share a session token")
	}
}

func TestSigningOutEndsTheSessionAtTheUserAPI(t *testing.T) {
	site := start(t, nil)
	password := func(b *browser) { b.signIn("ada", "lovelace") }
	demoID := func(b *browser) { b.signInWithDemoID("ada", "lovelace") }
	for _, way := range []struct {
		name            string
		signIn, signOut func(b *browser)
	}{
		{"with the button", password, func(b *browser) { b.submit(b.get("/"), "/signout", nil) }},
		{"on the built-in page", password, func(b *browser) { b.submit(b.get("/api/auth/signout"), "/api/auth/signout", nil) }},
		{"after Demo ID", demoID, func(b *browser) { b.submit(b.get("/"), "/signout", nil) }},
	} {
		t.Run(way.name, func(t *testing.T) {
			b := newBrowser(t, site)
			way.signIn(b)
			stolen := b.cookie()
			if stolen == nil {
				t.Fatal("there is no session to end")
			}
			way.signOut(b)
			if b.cookie() != nil || b.session().User != (User{}) {
				t.Error("the browser is still signed in")
			}

			r := b.request(http.MethodGet, "/", nil)
			r.AddCookie(stolen)
			if page := b.do(r); !strings.Contains(page.body, "Demo accounts") {
				t.Errorf("a copy of the cookie still works:\n%s", page.body)
			}
		})
	}
}

func TestFormsOfOtherSitesChangeNothing(t *testing.T) {
	site := start(t, map[string]string{"AUTH_URL": "http://front.localhost:8080"})
	b := newBrowser(t, site)
	post := func(path string, header map[string]string) answer {
		r := b.request(http.MethodPost, path, url.Values{"name": {"Mallory"}})
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Del("Origin")
		for name, value := range header {
			r.Header.Set(name, value)
		}
		return b.do(r)
	}
	for _, path := range []string{"/profile", "/signout", "/api/expire", "/sessions/end", "/sessions/end-others", "/sessions/end-all"} {
		for name, header := range map[string]map[string]string{
			"cross-site":   {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
			"same-site":    {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost:8080"},
			"old browser":  {"Origin": "https://evil.example"},
			"opaque frame": {"Origin": "null"},
		} {
			if res := post(path, header); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s: POST %s answers %d", name, path, res.StatusCode)
			}
		}
		for name, header := range map[string]map[string]string{
			"own page":      {"Sec-Fetch-Site": "same-origin", "Origin": site},
			"the front end": {"Sec-Fetch-Site": "same-site", "Origin": "http://front.localhost:8080"},
			"a program":     {},
		} {
			if res := post(path, header); res.StatusCode == http.StatusForbidden {
				t.Errorf("%s: POST %s is refused", name, path)
			}
		}
	}
}
