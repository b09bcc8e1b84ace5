package storetest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nuxtauth/nuxtauth/store"
)

func (o options) accountFields(t *testing.T, st store.Accounts) {
	u, first, second := newUser(t), newAccount(t), newAccount(t)
	givenUser, givenAccount := u.Clone(), copyOf(first)
	o.createUser(t, st, u, first, second)
	untouched(t, "the user of CreateUser", u, givenUser, "ID", "CreatedAt")
	untouched(t, "the account of CreateUser", first, givenAccount, "UserID", "CreatedAt")
	if u.ID == "" || first.UserID != u.ID {
		t.Errorf("CreateUser left ID %q and the account with UserID %q", u.ID, first.UserID)
	}
	now := time.Now()
	for _, at := range []time.Time{u.CreatedAt, first.CreatedAt, second.CreatedAt} {
		if at.Before(now.Add(-time.Hour)) || at.After(now.Add(time.Hour)) || at != inMillis(at) {
			t.Errorf("CreatedAt = %v, want now in milliseconds and UTC", at)
		}
	}
	isUser(t, st, u)
	hasAccounts(t, st, u.ID, first, second)
	found, err := st.FindUserByAccount(t.Context(), second.AccountKey)
	answered(t, "FindUserByAccount", err, nil)
	equal(t, "FindUserByAccount", found, u)
	found, err = st.FindUser(store.WithNewConnection(t.Context()), u.ID)
	answered(t, "FindUser on a new connection", err, nil)
	equal(t, "FindUser on a new connection", found, u)

	removed, err := st.UnlinkAccount(t.Context(), u.ID, second.AccountKey, func(seen *store.User, remaining []*store.Account) error {
		equal(t, "the user of check", seen, u)
		if len(remaining) != 1 {
			t.Fatalf("check has %d accounts, want 1", len(remaining))
		}
		equal(t, "the account of check", remaining[0], first)
		return nil
	})
	answered(t, "UnlinkAccount", err, nil)
	equal(t, "UnlinkAccount", removed, second)

	other, theirs := unverified(t), newAccount(t)
	o.createUser(t, st, other, theirs)
	_, all, err := st.VerifyEmail(t.Context(), other.ID, other.Email, now, store.AccountKey{})
	answered(t, "VerifyEmail", err, nil)
	if len(all) != 1 {
		t.Fatalf("VerifyEmail removed %d accounts, want 1", len(all))
	}
	equal(t, "the account that VerifyEmail removed", all[0], theirs)
}

func (o options) bareUsers(t *testing.T, st store.Accounts) {
	users := []*store.User{{}, {}} // without an address, as many as there are
	a := &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: unique("id")}}
	o.createUser(t, st, users[0], a)
	o.createUser(t, st, users[1], nil)
	for _, u := range users {
		isUser(t, st, u)
	}
	hasAccounts(t, st, users[0].ID, a)
	hasAccounts(t, st, users[1].ID)
	if u, err := st.FindUserByEmail(t.Context(), ""); u != nil {
		t.Errorf("FindUserByEmail of no address = %v", u)
	} else {
		invalid(t, "FindUserByEmail of no address", err)
	}
	noAccount(t, st, store.AccountKey{})
	_, _, err := st.VerifyEmail(t.Context(), users[0].ID, "", time.Now(), a.AccountKey)
	answered(t, "VerifyEmail of no address", err, store.ErrConflict)
	u, err := st.UpdateUser(t.Context(), users[1].ID, unchanged)
	answered(t, "UpdateUser", err, nil)
	equal(t, "UpdateUser", u, users[1])
}

func (o options) accountTexts(t *testing.T, st store.Accounts) {
	for _, text := range oddTexts() {
		u, a := new(store.User), new(store.Account)
		fill(t, u, text)
		fill(t, a, text)
		o.createUser(t, st, u, a)
		isUser(t, st, u)
		hasAccounts(t, st, u.ID, a)
	}
}

// Texts of one byte and of four bytes per character, as limits are in bytes.
var fillers = []string{"x", "\U0001f469"}

