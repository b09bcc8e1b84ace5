package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/password"
	"github.com/nuxtauth/nuxtauth/provider"
)

// A form that could not be checked for a moment is no failed attempt at the account: a user
// can try again. Any other error may be the answer to a wrong password.
func TestCredentials_TemporaryFaultOfAuthorize(t *testing.T) {
	cause := errors.New("secret-detail")
	for name, tt := range map[string]struct {
		err       error
		temporary bool
	}{
		"unavailable": {nuxtauth.Unavailable(cause), true},
		"busy":        {fmt.Errorf("verify: %w: %w: %w", password.ErrBusy, context.DeadlineExceeded, cause), true},
		"deadline":    {fmt.Errorf("query: %w: %w", context.DeadlineExceeded, cause), true},
		"canceled":    {fmt.Errorf("query: %w: %w", context.Canceled, cause), false}, // the client left, which must not make attempts free
		"other":       {cause, false},
	} {
		for _, p := range spoken {
			for _, json := range []bool{true, false} {
				var err error
				a := apptest.New(t, speaking(p.Protocol), func(cfg *apptest.Config) {
					cfg.SignInLimit = nuxtauth.SignInLimit{PerAccount: 1, PerNetwork: 2}
					cfg.Providers = []provider.Provider{provider.Credentials(func(ctx context.Context, form url.Values) (*provider.User, error) {
						if err != nil {
							return nil, err
						}
						return apptest.Authorize(ctx, form)
					})}
				})
				form := a.CredentialsForm("ada", "lovelace")
				if !json {
					form.Del("json")
				}
				what := fmt.Sprintf("%s, protocol %v, JSON %t", name, p.Protocol, json)
				post := func() apptest.Response { return a.Post("/api/auth/callback/credentials", form) }
				err = tt.err
				res := post()
				if strings.Contains(res.Text, "secret-detail") || !strings.Contains(a.Log.String(), "secret-detail") {
					t.Errorf("%s: the cause is in the answer, or not in the log", what)
				}
				want, status, after := "Unavailable", http.StatusServiceUnavailable, "5"
				if !tt.temporary {
					want, status, after = p.callback, http.StatusUnauthorized, ""
					if p.Protocol == nuxtauth.AuthJS {
						status = http.StatusOK
					}
				}
				if !json {
					status = http.StatusFound
				}
				if code(res) != want || res.StatusCode != status || res.Header.Get("Retry-After") != after {
					t.Errorf("%s: %d with the code %q, Retry-After %q", what, res.StatusCode, code(res), res.Header.Get("Retry-After"))
				}
				if to := res.Header.Get("Location"); !json && tt.temporary {
					if page := a.Get(strings.TrimPrefix(to, a.URL)); page.StatusCode != http.StatusServiceUnavailable {
						t.Errorf("%s: the page %s has the status %d", what, to, page.StatusCode)
					}
				}
				if tt.temporary { // once more: these count for the network
					if res := post(); code(res) != want {
						t.Errorf("%s: the second attempt has the code %q", what, code(res))
					}
					if res := post(); code(res) != "TooManyAttempts" {
						t.Errorf("%s: the third attempt has the code %q", what, code(res))
					}
					a.Clock.Advance(time.Minute)
				}
				err = nil
				post()
				if signedIn := a.Session() != nil; signedIn != tt.temporary {
					t.Errorf("%s: signed in afterwards: %t", what, signedIn)
				}
			}
		}
	}
}
