package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// RunAccounts checks [store.Accounts]: that
//
//   - every field of a user and an account comes back, also one that is added later, with
//     strings of any language, up to the limits of Check, and Extra byte for byte;
//   - IDs, addresses and keys of accounts are unique and compared byte for byte;
//   - each method is one transaction: of 50 first sign-ins at once one makes the user, no
//     update is lost, two calls of UnlinkAccount do not remove both accounts, and a call that
//     is refused leaves nothing behind;
//   - errors of functions are returned as they are, and panics leave the store usable;
//   - VerifyEmail removes what was there before the first proof, and nothing else;
//   - contexts that have ended change nothing, and faults are no answers.
//
// Of the options it uses [Advance], [Fault], [Stall] and [Second].
func RunAccounts(t *testing.T, open func(t *testing.T) store.Accounts, opts ...Option) {
	s := newSuite(open, opts)

	s.run(t, "find what was created", s.accountFields)
	s.run(t, "a user without anything", s.bareUsers)
	s.run(t, "strings of any language", s.accountTexts)
	s.run(t, "strings up to their limits", s.accountLimits)
	s.run(t, "extra of any bytes", s.extra)
	s.run(t, "times in milliseconds and UTC", s.accountTimes)
	s.run(t, "what Check reports is refused", s.accountsIncomplete)
	s.run(t, "users and accounts are not retained", s.accountsNotRetained)

	s.run(t, "an id is of one user", s.userIDs)
	s.run(t, "an address is of one user", s.emailTaken)
	s.run(t, "an account is of one user", s.accountTaken)
	s.run(t, "odd keys are keys of their own", s.oddKeys)
	s.run(t, "odd addresses are addresses of their own", s.oddEmails)
	s.run(t, "odd ids are ids of their own", s.oddIDs)
	s.run(t, "other strings find nothing", s.unknownUsers)

	s.run(t, "update stores every field", s.updateFields)
	s.run(t, "update moves an address", s.updateEmail)
	s.run(t, "errors of functions are returned as they are", s.functionErrors)
	s.run(t, "a function that panics changes nothing", s.functionPanics)
	s.run(t, "verify removes what was not proved", s.verifyFirst)
	s.run(t, "verify again removes nothing", s.verifyAgain)
	s.run(t, "verify is of one address", s.verifyOther)
	s.run(t, "delete", s.deleteUser)
	s.run(t, "link and unlink", s.linkAndUnlink)
	s.run(t, "the accounts that remain", s.remaining)
	s.run(t, "update of an account", s.updateAccount)

	s.run(t, "one of many first sign-ins makes the user", s.createAtOnce)
	s.run(t, "no update is lost", s.incrementAtOnce)
	s.run(t, "one account stays", s.unlinkAtOnce)
	s.run(t, "unlink while another is linked", s.unlinkWhileLinking)
	s.run(t, "one account is linked once", s.linkAtOnce)
	s.run(t, "one call removes what was not proved", s.verifyAtOnce)
	s.run(t, "verify while the address changes", s.verifyWhileMoving)
	s.run(t, "an address moves to one user", s.moveAtOnce)
	s.run(t, "delete while accounts are linked", s.deleteWhileLinking)

	s.run(t, "an ended context changes nothing", s.accountContexts)
	s.run(t, "calls end with their context", s.accountsStalled)
	s.run(t, "a fault is no answer", s.accountFaults)
	s.run(t, "processes share users", s.accountsShared)
}

// newUser returns a user and newAccount an account with every field set that the caller
// sets.
func newUser(t *testing.T) *store.User {
	t.Helper()
	u := new(store.User)
	fill(t, u, "")
	u.ID, u.CreatedAt = "", time.Time{}
	return u
}

func newAccount(t *testing.T) *store.Account {
	t.Helper()
	a := new(store.Account)
	fill(t, a, "")
	a.UserID, a.CreatedAt = "", time.Time{}
	return a
}

// unverified returns a user whose address was never proved.
func unverified(t *testing.T) *store.User {
	t.Helper()
	u := newUser(t)
	u.EmailVerified = time.Time{}
	return u
}

// createUser creates a user, with an account unless a is nil, and with others that are
// linked later.
func (o options) createUser(t *testing.T, st store.Accounts, u *store.User, a *store.Account, more ...*store.Account) {
	t.Helper()
	if err := st.CreateUser(t.Context(), u, a); err != nil {
		t.Fatalf("CreateUser: %v", err)
	}
	for _, a := range more {
		o.tick(t)
		a.UserID = u.ID
		if err := st.LinkAccount(t.Context(), a); err != nil {
			t.Fatalf("LinkAccount: %v", err)
		}
	}
}

