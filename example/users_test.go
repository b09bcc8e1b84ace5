package main

import (
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/store"
)

func TestRestart_KeepsSessions(t *testing.T) {
	shared := store.NewMemory(store.MemoryOptions{})
	for name, sessions := range map[string]store.Sessions{"in cookies": nil, "in a store": shared} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{}
			if sessions != nil {
				env = inMemory
			}
			first, second := startWith(t, env, sessions), startWith(t, env, sessions)
			for _, p := range accounts {
				b := newBrowser(t, first)
				b.signInWithDemoID(p.username, p.password)
				b.site = second // cookies do not depend on the port
				if user := b.session().User; user.Name != p.name || string(user.Role) != p.role {
					t.Errorf("after a restart, %s has the user %+v", p.username, user)
				}
			}

			b := newBrowser(t, first)
			b.signIn("ada", "lovelace")
			env = map[string]string{"AUTH_SECRET": "another secret of at least thirty-two characters"}
			if sessions != nil {
				env["SESSIONS"] = "memory"
			}
			b.site = startWith(t, env, sessions)
			b.expectName("")
		})
	}
}

func TestUserAPI_ForgedSessionToken(t *testing.T) {
	ctx := t.Context()
	users, other := NewUserAPI("/avatars/", testSecret), NewUserAPI("/avatars/", "another "+testSecret)
	in, err := users.Open(ctx, "alan", "")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Open(ctx, "ada", "")
	if err != nil {
		t.Fatal(err)
	}
	if user, err := NewUserAPI("/avatars/", testSecret).User(ctx, in.SessionToken); err != nil || user.Name != "Alan Turing" {
		t.Errorf("another process with the same secret: %+v, %v", user, err)
	}
	for _, bad := range []string{
		"", ".", "..", "ada", "ada.x", "ada.x.", "ada..", in.SessionToken + ".", "." + in.SessionToken, foreign.SessionToken,
		strings.Replace(in.SessionToken, "alan", "ada", 1), in.SessionToken[:len(in.SessionToken)-1], strings.ToLower(in.SessionToken),
	} {
		if user, err := users.User(ctx, bad); err != ErrNoSession {
			t.Errorf("the token %q is of %+v, %v", bad, user, err)
		}
	}

	guest, err := users.Open(ctx, "a.b@example.com", "Mona")
	if err != nil {
		t.Fatal(err)
	}
	if user, err := users.User(ctx, guest.SessionToken); err != nil || user.Name != "Mona" {
		t.Errorf("a user with dots in the ID: %+v, %v", user, err)
	}
	again, err := users.Open(ctx, "a.b@example.com", "Lisa")
	if err != nil || again.Name != "Mona" {
		t.Errorf("a second sign-in has the name %q: %v", again.Name, err)
	}
	if err := users.Remove(ctx, "a.b@example.com"); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{guest.SessionToken, again.SessionToken} {
		if user, err := users.User(ctx, token); err != ErrNoSession {
			t.Errorf("a user who was removed: %+v, %v", user, err)
		}
	}
	if err := users.Expire(ctx, in.SessionToken); err != nil {
		t.Fatal(err)
	}
	if _, err := users.User(ctx, in.SessionToken); err != ErrNoSession {
		t.Errorf("a session that has ended: %v", err)
	}
}
