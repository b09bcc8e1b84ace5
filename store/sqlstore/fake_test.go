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

// A script is a database that answers as a test says. It is asked for queries
// and statements alike; a statement changes as many rows as the answer has.
type script func(query string, args []driver.NamedValue) ([][]driver.Value, error)

// open returns a database that answers from a script and counts what it was asked.
func open(t *testing.T, answer script) (*sql.DB, *asked) {
	t.Helper()
	a := &asked{answer: answer}
	db := sql.OpenDB(a)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, a
}

// postgres answers New as a PostgreSQL that is up to date, and leaves all else
// to the script.
func postgres(answer script) script {
	return func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
		switch {
		case strings.Contains(query, "version()"):
			return row("PostgreSQL 15.18 on x86_64-pc-linux-gnu"), nil
		case strings.Contains(query, "pg_class"):
			return row(int64(1)), nil
		case strings.Contains(query, "max(version)"):
			return row(int64(2)), nil
		}
		return answer(query, args)
	}
}

func row(values ...driver.Value) [][]driver.Value { return [][]driver.Value{values} }

type asked struct {
	answer script
	mu     sync.Mutex
	all    []string
}

// times counts the queries that contain a text.
func (a *asked) times(text string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, query := range a.all {
		if strings.Contains(query, text) {
			n++
		}
	}
	return n
}

func (a *asked) ask(query string, args []driver.NamedValue) ([][]driver.Value, error) {
	a.mu.Lock()
	a.all = append(a.all, query)
	a.mu.Unlock()
	return a.answer(query, args)
}

func (a *asked) Connect(context.Context) (driver.Conn, error) { return connection{a}, nil }
func (a *asked) Driver() driver.Driver                        { return nil }

type connection struct{ *asked }

func (c connection) Prepare(string) (driver.Stmt, error) { return nil, io.ErrClosedPipe }
func (c connection) Begin() (driver.Tx, error)           { return nil, io.ErrClosedPipe }
func (c connection) Close() error                        { return nil }

func (c connection) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	all, err := c.ask(query, args)
	if err != nil {
		return nil, err
	}
	return &answered{all}, nil
}

func (c connection) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	all, err := c.ask(query, args)
	return driver.RowsAffected(len(all)), err
}

type answered struct{ rows [][]driver.Value }

func (a *answered) Close() error { return nil }

func (a *answered) Columns() []string {
	if len(a.rows) == 0 {
		return nil
	}
	return make([]string, len(a.rows[0]))
}

func (a *answered) Next(dest []driver.Value) error {
	if len(a.rows) == 0 {
		return io.EOF
	}
	copy(dest, a.rows[0])
	a.rows = a.rows[1:]
	return nil
}
