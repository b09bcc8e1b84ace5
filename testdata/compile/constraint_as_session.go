// want: undefined: nuxtauth.Session
package main

import (
	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

func show(c *gin.Context) {
	s := c.MustGet("session").(*nuxtauth.Session)
	c.JSON(200, s)
}

func main() { gin.New().GET("/", show) }
