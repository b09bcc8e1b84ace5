package provider

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// WithEnv returns p with an empty ClientID, ClientSecret and Issuer filled in from
// the variables AUTH_<ID>_ID, AUTH_<ID>_SECRET and AUTH_<ID>_ISSUER, where <ID> is
// p.ID in upper case with '-' and '.' as '_'. A field that is set stays. getenv
// returns the value of a variable, "" if it is not set, as os.Getenv does.
func (p Provider) WithEnv(getenv func(string) string) Provider {
	if p.Type != TypeOAuth && p.Type != TypeOIDC {
		return p
	}
	p.ClientID = cmp.Or(p.ClientID, getenv(p.env("ID")))
	p.ClientSecret = cmp.Or(p.ClientSecret, getenv(p.env("SECRET")))
	p.Issuer = cmp.Or(p.Issuer, getenv(p.env("ISSUER")), p.fallbackIssuer)
	return p
}

// env returns the name of the variable for a value of p, such as "ID".
func (p Provider) env(value string) string {
	return "AUTH_" + strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(p.ID)) + "_" + value
}

// Validate returns all problems of p, joined, each with what to write instead, or
// nil. It uses neither the environment (see [Provider.WithEnv]) nor the network.
func (p Provider) Validate() error {
	var v problems
	if !validID.MatchString(p.ID) {
		v.add("ID must be 1 to 64 lower-case letters, digits, '-', '_' or '.', and start with a letter or a digit")
		p = p.WithEnv(func(string) string { return "https://provider.example" }) // no variable has this ID
	}
	switch p.Type {
	case TypeOAuth:
		p.validateNoForm(&v)
		p.validateClient(&v)
		p.validateRequest(&v)
		p.validateURLs(&v)
	case TypeOIDC:
		if p.Issuer == "" {
			v.add("no issuer: set Issuer or the environment variable %s to the \"issuer\" of the provider's metadata", p.env("ISSUER"))
		}
		p.validateNoForm(&v)
		p.validateClient(&v)
		p.validateRequest(&v)
		p.validateURLs(&v)
	case TypeCredentials:
		p.validateForm(&v)
	case TypeEmail:
		p.validateNoForm(&v)
		p.validateNoLogout(&v)
		if d := p.LinkLifetime; d != 0 && (d < time.Minute || d > 24*time.Hour) {
			v.add("LinkLifetime is %v: write a duration with its unit from a minute to 24 hours, such as 10*time.Minute", d)
		}
	default:
		v.add("Type %q is unknown: make the provider with OIDC, OAuth2, Credentials, Email or a constructor of the catalogue", p.Type)
	}
	return v.join(p.ID)
}

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// problems collects the problems of one provider.
type problems struct {
	list []string
	http []string // Provider.InsecureHTTP
}

func (v *problems) add(format string, args ...any) {
	v.list = append(v.list, fmt.Sprintf(format, args...))
}

func (v *problems) join(id string) error {
	errs := make([]error, len(v.list))
	for i, problem := range v.list {
		errs[i] = fmt.Errorf("provider %q: %s", id, problem)
	}
	return errors.Join(errs...)
}

// validateClient checks the client authentication.
func (p Provider) validateClient(v *problems) {
	if p.ClientID == "" {
		v.add("no client id: set ClientID or the environment variable %s", p.env("ID"))
	}
	switch p.AuthMethod {
	case "", ClientSecretBasic, ClientSecretPost:
		if p.ClientSecret == "" && p.ClientSecretFunc == nil {
			v.add("no client secret: set ClientSecret or the environment variable %s, or AuthMethod to NoClientAuth if the client is a public one", p.env("SECRET"))
		}
	case ClientSecretJWT:
		if p.ClientSecret == "" {
			v.add("no client secret: set ClientSecret or the environment variable %s; ClientSecretJWT signs with it", p.env("SECRET"))
		}
	case PrivateKeyJWT:
		p.validateSigningKey(v)
	case NoClientAuth:
	default:
		v.add("AuthMethod %q is unknown: use ClientSecretBasic, ClientSecretPost, ClientSecretJWT, PrivateKeyJWT or NoClientAuth", p.AuthMethod)
	}
}

