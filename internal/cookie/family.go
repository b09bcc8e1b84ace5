package cookie

import (
	"iter"
	"net/http"
	"strings"
)

// Family lists the cookies of a request header that carry the name of c, a dot
// and a suffix: the check cookies of the sign-ins that a browser has under
// way. Names and values are as the browser sent them.
func (c Cookie) Family(h http.Header) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, line := range h["Cookie"] {
			for line != "" {
				var name, value string
				name, value, line = nextPair(line)
				suffix, ours := strings.CutPrefix(name, c.Name+".")
				if ours && suffix != "" && !yield(name, value) {
					return
				}
			}
		}
	}
}
