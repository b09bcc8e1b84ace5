// Package session is the life of a session: it is found by what a request
// carries, run through the application's callbacks, written again when it has
// changed or aged, and ended. It knows no type parameters: the application's
// token and session types are behind [Types].
package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// State is the result of loading a session.
type State uint8

const (
	// None: the request carries no session.
	None State = iota
	// Active: the session is valid, and both callbacks have accepted it.
	Active
	// Expired: what the request carries opens no session, or none any more.
	Expired
	// Rejected: a callback, or the provider, has ended the session.
	Rejected
	// Unavailable: whether the session is valid can't be told now. The request
	// counts as signed out, and the session stays.
	Unavailable
)

// A Session is the session of one request. The zero value is that of a request
// that carries none. [Types.New] makes one with an empty token.
type Session struct {
	State State

	Token          any             // *T of the application, never nil in one that New made
	Claims         *Claims         // of the token, a part of it
	ProviderTokens *ProviderTokens // of the token, nil where its type has none
	View           any             // *S of the application; nil unless the session is Active

	save      bool // the session has to be written, also if it is Unavailable
	cookieDue bool // the cookie has to be written: its value or its expiry is another one
	stale     bool // the access token has expired and can't be refreshed now
	waited    bool // the request has waited for a refresh while the access token was valid
	local     bool // it was found by a token of [Local]
	rotated   bool // its refresh token was replaced

	credential Credential
	record     *store.Record // nil for a session in a cookie
	value      string        // the sealed token, or the handle; "" for a session that is new
	claims     string        // the JSON of the token as it was found; "" once it was written anew
	found      identity      // of the session as it was found or last written
	latest     int64         // the latest revocation that the deny-list has of what it belongs to
	tokenEnds  time.Time     // when the access token of [Local] expires; zero without one

	ctx *guard.Context // of the callbacks
}

// An identity is what a session keeps whatever a callback does to its token.
type identity struct{ subject, id string }

// A Slot is the memory of a session, for [Types.New] to allocate in one piece
// with the token: this happens at every request.
type Slot struct {
	session Session
	ctx     guard.Context
}

// Session returns the session in the slot.
func (l *Slot) Session() *Session {
	l.session.ctx = &l.ctx
	return &l.session
}

// JSON returns the claims of the session as they were found, "" for a session that
// is new or was written since.
func (s *Session) JSON() string { return s.claims }

// Active reports whether the session is valid: then it has a view.
func (s *Session) Active() bool { return s.State == Active }

// isOver reports whether what the request carries is no session any more.
func (s *Session) isOver() bool { return s.State == Expired || s.State == Rejected }

// isFound reports whether the store or the cookie has a session for s, whatever its
// state is.
func (s *Session) isFound() bool { return s.value != "" }

// ID names the session, which [Types.New] made, for [Manager.RevokeSession]. It is empty
// for one in a cookie, unless there is a deny-list.
func (s *Session) ID() string {
	if s.stored() {
		return s.record.ID
	}
	return s.Claims.Origin.SessionID
}

// stored reports whether the session is in the store.
func (s *Session) stored() bool { return s.record != nil }

// writable reports whether the session can be written. One that came as Bearer
// has no cookie to write to: a sealed token can't be replaced, and a handle only
// as long as it stays the same, which it does unless the user changes.
func (s *Session) writable() bool {
	return !s.credential.Bearer || s.record != nil && s.record.Subject == s.Claims.Subject
}

// Claims are the claims that every token has. The public type DefaultJWT has
// the same underlying type.
type Claims struct {
	Name, Email, Picture string

	Subject string

	IssuedAt  token.NumericDate
	ExpiresAt token.NumericDate
	NotBefore token.NumericDate
	ID        string

	Origin token.Origin

	Extra jsontext.Value
}

// RestoreReserved sets the claims that a callback may not change to those of from.
func (c *Claims) RestoreReserved(from *Claims) {
	c.IssuedAt, c.ExpiresAt, c.NotBefore, c.ID = from.IssuedAt, from.ExpiresAt, from.NotBefore, from.ID
	c.Origin = from.Origin
}

