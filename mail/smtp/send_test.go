package smtp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/mail/smtp"
)

func TestSend_Message(t *testing.T) {
	srv := serve(t)
	m := message()
	if err := newSender(t, srv.addr).Send(bounded(t), m); err != nil {
		t.Fatal(err)
	}
	got := srv.received()
	if len(got) != 1 || got[0].from != "login@acme.example" || !slices.Equal(got[0].to, []string{m.To}) || !got[0].tls || got[0].utf8 {
		t.Fatalf("the server has %+v", got)
	}
	if !slices.Contains(srv.names, "acme.example") {
		t.Errorf("EHLO has %q", srv.names)
	}
	read, err := netmail.ReadMessage(strings.NewReader(got[0].data))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, values := range read.Header {
		names = append(names, name)
		if len(values) != 1 {
			t.Errorf("%s: %q", name, values)
		}
	}
	slices.Sort(names)
	want := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "X-Auto-Response-Suppress"}
	if !slices.Equal(names, want) {
		t.Errorf("headers %q, want %q", names, want)
	}
	for name, value := range map[string]string{"From": `"Acme" <login@acme.example>`, "To": "<ada@example.com>", "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"} {
		if got := read.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject")); subject != m.Subject || err != nil {
		t.Errorf("subject %q, %v", subject, err)
	}
	if id := read.Header.Get("Message-Id"); !strings.HasSuffix(id, "@acme.example>") || len(id) < 30 {
		t.Errorf("Message-ID %q", id)
	}
	if date, err := read.Header.Date(); err != nil || date.Location() != time.UTC && !strings.HasSuffix(read.Header.Get("Date"), "+0000") {
		t.Errorf("date %v, %v", read.Header.Get("Date"), err)
	}
	types, bodies := parts(t, read)
	if !slices.Equal(types, []string{"text/plain; charset=UTF-8", "text/html; charset=UTF-8"}) {
		t.Errorf("parts %q", types)
	}
	if len(bodies) != 2 || strings.ReplaceAll(bodies[0], "\r\n", "\n") != m.Text || strings.ReplaceAll(bodies[1], "\r\n", "\n") != m.HTML {
		t.Errorf("bodies %q", bodies)
	}
}

// parts returns the types and the decoded bodies of a multipart/alternative.
func parts(t *testing.T, m *netmail.Message) (types, bodies []string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %q, %v", m.Header.Get("Content-Type"), err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return types, bodies
		}
		if err != nil {
			t.Fatal(err)
		}
		if e := p.Header.Get("Content-Transfer-Encoding"); e != "quoted-printable" {
			t.Errorf("encoding %q", e)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		types, bodies = append(types, p.Header.Get("Content-Type")), append(bodies, string(b))
	}
}

func TestSend_OnePart(t *testing.T) {
	srv := serve(t)
	s := newSender(t, srv.addr)
	for _, m := range []mail.Message{{To: "ada@example.com", Subject: "a", Text: "text"}, {To: "ada@example.com", Subject: "a", HTML: "<p>"}} {
		if err := s.Send(bounded(t), m); err != nil {
			t.Fatal(err)
		}
	}
	got := srv.received()
	if !strings.Contains(got[0].data, "Content-Type: text/plain") || !strings.Contains(got[1].data, "Content-Type: text/html") || strings.Contains(got[0].data+got[1].data, "multipart") {
		t.Errorf("%+v", got)
	}
}

