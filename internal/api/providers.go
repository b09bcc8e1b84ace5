package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// Providers are the providers of an application, each with its method of sign-in. They
// are safe for concurrent use.
type Providers struct {
	list []*authProvider // in the order of the buttons
	byID map[string]*authProvider
}

// An authProvider is a provider with its method of sign-in.
type authProvider struct {
	provider.Provider
	method method
}

// NewProviders returns providers, which have been checked and guarded. The error says
// that there is no method of sign-in for the type of one.
func NewProviders(list []provider.Provider, cfg flow.Config) (*Providers, error) {
	all := &Providers{byID: make(map[string]*authProvider, len(list))}
	for _, p := range list {
		newMethod, ok := methods[p.Type]
		if !ok {
			return nil, fmt.Errorf("nuxtauth: there is no way to sign in with provider %q, whose type is %q", p.ID, p.Type)
		}
		if p.Type == provider.TypeEmail {
			p.Fields = []provider.Field{{Name: "email", Type: "email", Autocomplete: "email"}}
		}
		own := &authProvider{p, newMethod(p, cfg)}
		all.list = append(all.list, own)
		all.byID[p.ID] = own
	}
	return all, nil
}

// CanRefresh reports whether the provider with this ID can have refresh tokens.
func (p *Providers) CanRefresh(id string) bool { return p.byID[id].flow() != nil }

// SendsLogoutTokens reports whether logout tokens of the provider with this ID are accepted.
func (p *Providers) SendsLogoutTokens(id string) bool {
	own := p.byID[id]
	return own.flow() != nil && own.BackchannelLogout
}

// Refresh exchanges a refresh token of the provider with this ID for new tokens, see
// [flow.Flow.Refresh].
func (p *Providers) Refresh(ctx context.Context, id string, r flow.Refresh) (*provider.Account, error) {
	f := p.byID[id].flow()
	if f == nil {
		return nil, fmt.Errorf("provider %q has no refresh tokens", id)
	}
	return f.Refresh(ctx, r)
}

// flow returns the flow of an OAuth or OpenID provider, nil for others and for none.
func (p *authProvider) flow() *flow.Flow {
	if p == nil {
		return nil
	}
	o, _ := p.method.(oauth)
	return o.flow
}

// endsSession reports whether a sign-out goes on at the provider.
func (p *authProvider) endsSession() bool { return p.flow() != nil && p.FederatedLogout }

// ListProviders answers with the providers of the configuration.
func ListProviders(c *Call) {
	var list providerList
	for _, p := range c.cfg.Providers.list {
		list = append(list, providerEntry{
			p.ID, p.Name, c.cfg.Protocol.providerType(p.Type), c.base.URL("signin", p.ID), c.base.URL("callback", p.ID),
		})
	}
	c.json(http.StatusOK, list)
}

// A providerEntry is a provider as GET /providers shows it.
type providerEntry struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Type        provider.Type `json:"type"`
	SignInURL   string        `json:"signinUrl"`
	CallbackURL string        `json:"callbackUrl"`
}

// A providerList is an object in JSON, by ID, in the order of the configuration.
type providerList []providerEntry

// MarshalJSONTo writes the object.
func (l providerList) MarshalJSONTo(enc *jsontext.Encoder) error {
	err := enc.WriteToken(jsontext.BeginObject)
	for _, e := range l {
		err = errors.Join(err, enc.WriteToken(jsontext.String(e.ID)), json.MarshalEncode(enc, e))
	}
	return errors.Join(err, enc.WriteToken(jsontext.EndObject))
}
