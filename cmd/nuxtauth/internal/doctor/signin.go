package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	checkCSRF     = "CSRF"
	checkProvider = "provider"
)

// maxProviders is how many providers are tried.
const maxProviders = 20

// checkSignIns begins sign-ins, which go as far as the redirect to the provider. Without
// the CSRF token, and from another origin, the server must refuse them.
func (d *doctor) checkSignIns(ctx context.Context) {
	var oauth []providerEntry
	for _, p := range d.providers {
		if p.isOAuth() {
			oauth = append(oauth, p)
			continue
		}
		d.ok(checkProvider, "%q (%s) is not tried: its sign-ins need input", p.ID, p.Type)
	}
	if d.csrf == "" {
		return
	}
	if len(oauth) == 0 {
		d.checkTokenless(ctx, "/signout")
		return
	}
	d.checkTokenless(ctx, "/signin/"+url.PathEscape(oauth[0].ID))
	var issuers []string
	for _, p := range oauth[:min(len(oauth), maxProviders)] {
		if to := d.startSignIn(ctx, p); to != nil && slices.Contains(strings.Fields(to.Query().Get("scope")), "openid") {
			d.findIssuer(ctx, p.ID, to, &issuers)
		}
	}
}

// checkTokenless posts a form without the token, and one with it from another origin.
func (d *doctor) checkTokenless(ctx context.Context, path string) {
	cookies := header("Cookie", d.cookies)
	without, err := d.post(ctx, path, url.Values{}, cookies)
	if err != nil {
		text, fix := explain(err, d.base)
		d.fail(checkCSRF, fix, "POST %s: %s", path, text)
		return
	}
	foreign, err := d.post(ctx, path, url.Values{"csrfToken": {d.csrf}}, cookies, header("Origin", "https://"+strangeHost))
	if err != nil {
		text, fix := explain(err, d.base)
		d.fail(checkCSRF, fix, "POST %s: %s", path, text)
		return
	}
	with, err := d.post(ctx, path, url.Values{"csrfToken": {d.csrf}}, cookies)
	switch {
	case !d.refused(without):
		d.fail(checkCSRF, "Another program may answer POST "+path+": check the proxy.", "a form without the token is not refused: status %d", without.StatusCode)
	case !d.refused(foreign):
		d.fail(checkCSRF, "The proxy may remove Origin: let it pass the header on. Config.TrustOrigin may accept any origin.", "a form of another origin is not refused: status %d", foreign.StatusCode)
	case err != nil || d.refused(with):
		d.fail(checkCSRF, "The address in the address bar must be AUTH_URL, and the proxy has to pass Cookie, Set-Cookie and Origin on as they are. The log of the server has both addresses.", "a form with the token is refused: no sign-in works")
	default:
		d.ok(checkCSRF, "a form with the token is accepted, and one without it or of another origin is refused")
	}
}

// refused reports whether an answer to a form says that the token is wrong.
func (d *doctor) refused(res *response) bool {
	to := res.location()
	if to == nil {
		return res.StatusCode >= http.StatusBadRequest
	}
	q := to.Query()
	return q.Get("csrf") == "true" || q.Get("error") == "MissingCSRF"
}

// startSignIn begins a sign-in with a provider, and returns the URL to which the browser
// would go, nil if there is none.
func (d *doctor) startSignIn(ctx context.Context, p providerEntry) *url.URL {
	res, err := d.post(ctx, "/signin/"+url.PathEscape(p.ID), url.Values{"csrfToken": {d.csrf}}, header("Cookie", d.cookies))
	if err != nil {
		text, fix := explain(err, d.base)
		d.fail(checkProvider, fix, "%q: %s", p.ID, text)
		return nil
	}
	to := res.location()
	if to == nil {
		d.fail(checkProvider, "Read the log of the server.", "%q: a sign-in does not redirect: status %d, %s", p.ID, res.StatusCode, res.text())
		return nil
	}
	if code := to.Query().Get("error"); code != "" && to.Query().Get("client_id") == "" {
		d.fail(checkProvider, "The log of the server has the cause: the issuer may be wrong, or the server can't reach it.", "%q: the server can't begin a sign-in (%q)", p.ID, code)
		return nil
	}
	if d.refused(res) {
		return nil // checkTokenless has said so
	}
	q := to.Query()
	switch {
	case q.Get("client_id") == "":
		d.fail(checkProvider, "Check the endpoints of the provider.", "%q: a sign-in redirects to %s, without a client_id", p.ID, place(to))
		return nil
	case q.Get("redirect_uri") != p.CallbackURL:
		d.fail(checkProvider, "Check AUTH_URL, and headers that the proxy adds to POST alone.", "%q: the provider gets the callback URL %q, and the list of providers has %q", p.ID, q.Get("redirect_uri"), p.CallbackURL)
	case q.Get("state") == "":
		d.fail(checkProvider, "Another program answers: check the proxy.", "%q: the sign-in has no state", p.ID)
	case to.Scheme != "https" && !isLoopback(to.Hostname()):
		d.fail(checkProvider, "Set the https address of the provider.", "%q: the sign-in redirects to %s, without TLS", p.ID, place(to))
	default:
		d.ok(checkProvider, "%q: a sign-in redirects to %s, with the callback URL of the list", p.ID, place(to))
	}
	return to
}

// findIssuer finds the issuer of a provider by the address of its sign-in page: one of the
// parents of that address, whose metadata name the page.
func (d *doctor) findIssuer(ctx context.Context, id string, page *url.URL, known *[]string) {
	segments := strings.Split(strings.Trim(page.EscapedPath(), "/"), "/")
	for n := range slices.Backward(segments) {
		parent := originOf(page)
		if n > 0 {
			parent += "/" + strings.Join(segments[:n], "/")
		}
		if tenant, ok := strings.CutSuffix(parent, "/oauth2/v2.0"); ok { // Microsoft Entra ID
			parent = tenant + "/v2.0"
		}
		res, err := d.do(ctx, http.MethodGet, parent+wellKnown, nil)
		if err != nil {
			break
		}
		var m metadata
		if res.StatusCode == http.StatusOK && json.Unmarshal(res.body, &m) == nil && m.AuthorizationURL == place(page) {
			issuer := m.Issuer
			if strings.Contains(issuer, tenantPlaceholder) {
				issuer = parent
			}
			if !slices.Contains(*known, issuer) && !slices.Contains(d.Issuers, issuer) {
				*known = append(*known, issuer)
				d.checkIssuer(ctx, issuer, Warn)
			}
			return
		}
	}
	d.ok(checkIssuerName, "the metadata of %q are not found below %s: -issuer checks those of an issuer", id, originOf(page))
}
