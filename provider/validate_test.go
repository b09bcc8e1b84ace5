package provider_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/provider"
)

// oauth returns a valid OAuth 2 provider after change.
func oauth(change func(*provider.Provider)) provider.Provider {
	p := provider.OAuth2(provider.Provider{
		ID: "acme", ClientID: "id", ClientSecret: "secret",
		AuthorizationURL: "https://acme.example/authorize?tenant=1", TokenURL: "https://acme.example/token", UserinfoURL: "http://127.0.0.1:8080/me",
	})
	change(&p)
	return p
}

// oidc returns a valid OpenID provider after change.
func oidc(change func(*provider.Provider)) provider.Provider {
	p := provider.OIDC(provider.Provider{ID: "acme", ClientID: "id", ClientSecret: "secret", Issuer: "https://acme.example/realm"})
	change(&p)
	return p
}

// publicKey is a signer that can't sign.
type publicKey struct{ crypto.PublicKey }

func (k publicKey) Public() crypto.PublicKey { return k.PublicKey }
func (publicKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no private key")
}

func rsaOf(bits uint) crypto.Signer {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return publicKey{&rsa.PublicKey{N: n, E: 65537}}
}

func TestValidate_Valid(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	none := func(*provider.Provider) {}
	withKey := func(key crypto.Signer) func(*provider.Provider) {
		return func(p *provider.Provider) {
			p.ClientSecret, p.AuthMethod, p.SigningKey = "", provider.PrivateKeyJWT, key
		}
	}
	for name, p := range map[string]provider.Provider{
		"OAuth 2":             oauth(none),
		"OpenID Connect":      oidc(none),
		"loopback issuer":     oidc(func(p *provider.Provider) { p.Issuer = "http://localhost:8080" }),
		"loopback, IPv6":      oidc(func(p *provider.Provider) { p.Issuer = "http://[::1]:8080" }),
		"public client":       oidc(func(p *provider.Provider) { p.ClientSecret, p.AuthMethod = "", provider.NoClientAuth }),
		"secret by assertion": oidc(func(p *provider.Provider) { p.AuthMethod = provider.ClientSecretJWT }),
		"secret function": oidc(func(p *provider.Provider) {
			p.ClientSecret = ""
			p.ClientSecretFunc = func(context.Context) (string, error) { return "", nil }
		}),
		"RSA key":     oidc(withKey(rsaOf(2048))),
		"P-256 key":   oidc(withKey(p256)),
		"Ed25519 key": oidc(withKey(ed)),
		"parameters": oidc(func(p *provider.Provider) {
			p.AuthorizationParams = map[string]string{"access_type": "offline"}
			p.AllowedParams = []string{"scope", "hd"}
			p.ResponseMode = "form_post"
		}),
		"federated logout": oidc(func(p *provider.Provider) { p.FederatedLogout = true }),
		"federated logout, OAuth 2": oauth(func(p *provider.Provider) {
			p.FederatedLogout, p.EndSessionURL = true, "https://acme.example/logout?logout_uri=https%3A%2F%2Fapp.example%2F"
		}),
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidate_Problems(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	withKey := func(key crypto.Signer) func(*provider.Provider) {
		return func(p *provider.Provider) { p.AuthMethod, p.SigningKey = provider.PrivateKeyJWT, key }
	}
	for name, tt := range map[string]struct {
		p    provider.Provider
		want string
	}{
		"no id":                        {oidc(func(p *provider.Provider) { p.ID = "" }), "lower-case letters"},
		"id in capitals":               {oidc(func(p *provider.Provider) { p.ID = "Acme" }), "lower-case letters"},
		"id with a slash":              {oidc(func(p *provider.Provider) { p.ID = "a/b" }), "lower-case letters"},
		"id is dots":                   {oidc(func(p *provider.Provider) { p.ID = ".." }), "start with a letter"},
		"id with line break":           {oidc(func(p *provider.Provider) { p.ID = "acme\n" }), "lower-case letters"},
		"id too long":                  {oidc(func(p *provider.Provider) { p.ID = strings.Repeat("a", 65) }), "1 to 64"},
		"no client id":                 {oidc(func(p *provider.Provider) { p.ClientID = "" }), "set ClientID or the environment variable AUTH_ACME_ID"},
		"no secret":                    {oidc(func(p *provider.Provider) { p.ClientSecret = "" }), "AUTH_ACME_SECRET, or AuthMethod to NoClientAuth"},
		"no secret to sign":            {oidc(func(p *provider.Provider) { p.ClientSecret, p.AuthMethod = "", provider.ClientSecretJWT }), "AUTH_ACME_SECRET"},
		"unknown method":               {oidc(func(p *provider.Provider) { p.AuthMethod = "tls_client_auth" }), "use ClientSecretBasic"},
		"no signing key":               {oidc(withKey(nil)), "no SigningKey"},
		"short RSA key":                {oidc(withKey(rsaOf(1024))), "RSA key of 1024 bits"},
		"P-384 key":                    {oidc(withKey(p384)), "ECDSA P-256"},
		"unknown key":                  {oidc(withKey(publicKey{"x"})), "SigningKey is a provider_test.publicKey"},
		"no issuer":                    {oidc(func(p *provider.Provider) { p.Issuer = "" }), "AUTH_ACME_ISSUER"},
		"issuer in the clear":          {oidc(func(p *provider.Provider) { p.Issuer = "http://acme.example" }), "is not https"},
		"issuer, look-alike":           {oidc(func(p *provider.Provider) { p.Issuer = "http://localhost.acme.example" }), "is not https"},
		"issuer, no URL":               {oidc(func(p *provider.Provider) { p.Issuer = "acme.example" }), "write it as https://host/path"},
		"issuer, bad URL":              {oidc(func(p *provider.Provider) { p.Issuer = "https://a b" }), "write it as https://host/path"},
		"issuer, script":               {oidc(func(p *provider.Provider) { p.Issuer = "javascript:alert(1)" }), "write it as https://host/path"},
		"issuer with a query":          {oidc(func(p *provider.Provider) { p.Issuer = "https://acme.example?a=b" }), "must not have a query"},
		"issuer with a user":           {oidc(func(p *provider.Provider) { p.Issuer = "https://u:p@acme.example" }), "neither a user name"},
		"no endpoints":                 {oauth(func(p *provider.Provider) { p.TokenURL = "" }), "set AuthorizationURL, TokenURL and UserinfoURL"},
		"token in the clear":           {oauth(func(p *provider.Provider) { p.TokenURL = "http://acme.example/token" }), "TokenURL \"http://acme.example/token\" is not https"},
		"fragment":                     {oauth(func(p *provider.Provider) { p.AuthorizationURL = "https://acme.example/#a" }), "nor a fragment"},
		"client id in a URL":           {oauth(func(p *provider.Provider) { p.AuthorizationURL += "&client_id=x" }), "set ClientID"},
		"scope in a URL":               {oauth(func(p *provider.Provider) { p.AuthorizationURL += "&scope=x" }), "set Scopes"},
		"scope as parameter":           {oauth(func(p *provider.Provider) { p.AuthorizationParams = map[string]string{"scope": "a"} }), "set Scopes"},
		"mode as parameter":            {oauth(func(p *provider.Provider) { p.AuthorizationParams = map[string]string{"response_mode": "form_post"} }), "set ResponseMode"},
		"two scopes in one":            {oauth(func(p *provider.Provider) { p.Scopes = []string{"openid email"} }), "write each scope as one element"},
		"unknown mode":                 {oauth(func(p *provider.Provider) { p.ResponseMode = "fragment" }), "use \"form_post\""},
		"CSRF token allowed":           {oauth(func(p *provider.Provider) { p.AllowedParams = []string{"csrfToken"} }), "a field of the sign-in form"},
		"logout tokens of credentials": {func() provider.Provider { p := withFields(); p.BackchannelLogout = true; return p }(), "is for OpenID providers"},
		"logout tokens of OAuth 2":     {oauth(func(p *provider.Provider) { p.BackchannelLogout = true }), "is for OpenID providers"},
		"federated, no endpoint":       {oauth(func(p *provider.Provider) { p.FederatedLogout = true }), "needs an EndSessionURL"},
		"sign-out, clear":              {oidc(func(p *provider.Provider) { p.EndSessionURL = "http://acme.example/logout" }), "EndSessionURL \"http://acme.example/logout\" is not https"},
		"sign-out, script":             {oauth(func(p *provider.Provider) { p.EndSessionURL = "javascript:alert(1)" }), "write it as https://host/path"},
		"federated credentials":        {federated(withFields()), "is for OAuth 2 and OpenID providers"},
		"no Authorize":                 {provider.Credentials(nil), "no Authorize function"},
		"field without name":           {withFields(provider.Field{Label: "x"}), "a field has no Name"},
		"field of the form":            {withFields(provider.Field{Name: "csrfToken"}), "which the sign-in form uses itself"},
		"two fields, a name":           {withFields(provider.Field{Name: "a"}, provider.Field{Name: "a"}), "make it unique"},
		"form of OpenID":               {oidc(func(p *provider.Provider) { p.Fields = []provider.Field{{Name: "tenant"}} }), "Fields are the inputs of a credentials form"},
		"form of OAuth 2":              {oauth(func(p *provider.Provider) { p.Fields = []provider.Field{{Name: "tenant"}} }), "make the provider with Credentials"},
		"Authorize of OpenID":          {oidc(func(p *provider.Provider) { p.Authorize = withFields().Authorize }), "Authorize checks a credentials form"},
		"form of e-mail":               {provider.Email(func(p *provider.Provider) { p.Fields = []provider.Field{{Name: "email"}} }), "make the provider with Credentials"},
		"Authorize of e-mail":          {provider.Email(func(p *provider.Provider) { p.Authorize = withFields().Authorize }), "Authorize checks a credentials form"},
		"federated e-mail":             {federated(provider.Email()), "is for OAuth 2 and OpenID providers"},
		"logout tokens of e-mail":      {provider.Email(func(p *provider.Provider) { p.BackchannelLogout = true }), "is for OpenID providers"},
		"short links":                  {provider.Email(func(p *provider.Provider) { p.LinkLifetime = 10 }), "LinkLifetime is 10ns: write a duration with its unit"},
		"long links":                   {provider.Email(func(p *provider.Provider) { p.LinkLifetime = 24*time.Hour + 1 }), "from a minute to 24 hours"},
		"no type":                      {provider.Provider{ID: "acme"}, "make the provider with OIDC, OAuth2"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.p.Validate()
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error does not contain %q:\n%v", tt.want, err)
			}
			if strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("more than one problem:\n%v", err)
			}
		})
	}
}

