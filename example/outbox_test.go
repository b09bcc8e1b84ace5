package main

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"net/textproto"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/mail"
)

// link waits until the outbox has a number of mails to an address, because mails are sent
// after the response, and returns the link of the newest.
func (b *browser) link(to string, number int) string {
	b.Helper()
	for b.Context().Err() == nil {
		page := b.get("/outbox").body
		recipient := `To <b dir="auto">` + to + `</b>`
		if strings.Count(page, recipient) < number {
			runtime.Gosched()
			continue
		}
		_, after, _ := strings.Cut(page, recipient)
		m := regexp.MustCompile(`<a href="(http[^"]*)">`).FindStringSubmatch(after)
		if m == nil {
			b.Fatalf("the mail has no link:\n%s", after)
		}
		return html.UnescapeString(m[1])
	}
	b.Fatalf("there is no mail %d to %s", number, to)
	return ""
}

func TestOutbox_LatestFirst(t *testing.T) {
	box := new(outbox)
	for i := range 25 {
		m := mail.Message{To: "a@example.com", Subject: fmt.Sprint("mail ", i+1), Text: "Hello\n\nhttps://example.com/x?a=b&c=d\n\nBye\n", HTML: "<p>"}
		if err := box.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	list := box.latest()
	if len(list) != maxMails || list[0].Subject != "mail 25" || list[0].Number != 25 || list[19].Subject != "mail 6" {
		t.Errorf("%d mails, the first %+v", len(list), list[0])
	}
	if got, want := fmt.Sprint(list[0].Text), "[{Hello\n\n false} {https://example.com/x?a=b&c=d true} {\nBye\n false}]"; got != want {
		t.Errorf("the parts are %q, want %q", got, want)
	}
}

func TestOutbox_Page(t *testing.T) {
	b := newBrowser(t, start(t, nil))
	if page := b.get("/outbox").body; !strings.Contains(page, "There is none yet") {
		t.Errorf("an empty outbox:\n%s", page)
	}
	b.submit(b.get("/forgot"), "/forgot", map[string]string{"email": "ada@example.com"})
	if link := b.link("ada@example.com", 1); !strings.HasPrefix(link, b.site+"/reset?email=ada%40example.com&token=") {
		t.Errorf("the link is %q", link)
	}
	res := b.get("/outbox/1")
	policy := res.Header.Get("Content-Security-Policy")
	if res.StatusCode != http.StatusOK || !strings.Contains(res.body, "Choose a new password") || !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script-src") {
		t.Errorf("the HTML: status %d, policy %q", res.StatusCode, policy)
	}
	for _, path := range []string{"/outbox/2", "/outbox/0", "/outbox/x"} {
		if res := b.get(path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
}

// smtpServer accepts one mail, and returns its address and the recipient and the text.
func smtpServer(t *testing.T) (address string, received <-chan [2]string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	mails := make(chan [2]string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		c := textproto.NewConn(conn)
		_ = c.PrintfLine("220 localhost")
		recipient := ""
		for {
			line, err := c.ReadLine()
			if err != nil {
				return
			}
			command, argument, _ := strings.Cut(line, ":")
			switch command {
			case "RCPT TO":
				recipient, _, _ = strings.Cut(strings.TrimPrefix(argument, "<"), ">")
			case "DATA":
				_ = c.PrintfLine("354 go on")
				text, err := c.ReadDotBytes()
				if err != nil {
					return
				}
				mails <- [2]string{recipient, string(text)}
			}
			_ = c.PrintfLine("250 localhost")
		}
	}()
	return listener.Addr().String(), mails
}

func TestOutbox_SMTP(t *testing.T) {
	address, received := smtpServer(t)
	b := newBrowser(t, start(t, map[string]string{"SMTP_URL": "smtp://" + address + "?from=login@example.com"}))
	b.fill("/forgot", "/forgot", "email", "ada@example.com")
	select {
	case m := <-received:
		if m[0] != "ada@example.com" || !strings.Contains(m[1], "Subject: Reset your password") || !strings.Contains(m[1], "/reset?email=") {
			t.Errorf("a mail to %q:\n%s", m[0], m[1])
		}
	case <-t.Context().Done():
		t.Fatal("no mail was sent")
	}
	for _, path := range []string{"/outbox", "/outbox/1"} {
		if res := b.get(path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, res.StatusCode)
		}
	}
	for _, path := range []string{"/", "/sent"} {
		if strings.Contains(b.get(path).body, "/outbox") {
			t.Errorf("%s leads to the outbox", path)
		}
	}
}

func TestSettings_SMTP(t *testing.T) {
	for _, bad := range []string{"smtp://user:hunter2@mail.example", "user:hunter2@mail.example", "smtp://user:hunter2%zz@mail.example?from=a@example.com", "smtp://?from=a@example.com"} {
		_, err := readSettings(environment(map[string]string{"SMTP_URL": bad}))
		if err == nil || !strings.Contains(err.Error(), "SMTP_URL") {
			t.Errorf("%q: %v", bad, err)
		}
		expectNoPassword(t, err)
	}
}
