package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

var (
	errReplayed  = errors.New("the logout token was used before")
	errNoLogout  = errors.New("back-channel logout is off for this provider: set its BackchannelLogout")
	errNotOpenID = errors.New("it is not an OpenID provider of the configuration")
)

// BackchannelLogout ends the sessions that a logout token names (OpenID Connect
// Back-Channel Logout 1.0). Providers call it, not browsers. Every failure is a
// 400, as the standard wants (§2.8).
func (x *Exchange) BackchannelLogout() {
	err := x.endByLogoutToken(x.body.get("logout_token"))
	if err == nil {
		x.w.WriteHeader(http.StatusOK)
		return
	}
	id := ""
	if x.provider != nil {
		id = x.id // not any text that stands in the path
	}
	guard.Log(x.r.Context(), x.log, slog.LevelWarn, "nuxtauth: a back-channel logout was refused", err, "provider", id)
	answer := map[string]string{"error": "invalid_request", "error_description": "The logout token was refused."}
	if errors.Is(err, session.ErrUnavailable) || errors.Is(err, store.ErrUnsupported) || x.r.Context().Err() != nil {
		answer = map[string]string{"error": "logout_failed", "error_description": "The sessions could not be ended."}
	}
	x.json(http.StatusBadRequest, answer)
}

func (x *Exchange) endByLogoutToken(raw string) error {
	switch {
	case x.provider == nil || x.provider.Type != provider.TypeOIDC:
		return errNotOpenID
	case !x.provider.BackchannelLogout:
		return errNoLogout
	}
	ctx := x.r.Context()
	t, err := x.provider.flow.VerifyLogoutToken(ctx, raw)
	if err != nil {
		return err
	}
	id := sha256.Sum256([]byte(t.ID)) // of any length
	used := x.realm + ":logout:" + x.id + ":" + base64.RawURLEncoding.EncodeToString(id[:])
	if at, err := x.logoutReplay.Marked(ctx, used); err != nil {
		return session.Transient(err)
	} else if at[0] != 0 {
		return errReplayed
	}
	n, err := x.endSessionsOf(ctx, t)
	if err != nil {
		return err
	}
	x.log.InfoContext(ctx, "nuxtauth: a provider ended sessions", "provider", x.id, "sessions", n)
	// Marked only now: a provider whose call failed may send its token again.
	ttl := max(t.ExpiresAt.Sub(x.now()), time.Minute)
	if _, _, err := x.logoutReplay.Mark(context.WithoutCancel(ctx), used, ttl); err != nil {
		guard.Log(ctx, x.log, slog.LevelWarn, "nuxtauth: a logout token could not be remembered", err)
	}
	return nil
}

// endSessionsOf ends the session of a logout token or, if it names a user alone,
// all that the user has from this provider.
func (x *Exchange) endSessionsOf(ctx context.Context, t *flow.LogoutToken) (int, error) {
	if t.Session != "" {
		return x.sessions.RevokeProviderSession(ctx, x.id, t.Session)
	}
	return x.sessions.RevokeProviderSubject(ctx, x.id, t.Subject)
}
