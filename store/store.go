// Package store keeps sessions on the server: what a store of sessions is, and
// the one in memory. Others live in packages below this one.
//
// With a store the browser's cookie holds a random handle and nothing else.
// The store never keeps a handle as it is, only its [KeyOf].
package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What callers tell apart. Any other error of a store is a fault: it means
// neither that a session is there nor that it is not.
var (
	// ErrNotFound means that there is no such session: it never was, it was
	// ended, or it has expired.
	ErrNotFound = errors.New("store: no such session")

	// ErrConflict means that a session was replaced by somebody else since it
	// was read. Read it again.
	ErrConflict = errors.New("store: the session has changed")

	// ErrUnsupported means that this kind of store can't do that, ever.
	ErrUnsupported = errors.New("store: not supported by this store")

	// ErrFull means that a store with a bound took nothing more.
	ErrFull = errors.New("store: full")
)

// A Record is one session.
type Record struct {
	// ID names the session in lists. It is no secret: nobody gets in with it.
	// Create sets it.
	ID string

	// Version counts the writes. The store sets it; Replace compares it.
	Version int64

	// Subject is the user, and never empty.
	Subject string

	// Provider, ProviderSubject and ProviderSession ("sub" and "sid" of the ID
	// token) say which user and which session at an identity provider this one
	// came from, so that it can end with them. All may be empty. ProviderSubject
	// is for users who have another name there than Subject.
	Provider        string
	ProviderSubject string
	ProviderSession string

	// Claims are the token, the bytes of one JSON object. They come back byte
	// for byte.
	Claims []byte

	// CreatedAt is the time of the sign-in and SeenAt that of the last write.
	// From ExpiresAt on the session is not found any more. Times are kept to
	// the millisecond, rounded down, and returned in UTC.
	CreatedAt, SeenAt, ExpiresAt time.Time

	// IP and UserAgent are those of the last write, as they are shown to the
	// user. [UserAgent] makes a header fit.
	IP, UserAgent string
}

// Check reports what no store takes: a session without a subject or an end, and
// strings that some databases can't keep, which are those with a NUL and those
// that are not UTF-8.
func (r *Record) Check() error {
	if r.Subject == "" {
		return errors.New("store: a session needs a subject")
	}
	if r.ExpiresAt.IsZero() {
		return errors.New("store: a session needs a time at which it ends")
	}
	for _, s := range []string{r.Subject, r.Provider, r.ProviderSubject, r.ProviderSession, r.IP, r.UserAgent} {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("store: %q is not UTF-8 or has a NUL", s)
		}
	}
	return nil
}

// maxUserAgent is the number of bytes that UserAgent leaves of a header. Those
// of browsers are well below.
const maxUserAgent = 256

