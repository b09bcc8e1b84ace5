package integration_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

// A complete store is one over the tables of Auth.js, with what these have no place for, so
// that the rest of the suites runs: the issuers and addresses of accounts, the time when
// they were linked and a later type, and IDs that the caller has made.
type complete struct {
	*sqlstore.Store
	*additions
}

// additions are those of all stores of one database.
type additions struct {
	ids string // as in authjsDatabase
	now func() time.Time

	mu       sync.Mutex
	stored   map[string]string // the IDs in the database
	given    map[string]string // the reverse
	accounts map[store.AccountKey]addition
	seq      int
	purpose  string // that is the one of links to sign in
}

type addition struct {
	account store.Account
	seq     int
}

func newAdditions(ids string, now func() time.Time) *additions {
	return &additions{ids: ids, now: now, stored: make(map[string]string), given: make(map[string]string), accounts: make(map[store.AccountKey]addition)}
}

// toKey returns a key without an issuer.
func toKey(key store.AccountKey) store.AccountKey {
	if key.Issuer == "" || (&store.Account{AccountKey: key}).Check() != nil {
		return key
	}
	h := sha256.Sum256([]byte(key.ProviderAccountID + "\x00" + key.Issuer))
	return store.AccountKey{Provider: key.Provider, ProviderAccountID: fmt.Sprintf("%x", h)}
}

// toID returns the ID in the database, of the type that it has there.
func (c *additions) toID(id string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stored, ok := c.stored[id]; ok {
		return stored
	}
	if c.ids == "text" || c.given[id] != "" || (&store.User{ID: id}).Check() != nil {
		return id
	}
	h := sha256.Sum256([]byte(id)) // of no user
	if c.ids == "uuid" {
		return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
	}
	return fmt.Sprint(1_000_000 + binary.BigEndian.Uint32(h[:4])>>2)
}

// user returns a user with the ID that the suite knows.
func (c *additions) user(u *store.User) *store.User {
	if u != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		u.ID = cmp.Or(c.given[u.ID], u.ID)
	}
	return u
}

// list returns accounts with what was added, in the order in which they were linked.
func (c *additions) list(accounts []*store.Account) []*store.Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	order := make(map[*store.Account]int)
	for _, a := range accounts {
		if more, ok := c.accounts[a.AccountKey]; ok {
			order[a] = more.seq
			a.AccountKey, a.Email, a.Type = more.account.AccountKey, more.account.Email, more.account.Type
			a.CreatedAt = more.account.CreatedAt
		}
		a.UserID = cmp.Or(c.given[a.UserID], a.UserID)
	}
	slices.SortFunc(accounts, func(a, b *store.Account) int { return order[a] - order[b] })
	return accounts
}

