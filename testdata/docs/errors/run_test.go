package errors

import (
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
)

func TestSignIn(t *testing.T) {
	if err := signIn(t.Context(), nuxtauth.SignInParams{User: &nuxtauth.User{Email: "ada@example.com"}}); err != nil {
		t.Error(err)
	}
	err := signIn(t.Context(), nuxtauth.SignInParams{User: &nuxtauth.User{Email: "ada@example.org"}})
	if own, ok := err.(*nuxtauth.Error); !ok || own.Code != "OtherDomain" || !strings.Contains(err.Error(), "ada@example.org") { //nolint:errorlint // it is not wrapped
		t.Errorf("got %v", err)
	}
}
