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
	maxQuote   = 200  // bytes of a foreign value in it
)

// fail is an error with the code that the browser may see.
func (f *Flow) fail(code string, err error) error {
	return &provider.Error{Code: code, Err: &cause{f.provider.ID, err}}
}

// A cause names the provider and keeps what others put into an error from
// filling the log or from breaking its lines.
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

// quote makes a foreign value fit for an error.
func quote(s string) string {
	if len(s) > maxQuote {
		return strconv.Quote(s[:maxQuote]) + "…"
	}
	return strconv.Quote(s)
}
