package nuxtauth

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
)

// trustsAnyProxy reports whether gin accepts the header X-Forwarded-For from any
// address, as it does until SetTrustedProxies is called. It tries a request from an
// address for documentation (RFC 5737), which no proxy has.
func trustsAnyProxy(src clientip.Source) bool {
	c, ok := src.(*gin.Context)
	if !ok {
		return false
	}
	probe := c.Copy()
	probe.Request = &http.Request{RemoteAddr: "192.0.2.1:1", Header: http.Header{"X-Forwarded-For": {"192.0.2.2"}}}
	return probe.ClientIP() == "192.0.2.2"
}

// platformAddress returns the address of the client that gin's TrustedPlatform names, ""
// without one: for a request without an address, gin reads no other header.
func platformAddress(src clientip.Source) string {
	c, ok := src.(*gin.Context)
	if !ok {
		return ""
	}
	probe := c.Copy()
	probe.Request = &http.Request{Header: c.Request.Header}
	return probe.ClientIP()
}
