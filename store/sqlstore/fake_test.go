package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"strings"
	"sync"
	"testing"
)

// A script answers queries and statements in place of a database. A statement changes as
// many rows as the answer has.
type script func(query string, args []driver.NamedValue) ([][]driver.Value, error)

// open returns a database that answers by a script, and its log.
func open(t *testing.T, answer script) (*sql.DB, *statements) {
	t.Helper()
	a := &statements{answer: answer}
	db := sql.OpenDB(a)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, a
}

// postgres answers New as a PostgreSQL that is up to date does, and the rest by the
// script.
func postgres(answer script) script {
	asked := 0
	return func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
		switch {
		case strings.Contains(query, "version()"):
			return row("PostgreSQL 15.18 on x86_64-pc-linux-gnu"), nil
		case strings.Contains(query, "pg_backend_pid"):
			asked++
			return row([]int64{1, 2, 2, 1, 1, 2}[(asked-1)%6]), nil // New asks two connections in this order
		case strings.Contains(query, "pg_class"):
			return row(int64(1)), nil
		case strings.Contains(query, "max(version)"):
			return row(int64(newestVersion)), nil
		}
		return answer(query, args)
	}
}

// mysql is the same for a MySQL.
func mysql(answer script) script {
	return func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
		switch {
		case query == "SELECT version()":
			return row("8.4.3"), nil
		case strings.Contains(query, "version()"):
			return row("8.4.3", "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES", int64(1), "utf8mb4", "utf8mb4"), nil
		case strings.Contains(query, "information_schema"):
			return row(int64(1)), nil
		case strings.Contains(query, "max(version)"):
			return row(int64(newestVersion)), nil
		}
		return answer(query, args)
	}
}

// newestVersion is that of the newest migration.
const newestVersion = 3

func row(values ...driver.Value) [][]driver.Value { return [][]driver.Value{values} }

// statements is the log of a database.
type statements struct {
	answer script
	mix    func(rows [][]driver.Value) ([][]driver.Value, error) // changes the answers of calls; nil: leaves them
	mu     sync.Mutex
	all    []string
}

// times returns the number of statements that contain a text.
func (a *statements) times(text string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, query := range a.all {
		if strings.Contains(query, text) {
			n++
		}
	}
	return n
}

func (a *statements) run(query string, args []driver.NamedValue) ([][]driver.Value, error) {
	a.mu.Lock()
	a.all = append(a.all, query)
	a.mu.Unlock()
	return a.answer(query, args)
}

func (a *statements) Connect(context.Context) (driver.Conn, error) { return connection{a}, nil }
func (a *statements) Driver() driver.Driver                        { return nil }

type connection struct{ *statements }

func (c connection) Prepare(string) (driver.Stmt, error) { return nil, io.ErrClosedPipe }
func (c connection) Begin() (driver.Tx, error)           { return nil, io.ErrClosedPipe }
func (c connection) Close() error                        { return nil }

// QueryContext answers a call of PostgreSQL as the server does: each row, or one of nulls
// in place of none, begins with the ID of the call. The script gets the statement alone.
func (c connection) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	statement, isCall := strings.CutPrefix(query, "WITH answer AS (")
	if !isCall {
		all, err := c.run(query, args)
		return newResult(all), err
	}
	statement, _, _ = strings.Cut(statement, ")\n\t\tSELECT call.id")
	last := len(args) - 1
	all, err := c.run(statement, args[:last])
	if err != nil {
		return nil, err
	}
	rows := [][]driver.Value{}
	for _, row := range all {
		rows = append(rows, append([]driver.Value{args[last].Value, int64(1), true}, row...))
	}
	if len(all) == 0 {
		rows = append(rows, []driver.Value{args[last].Value, int64(1), nil})
	}
	if c.mix != nil {
		rows, err = c.mix(rows)
	}
	return newResult(rows), err
}

func (c connection) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	all, err := c.run(query, args)
	if err != nil || len(all) == 0 {
		return changed{0, 0}, err
	}
	id, _ := all[0][0].(int64)
	return changed{int64(len(all)), id}, nil
}

// changed is the result of a statement of MySQL: the number of rows, and LAST_INSERT_ID.
type changed struct{ rows, id int64 }

func (c changed) RowsAffected() (int64, error) { return c.rows, nil }
func (c changed) LastInsertId() (int64, error) { return c.id, nil }

type result struct {
	columns []string
	rows    [][]driver.Value
}

func newResult(rows [][]driver.Value) *result {
	r := &result{rows: rows}
	if len(rows) > 0 {
		r.columns = make([]string, len(rows[0]))
	}
	return r
}

func (a *result) Close() error      { return nil }
func (a *result) Columns() []string { return a.columns }

func (a *result) Next(dest []driver.Value) error {
	if len(a.rows) == 0 {
		return io.EOF
	}
	copy(dest, a.rows[0])
	a.rows = a.rows[1:]
	return nil
}
