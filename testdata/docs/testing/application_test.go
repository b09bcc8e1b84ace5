package testing

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	os.Exit(m.Run())
}

// newApplication returns the application that the tests in the document use.
func newApplication(t *testing.T, site string, providers ...provider.Provider) (*nuxtauth.Auth[Token, Session], *gin.Engine) {
	t.Helper()
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret:    "a-secret-of-at-least-32-characters",
		URL:       site,
		Providers: append(providers, provider.Credentials(checkPassword)),
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				p.Session.User = User{Name: p.Token.Name, Role: p.Token.Role}
				return p.Session, nil
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(auth.Middleware())
	r.GET("/", auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "Hello, %s", auth.Session(c).User.Name) })
	isAdmin := func(s *Session) bool { return s.User.Role == "admin" }
	r.GET("/admin", auth.Require(isAdmin), func(c *gin.Context) { c.String(http.StatusOK, "The users") })
	return auth, r
}

func checkPassword(context.Context, url.Values) (*provider.User, error) { return nil, nil }
