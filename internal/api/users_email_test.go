package api_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestAC03_LinkByEmail(t *testing.T) {
	const notLinked = "OAuthAccountNotLinked"
	for _, p := range spoken {
		for _, tt := range []struct {
			what                  string
			on, trusted, verified bool
			username, want        string // the code, "" for a session of the user
		}{
			{"off", false, true, true, "alice", notLinked},
			{"both proved", true, true, true, "alice", ""},
			{"provider not trusted", true, false, true, "alice", notLinked},
			{"address of the account not verified", true, true, true, "eve", notLinked},
			{"address of the user not verified, account not proved", true, false, false, "alice", notLinked},
			{"neither", false, false, false, "eve", notLinked},
		} {
			u := newUsersApp(t, speaking(p.Protocol), func(c *apptest.Config) {
				c.Accounts.LinkByEmail = tt.on
				if tt.trusted {
					trusting("idp2")(c)
				}
			})
			row := &store.User{Name: "Owner", Email: "alice@example.com", FirstSignIn: u.Clock.Now()}
			if tt.verified {
				row.EmailVerified = u.Clock.Now()
			}
			id := u.add(row)
			u.calls.take()
			res := u.signIn("idp2", tt.username)
			if tt.want != "" {
				u.refused(res, tt.want)
				u.signedInAs("")
				equal(t, tt.what, u.accounts(id))
				continue
			}
			u.signedInAs(id)
			equal(t, tt.what, u.accounts(id), "idp2 alice")
			equal(t, tt.what, u.calls.take(), "signIn Alice", "linkAccount idp2 alice", "jwt signIn new=false", "signIn event Owner new=false")
			equal(t, "the next sign-in", []string{u.another().mustSignIn("idp2", "alice")}, id)
		}
	}
}

// Where the code leads: to the sign-in page.
func TestAC03_NotLinkedIsShownOnTheSignInPage(t *testing.T) {
	for _, p := range spoken {
		u := newUsersApp(t, speaking(p.Protocol))
		u.mustSignIn("idp", "alice")
		b := u.another()
		res := b.signIn("idp2", "alice")
		for range 3 {
			to := res.Header.Get("Location")
			if to == "" {
				break
			}
			res = b.Get(strings.TrimPrefix(to, u.URL))
		}
		if res.StatusCode != 200 || !strings.Contains(res.Text, "already") && !strings.Contains(res.Text, "another") && !strings.Contains(res.Text, "originally") {
			t.Errorf("%v: the sign-in page is %d %.300s", p.Protocol, res.StatusCode, res.Text)
		}
	}
}

// A person has made a user with the address of another person, and waits.
func TestAC05_ProofOfTheOwnerEndsWhatWasThere(t *testing.T) {
	for _, p := range spoken {
		for name, storage := range userStorages {
			u := newUsersApp(t, speaking(p.Protocol), storage, trusting("idp"))
			attacker := u.another()
			id := attacker.mustSignIn("idp2", "eve")
			attacker.link("idp2", "carol")
			attacker.signedInAs(id)
			u.change(id, func(row *store.User) { row.PasswordHash = "of the attacker" })
			link := &store.Link{LinkKey: store.LinkKey{Purpose: "reset", Email: "alice@example.com", Hash: sha256.Sum256(nil)}, ExpiresAt: u.Clock.Now().Add(time.Hour)}
			if err := u.store.SaveLink(t.Context(), link); err != nil {
				t.Fatal(err)
			}
			byForm := u.another()
			byForm.useForm(id)
			byForm.signedInAs(id)
			u.calls.take()
			u.Clock.Advance(time.Minute)

			u.signIn("idp", "alice")
			u.signedInAs(id)
			equal(t, "calls", u.calls.take(), "signIn Alice", "linkAccount idp alice", "unlinkAccount idp2 eve", "unlinkAccount idp2 carol",
				"updateUser Eve verified=true reclaimed=true removed=2", "jwt signIn new=false", "signIn event Eve new=false")
			attacker.signedInAs("")
			byForm.signedInAs("")
			equal(t, name, u.accounts(id), "idp alice")
			if row := u.user(id); row.PasswordHash != "" || row.EmailVerified.IsZero() {
				t.Errorf("the user is %+v", row)
			}
			if _, err := u.store.FindLink(t.Context(), link.LinkKey); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a link of the attacker: %v", err)
			}
			u.another().refused(attacker.signIn("idp2", "eve"), "OAuthAccountNotLinked")
			if got := attacker.mustSignIn("idp2", "carol"); got == id {
				t.Error("an account of the attacker signs in as the user")
			}

			// From now on the address is proved: what the owner adds stays.
			u.link("idp2", "bob")
			u.another().mustSignIn("idp", "alice")
			u.signedInAs(id)
			equal(t, name, u.accounts(id), "idp alice", "idp2 bob")
		}
	}
}

