package nuxtauth

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

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
	claims []byte        // the JSON of token, as it was found or kept
	record *store.Record // nil for a session in its cookie
	value  string        // the sealed token, or the handle

	// expires is set when this request kept the session anew: the cookie has
	// to say so.
	expires time.Time
}

// find returns the session of a cookie's value, or of a Bearer token. A fault
// of a store is a [KeepSession] error; any other means that there is none.
func (a *Auth[T, S]) find(ctx context.Context, k *kit, value string) (*held[T], error) {
	s := &held[T]{value: value}
	var err error
	if a.store == nil || a.adopt && strings.Contains(value, ".") { // sealed tokens have dots, handles none
		s.claims, err = k.codec.Open(value)
	} else if s.record, err = a.findStored(ctx, value); err == nil {
		s.claims = s.record.Claims
	}
	if err == nil {
		s.token, err = decodeToken[T](s.claims, a.now())
	}
	if err == nil && !a.now().Before(a.endOf(s.token)) {
		err = token.ErrExpired
	}
	if err == nil {
		err = a.checkDenied(ctx, s.token)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
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

// decodeToken decodes the claims of a token and checks the times in them.
func decodeToken[T JWT](claims []byte, now time.Time) (*T, error) {
	t := new(T)
	if err := json.Unmarshal(claims, t); err != nil {
		return nil, fmt.Errorf("%w: the claims do not fit %T: %w", token.ErrInvalid, *t, err)
	}
	d := defaultsOf(t)
	if err := token.Validate(d.IssuedAt, d.ExpiresAt, d.NotBefore, now); err != nil {
		return nil, err
	}
	if d.Subject == "" {
		return nil, fmt.Errorf("%w: it has no subject", token.ErrInvalid)
	}
	return t, nil
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
	if d.AuthTime == 0 {
		d.AuthTime = orDefault(d.IssuedAt, token.NumericDate(now.Unix()))
	}
	if d.SessionID == "" && a.denyList != nil {
		d.SessionID = firstOf(d.ID, rand.Text())
	}
	expires := a.expiry(s.token)
	d.IssuedAt = token.NumericDate(now.Unix())
	d.ExpiresAt = token.NumericDate(expires.Unix())
	d.NotBefore = 0
	d.ID = rand.Text()
	claims, err := marshal(s.token)
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
	s.claims, s.value, s.record, s.expires = claims, value, record, expires
	return nil
}

// keepStored writes a session to the store. One whose user has changed, because
// a callback joined two accounts, becomes a new one.
func (a *Auth[T, S]) keepStored(ctx context.Context, s *held[T], claims []byte, expires time.Time, from client) (string, *store.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	d, old := defaultsOf(s.token), s.record
	r := &store.Record{
		Subject: d.Subject, Provider: d.IDP.Provider, ProviderSession: d.IDP.name(),
		CreatedAt: d.AuthTime.Time(), IP: from.ip, UserAgent: store.UserAgent(from.userAgent),
	}
	if old != nil {
		*r = *old
		if from != (client{}) {
			r.IP, r.UserAgent = from.ip, store.UserAgent(from.userAgent)
		}
	}
	r.Claims, r.SeenAt, r.ExpiresAt = claims, a.now(), expires
	if old != nil && old.Subject == d.Subject {
		handle, err := a.store.Replace(ctx, s.value, r)
		return handle, r, err
	}
	r.Subject = d.Subject
	handle, err := a.store.Create(ctx, r)
	if err == nil && old != nil {
		err = ignoreUnsupported(a.store.Delete(ctx, s.value))
	}
	return handle, r, err
}

// name is what the sessions from one session at a provider have in common.
// Where the provider does not name its sessions, all of a user's are one.
func (s IDPSession) name() string {
	if s.SessionID == "" && s.Subject != "" {
		return "sub:" + s.Subject
	}
	return s.SessionID
}

// end ends a session for copies of its cookie too, where there is a store or a
// deny-list to do it. The cookie itself is the caller's.
func (a *Auth[T, S]) end(ctx context.Context, s *held[T]) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if s.record != nil {
		return ignoreUnsupported(a.store.Delete(ctx, s.value))
	}
	return a.deny(ctx, sessionMark(defaultsOf(s.token)))
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
	since := defaultsOf(t).AuthTime.Time()
	if defaultsOf(t).AuthTime == 0 {
		since = a.now()
	}
	return since.Add(a.lifetime)
}

// aged tells whether a session is due to be renewed.
func (a *Auth[T, S]) aged(t *T) bool {
	return a.now().Sub(defaultsOf(t).IssuedAt.Time()) >= a.updateAge
}

// changed tells whether the JWT callback left the token other than it was.
func (a *Auth[T, S]) changed(t *T, claims []byte) bool {
	if a.callbacks.JWT == nil {
		return false
	}
	b, err := marshal(t)
	return err != nil || !bytes.Equal(b, claims) // an error comes up again, and into the log, when it is kept
}

// marshal writes the same value as the same bytes every time.
func marshal(v any) ([]byte, error) { return json.Marshal(v, json.Deterministic(true)) }
