package account_test

import (
	"errors"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

// What is left to sign in with decides.
func TestUnlink(t *testing.T) {
	at := func(provider, id string) store.AccountKey {
		return store.AccountKey{Provider: provider, ProviderAccountID: id}
	}
	for what, tt := range map[string]struct {
		ways     account.Ways
		user     store.User
		others   []store.AccountKey
		verified bool
		ok       bool
	}{
		"the only one":                {},
		"another":                     {others: []store.AccountKey{at("other", "2")}, ok: true},
		"one of a provider that went": {others: []store.AccountKey{at("gone", "1")}},
		"that, and another":           {others: []store.AccountKey{at("gone", "1"), at("other", "2")}, ok: true},
		"a password":                  {ways: account.Ways{Form: true}, user: store.User{PasswordHash: "hash"}, ok: true},
		"a password, no form":         {ways: account.Ways{Email: true}, user: store.User{PasswordHash: "hash"}},
		"a form, no password":         {ways: account.Ways{Form: true}, verified: true},
		"an address":                  {ways: account.Ways{Email: true}, verified: true, ok: true},
		"an address, no links":        {ways: account.Ways{Form: true}, verified: true},
		"an address, not proved":      {ways: account.Ways{Email: true}},
	} {
		a := newApp(t, func(c *account.Config) { c.Ways.Form, c.Ways.Email = tt.ways.Form, tt.ways.Email })
		tt.user.Name, tt.user.Email = "Ada", ada
		if tt.verified {
			tt.user.EmailVerified = a.now
		}
		a.add(tt.user, "1")
		for _, key := range tt.others {
			if err := a.store.Memory.LinkAccount(t.Context(), &store.Account{AccountKey: key, UserID: "Ada"}); err != nil {
				t.Fatal(err)
			}
		}
		removed, err := a.Unlink(a.ctx, "Ada", at("other", "1"))
		if tt.ok {
			if err != nil || removed == nil || removed.ProviderAccountID != "1" {
				t.Errorf("%s: %+v, %v", what, removed, err)
			}
			equal(t, what, a.took(), "unlink Ada other 1")
			continue
		}
		if !errors.Is(err, account.ErrLastWayIn) || removed != nil || len(a.accounts("Ada")) != 1+len(tt.others) {
			t.Errorf("%s: %+v, %v, accounts %v", what, removed, err, a.accounts("Ada"))
		}
		equal(t, what, a.took())
	}
	a := newApp(t)
	a.add(store.User{Name: "Ada"}, "1", "2")
	a.add(store.User{Name: "Eve"}, "3", "4")
	if removed, err := a.Unlink(t.Context(), "Ada", at("other", "3")); removed != nil || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of another user: %+v, %v", removed, err)
	}
}

// A deletion that stops goes on with the next call.
func TestDelete(t *testing.T) {
	all := []string{"links of ada@example.com end", "delete Ada", "sessions of Ada end"}
	for what, tt := range map[string]struct {
		with   func(*account.Config)
		change func(a *app)
		err    error
		events []string
		after  []string // of the second call
	}{
		"all":             {events: all, after: []string{"sessions of Ada end"}},
		"without links":   {with: func(c *account.Config) { c.Links = nil }, events: all[1:], after: all[2:]},
		"without address": {change: func(a *app) { a.change("Ada", func(u *store.User) { u.Email = "" }) }, events: all[1:], after: all[2:]},
		"no user":         {change: func(a *app) { a.store.Memory.DeleteUser(a.Context(), "Ada") }, events: all[2:], after: all[2:]},
		"deleted by then": {change: func(a *app) {
			a.store.RunBefore("DeleteUser", func() { a.store.Memory.DeleteUser(a.Context(), "Ada") })
		}, events: []string{all[0], all[2]}, after: all[2:]},
		"fault, FindUser":  {change: func(a *app) { a.store.FailAt(1, false) }, err: apptest.ErrDown, after: all},
		"fault, deletion":  {change: func(a *app) { a.store.FailAt(2, false) }, err: apptest.ErrDown, events: all[:1], after: all},
		"fault, links":     {change: func(a *app) { a.links.faults["DeleteLinks"] = errDown }, err: errDown, events: all[:1], after: all},
		"fault, sessions":  {change: func(a *app) { a.endFails = []error{errDown} }, err: errDown, events: all, after: all[2:]},
		"request has gone": {change: func(a *app) { a.store.RunBefore("DeleteUser", a.leave) }, events: all, after: all[2:]},
	} {
		with := func(*account.Config) {}
		if tt.with != nil {
			with = tt.with
		}
		a := newApp(t, with)
		a.add(store.User{Name: "Ada", Email: ada}, "1")
		if tt.change != nil {
			tt.change(a)
		}
		if err := a.Delete(a.ctx, "Ada"); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v", what, err)
		}
		equal(t, what, a.took(), tt.events...)
		a.store.FailAt(0, false)
		clear(a.links.faults)
		if err := a.Delete(t.Context(), "Ada"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		equal(t, what+", again", a.took(), tt.after...)
		if _, err := a.store.Memory.FindUser(t.Context(), "Ada"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the user is there: %v", what, err)
		}
	}
}
