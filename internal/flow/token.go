package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/claims"
	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/provider"
)

// exchange redeems a code at the token endpoint (RFC 6749 §4.1.3).
func (f *Flow) exchange(ctx context.Context, m *metadata, check *Check, code string) (*provider.Account, error) {
	return f.tokens(ctx, m, url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code},
		"redirect_uri":  {check.RedirectURI},
		"code_verifier": {check.Verifier},
	})
}

// tokens sends a request to the token endpoint (RFC 6749 §3.2), with the configured
// method of client authentication alone. The response is read as JSON (RFC 6749
// §5.1), whatever its Content-Type is.
func (f *Flow) tokens(ctx context.Context, m *metadata, form url.Values) (*provider.Account, error) {
	basic, err := f.authenticate(ctx, m.TokenURL, form)
	if err != nil {
		return nil, fmt.Errorf("client authentication: %w", err)
	}
	response, err := f.client.post(ctx, observe.Token, m.TokenURL, form, basic)
	if err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	body, err := f.conform(ctx, "token", response)
	if err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	if err := tokenFailure(response.status, body); err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	account, err := f.account(body)
	if err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	return account, nil
}

// conform returns the body of a response, as Provider.Conform has changed it.
func (f *Flow) conform(ctx context.Context, endpoint string, r *response) ([]byte, error) {
	if f.provider.Conform == nil {
		return r.body, nil
	}
	body, err := f.provider.Conform(ctx, provider.Response{Endpoint: endpoint, Status: r.status, ContentType: r.contentType, Body: r.body})
	if err != nil {
		return nil, fmt.Errorf("conform: %w", err)
	}
	return body, nil
}

// tokenError is an error response of the token endpoint (RFC 6749 §5.2). It has no
// other part of the response, which may contain tokens.
type tokenError struct {
	status int
	code   string // "" if the response has none
}

func (e *tokenError) Error() string {
	return fmt.Sprintf("status %d, error %s", e.status, quote(e.code))
}

// Unwrap returns the status as Config.Observe gets it, nil for an error with status 200.
func (e *tokenError) Unwrap() error {
	if e.status == http.StatusOK {
		return nil
	}
	return &provider.StatusError{Status: e.status}
}

// tokenFailure returns the error of a response, nil if there is none. Some providers
// send errors with status 200.
func tokenFailure(status int, body []byte) error {
	var response struct {
		Error jsontext.Value `json:"error"`
	}
	// A body that is not JSON has neither an error code nor tokens.
	if json.Unmarshal(body, &response, jsontext.AllowInvalidUTF8(true)) != nil {
		response.Error = nil
	}
	hasError := response.Error != nil && response.Error.Kind() != jsontext.KindNull && string(response.Error) != `""`
	if status/100 == 2 && !hasError {
		return nil
	}
	return &tokenError{status, text(response.Error)}
}

// tokenResponse is a successful response of the token endpoint (RFC 6749 §5.1,
// OpenID Connect Core §3.1.3.3).
type tokenResponse struct {
	AccessToken  string         `json:"access_token"`
	TokenType    string         `json:"token_type"`
	RefreshToken string         `json:"refresh_token"`
	IDToken      string         `json:"id_token"`
	Scope        jsontext.Value `json:"scope"`
	ExpiresIn    jsontext.Value `json:"expires_in"`
	ExpiresAt    jsontext.Value `json:"expires_at"`

	// Members of an Auth.js account that a provider must not set through Extra.
	Provider          jsontext.Value `json:"provider"`
	Type              jsontext.Value `json:"type"`
	ProviderAccountID jsontext.Value `json:"providerAccountId"`

	extra jsontext.Value // all others
}

// maxAccountToken is the size of the largest access, refresh or ID token, in bytes. Those of
// providers have a few thousand; a session with ProviderTokens has all three.
const maxAccountToken = 32 << 10

