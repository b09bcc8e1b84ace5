package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

const sessionRequired = "SessionRequired"

// The account goes to the user who asked for it, and to no other.
func TestAC06_LinkIsBoundToTheUserWhoAskedForIt(t *testing.T) {
	for _, p := range spoken {
		for name, storage := range userStorages {
			for what, tt := range map[string]struct {
				meanwhile func(u *usersApp, id string)
				want      string // the code, "" if the account is linked
			}{
				"nothing": {func(*usersApp, string) {}, ""},
				"signed out": {func(u *usersApp, _ string) {
					u.SignOut()
				}, sessionRequired},
				"another user signs in":        {func(u *usersApp, _ string) { u.mustSignIn("idp", "bob") }, sessionRequired},
				"the same user signs in again": {func(u *usersApp, _ string) { u.mustSignIn("idp", "alice") }, ""},
				"the session is revoked": {func(u *usersApp, id string) {
					if _, err := u.Auth.RevokeSessions(t.Context(), id); err != nil {
						t.Error(err)
					}
				}, sessionRequired},
				"the user is deleted": {func(u *usersApp, id string) {
					if err := u.Auth.DeleteUser(t.Context(), id); err != nil {
						t.Error(err)
					}
				}, sessionRequired},
				"the row is deleted": {func(u *usersApp, id string) {
					if err := u.store.Memory.DeleteUser(t.Context(), id); err != nil {
						t.Error(err)
					}
				}, "OAuthAccountNotLinked"},
				"the user is disabled": {func(u *usersApp, id string) {
					u.change(id, func(row *store.User) { row.Disabled = true })
				}, "AccessDenied"},
			} {
				u := newUsersApp(t, speaking(p.Protocol), storage)
				id := u.mustSignIn("idp", "alice")
				back := u.idp2.SignIn(t, u.URLIn(u.startLink("idp2")), "carol")
				tt.meanwhile(u, id)
				before := u.subject()
				u.calls.take()
				res := u.Follow(back)
				if tt.want != "" {
					u.refused(res, tt.want)
					u.signedInAs(before)
					calls := u.calls.take()
					if count(calls, "createUser Carol") != 0 || tt.want == sessionRequired && len(calls) != 0 { // the callback is not asked
						t.Errorf("%s: the calls are %q", what, calls)
					}
					if _, err := u.store.Memory.FindUserByAccount(t.Context(), store.AccountKey{Provider: "idp2", ProviderAccountID: "carol"}); err == nil {
						t.Errorf("%s: the account is linked", what)
					}
					continue
				}
				if to := res.Header.Get("Location"); to != u.URL+"/linked" {
					t.Errorf("%s, %s: leads to %s", name, what, to)
				}
				u.signedInAs(id)
				equal(t, what, u.accounts(id), "idp alice", "idp2 carol")
				if got := u.another().mustSignIn("idp2", "carol"); got != id {
					t.Errorf("%s: the account signs in as %q", what, got)
				}
			}
		}
	}
}

// In another process, which has the session in its cache.
func TestAC06_EndedSessionInTheCache(t *testing.T) {
	for name := range userStorages {
		idp, idp2 := apptest.StartIDP(t, idpUsers...), apptest.StartIDP(t, idpUsers...)
		memory := store.NewMemory(store.MemoryOptions{})
		start := func(url string) *apptest.App {
			return apptest.New(t, apptest.WithProviders(idp, idp2), func(c *apptest.Config) {
				c.Accounts.Store, c.Session.CacheFor = memory, time.Hour
				if name == "store" {
					c.Session.Store = memory
				}
			})
		}
		first, second := start(""), start("")
		first.Follow(idp.SignIn(t, first.Start("idp"), "alice"))
		for _, c := range first.Cookies() {
			second.SetCookie(c.Name, c.Value)
		}
		form := url.Values{"csrfToken": {second.CSRF()}, "json": {"true"}, "link": {"1"}}
		if second.Get("/me").Text == "null" {
			t.Fatal("not signed in")
		}
		back := idp2.SignIn(t, second.URLIn(second.Post("/api/auth/signin/idp2", form)), "carol")
		if first.SignOut(); first.Get("/me").Text != "null" || second.Get("/me").Text == "null" {
			t.Fatal("the session is not that of the cache")
		}
		if got := code(second.Post("/api/auth/signin/idp2", form)); got != sessionRequired {
			t.Errorf("%s: the linking starts with the code %q", name, got)
		}
		if got := code(second.Follow(back)); got != sessionRequired {
			t.Errorf("%s: the callback has the code %q", name, got)
		}
		if _, err := memory.FindUserByAccount(t.Context(), store.AccountKey{Provider: "idp2", ProviderAccountID: "carol"}); err == nil {
			t.Errorf("%s: the account is linked", name)
		}
	}
}

