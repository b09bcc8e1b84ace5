// Package ginstore keeps nuxtauth's sessions in a store of
// github.com/gin-contrib/sessions, for services that already run one.
//
// Such a store can do less than those that are made for nuxtauth:
//
//   - It implements [store.Sessions] alone. It does not find the sessions of a user, so
//     that a user can't list them or sign out everywhere.
//   - Its cookie store keeps nothing: the browser has the whole session.
//     DeleteSession returns [store.ErrUnsupported], a copied cookie works until it
//     expires, and the later of two writers wins. About 1,400 bytes of claims fit.
//   - It can't compare and write in one step. Writers of this process wait for each
//     other. With several processes, a write that starts before a session ends and
//     finishes after it may bring that session back.
//   - It does not honour a context while it works. Its client needs timeouts.
//   - It stores the id of a session as it is. The id alone opens nothing, since cookies
//     are signed: the keys of the store are as secret as its content.
//   - Some hide their faults, such as those for gorm and MongoDB: a database that is down
//     looks as if it had no session. Where such a store finds none, this package looks for
//     a session of its own, which it saves once an hour, and then for that of the user
//     again. That costs two reads, and an outage is an error and ends no session. It does
//     not see that both reads of the user's session have failed and the one between has
//     not: that user is signed out.
//
// The store's MaxAge, 30 days by default, must not be shorter than that of nuxtauth's
// sessions. Its other options for cookies are not used.
package ginstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gorilla/securecookie"

	"github.com/nuxtauth/nuxtauth/store"
)

// Options of a [Store]. The zero value is usable.
type Options struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	// Name is the name of the cookie that the store signs; empty means "nuxtauth". No
	// browser receives it. Sessions that the application has in the same store need
	// another name.
	Name string

	// NotFound reports whether an error of the store means that there is no such
	// session, for stores that don't return a new session in that case. Cookies that
	// can't be opened and files that don't exist are recognized without it.
	NotFound func(error) bool

	// Now is the clock of what expires; nil means time.Now.
	Now func() time.Time
}

// Store implements [store.Sessions] on a store of gin-contrib/sessions, the backend. A
// handle is the value of the cookie that the backend sets, with "~" in place of "=".
// That value is base64url in all stores of gin-contrib; with one that sets other
// cookies, CreateSession returns an error. A Store is safe for concurrent use.
type Store struct {
	backend  sessions.Store
	name     string
	notFound func(error) bool
	now      func() time.Time
	seed     maphash.Seed
	probe    atomic.Value   // the handle that answers looks for, a string
	writers  [64]sync.Mutex // by the ID of the session
}

var _ store.Sessions = (*Store)(nil)

// New returns a store that keeps its sessions in backend, which it does not call. An
// error names the argument that is wrong.
func New(backend sessions.Store, opts Options) (*Store, error) {
	if backend == nil {
		return nil, errors.New("ginstore: the store of gin-contrib/sessions is nil")
	}
	s := &Store{
		backend: backend, name: cmp.Or(opts.Name, "nuxtauth"), notFound: opts.NotFound, now: opts.Now,
		seed: maphash.MakeSeed(),
	}
	if err := (&http.Cookie{Name: s.name, Value: "x"}).Valid(); err != nil {
		return nil, fmt.Errorf("ginstore: Options.Name %q is no cookie name: %w", s.name, err)
	}
	if s.notFound == nil {
		s.notFound = func(error) bool { return false }
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// CreateSession implements [store.Sessions]. Claims that are too large for the backend
// are an error.
func (s *Store) CreateSession(ctx context.Context, r *store.Record) (string, error) {
	if err := cmp.Or(ctx.Err(), r.Check()); err != nil {
		return "", err
	}
	record := *r
	record.ID, record.Version = store.NewID(), 1
	o, err := s.fresh(ctx)
	if err != nil {
		return "", err
	}
	handle, err := s.save(o, &record)
	if err != nil {
		return "", err
	}
	r.ID, r.Version = record.ID, record.Version
	return handle, nil
}

// FindSession implements [store.Sessions].
func (s *Store) FindSession(ctx context.Context, handle string) (*store.Record, error) {
	o, err := s.open(ctx, handle)
	if err != nil {
		return nil, err
	}
	if s.expired(o.record) {
		return nil, store.ErrNotFound
	}
	return o.record, nil
}

// ReplaceSession implements [store.Sessions], atomically within this process alone. It
// returns a new handle; the old one remains valid.
func (s *Store) ReplaceSession(ctx context.Context, handle string, r *store.Record) (string, error) {
	o, unlock, err := s.openToWrite(ctx, handle)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := r.Check(); err != nil {
		return "", err
	}
	if s.expired(o.record) {
		return "", store.ErrNotFound
	}
	if o.record.Version != r.Version {
		return "", store.ErrConflict
	}
	record := o.record
	record.Version++
	record.Claims, record.SeenAt, record.ExpiresAt, record.IP, record.UserAgent = r.Claims, r.SeenAt, r.ExpiresAt, r.IP, r.UserAgent
	newHandle, err := s.save(o, record)
	if err != nil {
		return "", err
	}
	r.Version = record.Version
	return newHandle, nil
}

// DeleteSession implements [store.Sessions]. It reads the session afterwards: if it is
// still found, because its cookie holds it, DeleteSession returns
// [store.ErrUnsupported].
func (s *Store) DeleteSession(ctx context.Context, handle string) error {
	o, unlock, err := s.openToWrite(ctx, handle)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.end(o); err != nil {
		return err
	}
	switch _, err := s.FindSession(ctx, handle); {
	case err == nil:
		return fmt.Errorf("ginstore: end a session that is kept in its cookie: %w", store.ErrUnsupported)
	case errors.Is(err, store.ErrNotFound):
		return nil
	default:
		return err
	}
}

func (s *Store) expired(r *store.Record) bool { return !s.now().Before(r.ExpiresAt) }

// openToWrite opens a session and excludes other writers of this process until unlock
// is called.
func (s *Store) openToWrite(ctx context.Context, handle string) (o *opened, unlock func(), err error) {
	// A session has many handles. It must be opened for the ID that its writers have in
	// common, and again because one of them may have changed it.
	o, err = s.open(ctx, handle)
	if err != nil {
		return nil, nil, err
	}
	mu := &s.writers[maphash.String(s.seed, o.record.ID)%uint64(len(s.writers))]
	mu.Lock()
	o, err = s.open(ctx, handle)
	if err != nil {
		mu.Unlock()
		return nil, nil, err
	}
	return o, mu.Unlock, nil
}

// isNotFound reports whether an error of the backend is about the handle and not about
// the backend.
func (s *Store) isNotFound(err error) bool {
	var cookie securecookie.Error
	return errors.As(err, &cookie) && cookie.IsDecode() || errors.Is(err, fs.ErrNotExist) || s.notFound(err)
}
