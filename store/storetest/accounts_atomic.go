package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nuxtauth/nuxtauth/store"
)

// A meeting lets functions that a store calls at once wait for one another, and not for
// long: a store may run one after the other.
type meeting struct {
	missing atomic.Int64
	all     chan struct{}
}

func newMeeting(n int) *meeting {
	m := &meeting{all: make(chan struct{})}
	m.missing.Store(int64(n))
	return m
}

const meetingWait = 30 * time.Millisecond

func (m *meeting) wait() {
	if m.missing.Add(-1) == 0 {
		close(m.all)
	}
	over := time.NewTimer(meetingWait)
	defer over.Stop()
	select {
	case <-m.all:
	case <-over.C:
	}
}

// rounds is how often what may go wrong at once is tried.
const rounds = 8

// won fails the test unless one of concurrent calls has no error, and the others have
// lost.
func won(t *testing.T, errs []error, lost error) (winner int) {
	t.Helper()
	winner = -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("calls %d and %d of %d have won, want one", winner, i, len(errs))
		case err == nil:
			winner = i
		case !errors.Is(err, lost):
			t.Errorf("call %d: %v, want %q", i, err, lost)
		}
	}
	if winner < 0 {
		t.Fatalf("none of %d calls has won", len(errs))
	}
	return winner
}

func (o options) createAtOnce(t *testing.T, st store.Accounts) {
	const many = 50
	for name, tt := range map[string]struct {
		account, email bool // are the same
		lost           error
	}{
		"same account, other addresses": {true, false, store.ErrAccountTaken},
		"same address, other accounts":  {false, true, store.ErrEmailTaken},
		"same account and address":      {true, true, store.ErrAccountTaken},
	} {
		t.Run(name, func(t *testing.T) {
			var users, accounts = make([]*store.User, many), make([]*store.Account, many)
			for i := range many {
				users[i], accounts[i] = newUser(t), newAccount(t)
				if tt.account {
					accounts[i].AccountKey = accounts[0].AccountKey
				}
				if tt.email {
					users[i].Email = users[0].Email
				}
			}
			winner := won(t, atOnce(many, func(i int) error { return st.CreateUser(t.Context(), users[i], accounts[i]) }), tt.lost)
			isUser(t, st, users[winner])
			hasAccounts(t, st, users[winner].ID, accounts[winner])
			for i := range many {
				if i == winner {
					continue
				}
				if users[i].ID != "" || accounts[i].UserID != "" {
					t.Errorf("a refused CreateUser set ID %q and UserID %q", users[i].ID, accounts[i].UserID)
				}
				if !tt.email {
					noUser(t, st, unique("id"), users[i].Email, store.AccountKey{})
				}
				if !tt.account {
					noAccount(t, st, accounts[i].AccountKey)
				}
			}
		})
	}
}

// counter returns a function for UpdateUser that increments a number in Extra.
func counter(m *meeting) func(u *store.User) error {
	met := false
	return func(u *store.User) error {
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(string(u.Extra), `{"n": `), "}"))
		if err != nil {
			return err
		}
		if !met { // not when it runs again
			met = true
			m.wait()
		}
		u.Extra = jsontext.Value(fmt.Sprintf(`{"n": %d}`, n+1))
		return nil
	}
}

