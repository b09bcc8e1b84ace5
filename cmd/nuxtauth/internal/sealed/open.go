package sealed

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nuxtauth/nuxtauth/token"
)

// A Protocol is how a session is sealed, by the library that does it.
type Protocol string

// The protocols.
const (
	NextAuth Protocol = "next-auth" // next-auth v4
	AuthJS   Protocol = "authjs"    // Auth.js v5
	Signed   Protocol = "signed"    // a signed JWT, of token.NewSigned
)

// String returns the name of the library.
func (p Protocol) String() string {
	switch p {
	case NextAuth:
		return "next-auth v4"
	case AuthJS:
		return "Auth.js v5"
	case Signed:
		return "a signed JWT"
	}
	return string(p)
}

// A Secret is one of the secrets that may open a token.
type Secret struct {
	Name string // where it comes from, such as "AUTH_SECRET"
	Text string
}

// Opened is a token that was opened.
type Opened struct {
	Claims   []byte // as [token.Codec] returns them
	Protocol Protocol
	Secret   string // the name of the secret
	Cookie   string // the name of the cookie for which it was sealed, "" if it is for any
}

// ErrNoSecret is the error of [Open] for a token that only a secret opens, if there is
// none.
var ErrNoSecret = errors.New("there is no secret")

// Open opens the token of a value with one of the secrets. want is the protocol of the
// server, "" for any. The error says what is wrong with the token, and never has a secret
// in it. It does not check the claims.
func Open(ctx context.Context, v Value, want Protocol, secrets []Secret) (*Opened, error) {
	if v.Err != nil {
		return nil, v.Err
	}
	p, err := protocolOf(v.Text)
	if err != nil {
		return nil, err
	}
	if p == Signed {
		return openSigned(ctx, v, secrets)
	}
	if want != "" && p != want {
		return nil, fmt.Errorf("the token was sealed by %s, and the server has the protocol of %s: it refuses the token. Set Config.Protocol to that of the front end", p, want)
	}
	if len(secrets) == 0 {
		return nil, ErrNoSecret
	}
	for _, salt := range salts(p, v.Name) {
		for _, s := range secrets {
			codec, err := newCodec(p, salt, s.Text)
			if err != nil {
				return nil, err
			}
			claims, err := codec.Open(ctx, v.Text)
			if err != nil {
				continue
			}
			if err := checkSalt(p, salt, v.Name); err != nil {
				return nil, err
			}
			return &Opened{claims, p, s.Name, salt}, nil
		}
	}
	return nil, whyNot(ctx, p, v, secrets)
}

// checkSalt returns an error if a token was sealed for another cookie than that in which
// it is.
func checkSalt(p Protocol, salt, name string) error {
	switch {
	case p == NextAuth && salt == "", p == AuthJS && salt == name, p == AuthJS && name == "" && !isCheckCookie(salt):
		return nil
	case isCheckCookie(salt):
		return fmt.Errorf("it is no session: it is the cookie %s, of a sign-in under way", salt)
	case p == NextAuth:
		return fmt.Errorf("it was sealed for the cookie %s alone, and not as a session: next-auth v4 seals sessions for no cookie", salt)
	}
	return fmt.Errorf("it was sealed for a cookie with the name %s, and this one has the name %s: Auth.js v5 makes the key from the secret and the name. The cookie was renamed or copied, for instance between http and https: sign in again", salt, name)
}

