package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// AuthJSLayout names the tables and columns of users in a database of Auth.js. [PgAdapter],
// [DrizzleAdapter] and [PrismaAdapter] return those of three of its adapters: change what
// differs, such as a table that Prisma maps to another name. Tables are looked up as the
// connection does: in the search_path of PostgreSQL, and the database of MySQL. Names are
// quoted, so that case counts as it does there; those with other characters than ASCII
// letters, digits and underscores are refused, and so is "key".
//
// The types of columns are not named: [OpenAuthJS] reads them. An ID may be an integer that
// the database makes, a UUID or a text. A time may have a zone or not, which is UTC then.
type AuthJSLayout struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	Users              AuthJSUsers
	Accounts           AuthJSAccounts
	Sessions           AuthJSSessions
	VerificationTokens AuthJSVerificationTokens
}

// AuthJSUsers names the table of users.
type AuthJSUsers struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	Table                                 string
	ID, Name, Email, EmailVerified, Image string

	// CreatedAt and UpdatedAt are written and, the former, read if the table has them. They
	// may be empty.
	CreatedAt, UpdatedAt string

	// DangerouslyTrustEmails takes the address of a user whom Node has made for proved,
	// although no link has proved it: Auth.js does not note that a provider had verified it.
	// Without it, the first proof of the address here removes the other accounts of the user,
	// because another person may have made the user. Set it only if all providers there gave
	// no address that they had not verified, and users could not enter one.
	DangerouslyTrustEmails bool
}

// AuthJSAccounts names the table of accounts.
type AuthJSAccounts struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	Table                                     string
	UserID, Type, Provider, ProviderAccountID string
	AccessToken, RefreshToken, IDToken        string
	TokenType, Scope, SessionState, ExpiresAt string

	// ID, CreatedAt and UpdatedAt are written if the table has them, and CreatedAt is read.
	// They may be empty.
	ID, CreatedAt, UpdatedAt string

	// Issuer is a column that the application has added for [store.AccountKey.Issuer]:
	// Auth.js has none. Without it, which "" means, the accounts of a provider of many
	// tenants are an error: two tenants may have users with the same ID. An account that
	// Auth.js has written has no issuer, and is not found by one until its column is filled.
	Issuer string
}

// AuthJSSessions names the table of the sessions of Auth.js, which the store only deletes,
// with their user, and when an address is first proved. The table may be absent, or "".
type AuthJSSessions struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	Table, UserID string
}

// AuthJSVerificationTokens names the table of e-mail links.
type AuthJSVerificationTokens struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	Table                      string
	Identifier, Token, Expires string
}

// PgAdapter returns the layout of @auth/pg-adapter.
func PgAdapter() AuthJSLayout {
	l := PrismaAdapter()
	l.Users.Table, l.Accounts.Table, l.Sessions.Table, l.VerificationTokens.Table = "users", "accounts", "sessions", "verification_token"
	return l
}

// DrizzleAdapter returns the layout of @auth/drizzle-adapter with the tables of its
// documentation.
func DrizzleAdapter() AuthJSLayout {
	l := PrismaAdapter()
	l.Users.Table, l.Accounts.Table, l.Sessions.Table, l.VerificationTokens.Table = "user", "account", "session", "verificationToken"
	return l
}

// PrismaAdapter returns the layout of @auth/prisma-adapter with the models of its
// documentation.
func PrismaAdapter() AuthJSLayout {
	return AuthJSLayout{
		Users: AuthJSUsers{
			Table: "User", ID: "id", Name: "name", Email: "email", EmailVerified: "emailVerified", Image: "image",
			CreatedAt: "createdAt", UpdatedAt: "updatedAt",
		},
		Accounts: AuthJSAccounts{
			Table: "Account", UserID: "userId", Type: "type", Provider: "provider", ProviderAccountID: "providerAccountId",
			AccessToken: "access_token", RefreshToken: "refresh_token", IDToken: "id_token", TokenType: "token_type",
			Scope: "scope", SessionState: "session_state", ExpiresAt: "expires_at",
			ID: "id", CreatedAt: "createdAt", UpdatedAt: "updatedAt",
		},
		Sessions:           AuthJSSessions{Table: "Session", UserID: "userId"},
		VerificationTokens: AuthJSVerificationTokens{Table: "VerificationToken", Identifier: "identifier", Token: "token", Expires: "expires"},
	}
}

