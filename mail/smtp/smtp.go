// Package smtp sends the mails of the library through an SMTP server (RFC 5321, RFC 6409).
//
//	options, err := smtp.ParseURL(os.Getenv("SMTP_URL")) // smtp://user:password@smtp.example.com:587?from=login@example.com
//	sender, err := smtp.New(options)
//
// The function for the messages is then [Sender.Send]. It is a module of its own, so that
// applications that send mails otherwise do not compile its dependencies.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// MaxTimeout is the largest and the default value of [Options.Timeout].
const MaxTimeout = 10 * time.Second

// Options are the server and the sender. Host and From are required.
type Options struct {
	_ [0]func()

	// Host is the name or the IP address of the server. Its certificate must be valid for
	// it.
	Host string

	// Port is that of the server. Zero means 587, or 465 with ImplicitTLS.
	Port int

	// ImplicitTLS begins the connection with TLS. Otherwise it is upgraded by STARTTLS,
	// and a server without STARTTLS is refused. Port 465 implies it.
	//
	// A server with Host "localhost" or a loopback address is used without TLS, unless
	// ImplicitTLS or TLSConfig is set.
	ImplicitTLS bool

	// TLSConfig is for certificates of servers and clients, such as RootCAs for a private
	// authority. An empty ServerName means Host. New copies it. Nil means the defaults of Go.
	TLSConfig *tls.Config

	// DangerouslySkipTLS sends in the clear to a server on another host: all who can
	// read the network, can use the links. It can't be combined with Username.
	DangerouslySkipTLS bool

	// Username and Password are for AUTH PLAIN or LOGIN. Empty means no authentication.
	Username, Password string

	// From is the sender: "login@example.com" or "Acme <login@example.com>". Its address
	// must be ASCII. The server must be allowed to send for its domain (SPF, DKIM).
	From string

	// Timeout bounds the delivery of a message from the connection to the last response.
	// Zero means MaxTimeout, and it can't be larger.
	Timeout time.Duration
}

// Sender sends messages through one server. It is safe for concurrent use. Make one with
// [New].
type Sender struct {
	addr    string // host:port
	host    string
	from    mail.Address
	domain  string // of from
	auth    credentials
	tls     *tls.Config // nil for none
	direct  bool        // TLS from the start
	local   bool        // without TLS because the server is on this host
	timeout time.Duration
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
}

type credentials struct{ username, password string }

// New checks the options. The error joins all problems, and does not have the password.
// New does not connect to the server.
func New(o Options) (*Sender, error) {
	var problems []error
	refuseIf := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("smtp: "+format, args...))
		}
	}
	from, domain, err := parseFrom(o.From)
	refuseIf(err != nil, "%w", err)
	refuseIf(o.Host == "", "Options.Host is empty")
	refuseIf(strings.ContainsFunc(o.Host, notInHost), "Options.Host %q is neither a host name nor an IP address", o.Host)
	refuseIf(o.Port < 0 || o.Port > 65535, "Options.Port is %d", o.Port)
	refuseIf(o.Timeout < 0 || o.Timeout > MaxTimeout, "Options.Timeout is %v: it can be at most %v", o.Timeout, MaxTimeout)
	refuseIf((o.Username == "") != (o.Password == ""), "set both Options.Username and Options.Password, or none")
	refuseIf(strings.ContainsRune(o.Username+o.Password, 0), "Options.Username or Options.Password has a zero byte, which AUTH PLAIN can't send")

	direct := o.ImplicitTLS || o.Port == 465
	onLoopback := isLoopback(o.Host)
	refuseIf(o.DangerouslySkipTLS && (direct || o.TLSConfig != nil), "Options.DangerouslySkipTLS contradicts ImplicitTLS, port 465 and TLSConfig")
	refuseIf(o.DangerouslySkipTLS && o.Username != "" && !onLoopback, "Options.DangerouslySkipTLS would send the password in the clear")
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}

	s := &Sender{
		host: o.Host, from: *from, domain: domain, auth: credentials{o.Username, o.Password},
		direct: direct, timeout: o.Timeout, dial: new(net.Dialer).DialContext,
	}
	switch {
	case o.DangerouslySkipTLS:
	case onLoopback && !direct && o.TLSConfig == nil:
		s.local = true
	default:
		s.tls = o.TLSConfig.Clone()
		if s.tls == nil {
			s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if s.tls.ServerName == "" {
			s.tls.ServerName = o.Host
		}
	}
	if s.timeout == 0 {
		s.timeout = MaxTimeout
	}
	port := o.Port
	switch {
	case port != 0:
	case direct:
		port = 465
	default:
		port = 587
	}
	s.addr = net.JoinHostPort(o.Host, strconv.Itoa(port))
	return s, nil
}

// parseFrom returns the sender and the domain of its address, which is ASCII and not
// quoted, and so needs no care in a command.
func parseFrom(s string) (*mail.Address, string, error) {
	if s == "" {
		return nil, "", errors.New("Options.From is empty")
	}
	from, err := mail.ParseAddress(s)
	if err != nil || strings.ContainsFunc(from.Name, unicode.IsControl) || !isPlain(from.Address) {
		return nil, "", fmt.Errorf("Options.From %q is not one address in ASCII, such as login@example.com or Acme <login@example.com>", s)
	}
	return from, from.Address[strings.LastIndexByte(from.Address, '@')+1:], nil
}

// isPlain reports whether an address that was parsed consists of a dot-atom and a domain
// name, in ASCII.
func isPlain(address string) bool {
	return !strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>()[],;:\`, r) })
}

func notInHost(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:%", r)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