func TestSend_TLS(t *testing.T) {
	for _, tt := range []struct {
		name    string
		server  func(*server, *gosmtp.Server)
		options func(*smtp.Options)
		check   func(error) bool // nil: the message arrives
		clear   bool
	}{
		{name: "STARTTLS"},
		{name: "implicit", server: func(s *server, _ *gosmtp.Server) { s.implicit = true }, options: func(o *smtp.Options) { o.ImplicitTLS = true }},
		{name: "port 465", server: func(s *server, _ *gosmtp.Server) { s.implicit = true }, options: func(o *smtp.Options) { o.Port = 465 }},
		{
			name: "no STARTTLS", server: func(_ *server, g *gosmtp.Server) { g.TLSConfig = nil },
			check: func(err error) bool { return strings.Contains(err.Error(), "STARTTLS: the server does not offer it") },
		},
		{
			name: "unknown authority", options: func(o *smtp.Options) { o.TLSConfig = nil },
			check: func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) },
		},
		{
			name: "another host", options: func(o *smtp.Options) { o.Host = "mail.evil.example" },
			check: func(err error) bool { return errors.As(err, new(x509.HostnameError)) },
		},
		{
			name: "another host, implicit", server: func(s *server, _ *gosmtp.Server) { s.implicit = true },
			options: func(o *smtp.Options) { o.Host, o.ImplicitTLS = "mail.evil.example", true },
			check:   func(err error) bool { return errors.As(err, new(x509.HostnameError)) },
		},
		{name: "ServerName", options: func(o *smtp.Options) { o.Host, o.TLSConfig.ServerName = "relay.example", host }},
		{
			name: "TLS 1.1", server: func(_ *server, g *gosmtp.Server) {
				g.TLSConfig.MinVersion, g.TLSConfig.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			},
			check: func(err error) bool { return strings.Contains(err.Error(), "protocol version") },
		},
		{name: "none by option", options: inTheClear, clear: true},
		{name: "none on this host", options: func(o *smtp.Options) { o.Host, o.TLSConfig = "localhost", nil }, clear: true},
		{name: "none on this address", options: func(o *smtp.Options) { o.Host, o.TLSConfig = "127.0.0.1", nil }, clear: true},
		{name: "on this host", options: func(o *smtp.Options) { o.Host = "localhost" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change, options := tt.server, tt.options
			if change == nil {
				change = func(*server, *gosmtp.Server) {}
			}
			if options == nil {
				options = func(*smtp.Options) {}
			}
			srv := serve(t, change)
			err := newSender(t, srv.addr, options).Send(bounded(t), message())
			got := srv.received()
			if tt.check == nil {
				if err != nil || len(got) != 1 || got[0].tls == tt.clear {
					t.Errorf("%v, %+v", err, got)
				}
				return
			}
			if err == nil || !tt.check(err) || len(got) != 0 || errors.Is(err, mail.ErrRejected) {
				t.Errorf("%v, %+v", err, got)
			}
		})
	}
}

// The name of this host can lead elsewhere, by a resolver that is wrong.
func TestSend_LoopbackIsChecked(t *testing.T) {
	client, srv := net.Pipe()
	defer srv.Close()
	s := newSender(t, "", func(o *smtp.Options) { o.Host, o.TLSConfig = "localhost", nil })
	s.DialWith(func(context.Context, string, string) (net.Conn, error) { return client, nil })
	if err := s.Send(bounded(t), message()); err == nil || !strings.Contains(err.Error(), "is not on this host, and needs TLS") {
		t.Error(err)
	}
	if _, err := client.Write(nil); err != io.ErrClosedPipe {
		t.Errorf("the connection is open: %v", err)
	}
}

func TestSend_Auth(t *testing.T) {
	user := func(o *smtp.Options) { o.Username, o.Password = "user", password }
	for _, tt := range []struct {
		mechanisms []string
		want       string
	}{
		{[]string{"PLAIN"}, "PLAIN user " + password},
		{[]string{"LOGIN"}, "LOGIN user " + password},
		{[]string{"CRAM-MD5", "LOGIN", "PLAIN"}, "LOGIN user " + password},
		{[]string{"CRAM-MD5"}, ""},
		{nil, ""},
	} {
		for _, onThisHost := range []bool{false, true} {
			srv := serve(t, func(s *server, g *gosmtp.Server) { s.mechanisms, g.AllowInsecureAuth = tt.mechanisms, onThisHost })
			options := user
			if onThisHost {
				options = func(o *smtp.Options) { user(o); o.Host, o.TLSConfig = "localhost", nil }
			}
			err := newSender(t, srv.addr, options).Send(bounded(t), message())
			if (err == nil) != (tt.want != "") || len(srv.received()) != len(srv.auths) || strings.Join(srv.auths, ",") != tt.want {
				t.Errorf("%q: %v, %q", tt.mechanisms, err, srv.auths)
			}
			if err != nil && !strings.Contains(err.Error(), "neither AUTH PLAIN nor AUTH LOGIN") {
				t.Errorf("%q: %v", tt.mechanisms, err)
			}
		}
	}
}

// The password is never sent before TLS, whatever the server offers.
func TestSend_NoPasswordBeforeTLS(t *testing.T) {
	srv := runScript(t, "220 hello", "250-hello\r\n250 AUTH PLAIN LOGIN", "235 welcome", "250 ok", "250 ok")
	err := newSender(t, srv.addr, func(o *smtp.Options) { o.Username, o.Password = "user", password }).Send(bounded(t), message())
	if err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Error(err)
	}
	if commands := strings.Join(<-srv.commands, "\n"); strings.Contains(commands, "AUTH") {
		t.Errorf("the client has sent %q", commands)
	}
}

