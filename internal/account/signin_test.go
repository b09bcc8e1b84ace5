package account_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

const ada = "ada@example.com"

// linking is a proof of an account that a user asks for.
func linking(userID string, p *account.Proof) *account.Proof {
	p.LinkTo = userID
	return p
}

// verifies is a proof of a provider that says that an address is verified.
func verifies(email string, p *account.Proof) *account.Proof {
	p.User.Email, p.User.EmailVerified, p.VouchesForEmail = email, true, true
	return p
}

// The decisions of sign-ins: of the user Ada, who has proved her address unless it says
// otherwise, with the account 1 at another provider, a password and a link, and of Eve.
func TestResolve_Decisions(t *testing.T) {
	hasAccount := func(a *app, id string) { a.link(id, at("1", "").Account) }
	byAddress := func(c *account.Config) { c.LinkByEmail = true }
	unverified := func(a *app) { a.change("Ada", func(u *store.User) { u.EmailVerified = time.Time{} }) }
	disabled := func(a *app) { a.change("Ada", func(u *store.User) { u.Disabled = true }) }
	answer := func(how account.Resolution, err error) func(c *account.Config) {
		return func(c *account.Config) {
			c.Conflict = func(context.Context, *account.Conflict) (account.Resolution, error) { return how, err }
		}
	}
	removed := []string{"unlink Ada other 1", "update Ada verified=true reclaimed=true removed=1", "sessions of Ada end", "links of ada@example.com end"}
	reclaimed := append([]string{"sessions of Ada end"}, removed...)
	linked := append([]string{"link Ada idp 1"}, reclaimed...)

	for _, tt := range []struct {
		name  string
		proof *account.Proof
		with  func(c *account.Config)
		state func(a *app)

		user     string // the name of the user who signs in, "" for none
		code     string // of the refusal
		events   []string
		accounts []string // of the user
	}{
		// An account that is known.
		{name: "known", proof: at("1", ""), state: func(a *app) { hasAccount(a, "Ada") }, user: "Ada", accounts: []string{"other 1", "idp 1"}},
		{name: "known, with an address that is verified", proof: at("1", ada), state: func(a *app) { hasAccount(a, "Ada") }, user: "Ada", accounts: []string{"other 1", "idp 1"}},
		{name: "known, proves the address", proof: at("1", ada), state: func(a *app) { hasAccount(a, "Ada"); unverified(a) }, user: "Ada", events: reclaimed, accounts: []string{"idp 1"}},
		{name: "known, with the address, no proof", proof: unproved("1", ada), state: func(a *app) { hasAccount(a, "Ada"); unverified(a) }, user: "Ada", accounts: []string{"other 1", "idp 1"}},
		{name: "known, proves another address", proof: at("1", "new@example.com"), state: func(a *app) { hasAccount(a, "Ada"); unverified(a) }, user: "Ada", accounts: []string{"other 1", "idp 1"}},
		{name: "known, verifies no address", proof: verifies("", at("1", "")), state: func(a *app) {
			hasAccount(a, "Ada")
			a.change("Ada", func(u *store.User) { u.Email = "" })
			unverified(a)
		}, user: "Ada", accounts: []string{"other 1", "idp 1"}},
		{name: "known, of a disabled user", proof: at("1", ""), state: func(a *app) { hasAccount(a, "Ada"); disabled(a) }, code: "AccessDenied"},

		// An account that is new, whose address another user has.
		{name: "no proof", proof: unproved("1", ada), code: account.CodeNotLinked},
		{name: "no proof, linked by address", proof: unproved("1", ada), with: byAddress, code: account.CodeNotLinked},
		{name: "no proof, address unverified", proof: unproved("1", ada), with: byAddress, state: unverified, code: account.CodeNotLinked},
		{name: "proof", proof: at("1", ada), code: account.CodeNotLinked},
		{name: "proof, linked by address", proof: at("1", ada), with: byAddress, user: "Ada", events: []string{"link Ada idp 1"}, accounts: []string{"other 1", "idp 1"}},
		{name: "proof, address unverified", proof: at("1", ada), state: unverified, user: "Ada", events: linked, accounts: []string{"idp 1"}},
		{name: "proof, user disabled", proof: at("1", ada), with: byAddress, state: disabled, code: "AccessDenied"},
		{name: "no proof, user disabled", proof: unproved("1", ada), with: answer(0, &provider.Error{Code: "Own"}), state: disabled, code: account.CodeNotLinked},
		{name: "refused", proof: at("1", ada), with: answer(account.Refuse, nil), code: account.CodeNotLinked},
		{name: "refused with a code", proof: at("1", ada), with: answer(0, &provider.Error{Code: "Own"}), code: "Own"},
		{name: "refused with an error", proof: at("1", ada), with: answer(account.LinkAfterProof, errors.New("no")), code: account.CodeNotLinked},
		{name: "after proof, without one", proof: unproved("1", ada), with: answer(account.LinkAfterProof, nil), code: account.CodeNotLinked},

		// An account that the user asks for.
		{name: "linked", proof: linking("Ada", at("1", "")), user: "Ada", events: []string{"link Ada idp 1"}, accounts: []string{"other 1", "idp 1"}},
		{name: "linked, own address", proof: linking("Ada", at("1", ada)), user: "Ada", events: []string{"link Ada idp 1"}, accounts: []string{"other 1", "idp 1"}},
		{name: "linked, another address", proof: linking("Ada", at("1", "new@example.com")), user: "Ada", events: []string{"link Ada idp 1"}, accounts: []string{"other 1", "idp 1"}},
		{name: "linked, another address, unverified", proof: linking("Ada", at("1", "new@example.com")), state: unverified, user: "Ada", events: []string{"link Ada idp 1"}, accounts: []string{"other 1", "idp 1"}},
		{name: "linked, address of another", proof: linking("Ada", at("1", "eve@example.com")), code: account.CodeNotLinked},
		{name: "linked, address of another, no proof", proof: linking("Ada", unproved("1", "eve@example.com")), code: account.CodeNotLinked},
		{name: "linked already", proof: linking("Ada", at("1", "")), state: func(a *app) { hasAccount(a, "Ada") }, user: "Ada", accounts: []string{"other 1", "idp 1"}},
		{name: "linked to another", proof: linking("Ada", at("1", "")), state: func(a *app) { hasAccount(a, "Eve") }, code: account.CodeNotLinked},
		{name: "linked to no user", proof: linking("Bob", at("1", "")), code: account.CodeNotLinked},
		{name: "linked to a disabled user", proof: linking("Ada", at("1", "")), state: disabled, code: "AccessDenied"},
		{
			name: "linked, proves the address", proof: linking("Ada", at("1", ada)), state: unverified, user: "Ada",
			events: []string{"link Ada idp 1", "update Ada verified=true reclaimed=false removed=0"}, accounts: []string{"other 1", "idp 1"},
		},
		{name: "linked, own address, no proof", proof: linking("Ada", unproved("1", ada)), state: unverified, user: "Ada", events: []string{"link Ada idp 1"}, accounts: []string{"other 1", "idp 1"}},

		// A form, and a link.
		{name: "form", proof: atForm("Ada"), user: "Ada", accounts: []string{"other 1"}},
		{name: "form, with the address", proof: verifies(ada, atForm("Ada")), state: unverified, user: "Ada", accounts: []string{"other 1"}},
		{name: "form, unknown user", proof: atForm("Bob"), code: "AccessDenied"},
		{name: "form, disabled", proof: atForm("Ada"), state: disabled, code: "AccessDenied"},
		{name: "by link", proof: byEmail(ada), user: "Ada", events: []string{"update Ada verified=true reclaimed=false removed=0"}, accounts: []string{"other 1"}},
		{name: "by link, unverified", proof: byEmail(ada), state: unverified, user: "Ada", events: reclaimed},
		{name: "by link, disabled", proof: byEmail(ada), state: disabled, code: "AccessDenied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			with := func(*account.Config) {}
			if tt.with != nil {
				with = tt.with
			}
			a := newApp(t, with)
			a.add(store.User{Name: "Ada", Email: ada, EmailVerified: a.now.Add(-time.Hour), PasswordHash: "hash"}, "1")
			a.add(store.User{Name: "Eve", Email: "eve@example.com", EmailVerified: a.now.Add(-time.Hour)})
			if tt.state != nil {
				tt.state(a)
			}
			before, had := a.user("Ada"), a.accounts("Ada")
			r, err := a.Resolve(a.ctx, tt.proof)
			if code(err) != tt.code {
				t.Fatalf("the error is %v, want %q", err, tt.code)
			}
			equal(t, "events", a.took(), tt.events...)
			if tt.user == "" {
				if r.User != nil || r.LinkAfterProof {
					t.Errorf("refused, and the result is %+v", r)
				}
				tt.accounts = had
			} else if r.User.Name != tt.user || !r.New || r.LinkAfterProof {
				t.Errorf("the result is %+v", r)
			}
			equal(t, "accounts", a.accounts("Ada"), tt.accounts...)

			after, wantVerified := a.user("Ada"), before.EmailVerified
			if strings.Contains(strings.Join(tt.events, " "), "verified=true") {
				wantVerified = a.now
			}
			if !after.EmailVerified.Equal(wantVerified) || r.User != nil && r.User.EmailVerified != !wantVerified.IsZero() {
				t.Errorf("the address is verified at %v, want %v; the result is %+v", after.EmailVerified, wantVerified, r.User)
			}
			if gone := strings.Contains(strings.Join(tt.events, " "), "reclaimed=true"); gone != (after.PasswordHash == "") {
				t.Errorf("the password is %q", after.PasswordHash)
			}
		})
	}
}

