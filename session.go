package nuxtauth

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/token"
)

// ErrTokenTooLarge says that a sealed token does not fit into the cookies that
// browsers and proxies take (32 KB in all). Keep less in the token: the id of
// a thing instead of the thing, which the Session callback can fetch.
var ErrTokenTooLarge = errors.New("nuxtauth: the token is too large for cookies: keep less in it, such as ids, and let the Session callback fetch the rest")

// loading says how a session is asked for.
type loading struct {
	trigger Trigger
	update  Update
	renew   bool // seal the token anew in any case
}

// loaded is what a request has of a session, and what is to become of its cookies.
type loaded[T JWT, S Session] struct {
	token   *T // both nil when signed out
	session *S
	sealing *T // what renew seals: the token, also while a passing fault hides it

	present cookie.Present // the session's cookies in the request
	bearer  bool           // the token came in the Authorization header
	kept    bool           // a passing fault: signed out for this request alone
	ended   bool           // clear the cookies
	renew   bool           // seal the token and write the cookies
}

// load opens the token of a request and runs the JWT and Session callbacks.
// Nil means that the request carries no token. It writes nothing: see settle.
func (a *Auth[T, S]) load(r *http.Request, k *kit, how loading) *loaded[T, S] {
	ctx := r.Context()
	sealed, present, err := k.session.Read(r.Header)
	l := &loaded[T, S]{present: present}
	if err != nil {
		a.log.DebugContext(ctx, "nuxtauth: unreadable session cookies", "error", err)
		l.ended = true
		return l
	}
	if sealed == "" && present == 0 {
		if sealed = bearer(r.Header); sealed == "" {
			return nil
		}
		l.bearer = true
	}
	t, claims, err := a.open(k, sealed)
	if err != nil {
		a.log.DebugContext(ctx, "nuxtauth: a session token was refused", "error", err)
		l.ended = !l.bearer
		return l
	}
	t, err = a.callbacks.jwt(ctx, JWTParams[T]{Token: t, Trigger: how.trigger, Update: how.update})
	if err == nil && defaultsOf(t).Subject == "" {
		err = errNoSubject
	}
	if err != nil {
		return a.failed(ctx, l, "the JWT callback", err)
	}
	s, err := a.callbacks.session(ctx, SessionParams[T, S]{
		Session: a.newSession(t), Token: t, Trigger: how.trigger, Update: how.update,
	})
	if err != nil {
		a.failed(ctx, l, "the Session callback", err)
		if l.kept && !l.bearer && a.changed(t, claims) {
			l.sealing, l.renew = t, true // what the JWT callback did, such as a rotated token, is not lost
		}
		return l
	}
	l.token, l.session, l.sealing = t, s, t
	l.renew = !l.bearer && (how.renew || a.aged(t) || a.changed(t, claims))
	return l
}

// failed decides what an error of a callback does: it ends the session, unless
// it is a passing fault.
func (a *Auth[T, S]) failed(ctx context.Context, l *loaded[T, S], what string, err error) *loaded[T, S] {
	var keep *keepError
	if errors.As(err, &keep) || ctx.Err() != nil {
		l.kept = true
		a.log.WarnContext(ctx, "nuxtauth: "+what+" failed, the session is kept", "error", err)
		return l
	}
	l.ended = !l.bearer
	a.report(ctx, what, err)
	return l
}

// settle writes the cookies that l asks for into the response header.
func (a *Auth[T, S]) settle(ctx context.Context, h http.Header, k *kit, l *loaded[T, S]) {
	if l.ended {
		k.session.Clear(h, l.present)
	}
	if l.renew {
		if err := a.write(h, k, l.present, l.sealing); err != nil {
			a.log.ErrorContext(ctx, "nuxtauth: the session could not be renewed, the old cookie is kept", "error", err)
			return
		}
		keepOutOfCaches(h)
	}
}

