package authtest

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

// IDPSession is a session at the provider. Each sign-in starts one.
type IDPSession struct {
	_ [0]func() // not comparable

	ID       string // "sid" of its ID tokens
	Subject  string // "sub" of the user
	Username string
	Ended    bool // by a logout at the provider
}

// Sessions returns the sessions of all sign-ins, the oldest first. A provider of
// [NewIDP] records them only with RecordRequests.
func (p *IDP) Sessions() []IDPSession {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sessions)
}

// addSession records a session.
func (p *IDP) addSession(s IDPSession) {
	if !p.cfg.RecordRequests {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions = append(p.sessions, s)
}

// logout serves the end-session endpoint (RP-Initiated Logout §2). The browser has no
// session cookie: the hint alone selects the session to end, without a confirmation.
func (p *IDP) logout(w http.ResponseWriter, r *http.Request) {
	params := r.Form // of the URL of a GET, or the body of a POST
	clientID, hint, back := params.Get("client_id"), params.Get("id_token_hint"), params.Get("post_logout_redirect_uri")
	session := ""
	if hint != "" {
		var err error
		if session, err = p.readHint(hint); err != nil {
			p.pages.showProblem(w, "The hint is not an ID token of this provider for the application.", "id_token_hint")
			return
		}
	}
	switch {
	case clientID != "" && clientID != p.cfg.ClientID:
		p.pages.showProblem(w, "The application is unknown.", "client_id")
		return
	case back != "" && clientID == "" && hint == "":
		p.pages.showProblem(w, "The application is not identified.", "client_id")
		return
	case back != "" && !p.isRegisteredForLogout(back):
		p.pages.showProblem(w, "The redirect URI of the application is not registered.", "post_logout_redirect_uri")
		return
	}

	p.end(session)
	if back == "" {
		p.pages.showSignedOut(w, p.cfg.Name)
		return
	}
	if state := params.Get("state"); state != "" {
		back = withQuery(back, url.Values{"state": {state}})
	}
	w.Header().Set("Location", back)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// readHint returns the "sid" of an ID token for the application, which may have expired
// (RP-Initiated Logout §4).
func (p *IDP) readHint(hint string) (sid string, err error) {
	signer := p.signer()
	claims := jwt.MapClaims{}
	// The parser would reject an expired token, so that the claims are checked here.
	_, err = jwt.NewParser(jwt.WithValidMethods([]string{signer.method.Alg()}), jwt.WithoutClaimsValidation()).
		ParseWithClaims(hint, claims, func(*jwt.Token) (any, error) { return signer.private.Public(), nil })
	if err != nil {
		return "", err
	}
	if audience, err := claims.GetAudience(); err != nil || !slices.Contains(audience, p.cfg.ClientID) || claims["iss"] != p.cfg.Issuer {
		return "", errors.New("the ID token is not for this client")
	}
	sid, _ = claims["sid"].(string)
	return sid, nil
}

// isRegisteredForLogout reports whether a browser may be sent to this URL after
// a sign-out.
func (p *IDP) isRegisteredForLogout(uri string) bool {
	if len(p.cfg.PostLogoutRedirectURIs) == 0 && len(p.cfg.RedirectURIs) == 0 {
		return isWebURL(uri)
	}
	return slices.Contains(p.cfg.PostLogoutRedirectURIs, uri)
}

// end marks a session as ended.
func (p *IDP) end(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.sessions {
		if p.sessions[i].ID == id {
			p.sessions[i].Ended = true
		}
	}
}

const (
	logoutEvent         = "http://schemas.openid.net/event/backchannel-logout"
	logoutTokenLifetime = 2 * time.Minute
)

// LogoutToken returns a new logout token (OpenID Connect Back-Channel Logout §2.4), as
// the provider sends it to the application when a user signs out elsewhere.
// [IDP.Sessions] has the subject and the sid of each sign-in; an empty one is left
// out of the token. The faults are applied in their order; most tests need none.
//
//	s := idp.Sessions()[0]
//	form := url.Values{"logout_token": {idp.LogoutToken(t, s.Subject, s.ID)}}
//	res, err := client.PostForm(backChannelLogoutURL, form)
func (p *IDP) LogoutToken(t testing.TB, subject, sid string, faults ...hostile.LogoutFault) string {
	t.Helper()
	now := p.now()
	claims := jwt.MapClaims{
		"iss":    p.cfg.Issuer,
		"aud":    p.cfg.ClientID,
		"iat":    now.Unix(),
		"exp":    now.Add(logoutTokenLifetime).Unix(),
		"jti":    rand.Text(),
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	if subject != "" {
		claims["sub"] = subject
	}
	if sid != "" {
		claims["sid"] = sid
	}

	token := newDraft("logout+jwt", claims, p.signer(), now)
	effects := logoutFaults()
	for _, f := range faults {
		if change := effects[f]; change != nil {
			change(p, token)
		}
	}
	compact, err := token.sign()
	if err != nil {
		t.Fatalf("authtest: sign a logout token: %v", err)
	}
	return compact
}

// withQuery adds parameters to a URL.
func withQuery(uri string, params url.Values) string {
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
	}
	return uri + separator + params.Encode()
}
