package integration_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// What this package writes has the form of Auth.js, and the reverse.
func TestAuthJS_Rows(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		at := time.Date(2026, 11, 26, 10, 20, 30, 123_999_999, time.UTC)
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{Now: func() time.Time { return at }})
		u := &store.User{Name: "Ada", Email: "ada@example.com", Image: "https://example.com/ada.png", EmailVerified: at, PasswordHash: "hash"}
		a := &store.Account{
			AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: "583231"}, Type: "oauth", AccessToken: "access", RefreshToken: "refresh",
			TokenType: "bearer", Scope: "read:user", ExpiresAt: 1_800_000_000, Email: "ada@example.com",
		}
		if err := s.CreateUser(t.Context(), u, a); err != nil {
			t.Fatal(err)
		}
		text := map[string]string{"pgx": "to_char(%s, 'YYYY-MM-DD HH24:MI:SS.US')", "mysql": "date_format(%s, '%%Y-%%m-%%d %%H:%%i:%%s.%%f')"}[d.driver]
		verified := fmt.Sprintf(text, `"emailVerified"`)
		if d.driver == "pgx" && strings.Contains(strings.ToUpper(d.create), "TIMESTAMPTZ") {
			verified = fmt.Sprintf(text, `"emailVerified" AT TIME ZONE 'UTC'`)
		}
		for query, want := range map[string]string{
			"SELECT id, name, email, image, " + verified + " FROM :users": u.ID + "|Ada|ada@example.com|https://example.com/ada.png|2026-11-26 10:20:30.123000",
			`SELECT "userId", type, provider, "providerAccountId", access_token, refresh_token, id_token, token_type, scope, session_state, expires_at FROM :accounts`: u.ID +
				"|oauth|github|583231|access|refresh|NULL|bearer|read:user|NULL|1800000000",
			"SELECT id, name, email, image, email_verified, password_hash FROM nuxtauth_users": u.ID + "||NULL||0|hash",
			"SELECT count(*) FROM nuxtauth_accounts":                                           "0",
		} {
			if got := d.row(t, db, query); got != want {
				t.Errorf("%s = %s, want %s", query, got, want)
			}
		}

		// A user of Node has no row in nuxtauth_users.
		id := d.nodeUser(t, db, 1000, "grace@example.com", utc(at))
		key := d.nodeAccount(t, db, id, "google", "1042")
		got, err := s.FindUserByAccount(t.Context(), key)
		if err != nil || got.ID != id || got.Email != "grace@example.com" || got.Name != "Ada" || !got.EmailVerified.Equal(at.Truncate(time.Millisecond)) {
			t.Fatalf("FindUserByAccount = %+v, %v", got, err)
		}
		if created := d.layout().Users.Table == "User"; got.FirstSignIn.IsZero() || got.CreatedAt.IsZero() == created {
			t.Errorf("FirstSignIn %v, CreatedAt %v of a user of before", got.FirstSignIn, got.CreatedAt)
		}
		if err := s.UpdateAccount(t.Context(), &store.Account{AccountKey: key, Type: "oauth", AccessToken: "next"}); err != nil {
			t.Fatal(err)
		}
		if got := d.row(t, db, `SELECT type, access_token, token_type, expires_at FROM :accounts WHERE provider = 'google'`); got != "oidc|next|NULL|NULL" {
			t.Errorf("the account of Node is %s", got)
		}
		before := d.row(t, db, "SELECT name, email FROM :users WHERE id = '"+id+"'")
		got, err = s.UpdateUser(t.Context(), id, func(u *store.User) error {
			u.PasswordHash, u.Disabled, u.Extra = "new", true, []byte(`{"a":1}`)
			return nil
		})
		if err != nil || got.PasswordHash != "new" {
			t.Fatalf("UpdateUser = %+v, %v", got, err)
		}
		if again, err := s.FindUserByEmail(t.Context(), "grace@example.com"); err != nil || !again.Disabled || again.PasswordHash != "new" || string(again.Extra) != `{"a":1}` ||
			!again.FirstSignIn.Equal(got.FirstSignIn) {
			t.Errorf("FindUserByEmail = %+v, %v", again, err)
		}
		if after := d.row(t, db, "SELECT name, email FROM :users WHERE id = '"+id+"'"); after != before {
			t.Errorf("the row of Node is %s, want %s", after, before)
		}
	})
}

