package authtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The types of the application in the examples.
type (
	Token struct {
		nuxtauth.DefaultJWT
		Role string `json:"role,omitzero"`
	}
	User struct {
		Name string `json:"name"`
		Role string `json:"role"`
	}
	Session = nuxtauth.DefaultSession[User]
)

// A sign-in through an application with nuxtauth. In a test, t is the *testing.T.
func ExampleStartIDP() {
	idp := authtest.StartIDP(t)

	router := gin.New()
	server := httptest.NewUnstartedServer(router)
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret:    "a-secret-of-at-least-32-characters",
		URL:       "http://" + server.Listener.Addr().String(),
		Providers: []provider.Provider{idp.AsProvider("test")},
	})
	if err != nil {
		t.Fatal(err)
	}
	router.Use(auth.Middleware())
	router.GET("/", func(c *gin.Context) {
		c.String(http.StatusOK, "Hello, %s", auth.Session(c).User.Name)
	})
	server.Start()
	t.Cleanup(server.Close)

	client := server.Client()
	client.Jar, err = cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	authorizationURL := authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test")
	res, err := client.Do(idp.SignIn(t, authorizationURL, "alice"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	fmt.Println(string(body), err)

	// Output: Hello, Alice Liddell <nil>
}
