package guard

import (
	"context"
	"net/http"
	"strconv"

	"github.com/nuxtauth/nuxtauth/provider"
)

// Provider returns p with its functions guarded: see [Func].
func Provider(p provider.Provider) provider.Provider {
	of := " of provider " + strconv.Quote(p.ID)
	p.Authorize = Func("Authorize"+of, p.Authorize)
	p.Profile = Func("Profile"+of, p.Profile)
	if secret := p.ClientSecretFunc; secret != nil {
		guarded := Func("ClientSecretFunc"+of, func(ctx context.Context, _ struct{}) (string, error) { return secret(ctx) })
		p.ClientSecretFunc = func(ctx context.Context) (string, error) { return guarded(ctx, struct{}{}) }
	}
	return p
}

// Client returns a client whose transport returns panics as errors. Nil stays nil.
func Client(c *http.Client) *http.Client {
	if c == nil || c.Transport == nil {
		return c
	}
	guarded := *c
	guarded.Transport = transport{c.Transport}
	return &guarded
}
