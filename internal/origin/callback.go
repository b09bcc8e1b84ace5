package origin

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxURL is the length of the longest callback URL, as it comes and as it is
// returned, in bytes.
const maxURL = 2048

// Trusted reports whether an origin is the application's: that of b, or one of
// TrustedOrigins. Origins are compared byte by byte, as browsers write them.
func (s *Site) Trusted(b Base, origin string) bool {
	return origin != "" && (origin == b.Origin || s.trusted.has(origin))
}

// CallbackURL returns the URL to which a sign-in or sign-out may redirect. It
// reads raw as a browser does (the URL standard of WHATWG): spaces and control
// characters around it are removed, tabs and line breaks in it too, a backslash
// is a slash, and a URL without a scheme is relative to the root of b. The
// result is absolute and in a form that all parsers read alike: printable ASCII,
// no dot segments, of an origin that is [Site.Trusted]. That may be one with a scheme of
// an application on the device, "com.example.shop://callback".
//
// It returns false for everything else, and for "", "undefined" and "null",
// which JavaScript clients send for no URL. The caller then uses a default; it
// is not a reason for an error status. These are refused too, although a
// browser would go to a trusted origin:
//   - a user name or password, which looks like another host to a reader;
//   - a host that is trusted only after a mapping (full-width letters, an old
//     notation of IPv4), or with an empty port;
//   - a scheme without two slashes ("https:/x"), which is followed by a host
//     for some parsers and by a path for others;
//   - a path that begins with two slashes: without the origin it is the
//     address of another host;
//   - more than 2048 bytes.
func (s *Site) CallbackURL(b Base, raw string) (string, bool) {
	if len(raw) > maxURL || !utf8.ValidString(raw) {
		return "", false
	}
	raw = clean(raw)
	if raw == "" || raw == "undefined" || raw == "null" {
		return "", false
	}
	origin, rest := splitOrigin(b, raw)
	if !s.Trusted(b, origin) {
		return "", false
	}
	if rest == "" {
		return origin, true
	}
	rest, fragment, hasFragment := strings.Cut(rest, "#")
	path, query, hasQuery := strings.Cut(rest, "?")
	if path != "" || !isAppOrigin(origin) {
		path = cleanPath(path)
	}
	if strings.HasPrefix(path, "//") {
		return "", false
	}
	result := origin + path
	if hasQuery {
		result += "?" + encode(query, "\"#<>'")
	}
	if hasFragment {
		result += "#" + encode(fragment, "\"<>`")
	}
	return result, len(result) <= maxURL
}

// clean removes the characters that a browser removes before it reads a URL.
func clean(raw string) string {
	raw = strings.TrimFunc(raw, func(r rune) bool { return r <= ' ' })
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, raw)
}

// splitOrigin splits a URL after its origin, which is that of b if the URL is
// relative, and empty if it is not valid.
func splitOrigin(b Base, raw string) (origin, rest string) {
	scheme, rest, absolute := cutScheme(raw)
	slashes := len(rest) - len(strings.TrimLeft(rest, `/\`))
	switch {
	case !absolute && slashes < 2:
		return b.Origin, rest
	case !absolute:
		scheme, _, _ = strings.Cut(b.Origin, ":")
	case slashes < 2:
		return "", ""
	case scheme != "http" && scheme != "https":
		return splitAppOrigin(scheme, rest)
	}
	// However many slashes there are, a browser skips them all.
	rest = rest[slashes:]
	end := strings.IndexAny(rest, `/\?#`)
	if end < 0 {
		end = len(rest)
	}
	// This refuses a user name as well: no host has an '@'.
	origin, _ = serialize(scheme, rest[:end])
	return origin, rest[end:]
}

// splitAppOrigin splits what follows the scheme of an application. Its parser is not that
// of a browser: a backslash is not accepted, and a third slash begins the path after an empty host. The host is not checked: one that is not valid
// is that of no origin that is trusted.
func splitAppOrigin(scheme, rest string) (origin, path string) {
	if strings.Contains(rest, `\`) {
		return "", ""
	}
	rest = rest[2:]
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return scheme + "://" + rest[:end], rest[end:]
}

// schemePattern is a scheme with its colon (RFC 3986 §3.1).
var schemePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// cutScheme splits off the scheme, in lower case. Without one the rest is raw.
func cutScheme(raw string) (scheme, rest string, found bool) {
	prefix := schemePattern.FindString(raw)
	if prefix == "" {
		return "", raw, false
	}
	return strings.ToLower(strings.TrimSuffix(prefix, ":")), raw[len(prefix):], true
}

// cleanPath resolves dot segments, also those written with %2e, and escapes the
// characters that a browser escapes. The result begins with a slash.
func cleanPath(path string) string {
	path = strings.ReplaceAll(path, `\`, "/")
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	result := segments[:0]
	for i, segment := range segments {
		last := i == len(segments)-1
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case "..":
			result = result[:max(len(result)-1, 0)]
			if last {
				result = append(result, "")
			}
		case ".":
			if last {
				result = append(result, "")
			}
		default:
			result = append(result, encode(segment, "\"#<>?^`{}"))
		}
	}
	return "/" + strings.Join(result, "/")
}

// encode escapes the bytes of s that are in set, spaces, control characters and
// everything beyond ASCII. Escapes that are there already stay.
func encode(s, set string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(set, c) >= 0 {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}
