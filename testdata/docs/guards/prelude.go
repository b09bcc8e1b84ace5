// Package guards is the application of docs/guards.md: package docblock adds the Go blocks
// of the document, and this file declares what they use and the document does not show.
package guards

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

type Token struct {
	nuxtauth.DefaultJWT
	Role string `json:"role"`
}

type User struct {
	Role string `json:"role"`
}

type Session = nuxtauth.DefaultSession[User]

// done answers for all handlers.
func done(c *gin.Context) { c.String(http.StatusOK, "done") }

var showHome, showAccount, showAdmin, changePassword, showReports, writeReport, showOrder = done, done, done, done, done, done, done

type orderAPI struct{}

var orders orderAPI

func (orderAPI) Owner(_ context.Context, id string) (string, error) {
	if id == "down" {
		return "", errors.New("no response")
	}
	return id, nil // the order has the ID of its owner
}
