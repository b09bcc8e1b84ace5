// Package sessiondata is the application of docs/session-data.md: package docblock adds
// the Go blocks of the document, and this file declares what they use and the document
// does not show.
package sessiondata

import (
	"context"
	"errors"
)

// userAPI is a client of a user API in which one token is valid.
type userAPI struct{ down bool }

var users userAPI

var errNoResponse = errors.New("no response")

type apiUser struct{ Name, Avatar, Role string }

func (a userAPI) Me(_ context.Context, token string) (apiUser, error) {
	if a.down {
		return apiUser{}, errNoResponse
	}
	if token != "token-of-ada" {
		return apiUser{}, errors.New("unknown token")
	}
	return apiUser{"Ada Lovelace", "/ada.svg", "admin"}, nil
}

func (a userAPI) Orders(_ context.Context, token string) ([]string, error) {
	if token != "token-of-ada" {
		return nil, errors.New("unknown token")
	}
	return []string{"engine"}, nil
}
