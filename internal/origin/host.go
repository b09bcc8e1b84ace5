package origin

import (
	"net/netip"
	"strconv"
	"strings"
)

// serialize returns an origin as a browser writes it: lower case, no default
// port. The scheme is "http" or "https". It refuses every host that browsers
// may read as another one, and those that are not ASCII.
func serialize(scheme, hostport string) (origin string, ok bool) {
	host, port := hostport, ""
	if i := strings.LastIndexByte(hostport, ':'); i >= 0 && !strings.HasSuffix(hostport, "]") {
		host, port = hostport[:i], hostport[i+1:]
		if port == "" {
			return "", false
		}
	}
	if host, ok = canonicalHost(host); !ok {
		return "", false
	}
	if port == "" {
		return scheme + "://" + host, true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", false
	}
	if scheme == "http" && n == 80 || scheme == "https" && n == 443 {
		return scheme + "://" + host, true
	}
	return scheme + "://" + host + ":" + strconv.FormatUint(n, 10), true
}

// canonicalHost checks a host name, an IPv4 address or an IPv6 address in
// brackets, and returns it in lower case.
func canonicalHost(host string) (string, bool) {
	if v6, ok := strings.CutPrefix(host, "["); ok {
		v6, ok = strings.CutSuffix(v6, "]")
		addr, _ := netip.ParseAddr(v6) // the zero Addr is not IPv6
		// Browsers write an IPv4-mapped address in another way than Go.
		if !ok || !addr.Is6() || addr.Is4In6() || addr.Zone() != "" {
			return "", false
		}
		return "[" + addr.String() + "]", true
	}
	if len(host) > 253 || strings.ContainsFunc(host, notHostChar) {
		return "", false
	}
	host = strings.ToLower(host)
	label := host
	for rest, more := host, true; more; {
		label, rest, more = strings.Cut(rest, ".")
		if label == "" || len(label) > 63 {
			return "", false
		}
	}
	// A browser takes a host whose last label is a number for an IPv4 address,
	// in any of the old notations. Only the usual one is unambiguous.
	if isNumber(label) {
		_, err := netip.ParseAddr(host)
		return host, err == nil
	}
	return host, true
}

// notHostChar reports whether r can't be in a host name. The underscore is not in
// RFC 1123, but browsers and container networks use it.
func notHostChar(r rune) bool {
	return !isAlnum(r) && r != '-' && r != '_' && r != '.'
}

func isAlnum(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// isNumber reports whether a label is a number for a browser, decimal, octal or
// hexadecimal (the "ends in a number" checker of the URL standard).
func isNumber(label string) bool {
	if digits, hex := strings.CutPrefix(label, "0x"); hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
