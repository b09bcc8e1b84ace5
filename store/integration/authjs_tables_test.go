package integration_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// An authjsDatabase is what an adapter of Auth.js works with.
type authjsDatabase struct {
	layout func() sqlstore.AuthJSLayout
	driver string
	ids    string // "integer", "uuid" or "text"
	create string
}

// authjsPg are the tables of @auth/pg-adapter as published, with the unique keys that
// OpenAuthJS asks for.
const authjsPg = `
CREATE TABLE verification_token (identifier TEXT NOT NULL, expires TIMESTAMPTZ NOT NULL, token TEXT NOT NULL, PRIMARY KEY (identifier, token));
CREATE TABLE accounts (id SERIAL, "userId" INTEGER NOT NULL, type VARCHAR(255) NOT NULL, provider VARCHAR(255) NOT NULL,
	"providerAccountId" VARCHAR(255) NOT NULL, refresh_token TEXT, access_token TEXT, expires_at BIGINT, id_token TEXT, scope TEXT,
	session_state TEXT, token_type TEXT, PRIMARY KEY (id));
CREATE TABLE sessions (id SERIAL, "userId" INTEGER NOT NULL, expires TIMESTAMPTZ NOT NULL, "sessionToken" VARCHAR(255) NOT NULL, PRIMARY KEY (id));
CREATE TABLE users (id SERIAL, name VARCHAR(255), email VARCHAR(255), "emailVerified" TIMESTAMPTZ, image TEXT, PRIMARY KEY (id));
ALTER TABLE users ADD UNIQUE (email);
ALTER TABLE accounts ADD UNIQUE (provider, "providerAccountId")`

// authjsDrizzle are those of the documentation of @auth/drizzle-adapter.
const authjsDrizzle = `
CREATE TABLE "user" (id text PRIMARY KEY NOT NULL, name text, email text UNIQUE, "emailVerified" timestamp, image text);
CREATE TABLE account ("userId" text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE, type text NOT NULL, provider text NOT NULL,
	"providerAccountId" text NOT NULL, refresh_token text, access_token text, expires_at integer, token_type text, scope text, id_token text,
	session_state text, PRIMARY KEY (provider, "providerAccountId"));
CREATE TABLE session ("sessionToken" text PRIMARY KEY NOT NULL, "userId" text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE, expires timestamp NOT NULL);
CREATE TABLE "verificationToken" (identifier text NOT NULL, token text NOT NULL, expires timestamp NOT NULL, PRIMARY KEY (identifier, token))`

// authjsPrisma are those that Prisma makes of the models in the documentation of
// @auth/prisma-adapter.
const authjsPrisma = `
CREATE TABLE "User" (id TEXT NOT NULL PRIMARY KEY, name TEXT, email TEXT, "emailVerified" TIMESTAMP(3), image TEXT,
	"createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL);
CREATE TABLE "Account" ("userId" TEXT NOT NULL, type TEXT NOT NULL, provider TEXT NOT NULL, "providerAccountId" TEXT NOT NULL, refresh_token TEXT,
	access_token TEXT, expires_at INTEGER, token_type TEXT, scope TEXT, id_token TEXT, session_state TEXT,
	"createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL, PRIMARY KEY (provider, "providerAccountId"));
CREATE TABLE "Session" ("sessionToken" TEXT NOT NULL, "userId" TEXT NOT NULL, expires TIMESTAMP(3) NOT NULL,
	"createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL);
CREATE TABLE "VerificationToken" (identifier TEXT NOT NULL, token TEXT NOT NULL, expires TIMESTAMP(3) NOT NULL, PRIMARY KEY (identifier, token));
CREATE UNIQUE INDEX "User_email_key" ON "User" (email);
CREATE UNIQUE INDEX "Session_sessionToken_key" ON "Session" ("sessionToken");
ALTER TABLE "Account" ADD CONSTRAINT "Account_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Session" ADD CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" (id) ON DELETE CASCADE ON UPDATE CASCADE`

// authjsDrizzleMySQL and authjsPrismaMySQL are those of MySQL, with the collation of the ID
// that OpenAuthJS asks for. Times are those that Prisma makes: a timestamp ends in 2038.
const authjsDrizzleMySQL = `
CREATE TABLE user (id varchar(255) PRIMARY KEY NOT NULL, name varchar(255), email varchar(255) UNIQUE, emailVerified timestamp(3) NULL, image varchar(255));
CREATE TABLE account (userId varchar(255) NOT NULL, type varchar(255) NOT NULL, provider varchar(255) NOT NULL,
	providerAccountId varchar(255) COLLATE utf8mb4_bin NOT NULL, refresh_token text, access_token text, expires_at int, token_type varchar(255),
	scope varchar(255), id_token varchar(2048), session_state varchar(255), PRIMARY KEY (provider, providerAccountId),
	FOREIGN KEY (userId) REFERENCES user (id) ON DELETE CASCADE);
CREATE TABLE session (sessionToken varchar(255) PRIMARY KEY NOT NULL, userId varchar(255) NOT NULL, expires timestamp NOT NULL,
	FOREIGN KEY (userId) REFERENCES user (id) ON DELETE CASCADE);
CREATE TABLE verificationToken (identifier varchar(255) NOT NULL, token varchar(255) NOT NULL, expires timestamp(3) NOT NULL, PRIMARY KEY (identifier, token))`

