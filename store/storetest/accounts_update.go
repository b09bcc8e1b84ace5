package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func (o options) updateFields(t *testing.T, st store.Accounts) {
	u, a := newUser(t), newAccount(t)
	o.createUser(t, st, u, a)
	for range 2 {
		want := u.Clone()
		fill(t, want, "\u00e9")
		got, err := st.UpdateUser(t.Context(), u.ID, func(v *store.User) error {
			equal(t, "the user of change", v, u)
			*v = *want.Clone()
			return nil
		})
		answered(t, "UpdateUser", err, nil)
		want.ID, want.CreatedAt = u.ID, u.CreatedAt
		equal(t, "UpdateUser", got, want)
		isUser(t, st, want)
		hasAccounts(t, st, u.ID, a)
		u = want
	}
}

func (o options) updateEmail(t *testing.T, st store.Accounts) {
	u, a := newUser(t), newAccount(t)
	o.createUser(t, st, u, a)
	first := u.Email
	for _, email := range []string{strings.ToLower(unique("second")), "", strings.ToLower(unique("third")), first} {
		before := u.Email
		got, err := st.UpdateUser(t.Context(), u.ID, func(v *store.User) error {
			v.Email = email
			return nil
		})
		answered(t, "UpdateUser", err, nil)
		u.Email = email
		equal(t, "UpdateUser", got, u)
		isUser(t, st, u)
		if before == "" {
			continue
		}
		noUser(t, st, unique("id"), before, store.AccountKey{})
		next := newUser(t) // the address is free
		next.Email = before
		o.createUser(t, st, next, nil)
		isUser(t, st, next)
		answered(t, "DeleteUser", st.DeleteUser(t.Context(), next.ID), nil)
		isUser(t, st, u)
	}
	hasAccounts(t, st, u.ID, a)
}

// functionErrors are errors that a store must not take for its own, or for those of its
// database.
func functionErrors() []error {
	return []error{
		errors.New("of the function"), fmt.Errorf("of the function: %w", store.ErrNotFound), store.ErrConflict, store.ErrNotFound, store.ErrEmailTaken,
		store.ErrFull, context.DeadlineExceeded, context.Canceled, io.ErrUnexpectedEOF,
	}
}

func (o options) functionErrors(t *testing.T, st store.Accounts) {
	u, a, b := newUser(t), newAccount(t), newAccount(t)
	o.createUser(t, st, u, a, b)
	for _, want := range functionErrors() {
		got, err := st.UpdateUser(t.Context(), u.ID, func(v *store.User) error {
			v.Name, v.Email = "changed", "changed"
			return want
		})
		if got != nil || err != want { //nolint:errorlint // the error itself, not one that wraps it
			t.Errorf("UpdateUser = %v, %v, want nil, %v", got, err, want)
		}
		removed, err := st.UnlinkAccount(t.Context(), u.ID, b.AccountKey, func(*store.User, []*store.Account) error { return want })
		if removed != nil || err != want { //nolint:errorlint // the error itself, not one that wraps it
			t.Errorf("UnlinkAccount = %v, %v, want nil, %v", removed, err, want)
		}
	}
	isUser(t, st, u)
	hasAccounts(t, st, u.ID, a, b)
}

func (o options) functionPanics(t *testing.T, st store.Accounts) {
	u, a, b := newUser(t), newAccount(t), newAccount(t)
	o.createUser(t, st, u, a, b)
	panics := func(what string, call func()) {
		t.Helper()
		defer func() {
			if v := recover(); v != "of the function" {
				t.Errorf("%s: the panic of the function reaches the caller as %v", what, v)
			}
		}()
		call()
	}
	ctx, cancel := context.WithTimeout(t.Context(), endWait)
	defer cancel()
	for range 3 { // more than connections, or one that stays locked
		panics("UpdateUser", func() {
			_, _ = st.UpdateUser(ctx, u.ID, func(v *store.User) error {
				v.Name = "changed"
				panic("of the function")
			})
		})
		panics("UnlinkAccount", func() {
			_, _ = st.UnlinkAccount(ctx, u.ID, b.AccountKey, func(*store.User, []*store.Account) error { panic("of the function") })
		})
	}
	isUser(t, st, u)
	hasAccounts(t, st, u.ID, a, b)
	if _, err := st.UpdateUser(ctx, u.ID, unchanged); err != nil {
		t.Errorf("UpdateUser after a panic: %v", err)
	}
	if _, err := st.UnlinkAccount(ctx, u.ID, b.AccountKey, unchecked); err != nil {
		t.Errorf("UnlinkAccount after a panic: %v", err)
	}
}

// sameAccounts fails the test unless two lists have the same accounts, in any order.
func sameAccounts(t *testing.T, what string, got []*store.Account, want ...*store.Account) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d accounts, want %d", what, len(got), len(want))
	}
	for _, a := range want {
		i := slices.IndexFunc(got, func(b *store.Account) bool { return b.AccountKey == a.AccountKey })
		if i < 0 {
			t.Fatalf("%s: %q is not among them", what, a.AccountKey)
		}
		equal(t, what, got[i], a)
	}
}

