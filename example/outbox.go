package main

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/mail"
	"github.com/nuxtauth/nuxtauth/mail/smtp"
)

// outbox sends mails by SMTP, if SMTP_URL is set. Otherwise it keeps the latest for a page,
// where all who can open it can use their links: that is for a demo.
type outbox struct {
	smtp *smtp.Sender

	mu    sync.Mutex
	count int    // of all mails
	mails []sent // the newest first
}

const maxMails = 20

// sent is a mail on the page.
type sent struct {
	Number  int
	To      string
	Subject string
	Text    []part
	At      moment

	html string
	time time.Time
}

// part is a part of a text: a link, or what is between links.
type part struct {
	Text   string
	IsLink bool
}

// Send implements [nuxtauth.MailConfig].Send.
func (o *outbox) Send(ctx context.Context, m mail.Message) error {
	if o.smtp != nil {
		return o.smtp.Send(ctx, m)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	o.mails = slices.Insert(o.mails, 0, sent{
		Number: o.count, To: m.To, Subject: m.Subject, Text: parts(m.Text), html: m.HTML, time: time.Now(),
	})
	o.mails = o.mails[:min(len(o.mails), maxMails)]
	return nil
}

// latest returns the mails, the newest first.
func (o *outbox) latest() []sent {
	o.mu.Lock()
	defer o.mu.Unlock()
	list, now := slices.Clone(o.mails), time.Now()
	for i := range list {
		list[i].At = when(nuxtauth.ISOTime(list[i].time), now)
	}
	return list
}

// parts finds the links of a text, which stand on lines of their own.
func parts(text string) []part {
	var all []part
	for line := range strings.Lines(text) {
		link := strings.HasPrefix(line, "http://") || strings.HasPrefix(line, "https://")
		if n := len(all); !link && n > 0 && !all[n-1].IsLink {
			all[n-1].Text += line
			continue
		}
		if link {
			line = strings.TrimSuffix(line, "\n")
		}
		all = append(all, part{line, link})
	}
	return all
}

func (p *pages) outbox(c *gin.Context) {
	view := p.page(c, "Outbox")
	view.Mails = p.mails.latest()
	p.render(c, http.StatusOK, "outbox", view)
}

// mailPolicy is for the HTML of a mail, which has styles of its own.
const mailPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mail shows the HTML of a mail, as a mail program does.
func (p *pages) mail(c *gin.Context) {
	for _, m := range p.mails.latest() {
		if strconv.Itoa(m.Number) == c.Param("number") {
			c.Header("Cache-Control", "no-store")
			c.Header("Content-Security-Policy", mailPolicy)
			c.Header("Referrer-Policy", "no-referrer")
			c.Header("X-Content-Type-Options", "nosniff")
			c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(m.html))
			return
		}
	}
	p.notFound(c)
}