const authjsPrismaMySQL = `
CREATE TABLE User (id VARCHAR(191) NOT NULL, name VARCHAR(191) NULL, email VARCHAR(191) NULL, emailVerified DATETIME(3) NULL, image VARCHAR(191) NULL,
	createdAt DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), updatedAt DATETIME(3) NOT NULL, UNIQUE INDEX User_email_key (email), PRIMARY KEY (id));
CREATE TABLE Account (userId VARCHAR(191) NOT NULL, type VARCHAR(191) NOT NULL, provider VARCHAR(191) NOT NULL,
	providerAccountId VARCHAR(191) COLLATE utf8mb4_bin NOT NULL, refresh_token TEXT NULL, access_token TEXT NULL, expires_at INTEGER NULL, token_type VARCHAR(191) NULL,
	scope VARCHAR(191) NULL, id_token TEXT NULL, session_state VARCHAR(191) NULL, createdAt DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	updatedAt DATETIME(3) NOT NULL, PRIMARY KEY (provider, providerAccountId));
CREATE TABLE Session (sessionToken VARCHAR(191) NOT NULL, userId VARCHAR(191) NOT NULL, expires DATETIME(3) NOT NULL,
	createdAt DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), updatedAt DATETIME(3) NOT NULL, UNIQUE INDEX Session_sessionToken_key (sessionToken));
CREATE TABLE VerificationToken (identifier VARCHAR(191) NOT NULL, token VARCHAR(191) NOT NULL, expires DATETIME(3) NOT NULL, PRIMARY KEY (identifier, token));
ALTER TABLE Account ADD CONSTRAINT Account_userId_fkey FOREIGN KEY (userId) REFERENCES User (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE Session ADD CONSTRAINT Session_userId_fkey FOREIGN KEY (userId) REFERENCES User (id) ON DELETE CASCADE ON UPDATE CASCADE`

// authjsPgMySQL are the tables of @auth/pg-adapter as an application may have ported them.
var authjsPgMySQL = strings.NewReplacer(
	`"providerAccountId" VARCHAR(255) NOT NULL`, "`providerAccountId` VARCHAR(255) COLLATE utf8mb4_bin NOT NULL", `"`, "`", "SERIAL", "BIGINT AUTO_INCREMENT", "INTEGER", "BIGINT", "TIMESTAMPTZ", "DATETIME(3)",
	"identifier TEXT", "identifier VARCHAR(255)", "token TEXT NOT NULL", "token VARCHAR(255) NOT NULL").Replace(authjsPg)

var authjsDatabases = map[string]authjsDatabase{
	"PostgreSQL, pg-adapter":       {sqlstore.PgAdapter, "pgx", "integer", authjsPg},
	"PostgreSQL, pg-adapter, uuid": {sqlstore.PgAdapter, "pgx", "uuid", pgWithIDs("UUID")},
	"PostgreSQL, pg-adapter, text": {sqlstore.PgAdapter, "pgx", "text", pgWithIDs("TEXT")},
	"PostgreSQL, Drizzle":          {sqlstore.DrizzleAdapter, "pgx", "text", authjsDrizzle},
	"PostgreSQL, Prisma":           {sqlstore.PrismaAdapter, "pgx", "text", authjsPrisma},
	"MariaDB, pg-adapter":          {sqlstore.PgAdapter, "mysql", "integer", authjsPgMySQL},
	"MariaDB, Drizzle":             {sqlstore.DrizzleAdapter, "mysql", "text", authjsDrizzleMySQL},
	"MariaDB, Prisma":              {sqlstore.PrismaAdapter, "mysql", "text", authjsPrismaMySQL},
}

// pgWithIDs are the tables of @auth/pg-adapter with IDs of a type that Node makes, and no
// default.
func pgWithIDs(typ string) string {
	return strings.NewReplacer("users (id SERIAL", "users (id "+typ, `"userId" INTEGER`, `"userId" `+typ).Replace(authjsPg)
}

