package flow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/nuxtauth/nuxtauth/internal/flow"
)

// OpenID Connect Core §2: a sub has at most 255 bytes. The standards bound no sid.
func TestToken_SubjectAndSessionAreBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		claims object
		ok     bool
	}{
		"sub of 255 bytes": {object{"sub": strings.Repeat("s", 255), "sid": nil}, true},
		"sub of 256 bytes": {object{"sub": strings.Repeat("s", 256), "sid": nil}, false},
		"sid of 512 bytes": {object{"sid": strings.Repeat("s", 512)}, true},
		"sid of 513 bytes": {object{"sid": strings.Repeat("s", 513)}, false},
	} {
		t.Run("logout token, "+name, func(t *testing.T) {
			i := newIDP()
			token, err := i.flow(i.oidc()).VerifyLogoutToken(t.Context(), i.logoutToken(tt.claims))
			if !tt.ok {
				wantNoLogout(t, token, err)
			} else if err != nil {
				t.Error(err)
			}
		})
		t.Run("ID token, "+name, func(t *testing.T) {
			i := newIDP()
			maps.Copy(i.claims, tt.claims)
			_, err := i.signIn(t, i.flow(i.oidc(fromIDToken)))
			if !tt.ok {
				wantCode(t, err, "OAuthCallback")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// A logout token comes from every client.
func TestLogoutToken_SizeIsBounded(t *testing.T) {
	const most = 64 << 10
	i := newIDP()
	tokenOf := func(size int) string {
		for pad := range 8 { // base64 has not every size: the header makes up for it
			i.header["pad"] = strings.Repeat("x", pad)
			spare := size - len(i.logoutToken(object{"pad": ""}))
			if token := i.logoutToken(object{"pad": strings.Repeat("x", spare*3/4)}); len(token) == size {
				return token
			}
		}
		t.Fatalf("there is no token of %d bytes", size)
		return ""
	}
	f := i.flow(i.oidc())
	if _, err := f.VerifyLogoutToken(t.Context(), tokenOf(most)); err != nil {
		t.Errorf("the largest: %v", err)
	}
	token, err := f.VerifyLogoutToken(t.Context(), tokenOf(most+1))
	wantNoLogout(t, token, err)
}

// A session has these tokens, for as long as it lives.
func TestTokenResponse_TokensAreBounded(t *testing.T) {
	const most = 32 << 10
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		for size, ok := range map[int]bool{most: true, most + 1: false} {
			t.Run(fmt.Sprintf("%s of %d bytes", name, size), func(t *testing.T) {
				i := newIDP()
				i.answer["id_token"] = "not read by OAuth 2"
				i.answer[name] = strings.Repeat("x", size)
				f := i.flow(i.oauth2())
				result, err := i.signIn(t, f)
				switch {
				case !ok:
					wantCode(t, err, "OAuthCallback")
					if !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "xxx") {
						t.Errorf("error %.300v", err)
					}
				case err != nil:
					t.Error(err)
				case max(len(result.Account.AccessToken), len(result.Account.RefreshToken), len(result.Account.IDToken)) != size:
					t.Error("the account does not have the token")
				}

				account, err := f.Refresh(t.Context(), flow.Refresh{RefreshToken: "rt"})
				switch {
				case ok && err != nil:
					t.Error(err)
				case !ok && (err == nil || account != nil || errors.Is(err, flow.ErrInvalidGrant) || errors.Is(err, flow.ErrInvalidIDToken)):
					t.Errorf("the refresh returns %+v, %.300v", account, err)
				}
			})
		}
	}
}

func TestResponse_LargestIsRead(t *testing.T) {
	const most = 1 << 20
	for size, ok := range map[int]bool{most: true, most + 1: false} {
		i := newIDP()
		i.handlers[userinfoPath] = func(w http.ResponseWriter, _ *http.Request) {
			const profile = `{"sub":"user-1","name":"Ada"}`
			io.WriteString(w, profile+strings.Repeat(" ", size-len(profile)))
		}
		_, err := i.signIn(t, i.flow(i.oidc()))
		if ok && err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if !ok {
			wantCode(t, err, "OAuthCallback")
		}
	}
}

// A provider publishes a private key by mistake: any client can sign with it.
func TestKeys_PrivateKeyIsNotUsed(t *testing.T) {
	for name, key := range map[string]any{"EC": ecKey(), "RSA": rsaKey(), "Ed25519": edKey()} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.keys = []any{jose.JSONWebKey{KeyID: "ec", Key: key, Use: "sig"}}
			_, err := i.signIn(t, i.flow(i.oidc()))
			wantCode(t, err, "OAuthCallback")
			i.keys = append(i.keys, jwk("ec", &ecKey().PublicKey))
			if _, err := i.signIn(t, i.flow(i.oidc())); err != nil {
				t.Errorf("with a public key beside it: %v", err)
			}
		})
	}
}

// A tenant is one segment of the issuer's path, and the template is the configured issuer
// but for it.
func TestEntra_TenantIsOneSegment(t *testing.T) {
	const common, template = issuer + "/common/v2.0", issuer + "/{tenantid}/v2.0"
	for name, tt := range map[string]struct {
		configured, template, tid string
		code                      string
	}{
		"with a dot":                 {common, template, "contoso.example", ""},
		"letters, digits and a dash": {common, template, "Az09-", ""},
		"64 bytes":                   {common, template, strings.Repeat("a", 64), ""},
		"65 bytes":                   {common, template, strings.Repeat("a", 65), "OAuthCallback"},
		"empty":                      {common, template, "", "OAuthCallback"},
		"not ASCII":                  {common, template, "é", "OAuthCallback"},
		"digits of another script":   {common, template, "٣", "OAuthCallback"},
		"another character":          {common, template, "a_b", "OAuthCallback"},
		"a space":                    {common, template, "a b", "OAuthCallback"},
		"configured without tenant":  {issuer + "//v2.0", template, "a", "OAuthSignin"},
		"another suffix":             {common, issuer + "/{tenantid}/v1.0", "a", "OAuthSignin"},
		"longer suffix":              {common, issuer + "/{tenantid}/x/v2.0", "a", "OAuthSignin"},
		"another prefix":             {common, issuer + "/x/{tenantid}/v2.0", "a", "OAuthSignin"},
		"no placeholder":             {issuer + "/common", issuer + "/com", "a", "OAuthSignin"},
		"overlapping ends":           {issuer + "/v2.0", issuer + "/{tenantid}/v2.0", "a", "OAuthSignin"},
		"template is longer":         {issuer, issuer + "/{tenantid}", "a", "OAuthSignin"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIDP()
			i.metadata["issuer"] = tt.template
			i.handlers[strings.TrimPrefix(tt.configured, issuer)+metadataPath] = func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, i.metadata)
			}
			i.claims["iss"], i.claims["tid"] = strings.Replace(tt.template, "{tenantid}", tt.tid, 1), tt.tid
			p := i.oidc(fromIDToken)
			p.Issuer, p.MultiTenant = tt.configured, true
			f := i.flow(p)
			if _, _, err := f.Start(context.Background(), redirectURI, nil); tt.code == "OAuthSignin" || err != nil {
				wantCode(t, err, "OAuthSignin")
				if tt.code != "OAuthSignin" || strings.Contains(err.Error(), "panic") {
					t.Error(err)
				}
				return
			}
			_, err := i.signIn(t, f)
			if tt.code != "" {
				wantCode(t, err, tt.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
