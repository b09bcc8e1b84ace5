package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func (o options) userIDs(t *testing.T, st store.Accounts) {
	ctx := t.Context()
	mine := newUser(t)
	mine.ID = unique("mine")
	o.createUser(t, st, mine, nil)
	isUser(t, st, mine)

	other, a := newUser(t), newAccount(t)
	other.ID = mine.ID
	given, givenAccount := other.Clone(), copyOf(a)
	invalid(t, "CreateUser with the ID of another user", st.CreateUser(ctx, other, a))
	untouched(t, "the user of a refused CreateUser", other, given)
	untouched(t, "the account of a refused CreateUser", a, givenAccount)
	isUser(t, st, mine)
	hasAccounts(t, st, mine.ID)
	noUser(t, st, unique("id"), other.Email, a.AccountKey)

	seen := make(map[string]bool) // also of users who are gone, the latest among them
	for range 20 {
		u := newUser(t)
		o.createUser(t, st, u, nil)
		if u.ID == "" || seen[u.ID] || len(u.ID) > store.MaxUserID {
			t.Fatalf("CreateUser gave the ID %q, which is not new, empty or too long", u.ID)
		}
		seen[u.ID] = true
		answered(t, "DeleteUser", st.DeleteUser(ctx, u.ID), nil)
	}
}

func (o options) emailTaken(t *testing.T, st store.Accounts) {
	u := newUser(t)
	o.createUser(t, st, u, nil)
	second, a := newUser(t), newAccount(t)
	second.Email = u.Email
	given, givenAccount := second.Clone(), copyOf(a)
	answered(t, "CreateUser with an address that is taken", st.CreateUser(t.Context(), second, a), store.ErrEmailTaken)
	untouched(t, "the user of a refused CreateUser", second, given)
	untouched(t, "the account of a refused CreateUser", a, givenAccount)
	noAccount(t, st, a.AccountKey)
	isUser(t, st, u)
	hasAccounts(t, st, u.ID)

	second.Email = strings.ToLower(unique("free"))
	o.createUser(t, st, second, a)
	got, err := st.UpdateUser(t.Context(), second.ID, func(v *store.User) error {
		v.Email, v.Name = u.Email, "changed"
		return nil
	})
	if answered(t, "UpdateUser with an address that is taken", err, store.ErrEmailTaken); got != nil {
		t.Errorf("UpdateUser = %v beside an error", got)
	}
	isUser(t, st, second)
	isUser(t, st, u)
}

func (o options) accountTaken(t *testing.T, st store.Accounts) {
	ctx := t.Context()
	u, a := newUser(t), newAccount(t)
	o.createUser(t, st, u, a)
	for name, email := range map[string]string{"a free address": strings.ToLower(unique("free")), "the same address": u.Email, "no address": ""} {
		second, again := newUser(t), newAccount(t)
		second.Email, again.AccountKey = email, a.AccountKey
		given, givenAccount := second.Clone(), copyOf(again)
		answered(t, "CreateUser with an account that is taken and "+name, st.CreateUser(ctx, second, again), store.ErrAccountTaken)
		untouched(t, "the user of a refused CreateUser", second, given)
		untouched(t, "the account of a refused CreateUser", again, givenAccount)
		if email != "" && email != u.Email {
			noUser(t, st, unique("id"), email, store.AccountKey{})
			o.createUser(t, st, second, nil)
		}
	}
	other := newUser(t)
	o.createUser(t, st, other, nil)
	for _, userID := range []string{u.ID, other.ID} {
		again := newAccount(t)
		again.AccountKey, again.UserID = a.AccountKey, userID
		given := copyOf(again)
		answered(t, "LinkAccount of an account that is taken", st.LinkAccount(ctx, again), store.ErrAccountTaken)
		untouched(t, "the account of a refused LinkAccount", again, given)
	}
	isUser(t, st, u)
	hasAccounts(t, st, u.ID, a)
	hasAccounts(t, st, other.ID)
}