// source returns a new database with the tables. Replacements change them.
func (d authjsDatabase) source(t *testing.T, replacements ...string) source {
	t.Helper()
	var src source
	if d.driver == "pgx" {
		p := server(t)
		src = source{"pgx", p.url(p.newDatabase(t), "")}
	} else {
		m := mariaServer(t)
		src = source{"mysql", m.source(m.newDatabase(t), "", mysqlSettings+"&time_zone=%27%2B00%3A00%27")}
		collation := ""
		if len(replacements) > 0 {
			collation = " COLLATE utf8mb4_nopad_bin"
		}
		execAll(t, src.connect(t), "ALTER DATABASE CHARACTER SET utf8mb4"+collation)
	}
	execAll(t, src.connect(t), strings.NewReplacer(replacements...).Replace(d.create))
	return src
}

// execAll runs statements, which have semicolons only between them.
func execAll(t *testing.T, db *sql.DB, statements string) {
	t.Helper()
	for statement := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(statements), ";"), ";") {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// openAuthJS opens a store. Its timeout is long: the machine may be slow.
func openAuthJS(t testing.TB, db *sql.DB, layout sqlstore.AuthJSLayout, opts sqlstore.Options) *sqlstore.Store {
	t.Helper()
	opts.Timeout = longTimeout
	s, err := sqlstore.OpenAuthJS(t.Context(), db, layout, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inEachAuthJS runs a test with a new database of each kind.
func inEachAuthJS(t *testing.T, test func(t *testing.T, d authjsDatabase, src source)) {
	for name, d := range authjsDatabases {
		t.Run(name, func(t *testing.T) {
			src := d.source(t)
			noLeaks(t)
			test(t, d, src)
		})
	}
}

// sqlOf turns a statement with the quotes of PostgreSQL into one of the driver.
func (d authjsDatabase) sqlOf(statement string) string {
	if d.driver == "mysql" {
		return strings.ReplaceAll(statement, `"`, "`")
	}
	return statement
}

// exec runs statements.
func (d authjsDatabase) exec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	execAll(t, db, d.sqlOf(d.names(statement)))
}

// names replaces :users, :accounts, :sessions and :tokens.
func (d authjsDatabase) names(statement string) string {
	l := d.layout()
	return strings.NewReplacer(":users", `"`+l.Users.Table+`"`, ":accounts", `"`+l.Accounts.Table+`"`,
		":sessions", `"`+l.Sessions.Table+`"`, ":tokens", `"`+l.VerificationTokens.Table+`"`).Replace(statement)
}

// row returns the first row of a query as one text.
func (d authjsDatabase) row(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), d.sqlOf(d.names(query)))
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for rows.Next() {
		values, dest := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if !v.Valid {
				values[i].String = "NULL"
			}
			all = append(all, values[i].String)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "|")
}

// utc is a time as a literal of the columns.
func utc(at time.Time) string { return "'" + at.UTC().Format("2006-01-02 15:04:05.000") + "'" }

// id is the nth ID that Node gives.
func (d authjsDatabase) id(n int) string {
	switch d.ids {
	case "integer":
		return fmt.Sprint(n)
	case "uuid":
		return fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	}
	return fmt.Sprintf("cm3x%d", n)
}

// nodeUser inserts a user as an adapter does.
func (d authjsDatabase) nodeUser(t *testing.T, db *sql.DB, n int, email, verified string) string {
	t.Helper()
	columns, values := "id, name, email, \"emailVerified\"", "'"+d.id(n)+"', 'Ada', '"+email+"', "+verified
	if strings.Contains(d.create, `updatedAt`) {
		columns, values = columns+`, "createdAt", "updatedAt"`, values+", '2024-01-02 03:04:05.678', '2024-01-02 03:04:05.678'"
	}
	d.exec(t, db, "INSERT INTO :users ("+columns+") VALUES ("+values+")")
	return d.id(n)
}

// nodeAccount inserts an account as an adapter does.
func (d authjsDatabase) nodeAccount(t *testing.T, db *sql.DB, userID, provider, account string) store.AccountKey {
	t.Helper()
	columns, values := `"userId", type, provider, "providerAccountId", access_token, expires_at, token_type`,
		"'"+userID+"', 'oidc', '"+provider+"', '"+account+"', 'of Node', 1800000000, 'bearer'"
	if strings.Contains(d.create, `updatedAt`) {
		columns, values = columns+`, "createdAt", "updatedAt"`, values+", '2024-01-02 03:04:05.678', '2024-01-02 03:04:05.678'"
	}
	d.exec(t, db, "INSERT INTO :accounts ("+columns+") VALUES ("+values+")")
	return store.AccountKey{Provider: provider, ProviderAccountID: account}
}
