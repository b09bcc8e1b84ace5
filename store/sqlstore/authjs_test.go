package sqlstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// What is wrong with a layout, or with the options, is found before the database is asked.
func TestAuthJS_LayoutIsChecked(t *testing.T) {
	db, a := open(t, func(string, []driver.NamedValue) ([][]driver.Value, error) {
		return nil, errors.New("the cable is cut")
	})
	for want, change := range map[string]func(l *sqlstore.AuthJSLayout, o *sqlstore.Options){
		"the table of AuthJSLayout.Users is empty":                   func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.Users.Table = "" },
		"the table of AuthJSLayout.VerificationTokens is empty":      func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.VerificationTokens.Table = "" },
		"AuthJSLayout.Accounts lacks the name of a column":           func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.Accounts.Scope = "" },
		`AuthJSLayout.Users has the name "us\"ers"`:                  func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.Users.Table = `us"ers` },
		"AuthJSLayout.Users has the name \"na`me\"":                  func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.Users.Name = "na`me" },
		`AuthJSLayout.Accounts has the name "issuer$1"`:              func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.Accounts.Issuer = "issuer$1" },
		`AuthJSLayout.Sessions has the name "session?"`:              func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.Sessions.Table = "session?" },
		`AuthJSLayout.VerificationTokens has the name "token; DROP"`: func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.VerificationTokens.Token = "token; DROP" },
		`AuthJSLayout.Users has the name "key"`:                      func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.Users.ID = "key" },
		`AuthJSLayout.Accounts has the name "a b"`:                   func(l *sqlstore.AuthJSLayout, _ *sqlstore.Options) { l.Accounts.Table = "a b" },
		"Options.Users is set": func(_ *sqlstore.AuthJSLayout, o *sqlstore.Options) {
			o.Users.Delete = func(context.Context, sqlstore.Tx, string) error { return nil }
		},
		"Options.Timeout is -1ns": func(_ *sqlstore.AuthJSLayout, o *sqlstore.Options) { o.Timeout = -1 },
	} {
		layout, opts := sqlstore.PgAdapter(), sqlstore.Options{}
		change(&layout, &opts)
		s, err := sqlstore.OpenAuthJS(t.Context(), db, layout, opts)
		if s != nil || err == nil || !strings.HasPrefix(err.Error(), "sqlstore: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenAuthJS = %v, %v, want an error with %q", s, err, want)
		}
	}
	if n := a.times(""); n > 0 {
		t.Errorf("OpenAuthJS sent %d statements", n)
	}
	if s, err := sqlstore.OpenAuthJS(t.Context(), nil, sqlstore.PgAdapter(), sqlstore.Options{}); s != nil || err == nil {
		t.Errorf("OpenAuthJS = %v, %v without a database", s, err)
	}
}

// catalogue answers the questions of OpenAuthJS as a PostgreSQL with the tables of Prisma
// does, and the rest by the script.
func catalogue(answer script) script {
	other := postgres(answer)
	return func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
		switch {
		case strings.Contains(query, "pg_attribute") && strings.Contains(query, "pg_type"):
			var rows [][]driver.Value
			for table, columns := range map[string]string{
				"User": "id name email *emailVerified image", "Account": "userId type provider providerAccountId access_token refresh_token id_token token_type scope session_state #expires_at",
				"VerificationToken": "identifier token *expires",
			} {
				for name := range strings.FieldsSeq(columns) {
					typ := "text"
					switch name[0] {
					case '*':
						name, typ = name[1:], "timestamp"
					case '#':
						name, typ = name[1:], "int4"
					}
					rows = append(rows, []driver.Value{table, name, typ, int64(0), int64(3), true, false, ""})
				}
			}
			return rows, nil
		case strings.Contains(query, "pg_index"):
			return [][]driver.Value{
				{"User", "1", "email", false}, {"Account", "2", "provider", false}, {"Account", "2", "providerAccountId", false},
				{"VerificationToken", "3", "identifier", false}, {"VerificationToken", "3", "token", false},
			}, nil
		}
		return other(query, args)
	}
}

// A driver or a pooler may give an answer to another call. It must not be that of another
// user.
func TestAuthJS_AnswersOfOthers(t *testing.T) {
	user := row("bob", "Bob", "bob@example.com", "", int64(0), int64(0), false, "", false, int64(0), "", int64(0))
	account := row("github", "", "7", "bob", "oauth", "", "", "", "", "", "", int64(0), int64(0), "")
	db, _ := open(t, catalogue(func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
		switch {
		case strings.Contains(query, "found_user"):
			return row(int64(1)), nil
		case strings.Contains(query, "account_provider"):
			return account, nil
		case strings.Contains(query, "user_name"):
			return user, nil
		}
		return nil, nil
	}))
	s, err := sqlstore.OpenAuthJS(t.Context(), db, sqlstore.PrismaAdapter(), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if u, err := s.FindUser(t.Context(), "bob"); err != nil || u.Name != "Bob" {
		t.Errorf("FindUser = %v, %v", u, err)
	}
	for what, find := range map[string]func() error{
		"FindUser": func() error { _, err := s.FindUser(t.Context(), "ada"); return err },
		"UpdateUser": func() error {
			_, err := s.UpdateUser(t.Context(), "ada", func(*store.User) error { return nil })
			return err
		},
		"ListAccounts": func() error { _, err := s.ListAccounts(t.Context(), "ada"); return err },
	} {
		if err := find(); err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "another user") {
			t.Errorf("%s: %v, want an error that is no answer", what, err)
		}
	}
	if u, err := s.FindUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, store.ErrNotFound) { // as of a collation
		t.Errorf("FindUserByEmail = %v, %v, want %q", u, err, store.ErrNotFound)
	}
}

func TestAuthJS_SQLite(t *testing.T) {
	db, _ := open(t, func(query string, _ []driver.NamedValue) ([][]driver.Value, error) {
		switch {
		case strings.Contains(query, "database_list"):
			return row(int64(0), "main", "/a.db"), nil
		case strings.Contains(query, "busy_timeout"), strings.Contains(query, "sqlite_master"):
			return row(int64(5000)), nil
		case strings.Contains(query, "max(version)"):
			return row(int64(newestVersion)), nil
		}
		return nil, nil
	})
	if s, err := sqlstore.OpenAuthJS(t.Context(), db, sqlstore.DrizzleAdapter(), sqlstore.Options{Dialect: sqlstore.SQLite}); s != nil || err == nil || !strings.Contains(err.Error(), "SQLite") {
		t.Errorf("OpenAuthJS = %v, %v, want an error that says that SQLite is not supported", s, err)
	}
}
