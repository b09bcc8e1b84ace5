package mail

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nuxtauth/nuxtauth/internal/color"
)

//go:embed templates/mail.gohtml
var layoutFile string

var layout = template.Must(template.New("mail").Parse(layoutFile))

// content is what a message says: the same in HTML and in text.
type content struct {
	Subject, Heading string
	Intro            string
	URL, Button      string // no button without a URL
	Validity         string // of the link; empty for a page that needs a sign-in
	When             string // of a change
	Advice           string // what to do if the reader did not cause the change
	Ignore           string // what to do if the reader did not ask for the link
}

// lineLength is the length of a line of text without its end (RFC 5322, section 2.1.1).
const lineLength = 78

// maxName is the length of a name in characters. It leaves a place for punctuation in a line.
const maxName = 64

// site is a Site with its defaults, checked.
type site struct {
	Name, Host     string
	Logo, LogoDark string

	Branded                bool // the colours of the button are the same in the dark
	BrandColor, ButtonText string
}

func newSite(s Site, host string) site {
	host = clean(cmp.Or(s.Host, host))
	out := site{Name: cmp.Or(clean(s.Name), host), Host: host, BrandColor: "#18181b", ButtonText: "#ffffff"}
	if brand, ok := color.Hex(s.BrandColor); ok {
		out.Branded, out.BrandColor, out.ButtonText = true, brand, color.TextOn(brand)
		if text, ok := color.Hex(s.ButtonText); ok {
			out.ButtonText = text
		}
	}
	if isImage(s.Logo) {
		out.Logo = s.Logo
		if isImage(s.LogoDark) {
			out.LogoDark = s.LogoDark
		}
	}
	return out
}

func isImage(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// clean returns a name in one line, cut to maxName characters.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if utf8.RuneCountInString(s) > maxName {
		s = strings.TrimSpace(string([]rune(s)[:maxName-1])) + "…"
	}
	return s
}

// render returns the message with a content.
func render(s site, c content) (Message, error) {
	var html strings.Builder
	if err := layout.Execute(&html, struct {
		content
		Site site
	}{c, s}); err != nil {
		return Message{}, fmt.Errorf("mail: %w", err)
	}
	return Message{Subject: c.Subject, Text: c.text(s), HTML: html.String()}, nil
}

// text returns the message as text. The link stands on a line of its own, with nothing
// around it that a mail client could take for a part of it.
func (c content) text(s site) string {
	paragraphs := []string{wrap(c.Heading), wrap(c.Intro + " " + c.Validity)}
	if c.When != "" {
		paragraphs = append(paragraphs, wrap("When: "+c.When))
	}
	paragraphs = append(paragraphs, wrap(c.Advice))
	link := c.URL
	if link != "" && c.Validity == "" {
		link = c.Button + ":\n" + link
	}
	footer := wrap(s.Name)
	if s.Host != s.Name {
		footer += "\n" + s.Host
	}
	var b strings.Builder
	for _, p := range append(paragraphs, link, wrap(c.Ignore), footer) {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(p)
	}
	b.WriteByte('\n')
	return b.String()
}

// wrap breaks a paragraph into lines.
func wrap(s string) string {
	var b strings.Builder
	line := 0
	for word := range strings.FieldsSeq(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case line == 0:
		case line+1+n > lineLength:
			b.WriteByte('\n')
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += n
	}
	return b.String()
}
