package redisstore

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// An entry is a session as Redis keeps it, in one string:
//
//	v1 <version> <write> <the rest in binary>
//
// The head is text, for replaceScript. The rest are the times as signed
// varints, then the strings, each behind its length, and last the claims as they
// are. Records of another format are unreadable, which is an error and not
// "signed out".
type entry struct {
	store.Record
	key     store.Key
	indexed time.Time // until when the indexes name this session
}

// texts returns the strings of an entry in the order in which they are kept.
func (e *entry) texts() []*string {
	return []*string{&e.ID, &e.Subject, &e.Provider, &e.ProviderSubject, &e.ProviderSession, &e.IP, &e.UserAgent}
}

// times returns the times of an entry in the order in which they are kept.
func (e *entry) times() []*time.Time {
	return []*time.Time{&e.indexed, &e.CreatedAt, &e.SeenAt, &e.ExpiresAt}
}

// encode returns an entry as it is kept, and the name of this write.
func (e *entry) encode() (value []byte, write string) {
	write = rand.Text()[:12]
	value = make([]byte, 0, 128+len(e.Subject)+len(e.ProviderSubject)+len(e.ProviderSession)+len(e.UserAgent)+len(e.Claims))
	value = fmt.Appendf(value, "v1 %d %s ", e.Version, write)
	for _, t := range e.times() {
		value = binary.AppendVarint(value, t.UnixMilli())
	}
	for _, s := range e.texts() {
		value = binary.AppendUvarint(value, uint64(len(*s)))
		value = append(value, *s...)
	}
	return append(value, e.Claims...), write
}

var errUnreadable = errors.New("unreadable session")

// decode reads what encode has written.
func decode(key store.Key, value string) (*entry, error) {
	head := strings.SplitN(value, " ", 4)
	if len(head) != 4 || head[0] != "v1" {
		return nil, errUnreadable
	}
	version, err := strconv.ParseInt(head[1], 10, 64)
	if err != nil {
		return nil, errUnreadable
	}
	e := &entry{key: key}
	e.Version = version
	rest := []byte(head[3])
	for _, t := range e.times() {
		ms, n := binary.Varint(rest)
		if n <= 0 {
			return nil, errUnreadable
		}
		*t, rest = time.UnixMilli(ms).UTC(), rest[n:]
	}
	for _, s := range e.texts() {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return nil, errUnreadable
		}
		end := n + int(size)
		*s, rest = string(rest[n:end]), rest[end:]
	}
	e.Claims = rest
	return e, nil
}
