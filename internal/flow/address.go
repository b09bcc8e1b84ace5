package flow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"

	"github.com/nuxtauth/nuxtauth/provider"
)

// addresses says to which addresses requests to a provider may go. The metadata of a
// provider and its name servers choose URLs and addresses too: without it, they reach
// servers that only this one can reach.
type addresses struct {
	loopback   bool            // the issuer is a loopback address
	private    bool            // see Provider.DangerouslyAllowPrivateAddresses
	configured map[string]bool // loopback addresses of configured URLs, as host:port
	insecure   map[string]bool // Provider.InsecureHTTP, as host:port
	proxies    sync.Map        // addresses of proxies that the environment names, as host:port
}

func newAddresses(p provider.Provider) *addresses {
	a := &addresses{private: p.DangerouslyAllowPrivateAddresses, configured: map[string]bool{}, insecure: map[string]bool{}}
	for _, host := range p.InsecureHTTP {
		a.insecure[hostPort(&url.URL{Scheme: "http", Host: host})] = true
	}
	for _, raw := range []string{p.Issuer, p.DiscoveryURL, p.TokenURL, p.UserinfoURL, p.JWKSURL} {
		if u, err := url.Parse(raw); err == nil && isLoopback(u.Hostname()) {
			a.configured[hostPort(u)] = true
			a.loopback = a.loopback || raw == p.Issuer
		}
	}
	return a
}

// checkURL accepts the URL of a request, or of a configured endpoint: https, and http to a
// loopback address that is configured.
func (a *addresses) checkURL(u *url.URL) error {
	return a.check(u, a.loopback || a.configured[hostPort(u)])
}

// checkEndpoint accepts the URL of an endpoint: https, and http to a loopback address if
// the URL is configured or the issuer is a loopback address. The one that is discovered
// must not name a server of this host.
func (a *addresses) checkEndpoint(raw string, configured bool) error {
	if raw == "" {
		return errors.New("there is none in the provider's metadata")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("%s is not a URL", quote(raw))
	}
	return a.check(u, a.loopback || configured)
}

func (a *addresses) check(u *url.URL, loopback bool) error {
	if u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%s is not the URL of an endpoint", quote(redactedURL(u)))
	}
	insecure := u.Scheme == "http" && a.insecure[hostPort(u)]
	loopback = loopback || insecure
	if u.Scheme != "https" && !insecure && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return fmt.Errorf("%s is not https", quote(redactedURL(u)))
	}
	var err error
	if ip, parseErr := netip.ParseAddr(u.Hostname()); parseErr == nil {
		err = a.checkIP(ip, loopback, insecure)
	} else if isLoopback(u.Hostname()) && !loopback {
		err = errLoopback
	}
	if err != nil {
		return fmt.Errorf("%s: %w", quote(redactedURL(u)), err)
	}
	return nil
}

var (
	errLoopback = errors.New("it is a loopback address, which only a configured URL or a provider with such an issuer may have")
	errPrivate  = errors.New("it is a private address: if the provider is in your network, set its DangerouslyAllowPrivateAddresses")
	errSpecial  = errors.New("it is not the address of a server")
)

// The addresses that are neither public nor loopback (RFC 6890).
var (
	privateRanges = prefixes(
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", // RFC 1918, RFC 4193
		"100.64.0.0/10",                                   // RFC 6598
		"192.0.0.0/24", "198.18.0.0/15", "64:ff9b:1::/48", // RFC 6890, RFC 2544, RFC 8215
	)
	specialRanges = prefixes("0.0.0.0/8", "240.0.0.0/4", "::/96", "fec0::/10")

	// nat64 has an IPv4 address in its last four bytes (RFC 6052 §2.1).
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(list ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(list))
	for i, s := range list {
		all[i] = netip.MustParsePrefix(s)
	}
	return all
}

// checkIP accepts public addresses, private ones if they are allowed or private is true, and
// loopback addresses if loopback is true. Those of a link, such as 169.254.169.254, of groups, and
// 0.0.0.0 are never accepted.
func (a *addresses) checkIP(ip netip.Addr, loopback, private bool) error {
	ip = ip.Unmap().WithZone("")
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	in := func(ranges []netip.Prefix) bool {
		for _, r := range ranges {
			if r.Contains(ip) {
				return true
			}
		}
		return false
	}
	switch {
	case ip.IsLoopback() && loopback:
		return nil
	case ip.IsLoopback():
		return errLoopback
	case !ip.IsGlobalUnicast() || in(specialRanges):
		return errSpecial
	case in(privateRanges) && !a.private && !private:
		return errPrivate
	}
	return nil
}

// restrict makes t connect to accepted addresses alone. They are checked after the name was
// resolved, so that a name server can't replace one between the check and its use.
func (a *addresses) restrict(t *http.Transport) {
	if proxy := t.Proxy; proxy != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			u, err := proxy(r)
			if u != nil {
				a.proxies.Store(hostPort(u), true)
			}
			return u, err
		}
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		if _, ok := a.proxies.Load(address); !ok {
			d.Control = func(_, resolved string, _ syscall.RawConn) error { return a.checkDial(address, resolved) }
		}
		return d.DialContext(ctx, network, address)
	}
}

// checkDial checks the address to which address, a host:port, was resolved.
func (a *addresses) checkDial(address, resolved string) error {
	to, _ := netip.ParseAddrPort(resolved) // the zero Addr is refused by checkIP
	host, _, _ := net.SplitHostPort(address)
	if isLoopback(host) && !to.Addr().Unmap().IsLoopback() {
		return errors.New("the name of a loopback address has another one") // http would not be secret
	}
	insecure := a.insecure[address]
	return a.checkIP(to.Addr(), a.loopback || a.configured[address] || insecure, insecure)
}

// isLoopback reports whether host is a loopback address.
func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// hostPort returns the address that a transport dials for a URL.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
