package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A review lists what the tables of Auth.js lack, and the SQL that adds it.
type review struct {
	a                   *authjs
	problems, statement []string
}

func (r *review) add(sql, problem string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(problem, args...))
	if sql != "" && !slices.Contains(r.statement, sql) {
		r.statement = append(r.statement, sql)
	}
}

// err returns one error with all that was found, or nil.
func (r *review) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	text := "the tables of Auth.js can't be used:\n- " + strings.Join(r.problems, "\n- ")
	if len(r.statement) > 0 {
		text += "\nRun this SQL, as the owner of the tables:\n" + strings.Join(r.statement, ";\n") + ";"
	}
	return errors.New(text)
}

// A need is what a column must be.
type need struct {
	column string
	kinds  []kind
	typ    [2]string // to add it, in PostgreSQL and MySQL
	length int       // at least, of a text
	exact  bool      // its collation must tell case and accents apart
	utf8   bool      // it has texts of any language
}

var (
	idKinds   = []kind{integerKind, uuidKind, textKind}
	textKinds = []kind{textKind}
	timeKinds = []kind{zonedKind, unzonedKind}
)

const (
	keyLength   = 191 // of addresses and IDs, as Prisma has them in MySQL
	tokenLength = 2048
	uuidLength  = 36
	hashLength  = 64
)

func textOf(column string, length int) need {
	return need{column: column, kinds: textKinds, typ: [2]string{"text", "varchar(255)"}, length: length}
}

func tokenOf(column string) need {
	return need{column: column, kinds: textKinds, typ: [2]string{"text", "text"}, length: tokenLength}
}

func timeOfColumn(column string) need {
	return need{column: column, kinds: timeKinds, typ: [2]string{"timestamptz(3)", "datetime(3)"}}
}

func anyLanguage(n need) need { n.utf8 = true; return n }

// needs returns what the columns of each table must be.
func (l *AuthJSLayout) needs() (users, accounts, tokens []need) {
	u, a, v := &l.Users, &l.Accounts, &l.VerificationTokens
	users = []need{
		{column: u.ID, kinds: idKinds, length: uuidLength}, anyLanguage(textOf(u.Name, 0)), anyLanguage(textOf(u.Email, keyLength)),
		timeOfColumn(u.EmailVerified), anyLanguage(textOf(u.Image, 0)),
	}
	id := anyLanguage(textOf(a.ProviderAccountID, keyLength))
	id.exact = true
	accounts = []need{
		{column: a.UserID, kinds: idKinds, length: uuidLength}, textOf(a.Type, 0), textOf(a.Provider, 0), id,
		tokenOf(a.AccessToken), tokenOf(a.RefreshToken), tokenOf(a.IDToken), textOf(a.TokenType, 0), textOf(a.Scope, 0), textOf(a.SessionState, 0),
		{column: a.ExpiresAt, kinds: []kind{integerKind}, typ: [2]string{"bigint", "bigint"}},
	}
	if a.Issuer != "" {
		accounts = append(accounts, textOf(a.Issuer, keyLength))
	}
	tokens = []need{anyLanguage(textOf(v.Identifier, keyLength)), textOf(v.Token, hashLength), timeOfColumn(v.Expires)}
	return users, accounts, tokens
}

// open reads the tables and checks them.
func (a *authjs) open(ctx context.Context, s *Store) error {
	a.dialect = s.dialect
	if a.dialect == SQLite {
		return errors.New("OpenAuthJS works with PostgreSQL, MySQL and MariaDB, and this is SQLite")
	}
	tables, err := a.readTables(ctx, s)
	if err != nil {
		return fmt.Errorf("read the tables of Auth.js: %w", err)
	}
	r := &review{a: a}
	l := &a.layout
	users, accounts, tokens := l.needs()
	a.users = r.table(tables, l.Users.Table, users, []string{l.Users.CreatedAt, l.Users.UpdatedAt})
	a.accounts = r.table(tables, l.Accounts.Table, accounts, []string{l.Accounts.CreatedAt, l.Accounts.UpdatedAt})
	a.tokens = r.table(tables, l.VerificationTokens.Table, tokens, nil)
	if l.Sessions.Table != "" && tables[l.Sessions.Table].columns != nil {
		a.sessions = r.table(tables, l.Sessions.Table, []need{{column: l.Sessions.UserID, kinds: idKinds}}, nil)
	}
	r.ids()
	r.supplied(a.users)
	r.supplied(a.accounts)
	r.supplied(a.tokens)
	if err := r.zone(ctx, s); err != nil {
		return err
	}
	r.unique(a.users, l.Users.Email)
	r.unique(a.accounts, l.Accounts.Provider, l.Accounts.ProviderAccountID)
	r.unique(a.tokens, l.VerificationTokens.Identifier, l.VerificationTokens.Token)
	return r.err()
}

// table checks a table, and returns it without the columns that the store does not use but
// for those that an insertion must know of.
func (r *review) table(tables map[string]table, name string, needs []need, times []string) table {
	t, ok := tables[name]
	quoted := quote(r.a.dialect, name)
	if !ok {
		where := "in a schema of the search_path"
		if r.a.dialect == MySQL {
			where = "in the database of the connection"
		}
		r.add("", "the table %s does not exist %s: does AuthJSLayout have the names of this application?", quoted, where)
		return table{}
	}
	for _, n := range needs {
		r.column(t, n)
	}
	for _, name := range times {
		switch c := t.columns[name]; {
		case c == nil || c.kind.isTime():
		case !c.nullable && !c.supplied:
			r.column(t, timeOfColumn(name))
		default:
			delete(t.columns, name) // as if it were not there
		}
	}
	return t
}

