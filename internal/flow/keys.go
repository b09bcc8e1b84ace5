package flow

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/singleflight"
)

// algorithms are the accepted signature algorithms, all asymmetric. Neither a token
// nor the provider's metadata extend them (RFC 8725 §3.1).
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512,
	jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.EdDSA,
}

// keySet verifies signatures with the keys at a provider's jwks_uri. It fetches them
// again if a token has an unknown key ID (OpenID Connect Core §10.1.1). It is
// replaced together with the metadata that contain the URL.
type keySet struct {
	url     string
	client  *client
	timeout time.Duration
	now     func() time.Time

	cached    atomic.Pointer[[]jose.JSONWebKey]
	fetchedAt atomic.Int64 // of the latest request, in seconds since 1970
	fetches   singleflight.Group
}

// errNoKeys means that the keys are not available. It says nothing about the token.
var errNoKeys = errors.New("the provider's keys are not available")

// verify returns the payload of token if one of the provider's keys has signed it.
// It fetches the keys at most once in pause: at an endpoint that is open to all
// clients, each forged token would otherwise cost a request to the provider.
func (s *keySet) verify(ctx context.Context, token string, pause time.Duration) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, err
	}
	if cached := s.cached.Load(); cached != nil {
		if payload, ok := signedBy(*cached, jws); ok {
			return payload, nil
		}
	}
	if s.now().Unix()-s.fetchedAt.Load() < int64(pause/time.Second) {
		return nil, fmt.Errorf("the signature is of none of the provider's keys, which were fetched less than %v ago", pause)
	}
	keys, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	if payload, ok := signedBy(keys, jws); ok {
		return payload, nil
	}
	return nil, errors.New("the signature is of none of the provider's keys")
}

// ready fetches the keys unless they are cached.
func (s *keySet) ready(ctx context.Context) error {
	if s.cached.Load() != nil {
		return nil
	}
	_, err := s.load(ctx)
	return err
}

func (s *keySet) load(ctx context.Context) ([]jose.JSONWebKey, error) {
	keys, err := share(ctx, &s.fetches, s.timeout, s.get)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	return keys, nil
}

// get fetches the keys. Those that can't be used are skipped (RFC 7517 §5).
func (s *keySet) get(ctx context.Context) ([]jose.JSONWebKey, error) {
	s.fetchedAt.Store(s.now().Unix())
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
	s.cached.Store(&keys)
	return keys, nil
}

// signedBy returns the payload of jws if one of the keys verifies it. A key ID in the
// header selects the keys to try.
func signedBy(keys []jose.JSONWebKey, jws *jose.JSONWebSignature) ([]byte, bool) {
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
