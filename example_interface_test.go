package nuxtauth_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
)

// A sessionService is what the routes below need of an Auth. Each *Auth[T, S] is one, and
// a test can have its own.
type sessionService interface {
	Subject(c *gin.Context) string
	SignOut(c *gin.Context) error
	ListSessions(ctx context.Context, subject string) ([]nuxtauth.SessionInfo, error)
}

// addDeviceRoutes is of a package without the token and session types. A guard comes as a
// gin.HandlerFunc.
func addDeviceRoutes(r gin.IRouter, guard gin.HandlerFunc, sessions sessionService) {
	r.GET("/devices", guard, func(c *gin.Context) {
		list, err := sessions.ListSessions(c, sessions.Subject(c))
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.JSON(http.StatusOK, len(list))
	})
	r.DELETE("/devices/this", guard, func(c *gin.Context) {
		if err := sessions.SignOut(c); err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.Status(http.StatusNoContent)
	})
}

// A package that does not know the types declares the interface that it needs.
func Example_interface() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Session: nuxtauth.SessionConfig{Store: store.NewMemory(store.MemoryOptions{Now: midnight})},
	})
	addDeviceRoutes(r, auth.Require(), auth)

	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(browser.get("/devices"))
	fmt.Println(browser.send("DELETE", "/devices/this", ""))
	fmt.Println(browser.get("/devices"))
	// Output:
	// 200 1
	// 204
	// 401 {"message":"Sign in first."}
}
