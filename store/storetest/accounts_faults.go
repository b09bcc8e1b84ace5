package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// accountCalls calls each method on a user with an account, and fails the test if there is
// a result beside an error.
func accountCalls(t *testing.T, st store.Accounts, u *store.User, a *store.Account) map[string]func(context.Context) error {
	t.Helper()
	none := func(what string, some bool, err error) error {
		if some && err != nil {
			t.Errorf("%s has a result beside %v", what, err)
		}
		return err
	}
	return map[string]func(context.Context) error{
		"CreateUser": func(ctx context.Context) error {
			user, account := newUser(t), newAccount(t)
			err := st.CreateUser(ctx, user, account)
			return none("CreateUser", user.ID != "" || account.UserID != "" || !user.CreatedAt.IsZero() || !account.CreatedAt.IsZero(), err)
		},
		"FindUser": func(ctx context.Context) error {
			v, err := st.FindUser(ctx, u.ID)
			return none("FindUser", v != nil, err)
		},
		"FindUserByEmail": func(ctx context.Context) error {
			v, err := st.FindUserByEmail(ctx, u.Email)
			return none("FindUserByEmail", v != nil, err)
		},
		"FindUserByAccount": func(ctx context.Context) error {
			v, err := st.FindUserByAccount(ctx, a.AccountKey)
			return none("FindUserByAccount", v != nil, err)
		},
		"UpdateUser": func(ctx context.Context) error {
			v, err := st.UpdateUser(ctx, u.ID, func(v *store.User) error {
				v.Name = "changed"
				return nil
			})
			return none("UpdateUser", v != nil, err)
		},
		"VerifyEmail": func(ctx context.Context) error {
			v, removed, err := st.VerifyEmail(ctx, u.ID, u.Email, time.Now(), store.AccountKey{})
			return none("VerifyEmail", v != nil || removed != nil, err)
		},
		"DeleteUser": func(ctx context.Context) error { return st.DeleteUser(ctx, u.ID) },
		"LinkAccount": func(ctx context.Context) error {
			b := newAccount(t)
			b.UserID = u.ID
			return none("LinkAccount", !b.CreatedAt.IsZero(), st.LinkAccount(ctx, b))
		},
		"UnlinkAccount": func(ctx context.Context) error {
			v, err := st.UnlinkAccount(ctx, u.ID, a.AccountKey, unchecked)
			return none("UnlinkAccount", v != nil, err)
		},
		"UpdateAccount": func(ctx context.Context) error {
			b := newAccount(t)
			b.AccountKey = a.AccountKey
			return st.UpdateAccount(ctx, b)
		},
		"ListAccounts": func(ctx context.Context) error {
			v, err := st.ListAccounts(ctx, u.ID)
			return none("ListAccounts", v != nil, err)
		},
	}
}

func (o options) accountContexts(t *testing.T, st store.Accounts) {
	u, a := unverified(t), newAccount(t)
	o.createUser(t, st, u, a)
	unknown, key := newUser(t), newAccount(t)
	unknown.ID = unique("id")
	for name, ctx := range endedContexts(t) {
		for what, call := range accountCalls(t, st, u, a) {
			refused(t, ctx, name+": "+what, call(ctx))
		}
		for what, call := range accountCalls(t, st, unknown, key) {
			refused(t, ctx, name+": "+what+" without a user", call(ctx))
		}
	}
	isUser(t, st, u)
	hasAccounts(t, st, u.ID, a)
}

func (o options) accountsStalled(t *testing.T, st store.Accounts) {
	u, a := unverified(t), newAccount(t)
	o.createUser(t, st, u, a)
	spare, b := newUser(t), newAccount(t) // what a late write may change
	o.createUser(t, st, spare, b)
	o.whileStalled(t, func() {
		for what, call := range accountCalls(t, st, spare, b) {
			endsWithContext(t, what, call)
		}
	})
	isUser(t, st, u)
	hasAccounts(t, st, u.ID, a)
}

func (o options) accountFaults(t *testing.T, st store.Accounts) {
	u, a := unverified(t), newAccount(t)
	o.createUser(t, st, u, a)
	unknown, key := newUser(t), newAccount(t)
	unknown.ID = unique("id")
	o.whileBroken(t, func() {
		for what, call := range accountCalls(t, st, u, a) {
			isFault(t, what, call(t.Context()))
		}
		for what, call := range accountCalls(t, st, unknown, key) {
			isFault(t, what+" without a user", call(t.Context()))
		}
	})
	isUser(t, st, u)
	hasAccounts(t, st, u.ID, a)
}

func (o options) accountsShared(t *testing.T, st store.Accounts) {
	stores := both(t, o, st)
	for i, mine := range stores {
		theirs := stores[1-i]
		u, a, b := unverified(t), newAccount(t), newAccount(t)
		o.createUser(t, mine, u, a)
		isUser(t, theirs, u)
		hasAccounts(t, theirs, u.ID, a)
		answered(t, "CreateUser", theirs.CreateUser(t.Context(), &store.User{Email: u.Email}, nil), store.ErrEmailTaken)
		answered(t, "CreateUser", theirs.CreateUser(t.Context(), &store.User{}, copyOf(a)), store.ErrAccountTaken)
		b.UserID = u.ID
		answered(t, "LinkAccount", theirs.LinkAccount(t.Context(), b), nil)
		at := time.Now()
		_, removed, err := mine.VerifyEmail(t.Context(), u.ID, u.Email, at, a.AccountKey)
		answered(t, "VerifyEmail", err, nil)
		sameAccounts(t, "VerifyEmail", removed, b)
		u.EmailVerified, u.PasswordHash = at, ""
		isUser(t, theirs, u)
		hasAccounts(t, theirs, u.ID, a)
		answered(t, "DeleteUser", theirs.DeleteUser(t.Context(), u.ID), nil)
		noUser(t, mine, u.ID, u.Email, a.AccountKey)
	}
	increments(t, stores[:]...)
	unlinks(t, o, stores)
	users, accounts := make([]*store.User, 20), make([]*store.Account, 20)
	for i := range users {
		users[i], accounts[i] = newUser(t), newAccount(t)
		accounts[i].AccountKey = accounts[0].AccountKey
	}
	winner := won(t, atOnce(len(users), func(i int) error {
		return stores[i%2].CreateUser(t.Context(), users[i], accounts[i])
	}), store.ErrAccountTaken)
	isUser(t, stores[1-winner%2], users[winner])
	hasAccounts(t, stores[1-winner%2], users[winner].ID, accounts[winner])
}
