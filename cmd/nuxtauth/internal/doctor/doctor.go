// Package doctor examines a running server with nuxtauth by requests that any client can
// send. It signs no user in and changes no session.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Status is how bad a finding is.
type Status string

// The statuses.
const (
	OK   Status = "ok"
	Warn Status = "warn" // it may be meant so
	Fail Status = "fail" // sign-ins do not work, or are not safe
)

// A Finding is the result of one check. Text and Fix may have parts of what the server
// answers.
type Finding struct {
	Status Status `json:"status"`
	Check  string `json:"check"`
	Text   string `json:"text"`
	Fix    string `json:"fix,omitempty"` // what to do; "" if there is nothing to do
}

// Options say what to examine.
type Options struct {
	// URL is the public address of the application: "https://app.example.com". A path in
	// it is the base path, and otherwise that is /api/auth.
	URL string

	// Issuers are those of OpenID providers, beside those that the addresses of sign-ins
	// show.
	Issuers []string

	Transport http.RoundTripper // nil means http.DefaultTransport
	Timeout   time.Duration     // of a request; it must not be zero
	Now       func() time.Time
	UserAgent string
}

// A doctor is one examination.
type doctor struct {
	Options
	client *http.Client
	base   *url.URL // of the API, as it is examined
	report func(Finding)

	prefix    string          // of the names of the cookies, "" while it is not known
	session   string          // the name of the session cookie, "" while it is not known
	csrf      string          // the token, "" if there is none
	seen      map[string]bool // the cookies whose attributes were checked
	cookies   string          // a Cookie header with those that the server has set
	providers []providerEntry
}

// Run examines a server, and calls report for each finding as it is made. The error says
// that the options are wrong, or that ctx has ended.
func Run(ctx context.Context, o Options, report func(Finding)) error {
	base, err := parseURL(o.URL)
	if err != nil {
		return err
	}
	for _, issuer := range o.Issuers {
		if u, err := url.Parse(issuer); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return fmt.Errorf("the issuer %q is no https address", issuer)
		}
	}
	d := &doctor{Options: o, base: base, report: report, seen: map[string]bool{}, client: &http.Client{
		Transport: o.Transport, Timeout: o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if d.reach(ctx) {
		for _, check := range []func(context.Context){
			d.checkPublicURL, d.checkProxy, d.checkForm, d.checkSession, d.checkLargeCookies, d.checkTLS, d.checkSignIns,
		} {
			if ctx.Err() != nil {
				break
			}
			check(ctx)
		}
	}
	for _, issuer := range o.Issuers {
		d.checkIssuer(ctx, issuer, Fail)
	}
	return ctx.Err()
}

// parseURL returns the base of the API at an address.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%q is no address: write one such as https://app.example.com", raw)
	}
	if u.User != nil {
		return nil, errors.New("the address has a user name or a password: leave them out")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the address has a query or a fragment: write %s://%s%s", u.Scheme, u.Host, u.Path)
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	if u.Path = strings.TrimRight(u.Path, "/"); u.Path == "" {
		u.Path = "/api/auth"
	}
	return u, nil
}

func (d *doctor) ok(check, format string, args ...any) {
	d.report(Finding{OK, check, fmt.Sprintf(format, args...), ""})
}

func (d *doctor) warn(check, fix, format string, args ...any) {
	d.report(Finding{Warn, check, fmt.Sprintf(format, args...), fix})
}

func (d *doctor) fail(check, fix, format string, args ...any) {
	d.report(Finding{Fail, check, fmt.Sprintf(format, args...), fix})
}

// origin is that of the address which is examined.
func (d *doctor) origin() string { return d.base.Scheme + "://" + d.base.Host }

func (d *doctor) isHTTPS() bool { return d.base.Scheme == "https" }

// isLocal reports whether the server is one on this machine.
func (d *doctor) isLocal() bool { return isLoopback(d.base.Hostname()) }
