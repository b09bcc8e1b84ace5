package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// codeSessionRequired is the code of Auth.js for a page that needs a session.
const codeSessionRequired = "SessionRequired"

// linkTo returns the user to whom the account of a sign-in that starts now is to be linked,
// "" for a sign-in. The request asks for it with the field link. The error, a
// [*provider.Error], says that no user is signed in, or not recently: a session that was left
// open must not add a way to sign in.
func (c *Call) linkTo() (userID string, err error) {
	if c.cfg.Users == nil || !truthy(c.body.get("link")) {
		return "", nil
	}
	s, err := c.currentSession()
	if err != nil {
		return "", err
	}
	if o := &s.Claims.Origin; o.Provider == "" || c.cfg.Now().Sub(o.AuthTime.Time()) > c.cfg.LinkWithin {
		return "", sessionRequired("an account can be linked only for a user who has signed in recently")
	}
	return s.Claims.Subject, nil
}

// checkLink reports whether the user who asked for an account to be linked is still the one
// who is signed in. The error is a [*provider.Error].
func (c *Call) checkLink(userID string) error {
	s, err := c.currentSession()
	if err != nil {
		return err
	}
	if s.Claims.Subject != userID {
		return sessionRequired("another user has signed in since the account was to be linked")
	}
	return nil
}

// currentSession returns the session of the request, which another process may have ended a
// moment ago. The error is a [*provider.Error] if there is none, and one that wraps
// [session.ErrUnavailable] if that can't be told.
func (c *Call) currentSession() (*session.Session, error) {
	r := c.request()
	credential, ok := session.ReadCredential(r)
	if !ok {
		return nil, sessionRequired("no user is signed in")
	}
	s, _ := c.cfg.Sessions.Load(r, credential, session.Options{Reload: true}) // it has logged the error
	switch {
	case s.Active():
		return s, nil
	case s.State == session.Unavailable:
		return nil, session.ErrUnavailable
	}
	return nil, sessionRequired("the session has ended")
}

func sessionRequired(reason string) error {
	return &provider.Error{Code: codeSessionRequired, Err: errors.New(reason)}
}

// pendingTTL is how long an account waits for its user to sign in.
const pendingTTL = 15 * time.Minute

// A pendingLink is an account that is linked if the browser signs in as its user next. It is
// sealed in a cookie of its own.
type pendingLink struct {
	LinkAfterProof string            `json:"linkAfterProof"` // the user; no member of other cookies that are sealed with this key
	Provider       string            `json:"provider"`
	Type           provider.Type     `json:"type"`
	Issuer         string            `json:"issuer"`
	ID             string            `json:"id"`
	Email          string            `json:"email"`
	ExpiresAt      token.NumericDate `json:"exp"`
}

func (c *Call) pendingCookie() cookie.Cookie {
	pending := c.base.Cookies.Check
	pending.Name += "-link"
	return pending
}

// waitForProof redirects the browser to the sign-in page, with the account in a cookie.
func (c *Call) waitForProof(userID string, p proof) {
	now := c.cfg.Now()
	sealed, err := c.base.Cookies.CheckCodec.Seal(c.r.Context(), marshal(pendingLink{
		LinkAfterProof: userID, Provider: p.account.Provider, Type: p.account.Type, Issuer: p.account.Issuer, ID: p.account.ProviderAccountID,
		Email: p.user.Email, ExpiresAt: token.DateOf(now.Add(pendingTTL)),
	}))
	if err == nil {
		err = c.pendingCookie().SetFor(c.h, sealed, pendingTTL, now)
	}
	if err != nil {
		c.cfg.Log.ErrorContext(c.r.Context(), "nuxtauth: an account can't wait for its user to sign in", "error", err)
	}
	c.fail(&provider.Error{Code: account.CodeNotLinked, Err: errors.New("the account is linked when its user signs in")}, account.CodeNotLinked, http.StatusOK)
}

// linkPending links the account that waits in a cookie for this user to sign in. A fault is
// logged: the user is signed in all the same, and can link it later.
func (c *Call) linkPending(userID string) {
	pending := c.pendingCookie()
	sealed, ok := pending.Value(c.r.Header)
	if !ok || c.cfg.Users == nil {
		return
	}
	pending.Clear(c.h)
	var p pendingLink
	claims, err := c.base.Cookies.CheckCodec.Open(c.r.Context(), sealed)
	if err == nil {
		err = json.Unmarshal(claims, &p)
	}
	if err != nil || p.LinkAfterProof != userID || !c.cfg.Now().Before(p.ExpiresAt.Time()) {
		return
	}
	of := &provider.Account{Provider: p.Provider, Type: p.Type, Issuer: p.Issuer, ProviderAccountID: p.ID}
	if err := c.cfg.Users.LinkPending(c.r.Context(), userID, p.Email, of); err != nil {
		c.cfg.Log.WarnContext(c.r.Context(), "nuxtauth: the account that waited for its user to sign in could not be linked", "provider", p.Provider, "error", err)
	}
}
