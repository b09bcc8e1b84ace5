package store

import (
	"encoding/binary"
	"strings"
	"time"
	"unique"
)

// A packed session takes a third of the memory of a Record: everything is in one
// string, except what many sessions share, and the end, which is looked at often.
type packed struct {
	data    string // the key, numbers as varints, strings after their length, the claims
	common  unique.Handle[common]
	expires int64 // in milliseconds since 1970
}

// common is what many sessions have the same.
type common struct{ provider, userAgent string }

// slotSize is about what a session takes besides its data.
const slotSize = 170

func pack(key Key, r *Record) packed {
	var numbers [3 * binary.MaxVarintLen64]byte
	n := binary.PutVarint(numbers[:], r.Version)
	n += binary.PutVarint(numbers[n:], r.CreatedAt.UnixMilli())
	n += binary.PutVarint(numbers[n:], r.SeenAt.UnixMilli())

	fields := [...]string{r.ID, r.Subject, r.ProviderSubject, r.ProviderSession, r.IP}
	size := len(key) + n + len(r.Claims)
	for _, s := range fields {
		size += lengthSize(s) + len(s)
	}

	var b strings.Builder
	b.Grow(size)
	b.Write(key[:])
	b.Write(numbers[:n])
	for _, s := range fields {
		b.Write(binary.AppendUvarint(numbers[:0], uint64(len(s))))
		b.WriteString(s)
	}
	b.Write(r.Claims)
	return packed{data: b.String(), common: unique.Make(common{r.Provider, r.UserAgent}), expires: r.ExpiresAt.UnixMilli()}
}

// lengthSize returns the number of bytes of the length of s as a varint.
func lengthSize(s string) int {
	size := 1
	for n := len(s); n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// record unpacks a session. Its strings are parts of the packed one.
func (p packed) record(withClaims bool) *Record {
	rest := p.data[len(Key{}):]
	shared := p.common.Value()
	r := &Record{Provider: shared.provider, UserAgent: shared.userAgent, ExpiresAt: millis(p.expires)}
	r.Version, rest = cutVarint(rest)
	var created, seen int64
	created, rest = cutVarint(rest)
	seen, rest = cutVarint(rest)
	r.CreatedAt, r.SeenAt = millis(created), millis(seen)
	r.ID, rest = cutString(rest)
	r.Subject, rest = cutString(rest)
	r.ProviderSubject, rest = cutString(rest)
	r.ProviderSession, rest = cutString(rest)
	r.IP, rest = cutString(rest)
	if withClaims {
		r.Claims = []byte(rest)
	}
	return r
}

func (p packed) expired(now int64) bool { return now >= p.expires }

func (p packed) size() int64 {
	c := p.common.Value()
	return int64(len(p.data) + len(c.provider) + len(c.userAgent) + slotSize)
}

func millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func cutUvarint(s string) (uint64, string) {
	n := uint64(0)
	for i := 0; ; i++ {
		n |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return n, s[i+1:]
		}
	}
}

func cutVarint(s string) (int64, string) {
	n, rest := cutUvarint(s)
	return int64(n>>1) ^ -int64(n&1), rest
}

func cutString(s string) (cut, rest string) {
	n, rest := cutUvarint(s)
	return rest[:n], rest[n:]
}