// The owner has the account already, and the provider verifies the address later.
func TestAC05_LaterProof(t *testing.T) {
	u := newUsersApp(t, trusting("idp"))
	id := u.add(&store.User{Name: "Alice", Email: "alice@example.com"})
	for _, key := range []store.AccountKey{{Provider: "idp", ProviderAccountID: "alice"}, {Provider: "idp2", ProviderAccountID: "eve"}} {
		if err := u.store.Memory.LinkAccount(t.Context(), &store.Account{AccountKey: key, UserID: id}); err != nil {
			t.Fatal(err)
		}
	}
	attacker := u.another()
	attacker.mustSignIn("idp2", "eve")
	if got := u.mustSignIn("idp", "alice"); got != id {
		t.Errorf("user %q", got)
	}
	attacker.signedInAs("")
	equal(t, "accounts", u.accounts(id), "idp alice")
}

// The address that the account proves is not that of the user.
func TestAC05_ProofOfAnotherAddress(t *testing.T) {
	for _, email := range []string{"", "own@example.com"} {
		u := newUsersApp(t, trusting("idp"))
		id := u.add(&store.User{Name: "Alice", Email: email, PasswordHash: "hash"})
		if err := u.store.Memory.LinkAccount(t.Context(), &store.Account{AccountKey: store.AccountKey{Provider: "idp", ProviderAccountID: "alice"}, UserID: id}); err != nil {
			t.Fatal(err)
		}
		u.mustSignIn("idp", "alice")
		u.signedInAs(id)
		if row := u.user(id); row.Email != email || !row.EmailVerified.IsZero() || row.PasswordHash != "hash" {
			t.Errorf("the user is %+v", row)
		}
	}
}

// The other person signs in at the same moment.
func TestAC05_SignInUnderWay(t *testing.T) {
	for name, storage := range userStorages {
		for what, try := range map[string]func(b *usersApp, id string) apptest.Response{
			"with the account":  func(b *usersApp, _ string) apptest.Response { return b.signIn("idp2", "eve") },
			"with the password": func(b *usersApp, id string) apptest.Response { return b.useForm(id) },
		} {
			u := newUsersApp(t, storage, trusting("idp"))
			attacker := u.another()
			id := attacker.mustSignIn("idp2", "eve")
			attacker = u.another()
			*u.during = func() { u.signIn("idp", "alice") }
			attacker.refused(try(attacker, id), "AccessDenied")
			attacker.signedInAs("")
			u.signedInAs(id)
			equal(t, name+" "+what, u.accounts(id), "idp alice")
		}
	}
}

// The sign-in of the other person ends just before the proof is stored.
func TestAC05_SignInJustBefore(t *testing.T) {
	for _, storage := range userStorages {
		u := newUsersApp(t, storage, trusting("idp"))
		attacker := u.another()
		id := attacker.mustSignIn("idp2", "eve")
		back := u.answer("idp", "alice")
		u.store.RunBefore("VerifyEmail", func() {
			attacker.signedInAs("")
			attacker.mustSignIn("idp2", "eve")
		})
		u.Follow(back)
		u.signedInAs(id)
		attacker.signedInAs("")
	}
}

