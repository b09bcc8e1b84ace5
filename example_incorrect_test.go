package nuxtauth_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

// Gin runs a middleware for the routes that are added after it. Call r.Use first.
func ExampleMiddleware_incorrect() {
	r := gin.New()
	r.GET("/me", func(c *gin.Context) {
		defer func() { fmt.Println(recover()) }()
		c.JSON(http.StatusOK, nuxtauth.SessionFrom[Session](c))
	})
	r.Use(nuxtauth.Middleware(nuxtauth.Config[Token, Session]{ // too late
		Secret: secret, URL: "http://localhost:3000",
	}))

	(&frontEnd{app: r}).get("/me")
	// Output: nuxtauth: there is no session in the gin.Context: add r.Use(nuxtauth.Middleware(cfg)) before this route, and check Config.Skip
}

// Gin runs the middleware of a group for the routes of the group alone, and the API
// has none there: with group.Use the front end gets 404. Call auth.Register(group).
func ExampleAuth_Register_incorrect() {
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret: secret, URL: "http://localhost:3000", BasePath: "/app/auth",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	incorrect := gin.New()
	incorrect.Group("/app").Use(auth.Middleware())
	correct := gin.New()
	auth.Register(correct.Group("/app"))

	fmt.Println((&frontEnd{app: incorrect}).get("/app/auth/session"))
	fmt.Println((&frontEnd{app: correct}).get("/app/auth/session"))
	// Output:
	// 404 404 page not found
	// 200 {}
}

// A number without a unit is in nanoseconds. Write 3600*time.Second or time.Hour.
func ExampleSessionConfig_incorrect() {
	_, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret: secret, URL: "http://localhost:3000",
		Session: nuxtauth.SessionConfig{MaxAge: 3600},
	})
	fmt.Println(err)
	// Output: nuxtauth: Session.MaxAge is 3.6µs: write a duration with its unit, such as 3600*time.Second if the number is one of seconds, from 1m0s to 876000h0m0s, or leave it out for 30 days
}

// The defaults are embedded by value. A pointer compiles, and is nil in a new token.
func ExampleNew_incorrect() {
	type Token struct {
		*nuxtauth.DefaultJWT
		SessionToken string `json:"sessionToken,omitzero"`
	}
	_, err := nuxtauth.New(nuxtauth.Config[Token, Session]{Secret: secret, URL: "http://localhost:3000"})
	fmt.Println(err)
	// Output: nuxtauth: nuxtauth_test.Token embeds *nuxtauth.DefaultJWT by pointer: embed it by value, without the *
}

// The data of an update are from the browser. Decoded into the token, they change
// any field: decode them into a struct of those that users may change.
func ExampleUpdateData_incorrect() {
	type Token struct {
		nuxtauth.DefaultJWT
		Nickname string `json:"nickname,omitzero"`
		Role     string `json:"role,omitzero"`
	}
	type User struct {
		Nickname string `json:"nickname"`
		Role     string `json:"role"`
	}
	type Session = nuxtauth.DefaultSession[User]
	incorrect := func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
		if p.Trigger == nuxtauth.TriggerUpdate {
			if err := p.Update.Decode(p.Token); err != nil {
				return nil, nuxtauth.Unavailable(err)
			}
		}
		return p.Token, nil
	}
	correct := func(_ context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
		if p.Trigger == nuxtauth.TriggerUpdate {
			var form struct {
				Nickname string `json:"nickname"`
			}
			if err := p.Update.Decode(&form); err != nil {
				return nil, nuxtauth.Unavailable(err)
			}
			p.Token.Nickname = form.Nickname
		}
		return p.Token, nil
	}

	for _, callback := range []func(context.Context, nuxtauth.JWTParams[Token]) (*Token, error){incorrect, correct} {
		auth, r := newApp(nuxtauth.Config[Token, Session]{
			Callbacks: nuxtauth.Callbacks[Token, Session]{
				JWT: callback,
				Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
					p.Session.User = User{p.Token.Nickname, p.Token.Role}
					return p.Session, nil
				},
			},
		})
		browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, Role: "user"})
		fmt.Println(browser.post("/api/auth/session", `{"data":{"nickname":"Ada","role":"admin"}}`))
	}
	// Output:
	// 200 {"user":{"nickname":"Ada","role":"admin"},"expires":"2026-12-31T00:00:00.000Z"}
	// 200 {"user":{"nickname":"Ada","role":"user"},"expires":"2026-12-31T00:00:00.000Z"}
}

// The front end, and each script in it, reads all of the session. Secrets belong
// into the token: handlers have it as auth.Token(c), and the browser can't open it.
func ExampleSessionParams_incorrect() {
	type User struct {
		Name         string `json:"name"`
		SessionToken string `json:"sessionToken"`
	}
	type Session = nuxtauth.DefaultSession[User]
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				p.Session.User.SessionToken = p.Token.SessionToken
				return p.Session, nil
			},
		},
	})

	browser := signedIn(auth, r, &Token{
		DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada"}, SessionToken: "session-token-of-the-user-api",
	})
	fmt.Println(browser.get("/api/auth/session"))
	// Output: 200 {"user":{"name":"Ada","sessionToken":"session-token-of-the-user-api"},"expires":"2026-12-31T00:00:00.000Z"}
}
