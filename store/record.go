package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Record is one session, as a [Sessions] stores it. It is plain data: its zero value is
// no session, and concurrent use of one Record is the caller's to avoid.
type Record struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	// ID names the session in lists. It is no secret and opens nothing.
	// CreateSession sets it.
	ID string
	// Version counts the writes. The store sets it; ReplaceSession compares it.
	Version int64

	// Realm is the application's authentication realm, never empty: several
	// configurations that share a store each have their own, and none lists or ends
	// the sessions of another.
	Realm string
	// Subject is the user, never empty.
	Subject string
	// Provider is the identity provider of the sign-in. ProviderSubject and
	// ProviderSession are the user and the session there ("sub" and "sid" of the ID
	// token), by which the provider ends the session. ProviderSubject is set even
	// if it equals Subject, but not for credentials, whose sessions no provider ends.
	// ProviderSession is a text of the library if the provider sends logout tokens and
	// the ID token had no sid. Both begin with the issuer if the provider has many
	// tenants. All three may be empty.
	Provider        string
	ProviderSubject string
	ProviderSession string

	// Claims are the token, the bytes of one JSON object. They come back byte for
	// byte.
	Claims []byte

	// CreatedAt is the time of the sign-in and SeenAt that of the last write. From
	// ExpiresAt on the session is not found. Times are stored in milliseconds,
	// rounded down, and returned in UTC.
	CreatedAt, SeenAt, ExpiresAt time.Time
	// IP and UserAgent are those of the last write, as shown to the user.
	// [UserAgent] makes a header fit.
	IP, UserAgent string
}

// Check reports what every store refuses: a session without a realm, a subject or
// an expiry, and strings that some databases can't store: those with a NUL and
// those that are not UTF-8.
func (r *Record) Check() error {
	if r.Realm == "" {
		return errors.New("store: the session has no realm")
	}
	if r.Subject == "" {
		return errors.New("store: the session has no subject")
	}
	if r.ExpiresAt.IsZero() {
		return errors.New("store: the session has no expiry")
	}
	for _, s := range []string{r.Realm, r.Subject, r.Provider, r.ProviderSubject, r.ProviderSession, r.IP, r.UserAgent} {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("store: %q is not UTF-8 or has a NUL", s)
		}
	}
	return nil
}

// maxUserAgent is the number of bytes that UserAgent leaves of a header. Those of
// browsers are well below.
const maxUserAgent = 256

// UserAgent makes a User-Agent header fit a [Record]: valid UTF-8, without control
// characters, and at most 256 bytes long.
func UserAgent(header string) string {
	header = strings.ToValidUTF8(header[:min(len(header), maxUserAgent)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, header)
}

// A Key is the SHA-256 of a handle, which a store keeps in its place.
type Key [sha256.Size]byte

// handleSize is the length of a handle: 256 random bits in base64url.
const handleSize = 43

// NewHandle returns a handle, 256 random bits in base64url, 43 characters, and its key.
func NewHandle() (string, Key) {
	var b [32]byte
	rand.Read(b[:])
	handle := base64.RawURLEncoding.EncodeToString(b[:])
	return handle, sha256.Sum256([]byte(handle))
}

// KeyOf returns the key of a handle. It returns false for a string that
// [NewHandle] can't have returned.
func KeyOf(handle string) (Key, bool) {
	if len(handle) != handleSize {
		return Key{}, false
	}
	var b [handleSize]byte // a conversion of the string would allocate
	copy(b[:], handle)
	return sha256.Sum256(b[:]), true
}

// NewID returns an ID for a [Record]: at least 128 random bits, in letters and
// digits.
func NewID() string { return rand.Text() }
