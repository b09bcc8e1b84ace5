package authtest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	codeLifetime    = 60 * time.Second
	refreshLifetime = 30 * 24 * time.Hour
)

// grant is the authorization of a user for the application. Its tokens are revoked
// together if a code or a refresh token is used twice.
type grant struct {
	user        IDPUser
	redirectURI string
	scope       string
	nonce       string
	challenge   string // code_challenge, always S256
	session     string // "sid" of the ID tokens
	authTime    time.Time
	revoked     bool
}

// has reports whether the grant includes a scope.
func (g *grant) has(scope string) bool { return slices.Contains(strings.Fields(g.scope), scope) }

// issued is an authorization code, an access token or a refresh token.
type issued struct {
	grant   *grant
	expires time.Time
	used    bool
}

// grants maps the codes, or the tokens of one kind, to their grants. IDP.mu guards
// it.
type grants map[string]*issued

// issue returns a new code or token, and removes expired ones.
func (t grants) issue(g *grant, now time.Time, lifetime time.Duration) string {
	for value, old := range t {
		if !now.Before(old.expires) {
			delete(t, value)
		}
	}
	value := rand.Text()
	t[value] = &issued{grant: g, expires: now.Add(lifetime)}
	return value
}

// find returns the grant of a code or token that is valid.
func (t grants) find(value string, now time.Time) (*grant, bool) {
	found, ok := t[value]
	if !ok || found.used || found.grant.revoked || !now.Before(found.expires) {
		return nil, false
	}
	return found.grant, true
}

// consume is find for a code or token that is valid once. The second use revokes the
// grant (RFC 6749 §4.1.2, RFC 9700 §4.14.2).
func (t grants) consume(value string, now time.Time) (*grant, bool) {
	found, ok := t[value]
	if ok && found.used {
		found.grant.revoked = true
	}
	g, ok := t.find(value, now)
	if ok {
		found.used = true
	}
	return g, ok
}

// token serves the token endpoint (RFC 6749 §3.2).
func (p *IDP) token(w http.ResponseWriter, r *http.Request) {
	if err := p.authenticateClient(r); err != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
		writeTokenError(w, http.StatusUnauthorized, "invalid_client", err.Error())
		return
	}
	switch grantType := r.PostForm.Get("grant_type"); grantType {
	case "authorization_code":
		p.exchangeCode(w, r.PostForm)
	case "refresh_token":
		p.refreshTokens(w, r.PostForm)
	default:
		writeTokenError(w, http.StatusBadRequest, "unsupported_grant_type", "grant_type is neither authorization_code nor refresh_token")
	}
}

// exchangeCode responds with the tokens for an authorization code. The code is used up
// even if the request fails.
func (p *IDP) exchangeCode(w http.ResponseWriter, form url.Values) {
	p.mu.Lock()
	g, ok := p.codes.consume(form.Get("code"), p.now())
	p.mu.Unlock()

	verifier := form.Get("code_verifier")
	switch {
	case !ok:
		writeTokenError(w, http.StatusBadRequest, "invalid_grant", "the code is unknown, expired or used")
	case form.Get("redirect_uri") != g.redirectURI:
		writeTokenError(w, http.StatusBadRequest, "invalid_grant", "redirect_uri is not that of the authorization request")
	case !isVerifier(verifier):
		writeTokenError(w, http.StatusBadRequest, "invalid_request", "code_verifier is missing or malformed")
	case !equal(challengeOf(verifier), g.challenge):
		writeTokenError(w, http.StatusBadRequest, "invalid_grant", "code_verifier does not match the code_challenge")
	default:
		p.writeTokens(w, g, false)
	}
}

// refreshTokens responds with new tokens for a refresh token, which is used up unless a
// fault keeps it valid.
func (p *IDP) refreshTokens(w http.ResponseWriter, form url.Values) {
	use := p.refresh.consume
	if len(effects[keepRefreshToken](p)) > 0 {
		use = p.refresh.find
	}
	p.mu.Lock()
	g, ok := use(form.Get("refresh_token"), p.now())
	p.mu.Unlock()

	if !ok {
		writeTokenError(w, http.StatusBadRequest, "invalid_grant", "the refresh token is unknown, expired or used")
		return
	}
	for scope := range strings.FieldsSeq(form.Get("scope")) {
		if !g.has(scope) {
			writeTokenError(w, http.StatusBadRequest, "invalid_scope", "the user has not granted that scope")
			return
		}
	}
	p.writeTokens(w, g, true)
}

