package guard_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/store"
)

// A fakeAccounts returns fixed results, and passes others to the functions that it gets.
type fakeAccounts struct {
	user     *store.User
	accounts []*store.Account
	account  *store.Account
	link     *store.Link
	err      error
	panics   string
	ignores  bool // functions
	timeout  time.Duration
}

func (s *fakeAccounts) called(ctx context.Context) {
	end, _ := ctx.Deadline()
	s.timeout = time.Until(end)
	if s.panics != "" {
		panic(s.panics)
	}
}

func (s *fakeAccounts) CreateUser(ctx context.Context, u *store.User, a *store.Account) error {
	s.called(ctx)
	if s.user != nil {
		u.ID = s.user.ID
	}
	if a != nil && s.account != nil {
		a.UserID = s.account.UserID
	}
	return s.err
}

func (s *fakeAccounts) FindUser(ctx context.Context, _ string) (*store.User, error) {
	s.called(ctx)
	return s.user, s.err
}

func (s *fakeAccounts) FindUserByEmail(ctx context.Context, _ string) (*store.User, error) {
	s.called(ctx)
	return s.user, s.err
}

func (s *fakeAccounts) FindUserByAccount(ctx context.Context, _ store.AccountKey) (*store.User, error) {
	s.called(ctx)
	return s.user, s.err
}

func (s *fakeAccounts) UpdateUser(ctx context.Context, _ string, change func(*store.User) error) (*store.User, error) {
	s.called(ctx)
	if !s.ignores {
		if err := change(&store.User{ID: "u"}); err != nil {
			return nil, err
		}
	}
	return s.user, s.err
}

func (s *fakeAccounts) VerifyEmail(ctx context.Context, _, _ string, _ time.Time, _ store.AccountKey) (*store.User, []*store.Account, error) {
	s.called(ctx)
	return s.user, s.accounts, s.err
}

func (s *fakeAccounts) DeleteUser(ctx context.Context, _ string) error {
	s.called(ctx)
	return s.err
}

func (s *fakeAccounts) LinkAccount(ctx context.Context, _ *store.Account) error {
	s.called(ctx)
	return s.err
}

func (s *fakeAccounts) UnlinkAccount(
	ctx context.Context, _ string, _ store.AccountKey, check func(*store.User, []*store.Account) error,
) (*store.Account, error) {
	s.called(ctx)
	if err := check(s.user, s.accounts); err != nil && !s.ignores {
		return nil, err
	}
	return s.account, s.err
}

func (s *fakeAccounts) UpdateAccount(ctx context.Context, _ *store.Account) error {
	s.called(ctx)
	return s.err
}

func (s *fakeAccounts) ListAccounts(ctx context.Context, _ string) ([]*store.Account, error) {
	s.called(ctx)
	return s.accounts, s.err
}

func (s *fakeAccounts) SaveLink(ctx context.Context, _ *store.Link) error {
	s.called(ctx)
	return s.err
}

func (s *fakeAccounts) FindLink(ctx context.Context, _ store.LinkKey) (*store.Link, error) {
	s.called(ctx)
	return s.link, s.err
}

func (s *fakeAccounts) TakeLink(ctx context.Context, _ store.LinkKey) (*store.Link, error) {
	s.called(ctx)
	return s.link, s.err
}

func (s *fakeAccounts) DeleteLinks(ctx context.Context, _ string) error {
	s.called(ctx)
	return s.err
}

var (
	theKey  = store.AccountKey{Provider: "github", ProviderAccountID: "1"}
	other   = store.AccountKey{Provider: "github", ProviderAccountID: "2"}
	theLink = store.LinkKey{Purpose: "signin", Email: "ada@example.com"}
)

func account(userID string, key store.AccountKey) *store.Account {
	return &store.Account{AccountKey: key, UserID: userID}
}

