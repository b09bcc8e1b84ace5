package flow

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/oauth2"

	"github.com/nuxtauth/nuxtauth/provider"
)

// exchange redeems the code at the token endpoint: RFC 6749 §4.1.3. One client
// authentication method is used and no other is tried.
func (f *Flow) exchange(ctx context.Context, m *metadata, check *Check, code string) (*provider.Account, error) {
	config := &oauth2.Config{
		ClientID:    f.provider.ClientID,
		Endpoint:    oauth2.Endpoint{TokenURL: m.TokenURL},
		RedirectURL: check.RedirectURI,
	}
	options, err := f.authenticate(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("client authentication: %w", err)
	}
	options = append(options, oauth2.VerifierOption(check.Verifier))

	answer := &recorder{next: f.client.http.Transport}
	recording := *f.client.http
	recording.Transport = answer
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &recording)
	if _, err := config.Exchange(ctx, code, options...); err != nil {
		return nil, fmt.Errorf("token endpoint: %w", exchangeError(err))
	}
	account, err := f.account(answer.body)
	if err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	return account, nil
}

// A recorder keeps the body of an answer: oauth2.Token has its numbers as
// float64, and Account.Extra wants them as they were sent. It also has every
// answer read as JSON, which RFC 6749 §5.1 demands: x/oauth2 takes one that calls
// itself text/plain for a form.
type recorder struct {
	next http.RoundTripper
	body []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(r.body))
	resp.Header.Set("Content-Type", "application/json")
	return resp, nil
}

// exchangeError keeps the body of the answer, which may hold tokens, out of the
// error.
func exchangeError(err error) error {
	if failed, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return fmt.Errorf("status %d, error %s", failed.Response.StatusCode, quote(failed.ErrorCode))
	}
	return withoutQuery(err)
}

// A tokenResponse is RFC 6749 §5.1 and OpenID Connect Core §3.1.3.3.
type tokenResponse struct {
	AccessToken  string         `json:"access_token"`
	TokenType    string         `json:"token_type"`
	RefreshToken string         `json:"refresh_token"`
	IDToken      string         `json:"id_token"`
	Scope        jsontext.Value `json:"scope"`
	ExpiresIn    jsontext.Value `json:"expires_in"`
	ExpiresAt    jsontext.Value `json:"expires_at"`

	// These names have a meaning of ours in an account. A provider can't fill
	// them.
	Provider          jsontext.Value `json:"provider"`
	Type              jsontext.Value `json:"type"`
	ProviderAccountID jsontext.Value `json:"providerAccountId"`

	Extra jsontext.Value `json:",embed"`
}

// account reads the answer of the token endpoint.
func (f *Flow) account(body []byte) (*provider.Account, error) {
	var r tokenResponse
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, err
	}
	if r.AccessToken == "" {
		return nil, errors.New("there is no access_token")
	}
	if !strings.EqualFold(r.TokenType, "Bearer") {
		return nil, fmt.Errorf("the token_type is %s, not Bearer", quote(r.TokenType))
	}
	account := &provider.Account{
		Provider:     f.provider.ID,
		Type:         f.provider.Type,
		AccessToken:  r.AccessToken,
		RefreshToken: r.RefreshToken,
		IDToken:      r.IDToken,
		TokenType:    r.TokenType,
		Scope:        scope(r.Scope),
		ExpiresAt:    seconds(r.ExpiresAt),
		Extra:        r.Extra,
	}
	if lifetime := seconds(r.ExpiresIn); lifetime > 0 {
		account.ExpiresAt = f.now().Unix() + min(lifetime, math.MaxInt32)
	}
	return account, nil
}

// scope reads a string, or the array of strings that Twitch sends.
func scope(v jsontext.Value) string {
	var one string
	var list []string
	if v == nil || json.Unmarshal(v, &one) == nil || json.Unmarshal(v, &list) != nil {
		return one
	}
	return strings.Join(list, " ")
}

// seconds reads a whole number, or one in a string as some providers send it.
// Zero means none.
func seconds(v jsontext.Value) int64 {
	text := string(v)
	if v.Kind() == jsontext.KindString && json.Unmarshal(v, &text) != nil {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// authenticate puts the client's authentication into config and, for an
// assertion, into options.
func (f *Flow) authenticate(ctx context.Context, config *oauth2.Config) ([]oauth2.AuthCodeOption, error) {
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams

	switch method := cmp.Or(f.provider.AuthMethod, provider.ClientSecretBasic); method {
	case provider.NoClientAuth:
		return nil, nil
	case provider.ClientSecretJWT, provider.PrivateKeyJWT:
		assertion, err := f.assertion(method, config.Endpoint.TokenURL)
		if err != nil {
			return nil, err
		}
		return []oauth2.AuthCodeOption{
			oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
			oauth2.SetAuthURLParam("client_assertion", assertion),
		}, nil
	case provider.ClientSecretBasic:
		config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	case provider.ClientSecretPost:
	default:
		return nil, fmt.Errorf("the method %q is unknown", method)
	}

	secret, err := f.provider.ClientSecret, error(nil)
	if f.provider.MintSecret != nil {
		secret, err = f.provider.MintSecret(ctx)
	}
	config.ClientSecret = secret
	return nil, err
}
