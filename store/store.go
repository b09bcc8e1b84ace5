// Package store defines the session stores of nuxtauth and has the one in memory.
// Those for databases are in packages below this one.
//
// A store is a value that implements [Sessions] and as many of the other
// abilities as it can: [Index], [Marks], [Locker] and [Counter], and [Accounts] and
// [Links] for users. [As] finds an ability of a store, also behind a decorator. Package storetest has a conformance
// suite for each. The stores that need a server also have a method Check for
// readiness probes.
//
// With a store the browser's cookie holds a random handle and nothing else. The
// store keeps the SHA-256 of the handle, see [KeyOf], and never the handle.
package store

import (
	"context"
	"errors"
	"math"
	"time"
)

// The errors that callers tell apart. Any other error of a store is a fault: it
// says neither that a session exists nor that it does not.
var (
	// ErrNotFound means that there is no such session, user, account or link: it never
	// existed, it was ended or removed, or it has expired.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict means that another caller has changed it since it was read. Read it
	// again.
	ErrConflict = errors.New("store: it has changed")
	// ErrUnsupported means that this kind of store never does this: it lacks an
	// ability, or can't end a session that is kept in its cookie alone.
	ErrUnsupported = errors.New("store: not supported by this store")
	// ErrFull means that a bounded store is full, and that the write was not done.
	ErrFull = errors.New("store: full")
	// ErrLeaseLost means that a [Lease] has expired or was released.
	ErrLeaseLost = errors.New("store: the lease is lost")
)

// Sessions stores sessions on the server. Its methods are safe for concurrent use,
// and each is atomic, also towards other processes that share the store. A method that
// is called with a context that has ended changes nothing, and returns its error. The
// library gives each call one second. [ErrNotFound], [ErrConflict], [ErrUnsupported] and
// [ErrFull] are answers. After any other error, also that of a context that ended during
// the call, it is unknown whether the session exists; a write may have been done.
// Records and slices are not retained: the caller and the store may change theirs.
// Methods are never added to this interface.
type Sessions interface {
	// CreateSession stores a new session and returns its handle: that of
	// [NewHandle] or, if the store has handles of its own, 256 random bits in
	// letters, digits and -_~ alone, which need no escape in a cookie. A handle
	// with a dot would be taken for a sealed token. CreateSession sets
	// r.ID, whatever it was, and r.Version. What [Record.Check] reports is an
	// error.
	CreateSession(ctx context.Context, r *Record) (handle string, err error)
	// FindSession returns the session of a handle, or ErrNotFound. A string of
	// any other form is not found either. The session may be of another realm
	// than that of the caller, which compares Record.Realm.
	FindSession(ctx context.Context, handle string) (*Record, error)
	// ReplaceSession writes Claims, SeenAt, ExpiresAt, IP and UserAgent of a
	// session that still exists and has the version r.Version, and increments
	// r.Version. The other fields stay as they were created, whatever r says. What
	// [Record.Check] reports is an error. An ended session is ErrNotFound and does
	// not come back; another version is ErrConflict. After an error r.Version is as
	// it was. ReplaceSession returns the handle to use from now
	// on, which most stores leave as it is.
	ReplaceSession(ctx context.Context, handle string, r *Record) (newHandle string, err error)
	// DeleteSession ends the session of a handle. Ending a session that does not
	// exist is no error. A store that keeps a session in its cookie alone returns
	// ErrUnsupported: the cookie can be cleared, a copy of it can't.
	DeleteSession(ctx context.Context, handle string) error
}

// Index finds sessions by their user, and by the user and the session at a
// provider. Its methods are safe for concurrent use and honour their context as
// those of [Sessions] do.
//
// Each method stays within one realm and refuses an empty argument with an error;
// it then lists or ends nothing. Sessions that have expired are neither listed
// nor counted. A count that the store does not know is -1. After an error some of
// the sessions may have ended: call the method again.
type Index interface {
	// ListSessions returns the sessions of a user, the newest (by CreatedAt)
	// first, at most limit, without Claims. A user without sessions is no error; a
	// limit below 1 is.
	ListSessions(ctx context.Context, realm, subject string, limit int) ([]*Record, error)
	// DeleteSessionByID ends the session of a user that has an ID, and reports
	// whether there was one.
	DeleteSessionByID(ctx context.Context, realm, subject, id string) (found bool, err error)
	// DeleteSessions ends all sessions of a user except the one with the ID
	// exceptID, or all of them if exceptID is empty, and returns their number.
	DeleteSessions(ctx context.Context, realm, subject, exceptID string) (int, error)
	// DeleteProviderSession ends the sessions that have this Provider and
	// ProviderSession, and returns their number.
	DeleteProviderSession(ctx context.Context, realm, provider, sid string) (int, error)
	// DeleteProviderSubject ends the sessions that have this Provider and
	// ProviderSubject, and returns their number.
	DeleteProviderSubject(ctx context.Context, realm, provider, subject string) (int, error)
}

