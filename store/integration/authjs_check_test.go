package integration_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// AD-01: the tables are checked at start, and the SQL that is printed mends what it can.
func TestAuthJS_StartUpCheck(t *testing.T) {
	type test struct {
		database, change string
		want             string // the error after its first line
		mends            bool
	}
	for name, tt := range map[string]test{
		"as published": {
			"PostgreSQL, pg-adapter", `
				ALTER TABLE users DROP CONSTRAINT users_email_key;
				ALTER TABLE accounts DROP CONSTRAINT "accounts_provider_providerAccountId_key"`, `
- the table "users" has no unique key on ("email")
- the table "accounts" has no unique key on ("provider", "providerAccountId")
Run this SQL, as the owner of the tables:
ALTER TABLE "users" ADD UNIQUE ("email");
ALTER TABLE "accounts" ADD UNIQUE ("provider", "providerAccountId");`, true,
		},
		"another layout": {"PostgreSQL, pg-adapter", `ALTER TABLE users RENAME TO "User"`, `
- the table "users" does not exist in a schema of the search_path: does AuthJSLayout have the names of this application?`, false},
		"a key of a part": {
			"PostgreSQL, Drizzle", `
				ALTER TABLE "user" DROP CONSTRAINT user_email_key;
				CREATE UNIQUE INDEX ON "user" (email) WHERE email <> '';
				CREATE UNIQUE INDEX ON "user" (lower(email));
				CREATE UNIQUE INDEX ON "user" (email, name);
				CREATE INDEX ON "user" (email);
				ALTER TABLE "user" ADD CONSTRAINT later UNIQUE (email) DEFERRABLE`, `
- the table "user" has no unique key on ("email")
Run this SQL, as the owner of the tables:
ALTER TABLE "user" ADD UNIQUE ("email");`, true,
		},
		"a link without a key": {
			"PostgreSQL, Prisma", `ALTER TABLE "VerificationToken" DROP CONSTRAINT "VerificationToken_pkey"; CREATE UNIQUE INDEX ON "VerificationToken" (identifier)`, `
- the table "VerificationToken" has no unique key on ("identifier", "token")
Run this SQL, as the owner of the tables:
ALTER TABLE "VerificationToken" ADD UNIQUE ("identifier", "token");`, true,
		},
		"columns that are missing": {
			"PostgreSQL, pg-adapter", `
				ALTER TABLE users DROP COLUMN "emailVerified";
				ALTER TABLE accounts DROP COLUMN session_state`, `
- the table "users" has no column "emailVerified"
- the table "accounts" has no column "session_state"
Run this SQL, as the owner of the tables:
ALTER TABLE "users" ADD COLUMN "emailVerified" timestamptz(3);
ALTER TABLE "accounts" ADD COLUMN "session_state" text;`, true,
		},
		"times as texts": {
			"PostgreSQL, pg-adapter", `
				ALTER TABLE users ALTER COLUMN "emailVerified" TYPE varchar(255);
				ALTER TABLE verification_token ALTER COLUMN expires TYPE bigint USING 0;
				ALTER TABLE accounts ALTER COLUMN expires_at TYPE text`, `
- the column "emailVerified" of "users" has the type varchar, and must be a time
- the column "expires_at" of "accounts" has the type text, and must be an integer
- the column "expires" of "verification_token" has the type int8, and must be a time`, false,
		},
		"IDs that differ": {
			"PostgreSQL, pg-adapter", `ALTER TABLE accounts ALTER COLUMN "userId" TYPE text; ALTER TABLE users ALTER COLUMN id DROP DEFAULT`, `
- the column "id" of "users" is an integer without a default: the database must make the IDs
- the column "userId" of "accounts" has the type text, and that of "users" is int4`, false,
		},
		"short columns": {
			"PostgreSQL, pg-adapter", `
				ALTER TABLE users ALTER COLUMN email TYPE varchar(100);
				ALTER TABLE accounts ALTER COLUMN access_token TYPE varchar(255);
				ALTER TABLE verification_token ALTER COLUMN token TYPE varchar(63)`, `
- the column "email" of "users" is too short: it has 100 characters, and needs 191
- the column "access_token" of "accounts" is too short: it has 255 characters, and needs 2048
- the column "token" of "verification_token" is too short: it has 63 characters, and needs 64
Run this SQL, as the owner of the tables:
ALTER TABLE "users" ALTER COLUMN "email" TYPE text;
ALTER TABLE "accounts" ALTER COLUMN "access_token" TYPE text;
ALTER TABLE "verification_token" ALTER COLUMN "token" TYPE text;`, true,
		},
		"columns of the application": {
			"PostgreSQL, Prisma", `
				ALTER TABLE "User" ADD COLUMN tenant text NOT NULL, ADD COLUMN plan text NOT NULL DEFAULT 'free', ADD COLUMN note text;
				ALTER TABLE "VerificationToken" ADD COLUMN id text NOT NULL`, `
- the column "tenant" of "User" is NOT NULL and has no default, so that no row can be inserted
- the column "id" of "VerificationToken" is NOT NULL and has no default, so that no row can be inserted
Run this SQL, as the owner of the tables:
ALTER TABLE "User" ALTER COLUMN "tenant" DROP NOT NULL;
ALTER TABLE "VerificationToken" ALTER COLUMN "id" DROP NOT NULL;`, true,
		},
		"as Prisma makes them in MySQL": {
			"MariaDB, Prisma", `
				ALTER TABLE Account MODIFY providerAccountId VARCHAR(191) COLLATE utf8mb4_unicode_ci NOT NULL, MODIFY refresh_token VARCHAR(191);
				ALTER TABLE User DROP INDEX User_email_key`, "\n- the column `providerAccountId` of `Account` has the collation utf8mb4_unicode_ci, which takes two IDs that differ in case or accents for one\n" +
				"- the column `refresh_token` of `Account` is too short: it has 191 characters, and needs 2048\n" +
				"- the table `User` has no unique key on (`email`)\n" +
				"Run this SQL, as the owner of the tables:\n" +
				"ALTER TABLE `Account` MODIFY `providerAccountId` varchar(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;\n" +
				"ALTER TABLE `Account` MODIFY `refresh_token` text;\n" +
				"ALTER TABLE `User` ADD UNIQUE (`email`);", true,
		},
		"character sets and keys of MySQL": {
			"MariaDB, Drizzle", `
				ALTER TABLE user MODIFY name varchar(255) CHARACTER SET latin1, MODIFY email varchar(100), MODIFY image text CHARACTER SET latin1, DROP INDEX email, ADD UNIQUE (email(20));
				ALTER TABLE account ADD COLUMN tenant int NOT NULL`, "\n- the column `name` of `user` has the collation latin1_swedish_ci, which can't have texts of every language\n" +
				"- the column `email` of `user` is too short: it has 100 characters, and needs 191\n" +
				"- the column `image` of `user` has the collation latin1_swedish_ci, which can't have texts of every language\n" +
				"- the column `tenant` of `account` is NOT NULL and has no default, so that no row can be inserted\n" +
				"- the table `user` has no unique key on (`email`)\n" +
				"Run this SQL, as the owner of the tables:\n" +
				"ALTER TABLE `user` MODIFY `name` varchar(255) CHARACTER SET utf8mb4;\n" +
				"ALTER TABLE `user` MODIFY `email` varchar(255);\n" +
				"ALTER TABLE `user` MODIFY `image` text CHARACTER SET utf8mb4;\n" +
				"ALTER TABLE `user` ADD UNIQUE (`email`);", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := authjsDatabases[tt.database]
			src := d.source(t)
			noLeaks(t)
			db := src.connect(t)
			execAll(t, db, tt.change)
			checkAuthJS(t, db, d, tt.want, tt.mends)
		})
	}
}