// The field that asks for it, in a form and in JSON.
func TestAC06_Field(t *testing.T) {
	for _, p := range spoken {
		for value, asks := range map[string]bool{`"true"`: true, `true`: true, `"1"`: true, `1`: true, `"on"`: true, `"false"`: false, `false`: false, `"0"`: false, `0`: false, `""`: false, `null`: false} {
			for _, asJSON := range []bool{false, true} {
				u := newUsersApp(t, speaking(p.Protocol))
				id := u.mustSignIn("idp", "alice")
				var res apptest.Response
				if asJSON {
					res = u.PostJSON("/api/auth/signin/idp2", fmt.Sprintf(`{"csrfToken":%q,"json":true,"link":%s}`, u.CSRF(), value))
				} else {
					res = u.Post("/api/auth/signin/idp2", url.Values{"csrfToken": {u.CSRF()}, "json": {"true"}, "link": {strings.Trim(strings.Replace(value, "null", "", 1), `"`)}})
				}
				u.Follow(u.idp2.SignIn(t, u.URLIn(res), "carol"))
				if linked := u.subject() == id; linked != asks {
					t.Errorf("link=%s, JSON %t: the account is linked: %t", value, asJSON, linked)
				}
			}
		}
		// In the query it asks for nothing.
		u := newUsersApp(t, speaking(p.Protocol))
		id := u.mustSignIn("idp", "alice")
		u.Follow(u.idp2.SignIn(t, u.StartWith("idp2", "?link=true", "/after"), "carol"))
		if u.subject() == id {
			t.Error("the query links an account")
		}
	}
}

// Without the field, an account that is new makes a user of its own, who replaces the one
// who is signed in.
func TestAC06_SignInLinksNothing(t *testing.T) {
	u := newUsersApp(t)
	first := u.mustSignIn("idp", "alice")
	if second := u.mustSignIn("idp2", "carol"); second == first {
		t.Error("a sign-in has linked the account to the user of the browser")
	}
	equal(t, "accounts", u.accounts(first), "idp alice")
}

// The state of a sign-in is sealed: that of another browser, or none, links nothing.
func TestAC06_StateOfAnotherBrowser(t *testing.T) {
	u := newUsersApp(t)
	id := u.mustSignIn("idp", "alice")
	attacker := u.another()
	attacker.mustSignIn("idp", "bob")
	back := u.idp2.SignIn(t, attacker.URLIn(attacker.startLink("idp2")), "carol")
	u.refused(u.Follow(back), "OAuthCallback")
	for _, c := range attacker.CheckCookies() { // planted in the browser of alice
		u.SetCookie(c.Name, c.Value)
	}
	u.refused(u.Follow(u.idp2.SignIn(t, attacker.URLIn(attacker.startLink("idp2")), "carol")), "OAuthCallback")
	u.signedInAs(id)
	equal(t, "accounts", u.accounts(id), "idp alice")
}

func TestAC07_LinkingNeedsARecentSignIn(t *testing.T) {
	for _, p := range spoken {
		for _, tt := range []struct {
			within, after time.Duration
			ok            bool
		}{
			{0, 10 * time.Minute, true}, {0, 10*time.Minute + time.Second, false},
			{time.Hour, time.Hour - time.Second, true}, {time.Hour, time.Hour + time.Second, false}, {time.Minute, 2 * time.Minute, false},
		} {
			u := newUsersApp(t, speaking(p.Protocol), func(c *apptest.Config) { c.Accounts.RecentFor = tt.within })
			u.Clock.Advance(time.Second - time.Duration(u.Clock.Now().Nanosecond())) // the time of a sign-in is in seconds
			id := u.mustSignIn("idp", "alice")
			u.Clock.Advance(tt.after)
			res := u.startLink("idp2")
			if tt.ok {
				u.Follow(u.idp2.SignIn(t, u.URLIn(res), "carol"))
				equal(t, "accounts", u.accounts(id), "idp alice", "idp2 carol")
				continue
			}
			u.refused(res, sessionRequired)
			u.signedInAs(id)
			if len(u.CheckCookies()) != 0 {
				t.Error("a sign-in is under way")
			}
			u.mustSignIn("idp", "alice")
			u.link("idp2", "carol")
			equal(t, "accounts", u.accounts(id), "idp alice", "idp2 carol")
		}
	}
}

