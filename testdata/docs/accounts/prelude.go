// Package accounts is the application of docs/accounts.md: package docblock adds the Go
// blocks of the document.
package accounts

import (
	"context"
	"database/sql"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/password"
	"github.com/nuxtauth/nuxtauth/store"
)

var (
	ctx    = context.Background()
	r      = gin.New()
	db     *sql.DB
	config nuxtauth.Config[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]

	auth   *nuxtauth.Auth[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]
	users  *store.Memory
	hasher *password.Hasher
)

func sendMail(context.Context, string, string, string, string) error { return nil }
