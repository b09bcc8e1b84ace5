package api

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/address"
	"github.com/nuxtauth/nuxtauth/internal/cookie"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// email is the sign-in by a link that is sent to the user's address.
type email struct{}

func newEmail(provider.Provider, flow.Config) method { return email{} }

func (email) formAction() string { return "signin" }

func (email) callbackReads() bool { return true } // of a link

// start sends a link. The answer, and about the time that it takes, is the same for every
// address: the mail is sent afterwards.
func (email) start(c *Call) {
	to, err := address.Normalize(c.body.get("email"))
	if err != nil {
		c.keepForm()
		c.fail(&provider.Error{Code: CodeEmailSignIn, Err: err}, CodeEmailSignIn, http.StatusOK)
		return
	}
	if !c.mails.begin() {
		c.keepForm()
		c.fail(errMailDown, CodeEmailSignIn, http.StatusOK)
		return
	}
	var link *account.Link
	defer func() { c.mails.finish(c.r.Context(), link) }()
	send := c.mails.count(c.r.Context(), to, c.network())
	user, err := c.cfg.Users.FindByEmail(c.r.Context(), to)
	if err != nil && !errors.Is(err, store.ErrAmbiguousEmail) {
		c.fail(err, CodeCallback, http.StatusOK)
		return
	}
	if err != nil {
		c.logFailure(err, account.CodeNotLinked)
		send = false
	}
	p := c.proofOf(to)
	if user != nil {
		p.user = account.User(user)
		send = send && !user.Disabled
	}
	p.verificationRequest = true
	if err := c.accept(c.r.Context(), p, p.user, c.client(c.request())); err != nil {
		c.logFailure(err, CodeAccessDenied) // the browser does not learn of it
		send = false
	}
	if send {
		base, id := c.base, c.providerID
		link = &account.Link{
			Purpose: mail.PurposeSignIn, Email: to, RedirectTo: c.callbackURL, Lifetime: c.provider.LinkLifetime,
			URL: func(token string) string {
				return base.URL("callback", id) + "?email=" + cookie.EncodeURIComponent(to) + "&token=" + token
			},
		}
	}
	query := url.Values{"provider": {c.providerID}, "type": {string(c.provider.Type)}}
	c.redirect(http.StatusOK, appendQuery(c.base.URL("verify-request"), query.Encode()))
}

// proofOf is the proof that the user has an address, of which nothing else is known.
func (c *Call) proofOf(address string) proof {
	return proof{
		kind: account.ByEmail,
		user: &provider.User{ID: address, Email: address},
		account: &provider.Account{
			Provider: c.providerID, Type: c.provider.Type, ProviderAccountID: address,
		},
		origin: token.Origin{Provider: c.providerID, ProviderSubject: address},
	}
}

// callback opens a link with GET, which changes nothing, and spends it with POST, for which
// the browser has to show the form of that page: programs open the links of mails.
func (e email) callback(c *Call) {
	params := c.r.URL.Query()
	if c.r.Method == http.MethodPost {
		params = c.body.form
	}
	to, secret := params.Get("email"), params.Get("token")
	c.checkForm()
	if secret == "" {
		c.fail(&provider.Error{Code: CodeConfiguration, Err: errors.New("the link has no token")}, CodeConfiguration, http.StatusOK)
		return
	}
	if c.r.Method == http.MethodPost {
		e.spend(c, to, secret)
		return
	}
	link, err := c.cfg.Users.FindLink(c.r.Context(), mail.PurposeSignIn, to, secret)
	if err != nil {
		c.linkFailed(err)
		return
	}
	d := page.Confirm{
		Site: c.base.Origin, Action: c.base.URL("callback", c.providerID), CSRFToken: c.csrfToken, Email: link.Email, Token: secret,
		User: c.otherUser(link.Email),
	}
	if link.RedirectTo == "" {
		d.CallbackURL = c.callbackURL
	}
	c.cfg.Pages.Confirm(c.w, d)
}

// otherUser returns the user of the browser, nil if there is none, or if it is the one with
// the address.
func (c *Call) otherUser(address string) *page.User {
	s, err := c.currentSession()
	if err != nil {
		return nil
	}
	own, _ := c.cfg.Users.FindByEmail(c.r.Context(), address) // after a fault it may be another
	if own != nil && own.ID == s.Claims.Subject {
		return nil
	}
	return pageUserOf(s)
}

// spend signs in with a link.
func (email) spend(c *Call, to, secret string) {
	if !c.csrfOK {
		c.missingCSRF()
		return
	}
	attempt := c.limiter.countCallback(c)
	if attempt.rejectedFor > 0 {
		c.tooManyAttempts(attempt)
		return
	}
	link, err := c.cfg.Users.TakeLink(c.r.Context(), mail.PurposeSignIn, to, secret)
	if err != nil {
		c.linkFailed(err)
		return
	}
	if link.RedirectTo != "" { // that of a link which Auth.js in Node has sent is in its query
		c.callbackURL = c.safeURL(link.RedirectTo)
	}
	if c.complete(c.proofOf(link.Email)) {
		attempt.succeeded(c.r.Context())
		c.cfg.Users.EndLinks(c.r.Context(), link.Email)
	}
}

// linkFailed answers a request with a link that does not work, or can't be looked up.
func (c *Call) linkFailed(err error) {
	if errors.Is(err, store.ErrNotFound) {
		err = &provider.Error{Code: CodeVerification, Err: errors.New("the link was used, has expired, or is none")}
	}
	c.fail(err, CodeCallback, http.StatusOK)
}
