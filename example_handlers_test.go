package nuxtauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
)

func ExampleAuth_Update() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				p.Session.User.Name = p.Token.Nickname
				return p.Session, nil
			},
		},
	})
	r.POST("/nickname", auth.Require(), func(c *gin.Context) {
		var form struct{ Nickname string }
		if c.BindJSON(&form) != nil {
			return
		}
		err := auth.Update(c, func(t *Token) error {
			t.Nickname = form.Nickname
			return nil
		})
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.String(http.StatusOK, "Hello, %s", auth.Session(c).User.Name) // the session has changed, too
	})

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(browser.send("POST", "/nickname", `{"nickname":"Ada"}`))
	fmt.Println(browser.get("/api/auth/session"))
	// Output:
	// 200 Hello, Ada
	// 200 {"user":{"name":"Ada","avatar":"","role":""},"expires":"2026-12-31T00:00:00.000Z"}
}

// The application checks the answer of the SAML identity provider, with a library of its
// choice; SignIn does what follows a sign-in of any provider.
func ExampleAuth_SignIn() {
	type assertion struct{ NameID, Name, Email string }
	verify := func(*http.Request) (*assertion, error) { // signature, audience, times, InResponseTo
		return &assertion{"ada@example.com", "Ada Lovelace", "ada@example.com"}, nil
	}

	auth, r := newApp(nuxtauth.Config[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]{})
	r.POST("/saml/acs", func(c *gin.Context) {
		saml, err := verify(c.Request)
		if err != nil {
			auth.Refuse(c, nuxtauth.ErrForbidden)
			return
		}
		err = auth.SignIn(c,
			&nuxtauth.User{ID: saml.NameID, Name: saml.Name, Email: saml.Email},
			&nuxtauth.Account{Provider: "saml", ProviderAccountID: saml.NameID},
		)
		if err != nil {
			auth.Refuse(c, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/")
	})

	browser := &frontEnd{app: r}
	fmt.Println(browser.send("POST", "/saml/acs", ""))
	fmt.Println(browser.get("/api/auth/session"))
	// Output:
	// 303 /
	// 200 {"user":{"name":"Ada Lovelace","email":"ada@example.com"},"expires":"2026-12-31T00:00:00.000Z"}
}

// A handler that deletes the account signs the user out. The button "sign out" of a front
// end needs no handler: it posts to /api/auth/signout.
func ExampleAuth_SignOut() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{})
	r.DELETE("/account", auth.Require(), func(c *gin.Context) {
		// Delete the account of auth.Subject(c) here.
		if err := auth.SignOut(c); err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.Status(http.StatusNoContent)
	})

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(browser.send("DELETE", "/account", ""))
	fmt.Println(browser.get("/api/auth/session"))
	// Output:
	// 204
	// 200 {}
}

// A mobile application gets the token of its session, and sends it as a bearer token.
func ExampleAuth_Issue() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{})
	r.POST("/mobile/sign-in", func(c *gin.Context) {
		var form struct{ Username, Password string }
		if c.BindJSON(&form) != nil {
			return
		}
		u, err := people.SignIn(c, form.Username, form.Password) // limit the attempts: SignInLimit does not count these
		if err != nil || u == nil {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		issued, err := auth.Issue(c, &Token{
			DefaultJWT: nuxtauth.DefaultJWT{Subject: u.ID, Name: u.Name}, SessionToken: u.AccessToken,
		})
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.Header("Cache-Control", "no-store")
		c.String(http.StatusOK, issued.Token)
	})
	r.GET("/me", auth.Require(), func(c *gin.Context) {
		c.String(http.StatusOK, "Hello, %s", auth.Token(c).Name)
	})

	var status int
	var token string
	phone := &frontEnd{app: r}
	_, err := fmt.Sscan(phone.send("POST", "/mobile/sign-in", `{"username":"ada","password":"lovelace"}`), &status, &token)
	fmt.Println(status, err)

	request := httptest.NewRequest("GET", "/me", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, request)
	fmt.Println(w.Body)
	// Output:
	// 200 <nil>
	// Hello, Ada Lovelace
}