// A user who is not signed in, one of a Node server, and one of Auth.Issue are not recent.
func TestAC07_LinkingNeedsASignInHere(t *testing.T) {
	for _, p := range spoken {
		u := newUsersApp(t, speaking(p.Protocol))
		u.refused(u.startLink("idp2"), sessionRequired)
		name, sealed := nodeSession(t, p.Protocol, u.Clock.Now())
		u.SetCookie(name, sealed)
		u.signedInAs("7")
		u.refused(u.startLink("idp2"), sessionRequired)
		u.signedInAs("7")
		b := u.another()
		for _, c := range apptest.Issue(t, u.Auth, "Issued") {
			b.SetCookie(c.Name, c.Value)
		}
		b.signedInAs("1")
		b.refused(b.startLink("idp2"), sessionRequired)
	}
}

// Linking is a POST with the CSRF token.
func TestAC07_LinkingNeedsTheCSRFToken(t *testing.T) {
	u := newUsersApp(t)
	id := u.mustSignIn("idp", "alice")
	for _, res := range []apptest.Response{
		u.Post("/api/auth/signin/idp2", url.Values{"link": {"true"}}),
		u.Post("/api/auth/signin/idp2", url.Values{"link": {"true"}, "csrfToken": {"guess"}}),
		u.Get("/api/auth/signin/idp2?link=true"),
	} {
		if to := res.Header.Get("Location"); strings.HasPrefix(to, u.idp2.Issuer()) || len(u.CheckCookies()) > 0 {
			t.Errorf("leads to %s", to)
		}
	}
	u.signedInAs(id)
}

// While the store of the sessions does not answer, it can't be told who asks.
func TestAC07_FaultOfTheSessionStore(t *testing.T) {
	s := apptest.NewStore()
	u := newUsersApp(t, s.Use)
	id := u.mustSignIn("idp", "alice")
	form := url.Values{"csrfToken": {u.CSRF()}, "json": {"true"}, "link": {"true"}}
	back := u.idp2.SignIn(t, u.URLIn(u.startLink("idp2")), "carol")
	s.Fail(apptest.ErrDown)
	u.refused(u.Post("/api/auth/signin/idp2", form), "OAuthSignin")
	u.refused(u.Follow(back), "Callback")
	s.Fail(nil)
	u.signedInAs(id)
	equal(t, "accounts", u.accounts(id), "idp alice")
}

func TestAC08_AccountOrAddressOfAnotherUser(t *testing.T) {
	for _, p := range spoken {
		u := newUsersApp(t, speaking(p.Protocol), trusting("idp", "idp2"), func(c *apptest.Config) { c.Accounts.LinkByEmail = true })
		other := u.another()
		otherID := other.mustSignIn("idp2", "carol")
		owner := u.add(&store.User{Name: "Owner", Email: "alice@example.com"})
		id := u.mustSignIn("idp", "bob")

		u.refused(u.link("idp2", "carol"), "OAuthAccountNotLinked")
		u.refused(u.link("idp2", "alice"), "OAuthAccountNotLinked") // also if the address of the other user is not proved
		u.change(owner, func(row *store.User) { row.EmailVerified = u.Clock.Now() })
		u.refused(u.link("idp2", "alice"), "OAuthAccountNotLinked")
		u.signedInAs(id)
		other.signedInAs(otherID)
		equal(t, "accounts", u.accounts(id), "idp bob")
		equal(t, "accounts of the owner", u.accounts(owner))
		if row := u.user(owner); row.Email != "alice@example.com" || u.user(id).Email != "bob@example.com" {
			t.Error("an address has moved")
		}

		// One's own account, and an account with one's own address.
		u.link("idp", "bob")
		u.link("idp2", "bob")
		u.signedInAs(id)
		equal(t, "accounts", u.accounts(id), "idp bob", "idp2 bob")
	}
}

// The address is that of the user who is signed in, and not proved by the account.
func TestAC08_LinkedAccountProvesNothing(t *testing.T) {
	for _, username := range []string{"bob", "alice"} { // of another address; at a provider that is not trusted
		u := newUsersApp(t, trusting("idp"))
		id := u.mustSignIn("idp", "eve")
		u.link("idp2", username)
		equal(t, "accounts", u.accounts(id), "idp eve", "idp2 "+username)
		if row := u.user(id); !row.EmailVerified.IsZero() || row.Email != "alice@example.com" {
			t.Errorf("the user is %+v", row)
		}
	}
}