// A fault at each call of the sign-in by which the owner proves the address: the owner gets
// the user at the next attempt, and the other person is out.
func TestAC05_Faults(t *testing.T) {
	for _, late := range []bool{false, true} {
		n := 0
		for done := false; !done; {
			n++
			u := newUsersApp(t, trusting("idp"))
			attacker := u.another()
			id := attacker.mustSignIn("idp2", "eve")
			u.change(id, func(row *store.User) { row.PasswordHash = "of the attacker" })
			back := u.answer("idp", "alice")
			u.store.FailAt(n, late)
			u.Follow(back)
			done = len(u.store.Calls()) < n
			u.store.FailAt(0, false)
			if !done {
				u.signedInAs("")
			}
			u.Clock.Advance(time.Second)
			u.mustSignIn("idp", "alice")
			u.signedInAs(id)
			attacker.signedInAs("")
			equal(t, "accounts", u.accounts(id), "idp alice")
			if u.user(id).PasswordHash != "" {
				t.Errorf("late %t, fault %d: the password is still there", late, n)
			}
		}
		if n < 6 {
			t.Errorf("the sign-in makes %d calls", n-1)
		}
	}
}

// ambiguous is a store with users whose addresses differ in case alone.
type ambiguous struct{ *apptest.UserStore }

func (ambiguous) FindUserByEmail(context.Context, string) (*store.User, error) {
	return nil, store.ErrAmbiguousEmail
}

func TestUsers_AmbiguousAddressIsRefused(t *testing.T) {
	for _, p := range spoken {
		var s *apptest.UserStore
		u := newUsersApp(t, speaking(p.Protocol), trusting("idp", "idp2"), func(c *apptest.Config) {
			s = apptest.UseUsers(c)
			c.Accounts.Store, c.Accounts.LinkByEmail = ambiguous{s}, true
		})
		u.refused(u.signIn("idp", "alice"), "OAuthAccountNotLinked")
		if !strings.Contains(u.Log.String(), store.ErrAmbiguousEmail.Error()) {
			t.Error("the log does not say why")
		}
		u.signIn("idp", "carol") // without an address
		id := u.subject()
		if id == "" {
			t.Fatal("a user without an address is refused")
		}
		u.refused(u.link("idp2", "alice"), "OAuthAccountNotLinked")
		u.signedInAs(id)
	}
}

func TestConflict_Resolutions(t *testing.T) {
	for _, p := range spoken {
		for name, tt := range map[string]struct {
			how  nuxtauth.Resolution
			err  error
			code string
			to   string
		}{
			"refuse":             {nuxtauth.Refuse, nil, "OAuthAccountNotLinked", ""},
			"unknown":            {nuxtauth.Resolution(7), nil, "OAuthAccountNotLinked", ""},
			"an error":           {nuxtauth.Refuse, errors.New("no"), "OAuthAccountNotLinked", ""},
			"an error, and link": {nuxtauth.LinkAfterProof, errors.New("no"), "OAuthAccountNotLinked", ""},
			"a code":             {nuxtauth.Refuse, &nuxtauth.Error{Code: "AskSupport"}, "AskSupport", ""},
			"a redirect":         {nuxtauth.Refuse, nuxtauth.RedirectTo("/taken"), "", "/taken"},
			"to another site":    {nuxtauth.Refuse, nuxtauth.RedirectTo("https://evil.example/"), "", ""},
		} {
			var asked []nuxtauth.AccountConflict
			u := newUsersApp(t, speaking(p.Protocol), func(c *apptest.Config) {
				c.Callbacks.SignIn = nil
				c.Accounts.Conflict = func(_ context.Context, a nuxtauth.AccountConflict) (nuxtauth.Resolution, error) {
					asked = append(asked, a)
					return tt.how, tt.err
				}
			})
			id := u.add(&store.User{Name: "Owner", Email: "alice@example.com", EmailVerified: u.Clock.Now()})
			res := u.signIn("idp", "alice")
			u.refused(res, tt.code)
			u.signedInAs("")
			if to := res.Header.Get("Location"); tt.code == "" && to != u.URL+tt.to {
				t.Errorf("%s leads to %s", name, to)
			}
			if len(asked) != 1 || asked[0].User.ID != id || !asked[0].User.EmailVerified || asked[0].Account.ProviderAccountID != "alice" || asked[0].Proved || len(asked[0].Profile) == 0 {
				t.Errorf("%s: asked with %+v", name, asked)
			}
			equal(t, name, u.accounts(id))
			if strings.Contains(u.Log.String(), "stack=") {
				t.Errorf("%s: a panic", name)
			}
		}
	}
}

