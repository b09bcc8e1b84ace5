package nuxtauth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
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
	Secret     string // empty means AUTH_SECRET, or NEXTAUTH_SECRET
	OldSecrets []string
	URL        string // https looks for the Secure cookie; empty means AUTH_URL, or NEXTAUTH_URL
	Protocol   Protocol
	Cookies    Cookies
	Codec      token.Codec // nil means that of the Protocol, made from the secrets at each call
	Now        func() time.Time

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
// Authorization: Bearer. No callback runs. The error is [ErrSignedOut] when the
// request carries no token, and wraps [token.ErrInvalid], [token.ErrExpired] or
// [store.ErrNotFound] when it is not a good one.
func GetToken[T JWT](r *http.Request, o TokenOptions) (*T, error) {
	protocol, err := o.Protocol.protocol()
	if err != nil {
		return nil, err
	}
	url := cmp.Or(o.URL, os.Getenv("AUTH_URL"), os.Getenv("NEXTAUTH_URL"))
	realm := o.Cookies.realm(protocol)
	name := cmp.Or(o.CookieName, cookie.Defaults(realm, strings.HasPrefix(url, "https://")).Session.Name)
	cookies := &session.CookieSet{Session: cookie.Chunked{Cookie: cookie.Cookie{Name: name}}, Codec: guard.Codec(o.Codec)}
	credential, ok := session.ReadCredential(session.Request{Request: r, Cookies: cookies})
	if !ok {
		return nil, ErrSignedOut
	}
	if cookies.Codec == nil && o.Store == nil {
		secret := cmp.Or(o.Secret, os.Getenv("AUTH_SECRET"), os.Getenv("NEXTAUTH_SECRET"))
		if secret == "" {
			return nil, errors.New("nuxtauth: there is no secret: set TokenOptions.Secret or AUTH_SECRET")
		}
		if cookies.Codec, err = protocol.SessionCodec(name, append([]string{secret}, o.OldSecrets...)); err != nil {
			return nil, err
		}
	}
	reader := session.Reader{
		Types: new(typed[T, DefaultSession[struct{}]]), Store: guard.Sessions(o.Store), DenyList: guard.Marks(o.DenyList),
		Realm: realm, Now: o.Now,
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
