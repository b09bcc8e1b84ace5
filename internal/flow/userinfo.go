package flow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/provider"
)

// profile is what the provider says of the user: the claims of the ID token and
// the userinfo endpoint's over them, or for OAuth 2 the latter alone. iss is the
// issuer that the authorization response named, if any. The claims are those of
// the ID token, none for OAuth 2.
func (f *Flow) profile(ctx context.Context, m *metadata, check *Check, account *provider.Account, iss string) (provider.Profile, *claims, error) {
	if f.provider.Type != provider.TypeOIDC {
		info, err := f.userinfo(ctx, m, account)
		return provider.Profile(info), &claims{}, err
	}

	if account.IDToken == "" {
		return nil, nil, errors.New("the token endpoint sent no ID token; is \"openid\" among the scopes?")
	}
	c, payload, err := f.idToken(ctx, m, account.IDToken, account.AccessToken)
	if err != nil {
		return nil, nil, fmt.Errorf("ID token: %w", err)
	}
	if nonce := text(c.Nonce); nonce == "" || !equal(nonce, check.Nonce) {
		return nil, nil, errors.New("ID token: the nonce is not the one of this sign-in")
	}
	if iss != "" && iss != c.Issuer {
		return nil, nil, fmt.Errorf("the answer is one of issuer %s, the ID token of %s", quote(iss), quote(c.Issuer))
	}
	if m.UserinfoURL == "" || f.provider.SkipUserinfo {
		return provider.Profile(payload), c, nil
	}
	info, err := f.userinfo(ctx, m, account)
	if err != nil {
		return nil, nil, err
	}
	profile, err := merge(payload, info)
	if err != nil {
		return nil, nil, fmt.Errorf("userinfo: %w", err)
	}
	return profile, c, nil
}

// userinfo asks the provider's user API: OpenID Connect Core §5.3.
func (f *Flow) userinfo(ctx context.Context, m *metadata, account *provider.Account) (jsontext.Value, error) {
	body, err := f.client.get(ctx, m.UserinfoURL, account.AccessToken)
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	info := jsontext.Value(body)
	if info.Kind() != jsontext.KindBeginObject || !info.IsValid() {
		return nil, errors.New("userinfo: the answer is not a JSON object")
	}
	return info, nil
}

// protocolClaims say how and for whom the ID token was made. The userinfo
// answer, which nobody signed, can't change them.
var protocolClaims = []string{
	"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "jti", "sid", "tid",
	"at_hash", "c_hash", "acr", "amr", "auth_time",
}

// merge puts the members of info over the claims of the same user.
func merge(claims, info jsontext.Value) (provider.Profile, error) {
	var merged, over map[string]jsontext.Value
	if err := json.Unmarshal(claims, &merged); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(info, &over); err != nil {
		return nil, err
	}
	var signed, said string
	if json.Unmarshal(merged["sub"], &signed) != nil || json.Unmarshal(over["sub"], &said) != nil || signed != said {
		return nil, errors.New("its sub is not the ID token's") // §5.3.2
	}
	for _, name := range protocolClaims {
		delete(over, name)
	}
	if _, ok := over["email"]; ok {
		delete(merged, "email_verified") // it spoke of the other address
	}
	maps.Copy(merged, over)
	return json.Marshal(merged, json.Deterministic(true))
}

// user makes the user out of the profile.
func (f *Flow) user(ctx context.Context, profile provider.Profile, account *provider.Account, params url.Values) (*provider.User, error) {
	profileOf := f.provider.Profile
	if profileOf == nil {
		profileOf = provider.DefaultProfile
	}
	others := maps.Clone(params)
	for _, name := range []string{"code", "state", "iss"} {
		others.Del(name)
	}
	made, err := profileOf(ctx, provider.ProfileRequest{
		Profile: profile,
		Account: account,
		Params:  others,
		Get: func(ctx context.Context, url string) ([]byte, error) {
			ctx, cancel := context.WithTimeout(ctx, f.timeout)
			defer cancel()
			return f.client.get(ctx, url, account.AccessToken)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if made == nil {
		return nil, errors.New("profile: there is no user")
	}
	user := *made
	if err := user.Normalize(); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return &user, nil
}
