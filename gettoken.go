package nuxtauth

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// TokenOptions says where [GetToken] finds a token and how it is sealed. Its
// fields mean what they mean in [Config].
type TokenOptions struct {
	Secret     string // at least 32 characters; empty means AUTH_SECRET, or NEXTAUTH_SECRET
	OldSecrets []string
	URL        string // https looks for the Secure cookie; empty means AUTH_URL, or NEXTAUTH_URL
	Protocol   Protocol
	Cookies    Cookies
	Codec      token.Codec      // nil means that of the Protocol, made from the secrets at each call
	Now        func() time.Time // nil means time.Now

	// MaxAge and MaxLifetime are those of the Session of the service that signs users in:
	// a token that its middleware refuses is refused here too. Zero means the same
	// defaults, 30 days and 90 days, or MaxAge where that is longer.
	MaxAge      time.Duration
	MaxLifetime time.Duration

	// Store and DenyList are those of the service that signs users in, if it
	// has one. With either, Protocol and Cookies.Prefix have to be those of that
	// service too: other sessions in the same store are refused. If they do not
	// answer, the error wraps [ErrUnavailable].
	Store    store.Sessions
	DenyList store.Marks

	// CookieName is the whole name of the session cookie, where a Node server
	// changed it. Empty means the usual name.
	CookieName string
}

// GetToken reads the token of a request in a service that does not run the
// middleware: from the session cookie, in chunks or not, or else from
// Authorization: Bearer. No callback runs. A token that the middleware refuses is refused
// here too, if the options are those of its Config.
//
// The error is [ErrSignedOut] if the request carries no token. It wraps
// [token.ErrInvalid], [token.ErrExpired], [token.ErrNotYetValid] or [store.ErrNotFound] if
// the token is no longer valid, or never was, and [ErrUnavailable] if that can't be told
// now. Any other error is one of the options. A panic of the Store, the DenyList, the
// Codec or a JSON method of the token type is logged with slog.Default().
func GetToken[T TokenType](r *http.Request, o TokenOptions) (*T, error) {
	protocol, err := o.Protocol.protocol()
	if err != nil {
		return nil, err
	}
	times := SessionConfig{MaxAge: o.MaxAge, MaxLifetime: o.MaxLifetime}.withDefaults()
	if err := times.check("TokenOptions"); err != nil {
		return nil, err
	}
	log := slog.Default()
	realm := o.Cookies.realm(protocol)
	name := cmp.Or(o.CookieName, cookie.Defaults(realm, strings.HasPrefix(publicURL(o.URL), "https://")).Session.Name)
	cookies := &session.CookieSet{Session: cookie.Chunked{Cookie: cookie.Cookie{Name: name}}, Codec: guard.Codec(log, o.Codec)}
	credential, ok := session.ReadCredential(session.Request{Request: r, Cookies: cookies})
	if !ok {
		return nil, ErrSignedOut
	}
	if cookies.Codec == nil && o.Store == nil {
		secrets, err := secretsOf("TokenOptions", o.Secret, o.OldSecrets)
		if err != nil {
			return nil, err
		}
		if cookies.Codec, err = protocol.SessionCodec(name, secrets); err != nil {
			return nil, err
		}
	}
	reader := session.Reader{
		Types: &typed[T, DefaultSession[struct{}]]{jsonGuard: jsonGuard{log}}, Store: guard.Sessions(log, o.Store), DenyList: guard.Marks(log, o.DenyList),
		Realm: realm, Lifetime: times.lifetime(), Now: o.Now,
	}
	if reader.Now == nil {
		reader.Now = time.Now
	}
	s, err := reader.Read(r.Context(), cookies, credential)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: %w", token.ErrInvalid, err)
	}
	if err != nil {
		return nil, err
	}
	return s.Token.(*T), nil
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
