package api

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	lastFormTTL = 5 * time.Minute // with the error page between the form and the sign-in page
	maxAccount  = 256             // bytes
)

// A lastForm travels in a cookie from a form with wrong credentials to the sign-in page,
// which shows the account again (WCAG 2.2, 3.3.7). It is sealed: the account may be an
// e-mail address, and no other site may write one into the form.
type lastForm struct {
	Form      string            `json:"form"` // ID of the provider; no member of a signInState, which is sealed with the same key
	Account   string            `json:"account"`
	ExpiresAt token.NumericDate `json:"exp"`
}

// lastFormCookie is beside the cookie of the CSRF token, with its attributes.
func (c *Call) lastFormCookie() cookie.Cookie {
	form := c.base.Cookies.CSRF
	form.Name = strings.TrimSuffix(form.Name, "csrf-token") + "form"
	return form
}

// keepForm sets the cookie for the form of a browser, for the built-in sign-in page. A
// form without an account, or with a long one, gets none.
func (c *Call) keepForm() {
	field, public := page.AccountField(pageFields(c.provider.Fields))
	account := c.body.get(field)
	if !public || c.asJSON() || c.cfg.CustomPages.SignIn != "" || account == "" || len(account) > maxAccount || !utf8.ValidString(account) {
		return
	}
	now := c.cfg.Now()
	claims := marshal(lastForm{c.providerID, account, token.DateOf(now.Add(lastFormTTL))})
	sealed, err := c.base.Cookies.CheckCodec.Seal(c.r.Context(), claims)
	if err == nil {
		before := len(c.h["Set-Cookie"])
		err = c.lastFormCookie().SetFor(c.h, sealed, lastFormTTL, now)
		c.cookiesBefore = append(c.cookiesBefore, c.h["Set-Cookie"][before:]...) // discardCookies leaves it
	}
	if err != nil { // the user writes the account again
		c.report("nuxtauth: the cookie of a form failed", err)
	}
}

// takeForm opens the cookie of keepForm and clears it. Both results are "" without one.
func (c *Call) takeForm() (provider, account string) {
	form := c.lastFormCookie()
	sealed, ok := form.Value(c.r.Header)
	if !ok {
		return "", ""
	}
	form.Clear(c.h)
	var f lastForm
	claims, err := c.base.Cookies.CheckCodec.Open(c.r.Context(), sealed)
	if err != nil || json.Unmarshal(claims, &f) != nil || !c.cfg.Now().Before(f.ExpiresAt.Time()) {
		return "", ""
	}
	return f.Form, f.Account
}
