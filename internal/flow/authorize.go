package flow

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// allowedParams are the parameters that a request for a sign-in may always add to
// the authorization request (OpenID Connect Core §3.1.2.1).
var allowedParams = []string{"login_hint", "prompt", "ui_locales"}

// maxAllowedParam is the maximum length of such a parameter, in bytes.
const maxAllowedParam = 512

// authorizationURL returns the URL of an authorization request (RFC 6749 §4.1.1) with
// PKCE (RFC 7636) and, for OpenID Connect, a nonce.
func (f *Flow) authorizationURL(m *metadata, check *Check, query url.Values) string {
	var options []oauth2.AuthCodeOption
	set := func(name, value string) {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	for name, value := range f.provider.AuthorizationParams {
		set(name, value)
	}
	for _, name := range slices.Concat(allowedParams, f.provider.AllowedParams) {
		if value := query.Get(name); validParam(value) {
			set(name, value)
		}
	}

	// The last value of a name counts, so that none of the above replaces these.
	set("response_type", "code")
	set("client_id", f.provider.ClientID)
	set("redirect_uri", check.RedirectURI)
	set("state", check.State)
	if check.Nonce != "" {
		set("nonce", check.Nonce)
	}
	if f.provider.ResponseMode != "" {
		set("response_mode", f.provider.ResponseMode)
	}
	options = append(options, oauth2.S256ChallengeOption(check.Verifier))

	config := oauth2.Config{
		Endpoint: oauth2.Endpoint{AuthURL: m.AuthorizationURL},
		Scopes:   f.provider.Scopes,
	}
	return config.AuthCodeURL(check.State, options...)
}

// validParam reports whether the value of an allowed parameter is copied into the
// authorization request.
func validParam(value string) bool {
	return value != "" && len(value) <= maxAllowedParam && utf8.ValidString(value) &&
		!strings.ContainsFunc(value, unicode.IsControl)
}
