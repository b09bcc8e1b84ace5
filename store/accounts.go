package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The errors of an [Accounts] that callers tell apart, besides [ErrNotFound].
var (
	// ErrEmailTaken means that another user has the e-mail address.
	ErrEmailTaken = errors.New("store: the e-mail address is taken")
	// ErrAccountTaken means that the account belongs to a user already.
	ErrAccountTaken = errors.New("store: the account is taken")
	// ErrAmbiguousEmail means that several users have an e-mail address, in spellings
	// that differ in case, as tables of another system may have them. None of them can
	// be meant.
	ErrAmbiguousEmail = errors.New("store: several users have the e-mail address")
)

// Accounts stores the users of an application, and the accounts at providers by which
// they sign in. Its methods are safe for concurrent use, and each is one transaction, also
// towards other processes that share the store. They honour their context as those of
// [Sessions] do. [ErrNotFound], [ErrEmailTaken], [ErrAccountTaken], [ErrAmbiguousEmail],
// [ErrFull] and the error of a function that was passed are answers: nothing was changed.
// After any other error it is unknown whether the user exists, and a write may have been
// done: calling the method again has the same effect. A panic of a function that was passed
// reaches the caller, and nothing is changed.
//
// Strings are compared byte for byte. One that can't be stored, such as an ID with a NUL or
// of a megabyte, is not found. Times are stored in milliseconds, rounded down, and returned
// in UTC. Users and accounts are not retained: the caller, the store and the functions may
// change theirs. Methods are never added to this interface.
type Accounts interface {
	// CreateUser stores a new user and, unless a is nil, their first account. It sets
	// u.ID, to one that no user has had before, unless the caller has set it, and
	// u.CreatedAt and a.UserID and a.CreatedAt. An address of another user is
	// ErrEmailTaken, an account that exists ErrAccountTaken, also where both are true; an
	// ID of another user, and what [User.Check] and [Account.Check] report, are other
	// errors. After an error u and a are as they were.
	CreateUser(ctx context.Context, u *User, a *Account) error
	// FindUser returns the user with an ID, or ErrNotFound.
	FindUser(ctx context.Context, id string) (*User, error)
	// FindUserByEmail returns the user with an e-mail address, or ErrNotFound. An empty
	// address is another error.
	FindUserByEmail(ctx context.Context, email string) (*User, error)
	// FindUserByAccount returns the user of an account, or ErrNotFound.
	FindUserByAccount(ctx context.Context, key AccountKey) (*User, error)
	// UpdateUser calls change with the user, and stores what it has changed but for ID
	// and CreatedAt. It returns the user as it is stored then. change must have no
	// side effects: it may run more than once, each time with the latest state. Its
	// error is returned as it is, and nothing is changed then. An address of another
	// user is ErrEmailTaken, and what [User.Check] reports another error.
	UpdateUser(ctx context.Context, id string, change func(u *User) error) (*User, error)
	// VerifyEmail notes that the owner of an e-mail address has proved it at this
	// time, and returns the user. If it was not proved before, another person may
	// have made the user: PasswordHash is emptied, and all accounts but the one with
	// the key keep, which may be the zero key, are removed and returned. If the user
	// has another address by then, or the address is empty, the error is ErrConflict.
	VerifyEmail(ctx context.Context, id, email string, at time.Time, keep AccountKey) (u *User, removed []*Account, err error)
	// DeleteUser removes a user with all accounts, or returns ErrNotFound. The ID is
	// never used again.
	DeleteUser(ctx context.Context, id string) error

	// LinkAccount stores one more account of the user a.UserID and sets a.CreatedAt. It
	// returns ErrNotFound if there is no such user, and ErrAccountTaken if the account
	// exists, also if it is one of this user. After an error a is as it was.
	LinkAccount(ctx context.Context, a *Account) error
	// UnlinkAccount removes an account of a user, and returns it. Before, it calls check
	// with the user and the accounts that remain, oldest first, in the same
	// transaction; its error is returned as it is, and the account stays. Two calls at
	// once do not see the same accounts. check must have no side effects: it may run
	// more than once. An account that this user does not have is ErrNotFound.
	UnlinkAccount(ctx context.Context, userID string, key AccountKey, check func(u *User, remaining []*Account) error) (*Account, error)
	// UpdateAccount replaces an account that exists, or returns ErrNotFound. UserID and
	// CreatedAt stay as they are, whatever a says. An empty RefreshToken leaves the
	// stored one: providers send it once.
	UpdateAccount(ctx context.Context, a *Account) error
	// ListAccounts returns the accounts of a user, the oldest first. A user without
	// accounts, and one that does not exist, have none.
	ListAccounts(ctx context.Context, userID string) ([]*Account, error)
}

