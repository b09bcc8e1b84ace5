package nuxtauth_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

// The role is read in the Session callback, which runs for each request: a changed role
// has an effect at once.
func ExampleAuth_Require() {
	roles := map[string]string{"1": "admin", "2": "editor"} // by user ID
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				p.Session.User.Role = roles[p.Token.Subject]
				return p.Session, nil
			},
		},
	})
	hasRole := func(allowed ...string) gin.HandlerFunc {
		return auth.Require(func(s *Session) bool { return slices.Contains(allowed, s.User.Role) })
	}
	handler := func(c *gin.Context) { c.String(http.StatusOK, "done") }
	r.GET("/articles", auth.Require(), handler) // any user
	r.GET("/edit", hasRole("editor", "admin"), handler)
	r.GET("/users", hasRole("admin"), handler)

	editor := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "2"}})
	fmt.Println(editor.get("/edit"))
	fmt.Println(editor.get("/users"))
	visitor := &frontEnd{app: r}
	fmt.Println(visitor.get("/articles"))
	// Output:
	// 200 done
	// 403 {"message":"You may not do this."}
	// 401 {"message":"Sign in first."}
}

func ExampleAuth_RequireRecent() {
	now := midnight()
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.Credentials(checkPassword)},
		Now:       func() time.Time { return now },
	})
	r.POST("/password", auth.RequireRecent(10*time.Minute), func(c *gin.Context) {
		c.String(http.StatusOK, "changed")
	})

	browser := &frontEnd{app: r}
	browser.signIn("ada", "lovelace")
	fmt.Println(browser.send("POST", "/password", ""))
	now = now.Add(11 * time.Minute)
	fmt.Println(browser.send("POST", "/password", ""))
	browser.signIn("ada", "lovelace")
	fmt.Println(browser.send("POST", "/password", ""))
	// Output:
	// 200 changed
	// 401 {"message":"Sign in again to do this."}
	// 200 changed
}

// A guard of the application stands behind Require, and refuses requests as Require does.
func ExampleAuth_Refuse() {
	paid := func(_ context.Context, userID string) (bool, error) { return userID == "1", nil }

	auth, r := newApp(nuxtauth.Config[Token, Session]{})
	requirePaid := func(c *gin.Context) {
		ok, err := paid(c, auth.Subject(c))
		switch {
		case err != nil:
			auth.Refuse(c, nuxtauth.Unavailable(err)) // 503
		case !ok:
			auth.Refuse(c, nuxtauth.ErrForbidden) // 403
		}
	}
	r.GET("/report", auth.Require(), requirePaid, func(c *gin.Context) {
		c.String(http.StatusOK, "the report")
	})

	for _, id := range []string{"1", "2"} {
		browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: id}})
		fmt.Println(browser.get("/report"))
	}
	// Output:
	// 200 the report
	// 403 {"message":"You may not do this."}
}

// Refusals are answered as all errors of this application are, as RFC 9457 describes.
func ExampleConfig_refused() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Refused: func(c *gin.Context, err error) {
			c.Header("Content-Type", "application/problem+json")
			c.JSON(c.Writer.Status(), gin.H{"status": c.Writer.Status(), "title": http.StatusText(c.Writer.Status())})
		},
	})
	r.GET("/profile", auth.Require(), showProfile)

	visitor := &frontEnd{app: r}
	fmt.Println(visitor.get("/profile"))
	// Output: 401 {"status":401,"title":"Unauthorized"}
}
