// Package readme is the application of README.md: package docblock adds the Go
// blocks of the document, and this file declares the functions and values that
// the blocks use and the document does not show.
package readme

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
)

const secret = "a-secret-of-at-least-32-characters"

// userAPI is a client of a user API with two users. Each method returns the error
// down if it is not nil.
type userAPI struct{ down error }

var users userAPI

// errDown is the error of an http.Client when the server does not respond.
var errDown error = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}

type apiUser struct{ Name, Avatar, Role string }

func (a userAPI) User(_ context.Context, sessionToken string) (apiUser, error) {
	if a.down != nil {
		return apiUser{}, a.down
	}
	switch sessionToken {
	case "token-of-ada":
		return apiUser{"Ada Lovelace", "/ada.svg", "admin"}, nil
	case "token-of-grace":
		return apiUser{"Grace Hopper", "/grace.svg", "user"}, nil
	}
	return apiUser{}, errors.New("no such session")
}

func (a userAPI) SignIn(_ context.Context, username, password string) (*provider.User, error) {
	if a.down != nil {
		return nil, a.down
	}
	if username != "ada" || password != "lovelace" {
		return nil, nil
	}
	return &provider.User{ID: "1", Name: "Ada Lovelace", AccessToken: "token-of-ada"}, nil
}

// SignInWith returns the user 2 for the user 1 of GitHub, and an error for all others.
func (a userAPI) SignInWith(_ context.Context, providerID, id, name string) (*provider.User, error) {
	if a.down != nil {
		return nil, a.down
	}
	if providerID != "github" || id != "1" {
		return nil, errors.New("no such account")
	}
	return &provider.User{ID: "2", Name: name, AccessToken: "token-of-grace"}, nil
}

func showProfile(c *gin.Context) {
	c.String(http.StatusOK, "Hello, %s", nuxtauth.SessionFrom[Session](c).User.Name)
}

func showAdmin(c *gin.Context) { c.String(http.StatusOK, "The users") }

func changePassword(c *gin.Context) { c.String(http.StatusOK, "Changed") }
