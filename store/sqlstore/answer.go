package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/nuxtauth/nuxtauth/store"
)

// A pooler that gives each transaction another connection to PostgreSQL mixes statements
// up if the driver sends a statement and its arguments in two transactions: the server
// then runs the statement of another client with the arguments of this one, without an
// error if their number and types fit. Drivers have mixed answers up too. Each statement
// is therefore a call with an ID, which begins with the hash of the statement:
//
//   - The answer has the ID, in one row at least. An answer without it is a fault, also
//     where no row is an answer of its own, such as "no such session".
//   - The statement fails, and so changes nothing, if the ID is that of another statement.
//
// SQLite runs in the process, and poolers for MySQL keep a statement and its arguments
// together: they need none of this.

// errMixedUp means that a statement got the arguments or the answer of another. A retry
// may succeed.
var errMixedUp = errors.New("the database answered another statement: is there a pooler in transaction mode, and a driver that is not set for it? See the documentation of sqlstore")

// asCall makes a statement for PostgreSQL one whose last argument, after n others, is the
// ID of the call.
func asCall(statement string, n int) (query, id string) {
	h := fnv.New64a()
	h.Write([]byte(statement))
	hash := fmt.Sprintf("%016x", h.Sum64())
	// The division fails for the ID of another statement, and undoes what the statement
	// has changed.
	return fmt.Sprintf(`WITH answer AS (%s)
		SELECT call.id, 1 / CAST(left(call.id, %d) = '%s' AS integer), answer.*
		FROM (SELECT CAST($%d AS text) AS id) AS call LEFT JOIN (SELECT true AS found, * FROM answer) AS answer ON true`,
		statement, len(hash), hash, n+1), hash + store.NewID()
}

// A scanner reads a row.
type scanner interface {
	Scan(dest ...any) error
}

// queryOnce runs a statement that returns rows, and returns the results of scan for all of
// them.
func queryOnce[T any](ctx context.Context, d Dialect, db handle, scan func(scanner) (T, error), statement string, args ...any) (all []T, err error) {
	var query, id string
	switch d {
	case SQLite:
		query = forSQLite(statement)
	case MySQL:
		query, args = forMySQL(statement, args)
	case PostgreSQL:
		query, id = asCall(statement, len(args))
		args = append(slices.Clip(args), id)
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, mixedUp(err)
	}
	defer rows.Close()
	answered := id == ""
	for rows.Next() {
		var row scanner = rows
		if id != "" {
			found, err := ofCall(rows, id)
			if err != nil {
				return nil, err
			}
			answered, row = true, callRow{rows}
			if !found {
				continue
			}
		}
		v, err := scan(row)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, mixedUp(err)
	}
	if !answered {
		return nil, errMixedUp
	}
	return all, nil
}

// ofCall fails unless a row belongs to a call, and reports whether it has one of the
// statement.
func ofCall(rows *sql.Rows, id string) (found bool, err error) {
	columns, err := rows.Columns()
	if err != nil {
		return false, err
	}
	var got sql.Null[string]
	var exists sql.Null[bool]
	dest := []any{&got, ignored{}, &exists}
	for len(dest) < len(columns) {
		dest = append(dest, ignored{})
	}
	if err := rows.Scan(dest...); err != nil {
		return false, fmt.Errorf("%w: %w", errMixedUp, err)
	}
	if got.V != id {
		return false, errMixedUp
	}
	return exists.V, nil
}

// A callRow is a row of a call, without the three columns that asCall adds.
type callRow struct{ rows *sql.Rows }

func (r callRow) Scan(dest ...any) error {
	return r.rows.Scan(append([]any{ignored{}, ignored{}, ignored{}}, dest...)...)
}

// ignored is a column that is not read.
type ignored struct{}

func (ignored) Scan(any) error { return nil }

// mixedUp makes an error of PostgreSQL errMixedUp if only a statement with the arguments
// of another can have it.
func mixedUp(err error) error {
	switch stateOf(err) {
	case "22012", // the division of asCall
		"22P02", "22P03", "22021", // an argument of another type
		"26000", "42P05": // a prepared statement that another server has, or that this one has
		return fmt.Errorf("%w: %w", errMixedUp, err)
	}
	return err
}
