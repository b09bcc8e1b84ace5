package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// The drivers and settings of the package documentation, and those of applications, send
// arguments in different ways.
func TestAuthJS_Drivers(t *testing.T) {
	for name, d := range authjsDatabases {
		settings := map[string][2]string{
			"pgx for PgBouncer": {"pgx", "&default_query_exec_mode=exec"}, "pgx, simple": {"pgx", "&default_query_exec_mode=simple_protocol"},
			"pq": {"postgres", ""}, "pq for PgBouncer": {"postgres", "&binary_parameters=yes"},
		}
		if d.driver == "mysql" {
			settings = map[string][2]string{
				"of the driver": {"mysql", "?time_zone=%27%2B00:00%27"}, "of GORM": {"mysql", "?charset=utf8mb4&parseTime=True&loc=Local&multiStatements=true&time_zone=%27%2B00:00%27"},
				"modes": {"mysql", "?interpolateParams=true&clientFoundRows=true&time_zone=%27%2B00:00%27" +
					"&sql_mode=%27ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES,SIMULTANEOUS_ASSIGNMENT%27"},
			}
		}
		t.Run(name, func(t *testing.T) {
			src := d.source(t)
			noLeaks(t)
			for name, setting := range settings {
				base := src.name
				if d.driver == "mysql" {
					base, _, _ = strings.Cut(base, "?")
				}
				s := openAuthJS(t, connect(t, setting[0], base+setting[1]), d.layout(), sqlstore.Options{})
				u := &store.User{Name: `A "d\a" 'b'`, Email: store.NewID() + "@example.com", EmailVerified: time.Now(), Extra: []byte(`{}`)}
				u.Email = strings.ToLower(u.Email)
				f := newFixture(t, s, u)
				got, err := s.FindUserByEmail(t.Context(), u.Email)
				if err != nil || got.ID != u.ID || got.Name != u.Name || !got.EmailVerified.Equal(u.EmailVerified.Truncate(time.Millisecond)) {
					t.Errorf("%s: FindUserByEmail = %+v, %v", name, got, err)
				}
				for _, method := range []string{"UnlinkAccount", "LinkAccount", "SaveLink", "TakeLink", "DeleteLinks", "UpdateUser", "DeleteUser"} {
					if err := accountWrites[method](t.Context(), s, f); err != nil {
						t.Errorf("%s: %s: %v", name, method, err)
					}
				}
			}
		})
	}
}

// AC-02, AD-03, as TestSQL_AccountsWithAFaultAtEachStatement.
func TestAuthJS_FaultAtEachStatement(t *testing.T) {
	for _, name := range []string{"PostgreSQL, pg-adapter", "PostgreSQL, Prisma", "MariaDB, pg-adapter", "MariaDB, Drizzle"} {
		d := authjsDatabases[name]
		t.Run(name, func(t *testing.T) {
			src := d.source(t)
			noLeaks(t)
			open := func(db *sql.DB) *sqlstore.Store { return openAuthJS(t, db, d.layout(), sqlstore.Options{}) }
			tables := foreign(d.layout(), d.driver)
			slices.SortFunc(tables, func(a, b string) int { // the users after what refers to them
				if strings.EqualFold(a[1:5], "user") {
					return 1
				}
				return -1
			})
			contents := func(t *testing.T, db *sql.DB) string {
				t.Helper()
				return d.row(t, db, `SELECT count(*), coalesce(max(email), ''), max(name), count("emailVerified") FROM :users`) + "; " +
					d.row(t, db, "SELECT count(*), max(password_hash), max(first_sign_in) FROM nuxtauth_users") + "; " +
					d.row(t, db, `SELECT count(*), count(DISTINCT "userId"), max(scope) FROM :accounts`) + "; " +
					d.row(t, db, "SELECT count(*), sum(CASE WHEN taken = '' THEN 1 ELSE 0 END) FROM nuxtauth_links") + "; " +
					d.row(t, db, "SELECT count(*) FROM :tokens")
			}
			faultAtEachStatement(t, src, open, append(tables, "nuxtauth_users", "nuxtauth_links"), contents,
				func(name string, n int) bool { return name == "SaveLink" && n > 6 })
		})
	}
}