// checkAuthJS opens a store, which must fail, and runs the SQL of the error.
func checkAuthJS(t *testing.T, db *sql.DB, d authjsDatabase, want string, mends bool) {
	t.Helper()
	_, err := sqlstore.OpenAuthJS(t.Context(), db, d.layout(), sqlstore.Options{})
	if err == nil {
		t.Fatal("OpenAuthJS has no error")
	}
	const first = "sqlstore: open: the tables of Auth.js can't be used:"
	got, ok := strings.CutPrefix(err.Error(), first)
	if !ok || got != want {
		t.Fatalf("OpenAuthJS = %v, want%s", err, want)
	}
	if !mends {
		return
	}
	_, statements, _ := strings.Cut(err.Error(), "Run this SQL, as the owner of the tables:\n")
	execAll(t, db, statements)
	openAuthJS(t, db, d.layout(), sqlstore.Options{})
}

// The texts of adapters in timestamp columns are those of UTC in the zone of their session.
func TestAuthJS_ZoneOfMySQL(t *testing.T) {
	d := authjsDatabases["MariaDB, Drizzle"]
	src := d.source(t)
	name, _, _ := strings.Cut(src.name, "?")
	for zone, want := range map[string]string{"-05:00": "add time_zone=%27%2B00%3A00%27", "+00:00": "", "SYSTEM": ""} {
		db := connect(t, "mysql", name+"?time_zone=%27"+strings.ReplaceAll(zone, "+", "%2B")+"%27")
		_, err := sqlstore.OpenAuthJS(t.Context(), db, d.layout(), sqlstore.Options{})
		if (err != nil) != (want != "") && zone != "SYSTEM" || err != nil && !strings.Contains(err.Error(), "add time_zone=%27%2B00%3A00%27") {
			t.Errorf("in the zone %s, OpenAuthJS: %v, want %q", zone, err, want)
		}
	}
}
