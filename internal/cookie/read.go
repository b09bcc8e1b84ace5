package cookie

import (
	"iter"
	"net/http"
	"slices"
	"strings"
)

// maxCandidates bounds the values that Chunked.Read returns.
const maxCandidates = 4

// Found is what a request carries of a [Chunked]. It carries several values if
// the browser has cookies of one name in several scopes: those of the host and
// of a parent domain, or those of before Cookies.Domain was changed.
type Found struct {
	// Value is the first candidate, "" if there is none.
	Value string

	// More are further candidates that differ from Value and from one another,
	// in order of preference, three at most.
	More []string

	// Incomplete means that there were more candidates than these, or may have
	// been. They were not read, so the cookies must not be cleared because none
	// of these is good.
	Incomplete bool

	// Repeated says that a name came more than once, or that the cookie with the
	// name itself came beside chunks: the cookies are not all of one scope.
	Repeated bool

	// Present says which cookies the request carried, whatever their values.
	Present Present
}

// Read returns the values of c in the Cookie lines of a request header. The
// candidates are, in this order: each value of the cookie with the name itself,
// which is whole, then the joined chunks of the first cookie of each chunk's
// name, then of the second ones, and so on. Empty cookies do not count, nor do chunks
// after a missing one, nor a value above [MaxSize].
//
// Values are as the browser sent them, without percent decoding: tokens need
// no escapes, and a value that has some is no token. Read makes one pass over
// the header, and allocates nothing unless it has to join chunks or finds a
// name twice.
func (c Chunked) Read(h http.Header) Found {
	var present Present
	var first [slots]string
	var more *repeats
	repeated := false
	for _, line := range h["Cookie"] {
		for line != "" {
			var name, value string
			name, value, line = nextPair(line)
			slot, ok := c.slot(name)
			if !ok {
				continue
			}
			present |= 1 << slot
			switch {
			case first[slot] == "":
				first[slot] = value
			case value == "":
			case slot == 0 && value == first[slot]:
				repeated = true
			default:
				repeated = true
				if more == nil {
					more = new(repeats)
				}
				more.add(slot, value)
			}
		}
	}
	if more != nil || present&^1 != 0 {
		found := candidates(present, &first, more)
		found.Repeated = repeated || present.has(0) // beside chunks, as no name repeats
		return found
	}
	if len(first[0]) > MaxSize {
		return Found{Present: present}
	}
	return Found{Value: first[0], Repeated: repeated, Present: present}
}

// repeats are the cookies of a request whose name an earlier one has too.
type repeats struct {
	values [maxCandidates - 1][slots]string
	full   bool // there were more that can make a candidate
}

// add notes a further cookie of a slot.
func (r *repeats) add(slot int, value string) {
	for i := range r.values {
		switch r.values[i][slot] {
		case "":
			r.values[i][slot] = value
			return
		case value:
			if slot == 0 {
				return
			}
		}
	}
	// Without its chunk 0 a further set of chunks is no value.
	r.full = r.full || slot <= 1
}

// candidates returns the values that the cookies of a request make.
func candidates(present Present, first *[slots]string, more *repeats) Found {
	if more == nil {
		more = new(repeats)
	}
	found := Found{Incomplete: more.full, Present: present}
	add := func(value string) {
		switch {
		case len(value) > MaxSize, value == "", value == found.Value, slices.Contains(found.More, value):
		case found.Value == "":
			found.Value = value
		case len(found.More) < maxCandidates-1:
			found.More = append(found.More, value)
		default:
			found.Incomplete = true
		}
	}
	add(first[0])
	for i := range more.values {
		add(more.values[i][0])
	}
	add(join(first[1:]))
	for i := range more.values {
		add(join(more.values[i][1:]))
	}
	return found
}

// join puts chunks together: a run from the first on, and nothing after it. It returns
// "" if that makes no value.
func join(chunks []string) string {
	n := 0
	for n < len(chunks) && chunks[n] != "" {
		n++
	}
	for _, chunk := range chunks[n:] {
		if chunk != "" {
			return ""
		}
	}
	return strings.Join(chunks[:n], "")
}

// WithPrefix lists the cookies of a request header whose names are the name of
// c, a dot and a suffix, such as the check cookies of the sign-ins that a
// browser has started. Names and values are as the browser sent them.
func (c Cookie) WithPrefix(h http.Header) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, line := range h["Cookie"] {
			for line != "" {
				var name, value string
				name, value, line = nextPair(line)
				suffix, ok := strings.CutPrefix(name, c.Name+".")
				if ok && suffix != "" && !yield(name, value) {
					return
				}
			}
		}
	}
}