func (p Provider) validateSigningKey(v *problems) {
	const supported = "use an RSA key of 2048 bits or more, an ECDSA P-256 key or an Ed25519 key"
	if p.SigningKey == nil {
		v.add("no SigningKey: PrivateKeyJWT signs with it; %s", supported)
		return
	}
	switch key := p.SigningKey.Public().(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			v.add("SigningKey is an RSA key of %d bits: %s", key.N.BitLen(), supported)
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			v.add("SigningKey is an ECDSA key on %s: %s", key.Curve.Params().Name, supported)
		}
	case ed25519.PublicKey:
	default:
		v.add("SigningKey is a %T: %s", p.SigningKey, supported)
	}
}

// ownParams are the parameters of an authorization request that the library sets, or
// that could override those, each with what an application has to do instead.
var ownParams = map[string]string{
	"client_id":             "set ClientID",
	"client_secret":         "set ClientSecret; it never goes through the browser",
	"client_assertion":      "set AuthMethod",
	"client_assertion_type": "set AuthMethod",
	"redirect_uri":          "it follows from the URL of the application",
	"response_type":         "it is always \"code\"",
	"response_mode":         "set ResponseMode",
	"state":                 "it is random for each sign-in",
	"nonce":                 "it is random for each sign-in",
	"code":                  "it is part of the authorization response",
	"code_verifier":         "it is random for each sign-in",
	"code_challenge":        "it is random for each sign-in",
	"code_challenge_method": "it is always \"S256\"",
	"request":               "it would replace all other parameters",
	"request_uri":           "it would replace all other parameters",
	"registration":          "dynamic registration is not supported",
}

// pageParams are the fields of the sign-in form that the library reads itself.
var pageParams = []string{"csrfToken", "callbackUrl", "json", "redirect"}

// validateRequest checks the parameters of the authorization request.
func (p Provider) validateRequest(v *problems) {
	for _, name := range slices.Sorted(maps.Keys(p.AuthorizationParams)) {
		if reason, ok := ownParams[name]; ok {
			v.add("AuthorizationParams can't have %q: %s", name, reason)
		}
		if name == "scope" {
			v.add("AuthorizationParams can't have \"scope\": set Scopes")
		}
	}
	for _, name := range p.AllowedParams {
		if reason, ok := ownParams[name]; ok {
			v.add("AllowedParams can't have %q: %s", name, reason)
		}
		if slices.Contains(pageParams, name) || name == "" {
			v.add("AllowedParams can't have %q: it is a field of the sign-in form", name)
		}
	}
	for _, scope := range p.Scopes {
		if scope == "" || strings.ContainsFunc(scope, spaceOrControl) {
			v.add("the scope %q has a space or is empty: write each scope as one element of Scopes", scope)
		}
	}
	if p.ResponseMode != "" && p.ResponseMode != "query" && p.ResponseMode != "form_post" {
		v.add("ResponseMode %q is not supported: use \"form_post\", or leave it empty for the query", p.ResponseMode)
	}
}

