package flow

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/provider"
)

// An EndSession is a sign-out that goes on at the provider: OpenID Connect
// RP-Initiated Logout §2. What is empty is left out.
type EndSession struct {
	IDToken     string // of the session: a hint whom to sign out
	RedirectURI string // where the provider sends the browser back to; registered there
	State       string // comes back with the browser
}

// EndSessionURL returns the URL to send a browser to that is to sign out at the
// provider, too. It is empty when the provider has no such place. The local
// session should have ended before: the browser may never come back.
//
// An error means that the provider's metadata could not be had, or that they
// name a URL that no browser should be sent to.
func (f *Flow) EndSessionURL(ctx context.Context, e EndSession) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()

	endpoint, err := f.endSessionEndpoint(ctx)
	if err != nil {
		return "", &cause{f.provider.ID, fmt.Errorf("end-session endpoint: %w", err)}
	}
	if endpoint == nil {
		return "", nil
	}
	query := endpoint.Query()
	for _, param := range []struct{ name, value string }{
		{"client_id", f.provider.ClientID},
		{"id_token_hint", e.IDToken},
		{"post_logout_redirect_uri", e.RedirectURI},
		{"state", e.State},
	} {
		if param.value != "" {
			query.Set(param.name, param.value)
		}
	}
	endpoint.RawQuery = query.Encode()
	return endpoint.String(), nil
}

// endSessionEndpoint is the configured one or the discovered one, nil when there
// is neither.
func (f *Flow) endSessionEndpoint(ctx context.Context) (*url.URL, error) {
	endpoint := f.provider.EndSessionURL
	if endpoint == "" && f.provider.Type == provider.TypeOIDC {
		m, err := f.metadata(ctx)
		if err != nil {
			return nil, err
		}
		endpoint = m.EndSessionURL
	}
	if endpoint == "" {
		return nil, nil
	}
	if err := checkEndpoint(endpoint); err != nil {
		return nil, err
	}
	return url.Parse(endpoint)
}

// A LogoutToken is the provider's word that somebody has signed out there:
// OpenID Connect Back-Channel Logout §2.4. It has a Subject, a Session or both.
type LogoutToken struct {
	Subject string // "sub": everything that this user has here ends, if there is no Session
	Session string // "sid": the session that ends
	ID      string // "jti"

	// ExpiresAt is when the token stops being accepted. Until then the caller
	// remembers the ID, and refuses a second token that has it.
	ExpiresAt time.Time
}

// logoutEvent is the event that makes a token a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

const (
	// maxLogoutAge is how old a logout token may be, in seconds. Providers send
	// them at once, and try again within minutes if at all.
	maxLogoutAge = 600

	// keyPause is how often strangers who send logout tokens can make us ask for
	// the provider's keys.
	keyPause = 10 * time.Second
)

// VerifyLogoutToken verifies a logout token by Back-Channel Logout §2.6, but for
// its ID, which the caller has to know for unseen. raw is the value of
// logout_token in the provider's request. Any error means that nobody is to be
// signed out.
func (f *Flow) VerifyLogoutToken(ctx context.Context, raw string) (*LogoutToken, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()

	token, err := f.logoutToken(ctx, raw)
	if err != nil {
		return nil, &cause{f.provider.ID, fmt.Errorf("logout token: %w", err)}
	}
	return token, nil
}

func (f *Flow) logoutToken(ctx context.Context, raw string) (*LogoutToken, error) {
	if f.provider.Type != provider.TypeOIDC {
		return nil, errors.New("the provider is not an OpenID provider")
	}
	h, err := readHeader(raw)
	if err != nil {
		return nil, err
	}
	if h.Type != "" && !strings.EqualFold(h.Type, "JWT") && !h.isLogout() {
		return nil, fmt.Errorf("it is a token of the type %s", quote(h.Type))
	}
	m, err := f.metadata(ctx)
	if err != nil {
		return nil, err
	}
	c, _, err := f.signed(ctx, m, raw, keyPause)
	if err != nil {
		return nil, err
	}
	if err := f.checkLogout(c); err != nil {
		return nil, err
	}
	return &LogoutToken{
		Subject:   c.Subject,
		Session:   text(c.Session),
		ID:        text(c.ID),
		ExpiresAt: time.Unix(int64(min(*c.Expiry, *c.IssuedAt+maxLogoutAge))+skew+1, 0),
	}, nil
}

// checkLogout has the rules that an ID token does not share.
func (f *Flow) checkLogout(c *claims) error {
	if !c.hasLogoutEvent() {
		return errors.New("there is no logout event")
	}
	if c.Nonce != nil {
		return errors.New("there is a nonce")
	}
	if text(c.ID) == "" {
		return errors.New("there is no jti")
	}
	// A sid that can't be read must not widen the sign-out to all of the user's
	// sessions.
	if c.Session != nil && text(c.Session) == "" {
		return errors.New("the sid is not a name")
	}
	if c.Subject == "" && c.Session == nil {
		return errors.New("there is neither a sub nor a sid")
	}
	if age := float64(f.now().Unix()) - *c.IssuedAt; age > maxLogoutAge+skew {
		return fmt.Errorf("it is %.0f seconds old", age)
	}
	return nil
}

// hasLogoutEvent reports whether the event is among the claim's members, as an
// object.
func (c *claims) hasLogoutEvent() bool {
	var events map[string]jsontext.Value
	if json.Unmarshal(c.Events, &events) != nil {
		return false
	}
	return events[logoutEvent].Kind() == jsontext.KindBeginObject
}
