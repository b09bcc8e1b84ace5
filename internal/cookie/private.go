package cookie

import (
	"net/http"
	"slices"
	"strings"
)

// Private keeps a response out of all caches, and replaces what its headers say of caches
// so far: also the ones that only some caches read, and prefer to Cache-Control (RFC 9213).
// Each function of this package that writes a Set-Cookie line makes the response private.
func Private(h http.Header) {
	const control = "private, no-cache, no-store"
	if was := h["Cache-Control"]; len(was) != 1 || was[0] != control { // it is so after each cookie but the first
		h.Set("Cache-Control", control)
	}
	if !variesByCookie(h) {
		h.Add("Vary", "Cookie")
	}
	for name := range h {
		if strings.HasSuffix(name, "Cdn-Cache-Control") || name == "Surrogate-Control" || name == "X-Accel-Expires" {
			delete(h, name)
		}
	}
}

func variesByCookie(h http.Header) bool {
	return slices.ContainsFunc(h["Vary"], func(v string) bool { return v == "*" || strings.Contains(v, "Cookie") })
}

// KeepPrivate is [Private] for a response that sets or clears c in any scope. It leaves
// others alone.
func (c Chunked) KeepPrivate(h http.Header) {
	for _, line := range h["Set-Cookie"] {
		if _, ok := c.slot(lineName(line)); ok {
			Private(h)
			return
		}
	}
}
