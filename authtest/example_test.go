package authtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/nuxtauth/nuxtauth/authtest"
)

// A test of a page for signed-in users. In an application, auth is its *nuxtauth.Auth and
// t the *testing.T of the test.
func ExampleRequest() {
	t, auth := exampleT{}, newAuth(false)
	router := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("session.0"); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "Welcome back")
	})

	token := &appToken{defaultJWT: defaultJWT{Subject: "42"}, Role: "admin"}
	w := httptest.NewRecorder()
	router.ServeHTTP(w, authtest.Request(t, auth, token, "GET", "/profile", nil))
	fmt.Println(w.Code, w.Body)

	// Output: 200 Welcome back
}

// A provider below a path of a server, for a demo.
func ExampleNewProvider() {
	idp, err := authtest.NewProvider(authtest.ProviderConfig{
		Issuer:       "http://localhost:8080/idp",
		RedirectURIs: []string{"http://localhost:8080/api/auth/callback/demo"},
		Users:        []authtest.User{{Username: "ada", Password: "lovelace", Name: "Ada Lovelace", Email: "ada@example.com"}},
		Hint:         "Sign in as ada with the password lovelace.",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/idp/", idp)

	entry := idp.AsProvider("demo") // for Config.Providers
	fmt.Println(entry.ID, entry.Type, entry.Issuer)
	// Output: demo oidc http://localhost:8080/idp
}

// exampleT replaces the *testing.T that an example does not have.
type exampleT struct{ testing.TB }

func (exampleT) Helper()                  {}
func (exampleT) Context() context.Context { return context.Background() }
