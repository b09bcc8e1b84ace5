package cookie

import (
	"iter"
	"net/http"
	"strings"
)

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