// accountCalls calls each method for the user u, with the address ada@example.com and the
// account theKey. It returns whether there is a result, too.
func accountCalls(log *slog.Logger, s *fakeAccounts, decide func() error) map[string]func(context.Context) (bool, error) {
	a, l := guard.Accounts(log, s), guard.Links(log, s)
	none := func(err error) (bool, error) { return false, err }
	return map[string]func(context.Context) (bool, error){
		"CreateUser":     func(ctx context.Context) (bool, error) { return none(a.CreateUser(ctx, &store.User{}, nil)) },
		"CreateUser, ID": func(ctx context.Context) (bool, error) { return none(a.CreateUser(ctx, &store.User{ID: "u"}, nil)) },
		"CreateUser, account": func(ctx context.Context) (bool, error) {
			return none(a.CreateUser(ctx, &store.User{}, &store.Account{}))
		},
		"FindUser": func(ctx context.Context) (bool, error) { u, err := a.FindUser(ctx, "u"); return u != nil, err },
		"FindUserByEmail": func(ctx context.Context) (bool, error) {
			u, err := a.FindUserByEmail(ctx, "ada@example.com")
			return u != nil, err
		},
		"FindUserByAccount": func(ctx context.Context) (bool, error) {
			u, err := a.FindUserByAccount(ctx, theKey)
			return u != nil, err
		},
		"UpdateUser": func(ctx context.Context) (bool, error) {
			u, err := a.UpdateUser(ctx, "u", func(*store.User) error { return decide() })
			return u != nil, err
		},
		"VerifyEmail": func(ctx context.Context) (bool, error) {
			u, removed, err := a.VerifyEmail(ctx, "u", "ada@example.com", time.Now(), theKey)
			return u != nil || removed != nil, err
		},
		"DeleteUser":  func(ctx context.Context) (bool, error) { return none(a.DeleteUser(ctx, "u")) },
		"LinkAccount": func(ctx context.Context) (bool, error) { return none(a.LinkAccount(ctx, account("u", theKey))) },
		"UnlinkAccount": func(ctx context.Context) (bool, error) {
			removed, err := a.UnlinkAccount(ctx, "u", theKey, func(*store.User, []*store.Account) error { return decide() })
			return removed != nil, err
		},
		"UpdateAccount": func(ctx context.Context) (bool, error) { return none(a.UpdateAccount(ctx, account("u", theKey))) },
		"ListAccounts": func(ctx context.Context) (bool, error) {
			list, err := a.ListAccounts(ctx, "u")
			return list != nil, err
		},
		"SaveLink": func(ctx context.Context) (bool, error) { return none(l.SaveLink(ctx, &store.Link{})) },
		"FindLink": func(ctx context.Context) (bool, error) {
			link, err := l.FindLink(ctx, theLink)
			return link != nil, err
		},
		"TakeLink": func(ctx context.Context) (bool, error) {
			link, err := l.TakeLink(ctx, theLink)
			return link != nil, err
		},
		"DeleteLinks": func(ctx context.Context) (bool, error) { return none(l.DeleteLinks(ctx, "ada@example.com")) },
	}
}

func allow() error { return nil }