// keepOutOfCaches is for answers of the application that carry a session
// cookie. A handler that knows better can still set its own headers.
func keepOutOfCaches(h http.Header) {
	h.Set("Cache-Control", "private, no-cache, no-store")
	h.Add("Vary", "Cookie")
}

// open proves a sealed token and decodes its claims.
func (a *Auth[T, S]) open(k *kit, sealed string) (*T, []byte, error) {
	return openToken[T](k.codec, sealed, a.now())
}

func openToken[T JWT](codec token.Codec, sealed string, now time.Time) (*T, []byte, error) {
	claims, err := codec.Open(sealed)
	if err != nil {
		return nil, nil, err
	}
	t := new(T)
	if err := json.Unmarshal(claims, t); err != nil {
		return nil, nil, fmt.Errorf("%w: the claims do not fit %T: %w", token.ErrInvalid, *t, err)
	}
	d := defaultsOf(t)
	if err := token.Validate(d.IssuedAt, d.ExpiresAt, d.NotBefore, now); err != nil {
		return nil, nil, err
	}
	if d.Subject == "" {
		return nil, nil, fmt.Errorf("%w: it has no subject", token.ErrInvalid)
	}
	return t, claims, nil
}

// write seals t with a new lifetime into the cookies of a response. Nothing is
// written when it fails.
func (a *Auth[T, S]) write(h http.Header, k *kit, present cookie.Present, t *T) error {
	now := a.now()
	d := defaultsOf(t)
	if d.Subject == "" {
		return errNoSubject
	}
	before := *d
	d.IssuedAt = token.NumericDate(now.Unix())
	d.ExpiresAt = token.NumericDate(now.Add(a.maxAge).Unix())
	d.NotBefore = 0
	d.ID = rand.Text()
	claims, err := marshal(t)
	if err == nil {
		var sealed string
		if sealed, err = k.codec.Seal(claims); err == nil {
			err = k.session.Write(h, present, sealed, now.Add(a.maxAge))
		}
	}
	if err != nil {
		*d = before
		if errors.Is(err, cookie.ErrTooLarge) || errors.Is(err, token.ErrTooLarge) {
			err = ErrTokenTooLarge
		}
		return fmt.Errorf("nuxtauth: seal the token of %q: %w", d.Subject, err)
	}
	return nil
}

// aged tells whether t was sealed so long ago that an ordinary request renews it.
func (a *Auth[T, S]) aged(t *T) bool {
	return a.now().Sub(defaultsOf(t).IssuedAt.Time()) >= a.updateAge
}

// changed tells whether the JWT callback left t other than it was opened.
func (a *Auth[T, S]) changed(t *T, claims []byte) bool {
	if a.callbacks.JWT == nil {
		return false
	}
	b, err := marshal(t)
	return err != nil || !bytes.Equal(b, claims) // an error comes up again, and into the log, when it is written
}

// marshal writes the same value as the same bytes every time.
func marshal(v any) ([]byte, error) { return json.Marshal(v, json.Deterministic(true)) }

// newSession makes the session that the Session callback starts from.
func (a *Auth[T, S]) newSession(t *T) *S {
	s := new(S)
	user, expires := any(s).(interface{ defaultSession() (any, *ISOTime) }).defaultSession()
	*expires = ISOTime(a.now().Add(a.maxAge))
	a.fill.set(user, defaultsOf(t))
	return s
}

func defaultsOf[T JWT](t *T) *DefaultJWT {
	return any(t).(interface{ defaultJWT() *DefaultJWT }).defaultJWT()
}

// userFields are the places of name, email and image in the user's own type,
// nil where it has none.
type userFields struct{ name, email, image []int }