// link stores an account of a user.
func (a *app) link(id string, of *provider.Account) {
	a.Helper()
	if err := a.store.Memory.LinkAccount(a.Context(), &store.Account{AccountKey: account.Key(of), UserID: id}); err != nil {
		a.Fatal(err)
	}
}

func TestResolve_Conflict(t *testing.T) {
	for _, proved := range []bool{false, true} {
		var got *account.Conflict
		a := newApp(t, func(c *account.Config) {
			c.Conflict = func(_ context.Context, conflict *account.Conflict) (account.Resolution, error) {
				got = conflict
				return account.LinkAfterProof, nil
			}
		})
		a.add(store.User{Name: "Ada", Email: ada, EmailVerified: a.now})
		p := at("1", ada)
		p.VouchesForEmail = proved
		p.Profile = provider.Profile(`{"sub":"1"}`)
		r, err := a.Resolve(t.Context(), p)
		if got == nil || got.User.ID != "Ada" || got.Account != p.Account || string(got.Profile) != `{"sub":"1"}` || got.Proved != proved {
			t.Errorf("the conflict is %+v", got)
		}
		if proved && (err != nil || !r.LinkAfterProof || r.User.ID != "Ada") || !proved && code(err) != account.CodeNotLinked {
			t.Errorf("proved %t: %+v, %v", proved, r, err)
		}
		if err := a.LinkPending(t.Context(), "Ada", "Ada@Example.com", p.Account); err != nil {
			t.Error(err)
		}
		equal(t, "accounts", a.accounts("Ada"), "idp 1")
		equal(t, "events", a.took(), "link Ada idp 1")
		if rows, err := a.List(t.Context(), "Ada"); err != nil || rows[0].Email != ada {
			t.Errorf("the account is %+v, %v", rows[0], err)
		}
		if err := a.LinkPending(t.Context(), "Ada", ada, p.Account); err == nil {
			t.Error("the account is linked twice")
		}
		if err := a.LinkPending(t.Context(), "Bob", ada, p.Account); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("linked to no user: %v", err)
		}
	}
}