// The address of a user of Node counts as proved by option alone. The accounts then stay, and
// what is proved here is not taken back.
func TestAuthJS_TrustedEmails(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		id := d.nodeUser(t, db, 1000, "grace@example.com", "NULL")
		key := d.nodeAccount(t, db, id, "google", "1042")
		d.nodeAccount(t, db, id, "github", "583231")
		trusting := d.layout()
		trusting.Users.DangerouslyTrustEmails = true
		for _, tt := range []struct {
			layout  sqlstore.AuthJSLayout
			proved  bool
			removed int
		}{{trusting, true, 0}, {d.layout(), false, 1}} {
			s := openAuthJS(t, db, tt.layout, sqlstore.Options{})
			u, err := s.FindUserByEmail(t.Context(), "grace@example.com")
			if err != nil || u.EmailVerified.IsZero() == tt.proved {
				t.Errorf("FindUserByEmail = %+v, %v, want proved %v", u, err, tt.proved)
			}
			if !tt.proved {
				own := &store.User{Name: "Ada", Email: "ada@example.com"}
				if err := s.CreateUser(t.Context(), own, nil); err != nil {
					t.Fatal(err)
				}
				if u, err := openAuthJS(t, db, trusting, sqlstore.Options{}).FindUser(t.Context(), own.ID); err != nil || !u.EmailVerified.IsZero() {
					t.Errorf("a user made here: %+v, %v", u, err)
				}
				_, removed, err := s.VerifyEmail(t.Context(), id, "grace@example.com", time.Now(), key)
				if err != nil || len(removed) != tt.removed {
					t.Errorf("VerifyEmail removes %d accounts, %v", len(removed), err)
				}
			}
		}
	})
}

// A row that a user who is gone has left is that of no new user.
func TestAuthJS_LeftoverRow(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
		next := d.id(1)
		d.exec(t, db, "INSERT INTO nuxtauth_users (id, name, email, image, email_verified, password_hash, disabled, first_sign_in, extra, created_at) VALUES ('"+
			next+"', '', NULL, '', 0, 'of another', true, 1, '{}', 1)")
		u := new(store.User)
		if d.ids != "integer" {
			u.ID = next
		}
		if err := s.CreateUser(t.Context(), u, nil); err != nil || u.ID != next {
			t.Fatalf("CreateUser: ID %q, %v", u.ID, err)
		}
		if got, err := s.FindUser(t.Context(), next); err != nil || got.PasswordHash != "" || got.Disabled || !got.FirstSignIn.IsZero() || got.Extra != nil {
			t.Errorf("FindUser = %+v, %v, want none of what was left", got, err)
		}
		if d.driver == "pgx" { // as docs/accounts.md removes such rows
			d.exec(t, db, "INSERT INTO nuxtauth_users SELECT 'gone', name, email, image, email_verified, password_hash, disabled, first_sign_in, created_at, extra FROM nuxtauth_users")
			d.exec(t, db, `DELETE FROM nuxtauth_users WHERE email IS NULL AND id NOT IN (SELECT CAST(id AS text) COLLATE "C" FROM :users)`)
			if got := d.row(t, db, "SELECT id FROM nuxtauth_users"); got != next {
				t.Errorf("nuxtauth_users has the IDs %s, want %s", got, next)
			}
		}
	})
}

// An account that a user who is gone has left, as in tables without foreign keys, is free. In
// Auth.js it could never sign in again.
func TestAuthJS_AccountOfAUserWhoIsGone(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		if strings.Contains(d.create, "REFERENCES") {
			t.Skip("the tables have foreign keys")
		}
		db := src.connect(t)
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
		keys := []store.AccountKey{d.nodeAccount(t, db, d.id(1000), "github", "1"), d.nodeAccount(t, db, d.id(1000), "github", "2")}
		for _, key := range keys {
			if u, err := s.FindUserByAccount(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("FindUserByAccount = %v, %v, want %q", u, err, store.ErrNotFound)
			}
		}
		u := &store.User{Email: "ada@example.com"}
		if err := s.CreateUser(t.Context(), u, &store.Account{AccountKey: keys[0]}); err != nil {
			t.Fatalf("CreateUser: %v", err)
		}
		if err := s.CreateUser(t.Context(), &store.User{Email: u.Email}, &store.Account{AccountKey: keys[1]}); !errors.Is(err, store.ErrEmailTaken) {
			t.Errorf("CreateUser: %v, want %q", err, store.ErrEmailTaken)
		}
		if err := s.LinkAccount(t.Context(), &store.Account{AccountKey: keys[1], UserID: u.ID}); err != nil {
			t.Fatalf("LinkAccount: %v", err)
		}
		for _, key := range keys {
			if got, err := s.FindUserByAccount(t.Context(), key); err != nil || got.ID != u.ID {
				t.Errorf("FindUserByAccount = %v, %v, want the user", got, err)
			}
			if err := s.CreateUser(t.Context(), &store.User{}, &store.Account{AccountKey: key}); !errors.Is(err, store.ErrAccountTaken) {
				t.Errorf("CreateUser: %v, want %q", err, store.ErrAccountTaken)
			}
		}
	})
}

