package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"
)

const (
	checkProxyName = "proxy"
	strangeHost    = "doctor.invalid"
)

// checkProxy tells whether headers of a client change the address that the server takes
// for its own.
func (d *doctor) checkProxy(ctx context.Context) {
	says := serverURL(d.providers)
	if says == nil {
		return
	}
	other := "https"
	if says.Scheme == "https" {
		other = "http"
	}
	var believed []string
	for _, probe := range []struct {
		name   string
		change change
	}{
		{"X-Forwarded-Host", header("X-Forwarded-Host", strangeHost)},
		{"X-Forwarded-Proto", header("X-Forwarded-Proto", other)},
		{"Host", host(strangeHost)},
	} {
		// No cache has an answer for this query, nor gives this one to others.
		res, err := d.get(ctx, "/providers?doctor="+rand.Text(), probe.change)
		if err != nil || res.StatusCode != http.StatusOK || !res.isJSON() {
			continue // refused, which is right
		}
		all, err := readProviders(res.body)
		if now := serverURL(all); err == nil && now != nil && place(now) != place(says) {
			believed = append(believed, probe.name)
		}
	}
	const fix = "Set AUTH_URL (Config.URL), with which the server ignores these headers. If one server has several addresses, keep TrustHost, list them in TrustedOrigins, and let the proxy overwrite X-Forwarded-Host and X-Forwarded-Proto."
	text := fmt.Sprintf("any client can set the address of the application by %s: a link in a mail, or a callback URL, may then lead to another server", strings.Join(believed, ", "))
	switch {
	case len(believed) == 0:
		d.ok(checkProxyName, "the address does not depend on X-Forwarded-Host, X-Forwarded-Proto and Host of a client")
	case d.isLocal():
		d.warn(checkProxyName, fix, "%s, unless a proxy overwrites it", text)
	default:
		d.fail(checkProxyName, fix, "%s", text)
	}
}

const checkClockName = "clock"

// leeway is the difference of clocks that tokens tolerate.
const leeway = 15 * time.Second

// checkClock compares the clock of the server with that of this machine.
func (d *doctor) checkClock(res *response) {
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		d.warn(checkClockName, "Compare the clock of the server by hand.", "the answer has no Date")
		return
	}
	// The Date is in whole seconds.
	skew := time.Duration(0)
	if early := res.sent.Add(-time.Second); date.Before(early) {
		skew = date.Sub(early)
	} else if date.After(res.received) {
		skew = date.Sub(res.received)
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	if skew.Abs() < leeway {
		d.ok(checkClockName, "it differs by less than %v from that of this machine", leeway)
		return
	}
	d.fail(checkClockName, "Synchronize both clocks (NTP): 15 seconds are tolerated in tokens of sessions and of providers.", "the clock of the server is %v %s that of this machine", skew.Abs().Round(time.Second), direction)
}

// largeCookies is about what a session of three chunks has, in bytes.
const largeCookies = 12 << 10

// checkLargeCookies tells whether the sessions in cookies can be large.
func (d *doctor) checkLargeCookies(ctx context.Context) {
	const check = "size of cookies"
	res, err := d.get(ctx, "/session", header("Cookie", "doctor="+strings.Repeat("x", largeCookies)))
	if err == nil && res.StatusCode == http.StatusOK {
		d.ok(check, "requests with %d KB of cookies arrive", largeCookies>>10)
		return
	}
	answer := "no answer"
	if err == nil {
		answer = fmt.Sprintf("status %d", res.StatusCode)
	}
	d.warn(check, "Raise the limit of the proxy (nginx: large_client_header_buffers 4 16k), or set Session.Store, with which the cookie is small.", "requests with %d KB of cookies get %s: sessions in cookies have up to 32 KB", largeCookies>>10, answer)
}

// checkTLS tells whether the application is there without TLS.
func (d *doctor) checkTLS(ctx context.Context) {
	const check = "https"
	switch {
	case !d.isHTTPS() && d.isLocal():
		d.ok(check, "it is not needed on this machine")
		return
	case !d.isHTTPS():
		d.fail(check, "Let a proxy end TLS, redirect http to https, and set AUTH_URL to the https address.", "the application is examined at http: passwords and cookies can be read on the way")
		return
	case d.base.Port() != "" || d.isLocal():
		return // the port of http is not known
	}
	plain := *d.base
	plain.Scheme = "http"
	res, err := d.do(ctx, http.MethodGet, plain.String()+"/csrf", nil)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), err != nil && isTimeout(err):
		d.ok(check, "there is no server at http")
	case err != nil:
		text, fix := explain(err, &plain)
		d.warn(check, fix, "http: %s", text)
	case res.location() != nil && res.location().Scheme == "https":
		d.ok(check, "http redirects to https")
	case res.StatusCode >= http.StatusBadRequest:
		d.ok(check, "http answers with status %d", res.StatusCode)
	default:
		d.warn(check, "Let the proxy redirect http to https.", "http answers too, and does not redirect to https")
	}
}
