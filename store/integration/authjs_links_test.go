package integration_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// The sessions of Node end with their user, and when the owner of an address comes.
func TestAuthJS_SessionsOfNode(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
		ada, bob := d.nodeUser(t, db, 1, "ada@example.com", "NULL"), d.nodeUser(t, db, 2, "bob@example.com", "NULL")
		sessions := func() string { return d.row(t, db, `SELECT "sessionToken" FROM :sessions ORDER BY "sessionToken"`) }
		sign := func(id, token string) {
			t.Helper()
			columns, values := `"userId", "sessionToken", expires`, "'"+id+"', '"+token+"', "+utc(time.Now().Add(time.Hour))
			if strings.Contains(d.create, `updatedAt`) {
				columns, values = columns+`, "updatedAt"`, values+", '2024-01-02 03:04:05.678'"
			}
			d.exec(t, db, "INSERT INTO :sessions ("+columns+") VALUES ("+values+")")
		}
		sign(ada, "a1")
		sign(ada, "a2")
		sign(bob, "b1")
		if _, _, err := s.VerifyEmail(t.Context(), ada, "ada@example.com", time.Now(), store.AccountKey{}); err != nil || sessions() != "b1" {
			t.Errorf("VerifyEmail left %s, %v", sessions(), err)
		}
		sign(ada, "a3")
		if _, _, err := s.VerifyEmail(t.Context(), ada, "ada@example.com", time.Now(), store.AccountKey{}); err != nil || sessions() != "a3|b1" {
			t.Errorf("VerifyEmail of an address that was proved left %s, %v", sessions(), err)
		}
		if err := s.DeleteUser(t.Context(), ada); err != nil || sessions() != "b1" {
			t.Errorf("DeleteUser left %s, %v", sessions(), err)
		}
	})
}

// Links go both ways, and those for other purposes never to Node.
func TestAuthJS_LinksOfNode(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
		expires := time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
		key := store.LinkKey{Purpose: "signin", Email: "ada@example.com", Hash: [32]byte{0xab, 1}}
		d.exec(t, db, "INSERT INTO :tokens (identifier, token, expires) VALUES ('ada@example.com', '"+hex.EncodeToString(key.Hash[:])+"', "+utc(expires)+")")
		for _, find := range []func(context.Context, store.LinkKey) (*store.Link, error){s.FindLink, s.TakeLink} {
			got, err := find(t.Context(), key)
			if err != nil || got.LinkKey != key || !got.ExpiresAt.Equal(expires) || got.RedirectTo != "" || got.Subject != "" || !got.CreatedAt.IsZero() {
				t.Errorf("the link of Node is %+v, %v", got, err)
			}
		}
		if _, err := s.TakeLink(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("TakeLink again: %v, want %q", err, store.ErrNotFound)
		}
		if n := d.row(t, db, "SELECT count(*) FROM :tokens"); n != "0" {
			t.Errorf("the table of links has %s rows", n)
		}

		for _, purpose := range []string{"signin", "reset", "verify"} {
			l := &store.Link{LinkKey: store.LinkKey{Purpose: purpose, Email: "ada@example.com", Hash: [32]byte{2}}, Subject: "7", RedirectTo: "/a", CreatedAt: expires, ExpiresAt: expires}
			if err := s.SaveLink(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := d.row(t, db, "SELECT identifier, token FROM :tokens"), "ada@example.com|02"+strings.Repeat("0", 62); got != want {
			t.Errorf("the table of links has %s, want %s", got, want)
		}
		key.Hash = [32]byte{2}
		if got, err := s.FindLink(t.Context(), key); err != nil || got.Subject != "7" || got.RedirectTo != "/a" || !got.CreatedAt.Equal(expires) || !got.ExpiresAt.Equal(expires) {
			t.Errorf("FindLink = %+v, %v", got, err)
		}
		d.exec(t, db, "DELETE FROM :tokens") // Node takes it
		if _, err := s.TakeLink(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("TakeLink after Node: %v, want %q", err, store.ErrNotFound)
		}
		if err := s.DeleteLinks(t.Context(), "ada@example.com"); err != nil {
			t.Error(err)
		}
		if n := d.row(t, db, "SELECT count(*) FROM nuxtauth_links"); n != "0" {
			t.Errorf("DeleteLinks left %s rows", n)
		}
	})
}

