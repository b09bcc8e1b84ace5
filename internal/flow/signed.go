package flow

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxToken  = 64 << 10 // bytes of a signed token
	maxHeader = 16 << 10 // bytes of its header, encoded
	skew      = 60       // seconds of tolerated clock skew

	maxSubject = 255 // bytes of a sub (OpenID Connect Core §2)
	maxSession = 512 // bytes of a sid, for which the standards have no limit
)

// tokenClaims are the claims by which a token of the provider is checked (OpenID Connect
// Core §2, Back-Channel Logout §2.4). A nil pointer is an absent claim.
type tokenClaims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        audience `json:"aud"`
	AuthorizedParty *string  `json:"azp"`
	Expiry          *float64 `json:"exp"`
	IssuedAt        *float64 `json:"iat"`
	NotBefore       *float64 `json:"nbf"`
	AccessTokenHash *string  `json:"at_hash"`
	TenantID        string   `json:"tid"`

	// The rules for these depend on the kind of token.
	Nonce   jsontext.Value `json:"nonce"`
	Session jsontext.Value `json:"sid"`
	ID      jsontext.Value `json:"jti"`
	Events  jsontext.Value `json:"events"`
}

// audience is a string or an array of strings.
type audience []string

// UnmarshalJSON returns an error for every other type.
func (a *audience) UnmarshalJSON(b []byte) error {
	list := []jsontext.Value{b}
	if list[0].Kind() == jsontext.KindBeginArray {
		_ = json.Unmarshal(b, &list) // the caller has checked the syntax
	}
	for _, v := range list {
		if v.Kind() != jsontext.KindString {
			return errors.New("aud is neither a string nor an array of strings")
		}
		*a = append(*a, text(v))
	}
	return nil
}

// header is the header of a signed token.
type header struct {
	Algorithm string         `json:"alg"`
	Type      string         `json:"typ"`
	Critical  jsontext.Value `json:"crit"`
}

// isLogout reports whether the type is that of a logout token (Back-Channel Logout
// §2.4). The prefix "application/" is optional (RFC 7515 §4.1.9), and media types are
// case-insensitive.
func (h *header) isLogout() bool {
	return strings.TrimPrefix(strings.ToLower(h.Type), "application/") == "logout+jwt"
}

// readHeader returns the header of a token and checks it before any key is used (RFC
// 8725 §3.1, RFC 7515 §4.1.11). Keys and URLs of keys in a header (jwk, jku, x5u,
// x5c) are ignored.
func (f *Flow) readHeader(raw string) (*header, error) {
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
	if !slices.Contains(f.algorithms(), jose.SignatureAlgorithm(h.Algorithm)) {
		return nil, fmt.Errorf("the algorithm %s is not allowed", quote(h.Algorithm))
	}
	if h.Critical != nil {
		return nil, errors.New("the header has a critical extension")
	}
	return &h, nil
}

// A signedToken is a token of the provider, before or after its signature was verified.
type signedToken struct {
	raw     string
	header  *header
	claims  *tokenClaims
	payload jsontext.Value // the claims as they were sent
}

// readToken decodes a token, and checks its header (see readHeader). Its signature is yet
// to be verified.
func (f *Flow) readToken(raw string) (*signedToken, error) {
	h, err := f.readHeader(raw)
	if err != nil {
		return nil, err
	}
	encoded := raw[strings.IndexByte(raw, '.')+1 : strings.LastIndexByte(raw, '.')]
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("the payload: %w", err)
	}
	t := &signedToken{raw: raw, header: h, claims: &tokenClaims{}, payload: payload}
	if err := json.Unmarshal(payload, t.claims); err != nil {
		return nil, fmt.Errorf("the payload: %w", err)
	}
	return t, nil
}

// verify checks the issuer, the audience, the times and then the signature of a token,
// which costs more. The caller checks the header and the claims of the kind of token.
// u is that of keySet.verify.
func (f *Flow) verify(ctx context.Context, m *metadata, t *signedToken, u urgency) error {
	if err := m.checkTokenIssuer(t.claims); err != nil {
		return err
	}
	if err := f.checkClaims(t.claims); err != nil {
		return err
	}
	return f.verifySignature(ctx, m, t, u)
}

// algorithms are those that a token of the provider may have: never one of the client
// secret beside those of published keys, by which a public key would become a secret (RFC
// 8725 §3.1).
func (f *Flow) algorithms() []jose.SignatureAlgorithm {
	if f.provider.IDTokenAlg != "" {
		return []jose.SignatureAlgorithm{jose.SignatureAlgorithm(f.provider.IDTokenAlg)}
	}
	return algorithms
}

// verifySignature checks the signature of a token.
func (f *Flow) verifySignature(ctx context.Context, m *metadata, t *signedToken, u urgency) error {
	var payload []byte
	jws, err := jose.ParseSignedCompact(t.raw, f.algorithms())
	switch {
	case err != nil:
	case m.keys == nil:
		payload, err = jws.Verify([]byte(f.provider.ClientSecret))
	default:
		payload, err = m.keys.verify(ctx, jws, u)
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(payload, t.payload) {
		return errors.New("the payload is not the one that was signed")
	}
	return nil
}

// checkTokenIssuer checks the issuer of a token.
func (m *metadata) checkTokenIssuer(c *tokenClaims) error {
	expected, err := m.issuerOf(c)
	if err != nil {
		return err
	}
	if c.Issuer != expected {
		return fmt.Errorf("the issuer is %s, not %s", quote(c.Issuer), quote(expected))
	}
	return nil
}

// checkClaims checks the audience and the times of a token, and the size of what sessions
// and stores keep of it.
func (f *Flow) checkClaims(c *tokenClaims) error {
	if !slices.Contains(c.Audience, f.provider.ClientID) {
		return errors.New("the audience does not contain this client")
	}
	if len(c.Audience) > 1 && c.AuthorizedParty == nil {
		return errors.New("there is more than one audience, and no azp")
	}
	if c.AuthorizedParty != nil && *c.AuthorizedParty != f.provider.ClientID {
		return fmt.Errorf("the authorized party is %s, not this client", quote(*c.AuthorizedParty))
	}
	if len(c.Subject) > maxSubject || len(text(c.Session)) > maxSession {
		return fmt.Errorf("the sub has %d bytes and the sid %d, and at most %d and %d are accepted", len(c.Subject), len(text(c.Session)), maxSubject, maxSession)
	}
	return f.checkTimes(c)
}

// issuerOf returns the issuer that c must have.
func (m *metadata) issuerOf(c *tokenClaims) (string, error) {
	if !m.tenants {
		return m.Issuer, nil
	}
	if !tenantPattern.MatchString(c.TenantID) {
		return "", fmt.Errorf("the tid %s is not a tenant", quote(c.TenantID))
	}
	return strings.ReplaceAll(m.Issuer, tenantPlaceholder, c.TenantID), nil
}

func (f *Flow) checkTimes(c *tokenClaims) error {
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
