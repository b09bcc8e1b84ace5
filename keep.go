package nuxtauth

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/fields"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// storeTimeout bounds each call of a store, so that one that hangs is a fault
// like any other.
const storeTimeout = time.Second

// ErrTokenTooLarge says that a sealed token does not fit into the cookies that
// browsers and proxies take (32 KB in all). Keep less in the token: the id of
// a thing instead of the thing, which the Session callback can fetch. Or keep
// the sessions in a store ([SessionConfig]).
var ErrTokenTooLarge = errors.New("nuxtauth: the token is too large for cookies: keep less in it, such as ids, and let the Session callback fetch the rest; or set Session.Store")

// A held session is where one lives: sealed in its cookie or, behind the
// handle that the cookie holds, in the store.
type held[T JWT] struct {
	token  *T
	claims string        // the JSON of token as it was found or, where changed needs it, kept
	record *store.Record // nil for a session in its cookie
	value  string        // the sealed token, or the handle

	// expires is set when this request kept the session anew: the cookie has
	// to say so.
	expires time.Time
}

// find returns the session of a cookie's value, or of a Bearer token. A fault
// of a store is a [KeepSession] error; any other means that there is none.
func (a *Auth[T, S]) find(ctx context.Context, k *kit, value string) (*held[T], error) {
	s := &held[T]{token: new(T)}
	if err := a.findInto(ctx, k, value, s); err != nil {
		return nil, err
	}
	return s, nil
}

// findInto is find for a session and a token that the caller has room for.
func (a *Auth[T, S]) findInto(ctx context.Context, k *kit, value string, s *held[T]) error {
	s.value = value
	var err error
	if a.store == nil || a.adopt && strings.Contains(value, ".") { // sealed tokens have dots, handles none
		s.claims, err = token.OpenString(k.codec, value)
	} else if s.record, err = a.findStored(ctx, value); err == nil {
		s.claims = string(s.record.Claims)
	}
	if err == nil {
		err = decodeToken(s.claims, s.token, a.claims, a.now())
	}
	if err == nil {
		err = a.checkOrigin(s)
	}
	if err == nil {
		err = checkDenied(ctx, a.denyList, defaultsOf(s.token))
	}
	return err
}

// checkOrigin refuses a session that has had its time, whatever it says itself,
// and one that another Auth keeps in the same store.
func (a *Auth[T, S]) checkOrigin(s *held[T]) error {
	d, now := defaultsOf(s.token), a.now()
	unused := d.IssuedAt != 0 && !now.Before(d.IssuedAt.Time().Add(a.maxAge)) // MaxAge may have been longer before
	if unused || !now.Before(a.endOf(s.token)) {
		return token.ErrExpired
	}
	if s.record != nil && d.Origin.Prefix != a.prefix {
		return store.ErrNotFound
	}
	return nil
}

func (a *Auth[T, S]) findStored(ctx context.Context, handle string) (*store.Record, error) {
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	r, err := a.store.Find(bounded, handle)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		err = KeepSession(err)
	}
	return r, err
}

// decodeToken decodes the claims of a token into t, which is empty, and checks
// the times in them.
func decodeToken[T JWT](claims string, t *T, known *fields.Claims, now time.Time) error {
	if !known.Decode(claims, t) {
		*t = *new(T)
		if err := json.Unmarshal([]byte(claims), t); err != nil {
			return fmt.Errorf("%w: the claims do not fit %T: %w", token.ErrInvalid, *t, err)
		}
	}
	d := defaultsOf(t)
	if err := token.Validate(d.IssuedAt, d.ExpiresAt, d.NotBefore, now); err != nil {
		return err
	}
	if d.Subject == "" {
		return fmt.Errorf("%w: it has no subject", token.ErrInvalid)
	}
	return nil
}

// keep gives a session a new lifetime and keeps it: it seals the token, or
// writes it to the store, as a new session if s has no record yet. The errors
// of the store come through; after any error s is as it was.
func (a *Auth[T, S]) keep(ctx context.Context, k *kit, s *held[T], from client) error {
	now := a.now()
	d := defaultsOf(s.token)
	if d.Subject == "" {
		return errNoSubject
	}
	before := *d
	o := &d.Origin
	if o.AuthTime == 0 {
		o.AuthTime = orDefault(d.IssuedAt, token.NumericDate(now.Unix()))
	}
	if o.SessionID == "" && a.denyList != nil {
		o.SessionID = firstOf(d.ID, rand.Text())
	}
	if a.store != nil {
		o.Prefix = a.prefix
	}
	expires := a.expiry(s.token)
	d.IssuedAt = token.NumericDate(now.Unix())
	d.ExpiresAt = token.NumericDate(expires.Unix())
	d.NotBefore = 0
	d.ID = ""
	if a.store == nil {
		d.ID = rand.Text()
	}
	room := a.lend()
	defer a.rooms.Put(room)
	claims, err := encode(*room, a.claims, s.token)
	*room = claims[:0]
	value, record := "", s.record
	if err == nil && a.store == nil {
		value, err = k.codec.Seal(claims)
	} else if err == nil {
		value, record, err = a.keepStored(ctx, s, claims, expires, from)
	}
	if err != nil {
		*d = before
		if errors.Is(err, token.ErrTooLarge) {
			err = ErrTokenTooLarge
		}
		return fmt.Errorf("nuxtauth: keep the session of %q: %w", d.Subject, err)
	}
	a.forget(s.value)
	s.claims, s.value, s.record, s.expires = "", value, record, expires
	if !a.claims.Comparable() {
		s.claims = string(claims)
	}
	return nil
}