// ProviderTokens are the tokens of the provider that the user signed in with.
// The public type of the same name has the same underlying type.
type ProviderTokens struct {
	AccessToken        string
	RefreshToken       string
	AccessTokenExpires token.NumericDate
	IDToken            string
}

// Types are the application's token and session types and its callbacks. The
// functions are safe for concurrent use; a session is used by one at a time.
type Types interface {
	// New returns a session with an empty token.
	New() *Session

	// Decode replaces the token by that of claims, a JSON object. If the claims do
	// not fit, the error wraps token.ErrInvalid, or ErrUnavailable if a method of the
	// type panicked, and the token is the zero value.
	Decode(claims string, s *Session) error

	// Encode appends the JSON of the token to b.
	Encode(b []byte, s *Session) ([]byte, error)

	// EncodeView appends the JSON of the view to b.
	EncodeView(b []byte, s *Session) ([]byte, error)

	// CopyToken copies the token of one session into another. What pointers, maps
	// and slices in it refer to is shared.
	CopyToken(to, from *Session)

	// JWT runs the JWT callback, puts the token that it returns into s and
	// restores the reserved claims, also after an error. It reports whether the
	// JSON of the token has changed, apart from these. p may be nil.
	JWT(ctx context.Context, s *Session, p *Params) (changed bool, err error)

	// Session runs the Session callback on a new session that expires at this
	// time, and puts what it returns into the view. p may be nil.
	Session(ctx context.Context, s *Session, p *Params, expires time.Time) error

	// SetExpires sets the time at which the view expires.
	SetExpires(s *Session, expires time.Time)
}

// A Trigger says why a callback runs, in the words of Auth.js.
type Trigger string

// The triggers. The empty one is a request for session data.
const (
	TriggerSignIn Trigger = "signIn"
	TriggerSignUp Trigger = "signUp"
	TriggerUpdate Trigger = "update"
)

// Params are what a callback gets beside the token. The zero value is that of a
// request for session data.
type Params struct {
	Trigger Trigger

	// At a sign-in.
	User      *provider.User
	Account   *provider.Account
	Profile   provider.Profile
	IsNewUser bool

	// With TriggerUpdate: the data of the front end, as JSON.
	Update []byte
}

// A CookieSet is the cookies of an application on http, or on https, with the
// codecs whose keys depend on their names.
type CookieSet struct {
	Session     cookie.Chunked
	CallbackURL cookie.Cookie
	CSRF        cookie.Cookie
	Check       cookie.Cookie
	Codec       token.Codec // of the session token
	CheckCodec  token.Codec // of the state of a sign-in or sign-out under way at a provider
}

// The errors on which callers branch.
var (
	// ErrSignedOut means that there is no session, or not any more.
	ErrSignedOut = errors.New("nuxtauth: signed out")

	// ErrUnavailable means that it can't be told now whether there is a session.
	ErrUnavailable = errors.New("nuxtauth: the session can't be checked now")

	// ErrTokenTooLarge means that a sealed token does not fit into cookies.
	ErrTokenTooLarge = errors.New("nuxtauth: the token is too large for cookies: keep less in it, such as ids, and let the Session callback fetch the rest; or set Session.Store")

	errOtherSubject = errors.New("the JWT callback has changed the subject of the token: with Config.Accounts it is the ID of the user there, by which sessions end")
	errNoSubject    = errors.New("the token has no subject: give the user an ID, or set Token.Subject in the JWT callback")
)

// ended makes an error one that wraps [ErrSignedOut].
func ended(err error) error { return fmt.Errorf("%w: %w", ErrSignedOut, err) }

// Transient marks an error as temporary. A nil error stays nil.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return &transientError{err}
}

type transientError struct{ err error }

func (e *transientError) Error() string { return e.err.Error() }

func (e *transientError) Unwrap() error { return e.err }

// Is makes the error one that wraps [ErrUnavailable] too.
func (e *transientError) Is(target error) bool { return target == ErrUnavailable }

// isTransient reports whether err is temporary, as opposed to the session being over.
func isTransient(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, ErrUnavailable)
}