// salts returns the names of cookies for which a token may have been sealed, those for
// which it should have been first.
func salts(p Protocol, name string) []string {
	var all []string
	add := func(more ...string) {
		for _, s := range more {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	prefixes := []string{"authjs", "next-auth"}
	if p == NextAuth {
		add("")
	}
	if name != "" {
		bare := strings.TrimPrefix(strings.TrimPrefix(name, "__Secure-"), "__Host-")
		add(name, bare, "__Secure-"+bare, "__Host-"+bare)
		if prefix, ok := strings.CutSuffix(bare, suffix); ok {
			prefixes = append([]string{prefix}, prefixes...)
		}
	}
	for _, end := range []string{suffix, ".state", ".pkce.code_verifier", ".nonce"} {
		for _, prefix := range prefixes {
			add(prefix+end, "__Secure-"+prefix+end, "__Host-"+prefix+end)
		}
	}
	return all
}

func newCodec(p Protocol, salt, secret string) (token.Codec, error) {
	if p == AuthJS {
		return token.NewAuthJS(salt, secret)
	}
	return token.NewNextAuth(salt, secret)
}

// header is what is read of the header of a token.
type header struct {
	Algorithm  string `json:"alg"`
	Encryption string `json:"enc"`
	KeyID      string `json:"kid"`
}

// protocolOf says by what a token was sealed, or why it is none.
func protocolOf(text string) (Protocol, error) {
	if len(text) > token.MaxSize {
		return "", fmt.Errorf("it has %d bytes, more than any token", len(text))
	}
	segments := strings.Split(text, ".")
	if len(segments) == 1 {
		return "", noToken(text)
	}
	if i := strings.IndexFunc(text, notTokenChar); i >= 0 {
		return "", fmt.Errorf("it has the character %q, which no token has: it was not copied as a whole, or is no token", []rune(text[i:])[0])
	}
	raw, err := base64.RawURLEncoding.DecodeString(segments[0])
	var h header
	if err != nil || json.Unmarshal(raw, &h) != nil || h.Algorithm == "" {
		return "", errors.New("its beginning is missing or damaged: a token begins with eyJ")
	}
	switch {
	case len(segments) == 3 && h.Encryption == "":
		return Signed, nil
	case len(segments) < 5 && h.Algorithm == "dir":
		return "", fmt.Errorf("it was cut off: it has %d of 5 parts. Copy the whole value; the last chunks may be missing too", len(segments))
	case len(segments) != 5:
		return "", fmt.Errorf("it has %d parts, and a token of a session has 5", len(segments))
	case h.Algorithm != "dir":
		return "", fmt.Errorf("it was sealed with the algorithm %q, which neither next-auth v4 nor Auth.js v5 uses: another program made it", h.Algorithm)
	case h.Encryption == "A256GCM":
		return NextAuth, nil
	case h.Encryption == "A256CBC-HS512":
		return AuthJS, nil
	}
	return "", fmt.Errorf("it was sealed with the encryption %q, which neither next-auth v4 nor Auth.js v5 uses: another program made it", h.Encryption)
}

// handleSize is the length of the handles of the stores: 256 bits.
const handleSize = 43

// noToken says what a value without a dot is.
func noToken(text string) error {
	bar := strings.IndexByte(text, '|')
	switch {
	case strings.HasPrefix(text, "eyJ"):
		return errors.New("it was cut off: only the beginning of a token is there. Copy the whole value; chunks may be missing too")
	case bar == 64 && len(text) >= 129:
		return errors.New("it is a CSRF token, and no session")
	case strings.HasPrefix(text, "http://"), strings.HasPrefix(text, "https://"):
		return errors.New("it is a URL, such as that in the cookie callback-url, and no session")
	case len(text) == handleSize && !strings.ContainsFunc(text, notTokenChar):
		return errors.New("it is the handle of a session in a store, and no token: the claims are on the server (Session.Store), and there is nothing to decode here. Auth.ListSessions lists the sessions of a user")
	case len(text) >= 16 && !strings.ContainsFunc(text, notTokenChar):
		return errors.New("it is no token, which has dots in it. It may be the handle of a session in a store: the claims are then on the server, and there is nothing to decode here")
	}
	return errors.New("it is no token, which begins with eyJ and has dots in it")
}

func notTokenChar(r rune) bool {
	return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune("-_.~", r))
}

// whyNot says why no secret opens a token whose header is well-formed.
func whyNot(ctx context.Context, p Protocol, v Value, secrets []Secret) error {
	parts := strings.Split(v.Text, ".")
	if err := checkParts(p, parts); err != nil {
		return err
	}
	if p == AuthJS && hasKey(ctx, parts[0], v.Name, secrets) {
		return errors.New("it is damaged: its key is there, and does not open it. A chunk of another token may be among the chunks, or characters were lost or changed")
	}
	names := make([]string, len(secrets))
	for i, s := range secrets {
		names[i] = s.Name
	}
	text := fmt.Sprintf("wrong secret: the token is of %s, and %s does not open it", p, names[0])
	if len(names) > 1 {
		text = fmt.Sprintf("wrong secret: the token is of %s, and none of %s opens it", p, strings.Join(names, ", "))
	}
	text += ". The server has another secret, or another application on the same host has set the cookie (Cookies.Prefix tells them apart)"
	switch {
	case p == NextAuth:
		text += "; or characters of the token were lost or changed"
	case v.Name == "":
		text += ". Auth.js v5 seals for one name of a cookie: if it is not one of the usual names, add -cookie NAME"
	}
	return errors.New(text)
}

// checkParts reports parts of a token that have not the length that they must have.
func checkParts(p Protocol, parts []string) error {
	iv, tag, block := 12, 16, 1
	if p == AuthJS {
		iv, tag, block = 16, 32, 16
	}
	sizes := make([]int, len(parts))
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil && i < len(parts)-1 {
			return fmt.Errorf("it is damaged: part %d of 5 is not in base64url", i+1)
		}
		sizes[i] = len(b)
	}
	switch {
	case sizes[1] != 0:
		return errors.New("it has an encrypted key, which tokens of sessions have not: another program made it")
	case sizes[4] < tag:
		return errors.New("it was cut off: its end is missing. Copy the whole value; the last chunks may be missing too")
	case sizes[4] > tag:
		return errors.New("it has characters after its end: they are not of the token")
	case sizes[2] != iv || sizes[3] == 0 || sizes[3]%block != 0:
		return errors.New("it is damaged: characters are missing in the middle. A chunk may be missing, or be one of another token")
	}
	return nil
}

