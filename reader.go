package nuxtauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// ReaderConfig is the configuration of a [Reader]. Its fields mean what they mean in
// [Config], and are those of the service that signs users in. The zero value reads the
// secret and the URL from the environment.
type ReaderConfig struct {
	_ [0]func()

	Secret     string // at least 32 characters; empty means AUTH_SECRET, or NEXTAUTH_SECRET
	OldSecrets []string
	URL        string // https looks for the Secure cookie; empty means AUTH_URL, or NEXTAUTH_URL
	Protocol   Protocol
	Cookies    Cookies
	Codec      token.Codec // nil means that of the Protocol

	// MaxAge and MaxLifetime are those of [SessionConfig]: a token that the middleware
	// refuses is refused here too. Zero means the same defaults, 30 days and 90 days, or
	// MaxAge where that is longer.
	MaxAge      time.Duration
	MaxLifetime time.Duration

	// Store and DenyList are those of [SessionConfig]. With either, Protocol and
	// Cookies.Prefix have to be those of that service too: other sessions in the same store
	// are refused. Without the DenyList of the service, a token is valid until it expires,
	// also after its session has been signed out.
	Store    store.Sessions
	DenyList store.Marks

	// CookieName is the whole name of the session cookie, where a Node server changed it.
	// Empty means the usual name.
	CookieName string

	Logger *slog.Logger     // gets panics of the Store, the DenyList, the Codec and the type's JSON methods; nil means slog.Default()
	Now    func() time.Time // nil means time.Now
}

// Reader reads tokens in a service that does not run the middleware, such as one behind a
// gateway, or one that speaks gRPC. It runs no callback, and writes no cookie: it neither
// renews a session nor ends one. It does not open the access tokens of [LocalConfig]. It is safe
// for concurrent use. Make one with [NewReader].
type Reader[T TokenType] struct {
	sessions session.Reader
	cookies  *session.CookieSet
}

