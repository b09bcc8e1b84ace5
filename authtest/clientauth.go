package authtest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/provider"
)

// assertionType is the client_assertion_type of RFC 7523 §2.2.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticateClient checks that a token request is of the provider's client, and that
// it uses exactly one method of client authentication, which the configuration allows
// (RFC 6749 §2.3, OpenID Connect Core §9). Its errors contain no secret.
func (p *IDP) authenticateClient(r *http.Request) error {
	form := r.PostForm
	if id := form.Get("client_id"); id != "" && id != p.cfg.ClientID {
		return errors.New("client_id is unknown")
	}

	_, hasHeader := r.Header["Authorization"]
	hasSecret, hasAssertion := form.Has("client_secret"), form.Has("client_assertion")
	var method provider.AuthMethod
	var err error
	switch {
	case hasHeader && (hasSecret || hasAssertion) || hasSecret && hasAssertion:
		return errors.New("the request has more than one method of client authentication")
	case hasHeader:
		method, err = provider.ClientSecretBasic, p.checkBasic(r)
	case hasSecret:
		method, err = provider.ClientSecretPost, p.checkSecret(form.Get("client_id"), form.Get("client_secret"))
	case hasAssertion:
		method, err = p.checkAssertion(form)
	case form.Get("client_id") == "":
		return errors.New("client_id is missing")
	default:
		method = provider.NoClientAuth
	}
	if err != nil {
		return err
	}
	if !slices.Contains(p.cfg.AuthMethods, method) {
		return fmt.Errorf("the method %q is not allowed", method)
	}
	return nil
}

// checkBasic checks an Authorization header, in which ID and secret are form-encoded (RFC
// 6749 §2.3.1).
func (p *IDP) checkBasic(r *http.Request) error {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return errors.New("the Authorization header is not that of HTTP Basic")
	}
	id, idErr := url.QueryUnescape(id)
	secret, secretErr := url.QueryUnescape(secret)
	if idErr != nil || secretErr != nil {
		return errors.New("the client's ID or secret is not form-encoded")
	}
	return p.checkSecret(id, secret)
}

func (p *IDP) checkSecret(id, secret string) error {
	if id != p.cfg.ClientID || !equal(secret, p.cfg.ClientSecret) {
		return errors.New("the client's ID or secret is wrong")
	}
	return nil
}

// checkAssertion checks a signed client assertion (RFC 7523 §3), and returns its method,
// which depends on the algorithm.
func (p *IDP) checkAssertion(form url.Values) (provider.AuthMethod, error) {
	if form.Get("client_assertion_type") != assertionType {
		return "", errors.New("client_assertion_type is unknown")
	}

	method := provider.PrivateKeyJWT
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(form.Get("client_assertion"), &claims,
		func(t *jwt.Token) (any, error) {
			if t.Method == jwt.SigningMethodHS256 {
				method = provider.ClientSecretJWT
				return []byte(p.cfg.ClientSecret), nil
			}
			return p.cfg.ClientKey, nil
		},
		jwt.WithValidMethods(p.assertionAlgorithms()),
		jwt.WithIssuer(p.cfg.ClientID),
		jwt.WithSubject(p.cfg.ClientID),
		jwt.WithAudience(p.cfg.Issuer, p.url(tokenPath)),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(p.cfg.Now),
	)
	if err != nil {
		return "", fmt.Errorf("client_assertion: %w", err)
	}
	if claims.ID == "" {
		return "", errors.New("client_assertion: jti is missing")
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for id, expires := range p.assertions {
		if now.After(expires) {
			delete(p.assertions, id)
		}
	}
	if _, used := p.assertions[claims.ID]; used {
		return "", errors.New("client_assertion: jti was used before")
	}
	p.assertions[claims.ID] = claims.ExpiresAt.Time
	return method, nil
}

// assertionAlgorithms returns the algorithms of client assertions: HS256 and, with a
// ClientKey, that of the key.
func (p *IDP) assertionAlgorithms() []string {
	switch p.cfg.ClientKey.(type) {
	case *rsa.PublicKey:
		return []string{"HS256", "RS256"}
	case *ecdsa.PublicKey:
		return []string{"HS256", "ES256"}
	case ed25519.PublicKey:
		return []string{"HS256", "EdDSA"}
	default:
		return []string{"HS256"}
	}
}
