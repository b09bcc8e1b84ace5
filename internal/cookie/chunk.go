package cookie

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// Characters of a value that next-auth and Auth.js put into one chunk, for
// Chunked.Size.
const (
	NextAuthSize = 3933
	AuthJSSize   = 3936
)

// What a chunked value may take, for reading and writing alike. The index of a
// chunk is therefore one digit.
const (
	MaxChunks = 10       // cookies
	MaxSize   = 32 << 10 // bytes of the whole value
)

// ErrIncomplete means that a chunk is missing before another one.
var ErrIncomplete = errors.New("cookie: a chunk is missing")

var errNotPlain = errors.New("cookie: a chunked value takes letters, digits and -_.!~*'() only")

// A Chunked is a cookie whose value may be longer than one cookie can hold.
// A value of up to Size bytes is in the cookie with the name itself, a longer
// one in name.0, name.1 and so on.
//
// Only the name itself and the name with .0 to .9 are ours. Others that merely
// start alike ("name.10", "name.01", "name-x") are neither read nor cleared.
type Chunked struct {
	Cookie Cookie

	// Size is how many bytes of the value go into one chunk. Zero means
	// NextAuthSize. A long name lowers it, so that no cookie exceeds 4096 bytes.
	Size int
}

// Present says which cookies of a [Chunked] a request carried: what has to be
// cleared when the value ends. The zero value is none.
type Present uint16

// All is for an answer to a request that may not carry what the browser holds,
// such as a cross-site post: whatever is not written is cleared.
const All Present = 1<<slots - 1

// slots counts the cookies of a Chunked: slot 0 is the name itself, slot i the
// chunk i-1.
const slots = 1 + MaxChunks

func (p Present) has(slot int) bool { return p&(1<<slot) != 0 }

// Read returns the value in the Cookie lines of a request header, and which of
// our cookies are there. The value is empty when the request carries none, and
// with an error: [ErrIncomplete] or [ErrTooLarge].
//
// The first cookie of a name counts, an empty one is none. The cookie with the
// name itself wins over chunks: it is whole by itself, while chunks beside it
// are leftovers of which nobody knows whether they belong together.
//
// The value is as the browser sent it, without percent decoding: tokens need
// no escapes, and a value that has some is no token. One pass over the header;
// nothing is allocated unless chunks have to be joined.
func (c Chunked) Read(h http.Header) (string, Present, error) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return "", 0, nil
	}
	var present Present
	var values [slots]string
	for _, line := range lines {
		for line != "" {
			var name, value string
			name, value, line = nextPair(line)
			slot, ours := c.slot(name)
			if !ours {
				continue
			}
			present |= 1 << slot
			if values[slot] == "" {
				values[slot] = value
			}
		}
	}
	if present == 0 {
		return "", 0, nil
	}
	value, err := values[0], error(nil)
	if value == "" {
		value, err = join(values[1:])
	}
	if len(value) > MaxSize {
		return "", present, ErrTooLarge
	}
	return value, present, err
}

// Write writes the value to a response header, as one cookie or in chunks, and
// clears the cookies of the request (and of this response so far) that the
// value no longer needs. It expires at the given time, or with the browser's
// session when that is zero. An empty value is [Chunked.Clear].
//
// The value must be plain: letters, digits and -_.!~*'(). On an error, such as
// [ErrTooLarge], the header is untouched.
func (c Chunked) Write(h http.Header, present Present, value string, expires time.Time) error {
	if !isPlain(value) {
		return errNotPlain
	}
	values, err := c.split(value)
	if err != nil {
		return err
	}
	present |= c.written(h)
	// Cookies that the browser has come first, each in its place, then the new
	// ones: the order in which next-auth writes them.
	for slot := range slots {
		if present.has(slot) {
			c.put(h, slot, values[slot], expires)
		}
	}
	for slot := range slots {
		if !present.has(slot) && values[slot] != "" {
			c.put(h, slot, values[slot], expires)
		}
	}
	return nil
}

// Clear tells the browser to forget the cookies of the request, and those that
// this response has set so far.
func (c Chunked) Clear(h http.Header, present Present) {
	present |= c.written(h)
	for slot := range slots {
		if present.has(slot) {
			c.put(h, slot, "", time.Time{})
		}
	}
}

// slot says which cookie of c has the name, if any.
func (c Chunked) slot(name string) (int, bool) {
	if name == "" || !strings.HasPrefix(name, c.Cookie.Name) {
		return 0, false
	}
	suffix := name[len(c.Cookie.Name):]
	if suffix == "" {
		return 0, true
	}
	if len(suffix) == 2 && suffix[0] == '.' && '0' <= suffix[1] && suffix[1] <= '9' {
		return 1 + int(suffix[1]-'0'), true
	}
	return 0, false
}

// written lists the cookies of c that a response header sets already. Without
// them a second write to the same response could leave both the plain cookie
// and chunks in the browser.
func (c Chunked) written(h http.Header) Present {
	var p Present
	for _, line := range h["Set-Cookie"] {
		if slot, ours := c.slot(lineName(line)); ours {
			p |= 1 << slot
		}
	}
	return p
}

// put sets the cookie in the slot, or clears it when the value is empty.
func (c Chunked) put(h http.Header, slot int, value string, expires time.Time) {
	one := c.Cookie
	if slot > 0 {
		one.Name += "." + string(rune('0'+slot-1))
	}
	if value == "" {
		one.Clear(h)
		return
	}
	put(h, one.Name, one.line(value, noMaxAge, expires))
}

// split lays the value out over the slots.
func (c Chunked) split(value string) (values [slots]string, err error) {
	size := c.Size
	if size <= 0 {
		size = NextAuthSize
	}
	size = min(size, maxPair-len(c.Cookie.Name)-len(".0"))
	if size <= 0 || len(value) > MaxSize || len(value) > size*MaxChunks {
		return values, ErrTooLarge
	}
	if len(value) <= size {
		values[0] = value
		return values, nil
	}
	for slot := 1; value != ""; slot++ {
		n := min(size, len(value))
		values[slot], value = value[:n], value[n:]
	}
	return values, nil
}

// join puts chunks together: a run from the first on, and nothing after it.
func join(chunks []string) (string, error) {
	n, size := 0, 0
	for n < len(chunks) && chunks[n] != "" {
		size += len(chunks[n])
		n++
	}
	for _, chunk := range chunks[n:] {
		if chunk != "" {
			return "", ErrIncomplete
		}
	}
	if size > MaxSize {
		return "", ErrTooLarge
	}
	return strings.Join(chunks[:n], ""), nil
}