// userFieldsOf looks the places up by JSON name, once.
func userFieldsOf[S Session]() (f userFields) {
	withDefaults, ok := any(new(S)).(interface{ defaultSession() (any, *ISOTime) })
	if !ok || checkEmbedding(reflect.TypeFor[S](), nil) != nil {
		return f // New reports why
	}
	user, _ := withDefaults.defaultSession()
	t := reflect.TypeOf(user).Elem()
	if t.Kind() != reflect.Struct {
		return f
	}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Type.Kind() != reflect.String || !field.IsExported() || throughPointer(t, field.Index) {
			continue
		}
		switch name {
		case "name":
			f.name = field.Index
		case "email":
			f.email = field.Index
		case "image":
			f.image = field.Index
		}
	}
	return f
}

// throughPointer tells whether the way to a field leads through an embedded pointer.
func throughPointer(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		if t = t.Field(i).Type; t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

func (f userFields) set(user any, d *DefaultJWT) {
	v := reflect.ValueOf(user).Elem()
	if f.name != nil {
		v.FieldByIndex(f.name).SetString(d.Name)
	}
	if f.email != nil {
		v.FieldByIndex(f.email).SetString(d.Email)
	}
	if f.image != nil {
		v.FieldByIndex(f.image).SetString(d.Picture)
	}
}

// bearer returns the token of an Authorization header (RFC 6750 §2.1), "" when
// there is none. As in Auth.js it may be percent-encoded.
func bearer(h http.Header) string {
	scheme, value, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	value, err := url.PathUnescape(strings.TrimSpace(value))
	if err != nil {
		return ""
	}
	return value
}

// TokenOptions says where [GetToken] finds a token and how it is sealed. Its
// fields mean what they mean in [Config].
type TokenOptions struct {
	Secret     string // empty means AUTH_SECRET, or NEXTAUTH_SECRET
	OldSecrets []string
	URL        string // https looks for the Secure cookie; empty means AUTH_URL, or NEXTAUTH_URL
	Protocol   Protocol
	Cookies    Cookies
	Codec      token.Codec
	Now        func() time.Time

	// CookieName is the whole name of the session cookie, where a Node server
	// changed it. Empty means the usual name.
	CookieName string
}

// GetToken reads the token of a request in a service that does not run the
// middleware: from the session cookie, in chunks or not, or else from
// Authorization: Bearer. No callback runs. The error is [ErrSignedOut] when the
// request carries no token, and wraps [token.ErrInvalid] when it is not a good one.
func GetToken[T JWT](r *http.Request, o TokenOptions) (*T, error) {
	secret := firstOf(o.Secret, os.Getenv("AUTH_SECRET"), os.Getenv("NEXTAUTH_SECRET"))
	if secret == "" && o.Codec == nil {
		return nil, errors.New("nuxtauth: there is no secret: set TokenOptions.Secret or AUTH_SECRET")
	}
	site := firstOf(o.URL, os.Getenv("AUTH_URL"), os.Getenv("NEXTAUTH_URL"))
	names := cookie.Defaults(firstOf(o.Cookies.Prefix, o.Protocol.String()), strings.HasPrefix(site, "https://"))
	name := firstOf(o.CookieName, names.Session.Name)
	codec, err := o.Codec, error(nil)
	if codec == nil {
		codec, err = sessionCodec(o.Protocol, name, append([]string{secret}, o.OldSecrets...))
	}
	if err != nil {
		return nil, err
	}
	sealed, present, err := cookie.Chunked{Cookie: cookie.Cookie{Name: name}}.Read(r.Header)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", token.ErrInvalid, err)
	}
	if sealed == "" && present == 0 {
		sealed = bearer(r.Header)
	}
	if sealed == "" {
		return nil, ErrSignedOut
	}
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	t, _, err := openToken[T](codec, sealed, now())
	return t, err
}

// sessionCodec is the encrypted token of a protocol.
func sessionCodec(p Protocol, cookieName string, secrets []string) (token.Codec, error) {
	if p == AuthJS {
		return token.AuthJS(cookieName, secrets...)
	}
	return token.NextAuth("", secrets...)
}