// AD-05: addresses of an older system in mixed case, and two that differ in case alone.
func TestAuthJS_MixedCase(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
		id := d.nodeUser(t, db, 1, "Ada@Example.com", "NULL")
		key := d.nodeAccount(t, db, id, "github", "1")
		got, err := s.FindUserByEmail(t.Context(), "ada@example.com")
		if err != nil || got.ID != id || got.Email != "ada@example.com" {
			t.Fatalf("FindUserByEmail = %+v, %v, want the user", got, err)
		}
		if _, err := s.FindUserByEmail(t.Context(), "Ada@Example.com"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("FindUserByEmail in mixed case: %v, want %q", err, store.ErrNotFound)
		}
		if err := s.CreateUser(t.Context(), &store.User{Email: "ada@example.com"}, nil); !errors.Is(err, store.ErrEmailTaken) {
			t.Errorf("CreateUser: %v, want %q", err, store.ErrEmailTaken)
		}
		other := new(store.User)
		if err := s.CreateUser(t.Context(), other, nil); err != nil {
			t.Fatal(err)
		}
		_, err = s.UpdateUser(t.Context(), other.ID, func(u *store.User) error { u.Email = "ada@example.com"; return nil })
		if !errors.Is(err, store.ErrEmailTaken) {
			t.Errorf("UpdateUser: %v, want %q", err, store.ErrEmailTaken)
		}
		if _, _, err := s.VerifyEmail(t.Context(), id, "ada@example.com", time.Now(), key); err != nil {
			t.Error(err)
		}
		if got := d.row(t, db, "SELECT email FROM :users WHERE id = '"+id+"'"); got != "Ada@Example.com" {
			t.Errorf("the address is %q", got)
		}
		if d.driver == "mysql" { // its unique key ignores case
			return
		}
		second := d.nodeUser(t, db, 1000, "ADA@example.com", "NULL")
		if _, err = s.FindUserByEmail(t.Context(), "ada@example.com"); !errors.Is(err, store.ErrAmbiguousEmail) ||
			!strings.Contains(err.Error(), id) || !strings.Contains(err.Error(), second) {
			t.Errorf("FindUserByEmail = %v, want %q with the IDs %q and %q", err, store.ErrAmbiguousEmail, id, second)
		}
		if got, err := s.FindUserByAccount(t.Context(), key); err != nil || got.ID != id {
			t.Errorf("FindUserByAccount = %v, %v, want the user", got, err)
		}
	})
}

// A collation may find other addresses and keys than those that are looked for.
func TestAuthJS_AddressesWithAccents(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
		u := &store.User{Email: "ada@example.com"}
		a := &store.Account{AccountKey: store.AccountKey{Provider: "oidc", ProviderAccountID: "abc"}, Type: "oidc"}
		if err := s.CreateUser(t.Context(), u, a); err != nil {
			t.Fatal(err)
		}
		l := &store.Link{LinkKey: store.LinkKey{Purpose: "signin", Email: "ada@example.com", Hash: [32]byte{1}}, ExpiresAt: time.Now().Add(time.Hour)}
		if err := s.SaveLink(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		for _, email := range []string{"àda@example.com", "ada@example.com ", "ada@éxample.com"} {
			if got, err := s.FindUserByEmail(t.Context(), email); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("FindUserByEmail(%q) = %v, %v, want %q", email, got, err, store.ErrNotFound)
			}
			other := l.LinkKey
			other.Email = email
			if got, err := s.TakeLink(t.Context(), other); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("TakeLink(%q) = %v, %v, want %q", email, got, err, store.ErrNotFound)
			}
			if err := s.DeleteLinks(t.Context(), email); err != nil {
				t.Error(err)
			}
		}
		if d.driver == "mysql" { // its unique key ignores accents
			other := &store.User{}
			if err := s.CreateUser(t.Context(), &store.User{Email: "àda@example.com"}, nil); !errors.Is(err, store.ErrEmailTaken) {
				t.Errorf("CreateUser: %v, want %q", err, store.ErrEmailTaken)
			}
			if err := s.CreateUser(t.Context(), other, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := s.UpdateUser(t.Context(), other.ID, func(u *store.User) error { u.Email = "àda@example.com"; return nil }); !errors.Is(err, store.ErrEmailTaken) {
				t.Errorf("UpdateUser: %v, want %q", err, store.ErrEmailTaken)
			}
			if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Email = "àda@example.com"; return nil }); err != nil {
				t.Errorf("UpdateUser of the user: %v", err)
			}
			if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Email = "ada@example.com"; return nil }); err != nil {
				t.Errorf("UpdateUser of the user: %v", err)
			}
		}
		for _, key := range []store.AccountKey{
			{Provider: "oidc", ProviderAccountID: "ABC"}, {Provider: "OIDC", ProviderAccountID: "abc"}, {Provider: "oidc", ProviderAccountID: "abc "},
			{Provider: "oidc ", ProviderAccountID: "abc"}, {Provider: "oidc", ProviderAccountID: "äbc"},
		} {
			if got, err := s.FindUserByAccount(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("FindUserByAccount(%q) = %v, %v, want %q", key, got, err, store.ErrNotFound)
			}
			if err := s.UpdateAccount(t.Context(), &store.Account{AccountKey: key, AccessToken: "of another"}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("UpdateAccount(%q): %v, want %q", key, err, store.ErrNotFound)
			}
		}
		if _, err := s.TakeLink(t.Context(), l.LinkKey); err != nil {
			t.Errorf("TakeLink: %v", err)
		}
	})
}

