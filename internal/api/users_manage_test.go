package api_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// sessionCookie is the value of the session cookie of the browser.
func (u *usersApp) sessionCookie() string {
	for _, c := range u.Cookies() {
		if strings.HasSuffix(c.Name, "session-token") {
			return c.Value
		}
	}
	return ""
}

// copied returns another browser with the same cookies.
func (u *usersApp) copied() *usersApp {
	other := *u
	other.App = u.Copy()
	return &other
}

func TestAC09_NewSessionAfterLinking(t *testing.T) {
	for name, storage := range userStorages {
		u := newUsersApp(t, storage)
		id := u.mustSignIn("idp", "alice")
		before, stolen := u.sessionCookie(), u.copied()
		u.Clock.Advance(time.Second)
		u.link("idp2", "carol")
		u.signedInAs(id)
		if u.sessionCookie() == before {
			t.Errorf("%s: the session has the same cookie", name)
		}
		stolen.signedInAs("")
	}
}

// The sessions that came from the account end, and those of other accounts and of other
// users go on. The subject at the provider may differ from the ID of the account.
func TestAC09_UnlinkingEndsTheSessionsOfTheAccount(t *testing.T) {
	for name, storage := range userStorages {
		for _, ownID := range []bool{false, true} {
			u := newUsersApp(t, storage, func(c *apptest.Config) {
				if ownID {
					c.Providers[2].Profile = func(_ context.Context, r provider.ProfileRequest) (*provider.User, error) {
						var p struct {
							Sub string `json:"sub"`
						}
						err := r.Profile.Decode(&p)
						return &provider.User{ID: "my-" + p.Sub, Name: p.Sub}, err
					}
				}
			})
			id := u.mustSignIn("idp", "alice")
			u.link("idp2", "carol") // which ends the first session
			account := map[bool]string{true: "my-carol", false: "carol"}[ownID]
			equal(t, "accounts", u.accounts(id), "idp alice", "idp2 "+account)
			byOther, stays, stranger := u.another(), u.another(), u.another()
			if byOther.mustSignIn("idp2", "carol") != id || stays.mustSignIn("idp", "alice") != id {
				t.Fatal("another user")
			}
			strangerID := stranger.mustSignIn("idp2", "bob")
			stolen := byOther.copied()
			u.Clock.Advance(time.Second)
			if err := u.Auth.UnlinkAccount(t.Context(), id, "idp2", account, ""); err != nil {
				t.Fatal(err)
			}
			for what, b := range map[string]*usersApp{"the session that linked it": u, "one of the account": byOther, "a copy": stolen} {
				if b.subject() != "" {
					t.Errorf("%s, own ID %t: %s goes on", name, ownID, what)
				}
			}
			stays.signedInAs(id)
			stranger.signedInAs(strangerID)
			equal(t, "accounts", u.accounts(id), "idp alice")

			// The account is free: it makes another user, whose session goes on.
			if got := u.mustSignIn("idp2", "carol"); got == id {
				t.Error("the account still signs in as the user")
			}
		}
	}
}

// A sign-in with the account is under way.
func TestAC09_UnlinkingDuringASignIn(t *testing.T) {
	for name, storage := range userStorages {
		u := newUsersApp(t, storage)
		id := u.mustSignIn("idp", "alice")
		u.link("idp2", "carol")
		b := u.another()
		*u.during = func() {
			if err := u.Auth.UnlinkAccount(t.Context(), id, "idp2", "carol", ""); err != nil {
				t.Error(err)
			}
			if name == "cookie" { // another user has it by then
				other := &store.Account{AccountKey: store.AccountKey{Provider: "idp2", ProviderAccountID: "carol"}, UserID: u.add(&store.User{Name: "Other"})}
				if err := u.store.Memory.LinkAccount(t.Context(), other); err != nil {
					t.Error(err)
				}
			}
		}
		b.refused(b.signIn("idp2", "carol"), "AccessDenied")
		b.signedInAs("")
	}
}

