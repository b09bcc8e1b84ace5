package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
)

// errAgain means that what was in the way of a transaction has gone meanwhile.
var errAgain = errors.New("other transactions are in the way")

// isConflict reports whether a statement or a transaction was in the way of another one,
// and has changed nothing.
func isConflict(err error) bool {
	switch stateOf(err) {
	case "40001", "40P01":
		return true
	case "23505": // another transaction has entered the same unique value: the next attempt sees it
		return true
	}
	switch numberOf(err) {
	case 1205, 1213, // the wait for a lock, a deadlock
		1020, // a row has changed since the transaction began to read (MariaDB 11)
		1062: // as 23505
		return true
	}
	return errors.Is(err, errAgain)
}

// stateOf returns the SQLSTATE of an error, "" if it has none.
func stateOf(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string // the drivers of PostgreSQL have this method
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

// numberOf returns the number of an error of MySQL, 0 if it has none. The type of
// go-sql-driver/mysql, which is not imported, has it in a field.
func numberOf(err error) uint64 {
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct {
			continue
		}
		if n := v.FieldByName("Number"); n.IsValid() && n.Kind() == reflect.Uint16 {
			return n.Uint()
		}
	}
	return 0
}

// isTransient reports whether an error is one of the connection, of a server that stops
// or starts, or of a statement that was mixed up with another: the next attempt may
// succeed.
func isTransient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if errors.Is(err, errMixedUp) || isConflict(err) {
		return true
	}
	switch state := stateOf(err); state {
	case "57P01", "57P02", "57P03": // the server stops, has crashed, or starts
		return true
	case "":
	default:
		return strings.HasPrefix(state, "08") // the connection
	}
	switch numberOf(err) {
	case 1053, 1927, 3169, 4031, // the server stops, or has closed the connection
		1047: // a node of a Galera cluster is not ready
		return true
	case 0:
	default:
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		strings.HasSuffix(err.Error(), invalidConn)
}

// invalidConn is the text of mysql.ErrInvalidConn of go-sql-driver/mysql, which is not
// imported: the connection broke during a statement.
const invalidConn = "invalid connection"
