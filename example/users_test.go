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
	in, err := users.SignIn(ctx, "alan", "turing")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.SignIn(ctx, "ada", "lovelace")
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

	guest, err := users.SignInWith(ctx, "oidc", "a.b@example.com", "Mona")
	if err != nil {
		t.Fatal(err)
	}
	if user, err := users.User(ctx, guest.SessionToken); err != nil || user.Name != "Mona" {
		t.Errorf("an account with dots in its ID: %+v, %v", user, err)
	}
	if err := users.Expire(ctx, in.SessionToken); err != nil {
		t.Fatal(err)
	}
	if _, err := users.User(ctx, in.SessionToken); err != ErrNoSession {
		t.Errorf("a session that has ended: %v", err)
	}
}
