package api_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestAC01_SimultaneousFirstSignInsMakeOneUser(t *testing.T) {
	for name, storage := range userStorages {
		t.Run(name, func(t *testing.T) {
			u := newUsersApp(t, storage, func(c *apptest.Config) { c.SignInLimit.Skip = true })
			browsers := make([]*usersApp, 50)
			answers := make([]func(), len(browsers))
			results := make([]apptest.Response, len(browsers))
			begin := make(chan struct{})
			for i := range browsers {
				b := u.another()
				back := b.answer("idp", "alice")
				browsers[i], answers[i] = b, func() { <-begin; results[i] = b.Follow(back) }
			}
			u.calls.take()
			var wg sync.WaitGroup
			for _, f := range answers {
				wg.Go(f)
			}
			close(begin)
			wg.Wait()
			subject := browsers[0].subject()
			for i, b := range browsers {
				if got := b.subject(); got == "" || got != subject {
					t.Errorf("browser %d: user %q, browser 0: %q; %d %s", i, got, subject, results[i].StatusCode, results[i].Header.Get("Location"))
				}
			}
			equal(t, "accounts", u.accounts(subject), "idp alice")
			created := slices.DeleteFunc(u.calls.take(), func(s string) bool {
				return !strings.HasPrefix(s, "createUser") && !strings.HasPrefix(s, "linkAccount")
			})
			equal(t, "events", created, "createUser Alice", "linkAccount idp alice")
		})
	}
}

// Each step of a first sign-in, and what another browser may do just before it.
func TestAC01_LoserOfTheRaceSignsInToTheSameUser(t *testing.T) {
	for _, method := range []string{"FindUserByAccount", "FindUserByEmail", "CreateUser", "UpdateUser"} {
		u := newUsersApp(t)
		back, other := u.answer("idp", "alice"), u.another()
		first := ""
		u.store.RunBefore(method, func() { first = other.mustSignIn("idp", "alice") })
		u.Follow(back)
		if first == "" {
			t.Fatalf("%s is not called", method)
		}
		u.signedInAs(first)
		other.signedInAs(first)
	}
}

// The accounts differ, and their address is the same.
func TestAC01_RaceForTheAddress(t *testing.T) {
	for _, tt := range []struct {
		linkByEmail bool
		want        string
	}{{false, "OAuthAccountNotLinked"}, {true, ""}} {
		u := newUsersApp(t, trusting("idp", "idp2"), func(c *apptest.Config) { c.Accounts.LinkByEmail = tt.linkByEmail })
		back, other := u.answer("idp", "alice"), u.another()
		first := ""
		u.store.RunBefore("CreateUser", func() { first = other.mustSignIn("idp2", "alice") })
		res := u.Follow(back)
		if tt.want != "" {
			u.refused(res, tt.want)
			equal(t, "accounts", u.accounts(first), "idp2 alice")
			continue
		}
		u.signedInAs(first)
		equal(t, "accounts", u.accounts(first), "idp2 alice", "idp alice")
	}
}

func TestAC01_KeyHasTheProvider(t *testing.T) {
	u := newUsersApp(t)
	first := u.mustSignIn("idp", "carol")
	if second := u.another().mustSignIn("idp2", "carol"); second == first {
		t.Error("users with the same ID at two providers are one user")
	}
	if third := u.another().mustSignIn("idp", "bob"); third == first {
		t.Error("two users of a provider are one user")
	}
}

// A fault at each call of a first sign-in, before it has done its work or after.
func TestAC02_FaultLeavesNothingBehind(t *testing.T) {
	for _, p := range spoken {
		for name, storage := range userStorages {
			for _, late := range []bool{false, true} {
				n := 0
				for done := false; !done; {
					n++
					u := newUsersApp(t, storage, speaking(p.Protocol), trusting("idp"), func(c *apptest.Config) { c.Accounts.StoreTokens = true })
					back := u.answer("idp", "alice")
					u.store.FailAt(n, late)
					res := u.Follow(back)
					calls := u.store.Calls()
					if done = len(calls) < n; done {
						u.store.FailAt(0, false)
						if u.subject() == "" {
							t.Errorf("without a fault, no user is signed in: %s", res.Header.Get("Location"))
						}
						continue
					}
					u.store.FailAt(0, false)
					if calls[n-1] == "UpdateUser" { // the first sign-in is complete, and was not noted
						if to := res.Header.Get("Location"); u.subject() == "" || !strings.Contains(to, "/welcome") {
							t.Errorf("%s, late %t: after a fault of %v the sign-in leads to %s", name, late, calls, to)
						}
						continue
					}
					u.refused(res, p.callback)
					u.signedInAs("")
					events := u.calls.take()
					again := u.signIn("idp", "alice")
					subject := u.subject()
					if subject == "" {
						t.Fatalf("%s, late %t: after a fault of %v the next sign-in leads to %s", name, late, calls, again.Header.Get("Location"))
					}
					if to := again.Header.Get("Location"); !strings.Contains(to, "/welcome?callbackUrl=") {
						t.Errorf("%s, late %t: after a fault of %v the user is not new: %s", name, late, calls, to)
					}
					events = append(events, u.calls.take()...)
					if !slices.Contains(events, "signIn event Alice new=true") {
						t.Errorf("the events are %q", events)
					}
					if count(events, "createUser Alice") > 1 || count(events, "linkAccount idp alice") > 1 {
						t.Errorf("events come twice: %q", events)
					}
					equal(t, "accounts", u.accounts(subject), "idp alice")
					if !u.user(subject).EmailVerified.Equal(u.user(subject).CreatedAt) {
						t.Errorf("the address is verified at %v", u.user(subject).EmailVerified)
					}
					if name == "store" {
						if list, err := u.Auth.ListSessions(t.Context(), subject); err != nil || len(list) != 1 {
							t.Errorf("late %t: after a fault of %v there are %d sessions: %v", late, calls, len(list), err)
						}
					}
				}
				if n < 5 {
					t.Errorf("a first sign-in makes %d calls", n-1)
				}
			}
		}
	}
}

