package session

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/token"
)

// LocalConfig is the tokens of sessions without a cookie. All times are set.
type LocalConfig struct {
	Secrets []string // the first makes tokens, and all of them open some

	AccessLifetime time.Duration // of an access token

	// Rotate replaces the refresh token when it is used. The one before works for
	// ReuseGrace.
	Rotate     bool
	ReuseGrace time.Duration
}

// A Local makes and opens the tokens of sessions without a cookie: see Config.Local of the
// root. Such a session is a session of the store like any other. What names it is not its
// handle, which would be accepted in a cookie: an access token is the handle, sealed with a
// time at which it expires, and a refresh token the handle with a number and a MAC. Make one
// with [NewLocal]. It is safe for concurrent use.
type Local struct {
	cfg    LocalConfig
	access token.Codec
	keys   [][]byte // of the MACs of refresh tokens
}

// NewLocal returns the tokens of a configuration. The error is one of the secrets.
func NewLocal(cfg LocalConfig) (*Local, error) {
	codec, err := token.NewNextAuth("nuxtauth.local.access", cfg.Secrets...)
	if err != nil {
		return nil, err
	}
	l := &Local{cfg: cfg, access: codec}
	for _, secret := range cfg.Secrets {
		key, err := hkdf.Key(sha256.New, []byte(secret), nil, "nuxtauth.local.refresh", sha256.Size)
		if err != nil {
			return nil, err
		}
		l.keys = append(l.keys, key)
	}
	return l, nil
}

// accessClaims are what is sealed in an access token.
type accessClaims struct {
	Handle  string            `json:"handle"`
	Expires token.NumericDate `json:"exp"`
}

// sealAccess returns an access token of the session with a handle.
func (l *Local) sealAccess(ctx context.Context, handle string, expires time.Time) (string, error) {
	return l.access.Seal(ctx, fmt.Appendf(nil, `{"handle":%q,"exp":%d}`, handle, token.DateOf(expires)))
}

// openAccess returns the handle that is sealed in an access token, and when the token
// expires, which may be over. The error wraps [token.ErrInvalid].
func (l *Local) openAccess(ctx context.Context, value string) (handle string, expires time.Time, err error) {
	text, err := openString(ctx, l.access, value)
	if err != nil {
		return "", time.Time{}, err
	}
	var c accessClaims
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return "", time.Time{}, fmt.Errorf("%w: %w", token.ErrInvalid, err)
	}
	return c.Handle, c.Expires.Time(), nil
}

// A refreshToken is one that a session has had.
type refreshToken struct {
	handle string
	number int64 // how many there were before
}

var errRefreshToken = ended(errors.New("it is no refresh token"))

// refreshToken returns the text of a token, which is the same each time.
func (l *Local) refreshToken(t refreshToken) string {
	return withMAC(l.keys[0], t.handle+"."+strconv.FormatInt(t.number, 10))
}

// withMAC appends the MAC of a text to it.
func withMAC(key []byte, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// parseRefresh reads a refresh token, and checks that it was made here.
func (l *Local) parseRefresh(text string) (*refreshToken, error) {
	signed := text[:max(strings.LastIndexByte(text, '.'), 0)]
	valid := false
	for _, key := range l.keys {
		valid = hmac.Equal([]byte(text), []byte(withMAC(key, signed))) || valid
	}
	if !valid {
		return nil, errRefreshToken
	}
	handle, digits, _ := strings.Cut(signed, ".")
	number, err := strconv.ParseInt(digits, 10, 64)
	return &refreshToken{handle, number}, err
}

// rotate reports whether a session goes on with the refresh token that a request has shown,
// and replaces the token if that is due. One that was replaced within the grace is as good as
// the one after it, and that one is replaced only when the grace is over, so that all
// requests in that time get the same. An older one was stolen, or the one after it was
// (RFC 9700 §4.14.2).
func (m *Manager) rotate(s *Session, shown *refreshToken) bool {
	o, now := &s.Claims.Origin, token.DateOf(m.now())
	inGrace := now-o.RotatedAt <= token.NumericDate(m.local.cfg.ReuseGrace/time.Second)
	switch {
	case shown.number < o.Rotations-1, shown.number < o.Rotations && !inGrace:
		return false
	case shown.number < o.Rotations:
		return true
	}
	o.Rotations = shown.number // more only if the store has lost a write
	if m.local.cfg.Rotate && !inGrace {
		o.Rotations, o.RotatedAt, s.rotated = o.Rotations+1, now, true
	}
	return true
}

// LocalTokens are what the client of a session without a cookie gets.
type LocalTokens struct{ Access, Refresh string }

// LocalTokens returns the tokens of a session that has begun or was refreshed. An access
// token expires with the session at the latest.
func (m *Manager) LocalTokens(ctx context.Context, s *Session) (t LocalTokens, err error) {
	expires := earliest(m.now().Add(m.local.cfg.AccessLifetime), m.lifetime.currentExpiry(s.Claims))
	if t.Access, err = m.local.sealAccess(ctx, s.value, expires); err != nil {
		return LocalTokens{}, err
	}
	t.Refresh = m.local.refreshToken(refreshToken{s.value, s.Claims.Origin.Rotations})
	return t, nil
}

// LoadLocal loads the session of an access token, as the front end asks for it. Its error is
// that of [Manager.Load].
func (m *Manager) LoadLocal(r Request, access string) (*Session, error) {
	return m.Load(r, Credential{Value: access, Bearer: true}, Options{FrontEnd: true})
}

// RefreshLocal loads the session of a refresh token, for new tokens. A refresh token that
// was replaced longer ago than the grace ends the session, and the log tells. A session
// whose new refresh token could not be saved is Unavailable: the token that was shown stays
// good.
func (m *Manager) RefreshLocal(r Request, refresh string) *Session {
	shown, err := m.local.parseRefresh(refresh)
	if err != nil {
		return &Session{State: Expired}
	}
	s, _ := m.Load(r, Credential{Value: shown.handle, Bearer: true, refresh: shown}, Options{FrontEnd: true}) // it has logged the error
	if s.rotated && s.save {
		return &Session{State: Unavailable}
	}
	return s
}

// EndLocal ends the session of a refresh token or, without one, of an access token, which
// may have expired. A token of no session is no error. After an error, which is a fault of
// the store, the session may go on.
func (m *Manager) EndLocal(r Request, refresh, access string) error {
	ctx := context.WithoutCancel(r.Context())
	var handle string
	if shown, err := m.local.parseRefresh(refresh); err == nil {
		handle = shown.handle
	} else if refresh == "" {
		handle, _, _ = m.local.openAccess(ctx, access)
	}
	if handle == "" {
		return nil
	}
	s := m.types().New()
	s.local = true
	ended, err := m.endOpened(ctx, r.Cookies, handle, s, nil)
	if ended != nil && m.signedOut != nil {
		m.signedOut(ctx, ended, m.clients.Of(r.Source, r.Header))
	}
	return err
}
