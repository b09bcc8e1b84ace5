package nuxtauth

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

// A client is who sends a request, as far as we believe it.
type client struct{ ip, userAgent string }

// clients finds the addresses behind proxies.
type clients struct {
	probe     sync.Once
	trustsAll bool // gin was not told which proxies there are
}

// of returns the client of a request.
func (cs *clients) of(c *gin.Context) client {
	return client{ip: cs.address(c), userAgent: c.Request.UserAgent()}
}

// address is gin's ClientIP where SetTrustedProxies was called. Without it gin
// believes whatever anybody writes into X-Forwarded-For. Then only its last
// entry counts, which the nearest proxy wrote, and only where a proxy is
// likely: behind a private address.
func (cs *clients) address(c *gin.Context) string {
	cs.probe.Do(func() { cs.trustsAll = trustsAnyProxy(c) })
	if !cs.trustsAll {
		return c.ClientIP()
	}
	remote, err := netip.ParseAddr(c.RemoteIP()) // none on a Unix socket, behind which there is a proxy
	if remote = remote.Unmap(); err == nil && !remote.IsPrivate() && !remote.IsLoopback() {
		return c.RemoteIP()
	}
	forwarded := c.Request.Header.Values("X-Forwarded-For")
	if len(forwarded) == 0 {
		return c.RemoteIP()
	}
	last := forwarded[len(forwarded)-1]
	last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	if _, err := netip.ParseAddr(last); err != nil {
		return c.RemoteIP()
	}
	return last
}

// trustsAnyProxy asks gin about a request that comes from an address for
// documentation (RFC 5737), which nobody has for a proxy.
func trustsAnyProxy(c *gin.Context) bool {
	probe := c.Copy()
	probe.Request = &http.Request{RemoteAddr: "192.0.2.1:1", Header: http.Header{"X-Forwarded-For": {"192.0.2.2"}}}
	return probe.ClientIP() == "192.0.2.2"
}

// network is what one subscriber has: an IPv4 address, or a /64 of IPv6. What
// is no address is a network of its own.
func (c client) network() string {
	addr, err := netip.ParseAddr(c.ip)
	if err != nil {
		return "unknown"
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}
