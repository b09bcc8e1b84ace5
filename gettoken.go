package nuxtauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
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
	Codec      token.Codec
	Now        func() time.Time

	// Store and DenyList are those of the service that signs users in, if it
	// has one. If they do not answer, the error wraps neither [ErrSignedOut] nor
	// [token.ErrInvalid].
	Store    store.Store
	DenyList store.Marks

	// CookieName is the whole name of the session cookie, where a Node server
	// changed it. Empty means the usual name.
	CookieName string
}

// GetToken reads the token of a request in a service that does not run the
// middleware: from the session cookie, in chunks or not, or else from
// Authorization: Bearer. No callback runs. The error is [ErrSignedOut] when the
// request carries no token, and wraps [token.ErrInvalid] when it is not a good one.
func GetToken[T JWT](r *http.Request, o TokenOptions) (*T, error) {
	site := firstOf(o.URL, os.Getenv("AUTH_URL"), os.Getenv("NEXTAUTH_URL"))
	names := cookie.Defaults(firstOf(o.Cookies.Prefix, o.Protocol.String()), strings.HasPrefix(site, "https://"))
	name := firstOf(o.CookieName, names.Session.Name)
	value, present, err := cookie.Chunked{Cookie: cookie.Cookie{Name: name}}.Read(r.Header)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", token.ErrInvalid, err)
	}
	if value == "" && present == 0 {
		value = bearer(r.Header)
	}
	if value == "" {
		return nil, ErrSignedOut
	}
	claims, err := o.claims(r.Context(), name, value)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	t := new(T)
	if err = decodeToken(claims, t, now()); err == nil {
		err = checkDenied(r.Context(), o.DenyList, defaultsOf(t))
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// claims returns the JSON of the token that a value stands for.
func (o *TokenOptions) claims(ctx context.Context, cookieName, value string) ([]byte, error) {
	if o.Store != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		r, err := o.Store.Find(ctx, value)
		if errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("%w: %w", token.ErrInvalid, err)
		}
		if err != nil {
			return nil, fmt.Errorf("nuxtauth: find the session: %w", err)
		}
		return r.Claims, nil
	}
	codec := o.Codec
	if codec == nil {
		secret := firstOf(o.Secret, os.Getenv("AUTH_SECRET"), os.Getenv("NEXTAUTH_SECRET"))
		if secret == "" {
			return nil, errors.New("nuxtauth: there is no secret: set TokenOptions.Secret or AUTH_SECRET")
		}
		var err error
		if codec, err = sessionCodec(o.Protocol, cookieName, append([]string{secret}, o.OldSecrets...)); err != nil {
			return nil, err
		}
	}
	return codec.Open(value)
}

// sessionCodec is the encrypted token of a protocol.
func sessionCodec(p Protocol, cookieName string, secrets []string) (token.Codec, error) {
	if p == AuthJS {
		return token.AuthJS(cookieName, secrets...)
	}
	return token.NextAuth("", secrets...)
}
