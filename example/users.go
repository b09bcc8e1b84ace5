package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Errors of the user API.
var (
	ErrWrongPassword = errors.New("user API: wrong user name or password")
	ErrNoSession     = errors.New("user API: the session is unknown or has ended")
	ErrForbidden     = errors.New("user API: only admins may do this")
	ErrName          = errors.New("user API: a name has 1 to 60 visible characters")
)

// UserAPI is a user service. In another application its methods would be calls over the
// network, so that each has a context and may fail. A sign-in returns a session token,
// which identifies the user in later calls.
//
// There is no database. Session tokens are signed, so that those of the demo accounts are
// valid after a restart, and in a second process with the same secret. All other data are
// in the memory of one process: new names, ended sessions, and the accounts of users of
// other providers.
type UserAPI struct {
	avatars string // URL of the folder with the avatars
	key     []byte // signs session tokens

	mu       sync.Mutex
	accounts []*account // in the order of their creation
	links    map[link]*account
	ended    map[string]bool // by session token
}

// account is the account of a user.
type account struct {
	id       string
	username string            // empty for an account without a password
	password [sha256.Size]byte // a real service stores argon2id or bcrypt
	user     User
}

// link identifies a user of another provider.
type link struct{ provider, id string }

// SignedIn is the result of a sign-in.
type SignedIn struct {
	ID           string
	Name         string
	SessionToken string
}

// demoAccount is an account that exists at the start.
type demoAccount struct {
	Username, Password string
	User               User
}

func demoAccounts(avatars string) []demoAccount {
	return []demoAccount{
		{"ada", "lovelace", User{"Ada Lovelace", avatars + "ada.svg", Admin}},
		{"grace", "hopper", User{"Grace Hopper", avatars + "grace.svg", Manager}},
		{"alan", "turing", User{"Alan Turing", avatars + "alan.svg", Member}},
	}
}

// NewUserAPI returns a user API with the demo accounts, which can sign in with a password
// and with the demo provider. User APIs with the same secret accept each other's session
// tokens.
func NewUserAPI(avatars, secret string) *UserAPI {
	api := &UserAPI{
		avatars: avatars,
		key:     sign([]byte(secret), "session tokens of the user API"), // the secret itself seals cookies
		links:   map[link]*account{},
		ended:   map[string]bool{},
	}
	for _, d := range demoAccounts(avatars) {
		a := &account{id: d.Username, username: d.Username, password: sha256.Sum256([]byte(d.Password)), user: d.User}
		api.accounts = append(api.accounts, a)
		api.links[link{"demo", d.Username}] = a
	}
	return api
}

// SignIn checks a password. The error is ErrWrongPassword for an unknown name too, after
// the same time.
func (api *UserAPI) SignIn(_ context.Context, username, password string) (SignedIn, error) {
	api.mu.Lock()
	defer api.mu.Unlock()
	found := new(account) // no password has a hash of zeros
	for _, a := range api.accounts {
		if a.username != "" && a.username == username {
			found = a
		}
	}
	given := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(given[:], found.password[:]) != 1 {
		return SignedIn{}, ErrWrongPassword
	}
	return api.open(found), nil
}

// SignInWith signs in a user of a provider, and creates the account at the first sign-in.
// The provider's ID identifies the account, and never the e-mail address, which some
// providers do not verify.
func (api *UserAPI) SignInWith(_ context.Context, provider, id, name string) (SignedIn, error) {
	api.mu.Lock()
	defer api.mu.Unlock()
	key := link{provider, id}
	a, ok := api.links[key]
	if !ok {
		a = &account{id: provider + ":" + id, user: User{name, api.avatars + "guest.svg", Member}}
		if name == "" {
			a.user.Name = "Guest"
		}
		api.links[key] = a
		api.accounts = append(api.accounts, a)
	}
	return api.open(a), nil
}

// open starts a session. Its token consists of the account's ID, a random value and a
// signature of both, separated by dots.
func (api *UserAPI) open(a *account) SignedIn {
	session := a.id + "." + rand.Text()
	token := session + "." + api.signature(session)
	return SignedIn{ID: a.id, Name: a.user.Name, SessionToken: token}
}

func (api *UserAPI) signature(session string) string {
	return base64.RawURLEncoding.EncodeToString(sign(api.key, session))
}

// sign returns the HMAC-SHA256 of a message.
func sign(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// User returns the user of a session, or ErrNoSession.
func (api *UserAPI) User(_ context.Context, sessionToken string) (User, error) {
	api.mu.Lock()
	defer api.mu.Unlock()
	a, err := api.caller(sessionToken)
	if err != nil {
		return User{}, err
	}
	return a.user, nil
}

// Users returns all users. The error is ErrForbidden unless the caller is an admin.
func (api *UserAPI) Users(_ context.Context, sessionToken string) ([]User, error) {
	api.mu.Lock()
	defer api.mu.Unlock()
	a, err := api.caller(sessionToken)
	if err != nil {
		return nil, err
	}
	if a.user.Role != Admin {
		return nil, ErrForbidden
	}
	users := make([]User, 0, len(api.accounts))
	for _, a := range api.accounts {
		users = append(users, a.user)
	}
	return users, nil
}

// Rename changes the caller's name, and returns it without the spaces around it. The error
// is ErrName if the name is not valid.
func (api *UserAPI) Rename(_ context.Context, sessionToken, name string) (string, error) {
	name = strings.TrimSpace(name)
	if !validName(name) {
		return "", ErrName
	}
	api.mu.Lock()
	defer api.mu.Unlock()
	a, err := api.caller(sessionToken)
	if err != nil {
		return "", err
	}
	a.user.Name = name
	return name, nil
}

const (
	maxName      = 60       // characters
	maxNameBytes = 500      // of joined ones
	joiner       = '\u200d' // U+200D
)

// validName reports whether a name has 1 to maxName characters, one of them a letter, a
// number or a symbol. Marks, and what a joiner joins, count with the character before them:
// names in Persian and in Indic scripts have joiners, and so have emoji of several persons.
// Control characters and those that change the direction of a text are refused.
func validName(name string) bool {
	count, joined, visible := 0, false, false
	for _, r := range name {
		switch {
		case r == joiner:
			joined = true
			continue
		case unicode.Is(unicode.M, r), unicode.Is(unicode.Other_Grapheme_Extend, r):
		case unicode.IsGraphic(r):
			if !joined {
				count++
			}
			visible = visible || !unicode.IsSpace(r)
		default:
			return false
		}
		joined = false
	}
	return visible && count <= maxName && len(name) <= maxNameBytes && utf8.ValidString(name)
}

// Expire ends a session. An unknown or ended session is no error.
func (api *UserAPI) Expire(_ context.Context, sessionToken string) error {
	api.mu.Lock()
	defer api.mu.Unlock()
	if _, err := api.caller(sessionToken); err == nil {
		api.ended[sessionToken] = true
	}
	return nil
}

// caller returns the account of a session.
func (api *UserAPI) caller(sessionToken string) (*account, error) {
	session, signature := cutLast(sessionToken)
	if !hmac.Equal([]byte(signature), []byte(api.signature(session))) || api.ended[sessionToken] {
		return nil, ErrNoSession
	}
	id, _ := cutLast(session)
	for _, a := range api.accounts {
		if a.id == id {
			return a, nil
		}
	}
	return nil, ErrNoSession // of an account in the memory of another process
}

// cutLast cuts s at its last dot, since an account's ID may contain dots. Without a dot
// both parts are empty.
func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", ""
	}
	return s[:i], s[i+1:]
}
