// want: has no field or method Role
package main

import (
	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

type User struct{ Name string }

type Session = nuxtauth.DefaultSession[User]

func handler(c *gin.Context) { _ = nuxtauth.SessionFrom[Session](c).User.Role }

func main() {}
