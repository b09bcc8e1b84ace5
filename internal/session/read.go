package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/clientip"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A Request is a request of a client, and where the answer's cookies go.
type Request struct {
	*http.Request
	Source   clientip.Source // the same request, for the address of the client
	Response http.Header
	Cookies  *CookieSet
	Origin   string // of the application, as the browser sees it
}

// A Credential is what a request carries of a session: a sealed token or a
// handle, in cookies or in the Authorization header.
type Credential struct {
	Value   string
	Present cookie.Present // the session's cookies in the request
	Bearer  bool
	several *cookie.Found // where two cookies have the session's name
}

// partial reports whether not every value was read, so that the cookies must not
// be cleared when none of those that were is good.
func (c *Credential) partial() bool { return c.several != nil && c.several.Incomplete }

// values calls yield with each value of the credential until it returns false.
func (c *Credential) values(yield func(value string) bool) {
	if c.Value == "" || !yield(c.Value) || c.several == nil {
		return
	}
	for _, value := range c.several.More {
		if !yield(value) {
			return
		}
	}
}

// ReadCredential returns what the request carries of a session, and false if
// that is nothing. A session cookie that this response has set already counts in
// place of the request's: a handler may have changed the session before the
// request was routed again.
func ReadCredential(r Request) (Credential, bool) {
	if len(r.Response["Set-Cookie"]) > 0 {
		if value, present := r.Cookies.Session.Written(r.Response); present != 0 {
			return Credential{Value: value, Present: present}, value != ""
		}
	}
	c := readCookies(r)
	if c.Present == 0 {
		c.Value, c.Bearer = bearer(r.Header), true
		return c, c.Value != ""
	}
	return c, true
}

// readCookies returns what the cookies of the request carry of a session. Without
// a whole value they are a credential that opens nothing.
func readCookies(r Request) Credential {
	found, _ := r.Cookies.Session.Read(r.Header)
	c := Credential{Value: found.Value, Present: found.Present}
	if found.Repeated {
		several := found // not found itself, which would be allocated in every request
		c.several = &several
	}
	return c
}

// bearer returns the token of an Authorization header (RFC 6750 §2.1), "" when
// there is none. As in Auth.js it may be percent-encoded.
func bearer(h http.Header) string {
	lines := h["Authorization"] // not Get, which costs a signed-out request a tenth of our time
	if len(lines) == 0 {
		return ""
	}
	scheme, value, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	value, err := url.PathUnescape(strings.TrimSpace(value))
	if err != nil {
		return ""
	}
	return value
}

// A Reader opens sessions by the value of their cookie. It writes nothing.
type Reader struct {
	Types    Types
	Store    store.Sessions // nil: sessions live in their cookies
	DenyList store.Marks    // for sessions in cookies; nil: none is revoked before it expires
	Adopt    bool           // with a Store, sealed tokens count too
	Realm    string         // of the sessions in the store and of the names in the deny-list
	Now      func() time.Time

	// Moved returns the handle of the session that a sealed token has become a
	// moment ago. Nil knows none.
	Moved func(value string) (handle string, ok bool)

	// MaxAge and MaxLifetime end sessions that were written under longer ones.
	// Zero checks nothing.
	MaxAge      time.Duration
	MaxLifetime time.Duration
}

var errNoValue = fmt.Errorf("%w: the cookies of the session have no whole value", token.ErrInvalid)

// Read returns the session of a credential, or what is known of it beside an
// error. Of several values the first that is a session counts. An error that wraps
// [ErrUnavailable] says that it can't be told now; any other, that there is none.
func (r *Reader) Read(ctx context.Context, cs *CookieSet, c Credential) (*Session, error) {
	s := r.Types.New()
	s.credential = c
	err := errNoValue
	for value := range c.values {
		if s.claims != "" { // a value that was tried before has filled the token
			s = r.Types.New()
			s.credential = c
		}
		if err = r.open(ctx, cs.Codec, value, s); err == nil || isTransient(ctx, err) {
			break
		}
	}
	return s, err
}

// open is Read for one value. s is new.
func (r *Reader) open(ctx context.Context, codec token.Codec, value string, s *Session) error {
	moved := false
	if r.Moved != nil && isSealed(value) {
		if handle, ok := r.Moved(value); ok {
			value, moved = handle, true
		}
	}
	if r.Store == nil || r.Adopt && isSealed(value) {
		claims, err := token.OpenString(ctx, codec, value)
		if err != nil && !errors.Is(err, token.ErrInvalid) {
			return Transient(err)
		}
		if err != nil {
			return err
		}
		s.claims = claims
	} else {
		record, err := r.Store.FindSession(ctx, value)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return Transient(err)
		}
		if err != nil {
			return err
		}
		if record.Realm != r.Realm {
			return store.ErrNotFound // it is of another application that shares the store
		}
		s.record, s.claims = record, string(record.Claims)
	}
	if err := r.decode(s); err != nil {
		return err
	}
	if err := r.checkRevoked(ctx, s); err != nil {
		return err
	}
	s.value = value
	if moved {
		s.expires = token.NumericDate(s.record.ExpiresAt.Unix()) // the cookie still has the sealed token
	}
	return nil
}

// isSealed tells a sealed token from a handle, which has no dots.
func isSealed(value string) bool { return strings.Contains(value, ".") }

// decode reads the claims of s into its token, and checks the times in them.
func (r *Reader) decode(s *Session) error {
	if err := r.Types.Decode(s.claims, s); err != nil {
		return err
	}
	c, now := s.Claims, r.Now()
	if err := token.Validate(c.IssuedAt, c.ExpiresAt, c.NotBefore, now); err != nil {
		return err
	}
	if c.Subject == "" {
		return fmt.Errorf("%w: it has no subject", token.ErrInvalid)
	}
	if r.MaxAge > 0 && !now.Before(c.IssuedAt.Time().Add(r.MaxAge)) || !now.Before(r.end(c)) {
		return token.ErrExpired
	}
	return nil
}

// end is when a session ends however much it is used. The tokens of a Node
// server do not say when the user signed in; their lifetime begins when they are
// written here for the first time.
func (r *Reader) end(c *Claims) time.Time {
	if c.Origin.AuthTime == 0 || r.MaxLifetime == 0 {
		return farFuture
	}
	return c.Origin.AuthTime.Time().Add(r.MaxLifetime)
}

// farFuture is later than any session lives.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
