package nuxtauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

// SessionFrom is for handlers that do not have the Auth, and for code below them.
func ExampleSessionFrom() {
	greeting := func(ctx context.Context) string { // of a package below the handlers
		if s := nuxtauth.SessionFrom[Session](ctx); s != nil {
			return "Hello, " + s.User.Name
		}
		return "Welcome"
	}

	_, r := newApp(nuxtauth.Config[Token, Session]{})
	r.GET("/", func(c *gin.Context) {
		c.String(http.StatusOK, greeting(c))
	})

	visitor := &frontEnd{app: r}
	fmt.Println(visitor.get("/"))
	// Output: 200 Welcome
}

// A test of a handler needs no sign-in and no middleware.
func ExampleWithSession() {
	handler := func(c *gin.Context) {
		s := nuxtauth.SessionFrom[Session](c)
		c.String(http.StatusOK, "Hello, %s", s.User.Name)
	}

	r := gin.New()
	r.GET("/profile", handler)
	request := httptest.NewRequest("GET", "/profile", nil)
	request = request.WithContext(nuxtauth.WithSession(request.Context(), &Session{User: User{Name: "Ada"}}))
	w := httptest.NewRecorder()
	r.ServeHTTP(w, request)
	fmt.Println(w.Code, w.Body)
	// Output: 200 Hello, Ada
}

// An alias is enough for a session without methods and without fields of its own.
func ExampleDefaultSession() {
	type User struct {
		ID   string `json:"id"`
		Role string `json:"role"`
	}
	type Session = nuxtauth.DefaultSession[User]

	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				p.Session.User = User{ID: p.Token.Subject, Role: "admin"}
				return p.Session, nil
			},
		},
	})

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(browser.get("/api/auth/session"))
	// Output: 200 {"user":{"id":"1","role":"admin"},"expires":"2026-12-31T00:00:00.000Z"}
}

// The type User of Auth.js' default session, with a role.
func ExampleDefaultUser() {
	type User struct {
		nuxtauth.DefaultUser        // filled in from the token
		Role                 string `json:"role"`
	}
	type Session = nuxtauth.DefaultSession[User]

	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				p.Session.User.Role = "admin"
				return p.Session, nil
			},
		},
	})

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{
		Subject: "1", Name: "Ada Lovelace", Email: "ada@example.com",
	}})
	fmt.Println(browser.get("/api/auth/session"))
	// Output: 200 {"user":{"name":"Ada Lovelace","email":"ada@example.com","role":"admin"},"expires":"2026-12-31T00:00:00.000Z"}
}

// A Node server with the same secret has added the claim "tenant", which the token type
// does not declare.
func ExampleDefaultJWT() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{})
	r.GET("/tenant", auth.Require(), func(c *gin.Context) {
		var node struct {
			Tenant string `json:"tenant"`
		}
		if err := json.Unmarshal(auth.Token(c).Extra, &node); err != nil {
			c.AbortWithStatus(http.StatusForbidden)
			return
		}
		c.String(http.StatusOK, node.Tenant)
	})

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{
		Subject: "1", Extra: []byte(`{"tenant":"north"}`),
	}})
	fmt.Println(browser.get("/tenant"))
	// Output: 200 north
}
