package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/observe"
	"github.com/nuxtauth/nuxtauth/provider"
)

// profile returns the provider's data of the user: the claims of the ID token merged
// with those of the userinfo endpoint, or for OAuth 2 the latter alone. It also
// returns the claims of the ID token, empty for OAuth 2. iss is that of the
// authorization response, if any.
func (f *Flow) profile(ctx context.Context, m *metadata, check *Check, account *provider.Account, iss string) (provider.Profile, *tokenClaims, error) {
	if f.provider.Type != provider.TypeOIDC {
		info, err := f.userinfo(ctx, m, account)
		return provider.Profile(info), &tokenClaims{}, err
	}

	if account.IDToken == "" {
		return nil, nil, errors.New("the token endpoint returned no ID token; is \"openid\" among the scopes?")
	}
	c, payload, err := f.idToken(ctx, m, account.IDToken, account.AccessToken)
	if err != nil {
		return nil, nil, fmt.Errorf("ID token: %w", err)
	}
	switch nonce := text(c.Nonce); {
	case nonce == "":
		return nil, nil, errors.New("ID token: the nonce is absent, which the authorization request had")
	case !equal(nonce, check.Nonce):
		return nil, nil, errors.New("ID token: the nonce does not match that of the check")
	}
	if iss != "" && iss != c.Issuer {
		return nil, nil, fmt.Errorf("the response is of issuer %s, the ID token of %s", quote(iss), quote(c.Issuer))
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

// userinfo fetches the user's data from the userinfo endpoint (OpenID Connect Core §5.3).
func (f *Flow) userinfo(ctx context.Context, m *metadata, account *provider.Account) (jsontext.Value, error) {
	response, err := f.client.fetch(ctx, observe.Userinfo, m.UserinfoURL, account.AccessToken)
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	if err := response.check(); err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	body, err := f.conform(ctx, "userinfo", response)
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	info := jsontext.Value(bytes.TrimSpace(body))
	if f.provider.Type == provider.TypeOIDC && bytes.Count(info, []byte(".")) == 2 && info[0] != '{' {
		if info, err = f.signedUserinfo(ctx, m, string(info)); err != nil {
			return nil, fmt.Errorf("userinfo: the signed response: %w", err)
		}
	}
	if info.Kind() != jsontext.KindBeginObject || !info.IsValid() {
		return nil, errors.New("userinfo: the response is not a JSON object")
	}
	return info, nil
}

// signedUserinfo returns the claims of a userinfo response that is a signed token (OpenID
// Connect Core §5.3.2), checked as those of an ID token are, but that the times may be
// absent.
func (f *Flow) signedUserinfo(ctx context.Context, m *metadata, raw string) (jsontext.Value, error) {
	t, err := f.readToken(raw)
	if err != nil {
		return nil, err
	}
	now := float64(f.now().Unix())
	if t.claims.Expiry == nil {
		t.claims.Expiry = &now
	}
	if t.claims.IssuedAt == nil {
		t.claims.IssuedAt = &now
	}
	if err := f.verify(ctx, m, t, atOnce); err != nil {
		return nil, err
	}
	if t.header.isLogout() || t.claims.hasLogoutEvent() {
		return nil, errors.New("it is a logout token")
	}
	return t.payload, nil
}

// protocolClaims are the claims of the ID token that the userinfo response, which is
// not signed, can't replace.
var protocolClaims = []string{
	"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "jti", "sid", "tid",
	"at_hash", "c_hash", "acr", "amr", "auth_time",
}

// merge returns claims with the members of info, which must have the same sub. Both are
// valid JSON objects.
func merge(claims, info jsontext.Value) (provider.Profile, error) {
	var merged, over map[string]jsontext.Value
	_ = json.Unmarshal(claims, &merged)
	_ = json.Unmarshal(info, &over)
	var claimsSub, infoSub string
	if json.Unmarshal(merged["sub"], &claimsSub) != nil || json.Unmarshal(over["sub"], &infoSub) != nil || claimsSub != infoSub {
		return nil, errors.New("the sub is not that of the ID token") // §5.3.2
	}
	for _, name := range protocolClaims {
		delete(over, name)
	}
	if _, ok := over["email"]; ok {
		delete(merged, "email_verified") // of the address in the ID token
	}
	maps.Copy(merged, over)
	return json.Marshal(merged, json.Deterministic(true))
}

// user returns the user of the profile.
func (f *Flow) user(ctx context.Context, m *metadata, profile provider.Profile, account *provider.Account, params url.Values) (*provider.User, error) {
	profileOf := f.provider.Profile
	if profileOf == nil {
		profileOf = provider.DefaultProfile
	}
	others := maps.Clone(params)
	for _, name := range []string{"code", "state", "iss"} {
		others.Del(name)
	}
	result, err := profileOf(ctx, provider.ProfileRequest{
		Profile:     profile,
		Account:     account,
		UserinfoURL: m.UserinfoURL,
		Params:      others,
		Get: func(ctx context.Context, url string) ([]byte, error) {
			ctx, cancel := context.WithTimeout(ctx, f.timeout)
			defer cancel()
			return f.client.get(ctx, observe.Userinfo, url, account.AccessToken)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if result == nil {
		return nil, errors.New("profile: the function returned no user")
	}
	user := *result
	if err := user.Normalize(); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return &user, nil
}
