package authtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
)

// The message of a sign-in that failed says where the application led the browser.
func TestSignInClient_Fails(t *testing.T) {
	idp := fastProvider(t)
	server, _ := startApp(idp.AsProvider("test"))
	signInURL := server.URL + "/api/auth/signin/test"
	if reason := fatal(func() { idp.SignInClient(exampleTB(t), server.Client(), signInURL, "alice") }); reason != "" {
		t.Errorf("a sign-in failed: %s", reason)
	}
	idp.SetFaults(hostile.TokenServerError)
	if reason := fatal(func() { idp.SignInClient(exampleTB(t), server.Client(), signInURL, "bob") }); !strings.Contains(reason, `"bob" is not signed in`) || !strings.Contains(reason, "error=OAuthCallback") {
		t.Errorf("the message is %q", reason)
	}
}

func TestCSRFToken_NeedsAJar(t *testing.T) {
	server, _ := startApp()
	if reason := fatal(func() { authtest.CSRFToken(exampleTB(t), server.Client(), server.URL+"/api/auth") }); !strings.Contains(reason, "cookie jar") {
		t.Errorf("the message is %q", reason)
	}
	client := newClient()
	first := authtest.CSRFToken(t, client, server.URL+"/api/auth")
	if again := authtest.CSRFToken(t, client, server.URL+"/api/auth/"); first == "" || again != first {
		t.Errorf("the tokens of one browser are %q and %q", first, again)
	}
}

// exampleTB returns what panics where t would fail.
func exampleTB(*testing.T) testing.TB { return &exampleT{} }

// fatal returns the message with which f failed its test, "" if it did not.
func fatal(f func()) (message string) {
	defer func() {
		if reason := recover(); reason != nil {
			message = fmt.Sprint(reason)
		}
	}()
	f()
	return ""
}
