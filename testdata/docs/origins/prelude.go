// Package origins is the application of docs/origins.md: package docblock adds the Go
// blocks of the document.
package origins

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

type (
	Token   = nuxtauth.DefaultJWT
	Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]
)

var providers []provider.Provider

func listOrders(c *gin.Context) { c.Status(http.StatusOK) }
func writeOrder(c *gin.Context) { c.Status(http.StatusOK) }