// A User is a user of the application, as an [Accounts] stores it. It is plain data.
type User struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	// ID names the user for good, and is the subject of the user's sessions. It is
	// never empty in a stored user.
	ID string

	Name  string
	Email string // in lower case; "" if it is not known. No two users have the same.
	Image string // URL of a picture

	// EmailVerified is when the owner of Email has last proved it, zero if never.
	EmailVerified time.Time

	// PasswordHash is for applications with passwords: the string of package password.
	// The library never reads it, and empties it in VerifyEmail.
	PasswordHash string

	// Disabled says that the user may not sign in.
	Disabled bool

	// FirstSignIn is when the user's first sign-in was complete, zero until then: the
	// user is new.
	FirstSignIn time.Time

	CreatedAt time.Time

	// Extra has the application's own data of the user, a JSON object, of which the store
	// keeps each byte. Empty means that there are none.
	Extra jsontext.Value
}

// AccountKey is what an account is found by. The zero key is that of no account.
type AccountKey struct {
	// Provider is the ID of the provider, and ProviderAccountID that of the user there.
	// Neither is empty.
	Provider          string
	ProviderAccountID string
	// Issuer is empty, but for a provider of many tenants, where it is that of the
	// user's.
	Issuer string
}

// An Account is an account at a provider by which a user signs in. It is plain data.
type Account struct {
	_ [0]func() // no == and no literal without names: a field of any type can be added

	AccountKey

	UserID string
	Type   string // of the provider: "oauth" or "oidc"

	// The tokens of the latest sign-in, as the library has sealed them; all are empty
	// unless it is to store them. ExpiresAt is in seconds since 1970, 0 if unknown.
	AccessToken, RefreshToken, IDToken string
	TokenType, Scope, SessionState     string
	ExpiresAt                          int64

	CreatedAt time.Time // when the account was linked

	// Email is the address that the provider gave, for a list that is shown to the
	// user. It does not identify the user.
	Email string
}

// The longest strings of a User and an Account, in bytes, so that every database can store
// and index them.
const (
	MaxUserID     = 191
	MaxEmail      = 254 // RFC 5321 §4.5.3.1.3
	MaxAccountKey = 256 // of each of its parts
	MaxUserText   = 256 // of a name
	maxUserLong   = 64 << 10
)

// Check reports what every store refuses: an address that is too long or not in lower
// case, strings that some databases can't store, and Extra that is no JSON object.
func (u *User) Check() error {
	if u.Email != strings.ToLower(u.Email) {
		return errors.New("store: the e-mail address of the user is not in lower case")
	}
	if err := checkTexts(text{"ID", u.ID, MaxUserID}, text{"name", u.Name, MaxUserText}, text{"e-mail address", u.Email, MaxEmail},
		text{"image", u.Image, maxUserLong}, text{"password hash", u.PasswordHash, MaxUserText}); err != nil {
		return fmt.Errorf("store: of the user %w", err)
	}
	if len(u.Extra) == 0 {
		return nil
	}
	if len(u.Extra) > maxUserLong || u.Extra.Kind() != '{' || !u.Extra.IsValid() {
		return errors.New("store: Extra of the user is no JSON object of at most 64 KB")
	}
	return nil
}

// Check reports what every store refuses: an account without a provider or an ID there, and
// strings that are too long, or that some databases can't store.
func (a *Account) Check() error {
	if a.Provider == "" || a.ProviderAccountID == "" {
		return errors.New("store: the account has no provider or no ID there")
	}
	if err := checkTexts(text{"provider", a.Provider, MaxAccountKey}, text{"ID", a.ProviderAccountID, MaxAccountKey}, text{"issuer", a.Issuer, MaxAccountKey},
		text{"type", a.Type, MaxUserText}, text{"access token", a.AccessToken, maxUserLong}, text{"refresh token", a.RefreshToken, maxUserLong},
		text{"ID token", a.IDToken, maxUserLong}, text{"token type", a.TokenType, MaxUserText}, text{"scope", a.Scope, maxUserLong},
		text{"session state", a.SessionState, maxUserLong}, text{"e-mail address", a.Email, MaxEmail}); err != nil {
		return fmt.Errorf("store: of the account %w", err)
	}
	return nil
}

// Clone returns a copy of the user.
func (u *User) Clone() *User {
	c := *u
	c.Extra = slices.Clone(u.Extra)
	return &c
}

type text struct {
	name, value string
	max         int
}

func checkTexts(all ...text) error {
	for _, t := range all {
		if len(t.value) > t.max || !utf8.ValidString(t.value) || strings.IndexByte(t.value, 0) >= 0 {
			return fmt.Errorf("the %s is longer than %d bytes, not UTF-8, or has a NUL", t.name, t.max)
		}
	}
	return nil
}
