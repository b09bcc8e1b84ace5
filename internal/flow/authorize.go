package flow

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// passedOn are the parameters that whoever asks for a sign-in may always add to
// the authorization request: OpenID Connect Core §3.1.2.1, harmless.
var passedOn = []string{"login_hint", "prompt", "ui_locales"}

// maxPassedOn is how long such a parameter may be, in bytes.
const maxPassedOn = 512

// authorizationURL is RFC 6749 §4.1.1 with PKCE (RFC 7636) and, for OpenID
// Connect, a nonce.
func (f *Flow) authorizationURL(m *metadata, check *Check, query url.Values) string {
	var options []oauth2.AuthCodeOption
	set := func(name, value string) {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	for name, value := range f.provider.AuthorizationParams {
		set(name, value)
	}
	for _, name := range slices.Concat(passedOn, f.provider.AllowedParams) {
		if value := query.Get(name); passable(value) {
			set(name, value)
		}
	}

	// The last value of a name wins, so nothing above can replace these.
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

// passable reports whether a caller's parameter is fit for a URL that we vouch
// for.
func passable(value string) bool {
	return value != "" && len(value) <= maxPassedOn && utf8.ValidString(value) &&
		!strings.ContainsFunc(value, unicode.IsControl)
}
