// Package sealed finds session tokens in text that was copied from a browser, from a
// terminal or from a log, and says of a token that does not open what is wrong.
package sealed

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// suffix ends the names of all session cookies, unless a Node server has changed them.
const suffix = ".session-token"

// maxChunks is how many cookies one session may have.
const maxChunks = 10

// A Value is what the cookies of one name hold, or a token without a name. Err says why
// that is no token: the text is a part of the cookies.
type Value struct {
	Name string // of the cookie, without the number of a chunk; "" for a token alone
	Text string
	Err  error
}

// Find returns the sessions in a text: a Cookie header, Set-Cookie lines, the rows of a
// browser's tools, a command for curl, a cookie file of curl, an Authorization header, or
// a token alone. Chunks are joined, in whatever order they are. cookieName is the name of
// one more session cookie, "" for none. The error says that there is no session in it, or
// that cookieName is none.
func Find(text, cookieName string) ([]Value, error) {
	if cookieName != "" {
		if err := CheckName(cookieName); err != nil {
			return nil, err
		}
	}
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("there is no input: pipe a Cookie header, Set-Cookie lines or a token into it")
	}
	if all := named(text, cookieName); len(all) > 0 {
		return all, nil
	}
	if m := bearer.FindStringSubmatch(text); m != nil {
		return []Value{{Text: unescape(m[1])}}, nil
	}
	if word := strings.Trim(strings.TrimSpace(text), `"'`); word != "" && !strings.ContainsAny(word, " \t\r\n=;") {
		return []Value{{Text: unescape(word)}}, nil
	}
	return nil, noSession(text)
}

// CheckName returns an error for what can't be the name of a cookie (RFC 6265 §4.1.1).
func CheckName(name string) error {
	if !cookieNames.MatchString(name) {
		return fmt.Errorf("%q is no name of a cookie: write letters, digits and -._ alone", name)
	}
	return nil
}

var (
	cookieNames = regexp.MustCompile("^[!#$%&'*+\\-.^_`|~0-9A-Za-z]+$")

	bearer = regexp.MustCompile(`(?i)\bbearer[ \t]+([^\s"',;]+)`)
	pair   = regexp.MustCompile("([!#$%&*+\\-.^_|~0-9A-Za-z]+)=([^;\\s\"',]*)")
)

// named returns the values of the session cookies in a text.
func named(text, cookieName string) []Value {
	names := `[!#$%&*+\-.^_|~0-9A-Za-z]*` + regexp.QuoteMeta(suffix)
	if cookieName != "" {
		names += "|" + regexp.QuoteMeta(cookieName)
	}
	// A tab is between the columns of a browser's tools and of a cookie file.
	cookies := regexp.MustCompile(`(?:^|[\s;:"'])(?:#HttpOnly_)?(` + names + `)(?:\.([0-9]+))?(?:=|[ ]*\t[ ]*)"?([^;\s"',]*)`)

	var order []string
	found := map[string]*parts{}
	for line := range strings.Lines(text) {
		for rest := line; rest != ""; {
			m := cookies.FindStringSubmatchIndex(rest)
			if m == nil {
				break
			}
			name, value := rest[m[2]:m[3]], rest[m[6]:m[7]]
			if found[name] == nil {
				found[name] = &parts{chunks: map[int]string{}}
				order = append(order, name)
			}
			if m[4] < 0 {
				found[name].add(-1, value)
			} else if n, err := strconv.Atoi(rest[m[4]:m[5]]); err == nil {
				found[name].add(n, value)
			}
			rest = rest[m[1]:]
		}
	}
	var all []Value
	for _, name := range order {
		all = append(all, found[name].values(name)...)
	}
	return all
}

// parts are the cookies of one name.
type parts struct {
	whole   []string       // of the cookie with the name itself
	chunks  map[int]string // by number
	twice   []int          // the chunks of which there is another one
	cleared bool           // there is an empty cookie
}

// add notes a cookie. The number is -1 for the cookie with the name itself.
func (p *parts) add(number int, value string) {
	switch before, there := p.chunks[number]; {
	case value == "":
		p.cleared = true
	case number < 0:
		if !slices.Contains(p.whole, value) {
			p.whole = append(p.whole, value)
		}
	case !there:
		p.chunks[number] = value
	case before != value:
		p.twice = append(p.twice, number)
	}
}

// values returns what the cookies hold: that of the name itself, and the joined chunks.
func (p *parts) values(name string) []Value {
	var all []Value
	for _, whole := range p.whole {
		all = append(all, Value{Name: name, Text: unescape(whole)})
	}
	switch {
	case len(p.chunks) > 0:
		all = append(all, p.join(name))
	case len(all) == 0 && p.cleared:
		all = append(all, Value{Name: name, Err: errors.New("the cookie is empty: this response, or an earlier one, has ended the session")})
	}
	return all
}

// join returns the value that the chunks make.
func (p *parts) join(name string) Value {
	v := Value{Name: name}
	last := 0
	for n := range p.chunks {
		last = max(last, n)
	}
	var missing []string
	for n := range min(last, maxChunks) + 1 {
		if p.chunks[n] == "" {
			missing = append(missing, fmt.Sprintf("%s.%d", name, n))
		}
		v.Text += unescape(p.chunks[n])
	}
	switch {
	case last >= maxChunks:
		v.Err = fmt.Errorf("there is a chunk %s.%d: a session has %d cookies at most, and servers ignore the others", name, last, maxChunks)
	case len(missing) > 0:
		v.Err = fmt.Errorf("the chunk %s is missing: copy all cookies whose name begins with %s", strings.Join(missing, ", "), name)
	case len(p.twice) > 0:
		v.Err = fmt.Errorf("the chunk %s.%d is there twice, with two values: the browser has cookies of this name for two domains or paths, of which one is old: delete them and sign in again", name, p.twice[0])
	}
	return v
}

// unescape decodes percent escapes, which tokens do not need and some tools write.
func unescape(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}

// maxNames is how many names of cookies an error lists.
const maxNames = 10

// noSession is the error of a text without a session cookie.
func noSession(text string) error {
	var names []string
	like := ""
	for _, m := range pair.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
		if strings.HasPrefix(m[2], "eyJ") && !isCheckCookie(m[1]) {
			like = m[1]
		}
	}
	switch {
	case like != "":
		return fmt.Errorf("no cookie has a name that ends in %s, but %q has a token: add -cookie %s", suffix, like, like)
	case len(names) > maxNames:
		return fmt.Errorf("no cookie has a name that ends in %s; there are %q and %d more", suffix, names[:maxNames], len(names)-maxNames)
	case len(names) > 0:
		return fmt.Errorf("no cookie has a name that ends in %s; there are %q", suffix, names)
	}
	return fmt.Errorf("there is no cookie whose name ends in %s, and no token alone: a token has no spaces and no line breaks", suffix)
}

// isCheckCookie reports whether a cookie is that of a sign-in under way.
func isCheckCookie(name string) bool {
	return slices.ContainsFunc([]string{".state", ".pkce.code_verifier", ".nonce"}, func(s string) bool { return strings.Contains(name, s) })
}
