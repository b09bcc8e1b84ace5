package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Errors of the user API.
var (
	ErrNoSession = errors.New("user API: the session is unknown or has ended")
	ErrForbidden = errors.New("user API: only admins may do this")
	ErrName      = errors.New("user API: a name has 1 to 60 visible characters")
)

// UserAPI is a user service. In another application its methods would be calls over the
// network, so that each has a context and may fail. It knows users by their ID in the store
// of users, and has what that has not: names, avatars, roles, and session tokens, which
// identify the user in later calls.
//
// There is no database. Session tokens are signed, so that those of the demo accounts are
// valid after a restart, and in a second process with the same secret. All other data are
// in the memory of one process: new names, ended sessions, and the profiles of users who are
// not of the demo.
type UserAPI struct {
	avatars string // URL of the folder with the avatars
	key     []byte // signs session tokens

	mu       sync.Mutex
	profiles []*profile      // in the order of their creation
	ended    map[string]bool // by session token
}

// profile is what the user API knows of a user.
type profile struct {
	id   string
	user User
}

// SignedIn is the result of a sign-in.
type SignedIn struct {
	Name         string
	SessionToken string
}

// NewUserAPI returns a user API with the profiles of the demo accounts. User APIs with the
// same secret accept each other's session tokens.
func NewUserAPI(avatars, secret string) *UserAPI {
	api := &UserAPI{
		avatars: avatars,
		key:     sign([]byte(secret), "session tokens of the user API"), // the secret itself seals cookies
		ended:   map[string]bool{},
	}
	for _, d := range demoAccounts(avatars) {
		api.profiles = append(api.profiles, &profile{d.Username, d.User})
	}
	return api
}

// Open starts a session of the user with an ID, whom the caller has identified. The first
// one makes a profile with this name.
func (api *UserAPI) Open(_ context.Context, id, name string) (SignedIn, error) {
	api.mu.Lock()
	defer api.mu.Unlock()
	i := api.index(id)
	if i < 0 {
		p := &profile{id, User{name, api.avatars + "guest.svg", Member}}
		if name == "" {
			p.user.Name = "Guest"
		}
		i, api.profiles = len(api.profiles), append(api.profiles, p)
	}
	return api.open(api.profiles[i]), nil
}

// Remove removes the profile of a user, which ends all sessions. An unknown ID is no error.
func (api *UserAPI) Remove(_ context.Context, id string) error {
	api.mu.Lock()
	defer api.mu.Unlock()
	if i := api.index(id); i >= 0 {
		api.profiles = slices.Delete(api.profiles, i, i+1)
	}
	return nil
}

// index returns the place of a profile, -1 if there is none.
func (api *UserAPI) index(id string) int {
	return slices.IndexFunc(api.profiles, func(p *profile) bool { return p.id == id })
}

// open starts a session. Its token consists of the user's ID, a random value and a
// signature of both, separated by dots.
func (api *UserAPI) open(p *profile) SignedIn {
	session := p.id + "." + rand.Text()
	token := session + "." + api.signature(session)
	return SignedIn{Name: p.user.Name, SessionToken: token}
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
	p, err := api.caller(sessionToken)
	if err != nil {
		return User{}, err
	}
	return p.user, nil
}

// Users returns all users. The error is ErrForbidden unless the caller is an admin.
func (api *UserAPI) Users(_ context.Context, sessionToken string) ([]User, error) {
	api.mu.Lock()
	defer api.mu.Unlock()
	p, err := api.caller(sessionToken)
	if err != nil {
		return nil, err
	}
	if p.user.Role != Admin {
		return nil, ErrForbidden
	}
	users := make([]User, 0, len(api.profiles))
	for _, p := range api.profiles {
		users = append(users, p.user)
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
	p, err := api.caller(sessionToken)
	if err != nil {
		return "", err
	}
	p.user.Name = name
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

// caller returns the profile of a session's user.
func (api *UserAPI) caller(sessionToken string) (*profile, error) {
	session, signature := cutLast(sessionToken)
	if !hmac.Equal([]byte(signature), []byte(api.signature(session))) || api.ended[sessionToken] {
		return nil, ErrNoSession
	}
	id, _ := cutLast(session)
	if i := api.index(id); i >= 0 {
		return api.profiles[i], nil
	}
	return nil, ErrNoSession // of a profile in the memory of another process
}

// cutLast cuts s at its last dot, since an ID may contain dots. Without a dot
// both parts are empty.
func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", ""
	}
	return s[:i], s[i+1:]
}
