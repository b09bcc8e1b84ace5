package account_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// An app is what an application gives to the decisions: a store in memory, a clock that
// stands still, and events, which are recorded with the ends of sessions and of links. After
// the first event but LinkAccount the request has ended.
type app struct {
	*testing.T
	*account.Accounts
	store *apptest.UserStore
	links *links
	now   time.Time
	log   strings.Builder

	happened []string
	ctx      context.Context //nolint:containedctx // of the request, which ends in the middle
	leave    func()          // ends it
	endFails []error         // of the next calls of EndSessions
}

func newApp(t *testing.T, change ...func(*account.Config)) *app {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	a := &app{T: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ctx: ctx, leave: leave}
	now := func() time.Time { return a.now }
	a.store = apptest.UseUsers(&apptest.Config{Now: now})
	a.links = &links{Memory: a.store.Memory, app: a, faults: map[string]error{}}
	note := func(ctx context.Context, format string, args ...any) {
		if ctx.Err() != nil {
			t.Errorf("%s, with a context that has ended", format)
		}
		a.happened = append(a.happened, fmt.Sprintf(format, args...))
	}
	cfg := account.Config{
		Store: a.store, Links: a.links, LinkSecrets: []string{"secret"}, Now: now, Log: slog.New(slog.NewTextHandler(&a.log, nil)),
		Ways: account.Ways{Provider: func(id string) bool { return id != "gone" }},
		EndSessions: func(ctx context.Context, id string) error {
			note(ctx, "sessions of %s end", a.name(id))
			if len(a.endFails) == 0 {
				return nil
			}
			err := a.endFails[0]
			a.endFails = a.endFails[1:]
			return err
		},
		Events: account.Events{
			CreateUser: func(ctx context.Context, u *provider.User) { note(ctx, "create %s", u.Name); leave() },
			UpdateUser: func(ctx context.Context, e *account.Update) {
				note(ctx, "update %s verified=%t reclaimed=%t removed=%d", e.User.Name, e.User.EmailVerified, e.Reclaimed, len(e.Removed))
				leave()
			},
			LinkAccount: func(ctx context.Context, e *account.Linked) {
				note(ctx, "link %s %s %s", e.User.Name, e.Account.Provider, e.Account.ProviderAccountID)
			},
			UnlinkAccount: func(ctx context.Context, e *account.Unlinked) {
				note(ctx, "unlink %s %s %s", e.User.Name, e.Account.Provider, e.Account.ProviderAccountID)
				leave()
			},
			DeleteUser: func(ctx context.Context, u *provider.User) { note(ctx, "delete %s", u.Name); leave() },
		},
		Mail: account.Mail{
			Link: func(_ context.Context, l mail.Link) (mail.Message, error) {
				return mail.Message{Subject: string(l.Purpose), Text: l.URL, HTML: l.Lifetime.String() + " " + l.Site.Name}, nil
			},
			Send: func(context.Context, mail.Message) error { return nil },
			Site: mail.Site{Name: "Acme"},
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	a.Accounts = account.New(cfg)
	return a
}

// took returns what has happened since the last call.
func (a *app) took() []string {
	list := a.happened
	a.happened = nil
	return list
}

// add stores a user, whose ID is the name, with accounts at the provider "other".
func (a *app) add(u store.User, accounts ...string) *store.User {
	a.Helper()
	u.ID = u.Name
	err := a.store.Memory.CreateUser(a.Context(), &u, nil)
	for _, id := range accounts {
		key := store.AccountKey{Provider: "other", ProviderAccountID: id}
		err = errors.Join(err, a.store.Memory.LinkAccount(a.Context(), &store.Account{AccountKey: key, UserID: u.ID}))
	}
	if err != nil {
		a.Fatal(err)
	}
	return &u
}

// user is a user as it is stored.
func (a *app) user(id string) *store.User {
	a.Helper()
	u, err := a.store.Memory.FindUser(a.Context(), id)
	if err != nil {
		a.Fatal(err)
	}
	return u
}

func (a *app) name(id string) string {
	u, err := a.store.Memory.FindUser(a.Context(), id)
	if err != nil {
		return id
	}
	return u.Name
}

// change changes a user in the store.
func (a *app) change(id string, f func(*store.User)) {
	a.Helper()
	if _, err := a.store.Memory.UpdateUser(a.Context(), id, func(u *store.User) error { f(u); return nil }); err != nil {
		a.Fatal(err)
	}
}

// accounts are the accounts of a user, such as "idp 1".
func (a *app) accounts(id string) (list []string) {
	a.Helper()
	rows, err := a.store.Memory.ListAccounts(a.Context(), id)
	if err != nil {
		a.Fatal(err)
	}
	for _, row := range rows {
		list = append(list, row.Provider+" "+row.ProviderAccountID)
	}
	return list
}

// links are the links of a store, with faults by method.
type links struct {
	*store.Memory
	app    *app
	faults map[string]error
	calls  []string
}

func (l *links) do(ctx context.Context, method string) error {
	l.calls = append(l.calls, method)
	return errors.Join(ctx.Err(), l.faults[method])
}

func (l *links) SaveLink(ctx context.Context, link *store.Link) error {
	if err := l.do(ctx, "SaveLink"); err != nil {
		return err
	}
	return l.Memory.SaveLink(ctx, link)
}

func (l *links) FindLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if err := l.do(ctx, "FindLink"); err != nil {
		return nil, err
	}
	return l.Memory.FindLink(ctx, key)
}

func (l *links) TakeLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	if err := l.do(ctx, "TakeLink"); err != nil {
		return nil, err
	}
	return l.Memory.TakeLink(ctx, key)
}

