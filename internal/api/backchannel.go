package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

// A provider can send any number of logout tokens, each of which is remembered until it
// expires, within this window.
const (
	maxLogouts   = 100_000
	logoutWindow = 15 * time.Minute
)

var (
	errReplayed       = errors.New("the logout token was used before")
	errNotOpenID      = errors.New("it is not an OpenID provider of the configuration")
	errNoLogout       = errors.New("back-channel logout is off for this provider: set its BackchannelLogout")
	errTooManyLogouts = fmt.Errorf("the provider has sent more than %d logout tokens within %v", maxLogouts, logoutWindow)
)

// BackchannelLogout ends the sessions that a logout token names (OpenID Connect
// Back-Channel Logout 1.0). Providers call it, not browsers. Every failure is a
// 400, as the standard wants (§2.8).
func BackchannelLogout(c *Call) {
	err := c.endByLogoutToken(c.body.get("logout_token"))
	if err == nil {
		c.w.WriteHeader(http.StatusOK)
		return
	}
	c.failure = err
	id := ""
	if c.provider != nil {
		id = c.providerID // not any text that stands in the path
	}
	c.cfg.Log.WarnContext(c.r.Context(), "nuxtauth: a back-channel logout was refused", "provider", id, "error", err)
	answer := map[string]string{"error": "invalid_request", "error_description": "The logout token was refused."}
	if errors.Is(err, session.ErrUnavailable) || c.r.Context().Err() != nil {
		answer = map[string]string{"error": "logout_failed", "error_description": "The sessions could not be ended."}
	}
	c.json(http.StatusBadRequest, answer)
}

func (c *Call) endByLogoutToken(raw string) error {
	f := c.provider.flow()
	switch {
	case f == nil:
		return errNotOpenID
	case !c.provider.BackchannelLogout:
		return errNoLogout
	}
	ctx := c.r.Context()
	t, err := f.VerifyLogoutToken(ctx, raw)
	if err != nil {
		return err
	}
	used := session.MarkName(c.cfg.Realm, "logout", c.providerID, t.ID)
	if at, err := c.cfg.LogoutReplay.Marked(ctx, used); err != nil {
		return session.Transient(err)
	} else if at[0] != 0 {
		return errReplayed
	}
	if c.logouts.add(ctx, "logout-tokens:"+c.providerID, 1, logoutWindow) > maxLogouts {
		return session.Transient(errTooManyLogouts)
	}
	n, err := c.endSessionsOf(ctx, t)
	if err != nil {
		return err
	}
	c.cfg.Log.InfoContext(ctx, "nuxtauth: a provider ended sessions", "provider", c.providerID, "sessions", n)
	// Marked only now: a provider whose call failed may send its token again.
	ttl := max(t.ExpiresAt.Sub(c.cfg.Now()), time.Minute)
	if _, _, err := c.cfg.LogoutReplay.Mark(context.WithoutCancel(ctx), used, ttl); err != nil {
		c.cfg.Log.WarnContext(ctx, "nuxtauth: a logout token could not be remembered", "error", err)
	}
	return nil
}

// endSessionsOf ends the session of a logout token or, if no session has its sid, those of
// the user without one. If it names a user alone, it ends all that the user has from this
// provider.
func (c *Call) endSessionsOf(ctx context.Context, t *flow.LogoutToken) (int, error) {
	if t.Session != "" {
		return c.cfg.Sessions.RevokeProviderSession(ctx, c.providerID, t.Issuer, t.Subject, t.Session)
	}
	return c.cfg.Sessions.RevokeProviderSubject(ctx, c.providerID, t.Issuer, t.Subject)
}
