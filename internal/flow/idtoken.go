package flow

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxIDToken = 64 << 10 // bytes
	maxHeader  = 16 << 10 // bytes of its header, encoded
	skew       = 60       // seconds by which the provider's clock may be off
)

// claims are those of an ID token that decide whether it is good: OpenID
// Connect Core §2. A pointer tells an absent claim from an empty one.
type claims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        audience `json:"aud"`
	AuthorizedParty *string  `json:"azp"`
	Expiry          *float64 `json:"exp"`
	IssuedAt        *float64 `json:"iat"`
	NotBefore       *float64 `json:"nbf"`
	Nonce           string   `json:"nonce"`
	AccessTokenHash *string  `json:"at_hash"`
	TenantID        string   `json:"tid"`
}

// An audience is a string or an array of strings.
type audience []string

// UnmarshalJSON refuses every other type.
func (a *audience) UnmarshalJSON(b []byte) error {
	if jsontext.Value(b).Kind() == jsontext.KindString {
		*a = make(audience, 1)
		return json.Unmarshal(b, &(*a)[0])
	}
	var list []jsontext.Value
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*a = make(audience, len(list))
	for i, v := range list {
		if v.Kind() != jsontext.KindString {
			return errors.New("aud has an element that is not a string")
		}
		if err := json.Unmarshal(v, &(*a)[i]); err != nil {
			return err
		}
	}
	return nil
}

// idToken verifies an ID token by OpenID Connect Core §3.1.3.7 and returns its
// claims, also as they were sent. go-oidc checks the signature and at_hash; the
// rest is checked here, since go-oidc is lenient where we are not: five minutes
// of skew for nbf, none for exp, no look at azp, iat and the JSON types.
func (f *Flow) idToken(ctx context.Context, m *metadata, raw, nonce, accessToken string) (*claims, jsontext.Value, error) {
	if err := checkHeader(raw); err != nil {
		return nil, nil, err
	}
	config := &oidc.Config{SkipClientIDCheck: true, SkipIssuerCheck: true, SkipExpiryCheck: true}
	for _, algorithm := range algorithms {
		config.SupportedSigningAlgs = append(config.SupportedSigningAlgs, string(algorithm))
	}
	token, err := oidc.NewVerifier(m.Issuer, m.keys, config).Verify(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	var payload jsontext.Value
	if err := token.Claims(&payload); err != nil {
		return nil, nil, err
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, nil, err
	}
	if err := f.checkClaims(m, &c); err != nil {
		return nil, nil, err
	}
	if c.Nonce == "" || !equal(c.Nonce, nonce) {
		return nil, nil, errors.New("the nonce is not the one of this sign-in")
	}
	if c.AccessTokenHash != nil {
		if err := token.VerifyAccessToken(accessToken); err != nil {
			return nil, nil, err
		}
	}
	return &c, payload, nil
}

// checkHeader refuses what is not worth any work with keys: RFC 8725 §3.1, RFC
// 7515 §4.1.11. Keys and addresses of keys in a header (jwk, jku, x5u, x5c) are
// never looked at.
func checkHeader(raw string) error {
	if len(raw) > maxIDToken || strings.Count(raw, ".") != 2 {
		return fmt.Errorf("%d bytes are not a compact JWS", len(raw))
	}
	encoded, _, _ := strings.Cut(raw, ".")
	if len(encoded) > maxHeader {
		return fmt.Errorf("the header has %d bytes", len(encoded))
	}
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Errorf("the header: %w", err)
	}
	var header struct {
		Algorithm string         `json:"alg"`
		Critical  jsontext.Value `json:"crit"`
	}
	if err := json.Unmarshal(decoded, &header); err != nil {
		return fmt.Errorf("the header: %w", err)
	}
	if !slices.Contains(algorithms, jose.SignatureAlgorithm(header.Algorithm)) {
		return fmt.Errorf("the algorithm %s is not allowed", quote(header.Algorithm))
	}
	if header.Critical != nil {
		return errors.New("the header has a critical extension")
	}
	return nil
}

func (f *Flow) checkClaims(m *metadata, c *claims) error {
	expected, err := m.issuerOf(c)
	if err != nil {
		return err
	}
	if c.Issuer != expected {
		return fmt.Errorf("the issuer is %s, not %s", quote(c.Issuer), quote(expected))
	}
	if c.Subject == "" {
		return errors.New("there is no sub")
	}
	if !slices.Contains(c.Audience, f.provider.ClientID) {
		return errors.New("the audience is not this client")
	}
	if len(c.Audience) > 1 && c.AuthorizedParty == nil {
		return errors.New("there are several audiences and no azp")
	}
	if c.AuthorizedParty != nil && *c.AuthorizedParty != f.provider.ClientID {
		return fmt.Errorf("the authorized party is %s, not this client", quote(*c.AuthorizedParty))
	}
	return f.checkTimes(c)
}

// issuerOf is the issuer that c must have.
func (m *metadata) issuerOf(c *claims) (string, error) {
	if !m.tenants {
		return m.Issuer, nil
	}
	if !isTenant(c.TenantID) {
		return "", fmt.Errorf("the tid %s is not a tenant", quote(c.TenantID))
	}
	return strings.Replace(m.Issuer, tenantPlaceholder, c.TenantID, 1), nil
}

func (f *Flow) checkTimes(c *claims) error {
	if c.Expiry == nil || c.IssuedAt == nil {
		return errors.New("there is no exp or no iat")
	}
	now := float64(f.now().Unix())
	if now > *c.Expiry+skew {
		return fmt.Errorf("it expired %.0f seconds ago", now-*c.Expiry)
	}
	if *c.IssuedAt > now+skew {
		return fmt.Errorf("it is issued %.0f seconds in the future", *c.IssuedAt-now)
	}
	if c.NotBefore != nil && *c.NotBefore > now+skew {
		return fmt.Errorf("it is not valid for another %.0f seconds", *c.NotBefore-now)
	}
	return nil
}
