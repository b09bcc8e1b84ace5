package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func (a *authjs) account(name string) *column { return a.accounts.columns[name] }

// An insertion is a statement that inserts a row.
type insertion struct {
	a       *authjs
	columns []*column
	args    []any
}

func (in *insertion) add(c *column, arg any) {
	in.columns = append(in.columns, c)
	in.args = append(in.args, arg)
}

func (in *insertion) statement(table string) string {
	var names, values []string
	for i, c := range in.columns {
		names = append(names, c.quoted)
		values = append(values, in.a.value(c, i+1))
	}
	return `INSERT INTO ` + table + ` (` + strings.Join(names, ", ") + `) VALUES (` + strings.Join(values, ", ") + `)`
}

// mysql runs the statement in MySQL, and returns the ID that the database has made, or 1,
// and 0 if the row has a unique value of another. key is any column. See [change].
func (in *insertion) mysql(ctx context.Context, r runner, table string, key *column) (int64, error) {
	values := make([]string, len(in.columns))
	names := make([]string, len(in.columns))
	for i, c := range in.columns {
		names[i], values[i] = c.quoted, in.a.value(c, i+1)
		if i == 0 { // of those columns, the first is a text
			values[i] = fmt.Sprintf("IF(LAST_INSERT_ID(1), %s, %s)", values[i], values[i])
		}
	}
	return change(ctx, r, "", `INSERT INTO `+table+` (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(values, ", ")+
		`) ON DUPLICATE KEY UPDATE `+key.quoted+` = IF(LAST_INSERT_ID(0), `+key.quoted+`, `+key.quoted+`)`, in.args...)
}

// insert reports false if the row has a unique value of another.
func (in *insertion) insert(ctx context.Context, r runner, table string, key *column) (bool, error) {
	if in.a.dialect == MySQL {
		n, err := in.mysql(ctx, r, table, key)
		return n != 0, err
	}
	n, err := first(queryAll(ctx, r, scan[int64], in.statement(table)+` ON CONFLICT DO NOTHING RETURNING 1`, in.args...))
	return n != 0, err
}

// tokenColumns returns the columns of tokens with their arguments, the refresh token last.
func (a *authjs) tokenColumns(acc *store.Account) (columns []*column, args []any) {
	l := &a.layout.Accounts
	for _, v := range []struct{ name, value string }{
		{l.AccessToken, acc.AccessToken}, {l.IDToken, acc.IDToken}, {l.TokenType, acc.TokenType},
		{l.Scope, acc.Scope}, {l.SessionState, acc.SessionState},
	} {
		c := a.account(v.name)
		if !c.fits(v.value) { // of those that checkAccount leaves: they are for information
			v.value = ""
		}
		columns, args = append(columns, c), append(args, c.orNone(v.value))
	}
	expires, refresh := a.account(l.ExpiresAt), a.account(l.RefreshToken)
	return append(columns, expires, refresh), append(args, expires.numberArg(acc.ExpiresAt), refresh.orNone(acc.RefreshToken))
}

// linkedAt is the CreatedAt of an account that is linked now.
func (a *authjs) linkedAt(now time.Time) time.Time {
	c := a.account(a.layout.Accounts.CreatedAt)
	if c == nil {
		return time.Time{}
	}
	return timeOf(c.floor(toMillis(now)))
}

// checkAccount reports what the columns can't have.
func (a *authjs) checkAccount(acc *store.Account) error {
	if err := a.checkKey(acc.AccountKey); err != nil {
		return err
	}
	l := &a.layout.Accounts
	for name, value := range map[string]string{
		l.Type: acc.Type, l.Provider: acc.Provider, l.ProviderAccountID: acc.ProviderAccountID, l.Issuer: acc.Issuer,
		l.AccessToken: acc.AccessToken, l.RefreshToken: acc.RefreshToken, l.IDToken: acc.IDToken,
	} {
		if c := a.account(name); c != nil && !c.fits(value) {
			return fmt.Errorf("the value of the column %s of %s is longer than %d characters, which it can have", c.quoted, a.accounts.name, c.length)
		}
	}
	return nil
}

// checkKey refuses an issuer that the table has no column for.
func (a *authjs) checkKey(key store.AccountKey) error {
	if key.Issuer != "" && a.account(a.layout.Accounts.Issuer) == nil {
		return fmt.Errorf("the provider %q is one of many tenants, and the accounts of Auth.js have no column for its issuer %q: configure the issuer of one tenant, or add a column and name it in AuthJSLayout.Accounts.Issuer", key.Provider, key.Issuer)
	}
	return nil
}

// selectAccounts reads accounts: statements go on with WHERE.
func (a *authjs) selectAccounts() string {
	l := &a.layout.Accounts
	return `SELECT ` + strings.Join([]string{
		a.text(a.account(l.Provider), "account_provider"), a.text(a.account(l.Issuer), "account_issuer"),
		a.text(a.account(l.ProviderAccountID), "account_id"), a.text(a.account(l.UserID), "account_user"), a.text(a.account(l.Type), "account_type"),
		a.text(a.account(l.AccessToken), "account_access"), a.text(a.account(l.RefreshToken), "account_refresh"), a.text(a.account(l.IDToken), "account_idtoken"),
		a.text(a.account(l.TokenType), "account_tokentype"), a.text(a.account(l.Scope), "account_scope"), a.text(a.account(l.SessionState), "account_state"),
		a.number(a.account(l.ExpiresAt), "account_expires"), a.millis(a.account(l.CreatedAt), "account_created"), "'' AS account_email",
	}, ", ") + ` FROM ` + a.accounts.name + ` WHERE `
}

// hasKey is the condition of an account with a key, in the arguments from n on, and keyArgs
// are these.
func (a *authjs) hasKey(n int) string {
	l := &a.layout.Accounts
	where := a.is(a.account(l.Provider), n) + " AND " + a.is(a.account(l.ProviderAccountID), n+1)
	if c := a.account(l.Issuer); c != nil {
		where += fmt.Sprintf(" AND coalesce(%s, '') = %s", a.exact(a.asText(c.quoted)), a.exact(a.arg(n+2, "text")))
	}
	return where
}

func (a *authjs) keyArgs(key store.AccountKey) []any {
	args := []any{key.Provider, key.ProviderAccountID}
	if a.account(a.layout.Accounts.Issuer) != nil {
		args = append(args, key.Issuer)
	}
	return args
}

// findByAccount returns the user of an account, or ErrNotFound, also for a row that a user
// who is gone has left.
func (a *authjs) findByAccount(ctx context.Context, r runner, key store.AccountKey) (*store.User, error) {
	if err := a.checkKey(key); err != nil {
		return nil, err
	}
	if !storable(key.Provider, key.ProviderAccountID, key.Issuer) {
		return nil, store.ErrNotFound
	}
	users, err := a.findUsers(ctx, r, a.user(a.layout.Users.ID).quoted+` = (SELECT `+a.account(a.layout.Accounts.UserID).quoted+
		` FROM `+a.accounts.name+` WHERE `+a.hasKey(1)+`)`, a.keyArgs(key)...)
	if err != nil {
		return nil, err
	}
	return theOne(users, func(*store.User) bool { return true })
}

// accountsOf returns the accounts of a user. Without a column that says so, their order is
// that of their names.
func (a *authjs) accountsOf(ctx context.Context, r runner, userID string) ([]*store.Account, error) {
	l := &a.layout.Accounts
	c := a.account(l.UserID)
	arg, ok := c.idOf(userID)
	if !ok {
		return nil, nil
	}
	var order []string
	if created := a.account(l.CreatedAt); created != nil {
		order = append(order, created.quoted)
	}
	if id := a.account(l.ID); id != nil && id.kind == integerKind {
		order = append(order, id.quoted)
	}
	order = append(order, a.account(l.Provider).quoted, a.account(l.ProviderAccountID).quoted)
	accounts, err := queryAll(ctx, r, scanAccount, a.selectAccounts()+a.is(c, 1)+` ORDER BY `+strings.Join(order, ", "), arg)
	if err == nil && slices.ContainsFunc(accounts, func(acc *store.Account) bool { return acc.UserID != userID }) {
		return nil, errors.New("the database answered with the accounts of another user")
	}
	return accounts, err
}

// insertAccount inserts an account of a user, and reports false if it exists. One that a user
// who is gone has left, as it is in tables without foreign keys, is replaced.
func (a *authjs) insertAccount(ctx context.Context, t *transaction, userID string, acc *store.Account, now time.Time) (bool, error) {
	l := &a.layout.Accounts
	in := insertion{a: a}
	in.add(a.account(l.Type), acc.Type)
	owner := a.account(l.UserID)
	arg, ok := owner.idOf(userID)
	if !ok {
		return false, store.ErrNotFound
	}
	in.add(owner, arg)
	in.add(a.account(l.Provider), acc.Provider)
	in.add(a.account(l.ProviderAccountID), acc.ProviderAccountID)
	columns, args := a.tokenColumns(acc)
	for i, c := range columns {
		in.add(c, args[i])
	}
	if c := a.account(l.ID); c != nil && !c.supplied {
		in.add(c, newUUID())
	}
	if c := a.account(l.Issuer); c != nil {
		in.add(c, acc.Issuer)
	}
	for _, name := range []string{l.CreatedAt, l.UpdatedAt} {
		if c := a.account(name); c != nil {
			in.add(c, c.timeArg(toMillis(now)))
		}
	}
	inserted, err := in.insert(ctx, t, a.accounts.name, a.account(l.Type))
	if inserted || err != nil {
		return inserted, err
	}
	id := a.user(a.layout.Users.ID).quoted
	orphans, err := exec(ctx, t, `DELETE FROM `+a.accounts.name+` WHERE `+a.hasKey(1)+
		` AND NOT EXISTS (SELECT 1 FROM `+a.users.name+` WHERE `+a.users.name+`.`+id+` = `+a.accounts.name+`.`+owner.quoted+`)`, a.keyArgs(acc.AccountKey)...)
	if err != nil || orphans == 0 {
		return false, err
	}
	return in.insert(ctx, t, a.accounts.name, a.account(l.Type))
}

// updateAccount writes the tokens of an account, and reports false if there is none.
func (a *authjs) updateAccount(ctx context.Context, s *Store, acc *store.Account) (bool, error) {
	if err := a.checkAccount(acc); err != nil {
		return false, err
	}
	columns, args := a.tokenColumns(acc)
	if acc.RefreshToken == "" { // the last
		columns, args = columns[:len(columns)-1], args[:len(args)-1]
	}
	if c := a.account(a.layout.Accounts.UpdatedAt); c != nil {
		columns, args = append(columns, c), append(args, c.timeArg(s.millis()))
	}
	set := make([]string, len(columns))
	for i, c := range columns {
		set[i] = c.quoted + " = " + a.value(c, i+1)
	}
	where := ` WHERE ` + a.hasKey(len(args)+1)
	update := `UPDATE ` + a.accounts.name + ` SET ` + strings.Join(set, ", ")
	typ := a.account(a.layout.Accounts.Type).quoted
	n, err := change(ctx, s, update+where+` RETURNING 1`, update+`, `+typ+` = IF(LAST_INSERT_ID(1), `+typ+`, `+typ+`)`+where,
		append(args, a.keyArgs(acc.AccountKey)...)...)
	return n != 0, err
}

// deleteAccounts removes the accounts of a user, but for one.
func (a *authjs) deleteAccounts(ctx context.Context, t *transaction, userID string, keep store.AccountKey) error {
	c := a.account(a.layout.Accounts.UserID)
	arg, ok := c.idOf(userID)
	if !ok {
		return nil
	}
	where, args := a.is(c, 1), []any{arg}
	if keep != (store.AccountKey{}) && a.checkKey(keep) == nil {
		where += ` AND (` + a.hasKey(2) + `) IS NOT TRUE`
		args = append(args, a.keyArgs(keep)...)
	}
	_, err := exec(ctx, t, `DELETE FROM `+a.accounts.name+` WHERE `+where, args...)
	return err
}

// deleteAccount removes an account of a user.
func (a *authjs) deleteAccount(ctx context.Context, t *transaction, userID string, key store.AccountKey) error {
	c := a.account(a.layout.Accounts.UserID)
	arg, ok := c.idOf(userID)
	if !ok {
		return nil
	}
	_, err := exec(ctx, t, `DELETE FROM `+a.accounts.name+` WHERE `+a.is(c, 1)+` AND `+a.hasKey(2), append([]any{arg}, a.keyArgs(key)...)...)
	return err
}
