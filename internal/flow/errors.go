package flow

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/nuxtauth/nuxtauth/provider"
)

const (
	maxMessage = 1000 // bytes of an error's text
	maxQuote   = 200  // bytes of a provider's or client's value in it
)

// fail returns an error with a code for the browser.
func (f *Flow) fail(code string, err error) error {
	return &provider.Error{Code: code, Err: &cause{f.provider.ID, err}}
}

// cause adds the provider to an error, limits its length, and replaces control
// characters, since an error may contain values of a provider or a client.
type cause struct {
	provider string
	err      error
}

func (c *cause) Error() string {
	message := fmt.Sprintf("provider %q: %v", c.provider, c.err)
	if len(message) > maxMessage {
		message = message[:maxMessage] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, message)
}

func (c *cause) Unwrap() error { return c.err }

// quote returns s quoted, and shortened, for an error.
func quote(s string) string {
	if len(s) > maxQuote {
		return strconv.Quote(s[:maxQuote]) + "…"
	}
	return strconv.Quote(s)
}