func count(list []string, s string) (n int) {
	for _, one := range list {
		if one == s {
			n++
		}
	}
	return n
}

// A fault while the store of the sessions, or the deny-list, does not answer.
func TestAC02_FaultOfTheSessionStore(t *testing.T) {
	s := apptest.NewStore()
	u := newUsersApp(t, s.Use)
	back := u.answer("idp", "alice")
	s.Fail(apptest.ErrDown)
	u.refused(u.Follow(back), "Callback")
	s.Fail(nil)
	res := u.signIn("idp", "alice")
	if !strings.Contains(res.Header.Get("Location"), "/welcome") {
		t.Errorf("the user is not new at the next sign-in: %s", res.Header.Get("Location"))
	}
	if !slices.Contains(u.calls.take(), "jwt signUp new=true") {
		t.Error("the trigger is not that of a sign-up")
	}
}

// The JWT callback fails at the first sign-in, and the user is new at the next.
func TestAC02_FaultOfACallback(t *testing.T) {
	broken := true
	var triggers []nuxtauth.Trigger
	u := newUsersApp(t, func(c *apptest.Config) {
		c.Callbacks.JWT = func(_ context.Context, p nuxtauth.JWTParams[apptest.Token]) (*apptest.Token, error) {
			if p.Account != nil {
				triggers = append(triggers, p.Trigger)
			}
			if broken {
				return nil, errors.New("out of order")
			}
			return p.Token, nil
		}
	})
	u.refused(u.signIn("idp", "alice"), "Callback")
	broken = false
	u.mustSignIn("idp", "alice")
	u.mustSignIn("idp", "alice")
	equal(t, "triggers", triggers, nuxtauth.TriggerSignUp, nuxtauth.TriggerSignUp, nuxtauth.TriggerSignIn)
}

// The calls of Auth.js, in the order of its recordings.
func TestUsers_CallsAndEventsInOrder(t *testing.T) {
	for _, p := range spoken {
		u := newUsersApp(t, speaking(p.Protocol))
		res := u.signIn("idp", "alice")
		if got, want := res.Header.Get("Location"), "/welcome?callbackUrl="+url.QueryEscape(u.URL+"/after"); got != want {
			t.Errorf("%v: a new user goes to %s, want %s", p.Protocol, got, want)
		}
		equal(t, "first sign-in", u.calls.take(),
			"signIn Alice", "createUser Alice", "linkAccount idp alice", "jwt signUp new=true", "signIn event Alice new=true")
		subject := u.subject()
		u.change(subject, func(row *store.User) { row.Name = "Alice of the application" })
		res = u.another().signIn("idp", "alice")
		if got, want := res.Header.Get("Location"), u.URL+"/after"; got != want {
			t.Errorf("%v: a known user goes to %s, want %s", p.Protocol, got, want)
		}
		equal(t, "next sign-in", u.calls.take(),
			"signIn Alice of the application", "jwt signIn new=false", "signIn event Alice of the application new=false")
		u.link("idp2", "carol")
		equal(t, "linking", u.calls.take(),
			"signIn Carol", "linkAccount idp2 carol", "jwt signIn new=false", "signIn event Alice of the application new=false")
		u.signedInAs(subject)
	}
}

// A page of the application for new users may have a query, or be of another origin.
func TestUsers_NewUserPage(t *testing.T) {
	for page, want := range map[string]string{
		"":                      "/after",
		"/hello?from=auth":      "/hello?from=auth&callbackUrl=",
		"https://app.example/x": "https://app.example/x?callbackUrl=",
	} {
		u := newUsersApp(t, func(c *apptest.Config) { c.Pages.NewUser = page })
		if got := u.signIn("idp", "alice").Header.Get("Location"); !strings.HasPrefix(strings.TrimPrefix(got, u.URL), want) {
			t.Errorf("with the page %q, a new user goes to %s", page, got)
		}
	}
}

