package doctor_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/doctor"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestRun_Issuers(t *testing.T) {
	const issuer = "http://127.0.0.1:9000/realm"
	metadata := func(change string) string {
		return `{"issuer":"` + issuer + `","authorization_endpoint":"` + issuer + `/a","token_endpoint":"` + issuer + `/t","jwks_uri":"` + issuer + `/keys"` + change + `}`
	}
	const keys = `{"keys":[{"kty":"oct"},{"kty":"RSA","use":"enc"},{"kty":"EC"}]}`
	for name, tt := range map[string]struct {
		metadata, keys string
		want           string
	}{
		"right":            {metadata(""), keys, ""},
		"a slash":          {strings.Replace(metadata(""), "realm", "realm/", 1), keys, `fail issuer: are of the issuer "http://127.0.0.1:9000/realm/"`},
		"tenants":          {strings.Replace(metadata(""), "realm", "{tenantid}", 1), keys, ""},
		"no metadata":      {"", keys, "fail issuer: the metadata at http://127.0.0.1:9000/realm/.well-known/openid-configuration: status 404"},
		"HTML":             {"<html>", keys, "fail issuer: are no JSON object"},
		"no endpoint":      {strings.Replace(metadata(""), "token_endpoint", "x", 1), keys, "fail issuer: has no token_endpoint"},
		"no keys":          {metadata(""), "", "fail issuer: the keys at http://127.0.0.1:9000/realm/keys: status 404"},
		"no usable key":    {metadata(""), `{"keys":[{"kty":"oct"}]}`, "fail issuer: no key that verifies ID tokens"},
		"no S256":          {metadata(`,"code_challenge_methods_supported":["plain"]`), keys, "warn issuer: does not offer PKCE"},
		"S256":             {metadata(`,"code_challenge_methods_supported":["plain","S256"]`), keys, ""},
		"other signatures": {metadata(`,"id_token_signing_alg_values_supported":["HS256"]`), keys, `fail issuer: signs ID tokens with ["HS256"]`},
		"keys elsewhere":   {strings.Replace(metadata(""), issuer+"/keys", "http://127.0.0.2:9001/keys", 1), keys, "fail issuer: the keys can't be fetched from this machine: no server listens at 127.0.0.2:9001"},
	} {
		t.Run(name, func(t *testing.T) {
			n := network{}
			n.serve(t, "http://127.0.0.1:9000", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text := map[string]string{"/realm/.well-known/openid-configuration": tt.metadata, "/realm/keys": tt.keys}[r.URL.Path]
				if text == "" {
					http.NotFound(w, r)
					return
				}
				_, _ = io.WriteString(w, text)
			}))
			want := []string{"fail API: no server listens at 127.0.0.1:1"}
			if tt.want != "" {
				want = append(want, tt.want)
			}
			all := run(t, doctor.Options{URL: "http://127.0.0.1:1", Issuers: []string{issuer}, Transport: n.transport(t, nil)})
			faults(t, all, want...)
			if tt.want == "" && !has(all, "issuer", issuer+": metadata, and keys for signatures: 1") {
				t.Errorf("the issuer is not ok: %+v", all)
			}
		})
	}
}

// The issuer is found by the address of the sign-in page, of which its metadata are a
// parent.
func TestRun_FindsIssuers(t *testing.T) {
	const at = "http://127.0.0.1:9000"
	for name, tt := range map[string]struct{ page, metadata, issuer, want string }{
		"at the root":        {"/authorize", "", "", at + ": metadata"},
		"a slash at its end": {"/authorize", "", "/", at + "/: metadata"},
		"below, at the root": {"/o/oauth2/v2/auth", "", "", at + ": metadata"},
		"a parent":           {"/realms/a/protocol/auth", "/realms/a", "/realms/a", at + "/realms/a: metadata"},
		"the nearest parent": {"/oauth2/default/v1/authorize", "/oauth2/default", "/oauth2/default", at + "/oauth2/default: metadata"},
		"a tenant":           {"/t1/oauth2/v2.0/authorize", "/t1/v2.0", "/t1/v2.0", at + "/t1/v2.0: metadata"},
		"any tenant":         {"/common/oauth2/v2.0/authorize", "/common/v2.0", "/{tenantid}/v2.0", at + "/common/v2.0: metadata"},
		"not below the page": {"/authorize", "/elsewhere", "/elsewhere", `the metadata of "own" are not found below ` + at},
	} {
		t.Run(name, func(t *testing.T) {
			config := func(c *Config) {
				own := provider.OAuth2(provider.Provider{
					ID: "own", Name: "Own", ClientID: "id", ClientSecret: "secret", Scopes: []string{"openid"},
					AuthorizationURL: at + tt.page, TokenURL: at + "/token", UserinfoURL: at + "/userinfo",
				})
				c.Providers = []provider.Provider{own, own}
				c.Providers[1].ID = "other" // its issuer is checked once
			}
			all := examine(t, nil, setup{config: config, network: func(n network) {
				n.serve(t, at, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.Path {
					case tt.metadata + "/.well-known/openid-configuration":
						fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q}`, at+tt.issuer, at+tt.page, at+"/t", at+"/keys")
					case "/keys":
						io.WriteString(w, `{"keys":[{"kty":"EC"}]}`)
					default:
						http.NotFound(w, r)
					}
				}))
			}})
			faults(t, all)
			found := 0
			for _, f := range all {
				if f.Check == "issuer" && strings.Contains(f.Text, tt.want) {
					found++
				}
			}
			if found != 1 && !strings.HasPrefix(tt.want, "the metadata") || found == 0 {
				t.Errorf("%q is there %d times: %+v", tt.want, found, all)
			}
		})
	}
}
