// Package actingas is the application of docs/acting-as.md: package docblock adds the Go
// blocks of the document, and this file declares what they use and the document does not
// show.
package actingas

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// done answers for all handlers.
func done(c *gin.Context) { c.String(http.StatusOK, "done") }

var showOrders, changeOrder, changePassword = done, done, done

type record struct{ ID, Name, Role string }

type userAPI map[string]*record

var users = userAPI{
	"1": {"1", "Ada", "customer"},
	"7": {"7", "Grace", "support"},
	"8": {"8", "Alan", "support"},
}

func (u userAPI) Find(_ context.Context, id string) (*record, error) {
	if id == "down" {
		return nil, errors.New("no response")
	}
	return u[id], nil
}

type auditLog struct {
	lines []string
	err   error
}

var audit = &auditLog{}

func (a *auditLog) Write(_ context.Context, what, actor, user, reason string) error {
	if a.err == nil {
		a.lines = append(a.lines, strings.TrimSpace(strings.Join([]string{what, actor, user, reason}, " ")))
	}
	return a.err
}