// The session is loaded for the routes of the group alone.
func ExampleAuth_Register() {
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{Secret: secret, URL: "http://localhost:3000"})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := gin.New()
	r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "Welcome") })
	group := r.Group("/api")
	auth.Register(group) // adds /api/auth/*, and the middleware to the routes that follow
	group.GET("/profile", auth.Require(), showProfile)

	visitor := &frontEnd{app: r}
	for _, path := range []string{"/", "/api/auth/session", "/api/profile"} {
		fmt.Println(visitor.get(path))
	}
	// Output:
	// 200 Welcome
	// 200 {}
	// 401 {"message":"Sign in first."}
}

func ExampleAuth_AccessToken() {
	type Token struct {
		nuxtauth.DefaultJWT
		nuxtauth.ProviderTokens // filled in at the sign-in
	}
	auth, r := newApp(nuxtauth.Config[Token, Session]{})
	r.GET("/calendar", auth.Require(), func(c *gin.Context) {
		accessToken, err := auth.AccessToken(c) // refreshed if it is about to expire
		if err != nil {
			c.AbortWithStatus(http.StatusBadGateway)
			return
		}
		request, err := http.NewRequestWithContext(c, http.MethodGet, "https://calendar.example.com/v1/events", nil)
		if err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
			return
		}
		request.Header.Set("Authorization", "Bearer "+accessToken)
		c.String(http.StatusOK, "%s with %s", request.URL, request.Header.Get("Authorization"))
	})

	browser := signedIn(auth, r, &Token{
		DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, ProviderTokens: nuxtauth.ProviderTokens{AccessToken: "access-token"},
	})
	fmt.Println(browser.get("/calendar"))
	// Output: 200 https://calendar.example.com/v1/events with Bearer access-token
}

// The ID comes from the browser. With the subject beside it, a user ends sessions of
// their own alone.
func ExampleAuth_RevokeSession() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Session: nuxtauth.SessionConfig{Store: store.NewMemory(store.MemoryOptions{Now: midnight})},
	})
	r.DELETE("/devices/:id", auth.Require(), func(c *gin.Context) {
		found, err := auth.RevokeSession(c, auth.Subject(c), c.Param("id"))
		switch {
		case err != nil:
			c.AbortWithStatus(http.StatusServiceUnavailable)
		case !found:
			c.AbortWithStatus(http.StatusNotFound)
		default:
			c.Status(http.StatusNoContent)
		}
	})

	lost, err := auth.Issue(context.Background(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(err)
	other := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "2"}})
	fmt.Println(other.send("DELETE", "/devices/"+lost.SessionID, ""))
	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(browser.send("DELETE", "/devices/"+lost.SessionID, ""))
	// Output:
	// <nil>
	// 404
	// 204
}

// The token has what the server needs and the browser must not see.
func ExampleAuth_Token() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{})
	r.GET("/name", auth.Require(), func(c *gin.Context) {
		u, err := people.User(c, auth.Token(c).SessionToken)
		if err != nil {
			c.AbortWithStatus(http.StatusBadGateway)
			return
		}
		c.String(http.StatusOK, u.Name)
	})

	browser := signedIn(auth, r, &Token{
		DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, SessionToken: "session-token-of-the-user-api",
	})
	fmt.Println(browser.get("/name"))
	// Output: 200 Ada Lovelace
}

func ExampleAuth_Subject() {
	orders := map[string][]string{"1": {"A-100", "A-101"}} // by user ID
	auth, r := newApp(nuxtauth.Config[Token, Session]{})
	r.GET("/orders", auth.Require(), func(c *gin.Context) {
		c.JSON(http.StatusOK, orders[auth.Subject(c)])
	})

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(browser.get("/orders"))
	// Output: 200 ["A-100","A-101"]
}
