package sqlstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// Each statement is a round trip to the database. Options.Timeout documents the numbers.
func TestSQL_StatementsPerCall(t *testing.T) {
	for name, dialect := range map[string]func(script) script{"PostgreSQL": postgres, "MySQL": mysql} {
		t.Run(name, func(t *testing.T) { statementsPerCall(t, dialect) })
	}
}

// The cost of an address tells nothing of whether a user has it, and none makes the database
// lock what others write: a client can ask for any address.
func TestSQL_OwnUsersCostTheSame(t *testing.T) {
	for name, dialect := range map[string]func(script) script{"PostgreSQL": postgres, "MySQL": mysql} {
		known := row("ada", "Ada", "ada@example.com", "", int64(0), "", false, int64(0), "", int64(1))
		db, a := open(t, dialect(func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
			if strings.Contains(query, "FROM nuxtauth_users") && args[0].Value == "ada@example.com" {
				return known, nil
			}
			return nil, nil
		}))
		asked := 0
		s, err := sqlstore.New(t.Context(), db, sqlstore.Options{Users: sqlstore.Users{Find: func(ctx context.Context, tx sqlstore.Tx, email string) (*store.User, error) {
			asked++
			rows, err := tx.QueryContext(ctx, "SELECT id FROM customers WHERE email = 'an address'")
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			if rows.Next() || rows.Err() != nil || email == "ada@example.com" {
				return nil, errors.New("no user from before")
			}
			return nil, store.ErrNotFound
		}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, email := range []string{"ada@example.com", "unknown@example.com"} {
			before, begun := a.times(""), a.times("BEGIN")+a.times("START TRANSACTION")
			asked = 0
			u, err := s.FindUserByEmail(t.Context(), email)
			if found := email == "ada@example.com"; found != (err == nil && u.ID == "ada") || !found && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %s is %v, %v", name, email, u, err)
			}
			if n := a.times("") - before; n != 2 || asked != 1 || a.times("BEGIN")+a.times("START TRANSACTION") != begun {
				t.Errorf("%s: %s costs %d statements, %d calls of Find, %d transactions", name, email, n, asked, a.times("BEGIN")+a.times("START TRANSACTION")-begun)
			}
		}
	}
}

func statementsPerCall(t *testing.T, dialect func(script) script) {
	handle, key := store.NewHandle()
	db, a := open(t, dialect(func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
		switch {
		case strings.Contains(query, "key, claims"), strings.Contains(query, "`key`, claims"):
			return sessionRow(key[:]), nil
		case strings.Contains(query, "INSERT INTO nuxtauth_marks"):
			return row(int64(1), args[1].Value), nil
		case strings.HasPrefix(strings.TrimSpace(query), "DELETE"), strings.Contains(query, "max(position)"):
			return row(int64(1)), nil
		case strings.Contains(query, "FROM nuxtauth_users"):
			return row("ada", "Ada", "ada@example.com", "", int64(0), "", false, int64(0), "", int64(1)), nil
		case strings.Contains(query, "SELECT provider, issuer"):
			return row("github", "", "583231", "ada", "", "", "", "", "", "", "", int64(0), int64(1), ""), nil
		case strings.Contains(query, "FROM nuxtauth_links"):
			return row("", "", int64(1), int64(2)), nil
		case strings.HasPrefix(query, "SELECT"), query == "COMMIT":
			return nil, nil
		}
		return row(int64(1)), nil
	}))
	s, err := sqlstore.New(t.Context(), db, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	inMySQL := 0
	if a.times("@@sql_mode") > 0 {
		inMySQL = 1
	}
	r := &store.Record{Realm: realm, Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}
	if _, err := s.CreateSession(t.Context(), r); err != nil { // and sweeps, for the next minute
		t.Fatal(err)
	}
	account := store.AccountKey{Provider: "github", ProviderAccountID: "583231"}
	link := &store.Link{LinkKey: store.LinkKey{Purpose: "signin", Email: "ada@example.com"}, ExpiresAt: time.Now().Add(time.Hour)}
	for _, call := range []struct {
		name string
		want int
		do   func() error
	}{
		{"CreateSession", 1, func() error { _, err := s.CreateSession(t.Context(), r); return err }},
		{"FindSession", 1, func() error { _, err := s.FindSession(t.Context(), handle); return err }},
		{"ReplaceSession", 1, func() error { _, err := s.ReplaceSession(t.Context(), handle, r); return err }},
		{"DeleteSession", 1, func() error { return s.DeleteSession(t.Context(), handle) }},
		{"ListSessions", 1, func() error { _, err := s.ListSessions(t.Context(), realm, "ada", 10); return err }},
		{"DeleteSessionByID", 1 + inMySQL, func() error { _, err := s.DeleteSessionByID(t.Context(), realm, "ada", "id"); return err }},
		{"DeleteSessions", 1 + inMySQL, func() error { _, err := s.DeleteSessions(t.Context(), realm, "ada", "id"); return err }},
		{"DeleteProviderSession", 1 + inMySQL, func() error { _, err := s.DeleteProviderSession(t.Context(), realm, "github", "sid"); return err }},
		{"DeleteProviderSubject", 1 + inMySQL, func() error { _, err := s.DeleteProviderSubject(t.Context(), realm, "github", "583231"); return err }},
		{"Mark", 1, func() error { _, _, err := s.Mark(t.Context(), "a", time.Hour); return err }},
		{"Marked", 1, func() error { _, err := s.Marked(t.Context(), "a", "b", "c"); return err }},
		{"Count", 1, func() error { _, err := s.Count(t.Context(), "a", 1, time.Hour); return err }},
		{"Count that reads", 1, func() error { _, err := s.Count(t.Context(), "a", 0, 0); return err }},
		{"Count that subtracts", 1, func() error { _, err := s.Count(t.Context(), "a", -1, 0); return err }},
		{"FindUser", 1, func() error { _, err := s.FindUser(t.Context(), "ada"); return err }},
		{"FindUserByEmail", 1, func() error { _, err := s.FindUserByEmail(t.Context(), "ada@example.com"); return err }},
		{"FindUserByAccount", 1, func() error { _, err := s.FindUserByAccount(t.Context(), account); return err }},
		{"CreateUser", 4, func() error { return s.CreateUser(t.Context(), &store.User{}, &store.Account{AccountKey: account}) }},
		{"UpdateUser", 4, func() error {
			_, err := s.UpdateUser(t.Context(), "ada", func(u *store.User) error { u.Name = ""; return nil })
			return err
		}},
		{"VerifyEmail", 6, func() error {
			_, _, err := s.VerifyEmail(t.Context(), "ada", "ada@example.com", time.Now(), account)
			return err
		}},
		{"DeleteUser", 4, func() error { return s.DeleteUser(t.Context(), "ada") }},
		{"LinkAccount", 5, func() error { return s.LinkAccount(t.Context(), &store.Account{AccountKey: account, UserID: "ada"}) }},
		{"UnlinkAccount", 5, func() error {
			_, err := s.UnlinkAccount(t.Context(), "ada", account, func(*store.User, []*store.Account) error { return nil })
			return err
		}},
		{"UpdateAccount", 1, func() error { return s.UpdateAccount(t.Context(), &store.Account{AccountKey: account}) }},
		{"ListAccounts", 1, func() error { _, err := s.ListAccounts(t.Context(), "ada"); return err }},
		{"SaveLink", 3, func() error { return s.SaveLink(t.Context(), link) }},
		{"FindLink", 1, func() error { _, err := s.FindLink(t.Context(), link.LinkKey); return err }},
		{"TakeLink", 2, func() error { _, err := s.TakeLink(t.Context(), link.LinkKey); return err }},
		{"DeleteLinks", 1, func() error { return s.DeleteLinks(t.Context(), "ada@example.com") }},
		{"Lock, Extend and Release", 4, func() error {
			lease, err := s.Lock(t.Context(), "a", time.Minute)
			if err != nil {
				return err
			}
			defer lease.Release()
			defer lease.Release()
			return lease.Extend(t.Context(), time.Minute)
		}},
	} {
		before := a.times("")
		if err := call.do(); err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
		if n := a.times("") - before; n != call.want {
			t.Errorf("%s sent %d statements, want %d", call.name, n, call.want)
		}
	}
}
