// Package cookie reads and writes the cookies of the library: their names and
// prefixes, the session token that may need several cookies, and Set-Cookie
// lines the way next-auth and Auth.js write them.
//
// It has no secret and checks no signature: the caller checks the values.
package cookie

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ErrTooLarge means that a value does not fit: name and value of a cookie have
// 4096 bytes at most, a chunked value has [MaxSize]. Nothing was written.
var ErrTooLarge = errors.New("cookie: the value is too large")

// The name prefixes with which a browser demands attributes (RFC 6265bis §4.1.3).
const (
	hostPrefix   = "__Host-"   // Secure, the path / and no domain
	securePrefix = "__Secure-" // Secure
)

// maxPair is the size of the largest cookie that all browsers accept, its name
// and value together, in bytes (RFC 6265 §6.1).
const maxPair = 4096

// A Cookie is the name and the attributes of a cookie. It is always HttpOnly, for the
// path "/". The zero SameSite is Lax, and the zero Domain restricts the cookie to the
// host that set it. Partitioned is for a frame in a page of another site, where the
// browser then has a cookie of its own for each of these sites.
type Cookie struct {
	Name        string
	Domain      string
	Secure      bool
	SameSite    http.SameSite
	Partitioned bool
}

// Names are the cookies of one configuration. Session may be split into
// chunks: see [Chunked]. Check is the prefix of the cookies with the state of
// sign-ins that have started; each adds a suffix of its own to the name.
type Names struct {
	Session     Cookie
	CallbackURL Cookie
	CSRF        Cookie
	Check       Cookie
}

// Defaults returns the cookies with the names of next-auth (prefix
// "next-auth") or Auth.js ("authjs"). Secure is for https: the CSRF cookie and those
// of sign-ins under way get the prefix __Host-, so that no subdomain can set them, the
// others __Secure-, and all the Secure attribute.
func Defaults(prefix string, secure bool) Names {
	var host, site string
	if secure {
		host, site = hostPrefix, securePrefix
	}
	return Names{
		Session:     Cookie{Name: site + prefix + ".session-token", Secure: secure},
		CallbackURL: Cookie{Name: site + prefix + ".callback-url", Secure: secure},
		CSRF:        Cookie{Name: host + prefix + ".csrf-token", Secure: secure},
		Check:       Cookie{Name: host + prefix + ".state", Secure: secure},
	}
}

// CrossSite returns the cookies of n as browsers send them from a frame in a page of
// another site.
func (n Names) CrossSite() Names {
	for _, c := range []*Cookie{&n.Session, &n.CallbackURL, &n.CSRF, &n.Check} {
		c.SameSite, c.Partitioned = http.SameSiteNoneMode, true
	}
	return n
}

// Validate reports everything in n that a browser would refuse or that would
// make two cookies collide, joined.
func (n Names) Validate() error {
	all := []Cookie{n.Session, n.CallbackURL, n.CSRF, n.Check}
	var problems []error
	for i, c := range all {
		if err := c.Validate(); err != nil && !slices.ContainsFunc(problems, func(other error) bool { return other.Error() == err.Error() }) {
			problems = append(problems, err) // cookies may share a domain
		}
		for _, other := range all[:i] {
			if c.Name == other.Name {
				problems = append(problems, fmt.Errorf("cookie: two cookies have the name %q: give one of them another", c.Name))
			}
		}
		if _, clash := (Chunked{Cookie: n.Session}).slot(c.Name); clash && c.Name != n.Session.Name {
			problems = append(problems, fmt.Errorf("cookie: the name %q belongs to a chunk of the session cookie: take another", c.Name))
		}
	}
	return errors.Join(problems...)
}

// Validate reports everything in c that a browser would refuse, joined: the
// syntax of RFC 6265 §4.1.1, the name prefixes of RFC 6265bis §4.1.3, and
// SameSite=None without Secure.
func (c Cookie) Validate() error {
	var problems []error
	if c.Name == "" || strings.ContainsFunc(c.Name, notTokenChar) {
		problems = append(problems, fmt.Errorf("cookie: %q is not a cookie name: write letters, digits and -._~ only", c.Name))
	}
	if strings.ContainsFunc(c.Domain, notDomainChar) {
		problems = append(problems, fmt.Errorf("cookie: %q is not a cookie domain: write a host name such as example.com", c.Domain))
	}
	if hasPrefix(c.Name, hostPrefix) && (!c.Secure || c.Domain != "") {
		problems = append(problems, fmt.Errorf("cookie: %q needs Secure and no domain: browsers refuse it otherwise", c.Name))
	}
	if hasPrefix(c.Name, securePrefix) && !c.Secure {
		problems = append(problems, fmt.Errorf("cookie: %q needs Secure: browsers refuse it otherwise", c.Name))
	}
	if c.SameSite == http.SameSiteNoneMode && !c.Secure {
		problems = append(problems, fmt.Errorf("cookie: %q has SameSite=None and needs Secure: browsers refuse it otherwise", c.Name))
	}
	return errors.Join(problems...)
}

// Value returns the value of c in the Cookie lines of a request header, and
// whether there is one. The first one counts if there are several.
// Like the npm package cookie it strips a pair of quotes, decodes percent
// escapes when there are any, and leaves a value with a broken escape as it is.
func (c Cookie) Value(h http.Header) (string, bool) {
	for _, line := range h["Cookie"] {
		for line != "" {
			var name, value string
			name, value, line = nextPair(line)
			if name == c.Name && name != "" {
				return unescape(value), true
			}
		}
	}
	return "", false
}

// Set writes c with the value to a response header. It expires at the given
// time, or with the browser's session when that is zero. An earlier line of the
// same name and domain is replaced in place. The error is [ErrTooLarge].
func (c Cookie) Set(h http.Header, value string, expires time.Time) error {
	return c.set(h, value, noMaxAge, expires)
}

// SetFor is [Cookie.Set] for a cookie with a short lifetime: it writes Max-Age,
// in whole seconds, and Expires.
func (c Cookie) SetFor(h http.Header, value string, lifetime time.Duration, now time.Time) error {
	return c.set(h, value, int(lifetime/time.Second), now.Add(lifetime))
}

// Clear makes the browser delete c. An earlier line of the same name and domain
// is replaced in place.
func (c Cookie) Clear(h http.Header) {
	c.put(h, c.line("", 0, time.Time{}))
}

func (c Cookie) set(h http.Header, value string, maxAge int, expires time.Time) error {
	value = EncodeURIComponent(value)
	if len(c.Name)+len(value) > maxPair {
		return ErrTooLarge
	}
	c.put(h, c.line(value, maxAge, expires))
	return nil
}

// hasPrefix reports whether a browser takes name for one with a prefix. It
// ignores the case.
func hasPrefix(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}
