package api

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/page"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
)

// SignInPage shows the ways to sign in. It starts none: a link must not be able to
// sign a user in.
func SignInPage(c *Call) {
	if !c.cfg.Protocol.showsSignInPage(c) {
		return
	}
	code := cmp.Or(c.r.URL.Query().Get("error"), c.providerID, c.refusedForm())
	if c.cfg.CustomPages.SignIn != "" {
		to := withQuery(c.cfg.CustomPages.SignIn, "callbackUrl", c.callbackURL)
		if code != "" {
			to = withQuery(to, "error", code)
		}
		c.redirect(http.StatusOK, to)
		return
	}
	if c.providerID == code {
		code = "" // a provider's id is no error
	}
	query := c.r.URL.Query()
	d := page.SignIn{
		Site: c.base.Origin, CSRFToken: c.csrfToken, CallbackURL: c.callbackURL, ErrorCode: code, Email: query.Get("email"),
		ForgotPasswordURL: c.cfg.CustomPages.ForgotPassword, SignUpURL: c.cfg.CustomPages.SignUp,
		Again: query.Get(promptParam) == promptLogin,
	}
	d.Form, d.Account = c.takeForm()
	d.User, _ = c.pageUser()
	for _, p := range c.cfg.Providers.list {
		d.Providers = append(d.Providers, c.pageProvider(p))
	}
	c.cfg.Pages.SignIn(c.w, d)
}

// promptParam with promptLogin says on the sign-in page that a signed-in user has to sign
// in again, as it does at a provider (OpenID Connect Core §3.1.2.1).
const promptParam, promptLogin = "prompt", "login"

// pageUser is the user of the browser for a page, nil if there is none or none is known.
// signedOut says that there is no session, as opposed to one that can't be checked.
func (c *Call) pageUser() (u *page.User, signedOut bool) {
	r := c.request()
	credential, ok := session.ReadCredential(r)
	if !ok {
		return nil, true
	}
	s, _ := c.cfg.Sessions.Load(r, credential, session.Options{}) // it has logged the error
	if !s.Active() {
		return nil, s.State != session.Unavailable
	}
	return pageUserOf(s), false
}

func pageUserOf(s *session.Session) *page.User {
	return &page.User{Name: cmp.Or(s.Claims.Name, s.Claims.Email), Picture: s.Claims.Picture}
}

// refusedForm is the code for a page to which the browser was sent back with its form.
func (c *Call) refusedForm() string {
	if c.r.URL.Query().Has("csrf") { // see nextAuth.missingCSRF
		return CodeMissingCSRF
	}
	return ""
}

// pageProvider is a provider for the sign-in page. Action is the URL to which its
// button or form posts; Logo and Brand may be "".
func (c *Call) pageProvider(p *authProvider) page.Provider {
	return page.Provider{
		ID: p.ID, Name: p.Name, Type: string(p.Type), Action: c.base.URL(p.method.formAction(), p.ID),
		Style: page.Style{Logo: p.Style.Logo, Brand: p.Style.Brand, Text: p.Style.Text}, Fields: pageFields(p.Fields),
	}
}

func pageFields(fields []provider.Field) (shown []page.Field) {
	for _, f := range fields {
		shown = append(shown, page.Field{Name: f.Name, Label: f.Label, Type: f.Type, Placeholder: f.Placeholder, Autocomplete: f.Autocomplete, Optional: f.Optional})
	}
	return shown
}

// unknownPage answers a browser that opens a page below the base path which is none, and
// reports whether the request is one.
func (c *Call) unknownPage() bool {
	if !wantsPage(c.r) {
		return false
	}
	c.cfg.Pages.Error(c.w, page.Error{Site: c.base.Origin, Code: "NotFound", SignInURL: c.base.URL("signin")})
	return true
}

// ErrorPage shows why a sign-in failed.
func ErrorPage(c *Call) {
	code, onSignInPage := c.cfg.Protocol.errorCode(c)
	switch {
	case onSignInPage:
		c.redirect(http.StatusOK, withQuery(c.base.URL("signin"), "error", code))
	case c.cfg.CustomPages.Error != "" && code == "":
		c.redirect(http.StatusOK, c.cfg.CustomPages.Error)
	case c.cfg.CustomPages.Error != "":
		c.redirect(http.StatusOK, withQuery(c.cfg.CustomPages.Error, "error", code))
	default:
		seconds, _ := strconv.Atoi(c.r.URL.Query().Get(retryAfterParam)) // 0 for what is no number
		c.cfg.Pages.Error(c.w, page.Error{Site: c.base.Origin, Code: code, SignInURL: c.base.URL("signin"), RetryAfter: time.Duration(seconds) * time.Second})
	}
}

// VerifyRequestPage tells the user to look for an e-mail.
func VerifyRequestPage(c *Call) {
	to := c.cfg.CustomPages.VerifyRequest
	if to == "" {
		c.cfg.Pages.VerifyRequest(c.w, page.VerifyRequest{Site: c.base.Origin})
		return
	}
	c.redirect(http.StatusOK, appendQuery(to, c.cfg.Protocol.verifyRequestQuery(c)))
}