// Marks remember events by name until they expire. Their times come from the
// store, so that processes whose clocks differ can compare them. Names are
// untrusted: any length, any bytes. The methods are safe for concurrent use and
// honour their context as those of [Sessions] do.
type Marks interface {
	// Mark notes that the event happened now and remembers it for ttl, by the
	// store's own clock. at is that time in microseconds since 1970, below 1<<53. It
	// is larger than that of every Mark of the same name, and not smaller than that
	// of every Mark of another name, that returned before this call, whichever
	// process made it. first reports whether the name was not marked, or its mark
	// had expired. A later mark replaces the time; the later expiry stays. A ttl
	// below 1 ms is an error.
	//
	// If the store's clock is set back, at stays larger than the mark of the same
	// name that it replaces. Each store documents what holds between names then.
	// After an error it is unknown whether the name was marked.
	Mark(ctx context.Context, name string, ttl time.Duration) (at int64, first bool, err error)
	// Marked returns the times of the latest marks of the names, 0 where there is
	// none.
	Marked(ctx context.Context, names ...string) ([]int64, error)
}

// A Locker gives one holder at a time the lease of a name, across all processes
// that share the store. It is safe for concurrent use. Names may have any length and
// any bytes.
type Locker interface {
	// Lock waits until the name is free and takes it for ttl, or until ctx ends,
	// whose error it then returns. The lease does not depend on ctx afterwards. A
	// ttl below 1 ms is an error.
	Lock(ctx context.Context, name string, ttl time.Duration) (Lease, error)
}

// A Lease is the right to a name that [Locker.Lock] returned. Its methods are safe
// for concurrent use.
type Lease interface {
	// Extend makes the lease last ttl from now, which may be shorter than before.
	// The error is ErrLeaseLost if the lease has expired or was released: it is
	// never taken again, even if the name is still free. After another error it is
	// unknown when the lease ends, within the longer of the two times. A ttl below
	// 1 ms is an error.
	Extend(ctx context.Context, ttl time.Duration) error
	// Release frees the name, unless the lease is lost: it never frees the name
	// of another holder. It may be called more than once.
	Release()
}

// A Counter counts events that expire, such as failed attempts to sign in, across
// all processes that share the store. It is safe for concurrent use.
type Counter interface {
	// Count adds n to the counter of a name and returns its value, between 0 and
	// [MaxCount]; n may be 0, which reads it, or negative. The first addition starts
	// a window, after which the value is 0; later additions do not prolong it. A
	// counter that is back at 0 is as if it had never been used: the next addition
	// starts a new window, and n below 1 starts none.
	//
	// Concurrent additions of 1 return distinct values. An attempt that is counted
	// before it is made can't exceed a limit, however many are made at once.
	//
	// A window below 1 ms is an error where n is above 0, and ignored otherwise.
	// Names are untrusted: any length, any bytes. A bounded store that is full evicts
	// the counters that expire first, and never rejects a new one: otherwise made-up
	// names would lock out all others. After an error it is unknown whether n was
	// added.
	Count(ctx context.Context, name string, n int, window time.Duration) (int, error)
}

// MaxCount is the largest value of a [Counter]. Adding -MaxCount resets it.
const MaxCount = math.MaxInt32

// maxWrappers bounds As for a decorator that returns itself.
const maxWrappers = 32

// As returns the ability A of s, such as As[store.Marks](s): s itself if it
// implements A, or else the first of the stores below it that does, as a decorator
// reveals them by a method
//
//	Unwrap() store.Sessions
//
// It returns false if none does, if s is nil, and after 32 values, so that a
// decorator that returns itself does no harm. A decorator without that method hides
// the other abilities of the store that it wraps.
func As[A any](s any) (A, bool) {
	for range maxWrappers {
		if a, ok := s.(A); ok {
			return a, true
		}
		w, ok := s.(interface{ Unwrap() Sessions })
		if !ok {
			break
		}
		s = w.Unwrap()
	}
	var none A
	return none, false
}