// A user is made of what the provider says.
func TestResolve_NewUser(t *testing.T) {
	for what, tt := range map[string]struct {
		proof    *account.Proof
		email    string
		verified bool
	}{
		"no address":          {at("1", ""), "", false},
		"proof":               {at("1", ada), ada, true},
		"proof, in capitals":  {at("1", "ADA-Z@Example.COM"), "ada-z@example.com", true},
		"no proof":            {unproved("1", ada), ada, false},
		"says not verified":   {func() *account.Proof { p := at("1", ada); p.User.EmailVerified = false; return p }(), ada, false},
		"full width":          {at("1", "ａda@example.com"), ada, false}, // may be the address of another person
		"Kelvin sign":         {at("1", "\u212aate@example.com"), "kate@example.com", false},
		"micro sign":          {at("1", "\u00b5@example.com"), "\u03bc@example.com", false}, // Greek mu
		"capital umlaut":      {at("1", "\u00dcmit@example.com"), "\u00fcmit@example.com", false},
		"umlaut":              {at("1", "\u00fcmit@example.com"), "\u00fcmit@example.com", true},
		"another dot":         {at("1", "ada@example．com"), ada, false},
		"no address, a name":  {at("1", "Ada <ada@example.com>"), "", false},
		"international":       {at("1", "ada@bücher.example"), "ada@xn--bcher-kva.example", false},
		"international, ours": {at("1", "ada@xn--bcher-kva.example"), "ada@xn--bcher-kva.example", true},
	} {
		a := newApp(t)
		tt.proof.User.Image = "https://img.example/1"
		r, err := a.Resolve(a.ctx, tt.proof)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		equal(t, what, a.took(), "create 1", "link 1 idp 1")
		u := a.user(r.User.ID)
		wantTime := time.Time{}
		if tt.verified {
			wantTime = a.now
		}
		if !r.New || u.Name != "1" || u.Image != "https://img.example/1" || u.Email != tt.email || !u.EmailVerified.Equal(wantTime) || r.User.EmailVerified != tt.verified {
			t.Errorf("%s: %+v, as a result %+v", what, u, r)
		}
		rows, err := a.List(t.Context(), u.ID)
		if err != nil || len(rows) != 1 || rows[0].AccountKey != account.Key(tt.proof.Account) || rows[0].Type != "oidc" || rows[0].Email != tt.email {
			t.Errorf("%s: accounts %+v, %v", what, rows, err)
		}
		a.signedInBefore(u.ID)
		if r, err := a.Resolve(t.Context(), tt.proof); err != nil || r.New || r.User.ID != u.ID {
			t.Errorf("%s: the second sign-in is %+v, %v", what, r, err)
		}
	}
	a := newApp(t)
	r, err := a.Resolve(a.ctx, byEmail(ada))
	if u := a.user(r.User.ID); err != nil || !r.New || u.Email != ada || !u.EmailVerified.Equal(a.now) || !r.User.EmailVerified {
		t.Errorf("by link: %+v, %v", u, err)
	}
	equal(t, "by link", a.took(), "create ")
	equal(t, "by link", a.accounts(r.User.ID))
}