// What a server sends in the clear does not count after STARTTLS.
func TestSend_IgnoresResponsesBeforeTLS(t *testing.T) {
	srv := runScript(t, "220 hello", "250-hello\r\n250 STARTTLS", "220 go\r\n250-hello\r\n250 AUTH PLAIN\r\n235 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok")
	ctx, cancel := context.WithCancel(bounded(t))
	go func() {
		<-srv.silent
		cancel()
	}()
	if err := newSender(t, srv.addr).Send(ctx, message()); err == nil {
		t.Error("the message counts as sent")
	}
}

func refuse(command string, code int, enhanced gosmtp.EnhancedCode, text string) func(*server, *gosmtp.Server) {
	return func(s *server, _ *gosmtp.Server) {
		s.mechanisms = []string{"PLAIN"}
		s.refuse = func(c, _ string) *gosmtp.SMTPError {
			if c != command {
				return nil
			}
			return &gosmtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
		}
	}
}

func TestSend_Refused(t *testing.T) {
	for _, tt := range []struct {
		command  string
		code     int
		enhanced gosmtp.EnhancedCode
		text     string
		want     string
		rejected bool
	}{
		{"RCPT", 550, gosmtp.EnhancedCode{5, 1, 1}, "<ada@example.com>: no such user", "smtp: recipient: the server responds 550 5.1.1 … no such user", true},
		{"RCPT", 550, gosmtp.EnhancedCode{5, 1, 1}, "no such\nuser", "smtp: recipient: the server responds 550 5.1.1 no such user", true},
		{"RCPT", 551, gosmtp.NoEnhancedCode, "try <ada@elsewhere.example>", "smtp: recipient: the server responds 551 try …", true},
		{"RCPT", 450, gosmtp.EnhancedCode{4, 2, 0}, "greylisted", "smtp: recipient: the server responds 450 4.2.0 greylisted", false},
		{"RCPT", 421, gosmtp.EnhancedCode{4, 3, 2}, "shutting down", "smtp: recipient: the server responds 421 4.3.2 shutting down", false},
		{"DATA", 554, gosmtp.EnhancedCode{5, 7, 1}, "spam: " + link + " is listed", "smtp: message: the server responds 554 5.7.1 spam: … is listed", true},
		{"DATA", 452, gosmtp.EnhancedCode{4, 3, 1}, "full", "smtp: message: the server responds 452 4.3.1 full", false},
		{"MAIL", 553, gosmtp.EnhancedCode{5, 7, 1}, "sender not owned by user", "smtp: sender: the server responds 553 5.7.1 sender not owned by user", false},
		{"EHLO", 421, gosmtp.EnhancedCode{4, 4, 5}, "too many connections", "smtp: greeting: the server responds 421 4.4.5 too many connections", false},
		{"EHLO", 554, gosmtp.EnhancedCode{5, 7, 1}, "go away", "smtp: greeting: the server responds 554 5.7.1 go away", false},
		{"AUTH", 535, gosmtp.EnhancedCode{5, 7, 8}, "wrong: dXNlcg==", "smtp: authentication: the server responds 535 5.7.8", false},
		{"AUTH", 454, gosmtp.EnhancedCode{4, 7, 0}, "later", "smtp: authentication: the server responds 454 4.7.0", false},
		{"MAIL", 550, gosmtp.EnhancedCode{5, 7, 1}, "not with " + password, "smtp: sender: the server responds 550 5.7.1", false},
		{"MAIL", 550, gosmtp.EnhancedCode{5, 7, 1}, "code 123456 4YB2QSWUJ3K7TTFKHPKXSBUAQ5 abcdefghijklmnopqrstuvwxyz", "smtp: sender: the server responds 550 5.7.1 code …", false},
		{"MAIL", 550, gosmtp.EnhancedCode{5, 7, 1}, strings.Repeat("no ", 50), "smtp: sender: the server responds 550 5.7.1" + strings.Repeat(" no", 40), false},
	} {
		srv := serve(t, refuse(tt.command, tt.code, tt.enhanced, tt.text))
		err := newSender(t, srv.addr, func(o *smtp.Options) { o.Username, o.Password = "user", password }).Send(bounded(t), message())
		if err == nil || err.Error() != tt.want || errors.Is(err, mail.ErrRejected) != tt.rejected {
			t.Errorf("%s %d %s: %v, rejected %v", tt.command, tt.code, tt.text, err, errors.Is(err, mail.ErrRejected))
		}
		if len(srv.received()) != 0 {
			t.Errorf("%s: the message has arrived", tt.command)
		}
	}
}