// The address is that of the user who is signed in: it is proved, and nothing is removed.
func TestAC08_LinkedAccountProvesTheAddress(t *testing.T) {
	u := newUsersApp(t, trusting("idp2"))
	id := u.mustSignIn("idp", "eve")
	u.change(id, func(row *store.User) { row.PasswordHash = "hash" })
	u.calls.take()
	u.link("idp2", "alice")
	u.signedInAs(id)
	equal(t, "calls", u.calls.take(), "signIn Alice", "linkAccount idp2 alice", "updateUser Eve verified=true reclaimed=false removed=0",
		"jwt signIn new=false", "signIn event Eve new=false")
	if row := u.user(id); row.PasswordHash != "hash" || row.EmailVerified.IsZero() {
		t.Errorf("the user is %+v", row)
	}
	equal(t, "accounts", u.accounts(id), "idp eve", "idp2 alice")
}

// A fault at each call of a linking: the account is linked then or at the next attempt, to
// this user, and makes no other.
func TestAC08_Faults(t *testing.T) {
	for _, p := range spoken {
		for _, late := range []bool{false, true} {
			n := 0
			for done := false; !done; {
				n++
				u := newUsersApp(t, speaking(p.Protocol), trusting("idp2"))
				id := u.mustSignIn("idp", "eve")
				back := u.idp2.SignIn(t, u.URLIn(u.startLink("idp2")), "alice")
				u.calls.take()
				u.store.FailAt(n, late)
				res := u.Follow(back)
				done = len(u.store.Calls()) < n
				u.store.FailAt(0, false)
				if !done && code(res) != p.callback {
					t.Errorf("late %t, fault %d: the code is %q", late, n, code(res))
				}
				if u.subject() == "" { // the session of before has ended, and the new one was discarded
					u.mustSignIn("idp", "eve")
				}
				u.link("idp2", "alice")
				u.signedInAs(id)
				equal(t, "accounts", u.accounts(id), "idp eve", "idp2 alice")
				if count(u.calls.take(), "createUser Alice") != 0 {
					t.Error("a user was made")
				}
			}
			if n < 6 {
				t.Errorf("the linking makes %d calls", n-1)
			}
		}
	}
}

// A simultaneous linking of the same account, by the same user or by another one.
func TestAC08_Race(t *testing.T) {
	for _, same := range []bool{true, false} {
		u := newUsersApp(t)
		id := u.mustSignIn("idp", "alice")
		other := u.another()
		if same {
			other.mustSignIn("idp", "alice")
		} else {
			other.mustSignIn("idp", "bob")
		}
		back := u.idp2.SignIn(t, u.URLIn(u.startLink("idp2")), "carol")
		u.store.RunBefore("LinkAccount", func() { other.link("idp2", "carol") })
		res := u.Follow(back)
		if !same {
			u.refused(res, "OAuthAccountNotLinked")
			u.signedInAs(id)
			continue
		}
		u.signedInAs(id)
		equal(t, "accounts", u.accounts(id), "idp alice", "idp2 carol")
	}
}

// posting has the provider idp2 answer by a cross-site POST.
func posting(c *apptest.Config) {
	for i := range c.Providers {
		if c.Providers[i].ID == "idp2" {
			c.Providers[i].ResponseMode = "form_post"
		}
	}
}

// crossSite sends a POST as the browser sends it for another site: with the check cookies
// alone. The cookies of the answer go into the browser.
func (u *usersApp) crossSite(back *http.Request) apptest.Response {
	u.Helper()
	if back.Method != http.MethodPost {
		u.Fatalf("the provider answers with %s", back.Method)
	}
	poster := u.another()
	for _, c := range u.Cookies() {
		if strings.Contains(c.Name, ".state.") {
			poster.SetCookie(c.Name, c.Value)
		}
	}
	res := poster.Follow(back)
	at, _ := url.Parse(u.URL)
	u.Client.Jar.SetCookies(at, res.Cookies())
	return res
}