func (l *links) DeleteLinks(ctx context.Context, email string) error {
	l.app.happened = append(l.app.happened, "links of "+email+" end")
	if err := l.do(ctx, "DeleteLinks"); err != nil {
		return err
	}
	return l.Memory.DeleteLinks(ctx, email)
}

// at is a proof of an account at the provider "idp", which vouches for addresses, of a user
// with the same name.
func at(id, email string) *account.Proof {
	return &account.Proof{
		Kind: account.AtProvider, User: &provider.User{ID: id, Name: id, Email: email, EmailVerified: email != ""}, VouchesForEmail: true,
		Account: &provider.Account{Provider: "idp", Type: provider.TypeOIDC, ProviderAccountID: id, Issuer: "https://idp.example"},
	}
}

// unproved is at, of an address that the provider does not vouch for.
func unproved(id, email string) *account.Proof {
	p := at(id, email)
	p.VouchesForEmail = false
	return p
}

func atForm(id string) *account.Proof {
	return &account.Proof{
		Kind: account.AtForm, User: &provider.User{ID: id}, Account: &provider.Account{Provider: "credentials", Type: provider.TypeCredentials},
		Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func byEmail(email string) *account.Proof {
	return &account.Proof{Kind: account.ByEmail, User: &provider.User{ID: email, Email: email}, Account: &provider.Account{Provider: "email", Type: provider.TypeEmail}}
}

// code is that of an error: "fault" for one that refuses nothing.
func code(err error) string {
	if err == nil {
		return ""
	}
	if refused, ok := errors.AsType[*provider.Error](err); ok {
		return refused.Code
	}
	return "fault"
}

// equal checks a list.
func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// The SignIn callback gets the user of the store.
func TestFind(t *testing.T) {
	a := newApp(t)
	a.add(store.User{Name: "Ada", Email: "ada@example.com", Image: "https://img.example/a", Extra: []byte(`{"a":1}`), EmailVerified: a.now})
	key := account.Key(at("1", "").Account)
	if err := a.store.Memory.LinkAccount(t.Context(), &store.Account{AccountKey: key, UserID: "Ada"}); err != nil {
		t.Fatal(err)
	}
	for what, p := range map[string]*account.Proof{"account": at("1", ""), "form": atForm("Ada"), "address": byEmail("ada@example.com")} {
		u, err := a.Find(t.Context(), p)
		if err != nil || u == nil || u.ID != "Ada" || u.Name != "Ada" || u.Email != "ada@example.com" || !u.EmailVerified || u.Image == "" || string(u.Extra) != `{"a":1}` {
			t.Errorf("%s: %+v, %v", what, u, err)
		}
	}
	other := at("1", "ada@example.com")
	other.Account.Issuer = "https://other.example"
	for what, p := range map[string]*account.Proof{
		"account": at("2", "ada@example.com"), "provider": {Kind: account.AtProvider, Account: &provider.Account{Provider: "other", ProviderAccountID: "1"}},
		"issuer": other, "form": atForm("Eve"), "address": byEmail("eve@example.com"),
	} {
		if u, err := a.Find(t.Context(), p); u != nil || err != nil {
			t.Errorf("another %s: %+v, %v", what, u, err)
		}
	}
	a.store.Fail(true)
	for what, p := range map[string]*account.Proof{"account": at("1", ""), "form": atForm("Ada"), "address": byEmail("ada@example.com")} {
		if u, err := a.Find(t.Context(), p); u != nil || code(err) != "fault" {
			t.Errorf("%s, the store is down: %+v, %v", what, u, err)
		}
	}
}

// ambiguousStore has several users with each address.
type ambiguousStore struct{ *apptest.UserStore }

func (ambiguousStore) FindUserByEmail(context.Context, string) (*store.User, error) {
	return nil, store.ErrAmbiguousEmail
}

func TestSignIn_AmbiguousAddressIsRefused(t *testing.T) {
	a := newApp(t)
	b := newApp(t, func(c *account.Config) { c.Store = ambiguousStore{a.store} })
	a.add(store.User{Name: "Ada"})
	linking := at("1", "ada@example.com")
	linking.LinkTo = "Ada"
	for what, p := range map[string]*account.Proof{"by link": byEmail("ada@example.com"), "new account": at("1", "ada@example.com"), "linked account": linking} {
		if _, err := b.Resolve(t.Context(), p); code(err) != account.CodeNotLinked || !errors.Is(err, store.ErrAmbiguousEmail) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := b.Find(t.Context(), byEmail("ada@example.com")); code(err) != account.CodeNotLinked {
		t.Errorf("find: %v", err)
	}
	if r, err := b.Resolve(t.Context(), at("1", "")); err != nil || r.User.Email != "" {
		t.Errorf("without an address: %+v, %v", r.User, err)
	}
}

// The user may change between the decision and the session.
func TestConfirm(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 500_900, time.UTC) // stores keep milliseconds
	verified := func(at time.Time) func(*app) {
		return func(a *app) { a.change("Ada", func(u *store.User) { u.EmailVerified = at }) }
	}
	for what, tt := range map[string]struct {
		proof  *account.Proof
		change func(a *app)
		want   string
	}{
		"the same user":       {proof: atForm("Ada"), change: func(*app) {}},
		"deleted":             {atForm("Ada"), func(a *app) { a.store.Memory.DeleteUser(a.Context(), "Ada") }, "AccessDenied"},
		"disabled":            {atForm("Ada"), func(a *app) { a.change("Ada", func(u *store.User) { u.Disabled = true }) }, "AccessDenied"},
		"another user":        {byEmail("ada@example.com"), func(a *app) { a.give("ada@example.com") }, "AccessDenied"},
		"no user":             {byEmail("ada@example.com"), func(a *app) { a.change("Ada", func(u *store.User) { u.Email = "" }) }, "AccessDenied"},
		"the store is down":   {atForm("Ada"), func(a *app) { a.store.Fail(true) }, "fault"},
		"proved before":       {proof: atForm("Ada"), change: verified(since.Add(-time.Millisecond))},
		"proved since":        {atForm("Ada"), verified(since.Add(time.Second)), "AccessDenied"},
		"proved as it came":   {atForm("Ada"), verified(since), "AccessDenied"},
		"proved, by the link": {proof: byEmail("ada@example.com"), change: verified(since.Add(time.Second))},
		"first at the moment": {proof: atForm("Ada"), change: func(a *app) { a.store.RunBefore("UpdateUser", func() { a.signedInBefore("Ada") }) }},
		"deleted as it begins": {atForm("Ada"), func(a *app) {
			a.store.RunBefore("UpdateUser", func() { a.store.Memory.DeleteUser(a.Context(), "Ada") })
		}, "AccessDenied"},
		"disabled as it begins": {atForm("Ada"), func(a *app) {
			a.store.RunBefore("UpdateUser", func() { a.change("Ada", func(u *store.User) { u.Disabled = true }) })
		}, "AccessDenied"},
	} {
		a := newApp(t)
		a.add(store.User{Name: "Ada", Email: "ada@example.com"})
		tt.proof.Since = since
		r := account.Result{User: &provider.User{ID: "Ada"}}
		tt.change(a)
		if err := a.Confirm(t.Context(), tt.proof, r); code(err) != tt.want {
			t.Errorf("%s: %v, want %q", what, err, tt.want)
		}
		a.store.Fail(false)
		u, err := a.store.Memory.FindUser(t.Context(), "Ada")
		if err != nil {
			continue
		}
		want := a.now
		switch {
		case what == "first at the moment":
			want = a.now.Add(-time.Hour)
		case tt.want != "" && what != "disabled as it begins":
			want = time.Time{}
		}
		if !u.FirstSignIn.Equal(want) {
			t.Errorf("%s: the first sign-in was at %v, want %v", what, u.FirstSignIn, want)
		}
	}
}

// give gives an address to another user.
func (a *app) give(email string) {
	a.change("Ada", func(u *store.User) { u.Email = "" })
	a.add(store.User{Name: "Eve", Email: email})
}

func (a *app) signedInBefore(id string) {
	a.change(id, func(u *store.User) { u.FirstSignIn = a.now.Add(-time.Hour) })
}

// A first sign-in that can't be noted is complete, and the next is the first once more.
func TestConfirm_FaultOfTheFirstSignIn(t *testing.T) {
	a := newApp(t)
	a.add(store.User{Name: "Ada"})
	a.store.FailAt(2, false)
	if err := a.Confirm(t.Context(), atForm("Ada"), account.Result{User: &provider.User{ID: "Ada"}}); err != nil || !strings.Contains(a.log.String(), "could not be noted") {
		t.Errorf("error %v, log %q", err, a.log.String())
	}
	a.store.FailAt(0, false)
	if r, err := a.Resolve(t.Context(), atForm("Ada")); err != nil || !r.New {
		t.Errorf("the next sign-in: %+v, %v", r, err)
	}
}

// The second sign-in is not noted.
func TestConfirm_LaterSignIns(t *testing.T) {
	a := newApp(t)
	a.add(store.User{Name: "Ada"})
	a.signedInBefore("Ada")
	if err := a.Confirm(t.Context(), atForm("Ada"), account.Result{User: &provider.User{ID: "Ada"}}); err != nil {
		t.Error(err)
	}
	equal(t, "calls", a.store.Calls(), "FindUser")
}