// hasKey reports whether the header of a token names the key of one of the secrets: the
// tokens that the secret seals then have the same header.
func hasKey(ctx context.Context, encoded, name string, secrets []Secret) bool {
	for _, salt := range salts(AuthJS, name) {
		for _, s := range secrets {
			codec, err := newCodec(AuthJS, salt, s.Text)
			if err != nil {
				continue
			}
			sealed, err := codec.Seal(ctx, []byte("{}"))
			if before, _, _ := strings.Cut(sealed, "."); err == nil && before == encoded {
				return true
			}
		}
	}
	return false
}

// openSigned verifies a signed token with one of the secrets, if it was signed with one.
func openSigned(ctx context.Context, v Value, secrets []Secret) (*Opened, error) {
	segments := strings.Split(v.Text, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(segments[0])
	var h header
	_ = json.Unmarshal(raw, &h) // protocolOf has read it
	for _, s := range secrets {
		codec, err := token.NewSigned(token.SignedConfig{Secrets: []string{s.Text}})
		if err != nil {
			continue // too short for HS256
		}
		if claims, err := codec.Open(ctx, v.Text); err == nil {
			return &Opened{Claims: claims, Protocol: Signed, Secret: s.Name}, nil
		}
	}
	text := fmt.Sprintf("it is a signed token (%s%s), and not an encrypted one: that of a server with Session.Codec, or of a provider", quote(h.Algorithm), keyID(h))
	if h.Algorithm == "HS256" {
		text += ". None of the secrets has signed it"
	} else {
		text += ". The key that verifies it is not here"
	}
	claims, err := base64.RawURLEncoding.DecodeString(segments[1])
	if err != nil || !json.Valid(claims) {
		return nil, errors.New(text + ", and its claims are damaged")
	}
	return nil, &UnverifiedError{text: text, Claims: claims}
}

func keyID(h header) string {
	if h.KeyID == "" {
		return ""
	}
	return ", key ID " + quote(h.KeyID)
}

// quote quotes a text of a token. A long one is cut.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// An UnverifiedError is the error of a signed token whose signature was not verified.
type UnverifiedError struct {
	text   string
	Claims []byte // JSON, which any client may have written
}

// Error says what the token is.
func (e *UnverifiedError) Error() string { return e.text }
