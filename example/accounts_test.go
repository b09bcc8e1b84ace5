package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/password"
	"github.com/nuxtauth/nuxtauth/store"
)

func newTestMembers(t *testing.T, users store.Sessions) *members {
	t.Helper()
	m, err := newMembers(t.Context(), nuxtauth.SessionConfig{Store: users})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDemoAccounts_Hashes(t *testing.T) {
	hasher, err := password.New(hashCosts)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range demoAccounts("") {
		ok, rehash, err := hasher.Verify(t.Context(), d.hash, d.Password)
		if !ok || rehash || err != nil {
			t.Errorf("%s: verified %t, to be replaced %t: %v", d.Username, ok, rehash, err)
		}
	}
}

// Processes that share a store may start at the same time, and start again later.
func TestSeed_Concurrent(t *testing.T) {
	memory := store.NewMemory(store.MemoryOptions{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { newTestMembers(t, memory) })
	}
	all.Wait()
	m := newTestMembers(t, memory)
	for _, d := range demoAccounts("") {
		u, err := m.FindUserByAccount(t.Context(), store.AccountKey{Provider: "demo", ProviderAccountID: d.Username})
		if err != nil {
			t.Fatal(err)
		}
		if u.ID != d.Username || u.Email != d.Username+"@example.com" || u.EmailVerified.IsZero() || u.FirstSignIn.IsZero() {
			t.Errorf("user %+v", u)
		}
		if list, err := m.ListAccounts(t.Context(), u.ID); len(list) != 1 || err != nil {
			t.Errorf("%s has %d accounts: %v", u.ID, len(list), err)
		}
	}
}

func TestSeed_AddressOfAnotherUser(t *testing.T) {
	memory := store.NewMemory(store.MemoryOptions{})
	other := &store.User{Email: "ada@example.com", EmailVerified: time.Now()}
	if err := memory.CreateUser(t.Context(), other, nil); err != nil {
		t.Fatal(err)
	}
	m := newTestMembers(t, memory)
	if _, err := m.FindUser(t.Context(), "ada"); err == nil {
		t.Error("ada was made beside the user with the address")
	}
	if _, err := m.FindUser(t.Context(), "alan"); err != nil {
		t.Errorf("the users after ada: %v", err)
	}
}

func TestSignIn_ByAddress(t *testing.T) {
	site := start(t, nil)
	for _, name := range []string{"ada@example.com", " Ada@Example.COM "} {
		b := newBrowser(t, site)
		b.signIn(name, "lovelace")
		b.expectUser("ada", "Ada Lovelace", "admin")
	}
	for _, wrong := range []string{"ada@example.org", "ada@", "<ada@example.com>"} {
		b := newBrowser(t, site)
		res := b.signIn(wrong, "lovelace")
		if to := res.Header.Get("Location"); !strings.Contains(to, "error=CredentialsSignin") || b.cookie() != nil {
			t.Errorf("%q: Location %q", wrong, to)
		}
	}
}

func TestSignIn_WithoutPassword(t *testing.T) {
	m := newTestMembers(t, store.NewMemory(store.MemoryOptions{}))
	if err := m.CreateUser(t.Context(), &store.User{ID: "mona", Email: "mona@example.com"}, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "mona", "mona@example.com", "@"} {
		for _, typed := range []string{"", "mona"} {
			if u, err := m.signIn(t.Context(), name, typed); u != nil || err != nil {
				t.Errorf("%q / %q is %+v: %v", name, typed, u, err)
			}
		}
	}
}

func TestSignIn_ReplacesOldHash(t *testing.T) {
	const bcrypt, typed = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"
	m := newTestMembers(t, store.NewMemory(store.MemoryOptions{}))
	if err := m.CreateUser(t.Context(), &store.User{ID: "old", PasswordHash: bcrypt}, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if u, err := m.signIn(t.Context(), "old", typed); u == nil || err != nil {
			t.Fatalf("sign-in: %+v, %v", u, err)
		}
	}
	u, err := m.FindUser(t.Context(), "old")
	if err != nil || !strings.HasPrefix(u.PasswordHash, "$argon2id$") {
		t.Errorf("the hash is %q: %v", u.PasswordHash, err)
	}
}

// A password that was changed while the old one was verified stays.
func TestRehash_KeepsNewPassword(t *testing.T) {
	m := newTestMembers(t, store.NewMemory(store.MemoryOptions{}))
	if err := m.CreateUser(t.Context(), &store.User{ID: "old", PasswordHash: "the new hash"}, nil); err != nil {
		t.Fatal(err)
	}
	m.rehash(t.Context(), &store.User{ID: "old", PasswordHash: "the old hash"}, "typed")
	if u, err := m.FindUser(t.Context(), "old"); err != nil || u.PasswordHash != "the new hash" {
		t.Errorf("the hash is %q: %v", u.PasswordHash, err)
	}
}

func TestMembers_StoreOfSessions(t *testing.T) {
	memory, marks := store.NewMemory(store.MemoryOptions{}), store.NewMemory(store.MemoryOptions{})
	for name, c := range map[string]struct {
		sessions nuxtauth.SessionConfig
		want     userStore
	}{
		"a store":     {nuxtauth.SessionConfig{Store: memory}, memory},
		"a deny-list": {nuxtauth.SessionConfig{DenyList: marks}, marks},
	} {
		m, err := newMembers(t.Context(), c.sessions)
		if err != nil || m.userStore != c.want {
			t.Errorf("%s: users in %T: %v", name, m.userStore, err)
		}
	}
	type sessionsAlone struct{ store.Sessions }
	if m := newTestMembers(t, sessionsAlone{memory}); m.userStore == memory || m.userStore == nil {
		t.Errorf("users in %T", m.userStore)
	}
}
