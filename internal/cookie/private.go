package cookie

import (
	"net/http"
	"slices"
	"strings"
)

const privateControl = "private, no-cache, no-store"

// Private keeps a response out of all caches, and replaces what its headers say of caches
// so far: also the ones that only some caches read, and prefer to Cache-Control (RFC 9213).
// Each function of this package that writes a Set-Cookie line makes the response private.
func Private(h http.Header) {
	h.Set("Cache-Control", privateControl)
	if !variesByCookie(h) {
		h.Add("Vary", "Cookie")
	}
	for name := range h {
		if strings.HasSuffix(name, "Cdn-Cache-Control") || name == "Surrogate-Control" || name == "X-Accel-Expires" {
			delete(h, name)
		}
	}
}

// isPrivate reports whether [Private] was called, and its Cache-Control was not replaced.
func isPrivate(h http.Header) bool {
	control := h["Cache-Control"]
	return len(control) == 1 && control[0] == privateControl && variesByCookie(h)
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
