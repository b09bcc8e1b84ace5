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
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	checkTTL       = 15 * time.Minute
	maxChecks      = 5  // sign-ins that one browser can have under way, each in its tab
	maxChecksRead  = 32 // cookies that are opened to find the oldest ones
	minStateLength = 12
)

// A signInState is what a browser carries while it is away at a provider, in a
// check cookie: the checks of the sign-in, and where to go afterwards. It is
// sealed for this purpose alone, and bound to the provider, its issuer and the
// redirect URI.
type signInState struct {
	flow.Check
	CallbackURL string            `json:"callbackUrl"`
	Session     string            `json:"session,omitzero"` // names that of the browser so far, which a cross-site post will not show
	IssuedAt    token.NumericDate `json:"iat"`
	ExpiresAt   token.NumericDate `json:"exp"`
}

// setCheckCookie seals the state of a sign-in into a cookie of its own, and drops
// those of the oldest ones that were never finished.
func (x *Exchange) setCheckCookie(s signInState) error {
	now := x.now()
	s.IssuedAt, s.ExpiresAt = token.NumericDate(now.Unix()), token.NumericDate(now.Add(checkTTL).Unix())
	claims, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sealed, err := x.at.Cookies.CheckCodec.Seal(x.r.Context(), claims)
	if err != nil {
		return err
	}
	x.pruneCheckCookies(maxChecks - 1)
	return x.checkCookie(s.State).SetFor(x.h, sealed, checkTTL, now)
}

// checkCookie is the cookie of one sign-in under way: each has its own, so that
// two tabs do not disturb each other.
func (x *Exchange) checkCookie(state string) cookie.Cookie {
	c := x.at.Cookies.Check
	c.Name += "." + state[:min(len(state), minStateLength)]
	if x.provider.ResponseMode == "form_post" && c.Secure {
		c.SameSite = http.SameSiteNoneMode // the provider's page posts here
	}
	return c
}

const base64urlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// consumeCheckCookie opens the check cookie of a state, and takes it from the
// browser whatever comes of it.
func (x *Exchange) consumeCheckCookie(state string) (*signInState, error) {
	if len(state) < minStateLength || strings.Trim(state, base64urlDigits) != "" {
		return nil, errors.New("the answer has no state, or a malformed one")
	}
	c := x.checkCookie(state)
	sealed, ok := c.Value(x.r.Header)
	if !ok {
		return nil, errors.New("the browser has no sign-in under way for this state")
	}
	c.Clear(x.h)
	opened, err := x.openCheckCookie(sealed)
	if err != nil {
		return nil, err
	}
	// The cookie may have been copied, and some providers honour a code twice.
	sum := sha256.Sum256([]byte(opened.State))
	if x.limiter.count(x.r.Context(), "state:"+base64.RawURLEncoding.EncodeToString(sum[:]), 1, checkTTL) > 1 {
		return nil, errors.New("the state was used before")
	}
	return opened, nil
}

func (x *Exchange) openCheckCookie(sealed string) (*signInState, error) {
	claims, err := x.at.Cookies.CheckCodec.Open(x.r.Context(), sealed)
	if err != nil {
		return nil, err
	}
	s := new(signInState)
	if err := json.Unmarshal(claims, s); err != nil {
		return nil, err
	}
	return s, token.Validate(s.IssuedAt, s.ExpiresAt, 0, x.now())
}

// pruneCheckCookies clears the check cookies of the oldest sign-ins that were
// never finished, and those that do not open, until so many are left.
func (x *Exchange) pruneCheckCookies(leave int) {
	type check struct {
		name string
		at   token.NumericDate
	}
	var checks []check
	for name, sealed := range x.at.Cookies.Check.WithPrefix(x.r.Header) {
		if len(checks) == maxChecksRead {
			break // planted ones: the rest goes at later sign-ins
		}
		s, err := x.openCheckCookie(sealed)
		if err != nil {
			s = new(signInState)
		}
		checks = append(checks, check{name, s.IssuedAt})
	}
	slices.SortFunc(checks, func(a, b check) int { return cmp.Compare(b.at, a.at) })
	for i, old := range checks {
		if i >= leave || old.at == 0 {
			c := x.at.Cookies.Check
			c.Name = old.name
			c.Clear(x.h)
		}
	}
}
