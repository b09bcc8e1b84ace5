package flow_test

import (
	"context"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// In the clear, an IP address is refused as a name is, unless it is a loopback address;
// and a loopback address makes no other scheme an endpoint.
func TestEndpoint_Refused(t *testing.T) {
	for _, origin := range []string{
		"http://203.0.113.7", "http://203.0.113.7:8080", "http://10.0.0.7", "http://192.168.0.1", "http://169.254.169.254",
		"http://0.0.0.0", "http://126.255.255.255", "http://128.0.0.1",
		"http://[2001:db8::1]", "http://[::]", "http://[fe80::1]", "http://[::ffff:203.0.113.7]", "http://[::2]",
		"javascript://localhost", "ftp://localhost", "ws://127.0.0.1", "file://localhost", "data://[::1]", "HTTPX://localhost",
	} {
		for name, set := range map[string]struct {
			discovered string // the member of the metadata
			configured func(p *provider.Provider, u string)
			signOut    bool
		}{
			"authorization": {"authorization_endpoint", func(p *provider.Provider, u string) { p.AuthorizationURL = u }, false},
			"token":         {"token_endpoint", func(p *provider.Provider, u string) { p.TokenURL = u }, false},
			"userinfo":      {"userinfo_endpoint", func(p *provider.Provider, u string) { p.UserinfoURL = u }, false},
			"keys":          {"jwks_uri", nil, false},
			"end of session": {
				"end_session_endpoint", func(p *provider.Provider, u string) { p.EndSessionURL = u }, true,
			},
		} {
			refused := func(how string, f *flow.Flow) {
				t.Helper()
				if set.signOut {
					if to, err := f.EndSessionURL(context.Background(), flow.EndSession{}); err == nil || to != "" {
						t.Errorf("%s, %s, %s: %q", origin, name, how, to)
					}
					return
				}
				if to, _, err := f.Start(context.Background(), redirectURI, nil); err == nil || to != "" {
					t.Errorf("%s, %s, %s: %q", origin, name, how, to)
				}
			}
			i := newIDP()
			i.metadata[set.discovered] = origin + "/x"
			refused("discovered", i.flow(i.oidc()))
			if set.configured != nil {
				i := newIDP()
				refused("configured", i.flow(i.oidc(func(p *provider.Provider) { set.configured(p, origin+"/x") })))
				refused("OAuth 2", i.flow(i.oauth2(func(p *provider.Provider) { set.configured(p, origin+"/x") })))
			}
		}
	}
}
