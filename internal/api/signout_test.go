package api_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/store"
)

func TestSignOut_CompletesWhenClientLeaves(t *testing.T) {
	for name, call := range map[string]string{"memory": "DeleteSession", "deny-list": "Mark"} {
		t.Run(name, func(t *testing.T) {
			s := apptest.NewStore()
			a := apptest.New(t, map[string]func(*apptest.Config){"memory": s.Use, "deny-list": s.UseAsDenyList}[name])
			a.SignIn()
			leave, answer := a.Cancelable("POST", "/api/auth/signout", "csrfToken="+a.CSRF())
			s.RunBefore(call, leave)
			answer()
			if a.Session() != nil {
				t.Error("the session goes on")
			}
		})
	}
}

func TestSignOut_EndsUnreadableRecord(t *testing.T) {
	s := apptest.NewStore()
	a := apptest.New(t, s.Use)
	a.SignIn()
	handle := a.Cookie(apptest.SessionCookie)
	r, err := s.Memory.FindSession(t.Context(), handle)
	if err != nil {
		t.Fatal(err)
	}
	good := r.Claims
	r.Claims = []byte(strings.Replace(string(good), `"name":"Ada Lovelace"`, `"name":7`, 1)) // of a newer release, say
	if _, err := s.Memory.ReplaceSession(t.Context(), handle, r); err != nil {
		t.Fatal(err)
	}
	a.SignOut()
	if _, err := s.Memory.FindSession(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the sign-out the store still has it: %v", err)
	}
}
