package cookie

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// noMaxAge leaves the Max-Age attribute out.
const noMaxAge = -1

// nextPair splits the first pair off a Cookie header line. The name is empty for
// a part without an equals sign.
func nextPair(line string) (name, value, rest string) {
	pair, rest, _ := strings.Cut(line, ";")
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		return "", "", rest
	}
	return trim(name), unquote(trim(value)), rest
}

// trim removes the spaces and tabs that RFC 6265 allows around a pair.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// line returns a Set-Cookie line, with its attributes in the order of the npm
// package cookie. The value is escaped already.
func (c Cookie) line(value string, maxAge int, expires time.Time) string {
	var digits [32]byte
	var b strings.Builder
	b.Grow(len(c.Name) + len(value) + len(c.Domain) + 128)
	b.WriteString(c.Name)
	b.WriteByte('=')
	b.WriteString(value)
	if maxAge != noMaxAge {
		b.WriteString("; Max-Age=")
		b.Write(strconv.AppendInt(digits[:0], int64(maxAge), 10))
	}
	if c.Domain != "" {
		b.WriteString("; Domain=")
		b.WriteString(c.Domain)
	}
	b.WriteString("; Path=/")
	if !expires.IsZero() {
		b.WriteString("; Expires=")
		b.Write(appendTime(digits[:0], expires.UTC()))
	}
	b.WriteString("; HttpOnly")
	if c.Secure {
		b.WriteString("; Secure")
	}
	switch c.SameSite {
	case http.SameSiteNoneMode:
		b.WriteString("; SameSite=None")
	case http.SameSiteStrictMode:
		b.WriteString("; SameSite=Strict")
	default:
		b.WriteString("; SameSite=Lax")
	}
	if c.Partitioned {
		b.WriteString("; Partitioned")
	}
	return b.String()
}

// appendTime appends a time in UTC, of a year with four digits, in the layout
// [http.TimeFormat]: from that of RFC 3339, which package time writes several times faster.
func appendTime(b []byte, t time.Time) []byte {
	var buf [len(time.RFC3339)]byte
	iso := t.AppendFormat(buf[:0], time.RFC3339) // 2006-01-02T15:04:05Z
	b = append(b, t.Weekday().String()[:3]...)
	b = append(b, ", "...)
	b = append(b, iso[8:10]...)
	b = append(b, ' ')
	b = append(b, t.Month().String()[:3]...)
	b = append(b, ' ')
	b = append(b, iso[:4]...)
	b = append(b, ' ')
	b = append(b, iso[11:19]...)
	return append(b, " GMT"...)
}

// put writes a Set-Cookie line of c to a response header, in place of an earlier
// one with the same name and domain. The response is then [Private].
func (c Cookie) put(h http.Header, line string) {
	Private(h)
	lines := h["Set-Cookie"]
	result := lines[:0]
	placed := false
	for _, old := range lines {
		if lineName(old) != c.Name || !sameDomain(lineDomain(old), c.Domain) {
			result = append(result, old)
			continue
		}
		if !placed {
			result = append(result, line)
			placed = true
		}
	}
	if !placed {
		result = append(result, line)
	}
	h["Set-Cookie"] = result
}

// lineName returns the name in a Set-Cookie line.
func lineName(line string) string {
	name, _, _ := strings.Cut(line, "=")
	return name
}

// lineDomain returns the Domain attribute of a Set-Cookie line, "" for the host
// alone. The last one counts, and an empty one does not (RFC 6265 §5.2.3, §5.3).
func lineDomain(line string) string {
	domain := ""
	_, attributes, _ := strings.Cut(line, ";")
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		if value = trim(value); value != "" && strings.EqualFold(trim(name), "Domain") {
			domain = value
		}
	}
	return domain
}

// EncodeURIComponent is the function of JavaScript: all bytes of s but letters,
// digits and -_.!~*'() become percent escapes.
func EncodeURIComponent(s string) string {
	if isPlain(s) {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := range len(s) {
		c := s[i]
		if plain[c] {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// unescape is decodeURIComponent of JavaScript, but returns s itself where that
// throws: if an escape is broken, or the result is not UTF-8.
func unescape(s string) string {
	before, rest, found := strings.Cut(s, "%")
	if !found {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for found {
		if len(rest) < 2 {
			return s
		}
		c, err := strconv.ParseUint(rest[:2], 16, 8)
		if err != nil {
			return s
		}
		b.WriteString(before)
		b.WriteByte(byte(c))
		before, rest, found = strings.Cut(rest[2:], "%")
	}
	b.WriteString(before)
	if !utf8.ValidString(b.String()) {
		return s
	}
	return b.String()
}

// isPlain reports whether EncodeURIComponent leaves s as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if !plain[s[i]] {
			return false
		}
	}
	return true
}

// plain has the characters that EncodeURIComponent leaves as they are. It is a
// table because every byte of every session cookie is looked up.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = isAlnum(rune(c)) || strings.ContainsRune("-_.!~*'()", rune(c))
	}
	return t
}()

func isAlnum(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// notTokenChar reports whether r can't be in a token (RFC 9110 §5.6.2).
func notTokenChar(r rune) bool {
	return !isAlnum(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func notDomainChar(r rune) bool {
	return !isAlnum(r) && r != '-' && r != '.'
}