// An ID that the column can't have is not found, and never a fault.
func TestAuthJS_IDsOfOtherTypes(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		s := openAuthJS(t, src.connect(t), d.layout(), sqlstore.Options{Timeout: time.Second})
		for _, id := range []string{
			"", "a", "1 ", " 1", "+1", "01", "1.0", "1e0", "-1", "0", "2147483648", "-2147483649", "9223372036854775808", strings.Repeat("9", 100), "1; DROP TABLE users",
			"00000000-0000-4000-8000-00000000000", "{00000000-0000-4000-8000-000000000001}", "00000000-0000-4000-8000-00000000000A", "\x00", "\xff",
			strings.Repeat("a", 1<<20), "é", "NULL",
		} {
			if u, err := s.FindUser(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("FindUser(%.40q) = %v, %v, want %q", id, u, err, store.ErrNotFound)
			}
			if list, err := s.ListAccounts(t.Context(), id); err != nil || len(list) > 0 {
				t.Errorf("ListAccounts(%.40q) = %v, %v, want none", id, list, err)
			}
			if err := s.DeleteUser(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("DeleteUser(%.40q): %v, want %q", id, err, store.ErrNotFound)
			}
			if err := s.LinkAccount(t.Context(), &store.Account{UserID: id, AccountKey: store.AccountKey{Provider: "a", ProviderAccountID: "b"}}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("LinkAccount(%.40q): %v, want %q", id, err, store.ErrNotFound)
			}
		}
		if d.ids != "text" {
			if err := s.CreateUser(t.Context(), &store.User{ID: "ada"}, nil); err == nil {
				t.Error("CreateUser made a user with an ID of another type")
			}
		}
	})
}

// AD-05: names are cut, pictures left out and addresses refused.
func TestAuthJS_Lengths(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		if !strings.Contains(strings.ToUpper(d.create), "EMAIL VARCHAR") {
			t.Skip("the columns have no lengths")
		}
		db := src.connect(t)
		d.exec(t, db, map[string]string{"pgx": "ALTER TABLE :users ALTER COLUMN name TYPE varchar(5)", "mysql": "ALTER TABLE :users MODIFY name varchar(5) CHARACTER SET utf8mb4"}[d.driver])
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
		u := &store.User{Name: "Ada\U0001f469\U0001f469\U0001f469", Image: "https://example.com/" + strings.Repeat("a", 60_000), Email: "ada@example.com"}
		if err := s.CreateUser(t.Context(), u, nil); err != nil {
			t.Fatal(err)
		}
		got, err := s.FindUser(t.Context(), u.ID)
		if err != nil || got.Name != "Ada\U0001f469\U0001f469" || got.Image != "" && got.Image != u.Image {
			t.Errorf("FindUser = %q, a picture of %d bytes, %v", got.Name, len(got.Image), err)
		}
		after, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Name = "Grace Hopper"; return nil })
		if err != nil || after.Name != "Grace" {
			t.Errorf("UpdateUser = %v, %v", after, err)
		}
		if d.layout().Users.Table != "User" {
			return
		}
		long := strings.Repeat("a", 200) + "@example.com"
		if err := s.CreateUser(t.Context(), &store.User{Email: long}, nil); err == nil || !strings.Contains(err.Error(), "191") {
			t.Errorf("CreateUser with an address that does not fit: %v", err)
		}
		if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Email = long; return nil }); err == nil || !strings.Contains(err.Error(), "191") {
			t.Errorf("UpdateUser with an address that does not fit: %v", err)
		}
		if err := s.SaveLink(t.Context(), &store.Link{LinkKey: store.LinkKey{Purpose: "signin", Email: long}, ExpiresAt: time.Now()}); err == nil || !strings.Contains(err.Error(), "191") {
			t.Errorf("SaveLink with an address that does not fit: %v", err)
		}
		if err := s.LinkAccount(t.Context(), &store.Account{UserID: u.ID, AccountKey: store.AccountKey{Provider: "a", ProviderAccountID: long}}); err == nil || !strings.Contains(err.Error(), "191") {
			t.Errorf("LinkAccount with an ID that does not fit: %v", err)
		}
	})
}

