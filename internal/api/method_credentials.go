package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// credentials is the sign-in with a form that the application checks.
type credentials struct{ *authProvider }

// start leads to the page with the form.
func (credentials) start(x *Exchange) { x.redirect(http.StatusOK, x.at.URL("signin")) }

func (c credentials) callback(x *Exchange) {
	if x.r.Method != http.MethodPost {
		x.protocol.badRequest(x)
		return
	}
	x.checkForm()
	if !x.verified {
		x.protocol.missingCSRF(x)
		return
	}
	form := x.body.credentials()
	attempt, err := x.limiter.begin(x, form)
	if err != nil {
		x.fail(err, "Callback", http.StatusUnauthorized)
		return
	}
	if attempt.rejected {
		x.tooManyAttempts(attempt)
		return
	}
	user, err := c.Authorize(x.r.Context(), form)
	if err == nil && user != nil && user.ID == "" {
		err = fmt.Errorf("nuxtauth: Authorize of %q returned a user without an ID", c.ID)
	}
	if own, ok := errors.AsType[*provider.Error](err); ok && own.Code != "" {
		x.logFailure(err, own.Code)
		x.protocol.wrongCredentials(x, own.Code)
		return
	}
	if err != nil {
		x.fail(err, "Callback", http.StatusUnauthorized)
		return
	}
	if user == nil {
		x.protocol.wrongCredentials(x, "")
		return
	}
	if x.complete(proof{
		user:        user,
		account:     &provider.Account{Provider: c.ID, Type: c.Type, ProviderAccountID: user.ID, AccessToken: user.AccessToken},
		profile:     user.Profile,
		credentials: form,
		origin:      token.Origin{Provider: c.ID},
	}) {
		attempt.succeeded(x.r.Context())
	}
}
