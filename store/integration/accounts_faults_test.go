package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// A fixture is a user with two accounts, and a link.
type fixture struct {
	user *store.User
	a, b *store.Account
	link *store.Link
}

func newFixture(t *testing.T, s *sqlstore.Store, u *store.User) fixture {
	t.Helper()
	account := func() *store.Account {
		return &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: store.NewID()}}
	}
	f := fixture{user: u, a: account(), b: account()}
	if err := s.CreateUser(t.Context(), f.user, f.a); err != nil {
		t.Fatal(err)
	}
	f.b.UserID = f.user.ID
	if err := s.LinkAccount(t.Context(), f.b); err != nil {
		t.Fatal(err)
	}
	f.link = &store.Link{LinkKey: store.LinkKey{Purpose: "signin", Email: f.user.Email, Hash: [32]byte{1}}, ExpiresAt: time.Now().Add(time.Hour)}
	if err := s.SaveLink(t.Context(), f.link); err != nil {
		t.Fatal(err)
	}
	return f
}

// contents returns the rows of the tables of users, as far as the tests change them.
func contents(t *testing.T, db *sql.DB) (all string) {
	t.Helper()
	for _, query := range []string{
		"SELECT count(*), coalesce(max(email), ''), max(name), sum(CASE WHEN email_verified = 0 THEN 1 ELSE 0 END), max(password_hash) FROM nuxtauth_users",
		"SELECT count(*), count(DISTINCT user_id), max(scope), coalesce(max(position), 0), 0 FROM nuxtauth_accounts",
		"SELECT count(*), count(*), sum(CASE WHEN taken = '' THEN 1 ELSE 0 END), 0, 0 FROM nuxtauth_links",
	} {
		if all != "" {
			all += "; "
		}
		var row [5]sql.NullString
		if err := db.QueryRowContext(t.Context(), query).Scan(&row[0], &row[1], &row[2], &row[3], &row[4]); err != nil {
			t.Fatal(err)
		}
		for _, v := range row {
			all += v.String + ","
		}
	}
	return all
}

// accountWrites are the methods that write, in the fixture. Each fails if its result is
// wrong.
var accountWrites = map[string]func(ctx context.Context, s *sqlstore.Store, f fixture) error{
	"CreateUser": func(ctx context.Context, s *sqlstore.Store, f fixture) error {
		u, a := &store.User{Email: "bob@example.com"}, &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: "bob"}}
		err := s.CreateUser(ctx, u, a)
		if (err == nil) != (u.ID != "") || u.ID != a.UserID {
			return fmt.Errorf("%w, the ID is %q, that of the account %q", err, u.ID, a.UserID)
		}
		return err
	},
	"LinkAccount": func(ctx context.Context, s *sqlstore.Store, f fixture) error {
		return s.LinkAccount(ctx, &store.Account{AccountKey: store.AccountKey{Provider: "gitlab", ProviderAccountID: "ada"}, UserID: f.user.ID})
	},
	"UnlinkAccount": func(ctx context.Context, s *sqlstore.Store, f fixture) error {
		a, err := s.UnlinkAccount(ctx, f.user.ID, f.a.AccountKey, func(_ *store.User, remaining []*store.Account) error {
			if len(remaining) != 1 || remaining[0].AccountKey != f.b.AccountKey {
				return fmt.Errorf("%d accounts remain", len(remaining))
			}
			return nil
		})
		if err == nil && a.AccountKey != f.a.AccountKey {
			err = fmt.Errorf("the account removed is %q", a.AccountKey)
		}
		return err
	},
	"UpdateUser": func(ctx context.Context, s *sqlstore.Store, f fixture) error {
		_, err := s.UpdateUser(ctx, f.user.ID, func(u *store.User) error {
			u.Name, u.Email = "Ada", "lovelace@example.com"
			return nil
		})
		return err
	},
	"VerifyEmail": func(ctx context.Context, s *sqlstore.Store, f fixture) error {
		_, removed, err := s.VerifyEmail(ctx, f.user.ID, f.user.Email, time.Now(), f.a.AccountKey)
		if err == nil && (len(removed) != 1 || removed[0].AccountKey != f.b.AccountKey) {
			err = fmt.Errorf("%d accounts were removed", len(removed))
		}
		return err
	},
	"DeleteUser": func(ctx context.Context, s *sqlstore.Store, f fixture) error { return s.DeleteUser(ctx, f.user.ID) },
	"UpdateAccount": func(ctx context.Context, s *sqlstore.Store, f fixture) error {
		return s.UpdateAccount(ctx, &store.Account{AccountKey: f.a.AccountKey, Scope: "openid"})
	},
	"SaveLink": func(ctx context.Context, s *sqlstore.Store, f fixture) error {
		l := *f.link
		l.Hash[0]++
		return s.SaveLink(ctx, &l)
	},
	"TakeLink": func(ctx context.Context, s *sqlstore.Store, f fixture) error {
		_, err := s.TakeLink(ctx, f.link.LinkKey)
		return err
	},
	"DeleteLinks": func(ctx context.Context, s *sqlstore.Store, f fixture) error { return s.DeleteLinks(ctx, f.user.Email) },
}