func (o options) verifyFirst(t *testing.T, st store.Accounts) {
	bystander, elsewhere := unverified(t), newAccount(t)
	o.createUser(t, st, bystander, elsewhere)
	for name, kept := range map[string]int{"none": -1, "of another user": -2, "the first": 0, "the last": 2} {
		u, accounts := unverified(t), []*store.Account{newAccount(t), newAccount(t), newAccount(t)}
		o.createUser(t, st, u, accounts[0], accounts[1:]...)
		var keep store.AccountKey
		var stay []*store.Account
		removed := accounts
		switch {
		case kept >= 0:
			keep, stay = accounts[kept].AccountKey, accounts[kept:kept+1]
			removed = slices.Delete(slices.Clone(accounts), kept, kept+1)
		case kept == -2:
			keep = elsewhere.AccountKey
		}
		at := time.Now()
		got, list, err := st.VerifyEmail(t.Context(), u.ID, u.Email, at, keep)
		answered(t, name+": VerifyEmail", err, nil)
		u.EmailVerified, u.PasswordHash = at, ""
		equal(t, name+": VerifyEmail", got, u)
		sameAccounts(t, name+": removed", list, removed...)
		isUser(t, st, u)
		hasAccounts(t, st, u.ID, stay...)
		for _, a := range removed { // it is free
			noAccount(t, st, a.AccountKey)
			again := newAccount(t)
			again.AccountKey, again.UserID = a.AccountKey, bystander.ID
			answered(t, "LinkAccount of a removed account", st.LinkAccount(t.Context(), again), nil)
			_, err := st.UnlinkAccount(t.Context(), bystander.ID, a.AccountKey, unchecked)
			answered(t, "UnlinkAccount", err, nil)
		}
	}
	isUser(t, st, bystander)
	hasAccounts(t, st, bystander.ID, elsewhere)
}

func (o options) verifyAgain(t *testing.T, st store.Accounts) {
	u, a, b := newUser(t), newAccount(t), newAccount(t)
	o.createUser(t, st, u, a, b)
	for i, keep := range []store.AccountKey{{}, a.AccountKey, newAccount(t).AccountKey} {
		at := time.Now().Add(time.Duration(i) * time.Minute)
		got, removed, err := st.VerifyEmail(t.Context(), u.ID, u.Email, at, keep)
		answered(t, "VerifyEmail", err, nil)
		u.EmailVerified = at
		equal(t, "VerifyEmail", got, u)
		if len(removed) > 0 {
			t.Errorf("VerifyEmail of an address that was proved removed %d accounts", len(removed))
		}
		isUser(t, st, u)
		hasAccounts(t, st, u.ID, a, b)
	}
}

func (o options) verifyOther(t *testing.T, st store.Accounts) {
	u, a := unverified(t), newAccount(t)
	o.createUser(t, st, u, a)
	other := newUser(t)
	o.createUser(t, st, other, nil)
	for _, email := range []string{"", other.Email, strings.ToLower(unique("none")), u.Email + " ", u.Email[1:], u.Email + "\x00"} {
		got, removed, err := st.VerifyEmail(t.Context(), u.ID, email, time.Now(), a.AccountKey)
		if answered(t, "VerifyEmail of another address", err, store.ErrConflict); got != nil || removed != nil {
			t.Errorf("VerifyEmail = %v, %v beside an error", got, removed)
		}
	}
	isUser(t, st, u)
	isUser(t, st, other)
	hasAccounts(t, st, u.ID, a)
}

func (o options) deleteUser(t *testing.T, st store.Accounts) {
	ctx := t.Context()
	u, a, b := newUser(t), newAccount(t), newAccount(t)
	o.createUser(t, st, u, a, b)
	other, c := newUser(t), newAccount(t)
	o.createUser(t, st, other, c)
	answered(t, "DeleteUser", st.DeleteUser(ctx, u.ID), nil)
	noUser(t, st, u.ID, u.Email, a.AccountKey)
	noAccount(t, st, b.AccountKey)
	answered(t, "DeleteUser again", st.DeleteUser(ctx, u.ID), store.ErrNotFound)
	_, err := st.UpdateUser(ctx, u.ID, unchanged)
	answered(t, "UpdateUser of a deleted user", err, store.ErrNotFound)
	_, _, err = st.VerifyEmail(ctx, u.ID, u.Email, time.Now(), a.AccountKey)
	answered(t, "VerifyEmail of a deleted user", err, store.ErrNotFound)
	_, err = st.UnlinkAccount(ctx, u.ID, a.AccountKey, unchecked)
	answered(t, "UnlinkAccount of a deleted user", err, store.ErrNotFound)
	answered(t, "UpdateAccount of a deleted user", st.UpdateAccount(ctx, a), store.ErrNotFound)
	answered(t, "LinkAccount to a deleted user", st.LinkAccount(ctx, b), store.ErrNotFound)
	isUser(t, st, other)
	hasAccounts(t, st, other.ID, c)

	next, again := newUser(t), newAccount(t)
	next.Email, again.AccountKey = u.Email, a.AccountKey
	o.createUser(t, st, next, again, copyOf(b))
	if next.ID == u.ID {
		t.Errorf("CreateUser gave the ID %q of a deleted user", next.ID)
	}
	isUser(t, st, next)
	noUser(t, st, u.ID, "", store.AccountKey{})
}