// validateURLs checks the issuer and the endpoints.
func (p Provider) validateURLs(v *problems) {
	v.http = p.InsecureHTTP
	if u := v.parse("Issuer", p.Issuer); u != nil && u.RawQuery != "" {
		v.add("Issuer %q must not have a query", p.Issuer) // OpenID Connect Discovery §3
	}
	if u := v.parse("DiscoveryURL", p.DiscoveryURL); u != nil && p.Type == TypeOAuth {
		v.add("DiscoveryURL is for OpenID providers: set AuthorizationURL, TokenURL and UserinfoURL")
	}
	if v.parse("JWKSURL", p.JWKSURL) != nil && p.Type == TypeOAuth {
		v.add("JWKSURL is for OpenID providers, which alone send ID tokens: remove it")
	}
	switch {
	case p.IDTokenAlg == "":
	case p.IDTokenAlg != "HS256":
		v.add("IDTokenAlg %q is unknown: write \"HS256\", or leave it empty for the algorithms with keys that the provider publishes", p.IDTokenAlg)
	case p.Type == TypeOAuth:
		v.add("IDTokenAlg is for OpenID providers, which alone send ID tokens: leave it empty")
	case p.ClientSecretFunc != nil || len(p.ClientSecret) < 32:
		v.add("IDTokenAlg \"HS256\" needs a ClientSecret of at least 32 bytes, with which the provider signs: leave it empty, or set the secret") // RFC 7518 §3.2
	case p.JWKSURL != "":
		v.add("IDTokenAlg \"HS256\" has no published keys: remove JWKSURL or IDTokenAlg")
	}
	for _, host := range p.InsecureHTTP {
		if u, err := url.Parse("http://" + host); err != nil || u.Host != host || u.Hostname() == "" {
			v.add("InsecureHTTP %q is not a host: write one such as \"keycloak:8080\", without a scheme and a path", host)
		}
	}
	if u := v.parse("AuthorizationURL", p.AuthorizationURL); u != nil {
		for _, name := range slices.Sorted(maps.Keys(u.Query())) {
			if reason, ok := ownParams[name]; ok || name == "scope" {
				v.add("AuthorizationURL can't have %q in its query: %s", name, cmp.Or(reason, "set Scopes"))
			}
		}
	}
	v.parse("TokenURL", p.TokenURL)
	v.parse("UserinfoURL", p.UserinfoURL)
	v.parse("EndSessionURL", p.EndSessionURL)

	if p.Type == TypeOAuth && (p.AuthorizationURL == "" || p.TokenURL == "" || p.UserinfoURL == "") {
		v.add("an OAuth 2 provider has no discovery: set AuthorizationURL, TokenURL and UserinfoURL")
	}
	if p.Type == TypeOAuth && p.BackchannelLogout {
		v.add("BackchannelLogout is for OpenID providers, which alone send logout tokens: set it to false")
	}
	if p.Type == TypeOAuth && p.FederatedLogout && p.EndSessionURL == "" {
		v.add("FederatedLogout needs an EndSessionURL, since an OAuth 2 provider has no discovery: set it to the provider's sign-out page, or FederatedLogout to false")
	}
}

// parse returns the URL of a field, nil if it is empty or was reported.
func (v *problems) parse(field, value string) *url.URL {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		v.add("%s %q is not an absolute URL: write it as https://host/path", field, value)
	case u.User != nil || u.Fragment != "":
		v.add("%s must have neither a user name nor a fragment", field)
	case u.Scheme == "http" && !isLoopback(u.Hostname()) && !slices.Contains(v.http, u.Host):
		v.add("%s %q is not https: only a loopback address, and a host that InsecureHTTP lists, may be http", field, value)
	default:
		return u
	}
	return nil
}

// isLoopback reports whether host is a loopback address.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// validateNoForm reports fields of a credentials provider in another one.
func (p Provider) validateNoForm(v *problems) {
	if len(p.Fields) > 0 {
		v.add("Fields are the inputs of a credentials form, which this provider does not have: remove them, or make the provider with Credentials")
	}
	if p.Authorize != nil {
		v.add("Authorize checks a credentials form, which this provider does not have: remove it, or make the provider with Credentials")
	}
}

// validateNoLogout reports sign-outs at a provider that has no sessions.
func (p Provider) validateNoLogout(v *problems) {
	if p.FederatedLogout {
		v.add("FederatedLogout is for OAuth 2 and OpenID providers: set it to false")
	}
	if p.BackchannelLogout {
		v.add("BackchannelLogout is for OpenID providers, which alone send logout tokens: set it to false")
	}
}

// validateForm checks a credentials provider.
func (p Provider) validateForm(v *problems) {
	p.validateNoLogout(v)
	if p.Authorize == nil {
		v.add("no Authorize function: pass Credentials a function that checks the form")
	}
	seen := map[string]bool{}
	for _, field := range p.Fields {
		switch {
		case field.Name == "":
			v.add("a field has no Name: set it to the key in the form that Authorize gets")
		case slices.Contains(pageParams, field.Name):
			v.add("a field can't have the Name %q, which the sign-in form uses itself: write another", field.Name)
		case seen[field.Name]:
			v.add("two fields have the Name %q: make it unique", field.Name)
		}
		seen[field.Name] = true
	}
}
