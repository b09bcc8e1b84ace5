package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// jwksMaxAge is how long clients may keep the keys of [Signed.JWKS], in seconds.
const jwksMaxAge = "300"

// JWKS returns a handler that serves the public keys of the tokens as a JSON Web Key Set
// (RFC 7517 §5), for gateways and services that verify the tokens themselves. It answers
// GET and HEAD, on any path, without a look at the session: mount it on the router, for
// instance at /.well-known/jwks.json. Clients may keep the answer for 5 minutes, and get 304
// for one that has not changed.
//
// The set has the key of PrivateKey and all PublicKeys of [SignedConfig], so that keys can
// be rotated: add the next public key to PublicKeys; after 5 minutes make it the PrivateKey,
// and leave the one of before in PublicKeys until the tokens that it has signed have expired.
// Secrets are never in the set: with them, and for the zero Signed, it is empty.
func (c *Signed) JWKS() http.Handler {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range c.keys {
		if _, secret := k.key.([]byte); !secret {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.key, KeyID: k.kid, Algorithm: k.method.Alg(), Use: "sig"})
		}
	}
	slices.SortFunc(set.Keys, func(a, b jose.JSONWebKey) int { return strings.Compare(a.KeyID, b.KeyID) })
	body, err := json.Marshal(set)
	if err != nil { // not of keys that NewSigned has taken
		panic("token: write the public keys: " + err.Error())
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Use GET.", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/jwk-set+json") // RFC 7517 §8.5.2
		h.Set("Cache-Control", "public, max-age="+jwksMaxAge)
		h.Set("ETag", tag)
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}