// keysNear are keys that differ from another in one part, or in where a part ends.
func keysNear(base string) []store.AccountKey {
	keys := []store.AccountKey{
		{Provider: base, ProviderAccountID: "ab", Issuer: "c"}, {Provider: base, ProviderAccountID: "a", Issuer: "bc"}, {Provider: base, ProviderAccountID: "abc"},
		{Provider: base + "a", ProviderAccountID: "b", Issuer: "c"}, {Provider: base + "ab", ProviderAccountID: "c"},
		{Provider: base + ":a", ProviderAccountID: "b"}, {Provider: base, ProviderAccountID: "a:b"}, {Provider: base, ProviderAccountID: "a", Issuer: "b"},
		{Provider: "c", ProviderAccountID: base, Issuer: "ab"}, {Provider: "ab", ProviderAccountID: base, Issuer: "c"},
	}
	seen := make(map[store.AccountKey]bool)
	for _, key := range keys {
		seen[key] = true
	}
	for _, odd := range oddTexts() {
		for _, key := range []store.AccountKey{
			{Provider: base + odd, ProviderAccountID: base, Issuer: base},
			{Provider: base, ProviderAccountID: base + odd, Issuer: base},
			{Provider: base, ProviderAccountID: base, Issuer: base + odd},
		} {
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func (o options) oddKeys(t *testing.T, st store.Accounts) {
	ctx := t.Context()
	keys := keysNear(unique("key"))
	users, accounts := make([]*store.User, len(keys)), make([]*store.Account, len(keys))
	for i, key := range keys {
		noAccount(t, st, key)
		users[i], accounts[i] = new(store.User), newAccount(t)
		accounts[i].AccountKey = key
		if err := st.CreateUser(ctx, users[i], accounts[i]); err != nil {
			t.Fatalf("CreateUser with %q beside others: %v", key, err)
		}
	}
	for i, a := range accounts {
		a.Scope = fmt.Sprint("of ", i)
		answered(t, "UpdateAccount", st.UpdateAccount(ctx, a), nil)
	}
	for i, a := range accounts {
		hasAccounts(t, st, users[i].ID, a)
	}
	for i, a := range accounts {
		if i%2 > 0 {
			removed, err := st.UnlinkAccount(ctx, users[i].ID, a.AccountKey, unchecked)
			answered(t, "UnlinkAccount", err, nil)
			equal(t, "UnlinkAccount", removed, a)
		}
	}
	for i, a := range accounts {
		if i%2 > 0 {
			noAccount(t, st, a.AccountKey)
		} else {
			hasAccounts(t, st, users[i].ID, a)
		}
	}
}

func (o options) oddEmails(t *testing.T, st store.Accounts) {
	base := strings.ToLower(unique("email"))
	var users []*store.User
	for _, odd := range lower(oddTexts()) {
		for _, email := range []string{base + odd, odd + base} {
			if slices.ContainsFunc(users, func(u *store.User) bool { return u.Email == email }) {
				continue
			}
			noUser(t, st, unique("id"), email, store.AccountKey{})
			u := &store.User{Email: email}
			if err := st.CreateUser(t.Context(), u, nil); err != nil {
				t.Fatalf("CreateUser with the address %q beside others: %v", email, err)
			}
			users = append(users, u)
		}
	}
	for _, u := range users {
		isUser(t, st, u)
	}
	for _, email := range []string{strings.ToUpper(base), base + "\u00c9", strings.ToUpper(base[:1]) + base[1:], " " + base + " "} {
		noUser(t, st, unique("id"), email, store.AccountKey{})
	}
	for _, email := range []string{strings.ToUpper(base), base + "  "} { // none of the user with base
		_, _, err := st.VerifyEmail(t.Context(), users[len(users)-1].ID, email, time.Now(), store.AccountKey{})
		answered(t, "VerifyEmail of another spelling", err, store.ErrConflict)
	}
}

func (o options) oddIDs(t *testing.T, st store.Accounts) {
	base := unique("id")
	ids := oddTexts()
	slices.Sort(ids)
	var users []*store.User
	for _, odd := range slices.Compact(ids) {
		u := &store.User{ID: base + odd, Name: odd}
		noUser(t, st, u.ID, "", store.AccountKey{})
		a := newAccount(t)
		if err := st.CreateUser(t.Context(), u, a); err != nil {
			t.Fatalf("CreateUser with the ID %q beside others: %v", u.ID, err)
		}
		hasAccounts(t, st, u.ID, a)
		users = append(users, u)
	}
	for i, u := range users {
		if i%2 > 0 {
			answered(t, "DeleteUser", st.DeleteUser(t.Context(), u.ID), nil)
		}
	}
	for i, u := range users {
		if i%2 > 0 {
			noUser(t, st, u.ID, "", store.AccountKey{})
		} else {
			isUser(t, st, u)
		}
	}
}

func (o options) unknownUsers(t *testing.T, st store.Accounts) {
	ctx := t.Context()
	u, a := newUser(t), newAccount(t)
	o.createUser(t, st, u, a)
	never := func(*store.User) error {
		t.Error("a function is called without a user")
		return nil
	}
	neverChecks := func(*store.User, []*store.Account) error {
		t.Error("a function is called without an account")
		return nil
	}
	for _, bad := range append(garbage(), u.ID+"x", u.ID[1:], u.Email+"x", "0", "-1", "1e9", strings.Repeat("\U0001f469", store.MaxAccountKey)) {
		noUser(t, st, bad, bad, store.AccountKey{Provider: bad, ProviderAccountID: bad, Issuer: bad})
		for _, key := range []store.AccountKey{
			{Provider: bad, ProviderAccountID: a.ProviderAccountID, Issuer: a.Issuer},
			{Provider: a.Provider, ProviderAccountID: bad, Issuer: a.Issuer},
			{Provider: a.Provider, ProviderAccountID: a.ProviderAccountID, Issuer: bad},
		} {
			noAccount(t, st, key)
			removed, err := st.UnlinkAccount(ctx, u.ID, key, neverChecks)
			if answered(t, "UnlinkAccount", err, store.ErrNotFound); removed != nil {
				t.Errorf("UnlinkAccount = %v beside an error", removed)
			}
		}
		_, err := st.UnlinkAccount(ctx, bad, a.AccountKey, neverChecks)
		answered(t, "UnlinkAccount", err, store.ErrNotFound)
		got, err := st.UpdateUser(ctx, bad, never)
		if answered(t, "UpdateUser", err, store.ErrNotFound); got != nil {
			t.Errorf("UpdateUser = %v beside an error", got)
		}
		got, removed, err := st.VerifyEmail(ctx, bad, u.Email, time.Now(), store.AccountKey{})
		if answered(t, "VerifyEmail", err, store.ErrNotFound); got != nil || removed != nil {
			t.Errorf("VerifyEmail = %v, %v beside an error", got, removed)
		}
		answered(t, "DeleteUser", st.DeleteUser(ctx, bad), store.ErrNotFound)
		free := newAccount(t)
		free.UserID = bad
		answered(t, "LinkAccount", st.LinkAccount(ctx, free), store.ErrNotFound)
		noAccount(t, st, free.AccountKey)
	}
	unlinked := newAccount(t)
	answered(t, "UpdateAccount", st.UpdateAccount(ctx, unlinked), store.ErrNotFound)
	noAccount(t, st, unlinked.AccountKey)
	isUser(t, st, u)
	hasAccounts(t, st, u.ID, a)
}
