package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// A Dialect is the kind of a database.
type Dialect string

// The dialects of this package.
const (
	PostgreSQL Dialect = "postgres"
	SQLite     Dialect = "sqlite"
	// MySQL is that of MySQL and MariaDB: the store keeps to what both have.
	MySQL Dialect = "mysql"
)

const dialectNames = "sqlstore.PostgreSQL, sqlstore.SQLite or sqlstore.MySQL"

// dialectOf asks the database: the types of drivers, which are often wrapped, say
// little.
func dialectOf(ctx context.Context, db *sql.DB) (Dialect, error) {
	var version string
	err := db.QueryRowContext(ctx, "SELECT version()").Scan(&version)
	if err == nil {
		switch {
		case strings.HasPrefix(version, "PostgreSQL "):
			return PostgreSQL, nil
		case mysqlVersion.MatchString(version):
			return MySQL, nil
		}
		return "", fmt.Errorf("its version is %q, and only PostgreSQL, MySQL, MariaDB and SQLite are supported: if it is compatible with one of them, set Options.Dialect to %s", version, dialectNames)
	}
	if !isTransient(err) && db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version) == nil {
		return SQLite, nil
	}
	return "", mixedUp(err)
}

// Statements are written for PostgreSQL, with $1 for the first argument.

// skipLocked locks the rows that a query selects and skips those that other transactions
// have locked, and forUpdate waits for these. SQLite has one writer at a time and does
// without.
const (
	skipLocked = forUpdate + " SKIP LOCKED"
	forUpdate  = " FOR UPDATE"
)

// forSQLite turns a statement for PostgreSQL into one for SQLite.
func forSQLite(statement string) string {
	// $1 is a name in SQLite, which not every driver binds to the first argument.
	statement = strings.ReplaceAll(statement, "$", "?")
	return strings.ReplaceAll(strings.ReplaceAll(statement, skipLocked, ""), forUpdate, "")
}

// forMySQL turns a statement for PostgreSQL into one for MySQL, which has its arguments in
// the order in which they stand, and in which the column key has a reserved name.
func forMySQL(statement string, args []any) (string, []any) {
	var all []any
	b := make([]byte, 0, len(statement)+16)
	for end, i := 0, 0; i < len(statement); i = end {
		end = i + 1
		switch c := statement[i]; {
		case c == '$':
			for end < len(statement) && '0' <= statement[end] && statement[end] <= '9' {
				end++
			}
			n, err := strconv.Atoi(statement[i+1 : end])
			if err == nil && n <= len(args) {
				all = append(all, args[n-1])
			}
			b = append(b, '?')
		case c == '`': // a name that is quoted already
			if n := strings.IndexByte(statement[end:], '`'); n >= 0 {
				end += n + 1
			}
			b = append(b, statement[i:end]...)
		case isWord(c):
			for end < len(statement) && isWord(statement[end]) {
				end++
			}
			if word := statement[i:end]; word == "key" {
				b = append(b, "`key`"...)
			} else {
				b = append(b, word...)
			}
		default:
			b = append(b, c)
		}
	}
	return string(b), all
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// execMySQL runs a statement that returns no rows.
func execMySQL(ctx context.Context, db handle, statement string, args ...any) (sql.Result, error) {
	statement, args = forMySQL(statement, args)
	return db.ExecContext(ctx, statement, args...)
}