// AC-02, AD-03: a fault at any statement changes nothing, and the next attempt works. If the
// connection breaks, the store makes it, also after a COMMIT whose answer was lost: the
// result is the same.
func TestSQL_AccountsWithAFaultAtEachStatement(t *testing.T) {
	inEach(t, func(t *testing.T, src source) {
		open := func(db *sql.DB) *sqlstore.Store { return newStore(t, db, sqlstore.Options{}) }
		faultAtEachStatement(t, src, open, []string{"nuxtauth_accounts", "nuxtauth_users", "nuxtauth_links"}, contents,
			func(name string, _ int) bool { return name == "SaveLink" || name == "TakeLink" })
	})
}

// faultAtEachStatement makes each statement of each method fail. separate reports whether
// the nth statement of a method is after one that was committed.
func faultAtEachStatement(t *testing.T, src source, open func(*sql.DB) *sqlstore.Store, tables []string,
	contents func(*testing.T, *sql.DB) string, separate func(name string, n int) bool,
) {
	t.Helper()
	clean := src.connect(t)
	s := open(clean)
	broken, faults := connectLossy(t, src)
	unsure := open(broken)
	setUp := func() fixture {
		for _, table := range tables {
			if _, err := clean.ExecContext(t.Context(), "DELETE FROM "+table); err != nil {
				t.Fatal(err)
			}
		}
		return newFixture(t, s, &store.User{Email: "ada@example.com", PasswordHash: "of another person"})
	}
	if err := life(t.Context(), unsure); err != nil { // and sweeps, for the next minute
		t.Fatal(err)
	}
	for name, write := range accountWrites {
		f := setUp()
		before := contents(t, clean)
		faults.fail(0, false, nil)
		if err := write(t.Context(), unsure, f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, n := contents(t, clean), faults.statements()
		if want == before {
			t.Fatalf("%s changes nothing: this tests nothing", name)
		}
		for at := 1; at <= n; at++ {
			for _, run := range []bool{false, true} {
				f := setUp()
				faults.fail(at, run, nil)
				err := write(t.Context(), unsure, f)
				if got := contents(t, clean); err != nil || got != want {
					t.Errorf("%s, connection broken at statement %d of %d, run %v: %v, the tables have %s, want %s", name, at, n, run, err, got, want)
				}
			}
			f := setUp()
			faults.fail(at, false, errRefused)
			if err := write(t.Context(), unsure, f); !errors.Is(err, errRefused) {
				t.Errorf("%s, statement %d of %d refused: %v, want %q", name, at, n, err, errRefused)
			}
			if got := contents(t, clean); got != before && !separate(name, at) {
				t.Errorf("%s, statement %d of %d refused: the tables have %s, want %s", name, at, n, got, before)
			}
			if name == "TakeLink" && at > 1 && separate(name, at) { // unknown whether it was taken
				continue
			}
			if err := write(t.Context(), unsure, f); err != nil {
				t.Errorf("%s after statement %d of %d was refused: %v", name, at, n, err)
			}
			if got := contents(t, clean); got != want {
				t.Errorf("%s after statement %d of %d was refused: the tables have %s, want %s", name, at, n, got, want)
			}
		}
	}
}