func withFields(fields ...provider.Field) provider.Provider {
	return provider.Credentials(func(context.Context, url.Values) (*provider.User, error) { return nil, nil }, fields...)
}

func federated(p provider.Provider) provider.Provider {
	p.FederatedLogout = true
	return p
}

func TestValidate_ReservedParams(t *testing.T) {
	for _, name := range []string{
		"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "state", "nonce",
		"code_challenge", "code_challenge_method", "code_verifier", "request", "request_uri",
	} {
		if oauth(func(p *provider.Provider) { p.AuthorizationParams = map[string]string{name: "x"} }).Validate() == nil {
			t.Errorf("AuthorizationParams can have %s", name)
		}
		if oauth(func(p *provider.Provider) { p.AllowedParams = []string{name} }).Validate() == nil {
			t.Errorf("AllowedParams can have %s", name)
		}
	}
}

func TestValidate_JoinsProblems(t *testing.T) {
	err := provider.OIDC(provider.Provider{ID: "acme", Scopes: []string{""}}).Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"AUTH_ACME_ID", "AUTH_ACME_SECRET", "AUTH_ACME_ISSUER", "the scope \"\""} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not contain %q:\n%v", want, err)
		}
	}
	for line := range strings.Lines(err.Error()) {
		if !strings.HasPrefix(line, `provider "acme": `) {
			t.Errorf("a problem without the provider's ID: %s", line)
		}
	}
}