// AC-01: of first sign-ins at once, here and in Node, one makes the user.
func TestAuthJS_FirstSignInsAtOnce(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		stores := []*sqlstore.Store{openAuthJS(t, db, d.layout(), sqlstore.Options{}), openAuthJS(t, src.connect(t), d.layout(), sqlstore.Options{})}
		errs := make(chan error)
		const many = 50
		for i := range many {
			go func() {
				u := &store.User{Email: "ada@example.com"}
				a := &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: "1"}, Type: "oauth"}
				errs <- stores[i%2].CreateUser(context.WithoutCancel(t.Context()), u, a)
			}()
		}
		made := 0
		for range many {
			if err := <-errs; err == nil {
				made++
			} else if !errors.Is(err, store.ErrAccountTaken) {
				t.Error(err)
			}
		}
		if got := d.row(t, db, `SELECT (SELECT count(*) FROM :users), (SELECT count(*) FROM :accounts), (SELECT count(*) FROM nuxtauth_users)`); made != 1 || got != "1|1|1" {
			t.Errorf("%d calls made a user; the tables have %s rows", made, got)
		}
	})
}

// Each statement is a round trip to the database. Options.Timeout documents the numbers.
func TestAuthJS_StatementsPerCall(t *testing.T) {
	d := authjsDatabases["PostgreSQL, Prisma"]
	src := d.source(t)
	noLeaks(t)
	db, count := connectLossy(t, src)
	s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
	if err := life(t.Context(), s); err != nil { // and sweeps, for the next minute
		t.Fatal(err)
	}
	u := &store.User{Email: "ada@example.com"}
	a := &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: "1"}}
	b := &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: "2"}}
	l := &store.Link{LinkKey: store.LinkKey{Purpose: "signin", Email: u.Email}, ExpiresAt: time.Now().Add(time.Hour)}
	for _, call := range []struct {
		name string
		want int
		do   func() error
	}{
		{"CreateUser", 6, func() error { return s.CreateUser(t.Context(), u, a) }},
		{"FindUser", 1, func() error { _, err := s.FindUser(t.Context(), u.ID); return err }},
		{"FindUserByEmail", 1, func() error { _, err := s.FindUserByEmail(t.Context(), u.Email); return err }},
		{"FindUserByAccount", 1, func() error { _, err := s.FindUserByAccount(t.Context(), a.AccountKey); return err }},
		{"UpdateUser", 6, func() error {
			_, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Name = "Ada"; return nil })
			return err
		}},
		{"UpdateUser of what Auth.js has no column for", 5, func() error {
			_, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.FirstSignIn = time.Now(); return nil })
			return err
		}},
		{"VerifyEmail", 9, func() error {
			_, _, err := s.VerifyEmail(t.Context(), u.ID, u.Email, time.Now(), a.AccountKey)
			return err
		}},
		{"LinkAccount", 5, func() error { b.UserID = u.ID; return s.LinkAccount(t.Context(), b) }},
		{"UpdateAccount", 1, func() error { return s.UpdateAccount(t.Context(), b) }},
		{"ListAccounts", 1, func() error { _, err := s.ListAccounts(t.Context(), u.ID); return err }},
		{"UnlinkAccount", 6, func() error {
			_, err := s.UnlinkAccount(t.Context(), u.ID, b.AccountKey, func(*store.User, []*store.Account) error { return nil })
			return err
		}},
		{"DeleteUser", 8, func() error { return s.DeleteUser(t.Context(), u.ID) }},
		{"SaveLink", 9, func() error { return s.SaveLink(t.Context(), l) }},
		{"FindLink", 2, func() error { _, err := s.FindLink(t.Context(), l.LinkKey); return err }},
		{"TakeLink", 6, func() error { _, err := s.TakeLink(t.Context(), l.LinkKey); return err }},
		{"DeleteLinks", 4, func() error { return s.DeleteLinks(t.Context(), u.Email) }},
	} {
		count.fail(0, false, nil)
		if err := call.do(); err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
		if n := count.statements(); n != call.want {
			t.Errorf("%s sent %d statements, want %d", call.name, n, call.want)
		}
	}
}
