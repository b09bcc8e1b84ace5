// Package clientip finds the address of the client of a request, behind proxies
// or not.
package clientip

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// A Source is a request as the web framework sees it; *gin.Context is one.
type Source interface {
	// ClientIP returns the address of the client, by the rules of the framework
	// about trusted proxies.
	ClientIP() string

	// RemoteIP returns the address of the connection, "" if it has none.
	RemoteIP() string
}

// A Client is the client of a request.
type Client struct {
	IP        string // "" if it is not known
	UserAgent string
}

// A Resolver finds the clients of requests. It is safe for concurrent use. Make
// one with [New].
type Resolver struct {
	trustsAny func(Source) bool
	platform  func(Source) string
	once      sync.Once
	trusts    bool // the result of trustsAny
}

// New returns a Resolver. trustsAny reports whether the framework accepts the
// header X-Forwarded-For from any address, as gin does if its trusted proxies are
// not configured. It is called once, with the first request. platform returns the address
// in the header of a platform that the framework trusts, such as gin's
// TrustedPlatform, "" without one.
func New(trustsAny func(Source) bool, platform func(Source) string) *Resolver {
	return &Resolver{trustsAny: trustsAny, platform: platform}
}

// Of returns the client of a request with the header h.
func (r *Resolver) Of(src Source, h http.Header) Client {
	return Client{IP: r.address(src, h), UserAgent: h.Get("User-Agent")}
}

// address returns the framework's ClientIP, unless the framework accepts
// X-Forwarded-For from any address: then a client could choose its address, and
// only the last entry of the header counts, which the nearest proxy wrote. It
// counts only if there is likely to be a proxy: the connection has a private
// address.
func (r *Resolver) address(src Source, h http.Header) string {
	r.once.Do(func() { r.trusts = r.trustsAny(src) })
	if !r.trusts {
		return src.ClientIP()
	}
	if ip := r.platform(src); ip != "" {
		return ip
	}
	direct := src.RemoteIP()
	if !isLocal(direct) {
		return direct
	}
	forwarded := h.Values("X-Forwarded-For")
	if len(forwarded) == 0 {
		return direct
	}
	last := forwarded[len(forwarded)-1]
	last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	if _, err := netip.ParseAddr(last); err != nil {
		return direct
	}
	return last
}

// isLocal reports whether an address is one behind which there is likely to be a proxy: a
// private one, loopback, or none, as that of a Unix socket.
func isLocal(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err != nil || ip.IsPrivate() || ip.IsLoopback()
}

// Doubt says why the address of a client may be that of a proxy, which many clients
// share, and what to configure; "" if nothing points to that.
func (r *Resolver) Doubt(src Source, h http.Header) string {
	address, forwarded := r.address(src, h), h.Get("X-Forwarded-For") != ""
	switch {
	case r.trusts && forwarded && address == src.RemoteIP() && !isLocal(address):
		return "X-Forwarded-For is ignored, which any client can send: if the request came through a proxy, name it by SetTrustedProxies, or set TrustedPlatform of the engine"
	case !isLocal(address):
		return ""
	case forwarded:
		return "the address is not public, and X-Forwarded-For is ignored: if the request came through a proxy, name it by SetTrustedProxies of the engine"
	}
	return "the address is not public, and there is no X-Forwarded-For: if the request came through a proxy, have it send that header"
}

// Network returns the network of a subscriber: an IPv4 address, or the /64 of an
// IPv6 address. All clients without a valid address have the network "unknown".
func (c Client) Network() string {
	addr, err := netip.ParseAddr(c.IP)
	if err != nil {
		return "unknown"
	}
	if addr = addr.Unmap(); addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}
