package flow

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/singleflight"
)

// algorithms are what an ID token may be signed with: asymmetric, and nothing
// that a token or the provider's metadata say adds to them (RFC 8725 §3.1).
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512,
	jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.EdDSA,
}

// A keySet verifies signatures with the keys at a provider's jwks_uri. It asks
// for them again as soon as a token names a key that it does not know (OpenID
// Connect Core §10.1.1), and lives no longer than the metadata that name the
// URL.
//
// It stands in for oidc.RemoteKeySet, which loses all keys to a single one that
// it can't read, and would put the provider's answer into its errors.
type keySet struct {
	url     string
	client  *client
	timeout time.Duration

	known atomic.Pointer[[]jose.JSONWebKey]
	fetch singleflight.Group
}

var _ oidc.KeySet = (*keySet)(nil)

// VerifySignature returns the payload of token if one of the provider's keys
// signed it.
func (s *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, err
	}
	if known := s.known.Load(); known != nil {
		if payload, ok := verify(jws, *known); ok {
			return payload, nil
		}
	}
	keys, err := share(ctx, &s.fetch, s.timeout, s.load)
	if err != nil {
		return nil, fmt.Errorf("the provider's keys: %w", err)
	}
	if payload, ok := verify(jws, keys); ok {
		return payload, nil
	}
	return nil, errors.New("none of the provider's keys made the signature")
}

// load fetches the keys. One that can't be used is skipped (RFC 7517 §5).
func (s *keySet) load(ctx context.Context) ([]jose.JSONWebKey, error) {
	body, err := s.client.get(ctx, s.url, "")
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	s.known.Store(&keys)
	return keys, nil
}

// verify tries the key that the token names, or each when it names none.
func verify(jws *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, bool) {
	header := jws.Signatures[0].Protected
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID {
			continue
		}
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, true
		}
	}
	return nil, false
}
