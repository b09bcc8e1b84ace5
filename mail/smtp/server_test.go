package smtp_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/mail/smtp"
)

const (
	host     = "mail.acme.example" // resolved to the server of the test
	link     = "https://acme.example/api/auth/callback/email?token=4YB2QSWUJ3K7TTFKHPKXSBUAQ5&a=%C3%A9"
	password = "pass word=1"
)

func message() mail.Message {
	return mail.Message{To: "ada@example.com", Subject: "Sign in to Acmé", Text: "Open this link:\n\n" + link + "\n\n.\nGrüße\n", HTML: "<p>Grüße <a href=\"" + link + "\">é</a></p>\n"}
}

// A server is an SMTP server of a test, and what it has seen.
type server struct {
	addr       string
	implicit   bool
	mechanisms []string                                         // of AUTH
	refuse     func(command, argument string) *gosmtp.SMTPError // MAIL, RCPT, DATA, AUTH

	mu       sync.Mutex
	messages []delivered
	names    []string // of EHLO
	auths    []string
}

type delivered struct {
	from, data string
	to         []string
	utf8, tls  bool
}

// serve starts a server on a loopback address, with STARTTLS unless implicit is set.
func serve(t *testing.T, change ...func(*server, *gosmtp.Server)) *server {
	t.Helper()
	s := &server{}
	srv := gosmtp.NewServer(s)
	srv.Domain, srv.TLSConfig, srv.MaxMessageBytes = host, serverTLS(), 1<<20
	srv.ErrorLog = log.New(io.Discard, "", 0)
	for _, f := range change {
		f(s, srv)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if s.implicit {
		l = tls.NewListener(l, srv.TLSConfig)
	}
	var done sync.WaitGroup
	done.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		srv.Close()
		l.Close() // Serve may not have it yet
		done.Wait()
	})
	return s
}

func (s *server) received() []delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivered(nil), s.messages...)
}

func (s *server) check(command, argument string) error {
	if s.refuse != nil {
		if err := s.refuse(command, argument); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) NewSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	if err := s.check("EHLO", ""); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, c.Hostname())
	_, secure := c.TLSConnectionState()
	return &session{server: s, message: delivered{tls: secure}}, nil
}

type session struct {
	server  *server
	message delivered
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, o *gosmtp.MailOptions) error {
	s.message.from, s.message.utf8 = from, o.UTF8
	return s.server.check("MAIL", from)
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.message.to = append(s.message.to, to)
	return s.server.check("RCPT", to)
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.server.check("DATA", string(data)); err != nil {
		return err
	}
	s.message.data = string(data)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.messages = append(s.server.messages, s.message)
	return nil
}

func (s *session) AuthMechanisms() []string { return s.server.mechanisms }

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(user, pass string) error {
		if err := s.server.check("AUTH", user+" "+pass); err != nil {
			return err
		}
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.auths = append(s.server.auths, mechanism+" "+user+" "+pass)
		return nil
	}
	if mechanism == "LOGIN" {
		return &login{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, pass string) error { return check(user, pass) }), nil
}

// login is the server of AUTH LOGIN, which go-sasl no longer has.
type login struct {
	check func(user, pass string) error
	step  int
	user  string
}

func (l *login) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

// A script is a server that sends one response for the connection and one for each
// command, and is then silent until the client leaves. The body of a message is a command.
type script struct {
	addr     string
	silent   chan struct{} // closed when it has no more to send
	commands chan []string // all, when the client has left
}

func runScript(t *testing.T, responses ...string) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{addr: l.Addr().String(), silent: make(chan struct{}), commands: make(chan []string, 1)}
	var done sync.WaitGroup
	done.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var commands []string
		defer func() { s.commands <- commands }()
		r := bufio.NewReader(conn)
		for i, response := range responses {
			io.WriteString(conn, response+"\r\n")
			if i == len(responses)-1 {
				break
			}
			end := "" // of what the client sends now: a line, or a body
			if strings.HasPrefix(response, "354") {
				end = "."
			}
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				line = strings.TrimRight(line, "\r\n")
				if end == "" || line == end {
					commands = append(commands, line)
					break
				}
			}
		}
		close(s.silent)
		rest, _ := io.ReadAll(r)
		commands = append(commands, string(rest))
	})
	t.Cleanup(func() {
		l.Close()
		done.Wait()
	})
	return s
}

// newSender returns a sender to a server of a test, whose certificate it trusts.
func newSender(t *testing.T, addr string, change ...func(*smtp.Options)) *smtp.Sender {
	t.Helper()
	o := smtp.Options{Host: host, From: "Acme <login@acme.example>", TLSConfig: &tls.Config{RootCAs: authority().pool, MinVersion: tls.VersionTLS12}}
	for _, f := range change {
		f(&o)
	}
	s, err := smtp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.DialTo(addr)
	return s
}

// inTheClear makes a sender to a script, which has no TLS.
func inTheClear(o *smtp.Options) { o.TLSConfig, o.DangerouslySkipTLS = nil, true }

// bounded returns a context that ends before the test does.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the test takes too long"))
	t.Cleanup(cancel)
	return ctx
}

type ca struct {
	pool *x509.CertPool
	cert tls.Certificate
}

// authority is a certificate authority, with a certificate for host and loopback.
var authority = sync.OnceValue(func() ca {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return ca{pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
})

func serverTLS() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{authority().cert}, MinVersion: tls.VersionTLS12}
}
