package guard

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/nuxtauth/nuxtauth/provider"
)

// Provider returns p with its functions guarded: see [Func].
func Provider(log *slog.Logger, p provider.Provider) provider.Provider {
	of := " of provider " + strconv.Quote(p.ID)
	p.Authorize = Func(log, "Authorize"+of, p.Authorize)
	p.Profile = Func(log, "Profile"+of, p.Profile)
	if secret := p.ClientSecretFunc; secret != nil {
		guarded := Func(log, "ClientSecretFunc"+of, func(ctx context.Context, _ struct{}) (string, error) { return secret(ctx) })
		p.ClientSecretFunc = func(ctx context.Context) (string, error) { return guarded(ctx, struct{}{}) }
	}
	return p
}

// Client returns a client whose transport returns panics as errors and logs them.
// Nil stays nil.
func Client(log *slog.Logger, c *http.Client) *http.Client {
	if c == nil || c.Transport == nil {
		return c
	}
	guarded := *c
	guarded.Transport = transport{log, c.Transport}
	return &guarded
}

type transport struct {
	log   *slog.Logger
	inner http.RoundTripper
}

func (t transport) RoundTrip(r *http.Request) (res *http.Response, err error) {
	defer Recover(r.Context(), t.log, "the transport of HTTPClient", &err)
	return t.inner.RoundTrip(r)
}
