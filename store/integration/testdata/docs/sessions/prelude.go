// Package sessions is the application of docs/sessions.md: the Go blocks of the
// document, which package docblock adds, and here the declarations that they use.
package sessions

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

type User struct {
	Name string `json:"name"`
}

type Session = nuxtauth.DefaultSession[User]

var (
	ctx      = context.Background()
	config   nuxtauth.Config[Token, Session]
	auth     *nuxtauth.Auth[Token, Session]
	r        = gin.New()
	sessions *sqlstore.Store
	marks    store.Marks
	file     = "sessions.db"
	password = "a password of the database"
	user     struct{ ID string }
	server   *http.Server
)

func showCalendar(c *gin.Context, accessToken string) { c.Status(http.StatusOK) }
