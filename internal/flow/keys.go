package flow

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/singleflight"

	"github.com/nuxtauth/nuxtauth/internal/observe"
)

// algorithms are the accepted signature algorithms, all asymmetric. Neither a token
// nor the provider's metadata extend them (RFC 8725 §3.1).
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512,
	jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512,
	jose.EdDSA,
}

// The size of a response does not bound the time that its keys cost: a set of 1 MB has
// thousands, and each may have to be tried.
const (
	maxKeys          = 50 // in a key set
	maxVerifications = 8  // of one signature by one key set
)

// keySet verifies signatures with the keys at a provider's jwks_uri. It fetches them
// again if a token has an unknown key ID (OpenID Connect Core §10.1.1). It is
// replaced together with the metadata that contain the URL.
type keySet struct {
	url     string
	client  *client
	timeout time.Duration
	now     func() time.Time
	log     *slog.Logger

	cached  atomic.Pointer[[]jose.JSONWebKey]
	latest  atomic.Pointer[attempt]
	fetches singleflight.Group
}

var (
	// errNoKeys means that the keys are not available. It says nothing about the token.
	errNoKeys = errors.New("the provider's keys are not available")

	errNoneSigned = errors.New("the signature is of none of the provider's keys")
)

// An urgency says when keys are fetched again.
type urgency string

const (
	atOnce    urgency = "at once"           // for a response of the provider
	throttled urgency = "once in the pause" // for what every client can send
)

// verify returns the payload of jws if one of the provider's keys has signed it.
func (s *keySet) verify(ctx context.Context, jws *jose.JSONWebSignature, u urgency) ([]byte, error) {
	cached := s.cached.Load()
	if cached != nil {
		if payload, err := signedBy(ctx, *cached, jws); !errors.Is(err, errNoneSigned) {
			return payload, err
		}
	}
	keys, err := s.load(ctx, u)
	if err != nil {
		return nil, err
	}
	if keys == cached {
		return nil, errNoneSigned
	}
	return signedBy(ctx, *keys, jws)
}

// ready fetches the keys unless they are cached.
func (s *keySet) ready(ctx context.Context) error {
	if s.cached.Load() != nil {
		return nil
	}
	_, err := s.load(ctx, throttled)
	return err
}

// load fetches the keys. If it is throttled, it returns the result of a recent request.
func (s *keySet) load(ctx context.Context, u urgency) (*[]jose.JSONWebKey, error) {
	keys, err := share(ctx, &s.fetches, string(u), s.timeout, func(ctx context.Context) (*[]jose.JSONWebKey, error) {
		if latest := s.latest.Load(); u == throttled && latest.isRecent(s.now()) {
			return s.cached.Load(), latest.err
		}
		keys, err := s.get(ctx)
		s.latest.Store(&attempt{s.now(), err})
		return keys, err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, err)
	}
	return keys, nil
}

// get fetches the keys. Those that can't be used are skipped (RFC 7517 §5).
func (s *keySet) get(ctx context.Context) (*[]jose.JSONWebKey, error) {
	body, err := s.client.get(ctx, observe.Keys, s.url, "")
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the provider has %d keys, and at most %d are accepted", len(set.Keys), maxKeys)
	}
	var keys []jose.JSONWebKey
	for i, raw := range set.Keys {
		key, err := readKey(raw)
		if err != nil {
			s.log.DebugContext(ctx, "nuxtauth: a key of the provider is skipped", "index", i, "error", err)
			continue
		}
		keys = append(keys, key)
	}
	s.cached.Store(&keys)
	return &keys, nil
}

// keyMembers are the members of a JSON Web Key that are read (RFC 7517 §4, RFC 7518 §6, RFC
// 8037 §2). Others, such as certificates, are optional, and do not make the key unusable. d
// says that it is a private one.
var keyMembers = map[string][]string{
	"RSA": {"kty", "kid", "use", "alg", "n", "e", "d"},
	"EC":  {"kty", "kid", "use", "alg", "crv", "x", "y", "d"},
	"OKP": {"kty", "kid", "use", "alg", "crv", "x", "d"},
}

// readKey returns a public key for signatures.
func readKey(raw jsontext.Value) (key jose.JSONWebKey, err error) {
	var all map[string]jsontext.Value
	_ = json.Unmarshal(raw, &all) // what is no object has no kty
	members, ok := keyMembers[text(all["kty"])]
	if !ok {
		return key, fmt.Errorf("its kty is %s", quote(string(all["kty"])))
	}
	maps.DeleteFunc(all, func(name string, _ jsontext.Value) bool { return !slices.Contains(members, name) })
	usable, _ := json.Marshal(all) // what was read as JSON can be written
	if err := key.UnmarshalJSON(usable); err != nil {
		return key, err
	}
	switch {
	case !key.IsPublic():
		return key, errors.New("it is a private key")
	case key.Use != "" && key.Use != "sig":
		return key, fmt.Errorf("its use is %s", quote(key.Use))
	}
	return key, nil
}

// signedBy returns the payload of jws if one of the keys verifies it. A key ID in the
// header selects the keys to try, of which it tries the first maxVerifications. The error
// is errNoneSigned or that of ctx.
func signedBy(ctx context.Context, keys []jose.JSONWebKey, jws *jose.JSONWebSignature) ([]byte, error) {
	header := jws.Signatures[0].Protected
	tried := 0
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID {
			continue
		}
		if key.Algorithm != "" && key.Algorithm != header.Algorithm || !suits(key.Key, header.Algorithm) {
			continue
		}
		if tried++; tried > maxVerifications {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errNoneSigned
}

// suits reports whether a public key is of the kind that an algorithm has (RFC 7518 §3.1,
// RFC 8037 §3.1).
func suits(key any, algorithm string) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm] == key.Curve.Params().Name
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	}
	return false
}
