package provider

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// appleIssuer is Apple's issuer, and the audience of a client secret.
const appleIssuer = "https://appleid.apple.com"

// Apple returns the provider of Apple accounts. Its client secret is a JWT that is
// valid for at most six months: set one as ClientSecret, or set ClientSecretFunc to
// the result of [AppleSecret].
//
// The authorization response is a cross-site form post, so that the callback works
// over https alone. It contains the name of the user once, at the first consent; at
// later sign-ins the name is the e-mail address.
func Apple(change ...func(*Provider)) Provider {
	return build(Provider{
		ID:           "apple",
		Name:         "Apple",
		Type:         TypeOIDC,
		Issuer:       appleIssuer,
		AuthMethod:   ClientSecretPost,
		Scopes:       []string{"name", "email"},
		ResponseMode: "form_post",
		Profile:      appleProfile,
		Style:        Style{Brand: "#000"},

		VerifiesEmail: true,
	}, change)
}

// appleProfile takes the name from the form of the first consent, and nothing else:
// the form comes from the browser, unsigned.
func appleProfile(ctx context.Context, r ProfileRequest) (*User, error) {
	user, err := bareMembers.profile(ctx, r)
	if err != nil {
		return nil, err
	}
	var form struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	// A malformed member counts as absent.
	if json.Unmarshal([]byte(r.Params.Get("user")), &form) == nil {
		if name := strings.TrimSpace(form.Name.First + " " + form.Name.Last); name != "" {
			user.Name = name
		}
	}
	if user.Name == "" {
		user.Name = user.Email
	}
	return user, user.Normalize()
}

const (
	appleSecretLifetime = time.Hour
	appleSecretMargin   = 5 * time.Minute // before its expiry a secret is replaced
)

// AppleKey is a key for "Sign in with Apple" of Apple's developer site. All fields
// but Now are required.
type AppleKey struct {
	TeamID     string // the ten characters of the developer team
	KeyID      string // the ten characters of the key
	ClientID   string // the Services ID; the same as the provider's ClientID
	PrivateKey []byte // the content of the .p8 file

	Now func() time.Time // nil means time.Now
}

// AppleSecret returns a Provider.ClientSecretFunc that signs client secrets with key
// (ES256). A secret is valid for an hour and is reused until five minutes before its
// expiry. The function is safe for concurrent use. The error lists all fields of key
// that are missing or malformed.
func AppleSecret(key AppleKey) (func(context.Context) (string, error), error) {
	var problems []error
	for _, field := range []struct{ name, value string }{
		{"TeamID", key.TeamID}, {"KeyID", key.KeyID}, {"ClientID", key.ClientID},
	} {
		if field.value == "" {
			problems = append(problems, fmt.Errorf("provider: AppleKey.%s is empty", field.name))
		}
	}
	private, err := jwt.ParseECPrivateKeyFromPEM(key.PrivateKey)
	if err != nil {
		problems = append(problems, fmt.Errorf("provider: AppleKey.PrivateKey is not the content of a .p8 file: %w", err))
	} else if private.Curve != elliptic.P256() {
		problems = append(problems, errors.New("provider: AppleKey.PrivateKey is not a P-256 key"))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if key.Now == nil {
		key.Now = time.Now
	}
	s := &appleSigner{key: key, private: private}
	return s.clientSecret, nil
}

// appleSigner signs client secrets and caches the current one.
type appleSigner struct {
	key     AppleKey
	private *ecdsa.PrivateKey

	mu      sync.Mutex
	secret  string
	renewAt time.Time
}

func (s *appleSigner) clientSecret(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	now := s.key.Now()
	if s.secret != "" && now.Before(s.renewAt) {
		return s.secret, nil
	}
	expires := now.Add(appleSecretLifetime)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": s.key.TeamID,
		"sub": s.key.ClientID,
		"aud": appleIssuer,
		"iat": now.Unix(),
		"exp": expires.Unix(),
	})
	token.Header["kid"] = s.key.KeyID
	secret, err := token.SignedString(s.private)
	if err != nil {
		return "", fmt.Errorf("provider: sign Apple's client secret: %w", err)
	}
	s.secret, s.renewAt = secret, expires.Add(-appleSecretMargin)
	return secret, nil
}