// sender is what a store shall know of who sent a request.
func (a *Auth[T, S]) sender(c *gin.Context) client {
	if a.store == nil {
		return client{}
	}
	return a.clients.of(c)
}

// keepStored writes a session to the store, though the browser may have left.
// One whose user has changed, because a callback joined two accounts, becomes a
// new one.
func (a *Auth[T, S]) keepStored(ctx context.Context, s *held[T], claims []byte, expires time.Time, from client) (string, *store.Record, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	d, old := defaultsOf(s.token), s.record
	r := &store.Record{
		Subject: d.Subject, Provider: d.Origin.Provider, ProviderSession: d.Origin.ProviderSession,
		CreatedAt: d.Origin.AuthTime.Time(), IP: from.ip, UserAgent: store.UserAgent(from.userAgent),
	}
	if old != nil {
		*r = *old
		if from != (client{}) {
			r.IP, r.UserAgent = from.ip, store.UserAgent(from.userAgent)
		}
	}
	r.Claims, r.SeenAt, r.ExpiresAt = bytes.Clone(claims), a.now(), expires
	if old != nil && old.Subject == d.Subject {
		handle, err := a.store.Replace(ctx, s.value, r)
		return handle, r, err
	}
	r.Subject = d.Subject
	if r.Subject != d.Origin.ProviderSubject {
		r.ProviderSubject = d.Origin.ProviderSubject
	}
	handle, err := a.store.Create(ctx, r)
	if err == nil && old != nil {
		err = a.replaced(ctx, s)
		if err != nil {
			err = errors.Join(err, a.store.Delete(ctx, handle))
		}
	}
	return handle, r, err
}

// replaced ends a session in favour of a new one. If it has ended already, the
// new one must not bring it back: that is store.ErrNotFound.
func (a *Auth[T, S]) replaced(ctx context.Context, s *held[T]) error {
	n, err := a.store.DeleteWhere(ctx, store.Filter{Subject: s.record.Subject, ID: s.record.ID})
	switch {
	case errors.Is(err, store.ErrUnsupported):
		if _, err := a.store.Find(ctx, s.value); err != nil {
			return err
		}
		return ignoreUnsupported(a.store.Delete(ctx, s.value))
	case err == nil && n == 0:
		return store.ErrNotFound
	}
	return err
}

// findAndEnd ends the session of a cookie's value, and returns it if there was one.
func (a *Auth[T, S]) findAndEnd(ctx context.Context, k *kit, value string) (*held[T], error) {
	s, err := a.find(ctx, k, value)
	switch {
	case err == nil:
		return s, a.end(ctx, s)
	case isPassing(ctx, err):
		return nil, err
	}
	return nil, a.deleteStored(ctx, value) // what is there is of another type, say
}

// end ends a session for copies of its cookie too, where there is a store or a
// deny-list to do it, though the browser may have left. The cookie itself is
// the caller's.
func (a *Auth[T, S]) end(ctx context.Context, s *held[T]) error {
	if err := a.deleteStored(ctx, s.value); err != nil {
		return err
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	return a.denySession(ctx, defaultsOf(s.token))
}

// deleteStored deletes what is behind a cookie's value, if anything is.
func (a *Auth[T, S]) deleteStored(ctx context.Context, value string) error {
	defer a.forget(value)
	if a.store == nil {
		return nil
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	return ignoreUnsupported(a.store.Delete(ctx, value))
}

// lasting is the context of a write to a store that is to be done to its end.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
}

// ignoreUnsupported is for stores that keep everything in the cookie: clearing
// it is all that can be done.
func ignoreUnsupported(err error) error {
	if errors.Is(err, store.ErrUnsupported) {
		return nil
	}
	return err
}

// expiry is when a session that is kept now will end, unless it is used.
func (a *Auth[T, S]) expiry(t *T) time.Time {
	expires := a.now().Add(a.maxAge)
	if end := a.endOf(t); end.Before(expires) {
		return end
	}
	return expires
}

// endOf is when a session ends however much it is used. Tokens of a Node server
// do not say when the user signed in; their time runs from the first renewal.
func (a *Auth[T, S]) endOf(t *T) time.Time {
	since := defaultsOf(t).Origin.AuthTime
	if since == 0 {
		return a.now().Add(a.lifetime)
	}
	return since.Time().Add(a.lifetime)
}

// aged tells whether a session is due to be renewed.
func (a *Auth[T, S]) aged(t *T) bool {
	return a.now().Sub(defaultsOf(t).IssuedAt.Time()) >= a.updateAge
}

// lend lends room for JSON that is not needed after the request. Put it back
// into rooms.
func (a *Auth[T, S]) lend() *[]byte {
	room, ok := a.rooms.Get().(*[]byte)
	if !ok {
		room = new([]byte)
	}
	return room
}

// encode appends the JSON of a value to b. Its type is known, or nil.
func encode(b []byte, known *fields.Claims, v any) ([]byte, error) {
	if b, ok := known.Append(b, v); ok {
		return b, nil
	}
	return marshal(v)
}

// marshal writes the same value as the same bytes every time.
func marshal(v any) ([]byte, error) { return json.Marshal(v, json.Deterministic(true)) }
