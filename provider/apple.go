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

// Apple signs people in with an Apple account. Its client secret is a token
// that lives at most six months: give one as ClientSecret, or let [AppleSecret]
// mint them.
//
// Apple answers with a form post from its own site, so the callback works over
// https only. It tells the name once, when the user first consents; afterwards
// the name is the e-mail address.
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
	}, change)
}

// appleProfile takes the name from the form of the first consent. Only the name:
// the form comes through the browser, unsigned.
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
	// A form that can't be read is a form without a name.
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

// How long a minted client secret lives, and how long before that it is
// replaced, so that no request starts with one that ends under way.
const (
	appleSecretLifetime = time.Hour
	appleSecretMargin   = 5 * time.Minute
)

// An AppleKey is what Apple's developer site gives for "Sign in with Apple".
// All fields but Now are required.
type AppleKey struct {
	TeamID     string // the ten characters of the developer team
	KeyID      string // the ten characters of the key
	ClientID   string // the Services ID; the same as the provider's ClientID
	PrivateKey []byte // the content of the .p8 file

	Now func() time.Time // nil means time.Now
}

// AppleSecret returns a Provider.ClientSecretFunc that signs client secrets with key
// (ES256). A secret lives for an hour and is used again until shortly before
// its end. An error says which part of key is missing or unreadable.
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
	m := &appleMinter{key: key, private: private}
	return m.mint, nil
}

// An appleMinter keeps the client secret that is in use.
type appleMinter struct {
	key     AppleKey
	private *ecdsa.PrivateKey

	mu      sync.Mutex
	secret  string
	renewAt time.Time
}

func (m *appleMinter) mint(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	now := m.key.Now()
	if m.secret != "" && now.Before(m.renewAt) {
		return m.secret, nil
	}
	expires := now.Add(appleSecretLifetime)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": m.key.TeamID,
		"sub": m.key.ClientID,
		"aud": appleIssuer,
		"iat": now.Unix(),
		"exp": expires.Unix(),
	})
	token.Header["kid"] = m.key.KeyID
	secret, err := token.SignedString(m.private)
	if err != nil {
		return "", fmt.Errorf("provider: sign Apple's client secret: %w", err)
	}
	m.secret, m.renewAt = secret, expires.Add(-appleSecretMargin)
	return secret, nil
}
