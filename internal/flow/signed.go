package flow

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxToken  = 64 << 10 // bytes of a signed token
	maxHeader = 16 << 10 // bytes of its header, encoded
	skew      = 60       // seconds by which the provider's clock may be off
)

// claims are those that decide whether a token of the provider is good: OpenID
// Connect Core §2, Back-Channel Logout §2.4. A pointer tells an absent claim
// from an empty one.
type claims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        audience `json:"aud"`
	AuthorizedParty *string  `json:"azp"`
	Expiry          *float64 `json:"exp"`
	IssuedAt        *float64 `json:"iat"`
	NotBefore       *float64 `json:"nbf"`
	AccessTokenHash *string  `json:"at_hash"`
	TenantID        string   `json:"tid"`

	// Each kind of token has rules of its own for these.
	Nonce   jsontext.Value `json:"nonce"`
	Session jsontext.Value `json:"sid"`
	ID      jsontext.Value `json:"jti"`
	Events  jsontext.Value `json:"events"`
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

// A header is that of a signed token.
type header struct {
	Algorithm string         `json:"alg"`
	Type      string         `json:"typ"`
	Critical  jsontext.Value `json:"crit"`
}

// isLogout reports whether the token calls itself a logout token: Back-Channel
// Logout §2.4. RFC 7515 §4.1.9 lets it leave out "application/", and media types
// have no case.
func (h *header) isLogout() bool {
	return strings.TrimPrefix(strings.ToLower(h.Type), "application/") == "logout+jwt"
}

// readHeader refuses what is not worth any work with keys: RFC 8725 §3.1, RFC
// 7515 §4.1.11. Keys and addresses of keys in a header (jwk, jku, x5u, x5c) are
// never looked at.
func readHeader(raw string) (*header, error) {
	if len(raw) > maxToken || strings.Count(raw, ".") != 2 {
		return nil, fmt.Errorf("%d bytes are not a compact JWS", len(raw))
	}
	encoded, _, _ := strings.Cut(raw, ".")
	if len(encoded) > maxHeader {
		return nil, fmt.Errorf("the header has %d bytes", len(encoded))
	}
	decoded, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	var h header
	if err := json.Unmarshal(decoded, &h); err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	if !slices.Contains(algorithms, jose.SignatureAlgorithm(h.Algorithm)) {
		return nil, fmt.Errorf("the algorithm %s is not allowed", quote(h.Algorithm))
	}
	if h.Critical != nil {
		return nil, errors.New("the header has a critical extension")
	}
	return &h, nil
}

// signed verifies what all tokens of the provider have in common, and returns
// the claims, also as they were sent: it signed the token, for this client, and
// the token is of this time. The header and what makes a token an ID token or a
// logout token are the caller's. pause is that of keySet.verify.
func (f *Flow) signed(ctx context.Context, m *metadata, raw string, pause time.Duration) (*claims, jsontext.Value, error) {
	payload, err := m.keys.verify(ctx, raw, pause)
	if err != nil {
		return nil, nil, err
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, nil, err
	}
	if err := f.checkClaims(m, &c); err != nil {
		return nil, nil, err
	}
	return &c, payload, nil
}

func (f *Flow) checkClaims(m *metadata, c *claims) error {
	expected, err := m.issuerOf(c)
	if err != nil {
		return err
	}
	if c.Issuer != expected {
		return fmt.Errorf("the issuer is %s, not %s", quote(c.Issuer), quote(expected))
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
