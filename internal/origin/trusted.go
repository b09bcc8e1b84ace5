package origin

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// trusted are the further origins of the application. An entry of TrustedOrigins is
//
//   - an origin as browsers write it, "https://app.example.com";
//   - one with a wildcard in place of the first label, "https://*.example.com", for one
//     label there: the rest must not be a public suffix, below which others have domains;
//   - one of an application on the device, "capacitor://localhost" or
//     "com.example.shop://callback"; "com.example.shop://" is that of URLs without a host,
//     "com.example.shop:///callback";
//   - while the server runs in debug mode, "http://localhost:*" for any port.
type trusted struct {
	exact     []string
	wildcards []string // what follows the label: ".example.com"
	anyPort   []string // origins without their port, "http://localhost"
	also      func(origin string) bool
}

func newTrusted(cfg Config) (t trusted, err error) {
	var problems []error
	for _, origin := range cfg.TrustedOrigins {
		if err := t.add(origin, cfg.Debug); err != nil {
			problems = append(problems, fmt.Errorf("nuxtauth: TrustedOrigins: %w", err))
		}
	}
	t.also = cfg.TrustOrigin
	return t, errors.Join(problems...)
}

// none reports whether no origin is trusted.
func (t *trusted) none() bool {
	return len(t.exact) == 0 && len(t.wildcards) == 0 && len(t.anyPort) == 0 && t.also == nil
}

// has reports whether an origin is trusted. "null" never is: it is that of many pages.
func (t *trusted) has(origin string) bool {
	if slices.Contains(t.exact, origin) {
		return true
	}
	for _, rest := range t.wildcards {
		// With another scheme the label has a colon, and an exact origin has no empty label.
		label, ok := strings.CutSuffix(strings.TrimPrefix(origin, "https://"), rest)
		if ok && !strings.ContainsAny(label, ".:/") && isExact(origin) {
			return true
		}
	}
	for _, host := range t.anyPort {
		if origin == host || strings.HasPrefix(origin, host+":") && isExact(origin) {
			return true
		}
	}
	return t.also != nil && (isExact(origin) || isAppOrigin(origin)) && t.also(origin)
}

// isExact reports whether an http or https origin is written as browsers do.
func isExact(origin string) bool {
	scheme, host, _ := strings.Cut(origin, "://")
	if scheme != "http" && scheme != "https" {
		return false
	}
	exact, _ := serialize(scheme, host) // "" for a host that is not valid
	return exact == origin
}

// add accepts an entry exactly as browsers write the origin, so that two can be compared as
// strings.
func (t *trusted) add(origin string, debug bool) error {
	scheme, host, ok := strings.Cut(origin, "://")
	scheme = strings.ToLower(scheme)
	switch {
	case strings.HasSuffix(host, ":*"):
		return t.addAnyPort(origin, debug)
	case strings.Contains(origin, "*"):
		return t.addWildcard(origin)
	case isAppOrigin(origin):
		t.exact = append(t.exact, origin)
		return nil
	case !ok || scheme != "http" && scheme != "https":
		return fmt.Errorf(`%q is no origin: write one such as "https://app.example.com", or "com.example.app://callback" for an application on the device`, origin)
	}
	host, _, _ = strings.Cut(host, "/")
	exact, ok := serialize(scheme, host)
	if !ok {
		return fmt.Errorf(`%q has a host that is not valid: write one such as "https://app.example.com"`, origin)
	}
	if exact != origin {
		return fmt.Errorf("%q is not written as browsers do: write %q", origin, exact)
	}
	t.exact = append(t.exact, origin)
	return nil
}

func (t *trusted) addAnyPort(origin string, debug bool) error {
	host := strings.TrimSuffix(origin, ":*")
	switch {
	case host != "http://localhost" && host != "http://127.0.0.1" && host != "http://[::1]":
		return fmt.Errorf(`%q has a wildcard in place of the port, which only a loopback address can have: write the port, or "http://localhost:*"`, origin)
	case !debug:
		return fmt.Errorf(`%q is for development, and accepted in gin's debug mode alone: write the ports, or leave it out`, origin)
	}
	t.anyPort = append(t.anyPort, host)
	return nil
}

func (t *trusted) addWildcard(origin string) error {
	scheme, host, _ := strings.Cut(origin, "://")
	rest := strings.TrimPrefix(host, "*.")
	if scheme != "https" || !isExact("https://"+rest) { // what is exact has no other asterisk
		return fmt.Errorf(`%q has a wildcard elsewhere than in place of the first label of an https origin: write one such as "https://*.example.com", or every origin in full`, origin)
	}
	name, _, _ := strings.Cut(rest, ":")
	if suffix, _ := publicsuffix.PublicSuffix(name); suffix == name { // also of an IP address
		return fmt.Errorf("%q has a wildcard below %q, where others have domains: write every origin in full", origin, name)
	}
	t.wildcards = append(t.wildcards, "."+rest)
	return nil
}

// appOrigin is an origin with a scheme of an application on the device (RFC 8252 §7.1), or
// of a web view.
var appOrigin = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://[A-Za-z0-9._-]*$`)

// notApps are schemes that name no application, and those that run or read what the URL
// has.
var notApps = []string{
	"http", "https", "ws", "wss", "ftp", "file", "filesystem", "blob", "data", "javascript", "vbscript", "about", "view-source", "intent", "jar", "resource",
}

func isAppOrigin(origin string) bool {
	scheme, _, _ := strings.Cut(origin, ":")
	return appOrigin.MatchString(origin) && !slices.Contains(notApps, scheme)
}