// Expired links, which Node leaves, are deleted.
func TestAuthJS_ExpiredLinksAreDeleted(t *testing.T) {
	inEachAuthJS(t, func(t *testing.T, d authjsDatabase, src source) {
		db := src.connect(t)
		for name, at := range map[string]time.Time{"old": time.Now().Add(-time.Hour), "recent": time.Now().Add(-time.Minute), "open": time.Now().Add(time.Hour)} {
			d.exec(t, db, "INSERT INTO :tokens (identifier, token, expires) VALUES ('"+name+"', 'a', "+utc(at)+")")
		}
		s := openAuthJS(t, db, d.layout(), sqlstore.Options{})
		if err := life(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if got := d.row(t, db, "SELECT identifier FROM :tokens ORDER BY identifier"); got != "open|recent" {
			t.Errorf("the table of links has %s", got)
		}
	})
}

// The time zones of the server and the session, and settings of the driver, change no time.
func TestAuthJS_TimesInEveryZone(t *testing.T) {
	for name, settings := range map[string]string{
		"PostgreSQL, pg-adapter": "&timezone=America/New_York", "PostgreSQL, Drizzle": "&timezone=America/New_York",
		"MariaDB, Prisma": "?parseTime=true&loc=Local&time_zone=%27-05:00%27",
	} {
		t.Run(name, func(t *testing.T) {
			d := authjsDatabases[name]
			src := d.source(t)
			other := src
			if d.driver == "pgx" {
				other.name += settings
			} else {
				base, _, _ := strings.Cut(src.name, "?")
				other.name = base + settings
			}
			at := time.Date(2026, 3, 8, 2, 30, 0, 123_000_000, time.UTC) // an hour that New York does not have
			stores := []*sqlstore.Store{openAuthJS(t, src.connect(t), d.layout(), sqlstore.Options{}), openAuthJS(t, other.connect(t), d.layout(), sqlstore.Options{})}
			for i, s := range stores {
				u := &store.User{EmailVerified: at, Email: fmt.Sprintf("%d@example.com", i)}
				if err := s.CreateUser(t.Context(), u, nil); err != nil {
					t.Fatal(err)
				}
				l := &store.Link{LinkKey: store.LinkKey{Purpose: "signin", Email: u.Email}, ExpiresAt: time.Now().Add(time.Minute)}
				if err := s.SaveLink(t.Context(), l); err != nil {
					t.Fatal(err)
				}
				got, err := stores[1-i].FindUser(t.Context(), u.ID)
				if err != nil || !got.EmailVerified.Equal(at) {
					t.Errorf("FindUser = %v, %v, want a proof at %v", got, err, at)
				}
				link, err := stores[1-i].FindLink(t.Context(), l.LinkKey)
				if err != nil || !link.ExpiresAt.Equal(l.ExpiresAt.Truncate(time.Millisecond)) {
					t.Errorf("FindLink = %v, %v, want one until %v", link, err, l.ExpiresAt)
				}
			}
		})
	}
}

// The columns of CreatedAt and UpdatedAt are written as Prisma does.
func TestAuthJS_TimesOfRows(t *testing.T) {
	for _, name := range []string{"PostgreSQL, Prisma", "MariaDB, Prisma"} {
		t.Run(name, func(t *testing.T) {
			d := authjsDatabases[name]
			db := d.source(t).connect(t)
			c := new(clock)
			s := openAuthJS(t, db, d.layout(), sqlstore.Options{Now: c.now})
			u := new(store.User)
			a := &store.Account{AccountKey: store.AccountKey{Provider: "github", ProviderAccountID: "1"}}
			if err := s.CreateUser(t.Context(), u, a); err != nil {
				t.Fatal(err)
			}
			times := `"createdAt" = "updatedAt" FROM `
			equal := func(table string) string {
				return d.row(t, db, "SELECT CASE WHEN "+strings.Replace(times, " FROM", " THEN 1 ELSE 0 END FROM", 1)+table)
			}
			if equal(":users") != "1" || equal(":accounts") != "1" || a.CreatedAt.IsZero() {
				t.Errorf("the times of new rows differ; the account was linked at %v", a.CreatedAt)
			}
			c.advance(time.Hour)
			if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.PasswordHash = "a"; return nil }); err != nil || equal(":users") != "1" {
				t.Errorf("an update of what is not in the row changed it: %v", err)
			}
			if _, err := s.UpdateUser(t.Context(), u.ID, func(u *store.User) error { u.Name = "Ada"; return nil }); err != nil || equal(":users") != "0" {
				t.Errorf("an update did not change updatedAt: %v", err)
			}
			if err := s.UpdateAccount(t.Context(), a); err != nil || equal(":accounts") != "0" {
				t.Errorf("an update of an account did not change updatedAt: %v", err)
			}
		})
	}
}
