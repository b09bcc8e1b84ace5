package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
)

// The page lists the sessions of the user, and ends them. The user is that of the token,
// and never a value of a form.

// device is one session on the page.
type device struct {
	ID       string
	Name     string // "Firefox on Linux"
	Phone    bool   // a small screen, for the icon
	Provider string
	IP       string
	Current  bool // the session of this request

	SignedIn, LastSeen, Expires moment
}

// moment is a time in words, and as an RFC 3339 time.
type moment struct{ Words, Machine string }

func (p *pages) sessions(c *gin.Context) {
	view := p.page(c, "Your sessions")
	view.Notice = notices[c.Query("notice")]
	list, err := p.auth.ListSessions(c, p.auth.Token(c).Subject)
	if errors.Is(err, store.ErrUnsupported) {
		p.render(c, http.StatusOK, "sessions", view)
		return
	}
	if err != nil {
		p.unavailable(c, err)
		return
	}
	now := time.Now()
	for _, s := range list {
		d := device{
			ID: s.ID, Name: browserName(s.UserAgent), Phone: isPhone(s.UserAgent), Provider: p.providerName(s.Provider), IP: s.IP, Current: s.Current,
			SignedIn: when(s.CreatedAt, now), LastSeen: when(s.LastSeen, now), Expires: when(s.ExpiresAt, now),
		}
		if d.Current {
			d.LastSeen = when(nuxtauth.ISOTime(now), now)
		}
		view.Devices = append(view.Devices, d)
	}
	slices.SortStableFunc(view.Devices, func(a, b device) int {
		switch {
		case a.Current:
			return -1
		case b.Current:
			return 1
		}
		return 0 // in the order of ListSessions: the newest first
	})
	p.render(c, http.StatusOK, "sessions", view)
}

// endSession ends the session with the ID in the form, if it is one of the user's.
func (p *pages) endSession(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 4<<10)
	id := c.PostForm("id")
	if id == "" || p.storage.inCookies() { // a deny-list accepts every ID
		p.toSessions(c, "session-none")
		return
	}
	found := false
	ok := p.revoke(c, func(subject string) (err error) {
		found, err = p.auth.RevokeSession(c, subject, id)
		return err
	})
	switch {
	case ok && found:
		p.toSessions(c, "session-ended")
	case ok:
		p.toSessions(c, "session-none")
	}
}

func (p *pages) endOthers(c *gin.Context) {
	ok := p.revoke(c, func(string) error {
		_, err := p.auth.RevokeOtherSessions(c)
		return err
	})
	if ok {
		p.toSessions(c, "sessions-others")
	}
}

func (p *pages) endEverywhere(c *gin.Context) {
	ok := p.revoke(c, func(subject string) error {
		_, err := p.auth.RevokeSessions(c, subject)
		return err
	})
	if !ok {
		return
	}
	if err := p.auth.SignOut(c); err != nil { // clears this browser's cookie
		p.unavailable(c, err)
		return
	}
	p.back(c, "signed-out-everywhere")
}

// revoke ends sessions of the user. If it returns false, it has written the response.
func (p *pages) revoke(c *gin.Context, end func(subject string) error) bool {
	token := p.auth.Token(c)
	if token == nil { // the page redirects to the sign-in page, or responds with 503
		p.toSessions(c, "")
		return false
	}
	err := end(token.Subject)
	if errors.Is(err, store.ErrUnsupported) { // the page explains it
		p.toSessions(c, "session-none")
		return false
	}
	if err != nil {
		p.unavailable(c, err)
		return false
	}
	return true
}

// toSessions redirects to the page after a form.
func (p *pages) toSessions(c *gin.Context, notice string) {
	to := "/sessions"
	if notice != "" {
		to += "?notice=" + notice
	}
	c.Redirect(http.StatusSeeOther, to)
}

// unavailable responds with 503 to an error of the store.
func (p *pages) unavailable(c *gin.Context, err error) {
	slog.ErrorContext(c.Request.Context(), "example: the store does not respond", "path", c.FullPath(), "error", err)
	c.Header("Retry-After", "5")
	p.message(c, http.StatusServiceUnavailable, "Your sessions are not available",
		"The store does not respond. You are still signed in: try again in a moment.")
}

// providerName returns the name of a provider.
func (p *pages) providerName(id string) string {
	switch id {
	case "credentials":
		return "password"
	case "demo":
		return "Demo ID"
	case "email":
		return "a link by email"
	}
	for _, entry := range p.providers {
		if entry.ID == id {
			return entry.Name
		}
	}
	return id
}

// when returns the difference of a time from now, in one unit.
func when(at nuxtauth.ISOTime, now time.Time) moment {
	d := at.Time().Sub(now)
	format := "in %s"
	if d < 0 {
		d, format = -d, "%s ago"
	}
	words := "just now"
	switch {
	case d >= 48*time.Hour:
		words = fmt.Sprintf(format, fmt.Sprint(int(d.Round(24*time.Hour).Hours()/24), " days"))
	case d >= 2*time.Hour:
		words = fmt.Sprintf(format, fmt.Sprint(int(d.Hours()), " hours"))
	case d >= 2*time.Minute:
		words = fmt.Sprintf(format, fmt.Sprint(int(d.Minutes()), " minutes"))
	case d >= time.Minute:
		words = fmt.Sprintf(format, "1 minute")
	}
	return moment{words, at.String()}
}

// isPhone reports whether a User-Agent header is of a phone or a tablet.
func isPhone(userAgent string) bool {
	return strings.Contains(userAgent, "Mobi") || strings.Contains(userAgent, "iPad") || strings.Contains(userAgent, "Android")
}

// browserName returns the names of the browser and the system in a User-Agent header. The
// first match is used, because most headers also contain "Safari" and "Chrome".
func browserName(userAgent string) string {
	find := func(names [][2]string) string {
		for _, n := range names {
			if strings.Contains(userAgent, n[0]) {
				return n[1]
			}
		}
		return ""
	}
	browser := find([][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"Chrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Safari/", "Safari"},
		{"curl/", "curl"}, {"Go-http-client/", "A Go program"},
	})
	system := find([][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	})
	if browser == "" {
		browser = "Unknown browser"
	}
	if system == "" {
		return browser
	}
	return browser + " on " + system
}
