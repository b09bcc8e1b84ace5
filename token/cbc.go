package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"hash"
	"slices"
	"sync"
)

const cbcTagSize = 32

// errCBC is the one error of cbcHMAC.Open, so that nobody learns whether it was
// the tag or the padding.
var errCBC = errors.New("message authentication failed")

// cbcHMAC is A256CBC-HS512 (RFC 7518 §5.2.5) as a [cipher.AEAD]. The nonce is
// the initialization vector, and the tag stands behind the ciphertext.
type cbcHMAC struct {
	block cipher.Block
	macs  sync.Pool // of *mac: keying one takes two more blocks of SHA-512 and its allocations
}

// A mac is HMAC-SHA-512 with room for what goes in and comes out.
type mac struct {
	hash.Hash
	bits [8]byte
	sum  [sha512.Size]byte
}

// newCBCHMAC splits a key of 64 bytes: the first half authenticates, the second
// encrypts (RFC 7518 §5.2.2.1).
func newCBCHMAC(key []byte) (*cbcHMAC, error) {
	macKey, encKey := key[:len(key)/2], key[len(key)/2:]
	block, err := aes.NewCipher(encKey)
	if err != nil {
		return nil, err
	}
	return &cbcHMAC{
		block: block,
		macs:  sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha512.New, macKey)} }},
	}, nil
}

// NonceSize returns the length of the initialization vector.
func (c *cbcHMAC) NonceSize() int { return aes.BlockSize }

// Overhead returns the length of the longest padding and the tag.
func (c *cbcHMAC) Overhead() int { return aes.BlockSize + cbcTagSize }

// Seal appends the ciphertext and the tag to dst (RFC 7518 §5.2.2.1).
func (c *cbcHMAC) Seal(dst, iv, plaintext, aad []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, len(plaintext)+c.Overhead())
	dst = append(dst, plaintext...)
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	for range pad {
		dst = append(dst, byte(pad))
	}
	ciphertext := dst[start:]
	cipher.NewCBCEncrypter(c.block, iv).CryptBlocks(ciphertext, ciphertext)

	m := c.authenticate(aad, iv, ciphertext)
	defer c.macs.Put(m)
	return append(dst, m.sum[:cbcTagSize]...)
}

// Open appends the plaintext to dst (RFC 7518 §5.2.2.2). The tag covers
// everything and is checked before the padding is looked at.
func (c *cbcHMAC) Open(dst, iv, ciphertext, aad []byte) ([]byte, error) {
	n := len(ciphertext) - cbcTagSize
	if n < aes.BlockSize || n%aes.BlockSize != 0 {
		return nil, errCBC
	}
	ciphertext, tag := ciphertext[:n], ciphertext[n:]

	m := c.authenticate(aad, iv, ciphertext)
	defer c.macs.Put(m)
	if subtle.ConstantTimeCompare(m.sum[:cbcTagSize], tag) != 1 {
		return nil, errCBC
	}

	start := len(dst)
	dst = append(dst, ciphertext...) // nothing to copy when dst is ciphertext[:0]
	plaintext := dst[start:]
	cipher.NewCBCDecrypter(c.block, iv).CryptBlocks(plaintext, plaintext)

	pad := int(plaintext[n-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, errCBC
	}
	for _, b := range plaintext[n-pad:] {
		if int(b) != pad {
			return nil, errCBC
		}
	}
	return dst[:len(dst)-pad], nil
}

// authenticate returns a mac whose sum begins with the tag. The caller puts it
// back into the pool.
func (c *cbcHMAC) authenticate(aad, iv, ciphertext []byte) *mac {
	m := c.macs.Get().(*mac)
	m.Reset()
	m.Write(aad)
	m.Write(iv)
	m.Write(ciphertext)
	binary.BigEndian.PutUint64(m.bits[:], uint64(len(aad))*8)
	m.Write(m.bits[:])
	m.Sum(m.sum[:0])
	return m
}