// linked notes what an account that was stored lacks there.
func (c *additions) linked(a *store.Account, stored store.Account) {
	a.CreatedAt = stored.CreatedAt
	if a.CreatedAt.IsZero() {
		a.CreatedAt = c.now().Truncate(time.Millisecond).UTC()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	c.accounts[stored.AccountKey] = addition{*a, c.seq}
}

func (c complete) CreateUser(ctx context.Context, u *store.User, a *store.Account) error {
	row := u.Clone()
	if c.ids != "text" && row.Check() == nil {
		c.mu.Lock()
		_, exists := c.stored[u.ID]
		c.mu.Unlock()
		if exists {
			return errors.New("another user has the ID")
		}
		row.ID = ""
	}
	var stored *store.Account
	if a != nil {
		stored = new(*a)
		stored.AccountKey = toKey(a.AccountKey)
	}
	if err := c.Store.CreateUser(ctx, row, stored); err != nil {
		return err
	}
	u.ID, u.CreatedAt = cmp.Or(u.ID, row.ID), row.CreatedAt
	c.mu.Lock()
	c.stored[u.ID], c.given[row.ID] = row.ID, u.ID
	c.mu.Unlock()
	if a != nil {
		a.UserID = u.ID
		c.linked(a, *stored)
	}
	return nil
}

func (c complete) FindUser(ctx context.Context, id string) (*store.User, error) {
	u, err := c.Store.FindUser(ctx, c.toID(id))
	return c.user(u), err
}

func (c complete) FindUserByEmail(ctx context.Context, email string) (*store.User, error) {
	u, err := c.Store.FindUserByEmail(ctx, email)
	return c.user(u), err
}

func (c complete) FindUserByAccount(ctx context.Context, key store.AccountKey) (*store.User, error) {
	if toKey(key).Issuer != "" { // one that can't be stored
		key.Issuer = ""
	}
	u, err := c.Store.FindUserByAccount(ctx, toKey(key))
	return c.user(u), err
}

func (c complete) UpdateUser(ctx context.Context, id string, change func(*store.User) error) (*store.User, error) {
	u, err := c.Store.UpdateUser(ctx, c.toID(id), func(u *store.User) error { return change(c.user(u)) })
	return c.user(u), err
}

func (c complete) VerifyEmail(ctx context.Context, id, email string, at time.Time, keep store.AccountKey) (*store.User, []*store.Account, error) {
	u, removed, err := c.Store.VerifyEmail(ctx, c.toID(id), email, at, toKey(keep))
	return c.user(u), c.list(removed), err
}

func (c complete) DeleteUser(ctx context.Context, id string) error {
	return c.Store.DeleteUser(ctx, c.toID(id))
}

func (c complete) LinkAccount(ctx context.Context, a *store.Account) error {
	stored := new(*a)
	stored.AccountKey, stored.UserID = toKey(a.AccountKey), c.toID(a.UserID)
	err := c.Store.LinkAccount(ctx, stored)
	if err == nil {
		c.linked(a, *stored)
	}
	return err
}

func (c complete) UnlinkAccount(ctx context.Context, userID string, key store.AccountKey, check func(*store.User, []*store.Account) error) (*store.Account, error) {
	a, err := c.Store.UnlinkAccount(ctx, c.toID(userID), toKey(key), func(u *store.User, remaining []*store.Account) error {
		return check(c.user(u), c.list(remaining))
	})
	if a != nil {
		a = c.list([]*store.Account{a})[0]
	}
	return a, err
}

func (c complete) UpdateAccount(ctx context.Context, a *store.Account) error {
	stored := new(*a)
	stored.AccountKey = toKey(a.AccountKey)
	err := c.Store.UpdateAccount(ctx, stored)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		more := c.accounts[stored.AccountKey]
		more.account.Type, more.account.Email = a.Type, a.Email
		c.accounts[stored.AccountKey] = more
	}
	return err
}

func (c complete) ListAccounts(ctx context.Context, userID string) ([]*store.Account, error) {
	list, err := c.Store.ListAccounts(ctx, c.toID(userID))
	return c.list(list), err
}

// signInLinks are links of which the first purpose that the suite uses is the one of links
// to sign in, which is in the tables of Auth.js.
type signInLinks struct {
	*sqlstore.Store
	*additions
}

func (c signInLinks) key(key store.LinkKey) store.LinkKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.purpose == "" && (&store.Link{LinkKey: key, ExpiresAt: time.Now()}).Check() == nil {
		c.purpose = key.Purpose
	}
	if key.Purpose == c.purpose && c.purpose != "" {
		key.Purpose = "signin"
	}
	return key
}

func (c signInLinks) link(l *store.Link, key store.LinkKey) *store.Link {
	if l != nil {
		l.LinkKey = key
	}
	return l
}

func (c signInLinks) SaveLink(ctx context.Context, l *store.Link) error {
	stored := new(*l)
	stored.LinkKey = c.key(l.LinkKey)
	return c.Store.SaveLink(ctx, stored)
}

func (c signInLinks) FindLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	l, err := c.Store.FindLink(ctx, c.key(key))
	return c.link(l, key), err
}

func (c signInLinks) TakeLink(ctx context.Context, key store.LinkKey) (*store.Link, error) {
	l, err := c.Store.TakeLink(ctx, c.key(key))
	return c.link(l, key), err
}