// UserAgent makes a User-Agent header fit a [Record]: valid UTF-8, without
// control characters, and at most 256 bytes long.
func UserAgent(header string) string {
	header = strings.ToValidUTF8(header[:min(len(header), maxUserAgent)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, header)
}

// A Store keeps sessions. Its methods may be called from many goroutines, and
// each is atomic, also towards other processes that share the store. They honour
// the context: in one that has ended they do nothing and return its error. Slices
// and records given or returned are not shared: either side may change them later.
type Store interface {
	// Create keeps a new session and returns its handle: that of [NewHandle] or,
	// if the store has handles of its own, one of letters, digits and -_~ alone,
	// which cookies take as they are. It has no dots: those tell a sealed token from
	// a handle. Create sets r.ID, whatever it was, and r.Version. What
	// [Record.Check] reports is an error.
	Create(ctx context.Context, r *Record) (handle string, err error)

	// Find returns the session of a handle, or ErrNotFound. A handle that is
	// none, whatever it looks like, is not found.
	Find(ctx context.Context, handle string) (*Record, error)

	// Replace writes Claims, SeenAt, ExpiresAt, IP and UserAgent of a session
	// that is still there and has the version r.Version, and counts r.Version
	// up. The other fields stay as they were created, whatever r says, and what
	// [Record.Check] reports is an error. It never brings an ended session back:
	// that is ErrNotFound. Another version is ErrConflict. An error leaves the
	// session and r.Version as they were. The handle to use from now on is
	// returned; most stores keep it.
	Replace(ctx context.Context, handle string, r *Record) (newHandle string, err error)

	// Delete ends the session of a handle. To end one that is not there is no
	// error. Stores that keep nothing return ErrUnsupported: the browser's
	// cookie can be cleared, a copy of it can't.
	Delete(ctx context.Context, handle string) error

	// List returns the living sessions of a user, the newest first (by
	// CreatedAt), without Claims. A user without sessions is no error. Stores
	// that can't list return ErrUnsupported.
	List(ctx context.Context, subject string) ([]*Record, error)

	// DeleteWhere ends the living sessions that a filter selects and returns how
	// many there were. Stores that can't find them return ErrUnsupported. An empty
	// filter is an error and ends nothing.
	DeleteWhere(ctx context.Context, f Filter) (int, error)
}

// A Filter selects sessions: those for which every field that is not empty
// holds. Subject must be there, or Provider and one of the two that follow it.
type Filter struct {
	Subject                                    string
	ID                                         string // this session alone
	ExceptID                                   string // every session but this
	Provider, ProviderSubject, ProviderSession string // the user, the session at the provider
}

// Marks remember small facts until they expire: the ids of tokens that were
// taken back, since when a user's tokens count, the messages seen already.
type Marks interface {
	// Mark remembers value, above 0, under a name until expires. If the name
	// has a value already, the larger one stays and fresh is false; the later
	// expiry stays too.
	Mark(ctx context.Context, name string, value int64, expires time.Time) (fresh bool, err error)

	// Marked returns the values of the names, 0 where there is none.
	Marked(ctx context.Context, names ...string) ([]int64, error)
}

// A Locker lets one holder at a time do something, across all processes that
// share the store.
type Locker interface {
	// Lock waits until nobody holds name, or until ctx ends, which is the
	// error then. The lock frees itself after ttl, should its holder die.
	// Unlock may be called at any time, more than once; it never frees
	// somebody else's lock.
	Lock(ctx context.Context, name string, ttl time.Duration) (unlock func(), err error)
}

// A Counter counts what expires, such as failed attempts to sign in, across all
// processes that share the store.
type Counter interface {
	// Count adds n to the count of a name and returns what the count is then;
	// with 0 it only looks. The first addition starts a window. When that is over
	// the count is 0 again; later additions do not prolong it. A count that has
	// come back to 0 is as if it had never been: the next addition starts a new
	// window, and n below 1 starts none. A count stays between 0 and [MaxCount],
	// whatever is added.
	//
	// Of calls that add 1 at the same time one returns 1, one 2, and so on. So count
	// an attempt before it is made: no more of them get through than you let.
	//
	// A window of less than a millisecond is an error, and does not matter where n
	// is below 1. Names may come from anybody: any length, any bytes. A store with
	// a bound of its own forgets the oldest counts when it is full, and does not
	// refuse new ones: whoever makes up many names would keep all others out. After
	// an error nobody knows whether n was added.
	Count(ctx context.Context, name string, n int, window time.Duration) (int, error)
}

// MaxCount is where a count of a [Counter] stops. To add -MaxCount forgets a count.
const MaxCount = math.MaxInt32

// A Key is what a store keeps in place of a handle: its SHA-256.
type Key [sha256.Size]byte

// handleSize is the length of a handle: 256 random bits in base64url.
const handleSize = 43

// NewHandle returns a handle that nobody can guess, and its key.
func NewHandle() (string, Key) {
	var b [32]byte
	rand.Read(b[:])
	handle := base64.RawURLEncoding.EncodeToString(b[:])
	return handle, sha256.Sum256([]byte(handle))
}

// KeyOf returns the key of a handle, and false for what can't be a handle.
func KeyOf(handle string) (Key, bool) {
	if len(handle) != handleSize {
		return Key{}, false
	}
	var b [handleSize]byte // a conversion of the string would take memory
	copy(b[:], handle)
	return sha256.Sum256(b[:]), true
}

// NewID returns an ID for a [Record].
func NewID() string { return rand.Text() }

// Check reports a filter that selects by nothing.
func (f Filter) Check() error {
	if f.Subject == "" && (f.Provider == "" || f.ProviderSubject == "" && f.ProviderSession == "") {
		return errors.New("store: a filter needs a subject, or a provider and its user or session")
	}
	return nil
}

// Matches tells whether f selects r.
func (f Filter) Matches(r *Record) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Subject, r.Subject) && is(f.ID, r.ID) && (f.ExceptID == "" || f.ExceptID != r.ID) &&
		is(f.Provider, r.Provider) && is(f.ProviderSubject, r.ProviderSubject) && is(f.ProviderSession, r.ProviderSession)
}
