package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/guard"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	endSessionWait  = 2 * time.Second // for a provider's metadata; without them the sign-out ends here
	logoutStateTTL  = time.Hour
	maxLogoutReturn = 1024 // bytes of the callback URL; the ID token goes into the same URL
)

// SignOutPage asks whether to sign out. Below it is where a browser comes back from
// a sign-out at its provider.
func (x *Exchange) SignOutPage() {
	if x.provider.endsSession() {
		x.returnFromLogout()
		return
	}
	x.checkForm()
	if x.customPages.SignOut != "" {
		x.redirect(http.StatusOK, x.customPages.SignOut)
		return
	}
	x.pages.SignOut(x.w, page.SignOut{Site: x.at.Origin, Action: x.at.URL("signout"), CSRFToken: x.csrfToken})
}

// SignOut ends the session, and leads the browser on to its provider where that is
// to end its own (OpenID Connect RP-Initiated Logout 1.0).
func (x *Exchange) SignOut() {
	ended, err := x.sessions.SignOut(x.request(), nil)
	if err != nil {
		guard.Log(x.r.Context(), x.log, slog.LevelError, "nuxtauth: the session could not be ended", err)
		x.protocol.fail(x, "SignOutError", http.StatusServiceUnavailable)
		return
	}
	if to := x.endSessionURL(ended); to != "" {
		x.redirect(http.StatusOK, to)
		return
	}
	x.redirect(http.StatusOK, x.callbackURL)
}

// A logoutState travels to the provider and back as the state of a sign-out, so
// that the browser is led on to where it wanted to go.
type logoutState struct {
	Provider    string            `json:"logoutProvider"` // no member of a signInState, which is sealed with the same key
	CallbackURL string            `json:"callbackUrl"`
	ExpiresAt   token.NumericDate `json:"exp"`
}

// endSessionURL is where the browser ends its session at the provider too, "" when
// there is none to end. The session here has ended already, and a provider that is
// down keeps no user from signing out.
func (x *Exchange) endSessionURL(ended *session.Session) string {
	if ended == nil {
		return ""
	}
	p := x.byID[ended.Claims.Origin.Provider]
	if !p.endsSession() {
		return ""
	}
	to, err := x.askEndSessionURL(p, ended)
	if err != nil {
		guard.Log(x.r.Context(), x.log, slog.LevelWarn, "nuxtauth: signed out here, but not at the provider", err, "provider", p.ID)
	}
	return to
}

func (x *Exchange) askEndSessionURL(p *authProvider, ended *session.Session) (string, error) {
	back := logoutState{Provider: p.ID, CallbackURL: x.callbackURL, ExpiresAt: token.NumericDate(x.now().Add(logoutStateTTL).Unix())}
	if len(back.CallbackURL) > maxLogoutReturn {
		back.CallbackURL = x.at.Origin
	}
	state, err := json.Marshal(back)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), endSessionWait)
	defer cancel()
	sealed, err := x.at.Cookies.CheckCodec.Seal(ctx, state)
	if err != nil {
		return "", err
	}
	e := flow.EndSession{RedirectURI: x.at.URL("signout", p.ID), State: sealed}
	if ended.ProviderTokens != nil {
		e.IDToken = ended.ProviderTokens.IDToken
	}
	return p.flow.EndSessionURL(ctx, e)
}

// returnFromLogout leads a browser on that comes back from its provider. It is
// signed out already: a state that is missing or wrong leads to the application's
// root URL.
func (x *Exchange) returnFromLogout() {
	to := x.at.Origin
	var s logoutState
	claims, err := x.at.Cookies.CheckCodec.Open(x.r.Context(), x.r.URL.Query().Get("state"))
	if err == nil {
		err = json.Unmarshal(claims, &s)
	}
	if err == nil && s.Provider == x.id && x.now().Before(s.ExpiresAt.Time()) {
		to = s.CallbackURL
	}
	x.redirect(http.StatusOK, to)
}