// account returns the account of a response of the token endpoint.
func (f *Flow) account(body []byte) (*provider.Account, error) {
	var r tokenResponse
	if err := claims.Unmarshal(string(body), &r, &r.extra); err != nil {
		return nil, err
	}
	if r.AccessToken == "" {
		return nil, errors.New("the response has no access_token")
	}
	r.TokenType = cmp.Or(r.TokenType, "Bearer") // required, and left out by some
	if !strings.EqualFold(r.TokenType, "Bearer") {
		return nil, fmt.Errorf("the token_type is %s, not Bearer", quote(r.TokenType))
	}
	for _, token := range []struct{ name, value string }{
		{"access_token", r.AccessToken}, {"refresh_token", r.RefreshToken}, {"id_token", r.IDToken},
	} {
		if len(token.value) > maxAccountToken {
			return nil, fmt.Errorf("the %s has %d bytes, and at most %d are accepted", token.name, len(token.value), maxAccountToken)
		}
	}
	account := &provider.Account{
		Provider:     f.provider.ID,
		Type:         f.provider.Type,
		AccessToken:  r.AccessToken,
		RefreshToken: r.RefreshToken,
		IDToken:      r.IDToken,
		TokenType:    r.TokenType,
		Scope:        scope(r.Scope),
		Extra:        r.extra,
	}
	// No standard defines it: it may also be a date as text, or in milliseconds.
	if end := seconds(r.ExpiresAt); end <= f.now().Unix()+math.MaxInt32 {
		account.ExpiresAt = end
	}
	if lifetime := seconds(r.ExpiresIn); lifetime > 0 {
		account.ExpiresAt = f.now().Unix() + min(lifetime, math.MaxInt32)
	}
	return account, nil
}

// scope returns a string, or the elements of an array of strings (Twitch), joined.
func scope(v jsontext.Value) string {
	var one string
	var list []string
	if json.Unmarshal(v, &one) == nil || json.Unmarshal(v, &list) != nil {
		return one
	}
	return strings.Join(list, " ")
}

// seconds returns a number of seconds, which some providers send as a string or with a
// fraction. Zero means that there is none: also for what is no number above 0, because a
// sign-in does not need it.
func seconds(v jsontext.Value) int64 {
	number := string(v)
	if v.Kind() == jsontext.KindString {
		number = text(v)
	}
	n, _ := strconv.ParseFloat(number, 64) // 0 for what is no number, infinite for what is too large
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return 0
	}
	return int64(max(0, min(n, 1<<53)))
}

// text returns the string in v, "" if it is none.
func text(v jsontext.Value) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// authenticate adds the client authentication to the form of a token request, or
// returns it for HTTP Basic authentication.
func (f *Flow) authenticate(ctx context.Context, tokenURL string, form url.Values) (basic *url.Userinfo, err error) {
	method := cmp.Or(f.provider.AuthMethod, provider.ClientSecretBasic)
	if method != provider.ClientSecretBasic {
		form.Set("client_id", f.provider.ClientID)
	}
	switch method {
	case provider.NoClientAuth:
		return nil, nil
	case provider.ClientSecretJWT, provider.PrivateKeyJWT:
		assertion, err := f.assertion(method, tokenURL)
		if err != nil {
			return nil, err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
		return nil, nil
	case provider.ClientSecretBasic, provider.ClientSecretPost:
	default:
		return nil, fmt.Errorf("the method %q is unknown", method)
	}

	secret := f.provider.ClientSecret
	if f.provider.ClientSecretFunc != nil {
		if secret, err = f.provider.ClientSecretFunc(ctx); err != nil {
			return nil, err
		}
	}
	if method == provider.ClientSecretPost {
		form.Set("client_secret", secret)
		return nil, nil
	}
	// RFC 6749 §2.3.1: both are form-encoded first.
	return url.UserPassword(url.QueryEscape(f.provider.ClientID), url.QueryEscape(secret)), nil
}