func (r *review) column(t table, n need) {
	c, mysql := t.columns[n.column], r.a.dialect == MySQL
	typ := n.typ[0]
	if mysql {
		typ = n.typ[1]
	}
	if c == nil {
		quoted, sql := quote(r.a.dialect, n.column), ""
		if typ != "" {
			sql = fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", t.name, quoted, typ)
		}
		r.add(sql, "the table %s has no column %s", t.name, quoted)
		return
	}
	if !slices.Contains(n.kinds, c.kind) {
		r.add("", "the column %s of %s has the type %s, and must be %s", c.quoted, t.name, c.typ, n.kinds[0])
		return
	}
	if c.length > 0 && c.length < n.length {
		sql := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE text", t.name, c.quoted)
		if mysql {
			sql = fmt.Sprintf("ALTER TABLE %s MODIFY %s %s%s", t.name, c.quoted, longer(n), notNull(c))
		}
		r.add(sql, "the column %s of %s is too short: it has %d characters, and needs %d", c.quoted, t.name, c.length, n.length)
	}
	if c.kind != textKind || c.collation == "" {
		return
	}
	ignores := n.exact && !strings.HasSuffix(c.collation, "_bin") && !strings.Contains(c.collation, "_cs")
	if ignores || n.utf8 && !strings.HasPrefix(c.collation, "utf8mb4") {
		typ := c.typ
		if c.typ == "varchar" || c.typ == "char" {
			typ = fmt.Sprintf("%s(%d)", c.typ, max(c.length, n.length))
		}
		collation := ""
		if ignores {
			collation = " COLLATE utf8mb4_bin"
		}
		what := "can't have texts of every language"
		if ignores {
			what = "takes two IDs that differ in case or accents for one"
		}
		r.add(fmt.Sprintf("ALTER TABLE %s MODIFY %s %s CHARACTER SET utf8mb4%s%s", t.name, c.quoted, typ, collation, notNull(c)),
			"the column %s of %s has the collation %s, which %s", c.quoted, t.name, c.collation, what)
	}
}

func longer(n need) string {
	if n.length > keyLength {
		return "text"
	}
	return fmt.Sprintf("varchar(%d)", max(n.length, 255))
}

func notNull(c *column) string {
	if c.nullable {
		return ""
	}
	return " NOT NULL"
}

// ids checks that the columns of IDs belong together, and that the database makes those
// that are integers.
func (r *review) ids() {
	a, l := r.a, &r.a.layout
	id := a.user(l.Users.ID)
	for _, own := range []struct {
		table string
		id    *column
	}{{a.users.name, id}, {a.accounts.name, a.account(l.Accounts.ID)}} {
		if own.id != nil && own.id.kind == integerKind && !own.id.supplied {
			r.add("", "the column %s of %s is an integer without a default: the database must make the IDs", own.id.quoted, own.table)
		}
	}
	for _, owner := range []struct {
		table string
		id    *column
	}{{a.accounts.name, a.account(l.Accounts.UserID)}, {a.sessions.name, a.sessions.columns[l.Sessions.UserID]}} {
		if id != nil && owner.id != nil && owner.id.kind != id.kind {
			r.add("", "the column %s of %s has the type %s, and that of %s is %s", owner.id.quoted, owner.table, owner.id.typ, a.users.name, id.typ)
		}
	}
}

// supplied reports the columns that a row of the store would lack.
func (r *review) supplied(t table) {
	var written []string
	for _, names := range r.a.layout.names() {
		if quote(r.a.dialect, names.table) == t.name {
			written = append(append(written, names.required...), names.optional...)
		}
	}
	for _, name := range sortedNames(t) {
		if c := t.columns[name]; !slices.Contains(written, name) && !c.nullable && !c.supplied {
			sql := ""
			if r.a.dialect == PostgreSQL {
				sql = fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", t.name, c.quoted)
			}
			r.add(sql, "the column %s of %s is NOT NULL and has no default, so that no row can be inserted", c.quoted, t.name)
		}
	}
}

func sortedNames(t table) []string {
	names := make([]string, 0, len(t.columns))
	for name := range t.columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unique checks that the table has a unique key on columns.
func (r *review) unique(t table, columns ...string) {
	if t.name == "" || slices.ContainsFunc(columns, func(name string) bool { return t.columns[name] == nil }) {
		return // listed already
	}
	want := slices.Sorted(slices.Values(columns))
	for _, key := range t.unique {
		if slices.Equal(key, want) {
			return
		}
	}
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = quote(r.a.dialect, name)
	}
	list := strings.Join(quoted, ", ")
	r.add(fmt.Sprintf("ALTER TABLE %s ADD UNIQUE (%s)", t.name, list), "the table %s has no unique key on (%s)", t.name, list)
}

// zone checks that the times of columns with a zone are those of UTC in MySQL: an adapter
// writes them as texts of UTC in the zone of its session.
func (r *review) zone(ctx context.Context, s *Store) error {
	a, l := r.a, &r.a.layout
	if a.dialect != MySQL {
		return nil
	}
	zoned := false
	for _, c := range []*column{a.user(l.Users.EmailVerified), a.token(l.VerificationTokens.Expires), a.user(l.Users.CreatedAt), a.account(l.Accounts.CreatedAt)} {
		zoned = zoned || c != nil && c.kind == zonedKind
	}
	if !zoned {
		return nil
	}
	zone, err := first(queryAll(ctx, s, scan[string], "SELECT IF(@@session.time_zone = 'SYSTEM', @@system_time_zone, @@session.time_zone)"))
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"UTC", "Etc/UTC", "+00:00", "-00:00"}, zone) {
		r.add("", "the tables have columns of the type timestamp, and the time zone of the connection is %s: add time_zone=%%27%%2B00%%3A00%%27 to the name of the data source", zone)
	}
	return nil
}
