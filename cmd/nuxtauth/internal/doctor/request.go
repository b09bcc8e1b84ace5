package doctor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// maxBody is the length of the longest body that is read, in bytes.
const maxBody = 1 << 20

// A response is an answer whose body was read.
type response struct {
	*http.Response
	body     []byte
	sent     time.Time
	received time.Time
}

// A change changes a request before it is sent.
type change func(*http.Request)

// header sets a header.
func header(name, value string) change { return func(r *http.Request) { r.Header.Set(name, value) } }

// host sends another Host than that of the address.
func host(name string) change { return func(r *http.Request) { r.Host = name } }

// get requests a path below the base of the API, as a program.
func (d *doctor) get(ctx context.Context, path string, changes ...change) (*response, error) {
	return d.do(ctx, http.MethodGet, d.base.String()+path, nil, changes...)
}

// post posts a form to a path below the base of the API, as a page of the application
// does.
func (d *doctor) post(ctx context.Context, path string, form url.Values, changes ...change) (*response, error) {
	return d.do(ctx, http.MethodPost, d.base.String()+path, form, append([]change{header("Origin", d.origin())}, changes...)...)
}

func (d *doctor) do(ctx context.Context, method, address string, form url.Values, changes ...change) (*response, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", d.UserAgent)
	r.Header.Set("Accept", "application/json")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range changes {
		c(r)
	}
	res := &response{sent: d.Now()}
	answer, err := d.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	res.Response, res.received = answer, d.Now()
	if res.body, err = io.ReadAll(io.LimitReader(res.Body, maxBody)); err != nil {
		return nil, err
	}
	return res, nil
}

// isJSON reports whether the answer says that it is JSON.
func (r *response) isJSON() bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

// location is where the answer redirects, nil if it does not.
func (r *response) location() *url.URL {
	to, err := r.Location()
	if r.StatusCode < 300 || r.StatusCode > 399 || err != nil {
		return nil
	}
	return to
}

// text is the beginning of the body, quoted.
func (r *response) text() string {
	b := bytes.TrimSpace(r.body)
	if len(b) > 120 {
		return fmt.Sprintf("%.120q…", b)
	}
	return fmt.Sprintf("%q", b)
}

// place is a URL without its query, which may have secrets.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// originOf returns the origin of a URL.
func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// explain says what an error of a request means, and what to do.
func explain(err error, address *url.URL) (text, fix string) {
	_, isHTTP := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case isType[*net.DNSError](err):
		return fmt.Sprintf("the name %s does not resolve", address.Hostname()), "Check the name, and the DNS records of the domain."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "no server listens at " + address.Host, "Start the server, and check its port."
	case isHTTP, strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the server answers without TLS at an https address", fmt.Sprintf("Examine http://%s, or let a proxy in front of the server end TLS.", address.Host)
	case isType[*tls.CertificateVerificationError](err), isType[x509.UnknownAuthorityError](err):
		return fmt.Sprintf("the certificate is not valid: %v", cmp.Or(errors.Unwrap(err), err)), "Browsers refuse it too: install a certificate of a known authority for this name. SSL_CERT_FILE names one more authority."
	case isTimeout(err):
		return "there is no answer in time", "Check firewalls and the proxy; -timeout waits longer."
	}
	return err.Error(), "Check that the server runs, and that this machine can reach it."
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
