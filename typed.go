package nuxtauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/claims"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/token"
)

// typed is the application's token and session types, for package session. No
// other package knows them.
type typed[T TokenType, S SessionType] struct {
	jsonGuard
	jwt     func(context.Context, JWTParams[T]) (*T, error)        // the callbacks, guarded;
	session func(context.Context, SessionParams[T, S]) (*S, error) // nil for none

	user      claims.User  // of S
	token     *claims.Type // of T, and
	view      *claims.Type // of S; nil for types that go through the JSON library
	snapshots sync.Pool    // of *T
	buffers   sync.Pool    // of *bytes.Buffer
}

var _ session.Types = (*typed[DefaultJWT, DefaultSession[DefaultUser]])(nil)

func newTyped[T TokenType, S SessionType](log *slog.Logger, c Callbacks[T, S]) *typed[T, S] {
	user, _ := sessionDefaults(new(S))
	return &typed[T, S]{
		jsonGuard: jsonGuard{log},

		jwt:     c.JWT,
		session: c.Session,
		user:    claims.UserOf(reflect.TypeOf(user).Elem()),
		token:   claims.NewType(reflect.TypeFor[T](), reflect.TypeFor[DefaultJWT]()),
		view:    claims.NewType(reflect.TypeFor[S](), nil),
	}
}

// New implements [session.Types], with one allocation for the session and its token.
func (t *typed[T, S]) New() *session.Session {
	var slot struct {
		session.Slot
		token T
	}
	s := slot.Session()
	bind(s, &slot.token)
	return s
}

// bind makes a token that of a session.
func bind[T TokenType](s *session.Session, t *T) {
	s.Token = t
	s.Claims = (*session.Claims)(defaultsOf(t))
	s.ProviderTokens = (*session.ProviderTokens)(providerTokensOf(t))
}

// Decode implements [session.Types].
func (t *typed[T, S]) Decode(claims string, s *session.Session) error {
	*s.Token.(*T) = *new(T)
	err := t.decodeJSON(t.token, claims, s.Token, &s.Claims.Extra)
	if err == nil {
		return nil
	}
	*s.Token.(*T) = *new(T)                // of what was read so far
	if !errors.Is(err, token.ErrInvalid) { // a panic, which says nothing about the session
		return session.Transient(err)
	}
	return err
}

// Encode implements [session.Types].
func (t *typed[T, S]) Encode(b []byte, s *session.Session) ([]byte, error) {
	return t.appendJSON(b, t.token, s.Token, s.Claims.Extra)
}

// EncodeView implements [session.Types].
func (t *typed[T, S]) EncodeView(b []byte, s *session.Session) ([]byte, error) {
	return t.appendJSON(b, t.view, s.View, nil)
}

// A jsonGuard reads and writes the JSON of the application's types, whose methods may
// panic.
type jsonGuard struct{ log *slog.Logger }

// decodeJSON fills an empty token with a JSON object, and extra with the members that no
// field declares. The type of the token is known, or nil. The error wraps
// [token.ErrInvalid], unless it is that of a panic.
func (g jsonGuard) decodeJSON(known *claims.Type, object string, into any, extra *jsontext.Value) (err error) {
	defer guard.Recover(context.Background(), g.log, "a method that reads the JSON of the token", &err)
	if known.Decode(object, into) {
		return nil
	}
	reflect.ValueOf(into).Elem().SetZero() // of what was read so far
	if err := claims.Unmarshal(object, into, extra); err != nil {
		return fmt.Errorf("%w: the claims do not fit %v: %w", token.ErrInvalid, reflect.TypeOf(into).Elem(), err)
	}
	return nil
}

// appendJSON appends the JSON of a value and the members of extra, an object or empty:
// the same bytes every time. The type of the value is known, or nil.
func (g jsonGuard) appendJSON(b []byte, known *claims.Type, v any, extra jsontext.Value) (_ []byte, err error) {
	defer guard.Recover(context.Background(), g.log, "a method that writes the JSON of the token or the session", &err)
	if len(extra) == 0 {
		if b, ok := known.Append(b, v); ok {
			return b, nil
		}
	}
	object, err := claims.Marshal(v, extra)
	return append(b, object...), err
}

// CopyToken implements [session.Types].
func (t *typed[T, S]) CopyToken(to, from *session.Session) {
	*to.Token.(*T) = *from.Token.(*T)
}

