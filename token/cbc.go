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

// errCBC is the only error of cbcHMAC.Open, which does not say whether the tag or
// the padding was wrong.
var errCBC = errors.New("message authentication failed")

// cbcHMAC is A256CBC-HS512 (RFC 7518 §5.2.5) as a [cipher.AEAD]. The nonce is
// the initialization vector, and the tag follows the ciphertext. Why it is not
// that of go-jose: docs/decisions/0001-own-cbc-hmac.md.
type cbcHMAC struct {
	block  cipher.Block
	states sync.Pool // of *cbcState
}

// A cbcState is made once for many tokens: keying HMAC takes two more blocks of
// SHA-512, and each direction of the cipher has a copy of its keys.
type cbcState struct {
	mac     hash.Hash
	bits    [8]byte
	sum     [sha512.Size]byte
	encrypt cipher.BlockMode
	decrypt cipher.BlockMode
}

// settableIV is implemented by the block modes of crypto/cipher.
type settableIV interface {
	cipher.BlockMode
	SetIV(iv []byte)
}

// newCBCHMAC splits a key of 64 bytes: the first half authenticates, the second
// encrypts (RFC 7518 §5.2.2.1).
func newCBCHMAC(key []byte) *cbcHMAC {
	macKey, encKey := key[:len(key)/2], key[len(key)/2:]
	block, _ := aes.NewCipher(encKey) // its only error is another length
	c := &cbcHMAC{block: block}
	c.states.New = func() any { return &cbcState{mac: hmac.New(sha512.New, macKey)} }
	return c
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
	s := c.states.Get().(*cbcState)
	defer c.states.Put(s)
	if mode, ok := s.encrypt.(settableIV); ok {
		mode.SetIV(iv)
	} else {
		s.encrypt = cipher.NewCBCEncrypter(c.block, iv)
	}
	s.encrypt.CryptBlocks(ciphertext, ciphertext)
	return append(dst, s.tag(aad, iv, ciphertext)...)
}

// Open appends the plaintext to dst (RFC 7518 §5.2.2.2). The tag covers all of
// the token and is checked before the padding.
func (c *cbcHMAC) Open(dst, iv, ciphertext, aad []byte) ([]byte, error) {
	n := len(ciphertext) - cbcTagSize
	if n < aes.BlockSize || n%aes.BlockSize != 0 {
		return nil, errCBC
	}
	ciphertext, tag := ciphertext[:n], ciphertext[n:]

	s := c.states.Get().(*cbcState)
	defer c.states.Put(s)
	if subtle.ConstantTimeCompare(s.tag(aad, iv, ciphertext), tag) != 1 {
		return nil, errCBC
	}

	start := len(dst)
	dst = append(dst, ciphertext...) // nothing to copy when dst is ciphertext[:0]
	plaintext := dst[start:]
	if mode, ok := s.decrypt.(settableIV); ok {
		mode.SetIV(iv)
	} else {
		s.decrypt = cipher.NewCBCDecrypter(c.block, iv)
	}
	s.decrypt.CryptBlocks(plaintext, plaintext)

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

// tag returns the authentication tag, in memory that the next call overwrites.
func (s *cbcState) tag(aad, iv, ciphertext []byte) []byte {
	s.mac.Reset()
	s.mac.Write(aad)
	s.mac.Write(iv)
	s.mac.Write(ciphertext)
	binary.BigEndian.PutUint64(s.bits[:], uint64(len(aad))*8)
	s.mac.Write(s.bits[:])
	return s.mac.Sum(s.sum[:0])[:cbcTagSize]
}