func (o options) linkAndUnlink(t *testing.T, st store.Accounts) {
	ctx := t.Context()
	u, accounts := newUser(t), []*store.Account{newAccount(t), newAccount(t), newAccount(t), newAccount(t)}
	o.createUser(t, st, u, nil, accounts...)
	other, theirs := newUser(t), newAccount(t)
	o.createUser(t, st, other, theirs)
	hasAccounts(t, st, u.ID, accounts...)
	for i := 1; i < len(accounts); i++ {
		if !accounts[i].CreatedAt.After(accounts[i-1].CreatedAt) {
			t.Errorf("CreatedAt %v of an account that was linked after %v", accounts[i].CreatedAt, accounts[i-1].CreatedAt)
		}
	}
	_, err := st.UnlinkAccount(ctx, u.ID, theirs.AccountKey, unchecked)
	answered(t, "UnlinkAccount of another user's account", err, store.ErrNotFound)
	_, err = st.UnlinkAccount(ctx, other.ID, accounts[0].AccountKey, unchecked)
	answered(t, "UnlinkAccount of another user's account", err, store.ErrNotFound)

	removed, err := st.UnlinkAccount(ctx, u.ID, accounts[1].AccountKey, unchecked)
	answered(t, "UnlinkAccount", err, nil)
	equal(t, "UnlinkAccount", removed, accounts[1])
	noAccount(t, st, removed.AccountKey)
	hasAccounts(t, st, u.ID, accounts[0], accounts[2], accounts[3])
	_, err = st.UnlinkAccount(ctx, u.ID, removed.AccountKey, unchecked)
	answered(t, "UnlinkAccount again", err, store.ErrNotFound)

	moved := newAccount(t) // the account is free
	moved.AccountKey = removed.AccountKey
	moved.UserID = other.ID
	o.tick(t)
	answered(t, "LinkAccount", st.LinkAccount(ctx, moved), nil)
	hasAccounts(t, st, other.ID, theirs, moved)
	hasAccounts(t, st, u.ID, accounts[0], accounts[2], accounts[3])
	isUser(t, st, u)
	isUser(t, st, other)
}

func (o options) remaining(t *testing.T, st store.Accounts) {
	u, accounts := newUser(t), []*store.Account{newAccount(t), newAccount(t), newAccount(t)}
	o.createUser(t, st, u, accounts[0], accounts[1:]...)
	updated, err := st.UpdateUser(t.Context(), u.ID, func(v *store.User) error {
		v.Name = "changed"
		return nil
	})
	answered(t, "UpdateUser", err, nil)
	for len(accounts) > 0 {
		i := len(accounts) / 2
		rest := slices.Delete(slices.Clone(accounts), i, i+1)
		_, err := st.UnlinkAccount(t.Context(), u.ID, accounts[i].AccountKey, func(seen *store.User, remaining []*store.Account) error {
			equal(t, "the user of check", seen, updated)
			if len(remaining) != len(rest) {
				return fmt.Errorf("check has %d accounts, want %d", len(remaining), len(rest))
			}
			for i, a := range remaining {
				equal(t, "the accounts of check", a, rest[i])
			}
			return nil
		})
		answered(t, "UnlinkAccount", err, nil)
		accounts = rest
		hasAccounts(t, st, u.ID, accounts...)
	}
}

func (o options) updateAccount(t *testing.T, st store.Accounts) {
	ctx := t.Context()
	u, a, b := newUser(t), newAccount(t), newAccount(t)
	o.createUser(t, st, u, a, b)
	other := newUser(t)
	o.createUser(t, st, other, nil)
	written := newAccount(t)
	written.AccountKey, written.UserID, written.CreatedAt = a.AccountKey, other.ID, later()
	given := copyOf(written)
	answered(t, "UpdateAccount", st.UpdateAccount(ctx, written), nil)
	untouched(t, "the account of UpdateAccount", written, given)
	written.UserID, written.CreatedAt = u.ID, a.CreatedAt
	hasAccounts(t, st, u.ID, written, b)
	hasAccounts(t, st, other.ID)

	empty := &store.Account{AccountKey: a.AccountKey} // but for the refresh token
	answered(t, "UpdateAccount without tokens", st.UpdateAccount(ctx, empty), nil)
	empty.UserID, empty.CreatedAt, empty.RefreshToken = u.ID, a.CreatedAt, written.RefreshToken
	hasAccounts(t, st, u.ID, empty, b)
	isUser(t, st, u)
}
