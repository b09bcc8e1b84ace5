package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/password"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// userStore stores users, their accounts at providers, and the links of mails.
type userStore interface {
	store.Accounts
	store.Links
}

// members are the users of the application. It decides on their passwords: the library does
// not.
type members struct {
	userStore
	hasher *password.Hasher
}

// newMembers returns the users in the store of the sessions, if that can store users, and
// otherwise in the memory of this process. The users of the demo are among them.
func newMembers(ctx context.Context, sessions nuxtauth.SessionConfig) (*members, error) {
	hasher, err := password.New(hashCosts)
	if err != nil {
		return nil, err
	}
	users, ok := store.As[userStore](sessions.Store)
	if !ok {
		users, ok = store.As[userStore](sessions.DenyList)
	}
	if !ok {
		users = store.NewMemory(store.MemoryOptions{})
	}
	m := &members{users, hasher}
	if err := m.seed(ctx); err != nil {
		return nil, fmt.Errorf("the users of the demo can't be stored: %w", err)
	}
	return m, nil
}

// hashCosts are the least that OWASP recommends, for a small server.
var hashCosts = password.Options{MemoryKiB: 19 * 1024, Iterations: 2}

// demoAccount is a user of the demo.
type demoAccount struct {
	Username, Password string
	User               User
	hash               string // of Password
}

func (d demoAccount) email() string { return d.Username + "@example.com" }

func demoAccounts(avatars string) []demoAccount {
	return []demoAccount{
		{"ada", "lovelace", User{"Ada Lovelace", avatars + "ada.svg", Admin},
			"$argon2id$v=19$m=19456,t=2,p=4$JNvU5VUqL11P63qJe6vucw$GET8h58WlmbVf3vh+k0Bqtx/upA2nLvI6AZsQixACY0"},
		{"grace", "hopper", User{"Grace Hopper", avatars + "grace.svg", Manager},
			"$argon2id$v=19$m=19456,t=2,p=4$7YOd41zfTFUlHt1A2CVF8w$2ZJcrLxBKNZSgDIS1xtyigPBYeXj4FZWm1JIKaDTtds"},
		{"alan", "turing", User{"Alan Turing", avatars + "alan.svg", Member},
			"$argon2id$v=19$m=19456,t=2,p=4$lRmZUxtuHPQ5sG6VfcEsKg$PPy5acAX73k6kPIjfyh3wuBZJhTKtLwEjV/7+UYR5Y4"},
	}
}

// seed stores the users of the demo that are missing. Their user name is their ID, so that
// several processes make the same users. An address or an account that another user has by
// now stays there.
func (m *members) seed(ctx context.Context) error {
	for _, d := range demoAccounts("") {
		switch found, err := m.has(ctx, d.Username); {
		case err != nil:
			return err
		case found:
			continue
		}
		now := time.Now()
		u := &store.User{
			ID: d.Username, Name: d.User.Name, Email: d.email(), EmailVerified: now, FirstSignIn: now, PasswordHash: d.hash,
		}
		a := &store.Account{
			AccountKey: store.AccountKey{Provider: "demo", ProviderAccountID: d.Username}, Type: string(provider.TypeOIDC), Email: d.email(),
		}
		err := m.CreateUser(ctx, u, a)
		if err == nil || errors.Is(err, store.ErrEmailTaken) || errors.Is(err, store.ErrAccountTaken) {
			continue
		}
		if found, _ := m.has(ctx, d.Username); !found { // made by another process
			return err
		}
	}
	return nil
}

func (m *members) has(ctx context.Context, id string) (bool, error) {
	_, err := m.FindUser(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// passwords returns the provider for sign-in with a password.
func passwords(m *members) provider.Provider {
	p := provider.Credentials(
		func(ctx context.Context, form url.Values) (*nuxtauth.User, error) {
			return m.signIn(ctx, form.Get("username"), form.Get("password"))
		},
		provider.Field{Name: "username", Label: "Email or username"},
		provider.Field{Name: "password"},
	)
	p.Name = "password"
	return p
}

// signIn returns the user with a password, and nil if it is wrong. An unknown name takes the
// same time.
func (m *members) signIn(ctx context.Context, name, typed string) (*nuxtauth.User, error) {
	user, err := m.find(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		user, err = new(store.User), nil // without a password
	}
	if err != nil {
		return nil, err
	}
	ok, rehash, err := m.hasher.Verify(ctx, user.PasswordHash, typed)
	if err != nil || !ok {
		return nil, err
	}
	if rehash {
		m.rehash(ctx, user, typed)
	}
	return &nuxtauth.User{ID: user.ID}, nil
}

// find returns the user with an e-mail address, or the one of the demo with a user name.
func (m *members) find(ctx context.Context, name string) (*store.User, error) {
	if !strings.Contains(name, "@") {
		return m.FindUser(ctx, name)
	}
	email, err := mail.NormalizeAddress(name)
	if err != nil {
		return nil, store.ErrNotFound
	}
	return m.FindUserByEmail(ctx, email)
}

// rehash replaces a hash of an older system or of lower costs, unless the password was
// changed since. A fault is no fault of the sign-in: the next one tries it again.
func (m *members) rehash(ctx context.Context, user *store.User, typed string) {
	hash, err := m.hasher.Hash(ctx, typed)
	if err != nil {
		return
	}
	old := user.PasswordHash
	_, _ = m.UpdateUser(ctx, user.ID, func(u *store.User) error {
		if u.PasswordHash == old {
			u.PasswordHash = hash
		}
		return nil
	})
}