func TestSend_Unreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nothing listens there
	err = newSender(t, l.Addr().String()).Send(bounded(t), message())
	if err == nil || errors.Is(err, mail.ErrRejected) || !strings.HasPrefix(err.Error(), "smtp: connect: ") {
		t.Error(err)
	}
}

func TestSend_Malformed(t *testing.T) {
	for _, responses := range [][]string{
		{"HTTP/1.1 400 secret"},
		{"099 secret"},
		{"220 hello", "secret", "secret"},
		{"220 hello", "250 ok", "25", "secret"},
	} {
		srv := runScript(t, append(responses, "x")...)
		err := newSender(t, srv.addr, inTheClear).Send(bounded(t), message())
		if err == nil || strings.Contains(err.Error(), "secret") || errors.Is(err, mail.ErrRejected) {
			t.Errorf("%q: %v", responses, err)
		}
	}
}

// silences are the steps at which a server can be silent.
var silences = [][]string{
	{},
	{"220-hello"},
	{"220 hello"},
	{"220 hello", "250-hello"},
	{"220 hello", "250 hello"},
	{"220 hello", "250 hello", "250 sender"},
	{"220 hello", "250 hello", "250 sender", "250 recipient"},
	{"220 hello", "250 hello", "250 sender", "250 recipient", "354 go"},
}

func TestSend_EndsWithContext(t *testing.T) {
	for _, responses := range silences {
		srv := runScript(t, responses...)
		ctx, cancel := context.WithCancel(bounded(t))
		go func() {
			<-srv.silent
			cancel()
		}()
		err := newSender(t, srv.addr, inTheClear).Send(ctx, message())
		if !errors.Is(err, context.Canceled) || errors.Is(err, mail.ErrRejected) {
			t.Errorf("%q: %v", responses, err)
		}
		<-srv.commands // the connection is closed
	}
}

// The end of each test waits until the server has seen the connection closed.
func TestSend_EndsWithTimeout(t *testing.T) {
	for _, responses := range append(silences, []string{"220 hello", "250-hello\r\n250 STARTTLS", "220 go"}) {
		srv := runScript(t, responses...)
		options := inTheClear
		if strings.Contains(strings.Join(responses, ""), "STARTTLS") {
			options = func(*smtp.Options) {}
		}
		err := newSender(t, srv.addr, options, func(o *smtp.Options) { o.Timeout = 20 * time.Millisecond }).Send(bounded(t), message())
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, mail.ErrRejected) {
			t.Errorf("%q: %v", responses, err)
		}
	}
}