func TestAccounts_ResultsAreChecked(t *testing.T) {
	log, lines := newLog()
	u, v := &store.User{ID: "u", Email: "ada@example.com"}, &store.User{ID: "v", Email: "ada@example.com"}
	mixed := &store.User{ID: "u", Email: "Ada@Example.com"}
	moved, noID := &store.User{ID: "u", Email: "eve@example.com"}, &store.User{Email: "ada@example.com"}
	mine, more := account("u", theKey), account("u", other)
	foreign, nothing := []*store.Account{more, account("v", other)}, []*store.Account{nil}
	for _, tt := range []struct {
		call string
		s    fakeAccounts
		want string // in the error; "" for none
	}{
		{"CreateUser", fakeAccounts{user: u}, ""},
		{"CreateUser", fakeAccounts{}, "without an ID"},
		{"CreateUser, ID", fakeAccounts{user: u}, ""},
		{"CreateUser, ID", fakeAccounts{user: v}, "another user"},
		{"CreateUser, account", fakeAccounts{user: u, account: mine}, ""},
		{"CreateUser, account", fakeAccounts{user: u}, "another account"},
		{"FindUser", fakeAccounts{user: u}, ""},
		{"FindUser", fakeAccounts{}, "neither a user"},
		{"FindUser", fakeAccounts{user: v}, "another user"},
		{"FindUser", fakeAccounts{user: noID}, "without an ID"},
		{"FindUserByEmail", fakeAccounts{user: u}, ""},
		{"FindUserByEmail", fakeAccounts{user: mixed}, ""},
		{"FindUserByEmail", fakeAccounts{}, "neither a user"},
		{"FindUserByEmail", fakeAccounts{user: moved}, "another user"},
		{"FindUserByEmail", fakeAccounts{user: noID}, "without an ID"},
		{"FindUserByAccount", fakeAccounts{user: v}, ""},
		{"FindUserByAccount", fakeAccounts{}, "neither a user"},
		{"FindUserByAccount", fakeAccounts{user: noID}, "without an ID"},
		{"UpdateUser", fakeAccounts{user: moved}, ""},
		{"UpdateUser", fakeAccounts{}, "neither a user"},
		{"UpdateUser", fakeAccounts{user: v}, "another user"},
		{"UpdateUser", fakeAccounts{user: u, ignores: true}, "did not call"},
		{"VerifyEmail", fakeAccounts{user: u}, ""},
		{"VerifyEmail", fakeAccounts{user: mixed, accounts: []*store.Account{more}}, ""},
		{"VerifyEmail", fakeAccounts{}, "neither a user"},
		{"VerifyEmail", fakeAccounts{user: v}, "another user"},
		{"VerifyEmail", fakeAccounts{user: moved}, "another user"},
		{"VerifyEmail", fakeAccounts{user: u, accounts: nothing}, "neither an account"},
		{"VerifyEmail", fakeAccounts{user: u, accounts: foreign}, "another account"},
		{"VerifyEmail", fakeAccounts{user: u, accounts: []*store.Account{mine}}, "another account"},
		{"UnlinkAccount", fakeAccounts{user: u, account: mine}, ""},
		{"UnlinkAccount", fakeAccounts{user: u, account: mine, accounts: []*store.Account{more}}, ""},
		{"UnlinkAccount", fakeAccounts{user: u}, "neither an account"},
		{"UnlinkAccount", fakeAccounts{user: u, account: more}, "another account"},
		{"UnlinkAccount", fakeAccounts{user: u, account: account("v", theKey)}, "another account"},
		{"UnlinkAccount", fakeAccounts{account: mine}, "neither a user"},
		{"UnlinkAccount", fakeAccounts{user: v, account: mine}, "another user"},
		{"UnlinkAccount", fakeAccounts{user: u, account: mine, accounts: nothing}, "neither an account"},
		{"UnlinkAccount", fakeAccounts{user: u, account: mine, accounts: foreign}, "another account"},
		{"UnlinkAccount", fakeAccounts{user: u, account: mine, accounts: []*store.Account{mine}}, "another account"},
		{"UnlinkAccount", fakeAccounts{account: mine, ignores: true}, "ignored its error"},
		{"ListAccounts", fakeAccounts{}, ""},
		{"ListAccounts", fakeAccounts{accounts: []*store.Account{mine, more}}, ""},
		{"ListAccounts", fakeAccounts{accounts: nothing}, "neither an account"},
		{"ListAccounts", fakeAccounts{accounts: foreign}, "another account"},
		{"FindLink", fakeAccounts{link: &store.Link{LinkKey: theLink}}, ""},
		{"FindLink", fakeAccounts{}, "neither a link"},
		{"FindLink", fakeAccounts{link: &store.Link{}}, "another link"},
		{"TakeLink", fakeAccounts{link: &store.Link{LinkKey: theLink}}, ""},
		{"TakeLink", fakeAccounts{}, "neither a link"},
		{"TakeLink", fakeAccounts{link: &store.Link{}}, "another link"},
	} {
		some, err := accountCalls(log, &tt.s, allow)[tt.call](t.Context())
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s of %+v: error %v, want %q", tt.call, tt.s, err, tt.want)
		}
		if some && err != nil {
			t.Errorf("%s of %+v: a result beside %v", tt.call, tt.s, err)
		}
	}
	if lines.Len() > 0 {
		t.Errorf("the log has %s", lines)
	}
}