// The function is not asked where there is nothing to decide, and its panic refuses.
func TestConflict_Panics(t *testing.T) {
	u := newUsersApp(t, func(c *apptest.Config) {
		c.Accounts.Conflict = func(context.Context, nuxtauth.AccountConflict) (nuxtauth.Resolution, error) { panic(boom) }
	})
	u.mustSignIn("idp", "alice")
	u.mustSignIn("idp", "alice")
	u.mustSignIn("idp2", "carol")
	u.refused(u.another().signIn("idp2", "alice"), "OAuthAccountNotLinked")
	oneStack(t, u.Log.String())
}

// afterProof asks for a proof at each conflict.
func afterProof(c *apptest.Config) {
	c.Accounts.Conflict = func(context.Context, nuxtauth.AccountConflict) (nuxtauth.Resolution, error) {
		return nuxtauth.LinkAfterProof, nil
	}
}

// linkCookies are the cookies of accounts that wait for their user.
func linkCookies(u *usersApp) (names []string) {
	for _, c := range u.Cookies() {
		if strings.HasSuffix(c.Name, "state-link") {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestConflict_LinkAfterProof(t *testing.T) {
	for _, p := range spoken {
		for name, tt := range map[string]struct {
			trusted bool
			wait    time.Duration
			proof   func(u *usersApp, id string)
			owner   bool // the proof is of the owner
			linked  bool
		}{
			"by another account":        {true, time.Minute, func(u *usersApp, _ string) { u.signIn("idp", "carol") }, true, true},
			"by the form":               {true, time.Minute, func(u *usersApp, id string) { u.useForm(id) }, true, true},
			"as another user":           {true, time.Minute, func(u *usersApp, _ string) { u.signIn("idp", "bob") }, false, false},
			"too late":                  {true, 15 * time.Minute, func(u *usersApp, id string) { u.useForm(id) }, true, false},
			"just in time":              {true, 15*time.Minute - time.Second, func(u *usersApp, id string) { u.useForm(id) }, true, true},
			"address not proved":        {false, time.Minute, func(u *usersApp, id string) { u.useForm(id) }, true, false},
			"account of a user by then": {true, time.Minute, nil, true, false},
		} {
			change := []func(*apptest.Config){speaking(p.Protocol), afterProof}
			if tt.trusted {
				change = append(change, trusting("idp2"))
			}
			u := newUsersApp(t, change...)
			id := u.mustSignIn("idp", "carol")
			u.change(id, func(row *store.User) { row.Email, row.EmailVerified = "alice@example.com", u.Clock.Now() })
			b := u.another()
			b.refused(b.signIn("idp2", "alice"), "OAuthAccountNotLinked")
			b.signedInAs("")
			if n := len(linkCookies(b)); (n == 1) != tt.trusted {
				t.Fatalf("%s: %d accounts wait", name, n)
			}
			if strings.Contains(u.Log.String(), "can't wait") {
				t.Errorf("%s: the log says that the account can't wait", name)
			}
			equal(t, name, u.accounts(id), "idp carol")
			u.calls.take()
			u.Clock.Advance(tt.wait)
			if tt.proof == nil {
				other := u.add(&store.User{Name: "Other"})
				if err := u.store.Memory.LinkAccount(t.Context(), &store.Account{AccountKey: store.AccountKey{Provider: "idp2", ProviderAccountID: "alice"}, UserID: other}); err != nil {
					t.Fatal(err)
				}
				b.useForm(id)
			} else {
				tt.proof(b, id)
			}
			if (b.subject() == id) != tt.owner {
				t.Errorf("%s: the user %q is signed in", name, b.subject())
			}
			want := []string{"idp carol"}
			if tt.linked {
				want = append(want, "idp2 alice")
			}
			equal(t, name, u.accounts(id), want...)
			if got := strings.Contains(u.Log.String(), "could not be linked"); got != (tt.proof == nil) {
				t.Errorf("%s: the log has a fault: %t", name, got)
			}
			if got := slices.Contains(u.calls.take(), "linkAccount idp2 alice"); got != tt.linked {
				t.Errorf("%s: event %t", name, got)
			}
			if len(linkCookies(b)) != 0 && tt.wait < 15*time.Minute {
				t.Errorf("%s: the account still waits", name)
			}
			if tt.linked {
				if got := u.another().mustSignIn("idp2", "alice"); got != id {
					t.Errorf("%s: the account signs in as %q", name, got)
				}
			}
		}
	}
}

// The cookie is sealed for its purpose, and that of another purpose does not open.
func TestConflict_CookieServesOnePurpose(t *testing.T) {
	u := newUsersApp(t, afterProof, trusting("idp2"))
	id := u.add(&store.User{Name: "Owner", Email: "alice@example.com", EmailVerified: u.Clock.Now()})
	u.Clock.Advance(time.Second)
	u.Start("idp")
	check := u.CheckCookies()
	u.SetCookie("next-auth.state-link", check[0].Value)
	u.useForm(id)
	u.signedInAs(id)
	equal(t, "accounts", u.accounts(id))

	b := u.another()
	b.signIn("idp2", "alice")
	to, err := url.Parse(b.Start("idp2"))
	if err != nil {
		t.Fatal(err)
	}
	state := to.Query().Get("state")
	b.SetCookie("next-auth.state."+state[:12], b.Cookie("next-auth.state-link"))
	b.refused(b.Follow(u.idp2.SignIn(t, to.String(), "alice")), "OAuthCallback")
}

// Other sign-ins leave the cookie alone, and so does an application without users.
func TestConflict_CookieOfNoConflict(t *testing.T) {
	u := newUsersApp(t)
	if res := u.signIn("idp", "alice"); strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), "state-link") {
		t.Errorf("a sign-in sets %q", res.Header["Set-Cookie"])
	}
	a := apptest.New(t)
	a.SetCookie("next-auth.state-link", "x")
	a.SignIn()
	if a.Session() == nil || a.Cookie("next-auth.state-link") != "x" {
		t.Error("an application without users removes the cookie")
	}
}

// Auth.SignIn can't ask the browser for a proof.
func TestConflict_LinkAfterProofOfAuthSignIn(t *testing.T) {
	u := newUsersApp(t, afterProof)
	u.add(&store.User{Name: "Owner", Email: "x@example.com", EmailVerified: u.Clock.Now()})
	var err error
	u.Router.GET("/direct", func(c *gin.Context) {
		err = u.Auth.SignIn(c, &nuxtauth.User{ID: "x", Email: "x@example.com", EmailVerified: true}, &nuxtauth.Account{Provider: "saml", ProviderAccountID: "1"})
	})
	res := u.Get("/direct")
	if own, ok := errors.AsType[*nuxtauth.Error](err); !ok || own.Code != "OAuthAccountNotLinked" {
		t.Errorf("the error is %v", err)
	}
	apptest.NotSignedIn(t, "Auth.SignIn", res)
}