var (
	errNoToken   = errors.New("the JWT callback returned no token")
	errNoSession = errors.New("the Session callback returned no session")
)

// JWT implements [session.Types].
func (t *typed[T, S]) JWT(ctx context.Context, s *session.Session, p *session.Params) (changed bool, err error) {
	if t.jwt == nil {
		return false, nil
	}
	current := s.Token.(*T)
	beforeJSON, err := t.json(s)
	if err != nil {
		return false, err
	}
	before := t.snapshot(current)
	defer t.release(before)
	params := JWTParams[T]{Token: current}
	if p != nil {
		params.Trigger, params.Update = Trigger(p.Trigger), UpdateData(p.Update)
		params.User, params.Account, params.Profile, params.IsNewUser = p.User, p.Account, p.Profile, p.IsNewUser
	}
	got, err := t.jwt(ctx, params)
	if err == nil && got == nil {
		err = errNoToken
	}
	if err != nil {
		s.Claims.RestoreReserved((*session.Claims)(defaultsOf(before)))
		return false, err
	}
	if got != current {
		bind(s, got)
	}
	s.Claims.RestoreReserved((*session.Claims)(defaultsOf(before)))
	return t.changed(got, before, beforeJSON), nil
}

// json returns the JSON of the token of a session, "" if its type can be compared
// without.
func (t *typed[T, S]) json(s *session.Session) (string, error) {
	if t.token.Comparable() || s.JSON() != "" {
		return s.JSON(), nil
	}
	b, err := t.appendJSON(nil, t.token, s.Token, s.Claims.Extra)
	return string(b), err
}

// snapshot returns a copy of a token, in which nothing changes when the callback
// changes the token. Give it back to release.
func (t *typed[T, S]) snapshot(from *T) *T {
	s, ok := t.snapshots.Get().(*T)
	if !ok {
		s = new(T)
	}
	*s = *from
	d := defaultsOf(s)
	d.Extra = bytes.Clone(d.Extra)
	if t.token.Comparable() {
		t.token.Clone(s)
	}
	return s
}

func (t *typed[T, S]) release(s *T) {
	*s = *new(T)
	t.snapshots.Put(s)
}

// changed reports whether a token differs from what it was before, with this JSON.
func (t *typed[T, S]) changed(now, before *T, beforeJSON string) bool {
	if t.token.Comparable() {
		d, was := defaultsOf(now), defaultsOf(before)
		return d.Name != was.Name || d.Email != was.Email || d.Picture != was.Picture || d.Subject != was.Subject ||
			!bytes.Equal(d.Extra, was.Extra) || !t.token.Equal(now, before)
	}
	buffer, ok := t.buffers.Get().(*bytes.Buffer)
	if !ok {
		buffer = new(bytes.Buffer)
	}
	defer t.buffers.Put(buffer)
	buffer.Reset()
	b, err := t.appendJSON(buffer.AvailableBuffer(), t.token, now, defaultsOf(now).Extra)
	buffer.Write(b)                              // it grows for the next token
	return err != nil || string(b) != beforeJSON // an error comes up again, and into the log, when the token is written
}

// Session implements [session.Types].
func (t *typed[T, S]) Session(ctx context.Context, s *session.Session, p *session.Params, expires time.Time) error {
	view := new(S)
	user, at := sessionDefaults(view)
	*at = ISOTime(expires)
	t.user.Set(user, s.Claims.Name, s.Claims.Email, s.Claims.Picture)
	if t.session == nil {
		s.View = view
		return nil
	}
	params := SessionParams[T, S]{Session: view, Token: s.Token.(*T)}
	if p != nil {
		params.Trigger, params.Update = Trigger(p.Trigger), UpdateData(p.Update)
	}
	got, err := t.session(ctx, params)
	if err == nil && got == nil {
		err = errNoSession
	}
	if err != nil {
		return err
	}
	s.View = got
	return nil
}

// SetExpires implements [session.Types].
func (t *typed[T, S]) SetExpires(s *session.Session, expires time.Time) {
	_, at := sessionDefaults(s.View.(*S))
	*at = ISOTime(expires)
}

