// Package moving is the application of docs/moving.md: package docblock adds the Go blocks
// of the document, and this file declares what they use and the document does not show.
package moving

import (
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

type Token struct{ nuxtauth.DefaultJWT }

type Session = nuxtauth.DefaultSession[nuxtauth.DefaultUser]

var (
	oldStore = cookie.NewStore([]byte("a key of the old sessions"))

	r    *gin.Engine
	auth *nuxtauth.Auth[Token, Session]
)
