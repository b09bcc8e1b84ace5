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

// EndSession has the parameters of a logout request (OpenID Connect RP-Initiated
// Logout §2). Empty ones are left out.
type EndSession struct {
	IDToken     string // of the session: id_token_hint
	RedirectURI string // post_logout_redirect_uri, which is registered at the provider
	State       string // returned by the provider
}

// EndSessionURL returns the URL of a logout request, to which the browser is
// redirected, or "" if the provider has no end_session_endpoint. The session of the
// application should have ended before: the browser may not return.
//
// The error says that the metadata of the provider are not available, or that the URL
// in them is neither https nor, if the issuer is a loopback address, http to one.
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

// endSessionEndpoint returns the configured or the discovered endpoint, nil if there
// is neither.
func (f *Flow) endSessionEndpoint(ctx context.Context) (*url.URL, error) {
	endpoint := f.provider.EndSessionURL
	if endpoint == "" {
		m, err := f.metadata(ctx)
		if err != nil {
			return nil, err
		}
		endpoint = m.EndSessionURL
	}
	if endpoint == "" {
		return nil, nil
	}
	if err := f.allowed.checkEndpoint(endpoint, f.provider.EndSessionURL != ""); err != nil {
		return nil, err
	}
	return url.Parse(endpoint)
}

// LogoutToken is a verified logout token (OpenID Connect Back-Channel Logout §2.4). It
// has a Subject, a Session or both.
type LogoutToken struct {
	Issuer  string // as in [Result]
	Subject string // "sub": without a Session, all sessions of this user end
	Session string // "sid": the session that ends
	ID      string // "jti"

	// ExpiresAt is the time from which the token is rejected. Until then the
	// caller stores the ID, to reject a second token with the same one.
	ExpiresAt time.Time
}

// logoutEvent is the event that identifies a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// maxLogoutAge is the maximum age of a logout token, in seconds. Providers send them at
// once, and retry within minutes if at all.
const maxLogoutAge = 600

// VerifyLogoutToken verifies a logout token (Back-Channel Logout §2.6). raw is the
// value of logout_token in the provider's request. The caller checks that the ID was
// not used before. After an error no session may be ended.
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
	t, err := f.readToken(raw)
	if err != nil {
		return nil, err
	}
	h, c := t.header, t.claims
	if h.Type != "" && !strings.EqualFold(h.Type, "JWT") && !h.isLogout() {
		return nil, fmt.Errorf("the token has the type %s", quote(h.Type))
	}
	// Every client can send one: what needs neither a request nor a key comes first.
	if err := f.checkLogout(c); err != nil {
		return nil, err
	}
	m, err := f.metadata(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.verify(ctx, m, t, throttled); err != nil {
		return nil, err
	}
	return &LogoutToken{
		Issuer:    f.otherIssuer(c),
		Subject:   c.Subject,
		Session:   text(c.Session),
		ID:        text(c.ID),
		ExpiresAt: time.Unix(int64(min(*c.Expiry, *c.IssuedAt+maxLogoutAge))+skew+1, 0),
	}, nil
}

// checkLogout checks the claims by the rules for logout tokens, and by those for all tokens
// that need no metadata.
func (f *Flow) checkLogout(c *tokenClaims) error {
	if !f.provider.MultiTenant {
		if err := (&metadata{Issuer: f.provider.Issuer}).checkTokenIssuer(c); err != nil {
			return err
		}
	}
	if err := f.checkClaims(c); err != nil {
		return err
	}
	if !c.hasLogoutEvent() {
		return errors.New("there is no logout event")
	}
	if c.Nonce != nil {
		return errors.New("there is a nonce")
	}
	if text(c.ID) == "" {
		return errors.New("there is no jti")
	}
	// A malformed sid must not extend the logout to all sessions of the user.
	if c.Session != nil && text(c.Session) == "" {
		return errors.New("the sid is not a string, or empty")
	}
	if c.Subject == "" && c.Session == nil {
		return errors.New("there is neither a sub nor a sid")
	}
	if age := float64(f.now().Unix()) - *c.IssuedAt; age > maxLogoutAge+skew {
		return fmt.Errorf("it is %.0f seconds old", age)
	}
	return nil
}

// hasLogoutEvent reports whether events has the logout event, as an object.
func (c *tokenClaims) hasLogoutEvent() bool {
	var events map[string]jsontext.Value
	if json.Unmarshal(c.Events, &events) != nil {
		return false
	}
	return events[logoutEvent].Kind() == jsontext.KindBeginObject
}