// The POST has no session: the browser shows it with a GET.
func TestAC06_FormPost(t *testing.T) {
	for _, p := range spoken {
		for what, tt := range map[string]struct {
			meanwhile func(u *usersApp)
			want      string
		}{
			"linked":                {func(*usersApp) {}, ""},
			"signed out":            {func(u *usersApp) { u.SignOut() }, sessionRequired},
			"another user signs in": {func(u *usersApp) { u.mustSignIn("idp", "bob") }, sessionRequired},
		} {
			u := newUsersApp(t, speaking(p.Protocol), posting)
			id := u.mustSignIn("idp", "alice")
			back := u.idp2.SignIn(t, u.URLIn(u.startLink("idp2")), "carol")
			tt.meanwhile(u)
			before := u.subject()
			u.calls.take()
			res := u.crossSite(back)
			to := res.Header.Get("Location")
			if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, u.URL+"/api/auth/callback/idp2?") || len(res.Cookies()) != 0 ||
				res.Header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
				t.Fatalf("%s: %d %s, %v", what, res.StatusCode, to, res.Header)
			}
			if calls := u.calls.take(); len(calls) != 0 {
				t.Errorf("the POST calls %q", calls)
			}
			res = u.Get(strings.TrimPrefix(to, u.URL))
			if tt.want != "" {
				u.refused(res, tt.want)
				u.signedInAs(before)
				if count(u.calls.take(), "createUser Carol") != 0 {
					t.Error("a new user")
				}
				continue
			}
			u.signedInAs(id)
			equal(t, what, u.accounts(id), "idp alice", "idp2 carol")
			u.refused(u.Get(strings.TrimPrefix(to, u.URL)), p.oauthCallback) // once more
		}
	}
}

// A sign-in over form_post stays as it is.
func TestAC06_FormPostSignIn(t *testing.T) {
	u := newUsersApp(t, posting)
	first := u.mustSignIn("idp", "alice")
	res := u.crossSite(u.answer("idp2", "carol"))
	if res.StatusCode != http.StatusFound {
		t.Errorf("%d %s", res.StatusCode, res.Header.Get("Location"))
	}
	if got := u.subject(); got == "" || got == first {
		t.Errorf("the user %q is signed in", got)
	}
}

// A state of no sign-in of the browser leads nowhere.
func TestAC06_FormPostStates(t *testing.T) {
	for _, p := range spoken {
		u := newUsersApp(t, speaking(p.Protocol), posting)
		u.mustSignIn("idp", "alice")
		u.startLink("idp2")
		for _, state := range []string{"", "short", strings.Repeat("!", 43), strings.Repeat("A", 43)} {
			res := u.Post("/api/auth/callback/idp2", url.Values{"code": {"x"}, "state": {state}})
			if res.StatusCode == http.StatusSeeOther || code(res) != p.oauthCallback {
				t.Errorf("%q: %d %s", state, res.StatusCode, res.Header.Get("Location"))
			}
		}
	}
}

// An answer that does not fit into a URL is refused.
func TestAC06_FormPostIsBounded(t *testing.T) {
	for _, p := range spoken {
		for _, tt := range []struct {
			length int // of the URL
			ok     bool
		}{{8 << 10, true}, {8<<10 + 1, false}} {
			u := newUsersApp(t, speaking(p.Protocol), posting)
			id := u.mustSignIn("idp", "alice")
			back := u.idp2.SignIn(t, u.URLIn(u.startLink("idp2")), "carol")
			if err := back.ParseForm(); err != nil {
				t.Fatal(err)
			}
			back.PostForm.Set("extra", "")
			extra := tt.length - len(u.URL+"/api/auth/callback/idp2?"+back.PostForm.Encode())
			back.PostForm.Set("extra", strings.Repeat("x", extra))
			poster := u.another()
			for _, c := range u.Cookies() {
				if strings.Contains(c.Name, ".state.") {
					poster.SetCookie(c.Name, c.Value)
				}
			}
			res := poster.Post("/api/auth/callback/idp2", back.PostForm)
			if to := res.Header.Get("Location"); (res.StatusCode == http.StatusSeeOther) != tt.ok || len(to) > 8<<10 || !tt.ok && code(res) != p.oauthCallback {
				t.Errorf("%d bytes: %d, a URL of %d bytes: %.100s", tt.length, res.StatusCode, len(to), to)
			}
			u.signedInAs(id)
		}
	}
}

// Without users the field does nothing.
func TestAC06_FieldWithoutUsers(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	to := a.URLIn(a.Post("/api/auth/signin/idp", url.Values{"csrfToken": {a.CSRF()}, "json": {"true"}, "link": {"true"}}))
	a.Follow(idp.SignIn(t, to, "alice"))
	if a.Session() == nil {
		t.Error("not signed in")
	}
}