func TestAuthJS_EmailNotNull(t *testing.T) {
	d := authjsDatabases["PostgreSQL, Drizzle"]
	src := d.source(t, "email text UNIQUE", "email text NOT NULL UNIQUE")
	s := openAuthJS(t, src.connect(t), d.layout(), sqlstore.Options{})
	if err := s.CreateUser(t.Context(), &store.User{Name: "Ada"}, nil); err == nil || !strings.Contains(err.Error(), `the column "email" of "user" is NOT NULL`) {
		t.Errorf("CreateUser without an address: %v", err)
	}
	u := &store.User{Email: "ada@example.com"}
	if err := s.CreateUser(t.Context(), u, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Email = ""; return nil }); err == nil || !strings.Contains(err.Error(), "NOT NULL") {
		t.Errorf("UpdateUser without an address: %v", err)
	}
}

// Two tenants of a provider may have users with the same ID: without a column for the
// issuer, their accounts are refused.
func TestAuthJS_Issuer(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
		of := func(issuer string) *store.Account {
			return &store.Account{AccountKey: store.AccountKey{Provider: "entra", ProviderAccountID: "1", Issuer: issuer}, Type: "oidc"}
		}
		u := new(store.User)
		if err := s.CreateUser(t.Context(), u, of("")); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"CreateUser":    s.CreateUser(t.Context(), &store.User{}, of("https://a.example")),
			"LinkAccount":   s.LinkAccount(t.Context(), &store.Account{AccountKey: of("https://a.example").AccountKey, UserID: u.ID}),
			"UpdateAccount": s.UpdateAccount(t.Context(), of("https://a.example")),
			"FindUserByAccount": func() error {
				_, err := s.FindUserByAccount(t.Context(), of("https://a.example").AccountKey)
				return err
			}(),
		} {
			if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "AuthJSLayout.Accounts.Issuer") {
				t.Errorf("%s: %v, want an error that names the option", what, err)
			}
		}

		layout := d.layout()
		layout.Accounts.Issuer = "issuer"
		if _, err := sqlstore.OpenAuthJS(t.Context(), db, layout, sqlstore.Options{}); err == nil || !strings.Contains(err.Error(), "has no column") {
			t.Fatalf("OpenAuthJS without the column of the issuer: %v", err)
		}
		d.exec(t, db, "ALTER TABLE :accounts ADD COLUMN issuer varchar(255)")
		s = openAuthJS(t, db, layout, sqlstore.Options{})
		v := new(store.User)
		a := of("https://a.example")
		if err := s.CreateUser(t.Context(), v, a); !errors.Is(err, store.ErrAccountTaken) { // by the one without
			t.Errorf("CreateUser: %v, want %q", err, store.ErrAccountTaken)
		}
		a.ProviderAccountID = "2"
		if err := s.CreateUser(t.Context(), v, a); err != nil {
			t.Fatal(err)
		}
		for issuer, want := range map[string]error{"https://a.example": nil, "https://A.example": store.ErrNotFound, "https://b.example": store.ErrNotFound, "": store.ErrNotFound} {
			key := a.AccountKey
			key.Issuer = issuer
			if got, err := s.FindUserByAccount(t.Context(), key); !errors.Is(err, want) || err == nil && got.ID != v.ID {
				t.Errorf("FindUserByAccount with the issuer %q = %v, %v, want %v", issuer, got, err, want)
			}
		}
		if _, removed, err := s.VerifyEmail(t.Context(), v.ID, "", time.Now(), a.AccountKey); !errors.Is(err, store.ErrConflict) || removed != nil {
			t.Error(err)
		}
		if list, err := s.ListAccounts(t.Context(), v.ID); err != nil || len(list) != 1 || list[0].AccountKey != a.AccountKey {
			t.Errorf("ListAccounts = %v, %v", list, err)
		}
	})
}