// A fault leaves the account, or its sessions: a second call ends these too.
func TestAC09_FaultWhileSessionsEnd(t *testing.T) {
	s := apptest.NewStore()
	u := newUsersApp(t, s.Use)
	id := u.mustSignIn("idp", "alice")
	u.link("idp2", "carol")
	s.Fail(apptest.ErrDown)
	if err := u.Auth.UnlinkAccount(t.Context(), id, "idp2", "carol", ""); !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("the error is %v", err)
	}
	s.Fail(nil)
	u.signedInAs(id)
	if err := u.Auth.UnlinkAccount(t.Context(), id, "idp2", "carol", ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the second error is %v", err)
	}
	u.signedInAs("")
}

func TestAC10_OnlyOnesOwnAccount(t *testing.T) {
	u := newUsersApp(t)
	id := u.mustSignIn("idp", "alice")
	u.link("idp2", "alice")
	other := u.another()
	otherID := other.mustSignIn("idp", "bob")
	other.link("idp2", "bob")
	for what, args := range map[string][3]string{
		"of another user":    {id, "idp2", "bob"},
		"of no user":         {id, "idp2", "carol"},
		"without a user":     {"", "idp2", "alice"},
		"without a provider": {id, "", "alice"},
		"without an ID":      {id, "idp2", ""},
		"of an unknown user": {"unknown", "idp2", "alice"},
	} {
		if err := u.Auth.UnlinkAccount(t.Context(), args[0], args[1], args[2], ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := u.Auth.UnlinkAccount(t.Context(), id, "idp2", "alice", "https://other.example"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of another issuer: %v", err)
	}
	equal(t, "accounts", u.accounts(id), "idp alice", "idp2 alice")
	equal(t, "accounts", u.accounts(otherID), "idp bob", "idp2 bob")
	other.signedInAs(otherID)
}

// What counts as a way to sign in, with the providers of today.
func TestAC10_LastWayIn(t *testing.T) {
	gone := store.AccountKey{Provider: "gone", ProviderAccountID: "1"}
	for what, tt := range map[string]struct {
		password string
		linked   []store.AccountKey
		noForm   bool
		ok       bool
	}{
		"the only one":                          {},
		"with another":                          {linked: []store.AccountKey{{Provider: "idp2", ProviderAccountID: "carol"}}, ok: true},
		"with another at the provider":          {linked: []store.AccountKey{{Provider: "idp", ProviderAccountID: "carol"}}, ok: true},
		"with one of a provider that is gone":   {linked: []store.AccountKey{gone}},
		"with a password":                       {password: "hash", ok: true},
		"with a password, without a form":       {password: "hash", noForm: true},
		"with an account that is not a way in":  {linked: []store.AccountKey{{Provider: "credentials", ProviderAccountID: "1"}}},
		"with an address, and no sign-in by it": {},
	} {
		u := newUsersApp(t, func(c *apptest.Config) {
			if tt.noForm {
				c.Providers = c.Providers[1:]
			}
		})
		id := u.mustSignIn("idp", "alice")
		u.change(id, func(row *store.User) { row.PasswordHash = tt.password })
		for _, key := range tt.linked {
			if err := u.store.Memory.LinkAccount(t.Context(), &store.Account{AccountKey: key, UserID: id}); err != nil {
				t.Fatal(err)
			}
		}
		u.calls.take()
		err := u.Auth.UnlinkAccount(t.Context(), id, "idp", "alice", "")
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, nuxtauth.ErrLastWayIn) {
			t.Errorf("%s: %v", what, err)
		}
		if !tt.ok {
			u.signedInAs(id)
			equal(t, what, u.calls.take())
			continue
		}
		equal(t, what, u.calls.take(), "unlinkAccount idp alice")
	}
}

// Two accounts are removed at once, and one stays.
func TestAC10_TwoAtOnce(t *testing.T) {
	for range 20 {
		u := newUsersApp(t)
		id := u.mustSignIn("idp", "alice")
		u.link("idp2", "carol")
		errs := make([]error, 2)
		var wg sync.WaitGroup
		wg.Go(func() { errs[0] = u.Auth.UnlinkAccount(context.Background(), id, "idp", "alice", "") })
		wg.Go(func() { errs[1] = u.Auth.UnlinkAccount(context.Background(), id, "idp2", "carol", "") })
		wg.Wait()
		if n := len(u.accounts(id)); n != 1 || (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("%d accounts are left: %v", n, errs)
		}
	}
	u := newUsersApp(t)
	id := u.mustSignIn("idp", "alice")
	u.link("idp2", "carol")
	u.store.RunBefore("UnlinkAccount", func() {
		if err := u.Auth.UnlinkAccount(t.Context(), id, "idp2", "carol", ""); err != nil {
			t.Error(err)
		}
	})
	if err := u.Auth.UnlinkAccount(t.Context(), id, "idp", "alice", ""); !errors.Is(err, nuxtauth.ErrLastWayIn) {
		t.Errorf("the second is %v", err)
	}
}

// The application learns of each change of the ways to sign in, to tell the owner by mail.
func TestAC11_EventsReportChangesOfAccounts(t *testing.T) {
	u := newUsersApp(t)
	id := u.mustSignIn("idp", "alice")
	u.link("idp2", "carol")
	if err := u.Auth.UnlinkAccount(t.Context(), id, "idp2", "carol", ""); err != nil {
		t.Fatal(err)
	}
	if err := u.Auth.DeleteUser(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	events := slices.DeleteFunc(u.calls.take(), func(s string) bool {
		return strings.HasPrefix(s, "signIn") || strings.HasPrefix(s, "jwt")
	})
	equal(t, "events", events, "createUser Alice", "linkAccount idp alice", "linkAccount idp2 carol", "unlinkAccount idp2 carol", "deleteUser Alice")
}

func TestAC12_DeletedUser(t *testing.T) {
	for _, p := range spoken {
		for name, storage := range userStorages {
			u := newUsersApp(t, storage, speaking(p.Protocol))
			id := u.mustSignIn("idp", "alice")
			u.link("idp2", "carol")
			second, stolen := u.another(), u.copied()
			second.mustSignIn("idp", "alice")
			other := u.another()
			otherID := other.mustSignIn("idp", "bob")
			link := &store.Link{LinkKey: store.LinkKey{Purpose: "reset", Email: "alice@example.com"}, ExpiresAt: u.Clock.Now().Add(time.Hour)}
			if err := u.store.SaveLink(t.Context(), link); err != nil {
				t.Fatal(err)
			}
			u.calls.take()
			u.Clock.Advance(time.Second)
			for range 2 { // the second call does nothing
				if err := u.Auth.DeleteUser(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
			equal(t, "events", u.calls.take(), "deleteUser Alice")
			for _, b := range []*usersApp{u, second, stolen} {
				b.signedInAs("")
			}
			other.signedInAs(otherID)
			if _, err := u.store.FindLink(t.Context(), link.LinkKey); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: a link of the user: %v", name, err)
			}
			if list, err := u.Auth.ListAccounts(t.Context(), id); len(list) != 0 || err != nil {
				t.Errorf("%s: accounts %v, %v", name, list, err)
			}
			res := u.signIn("idp", "alice")
			again := u.subject()
			if again == "" || again == id || !strings.Contains(res.Header.Get("Location"), "/welcome") {
				t.Errorf("%s: the account signs in as %q, to %s", name, again, res.Header.Get("Location"))
			}
			equal(t, name, u.accounts(again), "idp alice")
		}
	}
	u := newUsersApp(t)
	if err := u.Auth.DeleteUser(t.Context(), ""); err == nil {
		t.Error("DeleteUser takes an empty ID")
	}
}

// The client leaves while the user is being deleted.
func TestAC12_RequestEnds(t *testing.T) {
	u := newUsersApp(t)
	id := u.mustSignIn("idp", "alice")
	ctx, leave := context.WithCancel(t.Context())
	u.store.RunBefore("DeleteUser", leave)
	if err := u.Auth.DeleteUser(ctx, id); err != nil {
		t.Error(err)
	}
	u.signedInAs("")
	if _, err := u.store.Memory.FindUser(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the user is still there: %v", err)
	}
}

// A fault at each call of a deletion: the next call deletes what is left.
func TestAC12_Faults(t *testing.T) {
	for _, late := range []bool{false, true} {
		n := 0
		for done := false; !done; {
			n++
			s := apptest.NewStore()
			u := newUsersApp(t, s.Use)
			id := u.mustSignIn("idp", "alice")
			u.store.FailAt(n, late)
			err := u.Auth.DeleteUser(t.Context(), id)
			done = len(u.store.Calls()) < n
			u.store.FailAt(0, false)
			if done == (err != nil) || err != nil && !errors.Is(err, nuxtauth.ErrUnavailable) {
				t.Errorf("late %t, fault %d: %v", late, n, err)
			}
			if err := u.Auth.DeleteUser(t.Context(), id); err != nil {
				t.Error(err)
			}
			u.signedInAs("")
			if got := u.mustSignIn("idp", "alice"); got == id {
				t.Error("the ID is used again")
			}
		}
		if n != 3 {
			t.Errorf("a deletion makes %d calls", n-1)
		}
	}
	s := apptest.NewStore()
	u := newUsersApp(t, s.Use)
	id := u.mustSignIn("idp", "alice")
	s.Fail(apptest.ErrDown)
	if err := u.Auth.DeleteUser(t.Context(), id); !errors.Is(err, nuxtauth.ErrUnavailable) {
		t.Errorf("sessions that can't end: %v", err)
	}
	s.Fail(nil)
	if err := u.Auth.DeleteUser(t.Context(), id); err != nil {
		t.Error(err)
	}
	u.signedInAs("")
}

// Without users, and while their store does not answer.
func TestUsers_ErrorsOfFunctions(t *testing.T) {
	u := newUsersApp(t)
	u.store.Fail(true)
	without := apptest.NewAuth(t)
	for name, call := range map[string]func(a *nuxtauth.Auth[apptest.Token, apptest.Session]) error{
		"ListAccounts": func(a *nuxtauth.Auth[apptest.Token, apptest.Session]) error {
			_, err := a.ListAccounts(t.Context(), "1")
			return err
		},
		"FindAccount": func(a *nuxtauth.Auth[apptest.Token, apptest.Session]) error {
			_, err := a.FindAccount(t.Context(), "1", "idp", "1", "")
			return err
		},
		"UnlinkAccount": func(a *nuxtauth.Auth[apptest.Token, apptest.Session]) error {
			return a.UnlinkAccount(t.Context(), "1", "idp", "1", "")
		},
		"DeleteUser": func(a *nuxtauth.Auth[apptest.Token, apptest.Session]) error { return a.DeleteUser(t.Context(), "1") },
	} {
		if err := call(without); !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), "Config.Accounts") {
			t.Errorf("%s without users: %v", name, err)
		}
		if err := call(u.Auth); !errors.Is(err, nuxtauth.ErrUnavailable) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s, the store is down: %v", name, err)
		}
	}
}

// A change whose answer was lost has no event, and neither has the next call.
func TestUsers_EventsComeAtMostOnce(t *testing.T) {
	u := newUsersApp(t)
	id := u.mustSignIn("idp", "alice")
	u.link("idp2", "carol")
	unlink := func() error { return u.Auth.UnlinkAccount(t.Context(), id, "idp2", "carol", "") }
	remove := func() error { return u.Auth.DeleteUser(t.Context(), id) }
	for _, tt := range []struct {
		name  string
		call  func() error
		at    int // the number of the call that changes
		again error
	}{{"UnlinkAccount", unlink, 1, store.ErrNotFound}, {"DeleteUser", remove, 2, nil}} {
		u.calls.take()
		u.store.FailAt(tt.at, true)
		if err := tt.call(); !errors.Is(err, nuxtauth.ErrUnavailable) {
			t.Errorf("%s, whose answer is lost: %v", tt.name, err)
		}
		u.store.FailAt(0, false)
		if err := tt.call(); !errors.Is(err, tt.again) {
			t.Errorf("%s once more: %v", tt.name, err)
		}
		equal(t, tt.name, u.calls.take())
	}
	u.signedInAs("")
}
