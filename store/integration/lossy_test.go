package integration_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
	"testing"
)

// A lossy is a connector of a driver that makes one statement fail.
type lossy struct {
	driver.Connector

	mu    sync.Mutex
	seen  int   // statements
	at    int   // the number of the statement that fails, 0 for none
	run   bool  // the statement runs, and its answer is lost
	fault error // of the statement; nil: the connection breaks
}

// connectLossy opens a database whose statements can be made to fail.
func connectLossy(t *testing.T, src source) (*sql.DB, *lossy) {
	t.Helper()
	plain, err := sql.Open(src.driver, src.name)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	l := new(lossy)
	if d, ok := plain.Driver().(driver.DriverContext); ok {
		if l.Connector, err = d.OpenConnector(src.name); err != nil {
			t.Fatal(err)
		}
	} else {
		l.Connector = dsn{plain.Driver(), src.name}
	}
	db := sql.OpenDB(l)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, l
}

// dsn is the connector of a driver that has none.
type dsn struct {
	driver driver.Driver
	name   string
}

func (d dsn) Connect(context.Context) (driver.Conn, error) { return d.driver.Open(d.name) }
func (d dsn) Driver() driver.Driver                        { return d.driver }

// fail makes a statement fail, the first of those to come if at is 1.
func (l *lossy) fail(at int, run bool, fault error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen, l.at, l.run, l.fault = 0, at, run, fault
}

// statements returns how many there were since the last call of fail.
func (l *lossy) statements() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen
}

func (l *lossy) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := l.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &lossyConn{Conn: c, l: l}, nil
}

type lossyConn struct {
	driver.Conn
	l      *lossy
	broken bool
}

// next counts a statement, and reports whether it fails, and whether it runs before.
func (c *lossyConn) next() (fails, run bool) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.l.seen++
	return c.l.seen == c.l.at, c.l.run
}

// fail ends the statement that fails.
func (c *lossyConn) fail() error {
	if c.l.fault != nil {
		return c.l.fault
	}
	c.broken = true // database/sql closes it, and with it its transaction
	return io.ErrUnexpectedEOF
}

func (c *lossyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.broken {
		return nil, io.ErrUnexpectedEOF
	}
	fails, run := c.next()
	if fails && !run {
		return nil, c.fail()
	}
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	if err != nil || !fails {
		return rows, err
	}
	for dest := make([]driver.Value, len(rows.Columns())); err == nil; {
		err = rows.Next(dest)
	}
	if err = rows.Close(); err != nil {
		return nil, err
	}
	return nil, c.fail()
}

func (c *lossyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.broken {
		return nil, io.ErrUnexpectedEOF
	}
	fails, run := c.next()
	if fails && !run {
		return nil, c.fail()
	}
	result, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	if err != nil || !fails {
		return result, err
	}
	return nil, c.fail()
}

func (c *lossyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *lossyConn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok && !c.broken {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *lossyConn) IsValid() bool { return !c.broken }

var errRefused = errors.New("the server refuses the statement")