// OpenAuthJS is [New] for a database of Auth.js in PostgreSQL, MySQL or MariaDB, which an
// application in Node may go on using at the same time. The users, their accounts and their
// links to sign in are those in the tables of layout; all else, and what these tables have
// no columns for, is in the tables of this package, which OpenAuthJS brings up to date.
//
// OpenAuthJS never changes the tables of Auth.js. If they lack columns, unique keys that
// first sign-ins at once depend on, or have types with which something would be lost, the
// error lists all of it, with SQL to run. [Options.Users] must be empty.
//
// A user without a row in nuxtauth_users is one of before: FirstSignIn is not zero, and
// CreatedAt is zero unless the table has it. Accounts have no Email, and no CreatedAt
// unless the table has it; [store.Accounts] UpdateAccount changes the tokens alone. Names
// that are too long for their column are cut, pictures left out, and addresses refused. An
// address is found in whatever case it was written; two users whose addresses differ in
// case alone are [store.ErrAmbiguousEmail].
func OpenAuthJS(ctx context.Context, db *sql.DB, layout AuthJSLayout, opts Options) (*Store, error) {
	if u := opts.Users; u.Create != nil || u.Find != nil || u.Update != nil || u.Delete != nil {
		return nil, errors.New("sqlstore: Options.Users is set, and the users are in the tables of Auth.js")
	}
	if err := layout.check(); err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	return open(ctx, db, opts, &authjs{layout: layout})
}

// An authjs has the users, accounts and links of Auth.js.
type authjs struct {
	dialect                           Dialect
	layout                            AuthJSLayout
	users, accounts, sessions, tokens table
}

// names returns the tables with the columns that they must have, and that they may have.
func (l *AuthJSLayout) names() []tableNames {
	u, a, v := &l.Users, &l.Accounts, &l.VerificationTokens
	return []tableNames{
		{"Users", u.Table, []string{u.ID, u.Name, u.Email, u.EmailVerified, u.Image}, []string{u.CreatedAt, u.UpdatedAt}},
		{"Accounts", a.Table, []string{
			a.UserID, a.Type, a.Provider, a.ProviderAccountID, a.AccessToken, a.RefreshToken, a.IDToken, a.TokenType,
			a.Scope, a.SessionState, a.ExpiresAt,
		}, []string{a.ID, a.CreatedAt, a.UpdatedAt, a.Issuer}},
		{"VerificationTokens", v.Table, []string{v.Identifier, v.Token, v.Expires}, nil},
		{"Sessions", l.Sessions.Table, []string{l.Sessions.UserID}, nil},
	}
}

type tableNames struct {
	field, table       string
	required, optional []string
}

var validName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// check reports names that are missing, or that can't be quoted in every statement.
func (l *AuthJSLayout) check() error {
	for _, t := range l.names() {
		if t.table == "" && t.field == "Sessions" {
			continue
		}
		if t.table == "" {
			return fmt.Errorf("the table of AuthJSLayout.%s is empty", t.field)
		}
		if slices.Contains(t.required, "") {
			return fmt.Errorf("AuthJSLayout.%s lacks the name of a column", t.field)
		}
		for _, name := range slices.Concat([]string{t.table}, t.required, t.optional) {
			if name != "" && !validName.MatchString(name) || name == "key" {
				return fmt.Errorf("AuthJSLayout.%s has the name %q: use ASCII letters, digits and underscores, and not the name key", t.field, name)
			}
		}
	}
	return nil
}
