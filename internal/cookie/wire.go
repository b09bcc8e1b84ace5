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

// nextPair takes the first pair off a Cookie header line. The name is empty
// for a part without an equals sign.
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

// line is a Set-Cookie value, its attributes in the order of the npm package
// cookie. The value must be escaped already.
func (c Cookie) line(value string, maxAge int, expires time.Time) string {
	b := make([]byte, 0, len(c.Name)+len(value)+len(c.Domain)+len(c.Path)+128)
	b = append(b, c.Name...)
	b = append(b, '=')
	b = append(b, value...)
	if maxAge != noMaxAge {
		b = append(b, "; Max-Age="...)
		b = strconv.AppendInt(b, int64(maxAge), 10)
	}
	if c.Domain != "" {
		b = append(b, "; Domain="...)
		b = append(b, c.Domain...)
	}
	b = append(b, "; Path="...)
	b = append(b, c.path()...)
	if !expires.IsZero() {
		b = append(b, "; Expires="...)
		b = expires.UTC().AppendFormat(b, http.TimeFormat)
	}
	b = append(b, "; HttpOnly"...)
	if c.Secure {
		b = append(b, "; Secure"...)
	}
	switch c.SameSite {
	case http.SameSiteNoneMode:
		b = append(b, "; SameSite=None"...)
	case http.SameSiteStrictMode:
		b = append(b, "; SameSite=Strict"...)
	default:
		b = append(b, "; SameSite=Lax"...)
	}
	return string(b)
}

// put makes line the one Set-Cookie line of that name.
func put(h http.Header, name, line string) {
	lines := h["Set-Cookie"]
	kept := lines[:0]
	placed := false
	for _, old := range lines {
		if lineName(old) != name {
			kept = append(kept, old)
			continue
		}
		if !placed {
			kept = append(kept, line)
			placed = true
		}
	}
	if !placed {
		kept = append(kept, line)
	}
	h["Set-Cookie"] = kept
}

// lineName is the name in a Set-Cookie line.
func lineName(line string) string {
	name, _, _ := strings.Cut(line, "=")
	return name
}

// escape is encodeURIComponent: bytes other than letters, digits and -_.!~*'()
// become percent escapes.
func escape(s string) string {
	if isPlain(s) {
		return s
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; isPlainChar(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// unescape is decodeURIComponent, with the value itself in place of an
// exception: that is the case for a broken escape and for escapes that are not
// UTF-8.
func unescape(s string) string {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for i < len(s) {
		if s[i] != '%' {
			b = append(b, s[i])
			i++
			continue
		}
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return s
		}
		b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
		i += 3
	}
	if !utf8.Valid(b) {
		return s
	}
	return string(b)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// isPlain reports whether encodeURIComponent leaves s as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if !isPlainChar(s[i]) {
			return false
		}
	}
	return true
}

// isPlainChar looks the answer up, since every byte of every session cookie is asked for.
func isPlainChar(c byte) bool {
	const ( // one bit for each character, from the one that is named
		from0  = 0x03ff_6782_0000_0000 // !'()*-. and the digits
		from64 = 0x47ff_fffe_87ff_fffe // the letters, _ and ~
	)
	switch {
	case c < 64:
		return uint64(from0)>>c&1 == 1
	case c < 128:
		return uint64(from64)>>(c-64)&1 == 1
	}
	return false
}

func isAlnum(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// notTokenChar reports what RFC 9110 §5.6.2 keeps out of a token.
func notTokenChar(r rune) bool {
	return !isAlnum(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func notDomainChar(r rune) bool {
	return !isAlnum(r) && r != '-' && r != '.'
}

func notPathChar(r rune) bool {
	return r <= ' ' || r >= 0x7f || r == ';'
}
