package api

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/flow"
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
func SignOutPage(c *Call) {
	if c.provider.endsSession() {
		c.returnFromLogout()
		return
	}
	if c.cfg.CustomPages.SignOut != "" {
		c.redirect(http.StatusOK, c.cfg.CustomPages.SignOut)
		return
	}
	d := page.SignOut{Site: c.base.Origin, Action: c.base.URL("signout"), CSRFToken: c.csrfToken, ErrorCode: c.refusedForm()}
	if d.User, d.SignedOut = c.pageUser(); d.SignedOut {
		d.SignedOut = d.ErrorCode == "" // a form of another address shows the session there alone
		d.SignInURL = c.base.URL("signin")
	}
	c.cfg.Pages.SignOut(c.w, d)
}

// SignOut ends the session, and redirects the browser to its provider if that is to
// end its own (OpenID Connect RP-Initiated Logout 1.0).
func SignOut(c *Call) {
	ended, err := c.cfg.Sessions.SignOut(c.request(), nil)
	if err != nil {
		c.failure = err
		c.cfg.Log.ErrorContext(c.r.Context(), "nuxtauth: the session could not be ended", "error", err)
		c.cfg.Protocol.fail(c, CodeSignOut, http.StatusServiceUnavailable)
		return
	}
	if to := c.endSessionURL(ended); to != "" {
		c.redirect(http.StatusOK, to)
		return
	}
	c.redirect(http.StatusOK, c.callbackURL)
}

// A logoutState travels to the provider and back as the state of a sign-out. It has
// the callback URL, to which the browser is redirected afterwards. Other applications may
// have the same secret: it is for one site.
type logoutState struct {
	Site        string            `json:"site"`           // the origin
	Provider    string            `json:"logoutProvider"` // no member of a signInState, which is sealed with the same key
	CallbackURL string            `json:"callbackUrl"`
	ExpiresAt   token.NumericDate `json:"exp"`
}

// endSessionURL returns the URL at which the browser ends its session at the provider
// too, "" if there is none to end. The session here has ended already: an error, such
// as that of a provider that is down, is logged and counts as "".
func (c *Call) endSessionURL(ended *session.Session) string {
	if ended == nil {
		return ""
	}
	p := c.cfg.Providers.byID[ended.Claims.Origin.Provider]
	if !p.endsSession() {
		return ""
	}
	to, err := c.logoutRequest(p, ended)
	if err != nil {
		c.cfg.Log.WarnContext(c.r.Context(), "nuxtauth: signed out here, but not at the provider", "provider", p.ID, "error", err)
	}
	return to
}

// logoutRequest returns the URL of a logout request to a provider, "" if its metadata
// name no end_session_endpoint. The error says that the metadata did not arrive in
// time, or that the state can't be sealed.
func (c *Call) logoutRequest(p *authProvider, ended *session.Session) (string, error) {
	back := logoutState{Site: c.base.Origin, Provider: p.ID, CallbackURL: c.callbackURL, ExpiresAt: token.DateOf(c.cfg.Now().Add(logoutStateTTL))}
	if len(back.CallbackURL) > maxLogoutReturn {
		back.CallbackURL = c.base.Origin
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), endSessionWait)
	defer cancel()
	sealed, err := c.base.Cookies.CheckCodec.Seal(ctx, marshal(back))
	if err != nil {
		return "", err
	}
	e := flow.EndSession{RedirectURI: c.base.URL("signout", p.ID), State: sealed}
	if ended.ProviderTokens != nil {
		e.IDToken = ended.ProviderTokens.IDToken
	}
	return p.flow().EndSessionURL(ctx, e)
}

// returnFromLogout redirects a browser that comes back from its provider. It is signed
// out already: a state that is missing or wrong leads to the application's root URL. Whether
// the callback URL is allowed is decided again.
func (c *Call) returnFromLogout() {
	to := c.base.Origin
	var s logoutState
	claims, err := c.base.Cookies.CheckCodec.Open(c.r.Context(), c.r.URL.Query().Get("state"))
	if err == nil {
		err = json.Unmarshal(claims, &s)
	}
	if err == nil && s.Site == c.base.Origin && s.Provider == c.providerID && c.cfg.Now().Before(s.ExpiresAt.Time()) {
		to = c.safeURL(s.CallbackURL)
	}
	c.redirect(http.StatusOK, to)
}