// NewReader checks cfg and makes a [Reader] of it, with the keys of its secrets, which take
// longer than to read a token. It reports every mistake at once, as [New] does.
func NewReader[T TokenType](cfg ReaderConfig) (*Reader[T], error) {
	log, now := cfg.Logger, cfg.Now
	if log == nil {
		log = slog.Default()
	}
	if now == nil {
		now = time.Now
	}
	var problems mistakes
	problems.add("", checkTypes[T, DefaultSession[struct{}]](log))
	protocol, err := cfg.Protocol.protocol()
	problems.add("Protocol", err)
	if err != nil {
		protocol = api.NextAuth // to look for further mistakes
	}
	times := SessionConfig{MaxAge: cfg.MaxAge, MaxLifetime: cfg.MaxLifetime}.withDefaults()
	problems.add("MaxAge", times.check("ReaderConfig"))
	realm := cfg.Cookies.realm(protocol)
	name := cmp.Or(cfg.CookieName, cookie.Defaults(realm, strings.HasPrefix(publicURL(cfg.URL), "https://")).Session.Name)
	cookies := &session.CookieSet{Session: cookie.Chunked{Cookie: cookie.Cookie{Name: name}}, Codec: guard.Codec(log, cfg.Codec)}
	if cfg.Codec == nil && cfg.Store == nil {
		secrets, err := secretsOf("ReaderConfig", cfg.Secret, cfg.OldSecrets)
		problems.add("Secret", err)
		if err == nil {
			cookies.Codec, err = protocol.SessionCodec(name, secrets)
			problems.add("CookieName", err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Reader[T]{cookies: cookies, sessions: session.Reader{
		Types: newTyped(log, Callbacks[T, DefaultSession[struct{}]]{}), Store: guard.Sessions(log, cfg.Store), DenyList: guard.Marks(log, cfg.DenyList),
		Realm: realm, Lifetime: times.lifetime(), Now: now,
	}}, nil
}

// Token reads the token of a request: from the session cookie, in chunks or not, or else
// from Authorization: Bearer. A token that the middleware refuses is refused here too, if
// the configuration is that of the middleware.
//
// The error is [ErrSignedOut] if the request carries no token. It wraps
// [token.ErrInvalid], [token.ErrExpired], [token.ErrNotYetValid] or [store.ErrNotFound], and
// ErrSignedOut too, if the token is no longer valid, or never was, and [ErrUnavailable] if
// that can't be told now.
func (r *Reader[T]) Token(req *http.Request) (*T, error) {
	credential, ok := session.ReadCredential(session.Request{Request: req, Cookies: r.cookies})
	if !ok {
		return nil, ErrSignedOut
	}
	return r.read(req.Context(), credential)
}

// Parse reads a token that did not come in an HTTP request: raw is the value of the session
// cookie, its chunks joined, or of a Bearer credential. The errors are those of
// [Reader.Token].
func (r *Reader[T]) Parse(ctx context.Context, raw string) (*T, error) {
	if raw == "" {
		return nil, ErrSignedOut
	}
	return r.read(ctx, session.Credential{Value: raw, Bearer: true})
}

func (r *Reader[T]) read(ctx context.Context, c session.Credential) (*T, error) {
	s, err := r.sessions.Read(ctx, r.cookies, c)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: %w", token.ErrInvalid, err)
	}
	if err != nil {
		return nil, err
	}
	return s.Token.(*T), nil
}

// Middleware returns a handler that passes requests with a valid token to next, which finds
// it by [TokenFrom]. It answers others itself, in JSON: 401 with WWW-Authenticate (RFC 6750
// §3), or 503 with Retry-After if it can't be told whether the token is valid. For routes that signed-out
// clients may use, call [Reader.Token].
func (r *Reader[T]) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		t, err := r.Token(req)
		if err == nil {
			next.ServeHTTP(w, req.WithContext(WithToken(req.Context(), t)))
			return
		}
		if errors.Is(err, ErrUnavailable) {
			w.Header().Set("Retry-After", "5")
			api.DenyProgram(w, http.StatusServiceUnavailable, "The token could not be checked. Try again soon.")
			return
		}
		challenge := "Bearer"
		if err != ErrSignedOut { //nolint:errorlint // which others wrap: those of a token that was sent
			challenge = `Bearer error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		api.DenyProgram(w, http.StatusUnauthorized, "Sign in first.")
	})
}

// tokenOf is the key of a token in a context.
type tokenOf[T TokenType] struct{}

// WithToken returns a context with a token for [TokenFrom], for an interceptor that reads it
// by [Reader.Parse], and for tests.
func WithToken[T TokenType](ctx context.Context, t *T) context.Context {
	return context.WithValue(ctx, tokenOf[T]{}, t)
}

// TokenFrom returns the token that [Reader.Middleware] or [WithToken] has put into a
// context, nil if there is none. Handlers behind [Auth.Middleware] have [Auth.Token].
func TokenFrom[T TokenType](ctx context.Context) *T {
	t, _ := ctx.Value(tokenOf[T]{}).(*T)
	return t
}

const (
	minSecret   = 32 // bytes
	minDistinct = 5  // different ones
)

// secretsOf lists the secrets, the one that seals first. options is the struct that has
// them, for errors.
func secretsOf(options, secret string, old []string) ([]string, error) {
	secret = cmp.Or(secret, os.Getenv("AUTH_SECRET"), os.Getenv("NEXTAUTH_SECRET"))
	if secret == "" {
		return nil, fmt.Errorf("nuxtauth: there is no secret: set %s.Secret or AUTH_SECRET, for instance to the output of `openssl rand -base64 33`", options)
	}
	secrets := append([]string{secret}, old...)
	for i, s := range secrets {
		name := options + ".Secret (or AUTH_SECRET)"
		if i > 0 {
			name = fmt.Sprintf("%s.OldSecrets[%d]", options, i-1)
		}
		if len(s) < minSecret {
			return secrets, fmt.Errorf("nuxtauth: %s has %d characters: write at least %d, for instance the output of `openssl rand -base64 33`", name, len(s), minSecret)
		}
		if n := distinctBytes(s); n < minDistinct {
			return secrets, fmt.Errorf("nuxtauth: %s has only %d different characters, and can be guessed: write the output of `openssl rand -base64 33`", name, n)
		}
	}
	return secrets, nil
}

func distinctBytes(s string) int {
	bytes := []byte(s)
	slices.Sort(bytes)
	return len(slices.Compact(bytes))
}