// writeTokens responds with new tokens for a grant.
func (p *IDP) writeTokens(w http.ResponseWriter, g *grant, refreshed bool) {
	now, kept := p.now(), refreshed && len(effects[keepRefreshToken](p)) > 0
	p.mu.Lock()
	accessToken := p.access.issue(g, now, p.accessTokenLifetime)
	response := map[string]any{
		"access_token": accessToken,
		"token_type":   "Bearer",
		"expires_in":   int64(p.accessTokenLifetime / time.Second),
		"scope":        g.scope,
	}
	if g.has("offline_access") && !kept {
		response["refresh_token"] = p.refresh.issue(g, now, refreshLifetime)
	}
	p.mu.Unlock()

	if g.has("openid") {
		idToken, err := p.signIDToken(g, accessToken, refreshed)
		if err != nil {
			writeTokenError(w, http.StatusInternalServerError, "server_error", err.Error())
			return
		}
		response["id_token"] = idToken
	}
	for _, change := range effects[onTokens](p) {
		change(response)
	}
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, http.StatusOK, response)
}

// draft is an ID token or a logout token before it is signed. Faults change it.
type draft struct {
	header map[string]any
	claims jwt.MapClaims
	method jwt.SigningMethod
	key    any // for method

	signer    *signingKey // the provider's own
	now       time.Time
	refreshed bool                        // for a refresh token instead of a code
	rewrite   func(compact string) string // changes the signed token; nil changes nothing
}

// signIDToken returns the ID token for a grant (OpenID Connect Core §2).
func (p *IDP) signIDToken(g *grant, accessToken string, refreshed bool) (string, error) {
	for _, act := range effects[onSigning](p) {
		act(p)
	}

	signer, now := p.signer(), p.now()
	claims := jwt.MapClaims(g.user.claims(g.has))
	for _, change := range effects[onProfile](p) {
		change(claims)
	}
	claims["iss"] = p.cfg.Issuer
	claims["sub"] = g.user.Subject
	claims["aud"] = p.cfg.ClientID
	claims["azp"] = p.cfg.ClientID
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(p.cfg.TokenLifetime).Unix()
	claims["auth_time"] = g.authTime.Unix()
	claims["sid"] = g.session
	claims["at_hash"] = signer.accessTokenHash(accessToken)
	if g.nonce != "" && !refreshed { // OpenID Connect Core §12.2
		claims["nonce"] = g.nonce
	}

	token := newDraft("JWT", claims, signer, now)
	token.refreshed = refreshed
	for _, change := range effects[onIDToken](p) {
		change(p, token)
	}
	return token.sign()
}

// newDraft returns a token of a type for a key.
func newDraft(typ string, claims jwt.MapClaims, signer *signingKey, now time.Time) *draft {
	return &draft{
		header: map[string]any{"typ": typ, "alg": signer.method.Alg(), "kid": signer.id},
		claims: claims,
		method: signer.method,
		key:    signer.private,
		signer: signer,
		now:    now,
	}
}

// sign returns the signed token.
func (t *draft) sign() (string, error) {
	compact, err := (&jwt.Token{Header: t.header, Claims: t.claims, Method: t.method}).SignedString(t.key)
	if err != nil || t.rewrite == nil {
		return compact, err
	}
	return t.rewrite(compact), nil
}

// claims returns the claims of the user for the granted scopes (OpenID Connect Core
// §5.4), without "sub".
func (u IDPUser) claims(has func(scope string) bool) map[string]any {
	claims := map[string]any{}
	set := func(name, value string) {
		if value != "" {
			claims[name] = value
		}
	}
	if has("profile") {
		set("name", u.Name)
		set("preferred_username", u.Username)
		set("picture", u.Picture)
	}
	if has("email") && u.Email != "" {
		set("email", u.Email)
		claims["email_verified"] = u.EmailVerified
	}
	maps.Copy(claims, u.Claims)
	return claims
}

// userinfo serves the claims of the access token's user (OpenID Connect Core §5.3). The
// token must be in the Authorization header.
func (p *IDP) userinfo(w http.ResponseWriter, r *http.Request) {
	scheme, accessToken, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	p.mu.Lock()
	g, ok := p.access.find(accessToken, p.now())
	p.mu.Unlock()
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		writeUnauthorized(w, r)
		return
	}

	claims := g.user.claims(g.has)
	for _, change := range effects[onProfile](p) {
		change(claims)
	}
	claims["sub"] = g.user.Subject
	for _, change := range effects[onUserinfo](p) {
		change(claims)
	}
	writeJSON(w, http.StatusOK, claims)
}

// writeUnauthorized responds to an invalid access token (RFC 6750 §3).
func writeUnauthorized(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
}

// writeTokenError writes an error response of the token endpoint (RFC 6749 §5.2).
func writeTokenError(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

// isVerifier reports whether s is a code_verifier (RFC 7636 §4.1).
func isVerifier(s string) bool {
	return len(s) >= 43 && len(s) <= 128 && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~", c))
	})
}

// challengeOf returns the S256 code_challenge of a verifier (RFC 7636 §4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64URL(sum[:])
}

// equal compares secrets in constant time.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