// increments has writers that increment a number twice each.
func increments(t *testing.T, st ...store.Accounts) {
	t.Helper()
	const writers = 8
	u := newUser(t)
	u.Extra = jsontext.Value(`{"n": 0}`)
	answered(t, "CreateUser", st[0].CreateUser(t.Context(), u, nil), nil)
	m := newMeeting(writers)
	for _, err := range atOnce(writers, func(i int) error {
		for range 2 {
			if _, err := st[i%len(st)].UpdateUser(t.Context(), u.ID, counter(m)); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	u.Extra = jsontext.Value(fmt.Sprintf(`{"n": %d}`, 2*writers))
	isUser(t, st[0], u)
}

func (o options) incrementAtOnce(t *testing.T, st store.Accounts) { increments(t, st) }

var errLast = errors.New("the last account")

// notLast returns a function for UnlinkAccount that leaves one account.
func notLast(m *meeting) func(*store.User, []*store.Account) error {
	met := false
	return func(_ *store.User, remaining []*store.Account) error {
		if !met {
			met = true
			m.wait()
		}
		if len(remaining) == 0 {
			return errLast
		}
		return nil
	}
}

// unlinks has two calls that each remove one of two accounts.
func unlinks(t *testing.T, o options, st [2]store.Accounts) {
	t.Helper()
	for range rounds {
		u, accounts := newUser(t), []*store.Account{newAccount(t), newAccount(t)}
		o.createUser(t, st[0], u, accounts[0], accounts[1])
		m := newMeeting(2)
		winner := won(t, atOnce(2, func(i int) error {
			_, err := st[i].UnlinkAccount(t.Context(), u.ID, accounts[i].AccountKey, notLast(m))
			return err
		}), errLast)
		hasAccounts(t, st[0], u.ID, accounts[1-winner])
		noAccount(t, st[0], accounts[winner].AccountKey)
	}
}

func (o options) unlinkAtOnce(t *testing.T, st store.Accounts) {
	unlinks(t, o, [2]store.Accounts{st, st})
	u, a := newUser(t), newAccount(t) // the same account
	o.createUser(t, st, u, a)
	won(t, atOnce(10, func(int) error {
		_, err := st.UnlinkAccount(t.Context(), u.ID, a.AccountKey, unchecked)
		return err
	}), store.ErrNotFound)
	hasAccounts(t, st, u.ID)
}

func (o options) unlinkWhileLinking(t *testing.T, st store.Accounts) {
	for range rounds {
		u, a, b := newUser(t), newAccount(t), newAccount(t)
		o.createUser(t, st, u, a)
		b.UserID = u.ID
		errs := atOnce(2, func(i int) error {
			if i == 0 {
				return st.LinkAccount(t.Context(), b)
			}
			_, err := st.UnlinkAccount(t.Context(), u.ID, a.AccountKey, notLast(newMeeting(2)))
			return err
		})
		answered(t, "LinkAccount", errs[0], nil)
		if errs[1] == nil {
			hasAccounts(t, st, u.ID, b)
			continue
		}
		answered(t, "UnlinkAccount", errs[1], errLast)
		list, err := st.ListAccounts(t.Context(), u.ID)
		answered(t, "ListAccounts", err, nil)
		sameAccounts(t, "ListAccounts", list, a, b)
	}
}

func (o options) linkAtOnce(t *testing.T, st store.Accounts) {
	const many = 20
	key := newAccount(t).AccountKey
	accounts := make([]*store.Account, many)
	users := []*store.User{newUser(t), newUser(t)}
	for _, u := range users {
		o.createUser(t, st, u, nil)
	}
	for i := range accounts {
		accounts[i] = newAccount(t)
		accounts[i].AccountKey, accounts[i].UserID = key, users[i%2].ID
	}
	winner := won(t, atOnce(many, func(i int) error { return st.LinkAccount(t.Context(), accounts[i]) }), store.ErrAccountTaken)
	hasAccounts(t, st, users[winner%2].ID, accounts[winner])
	hasAccounts(t, st, users[1-winner%2].ID)
}

func (o options) verifyAtOnce(t *testing.T, st store.Accounts) {
	for range rounds {
		u, accounts := unverified(t), []*store.Account{newAccount(t), newAccount(t)}
		o.createUser(t, st, u, accounts[0], accounts[1])
		var removed [2][]*store.Account
		for _, err := range atOnce(2, func(i int) (err error) {
			_, removed[i], err = st.VerifyEmail(t.Context(), u.ID, u.Email, time.Now(), accounts[i].AccountKey)
			return err
		}) {
			answered(t, "VerifyEmail", err, nil)
		}
		if len(removed[0])+len(removed[1]) != 1 {
			t.Fatalf("two calls removed %d and %d accounts, want one of them the other's", len(removed[0]), len(removed[1]))
		}
		first := len(removed[1])
		sameAccounts(t, "VerifyEmail", removed[first], accounts[1-first])
		hasAccounts(t, st, u.ID, accounts[first])
	}
}

// A proof of the address that the user had does not prove the next one.
func (o options) verifyWhileMoving(t *testing.T, st store.Accounts) {
	for range rounds {
		u := unverified(t)
		o.createUser(t, st, u, nil)
		next := strings.ToLower(unique("next"))
		errs := atOnce(2, func(i int) (err error) {
			if i == 0 {
				_, err = st.UpdateUser(t.Context(), u.ID, func(v *store.User) error {
					v.Email, v.EmailVerified = next, time.Time{}
					return nil
				})
				return err
			}
			_, _, err = st.VerifyEmail(t.Context(), u.ID, u.Email, time.Now(), store.AccountKey{})
			return err
		})
		answered(t, "UpdateUser", errs[0], nil)
		if errs[1] != nil {
			answered(t, "VerifyEmail", errs[1], store.ErrConflict)
		} else {
			u.PasswordHash = ""
		}
		u.Email = next
		isUser(t, st, u)
	}
}

func (o options) moveAtOnce(t *testing.T, st store.Accounts) {
	const many = 10
	users := make([]*store.User, many)
	for i := range users {
		users[i] = newUser(t)
		o.createUser(t, st, users[i], nil)
	}
	email := strings.ToLower(unique("email"))
	m := newMeeting(many)
	winner := won(t, atOnce(many, func(i int) error {
		met := false
		_, err := st.UpdateUser(t.Context(), users[i].ID, func(u *store.User) error {
			if !met {
				met = true
				m.wait()
			}
			u.Email = email
			return nil
		})
		return err
	}), store.ErrEmailTaken)
	users[winner].Email = email
	for _, u := range users {
		isUser(t, st, u)
	}
}

func (o options) deleteWhileLinking(t *testing.T, st store.Accounts) {
	for range rounds {
		u, a, b := newUser(t), newAccount(t), newAccount(t)
		o.createUser(t, st, u, a)
		b.UserID = u.ID
		errs := atOnce(3, func(i int) error {
			switch i {
			case 0:
				return st.LinkAccount(t.Context(), b)
			case 1:
				_, err := st.UpdateUser(t.Context(), u.ID, func(v *store.User) error {
					v.Name = "changed"
					return nil
				})
				return err
			default:
				return st.DeleteUser(t.Context(), u.ID)
			}
		})
		for i, err := range errs {
			if err != nil && (i == 2 || !errors.Is(err, store.ErrNotFound)) {
				t.Fatal(err)
			}
		}
		noUser(t, st, u.ID, u.Email, a.AccountKey)
		noAccount(t, st, b.AccountKey)
		next := newUser(t) // all of it is free
		next.Email = u.Email
		o.createUser(t, st, next, copyOf(a), copyOf(b))
	}
}