// A name that a column can't take is cut between two characters.
func TestResolve_LongNames(t *testing.T) {
	const most = store.MaxUserText
	for _, tt := range []struct{ given, want string }{
		{"Ada", "Ada"},
		{strings.Repeat("a", most), strings.Repeat("a", most)},
		{strings.Repeat("a", most+1), strings.Repeat("a", most)},
		{strings.Repeat("a", most-1) + "é", strings.Repeat("a", most-1)},
		{strings.Repeat("a", most-2) + "éa", strings.Repeat("a", most-2) + "é"},
		{strings.Repeat("a", most-3) + "𝄞", strings.Repeat("a", most-3)},
		{strings.Repeat("\x80", most+1), ""},
	} {
		p := at("1", "")
		p.User.Name = tt.given
		r, err := newApp(t).Resolve(t.Context(), p)
		if err != nil || r.User.Name != tt.want {
			t.Errorf("%q: %v, %+v", tt.given, err, r.User)
		}
	}
}

// What Find has found is not looked for again, unless it was overtaken.
func TestResolve_UsesWhatWasFound(t *testing.T) {
	a := newApp(t)
	a.add(store.User{Name: "Ada", Email: ada, EmailVerified: a.now})
	p := byEmail(ada)
	if _, err := a.Find(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	a.store.Calls()
	a.store.RunBefore("VerifyEmail", func() { a.give(ada) })
	r, err := a.Resolve(t.Context(), p)
	if err != nil || r.User.Name != "Eve" {
		t.Errorf("%+v, %v", r.User, err)
	}
	equal(t, "calls", a.store.Calls(), "VerifyEmail", "FindUserByEmail", "VerifyEmail")
}

// Two requests change the same, and one is first: the other decides anew.
func TestResolve_Races(t *testing.T) {
	byAddress := func(c *account.Config) { c.LinkByEmail = true }
	for what, tt := range map[string]struct {
		proof  *account.Proof
		with   func(*account.Config)
		method string
		other  func(a *app)
		want   string // the user
	}{
		"account, at CreateUser":       {at("1", ""), nil, "CreateUser", func(a *app) { a.add(store.User{Name: "Bob"}); a.link("Bob", at("1", "").Account) }, "Bob"},
		"address, at CreateUser":       {at("1", "new@example.com"), byAddress, "CreateUser", func(a *app) { a.add(store.User{Name: "Bob", Email: "new@example.com", EmailVerified: a.now}) }, "Bob"},
		"address, by link":             {byEmail("new@example.com"), nil, "CreateUser", func(a *app) { a.add(store.User{Name: "Bob", Email: "new@example.com", EmailVerified: a.now}) }, "Bob"},
		"account, at FindUserByEmail":  {at("1", ada), nil, "FindUserByEmail", func(a *app) { a.link("Ada", at("1", "").Account) }, "Ada"},
		"account, at LinkAccount":      {at("1", ada), byAddress, "LinkAccount", func(a *app) { a.link("Eve", at("1", "").Account) }, "Eve"},
		"user deleted, at LinkAccount": {at("1", ada), byAddress, "LinkAccount", func(a *app) { a.store.Memory.DeleteUser(a.Context(), "Ada") }, "1"},
		"user deleted, at VerifyEmail": {byEmail(ada), nil, "VerifyEmail", func(a *app) { a.store.Memory.DeleteUser(a.Context(), "Ada") }, ""},
	} {
		with := func(*account.Config) {}
		if tt.with != nil {
			with = tt.with
		}
		a := newApp(t, with)
		a.add(store.User{Name: "Ada", Email: ada, EmailVerified: a.now})
		a.add(store.User{Name: "Eve"})
		a.store.RunBefore(tt.method, func() { tt.other(a) })
		if r, err := a.Resolve(t.Context(), tt.proof); err != nil || r.User.Name != tt.want {
			t.Errorf("%s: %+v, %v", what, r.User, err)
		}
	}
}

// racing is a store in which another request is first each time.
type racing struct{ *apptest.UserStore }

func (racing) CreateUser(context.Context, *store.User, *store.Account) error {
	return store.ErrAccountTaken
}

func TestResolve_RacesEnd(t *testing.T) {
	a := newApp(t, func(c *account.Config) { c.Store = racing{apptest.UseUsers(&apptest.Config{})} })
	if r, err := a.Resolve(t.Context(), at("1", "")); code(err) != "fault" || r.User != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// A fault at each call: nothing is half done that the next attempt does not finish.
func TestResolve_Faults(t *testing.T) {
	for what, tt := range map[string]struct {
		proof func() *account.Proof
		with  func(*account.Config)
	}{
		"new user":            {proof: func() *account.Proof { return at("1", "new@example.com") }},
		"new user, by link":   {proof: func() *account.Proof { return byEmail("new@example.com") }},
		"address of another":  {proof: func() *account.Proof { return at("1", ada) }, with: func(c *account.Config) { c.LinkByEmail = true }},
		"unproved of another": {proof: func() *account.Proof { return at("1", "eve@example.com") }},
		"by link":             {proof: func() *account.Proof { return byEmail("eve@example.com") }},
		"by form":             {proof: func() *account.Proof { return atForm("Ada") }},
		"known":               {proof: func() *account.Proof { return at("3", "eve@example.com") }},
		"linked":              {proof: func() *account.Proof { return linking("Eve", at("1", "eve@example.com")) }},
		"linked, new address": {proof: func() *account.Proof { return linking("Eve", at("1", "new@example.com")) }},
	} {
		with := func(*account.Config) {}
		if tt.with != nil {
			with = tt.with
		}
		for n, done := 1, false; !done; n++ {
			a := newApp(t, with)
			a.add(store.User{Name: "Ada", Email: ada, EmailVerified: a.now})
			a.add(store.User{Name: "Eve", Email: "eve@example.com"}, "1")
			a.link("Eve", at("3", "").Account)
			a.store.FailAt(n, false)
			r, err := a.Resolve(t.Context(), tt.proof())
			calls := a.store.Calls()
			if done = len(calls) < n; done != (err == nil) || !done && (code(err) != "fault" || r.User != nil) {
				t.Errorf("%s, a fault of call %d of %v: %+v, %v", what, n, calls, r, err)
			}
			a.store.FailAt(0, false)
			if r, err := a.Resolve(t.Context(), tt.proof()); err != nil || r.User == nil {
				t.Errorf("%s, after a fault of %v: %v", what, calls, err)
			}
		}
	}
}

// After a fault while the sessions or links of before end, the address counts as unproved: the
// next proof removes them.
func TestVerify_FaultsOfWhatHasToEnd(t *testing.T) {
	down := errors.New("down")
	for what, tt := range map[string]struct {
		fail  func(a *app)
		later bool // the address was proved once more meanwhile
		left  bool // the accounts are still there
	}{
		"sessions, before": {fail: func(a *app) { a.endFails = []error{down} }, left: true},
		"sessions, after":  {fail: func(a *app) { a.endFails = []error{nil, down} }},
		"links":            {fail: func(a *app) { a.links.faults["DeleteLinks"] = down }},
		"proved again":     {fail: func(a *app) { a.endFails = []error{nil, down} }, later: true},
	} {
		a := newApp(t)
		a.add(store.User{Name: "Ada", Email: ada}, "1")
		tt.fail(a)
		proof := a.now
		if tt.later {
			a.store.RunBefore("UpdateUser", func() {
				a.change("Ada", func(u *store.User) { u.EmailVerified = proof.Add(time.Second) })
			})
		}
		if _, err := a.Resolve(a.Context(), byEmail(ada)); !errors.Is(err, down) {
			t.Errorf("%s: %v", what, err)
		}
		if u := a.user("Ada"); u.EmailVerified.IsZero() == tt.later {
			t.Errorf("%s: the address is verified at %v", what, u.EmailVerified)
		}
		if left := len(a.accounts("Ada")) == 1; left != tt.left {
			t.Errorf("%s: the accounts are left: %t", what, left)
		}
	}
	a := newApp(t, func(c *account.Config) { c.Links = nil })
	a.add(store.User{Name: "Ada", Email: ada}, "1")
	if _, err := a.Resolve(a.ctx, byEmail(ada)); err != nil {
		t.Errorf("without links: %v", err)
	}
	equal(t, "without links", a.took(), "sessions of Ada end", "unlink Ada other 1", "update Ada verified=true reclaimed=true removed=1", "sessions of Ada end")

	a = newApp(t, func(c *account.Config) { c.Links = nil })
	a.add(store.User{Name: "Ada", Email: ada}, "1")
	a.endFails = []error{nil, down}
	a.store.FailAt(3, false) // UpdateUser
	if _, err := a.Resolve(a.Context(), byEmail(ada)); !errors.Is(err, down) || !errors.Is(err, apptest.ErrDown) {
		t.Errorf("both fail: %v", err)
	}
}

// An address that the user gives up while an account is linked is not verified by it.
func TestResolve_LinkedWhileTheAddressChanges(t *testing.T) {
	a := newApp(t)
	a.add(store.User{Name: "Ada", Email: ada})
	a.store.RunBefore("UpdateUser", func() { a.change("Ada", func(u *store.User) { u.Email = "new@example.com" }) })
	if _, err := a.Resolve(a.ctx, linking("Ada", at("1", ada))); err != nil {
		t.Error(err)
	}
	if u := a.user("Ada"); !u.EmailVerified.IsZero() {
		t.Errorf("%s is verified", u.Email)
	}
}

// mixedCase is a store of another system, which finds the user of an address in another case.
type mixedCase struct{ *apptest.UserStore }

func (s mixedCase) FindUserByEmail(ctx context.Context, _ string) (*store.User, error) {
	return s.Memory.FindUser(ctx, "Ada")
}

func TestResolve_LinkedWithTheOwnAddressInAnotherCase(t *testing.T) {
	a := newApp(t)
	b := newApp(t, func(c *account.Config) { c.Store = mixedCase{a.store} })
	a.add(store.User{Name: "Ada", Email: "ada@old.example"})
	if r, err := b.Resolve(b.ctx, linking("Ada", at("1", ada))); err != nil || r.User.Name != "Ada" {
		t.Errorf("%+v, %v", r.User, err)
	}
}

// The own address is not looked for.
func TestResolve_CallsOfLinking(t *testing.T) {
	a := newApp(t)
	a.add(store.User{Name: "Ada", Email: ada, EmailVerified: a.now})
	if _, err := a.Resolve(t.Context(), linking("Ada", at("1", ada))); err != nil {
		t.Error(err)
	}
	equal(t, "calls", a.store.Calls(), "FindUserByAccount", "FindUser", "LinkAccount")
}

// The session of the user has ended while the account was linked.
func TestUndo(t *testing.T) {
	for what, tt := range map[string]struct {
		proof *account.Proof
		state func(a *app)
		want  error
		left  []string
	}{
		"linked":           {proof: linking("Ada", at("1", ""))},
		"removed already":  {proof: linking("Ada", at("1", "")), state: func(a *app) { a.store.Memory.DeleteUser(a.Context(), "Ada") }},
		"a fault":          {proof: linking("Ada", at("1", "")), state: func(a *app) { a.store.Fail(true) }, want: apptest.ErrDown, left: []string{"idp 1"}},
		"no link, sign-in": {proof: at("1", ada), left: []string{"idp 1"}},
	} {
		a := newApp(t, func(c *account.Config) { c.LinkByEmail = true })
		a.add(store.User{Name: "Ada", Email: ada, EmailVerified: a.now})
		r, err := a.Resolve(t.Context(), tt.proof)
		if err != nil {
			t.Fatal(err)
		}
		a.took()
		if tt.state != nil {
			tt.state(a)
		}
		ctx, leave := context.WithCancel(t.Context())
		leave() // the request has ended
		if err := a.Undo(ctx, tt.proof, r); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", what, err)
		}
		var events []string
		if what == "linked" {
			events = []string{"unlink Ada idp 1"}
		}
		equal(t, what, a.took(), events...)
		if what != "removed already" {
			equal(t, what, a.accounts("Ada"), tt.left...)
		}
	}
}

// Events that the application does not have are left out.
func TestResolve_WithoutEvents(t *testing.T) {
	a := newApp(t, func(c *account.Config) { c.Events = account.Events{} })
	r, err := a.Resolve(t.Context(), at("1", ada))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Resolve(t.Context(), byEmail(ada)); err != nil {
		t.Error(err)
	}
	if err := a.Delete(t.Context(), r.User.ID); err != nil {
		t.Error(err)
	}
}