// Events that panic change nothing, and each comes.
func TestUsers_EventsThatPanic(t *testing.T) {
	u := newUsersApp(t, trusting("idp"), func(c *apptest.Config) {
		c.Events.CreateUser = func(context.Context, nuxtauth.UserEvent) { panic(boom) }
		c.Events.LinkAccount = func(context.Context, nuxtauth.LinkAccountEvent) { panic(boom) }
		c.Events.UnlinkAccount = func(context.Context, nuxtauth.UnlinkAccountEvent) { panic(boom) }
		c.Events.UpdateUser = func(context.Context, nuxtauth.UpdateUserEvent) { panic(boom) }
		c.Events.DeleteUser = func(context.Context, nuxtauth.UserEvent) { panic(boom) }
	})
	other := u.another()
	other.mustSignIn("idp2", "eve") // makes the user with an address that is not proved
	subject := u.mustSignIn("idp", "alice")
	u.link("idp2", "carol")
	if err := u.Auth.UnlinkAccount(t.Context(), subject, "idp2", "carol", ""); err != nil {
		t.Error(err)
	}
	if err := u.Auth.DeleteUser(t.Context(), subject); err != nil {
		t.Error(err)
	}
	// Of create, link, link, unlink, update, link, unlink, delete.
	if n := strings.Count(u.Log.String(), "stack="); n != 8 {
		t.Errorf("%d panics are logged", n)
	}
}

// The client leaves while events run: what they report is stored, and comes once.
func TestUsers_EventsOutliveTheRequest(t *testing.T) {
	var u *usersApp
	var leave func()
	u = newUsersApp(t, func(c *apptest.Config) {
		c.Events.CreateUser = func(context.Context, nuxtauth.UserEvent) { leave() }
		c.Events.LinkAccount = func(ctx context.Context, _ nuxtauth.LinkAccountEvent) { u.calls.add("linked, %v", ctx.Err()) }
	})
	back := u.answer("idp", "alice")
	cancel, serve := u.Cancelable("GET", back.URL.RequestURI(), "")
	leave = cancel
	serve()
	if calls := u.calls.take(); !slices.Contains(calls, "linked, <nil>") {
		t.Errorf("the calls are %q", calls)
	}
}

func TestAC04_AddressOfANewUser(t *testing.T) {
	for name, tt := range map[string]struct {
		user     authtest.IDPUser
		trusted  bool
		email    string
		verified bool
	}{
		"verified, trusted":     {authtest.IDPUser{Email: "x@example.com", EmailVerified: true}, true, "x@example.com", true},
		"verified as a string":  {authtest.IDPUser{Email: "x@example.com", Claims: map[string]any{"email_verified": "true"}}, true, "x@example.com", true},
		"verified as a number":  {authtest.IDPUser{Email: "x@example.com", Claims: map[string]any{"email_verified": 1}}, true, "x@example.com", false},
		"not verified, trusted": {authtest.IDPUser{Email: "x@example.com"}, true, "x@example.com", false},
		"verified, not trusted": {authtest.IDPUser{Email: "x@example.com", EmailVerified: true}, false, "x@example.com", false},
		"upper case":            {authtest.IDPUser{Email: "X@Example.com", EmailVerified: true}, true, "x@example.com", true},
		"none":                  {authtest.IDPUser{EmailVerified: true}, true, "", false},
		"no address":            {authtest.IDPUser{Email: "x@localhost", EmailVerified: true}, true, "", false},
		"two addresses":         {authtest.IDPUser{Email: "x@example.com,y@example.com", EmailVerified: true}, true, "", false},
		"the Kelvin sign":       {authtest.IDPUser{Email: "\u212Aate@example.com", EmailVerified: true}, true, "kate@example.com", false},
		"other characters":      {authtest.IDPUser{Email: "\ufb01ne@example.com", EmailVerified: true}, true, "fine@example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			tt.user.Username, tt.user.Password = "u", "u"
			idp := apptest.StartIDP(t, tt.user)
			u := newUsersApp(t, func(c *apptest.Config) {
				p := idp.AsProvider("own")
				p.VerifiesEmail = tt.trusted
				c.Providers = append(c.Providers, p)
			})
			u.Follow(idp.SignIn(t, u.Start("own"), "u"))
			row := u.user(u.subject())
			if row.Email != tt.email || row.EmailVerified.IsZero() == tt.verified {
				t.Errorf("the user has the address %q, verified %v", row.Email, row.EmailVerified)
			}
		})
	}
}
