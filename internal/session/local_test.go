package session_test

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/session"
)

func TestLocal_NeedsSecret(t *testing.T) {
	if _, err := session.NewLocal(session.LocalConfig{}); err == nil {
		t.Error("no error")
	}
}
