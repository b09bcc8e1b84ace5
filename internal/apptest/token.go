package apptest

import (
	"net/http"

	"github.com/nuxtauth/nuxtauth"
)

// ReadToken reads the token of a request as a service without the middleware does.
func ReadToken[T nuxtauth.TokenType](r *http.Request, cfg nuxtauth.ReaderConfig) (*T, error) {
	reader, err := nuxtauth.NewReader[T](cfg)
	if err != nil {
		return nil, err
	}
	return reader.Token(r)
}
