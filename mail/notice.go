package mail

import (
	"errors"
	"fmt"
	"time"
)

// NoticeKind is what has changed in an account.
type NoticeKind string

// The changes about which the owner of an account gets a mail (OWASP ASVS 5.0, 6.3.7).
const (
	NoticeLinked   NoticeKind = "linked"   // a way to sign in was added
	NoticeUnlinked NoticeKind = "unlinked" // a way to sign in was removed
	NoticePassword NoticeKind = "password" // the password was changed
	NoticeEmail    NoticeKind = "email"    // the address was changed; for the former one

	// NoticeReclaimed: the owner has proved the address, and what another person may have
	// set up before was removed.
	NoticeReclaimed NoticeKind = "reclaimed"
)

// Notice is the data of a message about a change of an account.
type Notice struct {
	_ [0]func()

	Kind NoticeKind

	// Method is the way to sign in that was added or removed, as it stands in a
	// sentence: "GitHub", "a passkey". Empty leaves it out. It must come from the
	// configuration, not from the request.
	Method string

	// Time is when it happened. The message has it in UTC. Zero leaves it out.
	Time time.Time

	// URL is that of a page where the user reviews the account, an absolute http(s) URL
	// in ASCII. Empty means no button. It must not be a link that signs in.
	URL string

	// Site is the application. Its Name or its Host is required if URL is empty.
	Site Site
}

// DefaultNotice returns the built-in message about a change, in English, without a
// recipient. It is an error if the kind is unknown, if Notice.URL can't be a link, or if
// nothing names the site.
func DefaultNotice(n Notice) (Message, error) {
	var host string
	if n.URL != "" {
		var err error
		if host, err = hostOf(n.URL); err != nil {
			return Message{}, fmt.Errorf("mail: Notice.URL %w", err)
		}
	}
	site := newSite(n.Site, host)
	if site.Name == "" {
		return Message{}, errors.New("mail: a Notice has neither Site.Name nor Site.Host nor URL")
	}
	c, err := n.content(site.Name)
	if err != nil {
		return Message{}, err
	}
	return render(site, c)
}

// content returns the texts of a notice.
func (n Notice) content(name string) (content, error) {
	method := clean(n.Method)
	if method != "" {
		method = " with " + method
	}
	c := content{URL: n.URL, Button: "Review your account"}
	switch n.Kind {
	case NoticeLinked:
		c.Subject = "A way to sign in to " + name + " was added"
		c.Heading = "A way to sign in was added"
		c.Intro = "You can now sign in to your account at " + name + method + "."
		if method == "" {
			c.Intro = "There is a new way to sign in to your account at " + name + "."
		}
	case NoticeUnlinked:
		c.Subject = "A way to sign in to " + name + " was removed"
		c.Heading = "A way to sign in was removed"
		c.Intro = "You can no longer sign in to your account at " + name + method + "."
		if method == "" {
			c.Intro = "A way to sign in to your account at " + name + " no longer works."
		}
	case NoticePassword:
		c.Subject = "Your password for " + name + " was changed"
		c.Heading = "Your password was changed"
		c.Intro = "The password of your account at " + name + " was changed."
	case NoticeEmail:
		c.Subject = "Your email address for " + name + " was changed"
		c.Heading = "Your email address was changed"
		c.Intro = "Your account at " + name + " has another email address now. This one is no longer in use there."
	case NoticeReclaimed:
		c.Subject = "Your account at " + name + " was secured"
		c.Heading = "Your account was secured"
		c.Intro = "You have shown that this email address is yours. As that had not been shown before, another person may have set up the account with it at " + name + ": its password, its other ways to sign in and its sessions were removed."
	default:
		return content{}, fmt.Errorf("mail: the kind of a Notice, %q, is unknown", n.Kind)
	}
	if !n.Time.IsZero() {
		c.When = n.Time.UTC().Format("2 January 2006 at 15:04 UTC")
	}
	c.Advice = "If it was you, there is nothing to do. If it was not, another person has access to your account: "
	switch {
	case n.Kind == NoticeReclaimed:
		c.Advice = "If you had a password there, choose a new one. Check what else is in the account, and remove what you do not know."
	case n.Kind == NoticeEmail:
		c.Advice += "contact " + name + " at once."
	case n.URL != "":
		c.Advice += "review it now, and sign out the sessions that you do not know."
	default:
		c.Advice += "sign in, remove what you do not know, and change your password."
	}
	return c, nil
}
