// Package cookie reads and writes the cookies of the library: their names and
// prefixes, the session token that may need several cookies, and Set-Cookie
// lines the way next-auth and Auth.js write them.
//
// It knows no secret and checks no signature: what a cookie carries is for the
// caller to judge.
package cookie

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ErrTooLarge means that a value does not fit: one cookie holds name and value
// in 4096 bytes, a chunked value holds [MaxSize]. Nothing was written.
var ErrTooLarge = errors.New("cookie: the value is too large")

// maxPair is what browsers keep of one cookie, its name and value together,
// in bytes (RFC 6265 §6.1).
const maxPair = 4096

// A Cookie is one cookie of ours: its name and its attributes. It is always
// HttpOnly. The zero Path is "/", the zero SameSite is Lax, the zero Domain
// leaves the cookie to the host that set it.
type Cookie struct {
	Name     string
	Domain   string
	Path     string
	Secure   bool
	SameSite http.SameSite
}

// Names are the cookies of one configuration. Session may be split into
// chunks, see [Chunked]. Check is the stem of the cookies that carry the
// checks of a sign-in under way; each flow adds a suffix of its own to the name.
type Names struct {
	Session     Cookie
	CallbackURL Cookie
	CSRF        Cookie
	Check       Cookie
}

// Defaults returns the cookies with the names of next-auth (prefix
// "next-auth") or Auth.js ("authjs"). Secure is for https: the CSRF cookie
// gets the prefix __Host-, the others __Secure-, and all the Secure attribute.
func Defaults(prefix string, secure bool) Names {
	var host, site string
	if secure {
		host, site = "__Host-", "__Secure-"
	}
	return Names{
		Session:     Cookie{Name: site + prefix + ".session-token", Secure: secure},
		CallbackURL: Cookie{Name: site + prefix + ".callback-url", Secure: secure},
		CSRF:        Cookie{Name: host + prefix + ".csrf-token", Secure: secure},
		Check:       Cookie{Name: site + prefix + ".state", Secure: secure},
	}
}

// Validate reports everything in n that a browser would refuse or that would
// make two cookies collide, joined.
func (n Names) Validate() error {
	all := []Cookie{n.Session, n.CallbackURL, n.CSRF, n.Check}
	var problems []error
	for i, c := range all {
		problems = append(problems, c.Validate())
		for _, other := range all[:i] {
			if c.Name == other.Name {
				problems = append(problems, fmt.Errorf("cookie: two cookies have the name %q: give one of them another", c.Name))
			}
		}
		if _, clash := (Chunked{Cookie: n.Session}).slot(c.Name); clash && i > 0 && c.Name != n.Session.Name {
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
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("cookie: "+format, args...))
	}
	if c.Name == "" || strings.ContainsFunc(c.Name, notTokenChar) {
		problem("%q is no cookie name: write letters, digits and -._~ only", c.Name)
	}
	if strings.ContainsFunc(c.Domain, notDomainChar) {
		problem("%q is no cookie domain: write a host name such as example.com", c.Domain)
	}
	if c.Path != "" && (c.Path[0] != '/' || strings.ContainsFunc(c.Path, notPathChar)) {
		problem("%q is no cookie path: write one that starts with a slash", c.Path)
	}
	// Browsers match the prefixes without regard to case.
	name := strings.ToLower(c.Name)
	if strings.HasPrefix(name, "__host-") && (!c.Secure || c.Domain != "" || c.path() != "/") {
		problem("%q needs Secure, the path / and no domain: browsers refuse it otherwise", c.Name)
	}
	if strings.HasPrefix(name, "__secure-") && !c.Secure {
		problem("%q needs Secure: browsers refuse it otherwise", c.Name)
	}
	if c.SameSite == http.SameSiteNoneMode && !c.Secure {
		problem("%q has SameSite=None and needs Secure: browsers refuse it otherwise", c.Name)
	}
	return errors.Join(problems...)
}

// Value returns the value of c in the Cookie lines of a request header, and
// whether it is there at all. The first one counts when there are several.
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
// time, or with the browser's session when that is zero. An earlier line of
// the same name is replaced in place. The error is [ErrTooLarge].
func (c Cookie) Set(h http.Header, value string, expires time.Time) error {
	return c.set(h, value, noMaxAge, expires)
}

// SetFor is [Cookie.Set] for a cookie with a short life: it writes Max-Age, in
// whole seconds, and Expires.
func (c Cookie) SetFor(h http.Header, value string, life time.Duration, now time.Time) error {
	return c.set(h, value, int(life/time.Second), now.Add(life))
}

// Clear tells the browser to forget c. An earlier line of the same name is
// replaced in place.
func (c Cookie) Clear(h http.Header) {
	put(h, c.Name, c.line("", 0, time.Time{}))
}

func (c Cookie) set(h http.Header, value string, maxAge int, expires time.Time) error {
	value = escape(value)
	if len(c.Name)+len(value) > maxPair {
		return ErrTooLarge
	}
	put(h, c.Name, c.line(value, maxAge, expires))
	return nil
}

func (c Cookie) path() string {
	if c.Path == "" {
		return "/"
	}
	return c.Path
}
