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
	once      sync.Once
	trusts    bool // the result of trustsAny
}

// New returns a Resolver. trustsAny reports whether the framework accepts the
// header X-Forwarded-For from any address, as gin does if its trusted proxies are
// not configured. It is called once, with the first request.
func New(trustsAny func(Source) bool) *Resolver {
	return &Resolver{trustsAny: trustsAny}
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
	direct := src.RemoteIP()
	remote, err := netip.ParseAddr(direct) // an error on a Unix socket, behind which there is a proxy
	if err == nil && !remote.IsPrivate() && !remote.IsLoopback() {
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
