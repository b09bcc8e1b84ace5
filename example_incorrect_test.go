package nuxtauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

// A frontEnd sends requests to an application as a browser does, with its cookies.
type frontEnd struct {
	app     http.Handler
	cookies []*http.Cookie
}

// send returns the status and the body of the answer.
func (f *frontEnd) send(method, path, body string) string {
	r := httptest.NewRequest(method, "http://localhost:3000"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, c := range f.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	f.app.ServeHTTP(w, r)
	f.cookies = append(f.cookies, w.Result().Cookies()...)
	return fmt.Sprint(w.Code, " ", w.Body)
}

// update sends data to POST /api/auth/session, as update(data) of the front end does.
func (f *frontEnd) update(data string) string {
	_, answer, _ := strings.Cut(f.send("GET", "/api/auth/csrf", ""), " ")
	var csrf struct{ CSRFToken string }
	if err := json.Unmarshal([]byte(answer), &csrf); err != nil {
		return err.Error()
	}
	return f.send("POST", "/api/auth/session", fmt.Sprintf(`{"csrfToken":%q,"data":%s}`, csrf.CSRFToken, data))
}

// midnight is the clock of the examples that print a date.
func midnight() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) }

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

	(&frontEnd{app: r}).send("GET", "/me", "")
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
	incorrect.Group("/app").Use(auth.Handler())
	correct := gin.New()
	auth.Register(correct.Group("/app"))

	fmt.Println((&frontEnd{app: incorrect}).send("GET", "/app/auth/session", ""))
	fmt.Println((&frontEnd{app: correct}).send("GET", "/app/auth/session", ""))
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
	// Output: nuxtauth: Session.MaxAge is 3.6µs: write a duration with its unit, such as 12*time.Hour, from 1s to 876000h0m0s, or leave it out for 30 days
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
func ExampleUpdate_incorrect() {
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
		auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
			Secret: secret, URL: "http://localhost:3000", Now: midnight,
			Callbacks: nuxtauth.Callbacks[Token, Session]{
				JWT: callback,
				Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
					p.Session.User = User{p.Token.Nickname, p.Token.Role}
					return p.Session, nil
				},
			},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		r := gin.New()
		r.Use(auth.Handler())
		cookies, err := auth.Issue(context.Background(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, Role: "user"})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println((&frontEnd{r, cookies}).update(`{"nickname":"Ada","role":"admin"}`))
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
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret: secret, URL: "http://localhost:3000", Now: midnight,
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				p.Session.User.SessionToken = p.Token.SessionToken
				return p.Session, nil
			},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := gin.New()
	r.Use(auth.Handler())

	cookies, err := auth.Issue(context.Background(), &Token{
		DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada"}, SessionToken: "session-token-of-the-user-api",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println((&frontEnd{r, cookies}).send("GET", "/api/auth/session", ""))
	// Output: 200 {"user":{"name":"Ada","sessionToken":"session-token-of-the-user-api"},"expires":"2026-12-31T00:00:00.000Z"}
}
