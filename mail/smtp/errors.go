package smtp

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/nuxtauth/nuxtauth/mail"
)

// The steps of a delivery whose errors differ.
const (
	stepAuth      = "authentication"
	stepRecipient = "recipient"
	stepMessage   = "message"
)

var errNoUTF8 = errors.New("it is not ASCII, and the server does not support such addresses (RFC 6531)")

// failed returns the error of Send for that of a step.
func (s *Sender) failed(ctx context.Context, step string, err error) error {
	var reply *textproto.Error
	switch {
	case errors.As(err, &reply):
		err = fmt.Errorf("smtp: %s: the server responds %s", step, s.describe(step, reply))
		if reply.Code >= 500 && (step == stepRecipient || step == stepMessage) {
			return rejected{err}
		}
		return err
	case errors.Is(err, errNoUTF8):
		return rejected{fmt.Errorf("smtp: %s: %w", step, err)}
	case ctx.Err() != nil: // it has closed the connection
		return fmt.Errorf("smtp: %s: no response in time: %w", step, context.Cause(ctx))
	case isProtocol(err):
		return fmt.Errorf("smtp: %s: the response of the server is malformed", step)
	}
	return fmt.Errorf("smtp: %s: %w", step, err)
}

// isProtocol reports whether err is about a response that can't be read, and may quote it.
func isProtocol(err error) bool {
	var p textproto.ProtocolError
	return errors.As(err, &p) || errors.Is(err, gosmtp.ErrUnexpectedServerResponse)
}

// rejected is an error that wraps mail.ErrRejected without its text.
type rejected struct{ error }

func (r rejected) Unwrap() []error { return []error{r.error, mail.ErrRejected} }

// enhanced is an enhanced status code (RFC 3463) at the beginning of a line.
var enhanced = regexp.MustCompile(`(?m)^[245]\.\d{1,3}\.\d{1,3}\b`)

// word is one that can be no part of a link, no address and no code.
var word = regexp.MustCompile(`^[("']?[A-Za-z]{1,20}(?:[-'][A-Za-z]{1,20})?[)"'.,:;!?]{0,2}$`)

// describe returns the codes of a response and what its text says, without what may be a
// secret that the server repeats: a filter may quote the link that it refuses.
func (s *Sender) describe(step string, reply *textproto.Error) string {
	code := strconv.Itoa(reply.Code)
	status := enhanced.FindString(reply.Msg)
	if status != "" {
		code += " " + status
	}
	if step == stepAuth || s.auth.password != "" && strings.Contains(reply.Msg, s.auth.password) {
		return code
	}
	var words []string
	for w := range strings.FieldsSeq(reply.Msg) {
		if w == status { // on each line
			continue
		}
		if !word.MatchString(w) {
			w = "…"
		}
		if w != "…" || len(words) == 0 || words[len(words)-1] != "…" {
			words = append(words, w)
		}
		if len(words) == 40 {
			break
		}
	}
	return strings.TrimSpace(code + " " + strings.Join(words, " "))
}