func (o options) accountLimits(t *testing.T, st store.Accounts) {
	for _, filler := range fillers {
		longest(t, func() *store.User { return newUser(t) }, (*store.User).Check, func(name string, n int) {
			u := withLength(newUser(t), name, filler, n)
			o.createUser(t, st, u, nil)
			isUser(t, st, u)
			invalid(t, "CreateUser above the limit of "+name, st.CreateUser(t.Context(), withLength(newUser(t), name, filler, n+1), nil))
		})
		longest(t, func() *store.Account { return newAccount(t) }, (*store.Account).Check, func(name string, n int) {
			u, a := newUser(t), withLength(newAccount(t), name, filler, n)
			o.createUser(t, st, u, a)
			hasAccounts(t, st, u.ID, a)
			invalid(t, "CreateUser above the limit of "+name, st.CreateUser(t.Context(), newUser(t), withLength(newAccount(t), name, filler, n+1)))
			if _, err := st.UnlinkAccount(t.Context(), u.ID, a.AccountKey, unchecked); err != nil {
				t.Errorf("UnlinkAccount with %s of %d bytes: %v", name, n, err) // the next has the same key
			}
		})
	}
	all := new(store.User) // at once: a row has a limit too
	longest(t, func() *store.User { return newUser(t) }, (*store.User).Check, func(name string, n int) { withLength(all, name, "y", n) })
	all.ID = unique("id")
	o.createUser(t, st, all, nil)
	isUser(t, st, all)
	if err := st.DeleteUser(t.Context(), all.ID); err != nil { // the address is the same in each run
		t.Fatal(err)
	}
}

func (o options) extra(t *testing.T, st store.Accounts) {
	for _, extra := range []string{
		"{}", " {} ", "{ \"b\":1 ,\n\t\"a\" : 2 }\r\n", `{"n":1.0,"m":1e2,"o":-0,"p":12345678901234567890.123456789}`, `{"\u00e9":"\u0000","è":"\ud83d\ude00"}`,
		`{"a":{"a":[1,[2,{"a":null}]]},"":""}`, `{"a":"` + "\u2028\U0001f469\u200d" + `"}`, `{"` + strings.Repeat("a", 10_000) + `":true}`,
	} {
		u := newUser(t)
		u.Extra = jsontext.Value(extra)
		o.createUser(t, st, u, nil)
		isUser(t, st, u)
		u.Extra = object(extra)
		_, err := st.UpdateUser(t.Context(), u.ID, func(v *store.User) error {
			v.Extra = u.Extra
			return nil
		})
		answered(t, "UpdateUser", err, nil)
		isUser(t, st, u)
	}
	u := newUser(t)
	o.createUser(t, st, u, nil)
	got, err := st.UpdateUser(t.Context(), u.ID, func(v *store.User) error {
		v.Extra = nil
		return nil
	})
	answered(t, "UpdateUser", err, nil)
	if u.Extra = nil; len(got.Extra) > 0 {
		t.Errorf("Extra = %q, want none", got.Extra)
	}
	isUser(t, st, u)
}

func (o options) accountTimes(t *testing.T, st store.Accounts) {
	zone := time.FixedZone("", 5*60*60)
	u := newUser(t)
	u.EmailVerified = time.Date(2001, 2, 3, 4, 5, 6, 7_999_999, zone)
	u.FirstSignIn = time.Date(2199, 12, 31, 23, 59, 59, 999_999_999, zone)
	o.createUser(t, st, u, nil)
	isUser(t, st, u)
	got, err := st.UpdateUser(t.Context(), u.ID, func(v *store.User) error {
		if v.EmailVerified != inMillis(u.EmailVerified) {
			t.Errorf("change has EmailVerified %v, want %v", v.EmailVerified, inMillis(u.EmailVerified))
		}
		v.EmailVerified, v.FirstSignIn = time.Date(1970, 1, 1, 0, 0, 0, 1_999_999, time.UTC), time.Time{}
		return nil
	})
	answered(t, "UpdateUser", err, nil)
	u.EmailVerified, u.FirstSignIn = time.UnixMilli(1), time.Time{}
	equal(t, "UpdateUser", got, u)
	isUser(t, st, u)
	u.EmailVerified = time.Date(2026, 12, 31, 23, 59, 59, 999_999_999, zone)
	got, _, err = st.VerifyEmail(t.Context(), u.ID, u.Email, u.EmailVerified, store.AccountKey{})
	answered(t, "VerifyEmail", err, nil)
	equal(t, "VerifyEmail", got, u)
	isUser(t, st, u)
}

// incompleteUsers make a user one that Check reports, and incompleteAccounts an account.
func incompleteUsers() map[string]func(u *store.User) {
	return map[string]func(u *store.User){
		"upper case":    func(u *store.User) { u.Email = "A" + u.Email },
		"NUL":           func(u *store.User) { u.Name += "\x00" },
		"not UTF-8":     func(u *store.User) { u.Email += "\xff" },
		"a surrogate":   func(u *store.User) { u.Image += "\xed\xa0\x80" },
		"Extra of text": func(u *store.User) { u.Extra = jsontext.Value(`"a"`) },
		"half of Extra": func(u *store.User) { u.Extra = jsontext.Value(`{"a":`) },
		"more of Extra": func(u *store.User) { u.Extra = jsontext.Value(`{} {}`) },
	}
}

