package smtp

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/nuxtauth/nuxtauth/mail"
)

// Send delivers a message to the server, over a connection of its own, and returns when the
// server has accepted or refused it. The envelope has one recipient, m.To, unchanged. Send
// ends when ctx ends or [Options.Timeout] has passed, whatever the server does.
//
// The error wraps [mail.ErrRejected] if the server refuses the recipient, or the message for
// it, for good (RFC 5321, section 4.2.1: 5yz); also if m.To is not ASCII and the server can't
// deliver to such addresses. With the context's error, the connection or the server failed
// to answer in time; with any other, the server is down, refuses the connection, the user or
// the sender, or asks to try later. After an error during the last step it is not known
// whether the message arrives. An error has no part of the message, no recipient and no
// password; of the response of a server it has the codes, and those words that can be no
// secret.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	body, err := s.compose(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	conn, err := s.dial(ctx, "tcp", s.addr)
	if err != nil {
		return s.failed(ctx, "connect", err)
	}
	closeConn := func() { _ = conn.Close() } // nothing follows from the error
	defer closeConn()
	// One deadline for all steps: the client below has only one for each.
	defer context.AfterFunc(ctx, closeConn)()
	if s.local && !isLoopbackAddr(conn.RemoteAddr()) {
		return fmt.Errorf("smtp: %s is not on this host, and needs TLS: set Options.TLSConfig", s.host)
	}
	if step, err := s.deliver(ctx, conn, m.To, body); err != nil {
		return s.failed(ctx, step, err)
	}
	return nil
}

func isLoopbackAddr(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// deliver speaks SMTP. With an error, it returns the step that failed.
func (s *Sender) deliver(ctx context.Context, conn net.Conn, to string, body []byte) (step string, err error) {
	if s.direct {
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return "TLS", err
		}
		conn = secure
	}
	client, err := gosmtp.NewClient(conn, s.host)
	if err != nil {
		return "greeting", err
	}
	if err := client.Hello(s.domain); err != nil {
		return "greeting", err
	}
	if s.tls != nil && !s.direct {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return "STARTTLS", errors.New("the server does not offer it")
		}
		if err := client.StartTLS(s.tls); err != nil {
			return "STARTTLS", err
		}
	}
	if s.auth.username != "" {
		auth, err := s.chooseAuth(client)
		if err != nil {
			return stepAuth, err
		}
		if err := client.Auth(auth); err != nil {
			return stepAuth, err
		}
	}
	if utf8 := !isPlain(to); utf8 {
		if ok, _ := client.Extension("SMTPUTF8"); !ok {
			return stepRecipient, errNoUTF8
		}
	} else {
		client.SkipSMTPUTF8(true) // a server on the way may not have it, and needs not
	}
	if err := client.Mail("<" + s.from.Address + ">"); err != nil {
		return "sender", err
	}
	if err := client.Rcpt("<" + to + ">"); err != nil {
		return stepRecipient, err
	}
	w, err := client.Data()
	if err != nil {
		return stepMessage, err
	}
	if _, err := w.Write(body); err != nil {
		return stepMessage, err
	}
	if err := w.Close(); err != nil {
		return stepMessage, err
	}
	_, _ = client.Text.Cmd("QUIT") // the message is delivered, whatever the server answers
	return "", nil
}

func (s *Sender) chooseAuth(client *gosmtp.Client) (gosmtp.Auth, error) {
	_, offered := client.Extension("AUTH")
	noTLS := s.tls == nil // New has allowed it: the server is on this host
	for mechanism := range strings.FieldsSeq(strings.ToUpper(offered)) {
		switch mechanism {
		case "PLAIN":
			return gosmtp.PlainAuth("", s.auth.username, s.auth.password, s.host, noTLS), nil
		case "LOGIN":
			return gosmtp.LoginAuth(s.auth.username, s.auth.password, s.host, noTLS), nil
		}
	}
	return nil, errors.New("the server offers neither AUTH PLAIN nor AUTH LOGIN")
}

// compose returns the message as it is sent (RFC 5322).
func (s *Sender) compose(m mail.Message) ([]byte, error) {
	to, err := parseRecipient(m.To)
	switch {
	case err != nil:
		return nil, err
	case strings.ContainsFunc(m.Subject, unicode.IsControl):
		return nil, errors.New("smtp: Message.Subject is not one line")
	case m.Text == "" && m.HTML == "":
		return nil, errors.New("smtp: the message has neither Text nor HTML")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&s.from)
	msg.ToMailAddress(to)
	msg.Subject(m.Subject)
	msg.SetDateWithValue(time.Now().UTC())
	msg.SetMessageIDWithValue(rand.Text() + "@" + s.domain) // by default it has the name of this host
	// No automatic responses, and none of those that Exchange sends nevertheless.
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834, section 5
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	switch {
	case m.Text == "":
		msg.SetBodyString(gomail.TypeTextHTML, m.HTML)
	case m.HTML == "":
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	default: // the best comes last (RFC 2046, section 5.1.4)
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, errors.New("smtp: the message can't be encoded")
	}
	return b.Bytes(), nil
}

// parseRecipient reads a normalized address. It is short, and has none of the forms on which
// the parser is slow.
func parseRecipient(s string) (*netmail.Address, error) {
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`"<>()[],;:\`, r)
	}
	if len(s) <= 254 && !strings.ContainsFunc(s, bad) {
		if to, err := netmail.ParseAddress(s); err == nil && to.Name == "" && to.Address == s {
			return to, nil
		}
	}
	return nil, errors.New("smtp: Message.To is not a normalized address")
}
