// Package ginstore keeps nuxtauth's sessions in a store of
// github.com/gin-contrib/sessions, for services that already run one.
//
// Such a store can less than those that are made for nuxtauth:
//
//   - It can't find the sessions of a user. List and DeleteWhere return
//     [store.ErrUnsupported], so nobody can be signed out everywhere.
//   - Its cookie store keeps nothing: the browser holds the whole session. Delete
//     returns [store.ErrUnsupported], a copied cookie works until it expires, and
//     of two writers the later wins. About 1,400 bytes of claims fit.
//   - It can't compare and write in one step. Writers within this process wait
//     for each other. Towards other processes, a write that starts before a
//     session ends and finishes after it may bring that session back.
//   - It does not heed a context while it works. Give its client timeouts.
//   - It keeps the id of a session as it is. Nobody gets in with that alone, since
//     cookies are signed: the keys of the store are as secret as its content.
//   - Some (those for MongoDB and gorm) hide their faults. A user whose session
//     can't be read is then signed out.
//
// The store's MaxAge, 30 days if nobody sets it, must not be shorter than that of
// nuxtauth's sessions. What else its options say about cookies is not used.
package ginstore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gorilla/securecookie"

	"github.com/nuxtauth/nuxtauth/store"
)

// Options of a [Store]. The zero value is usable.
type Options struct {
	// Name is the name of the cookie that the store signs; empty means
	// "nuxtauth". No browser sees it. If the app keeps sessions of its own in the
	// same store, their name must be another.
	Name string

	// NotFound tells whether an error of the store means that there is no such
	// session, for stores that don't return a new session in that case. Cookies
	// that can't be opened and files that don't exist are known without it.
	NotFound func(error) bool

	// Now is the clock of what expires; nil means time.Now.
	Now func() time.Time
}

// Store is a [store.Store] on top of one of gin-contrib/sessions. A handle is
// the value of the cookie that the store below would set, with "~" in place of
// "=". That value is base64url in all stores of gin-contrib; with one that sets
// other cookies, Create returns an error.
type Store struct {
	below    sessions.Store
	name     string
	notFound func(error) bool
	now      func() time.Time
	seed     maphash.Seed
	writers  [64]sync.Mutex // by the ID of the session
}

var _ store.Store = (*Store)(nil)

// New returns a store that keeps its sessions in s. Errors say what of the
// arguments is wrong; the store itself is not called.
func New(s sessions.Store, opts Options) (*Store, error) {
	if s == nil {
		return nil, errors.New("ginstore: no store to keep sessions in")
	}
	b := &Store{below: s, name: opts.Name, notFound: opts.NotFound, now: opts.Now, seed: maphash.MakeSeed()}
	if b.name == "" {
		b.name = "nuxtauth"
	}
	if err := (&http.Cookie{Name: b.name, Value: "x"}).Valid(); err != nil {
		return nil, fmt.Errorf("ginstore: the name %q does not fit a cookie: %w", b.name, err)
	}
	if b.notFound == nil {
		b.notFound = func(error) bool { return false }
	}
	if b.now == nil {
		b.now = time.Now
	}
	return b, nil
}

// Create implements [store.Store]. Claims that are too large for the store below
// are an error.
func (s *Store) Create(ctx context.Context, r *store.Record) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := r.Check(); err != nil {
		return "", err
	}
	kept := *r
	kept.ID, kept.Version = store.NewID(), 1
	o, err := s.fresh(ctx)
	if err != nil {
		return "", err
	}
	handle, err := s.save(o, &kept)
	if err != nil {
		return "", err
	}
	r.ID, r.Version = kept.ID, kept.Version
	return handle, nil
}

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, handle string) (*store.Record, error) {
	o, err := s.open(ctx, handle)
	if err != nil {
		return nil, err
	}
	if s.expired(o.record) {
		return nil, store.ErrNotFound
	}
	return o.record, nil
}

// Replace implements [store.Store], but is atomic within this process alone. The
// handle that it returns is a new one, and the old one goes on to work.
func (s *Store) Replace(ctx context.Context, handle string, r *store.Record) (string, error) {
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
	kept := o.record
	kept.Version++
	kept.Claims, kept.SeenAt, kept.ExpiresAt, kept.IP, kept.UserAgent = r.Claims, r.SeenAt, r.ExpiresAt, r.IP, r.UserAgent
	newHandle, err := s.save(o, kept)
	if err != nil {
		return "", err
	}
	r.Version = kept.Version
	return newHandle, nil
}

// Delete implements [store.Store]. It looks whether the session has really
// ended; if it has not, because it lives in its cookie alone, Delete returns
// [store.ErrUnsupported].
func (s *Store) Delete(ctx context.Context, handle string) error {
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
	switch _, err := s.Find(ctx, handle); {
	case err == nil:
		return fmt.Errorf("ginstore: a session that lives in its cookie can't be ended: %w", store.ErrUnsupported)
	case errors.Is(err, store.ErrNotFound):
		return nil
	default:
		return err
	}
}

// List returns [store.ErrUnsupported].
func (s *Store) List(context.Context, string) ([]*store.Record, error) {
	return nil, fmt.Errorf("ginstore: sessions of gin-contrib can't be listed: %w", store.ErrUnsupported)
}

// DeleteWhere returns [store.ErrUnsupported].
func (s *Store) DeleteWhere(context.Context, store.Filter) (int, error) {
	return 0, fmt.Errorf("ginstore: sessions of gin-contrib can't be searched: %w", store.ErrUnsupported)
}

func (s *Store) expired(r *store.Record) bool { return !s.now().Before(r.ExpiresAt) }

// openToWrite opens a session that nobody else in this process writes until
// unlock is called.
func (s *Store) openToWrite(ctx context.Context, handle string) (o *opened, unlock func(), err error) {
	// A session has many handles, so it must be opened to know whom to wait for,
	// and again because they may have changed it.
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

// noSession tells whether an error of the store below says something about a
// handle, and not about the store.
func (s *Store) noSession(err error) bool {
	var cookie securecookie.Error
	return errors.As(err, &cookie) && cookie.IsDecode() || errors.Is(err, fs.ErrNotExist) || s.notFound(err)
}