// sessionDefaults are the user of a session, as a pointer, and its expiry.
func sessionDefaults[S SessionType](s *S) (user any, expires *ISOTime) {
	return any(s).(interface{ defaultSession() (any, *ISOTime) }).defaultSession()
}

func defaultsOf[T TokenType](t *T) *DefaultJWT {
	return any(t).(interface{ defaultJWT() *DefaultJWT }).defaultJWT()
}

// providerTokensOf returns nil for a token type that does not embed them.
func providerTokensOf[T TokenType](t *T) *ProviderTokens {
	if with, ok := any(t).(interface{ providerTokens() *ProviderTokens }); ok {
		return with.providerTokens()
	}
	return nil
}

// The rules for types that embed the defaults.
var (
	markers    = []reflect.Type{reflect.TypeFor[TokenType](), reflect.TypeFor[SessionType]()}
	tokenRules = claims.Rules{
		IsDefault: func(t reflect.Type) bool { return t == reflect.TypeFor[DefaultJWT]() },
		Names:     []string{"name", "email", "picture", "sub", "iat", "exp", "nbf", "jti", "nuxtauth"},
		Visible:   []string{"Subject"},
		Markers:   markers,
	}
	sessionRules = claims.Rules{
		IsDefault: func(t reflect.Type) bool {
			return t.PkgPath() == reflect.TypeFor[DefaultJWT]().PkgPath() && strings.HasPrefix(t.Name(), "DefaultSession[")
		},
		Names:   []string{"user", "expires"},
		Visible: []string{"User", "Expires"},
		Markers: markers,
	}
	providerTokensRules = claims.Rules{
		IsDefault: func(t reflect.Type) bool { return t == reflect.TypeFor[ProviderTokens]() },
		Names:     []string{"access_token", "refresh_token", "expires_at", "id_token"},
		Optional:  true,
	}
)

// checkTypes reports mistakes in the application's types that compile.
func checkTypes[T TokenType, S SessionType](log *slog.Logger) error {
	t := reflect.TypeFor[T]()
	err := errors.Join(tokenRules.Check(t), providerTokensRules.Check(t), sessionRules.Check(reflect.TypeFor[S]()))
	if err != nil {
		return err
	}
	return errors.Join(checkTokenJSON[T](log), checkSessionJSON[S](log))
}

// checkTokenJSON reads and writes a token twice. It reports fields that JSON can't hold,
// tags in conflict, and methods that panic, write other JSON than that of the fields, or
// lose the claims that no field declares.
func checkTokenJSON[T TokenType](log *slog.Logger) (err error) {
	t := new(T)
	defer addType(t, &err)
	defer guard.Recover(context.Background(), log, "a method for the JSON of the token", &err)
	doc := []byte(`{"sub":"1","nuxtauth:undeclared":1}`)
	for range 2 {
		*t = *new(T)
		if err := claims.Unmarshal(string(doc), t, &defaultsOf(t).Extra); err != nil {
			return err
		}
		if doc, err = claims.Marshal(t, defaultsOf(t).Extra); err != nil {
			return err
		}
	}
	var got map[string]jsontext.Value
	if err := json.Unmarshal(doc, &got); err != nil {
		return fmt.Errorf("%w: %w", errOwnJSON, err)
	}
	if defaultsOf(t).Subject != "1" || string(got["nuxtauth:undeclared"]) != "1" {
		return errOwnJSON
	}
	return nil
}

// checkSessionJSON is checkTokenJSON for the session type, which is only written.
func checkSessionJSON[S SessionType](log *slog.Logger) (err error) {
	s := new(S)
	defer addType(s, &err)
	defer guard.Recover(context.Background(), log, "a method for the JSON of the session", &err)
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	var shown struct {
		Expires *ISOTime `json:"expires"`
	}
	if err := json.Unmarshal(b, &shown); err != nil {
		return fmt.Errorf("%w: %w", errOwnJSON, err)
	}
	if shown.Expires == nil {
		return errOwnJSON
	}
	return nil
}

// addType says in *err of which type it is.
func addType[V any](_ *V, err *error) {
	if *err != nil {
		*err = fmt.Errorf("nuxtauth: %v does not go through JSON: %w", reflect.TypeFor[V](), *err)
	}
}

var errOwnJSON = errors.New("a method that writes its JSON, perhaps one of an embedded type, does not write what the library keeps there: remove the method, or give the type a field of its own")
