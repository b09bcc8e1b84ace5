package authtest

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// The paths of the provider, below that of its issuer.
const (
	discoveryPath = "/.well-known/openid-configuration"
	jwksPath      = "/jwks"
	authorizePath = "/authorize"
	loginPath     = "/login"
	tokenPath     = "/token"
	userinfoPath  = "/userinfo"
	logoutPath    = "/logout"

	movedPath        = "/moved"         // prefix of the targets of redirect faults, such as /moved/token
	attackerKeysPath = "/attacker/jwks" // target of a forged "jku"
	attackerCertPath = "/attacker/cert" // target of a forged "x5u"
)

// maxBody is the maximum size of a request body, in bytes.
const maxBody = 64 << 10

// routes returns the handler of all paths, without the prefix of the issuer's path.
func (p *IDP) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+authorizePath, p.authorize)
	mux.HandleFunc("POST "+authorizePath, p.authorize)
	mux.HandleFunc("POST "+loginPath, p.login)
	mux.HandleFunc("GET "+logoutPath, p.logout)
	mux.HandleFunc("POST "+logoutPath, p.logout)

	for _, endpoint := range []struct {
		method, path string
		handler      http.HandlerFunc
	}{
		{"GET", discoveryPath, p.discovery},
		{"GET", jwksPath, p.jwks},
		{"POST", tokenPath, p.token},
		{"GET", userinfoPath, p.userinfo},
		{"POST", userinfoPath, p.userinfo},
	} {
		mux.Handle(endpoint.method+" "+endpoint.path, p.faulty(endpoint.path, endpoint.handler))
		mux.Handle(endpoint.method+" "+movedPath+endpoint.path, p.onlyWithFaults(endpoint.handler))
	}
	mux.Handle("GET "+attackerKeysPath, p.onlyWithFaults(p.attackerKeys))
	mux.Handle("GET "+attackerCertPath, p.onlyWithFaults(p.attackerCert))
	return mux
}

// ServeHTTP serves the paths of the provider, below that of its issuer.
func (p *IDP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Body != nil { // nil in a request that no server has received
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "malformed request", http.StatusBadRequest)
		return
	}
	p.record(r)
	p.handler.ServeHTTP(w, r)
}

// IDPRequest is a request that the provider has received.
type IDPRequest struct {
	Method string
	Path   string      // below the path of the issuer, such as "/token"
	Query  url.Values  // of the URL
	Form   url.Values  // of the body, including passwords and secrets
	Header http.Header // including Authorization and cookies
}

// record adds r to the recorded requests.
func (p *IDP) record(r *http.Request) {
	if !p.cfg.RecordRequests {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.received = append(p.received, IDPRequest{
		Method: r.Method,
		Path:   strings.TrimPrefix(r.URL.Path, p.base),
		Query:  r.URL.Query(),
		Form:   r.PostForm,
		Header: r.Header.Clone(),
	})
}

// Requests returns the recorded requests for these paths, by default for all paths, the
// oldest first:
//
//	idp.Requests("/token")[0].Form.Get("code_verifier")
//
// A provider of [NewIDP] records requests only with RecordRequests. Requests below
// "/moved" are of a client that follows redirects, requests below "/attacker" of a
// client that uses the keys in the header of an ID token.
func (p *IDP) Requests(paths ...string) []IDPRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []IDPRequest
	for _, r := range p.received {
		if len(paths) == 0 || slices.Contains(paths, r.Path) {
			found = append(found, r)
		}
	}
	return found
}

// discovery serves the provider's metadata (OpenID Connect Discovery §4.2).
func (p *IDP) discovery(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	alg := p.key.method.Alg()
	p.mu.Unlock()

	metadata := map[string]any{
		"issuer":                                           p.cfg.Issuer,
		"authorization_endpoint":                           p.url(authorizePath),
		"token_endpoint":                                   p.url(tokenPath),
		"userinfo_endpoint":                                p.url(userinfoPath),
		"jwks_uri":                                         p.url(jwksPath),
		"end_session_endpoint":                             p.url(logoutPath),
		"scopes_supported":                                 []string{"openid", "profile", "email", "offline_access"},
		"claims_supported":                                 []string{"sub", "iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "name", "preferred_username", "picture", "email", "email_verified"},
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query", "form_post"},
		"grant_types_supported":                            []string{"authorization_code", "refresh_token"},
		"subject_types_supported":                          []string{"public"},
		"prompt_values_supported":                          []string{"none", "login", "consent", "select_account"},
		"id_token_signing_alg_values_supported":            []string{alg},
		"code_challenge_methods_supported":                 []string{"S256"},
		"token_endpoint_auth_methods_supported":            p.cfg.AuthMethods,
		"token_endpoint_auth_signing_alg_values_supported": []string{"HS256", "RS256", "ES256", "EdDSA"},
		"authorization_response_iss_parameter_supported":   true,
		"backchannel_logout_supported":                     true,
		"backchannel_logout_session_supported":             true,
		"request_parameter_supported":                      false,
		"request_uri_parameter_supported":                  false,
		"claims_parameter_supported":                       false,
	}
	for _, change := range effects[onDiscovery](p) {
		change(metadata)
	}
	writeJSON(w, http.StatusOK, metadata)
}

// jwks serves the public keys (RFC 7517 §5).
func (p *IDP) jwks(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	keys := []map[string]any{p.key.jwk()}
	p.mu.Unlock()

	for _, change := range effects[onJWKS](p) {
		keys = change(p, keys)
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

// writeJSON writes v as JSON, with sorted members.
func writeJSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	if err := json.MarshalWrite(&body, v, json.Deterministic(true)); err != nil {
		http.Error(w, "authtest: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	w.Write(body.Bytes())
}
