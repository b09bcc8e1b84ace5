package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	checkIssuerName = "issuer"
	wellKnown       = "/.well-known/openid-configuration"

	tenantPlaceholder = "{tenantid}" // in the issuer of Microsoft's metadata for all tenants
)

// metadata are the members of a provider's metadata that are checked (OpenID Connect
// Discovery §3).
type metadata struct {
	Issuer           string   `json:"issuer"`
	AuthorizationURL string   `json:"authorization_endpoint"`
	TokenURL         string   `json:"token_endpoint"`
	KeysURL          string   `json:"jwks_uri"`
	PKCE             []string `json:"code_challenge_methods_supported"`
	Algorithms       []string `json:"id_token_signing_alg_values_supported"`
}

// accepted are the signature algorithms of ID tokens that nuxtauth accepts, but for HS256
// with IDTokenAlg.
var accepted = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// checkIssuer fetches the metadata and the keys of an OpenID provider. unreachable is how
// bad it is that this machine does not reach them: the server is another one.
func (d *doctor) checkIssuer(ctx context.Context, issuer string, unreachable Status) {
	base, err := url.Parse(issuer)
	if err != nil {
		return // Run has checked those of the options, and the others were fetched
	}
	var m metadata
	if !d.fetch(ctx, issuer, strings.TrimSuffix(issuer, "/")+wellKnown, "the metadata", unreachable, &m) {
		return
	}
	if m.Issuer != issuer && !strings.Contains(m.Issuer, tenantPlaceholder) {
		d.fail(checkIssuerName, fmt.Sprintf("Set the issuer to %q, exactly so.", m.Issuer), "the metadata at %s are of the issuer %q", issuer, m.Issuer)
		return
	}
	for _, endpoint := range []struct{ name, address string }{
		{"authorization_endpoint", m.AuthorizationURL}, {"token_endpoint", m.TokenURL}, {"jwks_uri", m.KeysURL},
	} {
		u, err := url.Parse(endpoint.address)
		if err != nil || u.Host == "" {
			d.fail(checkIssuerName, "The provider is not set up for OpenID Connect.", "%s has no %s", issuer, endpoint.name)
			return
		}
		if u.Scheme != "https" && !isLoopback(base.Hostname()) {
			d.fail(checkIssuerName, "Set up TLS at the provider, and its own public address.", "%s has the %s %q, without TLS", issuer, endpoint.name, endpoint.address)
		}
	}
	if len(m.PKCE) > 0 && !slices.Contains(m.PKCE, "S256") {
		d.warn(checkIssuerName, "Switch PKCE with S256 on at the provider.", "%s does not offer PKCE with S256, which each sign-in uses", issuer)
	}
	if len(m.Algorithms) > 0 && !slices.ContainsFunc(m.Algorithms, func(a string) bool { return slices.Contains(accepted, a) }) {
		d.fail(checkIssuerName, "Let the provider sign with RS256 or ES256.", "%s signs ID tokens with %q, of which none is accepted", issuer, m.Algorithms)
	}
	var set struct {
		Keys []struct {
			Type string `json:"kty"`
			Use  string `json:"use"`
			ID   string `json:"kid"`
		} `json:"keys"`
	}
	if !d.fetch(ctx, issuer, m.KeysURL, "the keys", unreachable, &set) {
		return
	}
	usable := 0
	for _, k := range set.Keys {
		if slices.Contains([]string{"RSA", "EC", "OKP"}, k.Type) && cmp.Or(k.Use, "sig") == "sig" {
			usable++
		}
	}
	if usable == 0 {
		d.fail(checkIssuerName, "Make a key for signatures at the provider.", "%s has no key that verifies ID tokens", issuer)
		return
	}
	d.ok(checkIssuerName, "%s: metadata, and keys for signatures: %d", issuer, usable)
}

// fetch gets a JSON document of a provider, and reports whether it is there.
func (d *doctor) fetch(ctx context.Context, issuer, address, what string, unreachable Status, v any) bool {
	u, err := url.Parse(address)
	if err != nil {
		d.fail(checkIssuerName, "Check the metadata of the provider.", "%s: %q is no address", issuer, address)
		return false
	}
	res, err := d.do(ctx, http.MethodGet, address, nil)
	switch {
	case err != nil:
		text, fix := explain(err, u)
		d.report(Finding{unreachable, checkIssuerName, fmt.Sprintf("%s: %s can't be fetched from this machine: %s", issuer, what, text), fix})
	case res.StatusCode != http.StatusOK:
		d.fail(checkIssuerName, "Check the issuer: it has the slash at its end, the realm or the tenant, exactly as the provider says.", "%s: %s at %s: status %d", issuer, what, place(u), res.StatusCode)
	case json.Unmarshal(res.body, v) != nil:
		d.fail(checkIssuerName, "Check the issuer: another program answers there.", "%s: %s at %s are no JSON object", issuer, what, place(u))
	default:
		return true
	}
	return false
}
