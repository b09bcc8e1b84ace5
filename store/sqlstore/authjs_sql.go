package sqlstore

import (
	"crypto/rand"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A table is one that this package has not made, as the database describes it.
type table struct {
	name    string // quoted, "" if there is none
	columns map[string]*column
	unique  [][]string // the columns of each unique key, sorted
}

// A column is one of a table; nil if the table has none.
type column struct {
	quoted             string
	typ                string // as the database calls it
	kind               kind
	length             int   // in characters, 0 without a limit
	bytes              bool  // the length is in bytes
	unit               int64 // of a time that it can have, in milliseconds
	max                int64 // of an integer
	nullable, supplied bool  // supplied: the database has a value if there is none
	collation          string
}

// The kinds of columns.
type kind int

const (
	otherKind kind = iota
	textKind
	integerKind
	uuidKind
	zonedKind   // a time with a zone
	unzonedKind // a time without one, which is UTC
)

func (k kind) String() string {
	return [...]string{"another type", "a text", "an integer", "a UUID", "a time", "a time"}[k]
}

func (k kind) isTime() bool { return k == zonedKind || k == unzonedKind }

func quote(d Dialect, name string) string {
	if d == MySQL {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}

// arg is the nth argument as a value of a type of PostgreSQL, which drivers may not know
// otherwise.
func (a *authjs) arg(n int, typ string) string {
	if a.dialect == MySQL {
		return "$" + strconv.Itoa(n)
	}
	return fmt.Sprintf("CAST($%d AS %s)", n, typ)
}

// value is the nth argument as a value of a column: a text, a number, milliseconds, or what
// idOf returns.
func (a *authjs) value(c *column, n int) string {
	switch c.kind {
	case integerKind:
		return a.arg(n, "bigint")
	case uuidKind:
		return a.arg(n, "uuid")
	case zonedKind, unzonedKind:
		if a.dialect == MySQL {
			return fmt.Sprintf("(CAST('1970-01-01' AS DATETIME(3)) + INTERVAL $%d * 1000 MICROSECOND)", n)
		}
		epoch := "TIMESTAMPTZ"
		if c.kind == unzonedKind {
			epoch = "TIMESTAMP"
		}
		return fmt.Sprintf("(%s 'epoch' + CAST($%d AS bigint) * INTERVAL '1 millisecond')", epoch, n)
	case textKind, otherKind:
	}
	return a.arg(n, "text")
}

// text is the text of a column, "" for NULL.
func (a *authjs) text(c *column, as string) string {
	if c == nil {
		return "'' AS " + as
	}
	return "coalesce(" + a.asText(c.quoted) + ", '') AS " + as
}

func (a *authjs) asText(expression string) string {
	if a.dialect == MySQL {
		return "CAST(" + expression + " AS CHAR CHARACTER SET utf8mb4)"
	}
	return "CAST(" + expression + " AS text)"
}

// number is the number of a column, 0 for NULL, and millis its time.
func (a *authjs) number(c *column, as string) string {
	if c == nil {
		return "0 AS " + as
	}
	return "coalesce(" + c.quoted + ", 0) AS " + as
}

func (a *authjs) millis(c *column, as string) string {
	switch {
	case c == nil:
		return "0 AS " + as
	case a.dialect == MySQL:
		return "coalesce(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', " + c.quoted + ") DIV 1000, 0) AS " + as
	}
	// That of a time without a zone is that of UTC. Before version 14 it is a float.
	return "CAST(coalesce(floor(EXTRACT(EPOCH FROM date_trunc('milliseconds', " + c.quoted + ")) * 1000 + 0.5), 0) AS bigint) AS " + as
}

// is compares a column with the nth argument, a text byte for byte whatever its collation.
func (a *authjs) is(c *column, n int) string {
	equal := c.quoted + " = " + a.value(c, n)
	if a.dialect == MySQL && c.kind == textKind {
		// The first comparison uses the index.
		return fmt.Sprintf("(%s AND %s = %s)", equal, a.exact(a.asText(c.quoted)), a.exact(a.arg(n, "text")))
	}
	return equal
}

// exact is a text that is compared byte for byte.
func (a *authjs) exact(text string) string {
	if a.dialect == MySQL {
		return "CAST(" + text + " AS BINARY)"
	}
	return text
}

// hasEmail compares an address with the nth argument, which is in lower case. In MySQL it
// may find others too.
func (a *authjs) hasEmail(n int) string {
	c := a.users.columns[a.layout.Users.Email]
	equal := c.quoted + " = " + a.arg(n, "text")
	if a.dialect == MySQL && strings.Contains(c.collation, "_ci") {
		return equal // with the index
	}
	return "(" + equal + " OR lower(" + c.quoted + ") = " + a.arg(n, "text") + ")"
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// idOf returns an ID as the argument for a column, and false if the column can't have it.
func (c *column) idOf(id string) (any, bool) {
	switch c.kind {
	case integerKind:
		n, err := strconv.ParseInt(id, 10, 64)
		return n, err == nil && n <= c.max && n >= -c.max && strconv.FormatInt(n, 10) == id
	case uuidKind:
		return id, uuidForm.MatchString(id)
	case textKind, zonedKind, unzonedKind, otherKind:
	}
	return id, storable(id) && c.fits(id)
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (c *column) fits(text string) bool {
	if c.bytes {
		return c.length == 0 || len(text) <= c.length
	}
	return c.length == 0 || utf8.RuneCountInString(text) <= c.length
}

// cut returns the beginning of a text that fits.
func (c *column) cut(text string) string {
	for !c.fits(text) {
		text = withoutLast(text)
	}
	return text
}

// withoutLast returns a text without its last character.
func withoutLast(text string) string {
	_, n := utf8.DecodeLastRuneInString(text)
	return text[:len(text)-n]
}

// orNone returns a text as an argument, NULL for "" if the column can have it.
func (c *column) orNone(text string) any {
	if text == "" && c.nullable {
		return nil
	}
	return text
}

// timeArg returns milliseconds as an argument, NULL for 0: what the column can have of them.
func (c *column) timeArg(ms int64) any {
	if ms == 0 && c.nullable {
		return nil
	}
	return c.floor(ms)
}

func (c *column) floor(ms int64) int64 {
	return ms - (ms%c.unit+c.unit)%c.unit
}

// numberArg returns a number as an argument, NULL for 0 and for what the column can't have.
func (c *column) numberArg(n int64) any {
	if (n == 0 || n > c.max || n < -c.max) && c.nullable {
		return nil
	}
	return n
}

// integers are the largest numbers of the types of integers.
var integers = map[string]int64{
	"int2": math.MaxInt16, "int4": math.MaxInt32, "int8": math.MaxInt64,
	"tinyint": math.MaxInt8, "smallint": math.MaxInt16, "mediumint": 1<<23 - 1, "int": math.MaxInt32, "bigint": math.MaxInt64,
}

// kindOf returns the kind of a type, as PostgreSQL and MySQL name it.
func kindOf(d Dialect, typ string) kind {
	switch typ {
	case "varchar", "text", "bpchar", "citext", "char", "tinytext", "mediumtext", "longtext", "varbinary", "binary", "blob", "mediumblob", "longblob":
		return textKind
	case "uuid":
		return uuidKind
	case "timestamptz":
		return zonedKind
	case "timestamp":
		if d == MySQL {
			return zonedKind // of the session, which checkZone has found to be UTC
		}
		return unzonedKind
	case "datetime":
		return unzonedKind
	}
	if integers[typ] > 0 {
		return integerKind
	}
	return otherKind
}