func TestSend_EndsInHandshake(t *testing.T) {
	srv := runScript(t)
	ctx, cancel := context.WithCancel(bounded(t))
	go func() {
		<-srv.silent
		cancel()
	}()
	if err := newSender(t, srv.addr, func(o *smtp.Options) { o.ImplicitTLS = true }).Send(ctx, message()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A server that sends something before each of its own deadlines gets no more time.
func TestSend_EndsWithSlowServer(t *testing.T) {
	srv := runScript(t, strings.Repeat("220-wait\r\n", 100000)+"220-wait")
	err := newSender(t, srv.addr, inTheClear, func(o *smtp.Options) { o.Timeout = 50 * time.Millisecond }).Send(bounded(t), message())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestSend_ContextHasEnded(t *testing.T) {
	srv := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newSender(t, srv.addr).Send(ctx, message()); !errors.Is(err, context.Canceled) || len(srv.received()) != 0 {
		t.Error(err)
	}
}

// The message is delivered when the server has accepted it, also if it never answers QUIT.
func TestSend_SilentAfterDelivery(t *testing.T) {
	srv := runScript(t, "220 hello", "250 hello", "250 sender", "250 recipient", "354 go", "250 delivered")
	if err := newSender(t, srv.addr, inTheClear).Send(bounded(t), message()); err != nil {
		t.Error(err)
	}
	if commands := <-srv.commands; !strings.HasPrefix(commands[len(commands)-1], "QUIT") {
		t.Errorf("the client has sent %q", commands)
	}
}

func TestSend_Injection(t *testing.T) {
	srv := serve(t)
	s := newSender(t, srv.addr)
	for name, change := range map[string]func(*mail.Message){
		"Bcc by address":   func(m *mail.Message) { m.To += "\r\nBcc: attacker@evil.example" },
		"command":          func(m *mail.Message) { m.To += ">\r\nRCPT TO:<attacker@evil.example" },
		"angle bracket":    func(m *mail.Message) { m.To += "> <attacker@evil.example" },
		"list":             func(m *mail.Message) { m.To += ",attacker@evil.example" },
		"name":             func(m *mail.Message) { m.To = "Ada <ada@example.com>" },
		"brackets":         func(m *mail.Message) { m.To = "<ada@example.com>" },
		"space":            func(m *mail.Message) { m.To = " ada@example.com" },
		"quoted":           func(m *mail.Message) { m.To = `"a b"@example.com` },
		"quoted at":        func(m *mail.Message) { m.To = `"attacker@evil.example"@example.com` },
		"comment":          func(m *mail.Message) { m.To = "ada@example.com (x)" },
		"empty":            func(m *mail.Message) { m.To = "" },
		"literal":          func(m *mail.Message) { m.To = "ada@[127.0.0.1]" },
		"too long":         func(m *mail.Message) { m.To = strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 92) + "comexample" },
		"group":            func(m *mail.Message) { m.To = "a:ada@example.com;" },
		"subject":          func(m *mail.Message) { m.Subject += "\r\nBcc: attacker@evil.example" },
		"subject, LF":      func(m *mail.Message) { m.Subject += "\nBcc: attacker@evil.example" },
		"subject, CR":      func(m *mail.Message) { m.Subject += "\rBcc: attacker@evil.example" },
		"subject, NEL":     func(m *mail.Message) { m.Subject += "\u0085Bcc: attacker@evil.example" },
		"subject, zero":    func(m *mail.Message) { m.Subject += "\x00" },
		"nothing to say":   func(m *mail.Message) { m.Text, m.HTML = "", "" },
		"address in UTF-8": func(m *mail.Message) { m.To = "ada\u0085@example.com" },
	} {
		m := message()
		change(&m)
		err := s.Send(bounded(t), m)
		if err == nil || strings.Contains(err.Error(), "example") || errors.Is(err, mail.ErrRejected) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := srv.received(); len(got) != 0 {
		t.Errorf("the server has %+v", got)
	}
	m := message()
	m.Text = "one\r\n.\r\nMAIL FROM:<x@y.example>\r\n\n.\n\r.\r" + strings.Repeat("x", 5000)
	if err := s.Send(bounded(t), m); err != nil || len(srv.received()) != 1 {
		t.Errorf("%v, %d messages", err, len(srv.received()))
	}
	for line := range strings.SplitSeq(srv.received()[0].data, "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("line %q", line)
		}
	}
}

func TestSend_AddressBeyondASCII(t *testing.T) {
	m := message()
	m.To = "dörte@xn--bcher-kva.example"
	srv := serve(t, func(_ *server, g *gosmtp.Server) { g.EnableSMTPUTF8 = true })
	if err := newSender(t, srv.addr).Send(bounded(t), m); err != nil {
		t.Fatal(err)
	}
	got := srv.received()
	if len(got) != 1 || !got[0].utf8 || !slices.Equal(got[0].to, []string{m.To}) || !strings.Contains(got[0].data, "<"+m.To+">") {
		t.Errorf("%+v", got)
	}
	srv = serve(t)
	err := newSender(t, srv.addr).Send(bounded(t), m)
	if !errors.Is(err, mail.ErrRejected) || strings.Contains(err.Error(), "bcher") || len(srv.received()) != 0 {
		t.Errorf("%v", err)
	}
	// And an address in ASCII needs no such server on the way.
	srv = serve(t, func(_ *server, g *gosmtp.Server) { g.EnableSMTPUTF8 = true })
	if err := newSender(t, srv.addr).Send(bounded(t), message()); err != nil || srv.received()[0].utf8 {
		t.Errorf("%v", err)
	}
}

func TestSend_Concurrent(t *testing.T) {
	srv := serve(t)
	s := newSender(t, srv.addr)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := s.Send(bounded(t), message()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ids := map[string]bool{}
	for _, m := range srv.received() {
		read, err := netmail.ReadMessage(strings.NewReader(m.data))
		if err != nil {
			t.Fatal(err)
		}
		ids[read.Header.Get("Message-Id")] = true
	}
	if len(ids) != 8 {
		t.Errorf("%d messages with different IDs", len(ids))
	}
}
