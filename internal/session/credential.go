package session

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

// A Request is a request of a client, and where the cookies of the response go.
type Request struct {
	*http.Request
	Source   clientip.Source // the same request, for the address of the client
	Response http.Header     // nil if no cookie can be written: the response has begun, or is not there
	Cookies  *CookieSet
	Origin   string // of the application, as the browser sees it
}

// A Credential is what a request carries of a session: a sealed token or a
// handle, in cookies or in the Authorization header.
type Credential struct {
	Value   string
	Present cookie.Present // the session's cookies in the request
	Bearer  bool
	several *cookie.Found // where two cookies have the session's name
	refresh *refreshToken // of [Local], which names the handle in Value; nil for any other
}

// partial reports whether not every value was read, so that the cookies must not
// be cleared when none of those that were is valid.
func (c *Credential) partial() bool { return c.several != nil && c.several.Incomplete }

// values calls yield with each value of the credential until it returns false.
func (c *Credential) values(yield func(value string) bool) {
	if c.Value == "" || !yield(c.Value) || c.several == nil {
		return
	}
	for _, value := range c.several.More {
		if !yield(value) {
			return
		}
	}
}

// without returns the credential without one of its values, and false if no other
// is left.
func (c *Credential) without(value string) (Credential, bool) {
	var rest []string
	for v := range c.values {
		if v != value {
			rest = append(rest, v)
		}
	}
	if len(rest) == 0 {
		return Credential{}, false
	}
	several := *c.several
	several.More = rest[1:]
	return Credential{Value: rest[0], Present: c.Present, several: &several}, true
}

// ReadCredential returns what the request carries of a session, and false if
// that is nothing. A session cookie that this response has set already counts in
// place of the request's: a handler may have changed the session before the
// request was routed again.
func ReadCredential(r Request) (Credential, bool) {
	if len(r.Response["Set-Cookie"]) > 0 {
		if value, present := r.Cookies.Session.Written(r.Response); present != 0 {
			return Credential{Value: value, Present: present}, value != ""
		}
	}
	c := readRequest(r)
	return c, c.Present != 0 || c.Value != ""
}

// readRequest returns what the request carries of a session, whatever the response
// has set.
func readRequest(r Request) Credential {
	c := readCookies(r)
	if c.Present == 0 {
		c.Value, c.Bearer = bearer(r.Header), true
	}
	return c
}

// readCookies returns what the cookies of the request carry of a session. Without
// a whole value they are a credential that opens nothing.
func readCookies(r Request) Credential {
	found := r.Cookies.Session.Read(r.Header)
	c := Credential{Value: found.Value, Present: found.Present}
	if found.Repeated {
		several := found // not found itself, which would be allocated in every request
		c.several = &several
	}
	return c
}

// allValues returns each value of a session that the request carries or the
// response has set, and that of current, which was loaded for the request, or nil.
func allValues(r Request, current *Session) []string {
	c := readRequest(r)
	values := slices.Collect(c.values)
	written, _ := r.Cookies.Session.Written(r.Response)
	also := []string{written}
	if current != nil {
		also = append(also, current.value)
	}
	for _, value := range also {
		if value != "" && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// bearer returns the token of an Authorization header (RFC 6750 §2.1), "" when
// there is none. As in Auth.js it may be percent-encoded.
func bearer(h http.Header) string {
	lines := h["Authorization"] // not Get, which would cost a signed-out request a tenth of its time here
	if len(lines) == 0 {
		return ""
	}
	scheme, value, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	value, _ = url.PathUnescape(strings.TrimSpace(value)) // "" if it is malformed
	return value
}

// isSealed distinguishes a sealed token from a handle, which has no dots.
func isSealed(value string) bool { return strings.Contains(value, ".") }