func TestAccounts_ErrorsPanicsAndTimeouts(t *testing.T) {
	u := &store.User{ID: "u", Email: "ada@example.com"}
	log, lines := newLog()
	failing := &fakeAccounts{user: u, account: account("u", theKey), link: &store.Link{LinkKey: theLink}, err: io.EOF}
	for name, call := range accountCalls(log, failing, allow) {
		failing.timeout = 0
		some, err := call(t.Context())
		if !errors.Is(err, io.EOF) || some {
			t.Errorf("%s: %v, and a result: %v, want %v alone", name, err, some, io.EOF)
		}
		if failing.timeout <= 0 || failing.timeout > 2*time.Second {
			t.Errorf("%s: the call has %v", name, failing.timeout)
		}
	}
	if lines.Len() > 0 {
		t.Errorf("the log has %s", lines)
	}
	for name, call := range accountCalls(log, &fakeAccounts{panics: "oh"}, allow) {
		lines.Reset()
		if some, err := call(t.Context()); some || err == nil || !strings.HasSuffix(err.Error(), "panic: oh") {
			t.Errorf("%s: %v, and a result: %v, want an error with the panic", name, err, some)
		}
		if !strings.Contains(lines.String(), "panic=oh stack=") {
			t.Errorf("%s: the log has %s", name, lines)
		}
	}
}

// The store sees an error where the function panics, and ends its transaction.
func TestAccounts_FunctionsAreGuarded(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{})
	u, a := &store.User{ID: "u", Email: "ada@example.com"}, account("", theKey)
	if err := m.CreateUser(t.Context(), u, a); err != nil {
		t.Fatal(err)
	}
	log, lines := newLog()
	guarded := guard.Accounts(log, m)
	update := func(f func() error) error {
		_, err := guarded.UpdateUser(t.Context(), "u", func(*store.User) error { return f() })
		return err
	}
	unlink := func(f func() error) error {
		_, err := guarded.UnlinkAccount(t.Context(), "u", theKey, func(*store.User, []*store.Account) error { return f() })
		return err
	}
	for name, call := range map[string]func(func() error) error{"UpdateUser": update, "UnlinkAccount": unlink} {
		lines.Reset()
		if err := call(func() error { return io.EOF }); err != io.EOF || lines.Len() > 0 {
			t.Errorf("%s: %v, want the error of the function; the log has %s", name, err, lines)
		}
		if err := call(func() error { panic(store.ErrNotFound) }); err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "panic") {
			t.Errorf("%s: %v, want an error with the panic", name, err)
		}
		if n := strings.Count(lines.String(), "stack="); n != 1 {
			t.Errorf("%s: the log has %d panics: %s", name, n, lines)
		}
	}
	if list, err := m.ListAccounts(t.Context(), "u"); err != nil || len(list) != 1 {
		t.Errorf("ListAccounts = %d accounts, %v, want 1", len(list), err)
	}
	if err := unlink(allow); err != nil {
		t.Error(err)
	}
}

func TestAccounts_NilStaysNil(t *testing.T) {
	if guard.Accounts(nil, nil) != nil || guard.Links(nil, nil) != nil {
		t.Error("nil is guarded")
	}
}