// suiteTables are the tables with columns as wide as the suites need them, and collations
// that tell all texts apart.
func (d authjsDatabase) suiteTables(t *testing.T) source {
	if d.driver == "pgx" {
		return d.source(t, "VARCHAR(255)", "TEXT", "expires_at INTEGER", "expires_at BIGINT", "expires_at integer", "expires_at bigint")
	}
	return d.source(t, " COLLATE utf8mb4_bin", "", "image varchar(255)", "image LONGTEXT", "image VARCHAR(191)", "image LONGTEXT", "image TEXT", "image LONGTEXT",
		"scope varchar(255)", "scope LONGTEXT", "scope VARCHAR(191)", "scope LONGTEXT", "session_state varchar(255)", "session_state LONGTEXT",
		"session_state VARCHAR(191)", "session_state LONGTEXT", "id_token varchar(2048)", "id_token LONGTEXT", " text", " LONGTEXT", " TEXT", " LONGTEXT",
		"varchar(255)", "VARCHAR(256)", "VARCHAR(255)", "VARCHAR(256)", "VARCHAR(191)", "VARCHAR(256)", "timestamp", "DATETIME",
		"expires_at int,", "expires_at BIGINT,", "expires_at INTEGER", "expires_at BIGINT")
}

// foreign are the tables of a layout.
func foreign(l sqlstore.AuthJSLayout, driver string) []string {
	names := []string{l.Users.Table, l.Accounts.Table, l.VerificationTokens.Table, l.Sessions.Table}
	for i, name := range names {
		if names[i] = `"` + name + `"`; driver == "mysql" {
			names[i] = "`" + name + "`"
		}
	}
	return names
}

// The suites run over the tables of each adapter.
func TestAuthJS_Contract(t *testing.T) {
	for name, d := range authjsDatabases {
		if name == "PostgreSQL, pg-adapter, text" { // as that of Drizzle, and that with other IDs
			continue
		}
		t.Run(name, func(t *testing.T) {
			src := d.suiteTables(t)
			noLeaks(t)
			db := src.connect(t)
			var c *clock
			var added *additions
			open := func(t *testing.T) *sqlstore.Store {
				c = new(clock)
				added = newAdditions(d.ids, c.now)
				return openAuthJS(t, db, d.layout(), sqlstore.Options{Now: c.now})
			}
			second := func(t *testing.T) *sqlstore.Store { return openAuthJS(t, db, d.layout(), sqlstore.Options{Now: c.now}) }
			all := append(foreign(d.layout(), d.driver), "nuxtauth_users", "nuxtauth_links")
			opts := []storetest.Option{
				storetest.Advance(func(d time.Duration) { c.advance(d) }),
				storetest.Fault(func(broken bool) {
					for _, name := range all {
						if err := rename(db, name, broken); err != nil {
							t.Fatal(err)
						}
					}
				}),
			}
			if d.driver == "pgx" {
				opts = append(opts, lockForeign(t, db, all))
			}
			storetest.RunAccounts(t, func(t *testing.T) store.Accounts { return complete{open(t), added} },
				append(opts, storetest.Second(func(t *testing.T) any { return complete{second(t), added} }))...)
			storetest.RunLinks(t, func(t *testing.T) store.Links { return signInLinks{open(t), added} },
				append(opts, storetest.Second(func(t *testing.T) any { return signInLinks{second(t), added} }))...)
		})
	}
}

// rename gives a table another name, or its own one again.
func rename(db *sql.DB, name string, broken bool) error {
	end := name[len(name)-1:]
	if end != `"` && end != "`" {
		end = ""
	}
	from, to := name, strings.TrimSuffix(name, end)+"_broken"+end
	if !broken {
		from, to = to, from
	}
	_, err := db.Exec("ALTER TABLE " + from + " RENAME TO " + to)
	return err
}

// lockForeign makes each call of a store in PostgreSQL wait.
func lockForeign(t *testing.T, db *sql.DB, tables []string) storetest.Option {
	var tx *sql.Tx
	return storetest.Stall(func(stalled bool) {
		var err error
		if stalled {
			if tx, err = db.Begin(); err == nil {
				_, err = tx.Exec("LOCK TABLE " + strings.Join(tables, ", ") + " IN ACCESS EXCLUSIVE MODE")
			}
		} else {
			err = tx.Rollback()
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
