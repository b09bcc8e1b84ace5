package guard

import (
	"context"
	"io"
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
	p.Conform = Func(log, "Conform"+of, p.Conform)
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
	if res, err = t.inner.RoundTrip(r); err == nil && res.Body != nil {
		res.Body = body{t.log, res.Body}
	}
	return res, err
}

// A body is that of a response of the application's transport.
type body struct {
	log   *slog.Logger
	inner io.ReadCloser
}

func (b body) Read(p []byte) (n int, err error) {
	defer Recover(context.Background(), b.log, "the transport of HTTPClient", &err)
	return b.inner.Read(p)
}

func (b body) Close() (err error) {
	defer Recover(context.Background(), b.log, "the transport of HTTPClient", &err)
	return b.inner.Close()
}
