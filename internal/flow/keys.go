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

// algorithms are what a provider may sign its tokens with: asymmetric, and nothing
// that a token or the provider's metadata say adds to them (RFC 8725 §3.1).
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512,
	jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.EdDSA,
}

// A keySet verifies signatures with the keys at a provider's jwks_uri. It asks
// for them again when a token names a key that it does not know (OpenID Connect
// Core §10.1.1), skips a key that it can't read, and lives no longer than the
// metadata that name the URL.
type keySet struct {
	url     string
	client  *client
	timeout time.Duration
	now     func() time.Time

	known atomic.Pointer[[]jose.JSONWebKey]
	asked atomic.Int64 // when the keys were last asked for, in seconds since 1970
	fetch singleflight.Group
}

// errNoKeys is a failure of the provider, not of the token.
var errNoKeys = errors.New("the provider's keys can't be had")

// verify returns the payload of token if one of the provider's keys signed it.
// It does not ask for the keys a second time within pause: where strangers can
// send tokens, each could otherwise cost a request to the provider.
func (s *keySet) verify(ctx context.Context, token string, pause time.Duration) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, err
	}
	if known := s.known.Load(); known != nil {
		if payload, ok := signedBy(*known, jws); ok {
			return payload, nil
		}
	}
	if s.now().Unix()-s.asked.Load() < int64(pause/time.Second) {
		return nil, errors.New("none of the provider's keys, fetched moments ago, made the signature")
	}
	keys, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	if payload, ok := signedBy(keys, jws); ok {
		return payload, nil
	}
	return nil, errors.New("none of the provider's keys made the signature")
}

// ready makes sure that there are keys.
func (s *keySet) ready(ctx context.Context) error {
	if s.known.Load() != nil {
		return nil
	}
	_, err := s.load(ctx)
	return err
}

func (s *keySet) load(ctx context.Context) ([]jose.JSONWebKey, error) {
	keys, err := share(ctx, &s.fetch, s.timeout, s.get)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	return keys, nil
}

// get fetches the keys. One that can't be used is skipped (RFC 7517 §5).
func (s *keySet) get(ctx context.Context) ([]jose.JSONWebKey, error) {
	s.asked.Store(s.now().Unix())
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

// signedBy tries the key that the token names, or each when it names none.
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
