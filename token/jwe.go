package token

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
)

// The content encryptions of RFC 7518 §5.1 that this package knows.
const (
	encGCM = "A256GCM"
	encCBC = "A256CBC-HS512"
)

// maxHeader is the length of the longest encoded protected header. The longest
// that a codec writes has about 170 bytes.
const maxHeader = 1 << 10

// base64url is the encoding of RFC 7515 §2: no padding, and exactly one way to
// write each value.
var base64url = base64.RawURLEncoding.Strict()

// A contentKey encrypts the claims of tokens whose "enc" and "kid" it has.
type contentKey struct {
	enc     string
	kid     string // empty: tokens may carry any "kid"
	aead    cipher.AEAD
	tagSize int
}

// header returns the protected header for k, without the "kid" when kid is "".
func (k *contentKey) header(kid string) string {
	h := `{"alg":"dir","enc":"` + k.enc + `"`
	if kid != "" {
		h += `,"kid":"` + kid + `"`
	}
	return base64url.EncodeToString([]byte(h + "}"))
}

// open decrypts "iv.ciphertext.tag" in buf, or in a larger buffer if that is too
// small. The segments have fixed places: only the ciphertext has a variable
// length, and a dot inside a segment is not base64.
func (k *contentKey) open(buf []byte, segments string, aad []byte) (claims, grown []byte, err error) {
	iv := k.aead.NonceSize()
	first := base64url.EncodedLen(iv)
	last := len(segments) - base64url.EncodedLen(k.tagSize) - 1
	if last <= first || segments[first] != '.' || segments[last] != '.' {
		return nil, buf, errFormat
	}
	ciphertext := segments[first+1 : last]

	buf = slices.Grow(buf[:0], iv+base64url.DecodedLen(len(ciphertext))+k.tagSize)
	for _, s := range [...]string{segments[:first], ciphertext, segments[last+1:]} {
		if buf, err = base64url.AppendDecode(buf, []byte(s)); err != nil {
			return nil, buf, errFormat
		}
	}
	if claims, err = k.aead.Open(buf[iv:iv], buf[:iv], buf[iv:], aad); err != nil {
		return nil, buf, errKey
	}
	return claims, buf, nil
}

// protected is a protected header with the keys that may open its tokens.
type protected struct {
	aad  []byte // the encoded header, which the encryption authenticates too
	keys []*contentKey
}

// jwe is a Codec for JWE in compact serialization with direct encryption
// (RFC 7516 §7.1, RFC 7518 §4.5).
type jwe struct {
	keys    []*contentKey        // the first one seals
	seal    protected            // of the tokens that Seal makes
	known   map[string]protected // by encoded header: those that need no parsing
	bufPool sync.Pool            // of *[]byte, for Seal and OpenString
}

func newJWE(keys []*contentKey) *jwe {
	c := &jwe{keys: keys, known: make(map[string]protected)}
	for _, k := range keys {
		for _, kid := range [...]string{"", k.kid} {
			h := k.header(kid)
			c.known[h] = protected{[]byte(h), c.match(k.enc, kid)}
		}
	}
	c.seal = c.known[keys[0].header(keys[0].kid)]
	return c
}

// match returns the keys for a token with this "enc" and "kid"; a token without
// a "kid" may be of any key.
func (c *jwe) match(enc, kid string) []*contentKey {
	var keys []*contentKey
	for _, k := range c.keys {
		if k.enc == enc && (kid == "" || k.kid == "" || k.kid == kid) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Seal makes a token with the first key and a random initialization vector.
func (c *jwe) Seal(_ context.Context, claims []byte) (string, error) {
	if err := checkClaims(claims); err != nil {
		return "", err
	}
	buf := c.getBuffer()
	defer c.bufPool.Put(buf)
	k := c.keys[0]
	iv := k.aead.NonceSize()
	sealed := slices.Grow((*buf)[:0], iv+len(claims)+k.aead.Overhead())[:iv]
	rand.Read(sealed)
	sealed = k.aead.Seal(sealed, sealed[:iv], claims, c.seal.aad)
	tag := len(sealed) - k.tagSize

	size := len(c.seal.aad) + len("....") +
		base64url.EncodedLen(iv) + base64url.EncodedLen(tag-iv) + base64url.EncodedLen(k.tagSize)
	if size > MaxSize {
		return "", ErrTooLarge
	}
	*buf = slices.Grow(sealed, size) // the token follows what it is made of
	token := (*buf)[len(sealed):]
	token = append(token, c.seal.aad...)
	token = append(token, ".."...) // direct encryption has no encrypted key
	token = base64url.AppendEncode(token, sealed[:iv])
	token = append(token, '.')
	token = base64url.AppendEncode(token, sealed[iv:tag])
	token = append(token, '.')
	token = base64url.AppendEncode(token, sealed[tag:])
	return string(token), nil
}

// Open decrypts a token in new memory.
func (c *jwe) Open(_ context.Context, token string) ([]byte, error) {
	claims, _, err := c.open(nil, token)
	return claims, err
}

// OpenString is Open for claims that are needed as a string: it decrypts in a pooled
// buffer. Package session looks for this method.
func (c *jwe) OpenString(token string) (string, error) {
	buf := c.getBuffer()
	defer c.bufPool.Put(buf)
	var claims []byte
	var err error
	claims, *buf, err = c.open(*buf, token)
	return string(claims), err
}

func (c *jwe) getBuffer() *[]byte {
	if buf, ok := c.bufPool.Get().(*[]byte); ok {
		return buf
	}
	return new([]byte)
}

// open decrypts a token in buf, or in a larger buffer if that is too small. It
// makes the cheap checks before those with a key.
func (c *jwe) open(buf []byte, token string) (claims, grown []byte, err error) {
	if err := checkToken(token); err != nil {
		return nil, buf, err
	}
	header, segments, _ := strings.Cut(token, "..")
	if len(header) > maxHeader {
		return nil, buf, errFormat
	}
	p, ok := c.known[header]
	if !ok {
		if p, err = c.parse(header); err != nil {
			return nil, buf, err
		}
	}
	err = errKey
	for _, k := range p.keys {
		// A failed attempt overwrites its buffer, so each key decodes again.
		if claims, buf, err = k.open(buf, segments, p.aad); err == nil {
			return claims, buf, nil
		}
	}
	return nil, buf, err
}

// parse reads a header that this package does not write. It allows five members,
// all of them strings: tokens with "zip", "crit", "jwk" or the members of other
// algorithms need another key management too.
func (c *jwe) parse(header string) (protected, error) {
	raw, err := base64url.DecodeString(header)
	if err != nil {
		return protected{}, errFormat
	}
	var members map[string]string
	if err := json.Unmarshal(raw, &members); err != nil {
		return protected{}, errHeader
	}
	for name, value := range members {
		switch name {
		case "alg", "enc", "kid", "typ", "cty":
		default:
			return protected{}, errHeader
		}
		if value == "" {
			return protected{}, errHeader
		}
	}
	if members["alg"] != "dir" {
		return protected{}, errHeader
	}
	return protected{[]byte(header), c.match(members["enc"], members["kid"])}, nil
}
