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
	tools sync.Pool // of *cbcTools
}

// cbcTools are made once for many tokens: keying HMAC takes two more blocks of
// SHA-512, and each way of the cipher has a copy of its keys.
type cbcTools struct {
	mac     hash.Hash
	bits    [8]byte
	sum     [sha512.Size]byte
	encrypt cipher.BlockMode
	decrypt cipher.BlockMode
}

// settableIV is what the block modes of crypto/cipher are too.
type settableIV interface {
	cipher.BlockMode
	SetIV(iv []byte)
}

// newCBCHMAC splits a key of 64 bytes: the first half authenticates, the second
// encrypts (RFC 7518 §5.2.2.1).
func newCBCHMAC(key []byte) (*cbcHMAC, error) {
	macKey, encKey := key[:len(key)/2], key[len(key)/2:]
	block, err := aes.NewCipher(encKey)
	if err != nil {
		return nil, err
	}
	c := &cbcHMAC{block: block}
	c.tools.New = func() any { return &cbcTools{mac: hmac.New(sha512.New, macKey)} }
	return c, nil
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
	t := c.tools.Get().(*cbcTools)
	defer c.tools.Put(t)
	if mode, ok := t.encrypt.(settableIV); ok {
		mode.SetIV(iv)
	} else {
		t.encrypt = cipher.NewCBCEncrypter(c.block, iv)
	}
	t.encrypt.CryptBlocks(ciphertext, ciphertext)
	return append(dst, t.tag(aad, iv, ciphertext)...)
}

// Open appends the plaintext to dst (RFC 7518 §5.2.2.2). The tag covers
// everything and is checked before the padding is looked at.
func (c *cbcHMAC) Open(dst, iv, ciphertext, aad []byte) ([]byte, error) {
	n := len(ciphertext) - cbcTagSize
	if n < aes.BlockSize || n%aes.BlockSize != 0 {
		return nil, errCBC
	}
	ciphertext, tag := ciphertext[:n], ciphertext[n:]

	t := c.tools.Get().(*cbcTools)
	defer c.tools.Put(t)
	if subtle.ConstantTimeCompare(t.tag(aad, iv, ciphertext), tag) != 1 {
		return nil, errCBC
	}

	start := len(dst)
	dst = append(dst, ciphertext...) // nothing to copy when dst is ciphertext[:0]
	plaintext := dst[start:]
	if mode, ok := t.decrypt.(settableIV); ok {
		mode.SetIV(iv)
	} else {
		t.decrypt = cipher.NewCBCDecrypter(c.block, iv)
	}
	t.decrypt.CryptBlocks(plaintext, plaintext)

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

// tag returns the authentication tag, which is good until the next one.
func (t *cbcTools) tag(aad, iv, ciphertext []byte) []byte {
	t.mac.Reset()
	t.mac.Write(aad)
	t.mac.Write(iv)
	t.mac.Write(ciphertext)
	binary.BigEndian.PutUint64(t.bits[:], uint64(len(aad))*8)
	t.mac.Write(t.bits[:])
	return t.mac.Sum(t.sum[:0])[:cbcTagSize]
}