// tick lets the store's clock go on, so that what comes next is later.
func (o options) tick(t *testing.T) {
	t.Helper()
	if o.advance != nil {
		o.advance(time.Second)
		return
	}
	waitPast(t, time.Now())
}

// isUser fails the test unless a user is found by ID and by address.
func isUser(t *testing.T, st store.Accounts, want *store.User) {
	t.Helper()
	u, err := st.FindUser(t.Context(), want.ID)
	answered(t, "FindUser", err, nil)
	equal(t, "FindUser", u, want)
	if want.Email != "" {
		u, err := st.FindUserByEmail(t.Context(), want.Email)
		answered(t, "FindUserByEmail", err, nil)
		equal(t, "FindUserByEmail", u, want)
	}
}

// hasAccounts fails the test unless a user has these accounts, the oldest first, and is
// found by each.
func hasAccounts(t *testing.T, st store.Accounts, userID string, want ...*store.Account) {
	t.Helper()
	list, err := st.ListAccounts(t.Context(), userID)
	answered(t, "ListAccounts", err, nil)
	if len(list) != len(want) {
		t.Fatalf("ListAccounts = %d accounts, want %d", len(list), len(want))
	}
	for i, a := range want {
		equal(t, "ListAccounts", list[i], a)
		u, err := st.FindUserByAccount(t.Context(), a.AccountKey)
		answered(t, "FindUserByAccount", err, nil)
		if u.ID != userID {
			t.Errorf("FindUserByAccount = user %q, want %q", u.ID, userID)
		}
	}
}

// answered fails the test at once unless err is as wanted.
func answered(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

// invalid fails the test unless err is an error that is no answer.
func invalid(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || isAnswer(err) {
		t.Errorf("%s: %v, want an error that is no answer", what, err)
	}
}

// noUser fails the test unless an ID, an address or a key is not found. An empty address is
// not looked for.
func noUser(t *testing.T, st store.Accounts, id, email string, key store.AccountKey) {
	t.Helper()
	u, err := st.FindUser(t.Context(), id)
	if u != nil || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindUser(%s) = %v, %v, want nil, %q", abbreviate(id), u, err, store.ErrNotFound)
	}
	if list, err := st.ListAccounts(t.Context(), id); err != nil || len(list) > 0 {
		t.Errorf("ListAccounts(%s) = %v, %v, want none", abbreviate(id), list, err)
	}
	if email != "" {
		if u, err := st.FindUserByEmail(t.Context(), email); u != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("FindUserByEmail(%s) = %v, %v, want nil, %q", abbreviate(email), u, err, store.ErrNotFound)
		}
	}
	noAccount(t, st, key)
}

func noAccount(t *testing.T, st store.Accounts, key store.AccountKey) {
	t.Helper()
	if u, err := st.FindUserByAccount(t.Context(), key); u != nil || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindUserByAccount(%s) = %v, %v, want nil, %q", abbreviate(key), u, err, store.ErrNotFound)
	}
}

// copyOf returns a copy of an account.
func copyOf(a *store.Account) *store.Account {
	c := *a
	return &c
}

// The functions that most tests pass.
func unchanged(*store.User) error                   { return nil }
func unchecked(*store.User, []*store.Account) error { return nil }

// oddTexts are texts that a careless store, or a collation that ignores case, accents or
// spaces, confuses.
func oddTexts() []string {
	return append(oddSuffixes, "", "  ", "e", "E", "\u00c9", "\u00eb", "ss", "\u00df", "i", "I", "\u0131", "\u0130", "\uff41", "\u00ad", "\u200b", "\u200d",
		"\ufeff", "\U0001f600", "\U0001f601", "\U00010400", "\U00010428", "\u65e5", "\u30cf", "\u306f", "\u30d0", "0", "00", "\u0660", "%41", "&amp;", "\x01", "\x7f")
}

// lower returns the texts that an e-mail address may have, each once.
func lower(texts []string) (all []string) {
	seen := make(map[string]bool)
	for _, text := range texts {
		if text == strings.ToLower(text) && !seen[text] {
			seen[text] = true
			all = append(all, text)
		}
	}
	return all
}
