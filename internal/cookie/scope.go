package cookie

import (
	"net/http"
	"strings"
	"unicode"
)

// maxParents bounds the domains that ParentDomains returns.
const maxParents = 5

// ClearScope makes the browser delete the cookie with the name of c and another Domain
// attribute, "" for the host alone: one that an earlier configuration or a parent domain
// has set. It does nothing for the domain of c itself, whose line in h may have a new
// value, and for a domain that can't have such a cookie.
func (c Cookie) ClearScope(h http.Header, domain string) {
	if sameDomain(domain, c.Domain) || strings.ContainsFunc(domain, notDomainChar) || hasPrefix(c.Name, hostPrefix) {
		return
	}
	c.Domain = domain
	c.Clear(h)
}

// ParentDomains returns the domains above a host for which a browser may have
// cookies, the nearest first: for "a.b.example.com:3000" "b.example.com" and
// "example.com". A single label is not among them, nor is the host itself, and
// an IP address has none. Of more than five, the shortest are returned.
func ParentDomains(host string) []string {
	host, _, _ = strings.Cut(host, ":") // an IPv6 address becomes a single label
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, parent, _ := strings.Cut(host, ".")
	if len(host) > 253 || strings.Contains("."+host+".", "..") || strings.ContainsFunc(parent, notDomainChar) {
		return nil
	}
	// Browsers take a host whose last label is a number for an IPv4 address, and
	// no top-level domain begins with a digit.
	if last := host[strings.LastIndexByte(host, '.')+1:]; unicode.IsDigit(rune(last[0])) {
		return nil
	}
	var domains []string
	for strings.Contains(parent, ".") {
		domains = append(domains, parent)
		_, parent, _ = strings.Cut(parent, ".")
	}
	return domains[max(len(domains)-maxParents, 0):]
}

// sameDomain reports whether two Domain attributes mean the same. A browser
// ignores the case and a leading dot (RFC 6265 §5.2.3).
func sameDomain(a, b string) bool {
	return strings.EqualFold(strings.TrimPrefix(a, "."), strings.TrimPrefix(b, "."))
}
