package cookie

import (
	"cmp"
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
	maxChunks = 10       // cookies
	MaxSize   = 32 << 10 // bytes of the whole value
)

var errNotPlain = errors.New("cookie: a chunked value takes letters, digits and -_.!~*'() only")

// A Chunked is a cookie whose value may be longer than one cookie can be. A
// value of up to Size bytes is in the cookie with the name itself, a longer one
// in name.0, name.1 and so on.
//
// Only the name itself and the name with .0 to .9 belong to it. Other names with
// the same beginning ("name.10", "name.01", "name-x") are neither read nor
// cleared.
type Chunked struct {
	Cookie Cookie

	// Size is how many bytes of the value go into one chunk. Zero means
	// NextAuthSize. A long name lowers it, so that no cookie exceeds 4096 bytes.
	Size int
}

// Present says which cookies of a [Chunked] a request carried: those to clear
// when the value ends. The zero value is none.
type Present uint16

// All is for the response to a request that may not carry all cookies of the
// browser, such as a cross-site post: the cookies that are not written are
// cleared.
const All Present = 1<<slots - 1

// First is the cookies without which there is no value: that with the name itself
// and the first chunk.
const First Present = 1<<0 | 1<<1

// slots counts the cookies of a Chunked: slot 0 is the name itself, slot i the
// chunk i-1.
const slots = 1 + maxChunks

func (p Present) has(slot int) bool { return p&(1<<slot) != 0 }

// Write writes the value to a response header, as one cookie or in chunks, and
// clears the cookies of the request (and of this response so far) that the
// value does not need. It expires at the given time, or with the browser's
// session when that is zero. An empty value is [Chunked.Clear].
//
// The value must be plain: letters, digits and -_.!~*'(). On an error, such as
// [ErrTooLarge], the header is untouched.
func (c Chunked) Write(h http.Header, present Present, value string, expires time.Time) error {
	if err := c.Check(value); err != nil {
		return err
	}
	values := c.split(value)
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

// Check returns the error that [Chunked.Write] would return for a value.
func (c Chunked) Check(value string) error {
	if !isPlain(value) {
		return errNotPlain
	}
	if len(value) > MaxSize || len(value) > c.size()*maxChunks {
		return ErrTooLarge
	}
	return nil
}

// Written returns the value that a response header sets, and which cookies it
// sets or clears for it; none if it leaves c alone. The value is empty if it
// clears c.
func (c Chunked) Written(h http.Header) (string, Present) {
	var present Present
	var values [slots]string
	for _, line := range h["Set-Cookie"] {
		slot, ok := c.slot(lineName(line))
		if !ok || !sameDomain(lineDomain(line), c.Cookie.Domain) {
			continue
		}
		pair, _, _ := strings.Cut(line, ";")
		_, values[slot], _ = strings.Cut(pair, "=")
		present |= 1 << slot
	}
	value := values[0]
	if value == "" {
		value = join(values[1:]) // Write has set them all
	}
	return value, present
}

// Clear clears the cookies of the request, and those that this response has set
// so far, in the scope of c: see [Chunked.ClearScope] for others.
func (c Chunked) Clear(h http.Header, present Present) {
	present |= c.written(h)
	for slot := range slots {
		if present.has(slot) {
			c.at(slot).Clear(h)
		}
	}
}

// ClearScope is [Cookie.ClearScope] for the cookies in present.
func (c Chunked) ClearScope(h http.Header, present Present, domain string) {
	for slot := range slots {
		if present.has(slot) {
			c.at(slot).ClearScope(h, domain)
		}
	}
}

// slot returns the slot of the cookie with a name, if it belongs to c.
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

// at returns the cookie of a slot.
func (c Chunked) at(slot int) Cookie {
	one := c.Cookie
	if slot > 0 {
		one.Name += "." + string(rune('0'+slot-1))
	}
	return one
}

// written lists the cookies of c that a response header sets already. Without
// them a second write to the same response could leave both the plain cookie
// and chunks in the browser.
func (c Chunked) written(h http.Header) Present {
	var p Present
	for _, line := range h["Set-Cookie"] {
		if slot, ok := c.slot(lineName(line)); ok && sameDomain(lineDomain(line), c.Cookie.Domain) {
			p |= 1 << slot
		}
	}
	return p
}

// put sets the cookie in the slot, or clears it when the value is empty.
func (c Chunked) put(h http.Header, slot int, value string, expires time.Time) {
	one := c.at(slot)
	if value == "" {
		one.Clear(h)
		return
	}
	one.put(h, one.line(value, noMaxAge, expires))
}

// size is how many bytes of a value go into one chunk.
func (c Chunked) size() int {
	return max(0, min(cmp.Or(c.Size, NextAuthSize), maxPair-len(c.Cookie.Name)-len(".0")))
}

// split divides a value that fits among the slots.
func (c Chunked) split(value string) (values [slots]string) {
	size := c.size()
	if len(value) <= size {
		values[0] = value
		return values
	}
	for slot := 1; value != ""; slot++ {
		n := min(size, len(value))
		values[slot], value = value[:n], value[n:]
	}
	return values
}
