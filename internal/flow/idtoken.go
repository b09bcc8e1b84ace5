package flow

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// idToken verifies an ID token (OpenID Connect Core §3.1.3.7) and returns its claims,
// decoded and as they were sent. The caller checks the nonce.
func (f *Flow) idToken(ctx context.Context, m *metadata, raw, accessToken string) (*tokenClaims, jsontext.Value, error) {
	t, err := f.readToken(raw)
	if err != nil {
		return nil, nil, err
	}
	if err := f.verify(ctx, m, t, atOnce); err != nil {
		return nil, nil, err
	}
	h, c := t.header, t.claims
	if h.isLogout() || c.hasLogoutEvent() {
		return nil, nil, errors.New("it is a logout token") // RFC 8725 §3.11
	}
	if c.Subject == "" {
		return nil, nil, errors.New("there is no sub")
	}
	if c.AccessTokenHash != nil && !equal(*c.AccessTokenHash, accessTokenHash(h.Algorithm, accessToken)) {
		return nil, nil, errors.New("the at_hash is of another access token")
	}
	return c, t.payload, nil
}

// accessTokenHash returns the at_hash of an access token (OpenID Connect Core
// §3.1.3.6): the left half of its hash by the algorithm's hash function, which is
// SHA-512 for EdDSA.
func accessTokenHash(algorithm, accessToken string) string {
	token := []byte(accessToken)
	var sum []byte
	switch {
	case strings.HasSuffix(algorithm, "256"):
		hash := sha256.Sum256(token)
		sum = hash[:]
	case strings.HasSuffix(algorithm, "384"):
		hash := sha512.Sum384(token)
		sum = hash[:]
	default:
		hash := sha512.Sum512(token)
		sum = hash[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