func TestValidate_OffStandardProviders(t *testing.T) {
	long := strings.Repeat("s", 32)
	for name, tt := range map[string]struct {
		provider provider.Provider
		want     string // in the error; "" for none
	}{
		"DiscoveryURL":          {oidc(func(p *provider.Provider) { p.DiscoveryURL = "https://login.example/policy/metadata" }), ""},
		"DiscoveryURL of OAuth": {oauth(func(p *provider.Provider) { p.DiscoveryURL = "https://login.example/metadata" }), "DiscoveryURL is for OpenID"},
		"DiscoveryURL, no URL":  {oidc(func(p *provider.Provider) { p.DiscoveryURL = "login.example" }), "DiscoveryURL"},
		"JWKSURL":               {oidc(func(p *provider.Provider) { p.JWKSURL = "https://login.example/keys" }), ""},
		"JWKSURL of OAuth":      {oauth(func(p *provider.Provider) { p.JWKSURL = "https://login.example/keys" }), "JWKSURL is for OpenID"},
		"JWKSURL with http":     {oidc(func(p *provider.Provider) { p.JWKSURL = "http://login.example/keys" }), "InsecureHTTP"},
		"http at a named host": {oidc(func(p *provider.Provider) {
			p.InsecureHTTP, p.TokenURL, p.JWKSURL = []string{"keycloak:8080"}, "http://keycloak:8080/token", "http://keycloak:8080/keys"
		}), ""},
		"http at another port": {oidc(func(p *provider.Provider) {
			p.InsecureHTTP, p.TokenURL = []string{"keycloak"}, "http://keycloak:8080/token"
		}), "TokenURL"},
		"InsecureHTTP with a scheme": {oidc(func(p *provider.Provider) { p.InsecureHTTP = []string{"http://keycloak:8080"} }), "without a scheme"},
		"InsecureHTTP with a path":   {oidc(func(p *provider.Provider) { p.InsecureHTTP = []string{"keycloak:8080/auth"} }), "without a scheme"},
		"empty InsecureHTTP":         {oidc(func(p *provider.Provider) { p.InsecureHTTP = []string{""} }), "InsecureHTTP"},
		"HS256":                      {oidc(func(p *provider.Provider) { p.IDTokenAlg, p.ClientSecret = "HS256", long }), ""},
		"HS256, short secret":        {oidc(func(p *provider.Provider) { p.IDTokenAlg, p.ClientSecret = "HS256", long[1:] }), "32 bytes"},
		"HS256, changing secret": {oidc(func(p *provider.Provider) {
			p.IDTokenAlg, p.ClientSecret = "HS256", long
			p.ClientSecretFunc = func(context.Context) (string, error) { return long, nil }
		}), "32 bytes"},
		"HS256 and keys": {oidc(func(p *provider.Provider) {
			p.IDTokenAlg, p.ClientSecret, p.JWKSURL = "HS256", long, "https://x.example/keys"
		}), "no published keys"},
		"HS256 of OAuth":   {oauth(func(p *provider.Provider) { p.IDTokenAlg, p.ClientSecret = "HS256", long }), "IDTokenAlg is for OpenID"},
		"RS256 explicitly": {oidc(func(p *provider.Provider) { p.IDTokenAlg = "RS256" }), `"RS256" is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.provider.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("Validate returns %v, want %q", err, tt.want)
			}
		})
	}
}