func incompleteAccounts() map[string]func(a *store.Account) {
	return map[string]func(a *store.Account){
		"no provider":           func(a *store.Account) { a.Provider = "" },
		"no ID":                 func(a *store.Account) { a.ProviderAccountID = "" },
		"NUL in the ID":         func(a *store.Account) { a.ProviderAccountID += "\x00" },
		"NUL in a token":        func(a *store.Account) { a.AccessToken += "\x00" },
		"a token not UTF-8":     func(a *store.Account) { a.RefreshToken += "\xff" },
		"an address not UTF-8":  func(a *store.Account) { a.Email += "\xff" },
		"an issuer with half é": func(a *store.Account) { a.Issuer += "\xc3" },
	}
}

func (o options) accountsIncomplete(t *testing.T, st store.Accounts) {
	ctx := t.Context()
	u, first := newUser(t), newAccount(t)
	o.createUser(t, st, u, first)
	for name, change := range incompleteUsers() {
		bad, a := newUser(t), newAccount(t)
		change(bad)
		invalid(t, name+": CreateUser", st.CreateUser(ctx, bad, a))
		noAccount(t, st, a.AccountKey)
		got, err := st.UpdateUser(ctx, u.ID, func(v *store.User) error {
			v.Name = "changed"
			change(v)
			return nil
		})
		if invalid(t, name+": UpdateUser", err); got != nil {
			t.Errorf("%s: UpdateUser = %v beside an error", name, got)
		}
	}
	for name, change := range incompleteAccounts() {
		other, bad := newUser(t), newAccount(t)
		change(bad)
		invalid(t, name+": CreateUser", st.CreateUser(ctx, other, bad))
		if found, err := st.FindUserByEmail(ctx, other.Email); found != nil {
			t.Errorf("%s: a refused CreateUser left a user, %v", name, err)
		}
		bad.UserID = u.ID
		invalid(t, name+": LinkAccount", st.LinkAccount(ctx, bad))
		bad.AccountKey = first.AccountKey
		if change(bad); bad.AccountKey == first.AccountKey {
			invalid(t, name+": UpdateAccount", st.UpdateAccount(ctx, bad))
		}
	}
	isUser(t, st, u)
	hasAccounts(t, st, u.ID, first)
}

func (o options) accountsNotRetained(t *testing.T, st store.Accounts) {
	ctx := t.Context()
	u, a := unverified(t), newAccount(t)
	o.createUser(t, st, u, a)
	wantUser, want := u.Clone(), copyOf(a)
	spoil := func(users []*store.User, accounts []*store.Account) {
		t.Helper()
		for _, u := range users {
			clear(u.Extra)
			u.Extra = append(u.Extra[:0], "changed"...)
			u.ID, u.Name, u.Email = "changed", "changed", "changed"
		}
		for _, a := range accounts {
			a.ProviderAccountID, a.UserID, a.AccessToken = "changed", "changed", "changed"
		}
		isUser(t, st, wantUser)
		hasAccounts(t, st, wantUser.ID, want)
	}
	spoil([]*store.User{u}, []*store.Account{a})
	found := make([]*store.User, 3)
	var errs [4]error
	found[0], errs[0] = st.FindUser(ctx, wantUser.ID)
	found[1], errs[1] = st.FindUserByEmail(ctx, wantUser.Email)
	found[2], errs[2] = st.FindUserByAccount(ctx, want.AccountKey)
	list, err := st.ListAccounts(ctx, wantUser.ID)
	if errs[3] = err; slices.ContainsFunc(errs[:], func(err error) bool { return err != nil }) {
		t.Fatal(errs)
	}
	spoil(found, list)

	var inside *store.User
	extra := bytes.Clone(wantUser.Extra)
	changed, err := st.UpdateUser(ctx, wantUser.ID, func(v *store.User) error {
		inside, v.Extra = v, extra
		return nil
	})
	answered(t, "UpdateUser", err, nil)
	clear(extra)
	spoil([]*store.User{changed}, nil)
	inside.Extra = nil
	spoil([]*store.User{inside}, nil)

	b := newAccount(t)
	b.UserID = wantUser.ID
	o.tick(t)
	answered(t, "LinkAccount", st.LinkAccount(ctx, b), nil)
	linked := copyOf(b)
	b.ProviderAccountID, b.AccessToken = "changed", "changed"
	hasAccounts(t, st, wantUser.ID, want, linked)
	updated := copyOf(want)
	answered(t, "UpdateAccount", st.UpdateAccount(ctx, updated), nil)
	updated.AccessToken = "changed"
	hasAccounts(t, st, wantUser.ID, want, linked)

	removed, err := st.UnlinkAccount(ctx, wantUser.ID, linked.AccountKey, func(v *store.User, remaining []*store.Account) error {
		clear(v.Extra)
		v.Name, v.Email = "changed", "changed"
		for i, a := range remaining {
			a.AccountKey, a.AccessToken = linked.AccountKey, "changed"
			remaining[i] = nil
		}
		return nil
	})
	answered(t, "UnlinkAccount", err, nil)
	spoil(nil, []*store.Account{removed})
}
