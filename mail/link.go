package mail

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Purpose is what a link is for. Applications have further ones of their own.
type Purpose string

// The purposes of the library.
const (
	PurposeSignIn Purpose = "signin" // to sign in
	PurposeReset  Purpose = "reset"  // to choose a new password
	PurposeVerify Purpose = "verify" // to prove that an address is the user's
)

// Link is the data of a message with a link.
type Link struct {
	_ [0]func()

	// Purpose decides the texts.
	Purpose Purpose

	// URL is the link: an absolute http(s) URL in ASCII, whose host comes from the
	// configuration. It is a secret until it is used or expires: it must not be in a log.
	URL string

	// Lifetime is how long the link works. The message has it in words, rounded down to
	// minutes. Zero leaves it out.
	Lifetime time.Duration

	Site Site
}

// Default returns the built-in message with a link, in English, without a recipient. It is
// an error if Link.URL can't be a link; the error does not have the URL.
func Default(l Link) (Message, error) {
	host, err := hostOf(l.URL)
	if err != nil {
		return Message{}, fmt.Errorf("mail: Link.URL %w", err)
	}
	site := newSite(l.Site, host)
	return render(site, l.content(site.Name))
}

// hostOf returns the host of an absolute http(s) URL. The characters that are not in a URL
// (RFC 3986, section 2) would end it where a mail client looks for links in a text.
func hostOf(rawURL string) (string, error) {
	bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.ContainsFunc(rawURL, bad) {
		return "", errors.New("is not an absolute http(s) URL in ASCII")
	}
	return u.Host, nil
}

// content returns the texts of a message with a link.
func (l Link) content(name string) content {
	c := content{URL: l.URL}
	switch l.Purpose {
	case PurposeSignIn:
		c.Subject = "Sign in to " + name
		c.Heading = c.Subject
		c.Intro = "Use this link to sign in to " + name + "."
		c.Button = "Sign in"
		c.Ignore = "If you did not ask to sign in, ignore this email. Do not forward it: the link gives access to your account."
	case PurposeReset:
		c.Subject = "Reset your password for " + name
		c.Heading = "Reset your password"
		c.Intro = "Use this link to choose a new password for your account at " + name + "."
		c.Button = "Choose a new password"
		c.Ignore = "If you did not ask for a new password, ignore this email: your password stays as it is. Do not forward it: the link gives access to your account."
	case PurposeVerify:
		c.Subject = "Confirm your email address for " + name
		c.Heading = "Confirm your email address"
		c.Intro = "Use this link to confirm that this email address is yours, and to use it at " + name + "."
		c.Button = "Confirm email address"
		c.Ignore = "If you did not enter your address at " + name + ", ignore this email: without the link, the address stays unconfirmed."
	default:
		c.Subject = "Your link for " + name
		c.Heading = "Continue to " + name
		c.Intro = "Use this link to continue to " + name + "."
		c.Button = "Continue"
		c.Ignore = "If you did not ask for this link, ignore this email. Do not forward it: the link is for you alone."
	}
	c.Validity = "It works once."
	if l.Lifetime > 0 {
		c.Validity = "It works once, within " + inWords(l.Lifetime) + "."
	}
	return c
}

// inWords returns a duration such as "10 minutes" or "1 hour and 30 minutes", rounded down
// to minutes, and from two days on to hours. The spaces before the units do not break.
func inWords(d time.Duration) string {
	if d < time.Minute {
		d = time.Minute
	}
	days, hours, minutes := 0, int(d/time.Hour), int(d%time.Hour/time.Minute)
	if hours >= 48 {
		days, hours, minutes = hours/24, hours%24, 0
	}
	var parts []string
	for _, p := range []struct {
		n    int
		unit string
	}{{days, "day"}, {hours, "hour"}, {minutes, "minute"}} {
		switch p.n {
		case 0:
		case 1:
			parts = append(parts, "1\u00a0"+p.unit)
		default:
			parts = append(parts, fmt.Sprintf("%d\u00a0%ss", p.n, p.unit))
		}
	}
	return strings.Join(parts, " and ")
}
