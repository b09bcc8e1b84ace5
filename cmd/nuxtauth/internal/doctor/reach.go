package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A providerEntry is a provider as GET /providers shows it.
type providerEntry struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Type        string `json:"type"`
	SignInURL   string `json:"signinUrl"`
	CallbackURL string `json:"callbackUrl"`
}

// isOAuth reports whether a sign-in goes to another server.
func (p *providerEntry) isOAuth() bool { return p.Type == "oauth" || p.Type == "oidc" }

// readProviders reads the answer of GET /providers, in its order.
func readProviders(body []byte) ([]providerEntry, error) {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	var all []providerEntry
	for dec.More() {
		id, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var p providerEntry
		if err := dec.Decode(&p); err != nil {
			return nil, err
		}
		if p.ID != id {
			return nil, fmt.Errorf("the provider %q has the id %q", id, p.ID)
		}
		all = append(all, p)
	}
	return all, nil
}

const checkAPI = "API"

// reach finds the API, and reports whether it is there. It follows a redirect to https.
func (d *doctor) reach(ctx context.Context) bool {
	res, err := d.get(ctx, "/providers")
	if err != nil {
		text, fix := explain(err, d.base)
		d.fail(checkAPI, fix, "%s", text)
		return false
	}
	if to := res.location(); to != nil {
		if d.isHTTPS() || to.Scheme != "https" || to.Hostname() != d.base.Hostname() || !strings.HasSuffix(to.Path, "/providers") {
			d.fail(checkAPI, "Examine the address to which it redirects, or let the proxy pass "+d.base.Path+" on to the server with nuxtauth.", "%s/providers redirects to %s", d.base, place(to))
			return false
		}
		d.ok("http", "it redirects to https, which is examined from here on")
		to.Path, to.RawPath, to.RawQuery = strings.TrimSuffix(to.Path, "/providers"), "", ""
		d.base = to
		if res, err = d.get(ctx, "/providers"); err != nil {
			text, fix := explain(err, d.base)
			d.fail(checkAPI, fix, "%s", text)
			return false
		}
	}
	if text, fix := d.whyNoAPI(res); text != "" {
		d.fail(checkAPI, fix, "%s/providers %s", d.base, text)
		return false
	}
	if d.providers, err = readProviders(res.body); err != nil {
		d.fail(checkAPI, "Another program may answer at this path: check the proxy.", "%s/providers is not the list of providers: %v", d.base, err)
		return false
	}
	d.checkClock(res)
	switch n := len(d.providers); n {
	case 0:
		d.warn(checkAPI, "Set Config.Providers, unless all users sign in elsewhere.", "%s answers, and has no provider", d.base)
	case 1:
		d.ok(checkAPI, "%s answers, with the provider %q", d.base, d.providers[0].ID)
	default:
		d.ok(checkAPI, "%s answers, with %d providers", d.base, n)
	}
	return true
}

// whyNoAPI says why an answer is not that of the API, "" if it is.
func (d *doctor) whyNoAPI(res *response) (text, fix string) {
	status := res.StatusCode
	switch {
	case status == http.StatusOK && res.isJSON():
		return "", ""
	case status == http.StatusOK:
		return fmt.Sprintf("is no JSON but %q", res.Header.Get("Content-Type")), "The front end answers at this path: let the proxy, or the front end's server, pass " + d.base.Path + " on to the server with nuxtauth."
	case status == http.StatusNotFound:
		return "is not found (404)", "Gin runs the middleware of a group only for the routes of the group: use auth.Register(group), or r.Use(auth.Middleware()) on the engine. If Config.BasePath is not /api/auth, examine " + d.origin() + "/base/path."
	case status == http.StatusBadRequest && strings.Contains(string(res.body), "TrustedOrigins"):
		return "is refused: the server does not know this host", "Add " + d.origin() + " to Config.TrustedOrigins, or set AUTH_URL to it."
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Sprintf("is refused with status %d", status), "A proxy or a middleware in front asks for a sign-in of its own: let it pass " + d.base.Path + "."
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return fmt.Sprintf("has no server behind its proxy (status %d)", status), "Start the server, and check the address that the proxy passes requests on to."
	}
	return fmt.Sprintf("answers with status %d: %s", status, res.text()), "Read the log of the server."
}

const checkURL = "public URL"

// serverURL returns the base of the API as the server names it, nil if it names none.
func serverURL(providers []providerEntry) *url.URL {
	for _, p := range providers {
		base, ok := strings.CutSuffix(p.CallbackURL, "/callback/"+url.PathEscape(p.ID))
		if u, err := url.Parse(base); ok && err == nil && u.Host != "" {
			return u
		}
	}
	return nil
}

// checkPublicURL compares the address that the server has in its answers with the one that
// is examined.
func (d *doctor) checkPublicURL(context.Context) {
	says := serverURL(d.providers)
	if says == nil {
		return
	}
	got, want := place(says), place(d.base)
	set := fmt.Sprintf("Set AUTH_URL (Config.URL) to %s.", want)
	if d.base.Path == "/api/auth" {
		set = fmt.Sprintf("Set AUTH_URL (Config.URL) to %s.", d.origin())
	}
	switch {
	case got == want:
		d.ok(checkURL, "the server takes %s for its address", got)
		for _, p := range d.providers {
			if p.isOAuth() {
				d.ok("callback URL", "register this one at the provider %q: %s", p.ID, p.CallbackURL)
			}
		}
	case says.Host == d.base.Host && says.Path == d.base.Path && says.Scheme == "http":
		d.fail(checkURL, set+" With TrustHost, the proxy has to send X-Forwarded-Proto: https.", "the server takes http for its scheme, and browsers use https: it sets cookies without Secure, and providers get callback URLs of http")
	case d.isLocal() && !isLoopback(says.Hostname()):
		d.warn(checkURL, "Examine "+place(says)+" to see what browsers see.", "the server is examined behind its proxy: its address is %s, and some of what follows is wrong only here", got)
	case says.Host == d.base.Host && says.Scheme == d.base.Scheme:
		d.fail(checkURL, set+" If a proxy removes a part of the path, Config.BasePath is what is left of it.", "the server takes %s for the path of the API, and it is examined at %s", says.Path, d.base.Path)
	default:
		d.fail(checkURL, set+" If that is not the address in the address bar of the browser, examine the one that is.", "the server takes %s for its address, and is examined at %s: forms are refused, and sign-ins come back to the other address", got, want)
	}
}
