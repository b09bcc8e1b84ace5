package flow

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/provider"
)

// metadataTTL is how long the metadata and the keys of a provider are cached. It
// bounds the time for which a withdrawn key is accepted.
const metadataTTL = time.Hour

// metadata are the members of a provider's metadata that a flow uses (OpenID Connect
// Discovery §3, RFC 9207 §3).
type metadata struct {
	Issuer                string `json:"issuer"`
	AuthorizationURL      string `json:"authorization_endpoint"`
	TokenURL              string `json:"token_endpoint"`
	UserinfoURL           string `json:"userinfo_endpoint"`
	KeysURL               string `json:"jwks_uri"`
	EndSessionURL         string `json:"end_session_endpoint"` // checked when it is used
	IssParameterSupported bool   `json:"authorization_response_iss_parameter_supported"`

	tenants bool    // Issuer contains "{tenantid}"
	keys    *keySet // nil if ID tokens are signed with the client secret
	fetched time.Time
}

// metadata returns the configured metadata of an OAuth 2 provider, or the discovered
// ones of an OpenID provider. An error is cached for a pause.
func (f *Flow) metadata(ctx context.Context) (*metadata, error) {
	if f.provider.Type != provider.TypeOIDC {
		m := &metadata{Issuer: f.provider.Issuer}
		return m, f.complete(m)
	}
	if m := f.fresh(); m != nil {
		return m, nil
	}
	m, err := share(ctx, &f.discovery, "", f.timeout, func(ctx context.Context) (*metadata, error) {
		if m := f.fresh(); m != nil { // by a call that has just ended
			return m, nil
		}
		if failed := f.failed.Load(); failed.isRecent(f.now()) {
			return nil, failed.err
		}
		m, err := f.discover(ctx)
		if err != nil {
			f.failed.Store(&attempt{f.now(), err})
		}
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	return m, nil
}

// fresh returns the cached metadata, nil if they are missing or too old.
func (f *Flow) fresh() *metadata {
	if m := f.cached.Load(); m != nil && f.now().Sub(m.fetched) < metadataTTL {
		return m
	}
	return nil
}

// discover fetches the metadata of an OpenID provider (OpenID Connect Discovery §4).
func (f *Flow) discover(ctx context.Context) (*metadata, error) {
	wellKnown := cmp.Or(f.provider.DiscoveryURL, strings.TrimSuffix(f.provider.Issuer, "/")+"/.well-known/openid-configuration")
	body, err := f.client.get(ctx, observe.Discovery, wellKnown, "")
	if err != nil {
		return nil, err
	}
	m := &metadata{fetched: f.now()}
	if err := json.Unmarshal(body, m); err != nil {
		return nil, err
	}
	if m.Issuer != f.provider.Issuer {
		if !f.provider.MultiTenant || !isTenantOf(m.Issuer, f.provider.Issuer) {
			return nil, fmt.Errorf("the metadata are of issuer %s, but Issuer is %s", quote(m.Issuer), quote(f.provider.Issuer))
		}
		m.tenants = true
	}
	if err := f.complete(m); err != nil {
		return nil, err
	}
	if f.provider.IDTokenAlg == "" {
		m.KeysURL = cmp.Or(f.provider.JWKSURL, m.KeysURL)
		if err := f.allowed.checkEndpoint(m.KeysURL, f.provider.JWKSURL != ""); err != nil {
			return nil, fmt.Errorf("jwks_uri: %w", err)
		}
		m.keys = &keySet{url: m.KeysURL, client: f.client, timeout: f.timeout, now: f.now, log: f.log}
	}
	f.cached.Store(m)
	return m, nil
}

// complete replaces discovered endpoints by configured ones and checks them all.
func (f *Flow) complete(m *metadata) error {
	for _, endpoint := range []struct {
		name       string
		url        *string
		configured string
		optional   bool
	}{
		{"authorization endpoint", &m.AuthorizationURL, f.provider.AuthorizationURL, false},
		{"token endpoint", &m.TokenURL, f.provider.TokenURL, false},
		{"userinfo endpoint", &m.UserinfoURL, f.provider.UserinfoURL, f.provider.Type == provider.TypeOIDC},
	} {
		if endpoint.configured != "" {
			*endpoint.url = endpoint.configured
		}
		if *endpoint.url == "" && endpoint.optional {
			continue
		}
		if err := f.allowed.checkEndpoint(*endpoint.url, endpoint.configured != ""); err != nil {
			return fmt.Errorf("%s: %w", endpoint.name, err)
		}
	}
	return nil
}

// tenantPlaceholder is the placeholder of the tenant in the issuer of Microsoft's metadata.
const tenantPlaceholder = "{tenantid}"

// tenantPattern is what can be in its place: one segment of a path.
var tenantPattern = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

// isTenantOf reports whether issuer is template with a tenant in place of the
// placeholder.
func isTenantOf(template, issuer string) bool {
	before, after, found := strings.Cut(template, tenantPlaceholder)
	rest, begins := strings.CutPrefix(issuer, before)
	tenant, ends := strings.CutSuffix(rest, after)
	return found && begins && ends && tenantPattern.MatchString(tenant)
}

// otherIssuer returns the issuer of a verified token, "" if it is the configured one. An
// OAuth 2 provider has no token, and no claims.
func (f *Flow) otherIssuer(c *tokenClaims) string {
	if c.Issuer == f.provider.Issuer {
		return ""
	}
	return c.Issuer
}
