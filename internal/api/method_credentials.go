package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/nuxtauth/nuxtauth/internal/account"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/internal/session"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// credentials is the sign-in with a form that the application checks.
type credentials struct{}

func newCredentials(provider.Provider, flow.Config) method { return credentials{} }

func (credentials) formAction() string { return "callback" }

func (credentials) callbackReads() bool { return false }

// start redirects to the page with the form.
func (credentials) start(c *Call) { c.redirect(http.StatusOK, c.base.URL("signin")) }

func (credentials) callback(c *Call) {
	if c.r.Method != http.MethodPost {
		c.cfg.Protocol.badRequest(c)
		return
	}
	c.checkForm()
	if !c.csrfOK {
		c.missingCSRF()
		return
	}
	p, attempt, err := c.checkCredentials()
	own, refused := errors.AsType[*provider.Error](err)
	switch {
	case errors.Is(err, errTooMany):
		c.tooManyAttempts(attempt)
	case errors.Is(err, errWrongCredentials):
		c.refusedCredentials()
		c.cfg.Protocol.wrongCredentials(c)
	case refused:
		c.logFailure(err, own.Code)
		c.cfg.Protocol.deniedCredentials(c, own.Code)
	case isTemporary(err):
		c.tryAgainSoon(err)
	case err != nil:
		c.fail(err, CodeCallback, http.StatusUnauthorized)
	case c.complete(p):
		attempt.succeeded(c.r.Context())
	}
}

var (
	errTooMany          = errors.New("there were too many attempts to sign in")
	errWrongCredentials = errors.New("the credentials are wrong")
)

// checkCredentials counts an attempt with the credentials of the body at the provider of the
// call, and checks them. The error is errTooMany, with what there were too many of in the
// attempt, errWrongCredentials, a [*provider.Error] of Authorize, or a fault.
func (c *Call) checkCredentials() (proof, attempt, error) {
	form := c.body.credentials()
	a, err := c.limiter.countAttempt(c, form)
	if err != nil {
		return proof{}, a, err
	}
	if a.rejectedFor > 0 {
		return proof{}, a, errTooMany
	}
	p, since := c.provider, c.cfg.Now()
	user, err := p.Authorize(c.r.Context(), form)
	switch {
	case err == nil && user == nil:
		err = errWrongCredentials
	case err == nil && user.ID == "":
		err = fmt.Errorf("nuxtauth: Authorize of %q returned a user without an ID", p.ID)
	}
	if _, refused := errors.AsType[*provider.Error](err); !refused && isTemporary(err) {
		a.unchecked(c.r.Context())
	}
	if err != nil {
		return proof{}, a, err
	}
	return proof{
		kind:        account.AtForm,
		since:       since,
		user:        user,
		account:     &provider.Account{Provider: p.ID, Type: p.Type, ProviderAccountID: user.ID, AccessToken: user.AccessToken},
		profile:     user.Profile,
		credentials: form,
		origin:      token.Origin{Provider: p.ID, ProviderSubject: user.ID},
	}, a, nil
}

// refusedCredentials reports that the credentials are wrong: the log has no record of it.
func (c *Call) refusedCredentials() {
	c.failure = &provider.Error{Code: CodeCredentialsSignIn}
	c.refused(nil, CodeCredentialsSignIn)
}

// isTemporary reports whether nothing was checked, as with password.ErrBusy.
func isTemporary(err error) bool {
	return errors.Is(err, session.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// tryAgainSoon answers a form that could not be checked now. The cause goes to the log.
func (c *Call) tryAgainSoon(err error) {
	c.logFailure(err, CodeUnavailable)
	c.keepForm()
	c.failLater(http.StatusServiceUnavailable, CodeUnavailable, retryAfter)
}

// failLater answers a sign-in that may succeed later, with Retry-After: a client that follows
// redirects by itself with the status, also in Auth.js v5, and a browser with the error page,
// whose URL has it too.
func (c *Call) failLater(status int, code, seconds string) {
	c.cfg.Protocol.failsLater(c)
	c.h.Set("Retry-After", seconds)
	to := withQuery(c.absolute(c.cfg.CustomPages.Error, "error"), "error", code)
	to = withQuery(to, retryAfterParam, seconds)
	if c.asJSON() {
		c.json(status, map[string]string{"url": to})
		return
	}
	c.redirect(http.StatusFound, to)
}
