package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// A Reader opens sessions by the value of their cookie. It writes nothing. It is
// safe for concurrent use.
type Reader struct {
	Types    Types
	Store    store.Sessions // nil: sessions are in their cookies
	DenyList store.Marks    // for sessions in cookies; nil: none is revoked before it expires
	Adopt    bool           // with a Store, sealed tokens count too
	Realm    string         // of the sessions in the store and of the names in the deny-list
	Lifetime Lifetime
	Subjects Subjects // those of all other sessions have ended
	Local    *Local   // opens access tokens; nil: none is accepted
	Now      func() time.Time

	// moved returns the handle of the session that a sealed token has become a
	// moment ago. Nil knows none.
	moved func(value string) (handle string, ok bool)
}

// Subjects say whose IDs the subjects of tokens are. A session that began here says it, and
// one that a Node server began does not.
type Subjects int

// The subjects.
const (
	AnySubjects      Subjects = iota // a service that reads sessions alone does not tell them apart
	ProviderSubjects                 // of users at providers
	UserSubjects                     // of users of the application
)

var (
	errNoValue = ended(fmt.Errorf("%w: the cookies of the session have no whole value", token.ErrInvalid))
	errNoOwner = ended(fmt.Errorf("%w: it has no subject", token.ErrInvalid))
	errSubject = ended(errors.New("its subject is the ID of a user at a provider and not of one in Config.Accounts, or the other way round: the session is of before that changed"))
	errLocal   = ended(fmt.Errorf("%w: the handle of a session without a cookie opens it in a token alone, and its access token in no cookie", token.ErrInvalid))
	errRealm   = ended(fmt.Errorf("%w: it is of another application that shares the store", store.ErrNotFound))
)

// A foreignError is the error of a value that this application, as it is configured, makes
// for no session. A handle that the store does not have is none: its session may have ended.
type foreignError struct{ err error }

func (e *foreignError) Error() string { return e.err.Error() }
func (e *foreignError) Unwrap() error { return e.err }

// Read returns the session of a credential, or what is known of it beside an
// error. Of several values the first that is a session counts, as in Node. The
// error wraps [ErrUnavailable] if that can't be told now, and otherwise
// [ErrSignedOut].
func (r *Reader) Read(ctx context.Context, cs *CookieSet, c Credential) (*Session, error) {
	if c.several != nil {
		return r.readSeveral(ctx, cs, c)
	}
	s := r.Types.New()
	s.credential, s.local = c, c.refresh != nil
	if c.Value == "" {
		return s, errNoValue
	}
	return s, r.open(ctx, cs, c.Value, s)
}

// readSeveral is Read for a credential with several values. Without a session it
// returns one without a value, and the error of the last.
func (r *Reader) readSeveral(ctx context.Context, cs *CookieSet, c Credential) (*Session, error) {
	err := errNoValue
	for value := range c.values {
		s := r.Types.New()
		s.credential = c
		s.credential.Value = value
		if err = r.open(ctx, cs, value, s); err == nil || isTransient(ctx, err) {
			return s, err
		}
	}
	s := r.Types.New()
	s.credential = c
	return s, err
}

// open finds the session of a value and checks it. s is new, or its token can be
// replaced.
func (r *Reader) open(ctx context.Context, cs *CookieSet, value string, s *Session) error {
	if err := r.find(ctx, cs, value, s); err != nil {
		return err
	}
	return r.check(ctx, s)
}

// A stringOpener is a codec that takes less memory to open a token whose claims are
// needed as a string. Those of the protocols are.
type stringOpener interface {
	OpenString(sealed string) (string, error)
}

func openString(ctx context.Context, c token.Codec, sealed string) (string, error) {
	if c, ok := c.(stringOpener); ok {
		return c.OpenString(sealed)
	}
	claims, err := c.Open(ctx, sealed)
	return string(claims), err
}

// find finds the session of a value and reads its token. It does not tell whether
// the session has ended by its age or was revoked. After an error of the token,
// [Session.isFound] is true.
func (r *Reader) find(ctx context.Context, cs *CookieSet, value string, s *Session) error {
	if r.Local != nil && isSealed(value) {
		handle, ends, err := r.Local.openAccess(ctx, value)
		switch {
		case err == nil && !r.Now().Before(ends):
			return ended(token.ErrExpired)
		case err == nil:
			value, s.local, s.tokenEnds = handle, true, ends
		case !errors.Is(err, token.ErrInvalid):
			return Transient(err)
		}
	}
	moved := false
	if r.moved != nil && isSealed(value) {
		if handle, ok := r.moved(value); ok {
			value, moved = handle, true
		}
	}
	if r.Store == nil || r.Adopt && isSealed(value) {
		claims, err := openString(ctx, cs.Codec, value)
		if errors.Is(err, token.ErrInvalid) {
			return ended(&foreignError{err})
		}
		if err != nil {
			return Transient(err)
		}
		s.value, s.claims = value, claims
	} else {
		record, err := r.Store.FindSession(ctx, value)
		if errors.Is(err, store.ErrNotFound) && isSealed(value) {
			err = &foreignError{err}
		}
		if errors.Is(err, store.ErrNotFound) {
			return ended(err)
		}
		if err != nil {
			return Transient(err)
		}
		if record.Realm != r.Realm {
			return errRealm
		}
		s.value, s.record, s.claims = value, record, string(record.Claims)
	}
	if err := r.decode(s); err != nil {
		return err
	}
	s.cookieDue = moved
	return nil
}

// decode reads the claims of s into its token.
func (r *Reader) decode(s *Session) error {
	err := r.Types.Decode(s.claims, s)
	if errors.Is(err, token.ErrInvalid) {
		return ended(err)
	}
	if err != nil {
		return Transient(err)
	}
	s.found = identity{s.Claims.Subject, sessionID(s.Claims)}
	return nil
}

// check returns an error if a session that was found has ended.
func (r *Reader) check(ctx context.Context, s *Session) error {
	if s.Claims.Origin.Local != s.local || s.local && s.credential.Present != 0 {
		return errLocal
	}
	if err := r.Lifetime.check(s.Claims, r.Now()); err != nil {
		return ended(err)
	}
	if s.found.subject == "" {
		return errNoOwner
	}
	if o := &s.Claims.Origin; r.Subjects != AnySubjects && (o.Provider != "" || o.User) && o.User != (r.Subjects == UserSubjects) {
		return errSubject
	}
	return r.denyList().check(ctx, s)
}

func (r *Reader) denyList() denyList {
	return denyList{marks: r.DenyList, realm: r.Realm, sealed: r.Adopt}
}
