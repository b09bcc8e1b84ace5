package api

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/internal/validity"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	checkTTL       = 15 * time.Minute
	maxChecks      = 5  // sign-ins that one browser can have under way, each in its tab
	maxChecksRead  = 32 // cookies that are opened to find the oldest ones
	minStateLength = 12
)

// A signInState is what a browser carries in a check cookie while it is at a
// provider: the checks of the sign-in, and the callback URL. It is
// sealed for this purpose alone, and bound to the provider, its issuer and the
// redirect URI.
type signInState struct {
	flow.Check
	CallbackURL string            `json:"callbackUrl"`
	Previous    session.Reference `json:"previous,omitzero"` // to the session of the browser so far, which a cross-site post will not show
	LinkTo      string            `json:"linkTo,omitzero"`   // the user who asked for the account to be linked
	IssuedAt    token.NumericDate `json:"iat"`
	ExpiresAt   token.NumericDate `json:"exp"`
}

// setCheckCookie seals the state of a sign-in into a cookie of its own, and drops
// those of the oldest ones that were never finished. A reference to the previous session
// that does not fit, of a store whose handles hold the session, is left out: such a session
// can't be ended.
func (c *Call) setCheckCookie(s signInState) error {
	err := c.sealCheckCookie(s)
	if errors.Is(err, cookie.ErrTooLarge) && s.Previous.Handle != "" {
		c.cfg.Log.WarnContext(c.r.Context(), "nuxtauth: the handle of the session is too long for the cookie of a sign-in, which may not end that session")
		s.Previous = session.Reference{}
		err = c.sealCheckCookie(s)
	}
	return err
}

func (c *Call) sealCheckCookie(s signInState) error {
	now := c.cfg.Now()
	s.IssuedAt, s.ExpiresAt = token.DateOf(now), token.DateOf(now.Add(checkTTL))
	sealed, err := c.base.Cookies.CheckCodec.Seal(c.r.Context(), marshal(s))
	if err != nil {
		return err
	}
	c.pruneCheckCookies(maxChecks - 1)
	return c.checkCookie(s.State).SetFor(c.h, sealed, checkTTL, now)
}

// checkCookie is the cookie of one sign-in under way: each has its own, so that
// two tabs do not disturb each other. A state has at least minStateLength bytes.
func (c *Call) checkCookie(state string) cookie.Cookie {
	check := c.base.Cookies.Check
	check.Name += "." + state[:minStateLength]
	if c.provider.ResponseMode == "form_post" && check.Secure {
		check.SameSite = http.SameSiteNoneMode // the provider's page posts here
	}
	return check
}

const base64urlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// wellFormed reports whether a state can be one that a sign-in had.
func wellFormed(state string) bool {
	return len(state) >= minStateLength && strings.Trim(state, base64urlDigits) == ""
}

// isLinking reports whether the sign-in of a state is one that links an account.
func (c *Call) isLinking(state string) bool {
	if !wellFormed(state) {
		return false
	}
	sealed, _ := c.checkCookie(state).Value(c.r.Header) // "" does not open
	s, err := c.openCheckCookie(sealed)
	return err == nil && s.LinkTo != ""
}

// consumeCheckCookie opens the check cookie of a state, and clears it also if it does
// not open. The error is a [*provider.Error].
func (c *Call) consumeCheckCookie(state string) (*signInState, error) {
	if !wellFormed(state) {
		return nil, invalidResponse(errors.New("the answer has no state, or a malformed one"))
	}
	check := c.checkCookie(state)
	sealed, ok := check.Value(c.r.Header)
	if !ok {
		return nil, invalidResponse(errors.New("the browser has no sign-in under way for this state"))
	}
	check.Clear(c.h)
	opened, err := c.openCheckCookie(sealed)
	if err != nil {
		return nil, invalidResponse(err)
	}
	return opened, nil
}

// countState returns an error, a [*provider.Error], if the state was used before: the
// check cookie may have been copied, and some providers honour a code twice.
func (c *Call) countState(state string) error {
	sum := sha256.Sum256([]byte(state))
	if c.states.add(c.r.Context(), "state:"+base64.RawURLEncoding.EncodeToString(sum[:]), 1, checkTTL) > 1 {
		return invalidResponse(errors.New("the state was used before"))
	}
	return nil
}

// invalidResponse is the error of an answer that belongs to no sign-in of the browser.
func invalidResponse(err error) error { return &provider.Error{Code: CodeOAuthCallback, Err: err} }

func (c *Call) openCheckCookie(sealed string) (*signInState, error) {
	claims, err := c.base.Cookies.CheckCodec.Open(c.r.Context(), sealed)
	if err != nil {
		return nil, err
	}
	s := new(signInState)
	if err := json.Unmarshal(claims, s); err != nil {
		return nil, err
	}
	return s, validity.Times{IssuedAt: int64(s.IssuedAt), ExpiresAt: int64(s.ExpiresAt)}.Check(c.cfg.Now())
}

// pruneCheckCookies clears the check cookies of the oldest sign-ins that were
// never finished, and those that do not open, until so many are left.
func (c *Call) pruneCheckCookies(leave int) {
	type check struct {
		name string
		at   token.NumericDate
	}
	var checks []check
	for name, sealed := range c.base.Cookies.Check.WithPrefix(c.r.Header) {
		if len(checks) == maxChecksRead {
			break // planted ones: the rest goes at later sign-ins
		}
		s, err := c.openCheckCookie(sealed)
		if err != nil {
			s = new(signInState)
		}
		checks = append(checks, check{name, s.IssuedAt})
	}
	slices.SortFunc(checks, func(a, b check) int { return cmp.Compare(b.at, a.at) })
	for i, old := range checks {
		if i >= leave || old.at == 0 {
			planted := c.base.Cookies.Check
			planted.Name = old.name
			planted.Clear(c.h)
		}
	}
}
