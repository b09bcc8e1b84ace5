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

// An entry is a session in Redis, one string:
//
//	<version> <write> <binary>
//
// The head is text, for replaceScript. Then come the times as signed varints, the
// strings, each after its length, and the claims as they are. A session that can't be
// read is a fault and not ErrNotFound. Another format needs another version in the keys,
// see keyVersion.
type entry struct {
	store.Record
	key     store.Key
	indexed time.Time // until when the session is in its indexes
}

// texts returns the strings of an entry in their order.
func (e *entry) texts() []*string {
	return []*string{&e.ID, &e.Realm, &e.Subject, &e.Provider, &e.ProviderSubject, &e.ProviderSession, &e.IP, &e.UserAgent}
}

// times returns the times of an entry in their order.
func (e *entry) times() []*time.Time {
	return []*time.Time{&e.indexed, &e.CreatedAt, &e.SeenAt, &e.ExpiresAt}
}

// encode returns the string of an entry, and the name of this write.
func (e *entry) encode() (value []byte, write string) {
	write = rand.Text()[:12]
	value = make([]byte, 0, 128+len(e.Realm)+len(e.Subject)+len(e.ProviderSubject)+len(e.ProviderSession)+len(e.UserAgent)+len(e.Claims))
	value = fmt.Appendf(value, "%d %s ", e.Version, write)
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

// decode reads an entry.
func decode(key store.Key, value string) (*entry, error) {
	head := strings.SplitN(value, " ", 3)
	if len(head) != 3 {
		return nil, errUnreadable
	}
	version, err := strconv.ParseInt(head[0], 10, 64)
	if err != nil {
		return nil, errUnreadable
	}
	e := &entry{key: key}
	e.Version = version
	rest := []byte(head[2])
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
