package doctor

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

const checkCookies = "cookies"

// checkForm gets the CSRF token, and looks at the cookies that come with it.
func (d *doctor) checkForm(ctx context.Context) {
	res, err := d.get(ctx, "/csrf")
	if err != nil {
		text, fix := explain(err, d.base)
		d.fail(checkCSRF, fix, "%s/csrf: %s", d.base, text)
		return
	}
	var answer struct {
		CSRFToken string `json:"csrfToken"`
	}
	if json.Unmarshal(res.body, &answer) != nil || answer.CSRFToken == "" {
		d.fail(checkCSRF, "Read the log of the server.", "%s/csrf has no token: status %d, %s", d.base, res.StatusCode, res.text())
		return
	}
	d.csrf = answer.CSRFToken
	var pairs []string
	for _, c := range res.Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
		if bare, ok := strings.CutSuffix(bareName(c.Name), ".csrf-token"); ok {
			d.prefix = bare
		}
		if start, ok := strings.CutSuffix(c.Name, ".callback-url"); ok {
			d.session = start + ".session-token" // the two have the same prefixes
		}
	}
	d.cookies = strings.Join(pairs, "; ")
	if d.prefix == "" {
		d.fail(checkCookies, "A proxy, or the server of the front end, may drop Set-Cookie: let it pass all Set-Cookie lines on to the browser.", "%s/csrf sets no cookie for the CSRF token: no form is accepted", d.base)
		d.csrf = ""
		return
	}
	d.checkFlags(res.Cookies())
	d.checkCaching("/csrf", res)
}

// bareName is the name of a cookie without the prefix that browsers know.
func bareName(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "__Secure-"), "__Host-")
}

// checkFlags looks at the attributes of cookies that the server sets.
func (d *doctor) checkFlags(cookies []*http.Cookie) {
	var names []string
	for _, c := range cookies {
		if !strings.HasPrefix(bareName(c.Name), d.prefix+".") || d.seen[c.Name] {
			continue // of another program, or one that was there before
		}
		d.seen[c.Name] = true
		all := d.flags(c)
		for _, f := range all {
			f.Check = checkCookies
			f.Text = c.Name + " " + f.Text
			d.report(f)
		}
		switch {
		case len(all) > 0:
		case c.Domain != "":
			names = append(names, fmt.Sprintf("%s (for %s and all hosts below)", c.Name, c.Domain))
		default:
			names = append(names, c.Name)
		}
	}
	if len(names) > 0 {
		d.ok(checkCookies, "names and attributes are as browsers need them: %s", strings.Join(names, ", "))
	}
}

// flags returns what is wrong with the attributes of a cookie.
func (d *doctor) flags(c *http.Cookie) []Finding {
	const rewrites = "A proxy may rewrite Set-Cookie: let it pass the lines on as they are."
	var all []Finding
	add := func(s Status, fix, format string, args ...any) {
		all = append(all, Finding{Status: s, Text: fmt.Sprintf(format, args...), Fix: fix})
	}
	switch {
	case d.isHTTPS() && !c.Secure:
		add(Fail, "Set AUTH_URL to the https address. With TrustHost, the proxy has to send X-Forwarded-Proto: https.", "has no Secure: the server takes http for its scheme")
	case d.isHTTPS() && bareName(c.Name) == c.Name:
		add(Warn, "Set AUTH_URL to the https address.", "has neither the prefix __Secure- nor __Host-: another host of the domain, or http, can set it")
	case !d.isHTTPS() && c.Secure:
		add(Fail, "Use the https address, or set AUTH_URL to the http address for development.", "is Secure, and the address is http: browsers drop it")
	}
	if strings.HasPrefix(c.Name, "__Host-") && (c.Domain != "" || c.Path != "/" || !c.Secure) {
		add(Fail, rewrites, "has the prefix __Host-, which needs Secure, Path=/ and no Domain: browsers drop it")
	}
	if !c.HttpOnly {
		add(Fail, rewrites, "has no HttpOnly: scripts can read it")
	}
	if c.Path != "/" {
		add(Fail, rewrites+" nginx has proxy_cookie_path for it.", "has Path=%q and not /: the application does not get it", c.Path)
	}
	switch c.SameSite {
	case http.SameSiteLaxMode:
	case http.SameSiteNoneMode:
		if !c.Secure {
			add(Fail, rewrites, "has SameSite=None without Secure: browsers drop it")
		} else {
			add(Warn, "Unset Cookies.CrossSite, unless the application is in a frame of another site.", "has SameSite=None: browsers send it with requests of other sites")
		}
	case http.SameSiteStrictMode:
		add(Warn, rewrites, "has SameSite=Strict: browsers do not send it when users come back from a provider")
	default:
		add(Warn, rewrites, "has no SameSite: not all browsers take that for Lax")
	}
	if domain := strings.ToLower(strings.TrimPrefix(c.Domain, ".")); domain != "" {
		name := d.base.Hostname()
		switch {
		case name != domain && !strings.HasSuffix(name, "."+domain):
			add(Fail, "Set Cookies.Domain to a domain that the host ends with, or leave it out.", "has Domain=%s, which %s is not below: browsers drop it", c.Domain, name)
		case !strings.Contains(domain, "."):
			add(Fail, "Leave Cookies.Domain out.", "has Domain=%s, a single label: browsers drop it", c.Domain)
		}
	}
	return all
}

const checkSessionName = "session"

// checkSession requests the session without a cookie, and with one of no session: then
// the server clears the cookie, by which its attributes show.
func (d *doctor) checkSession(ctx context.Context) {
	res, err := d.get(ctx, "/session")
	if err != nil {
		text, fix := explain(err, d.base)
		d.fail(checkSessionName, fix, "%s/session: %s", d.base, text)
		return
	}
	switch body := strings.TrimSpace(string(res.body)); {
	case res.StatusCode != http.StatusOK || !res.isJSON():
		d.fail(checkSessionName, "Read the log of the server.", "%s/session answers with status %d, %s", d.base, res.StatusCode, res.text())
		return
	case body == "{}":
		d.ok(checkSessionName, "without a cookie there is none: {}, as next-auth v4 and nuxt-auth expect it")
	case body == "null":
		d.ok(checkSessionName, "without a cookie there is none: null, as Auth.js v5 expects it (next-auth v4 and nuxt-auth expect {})")
	default:
		d.fail(checkSessionName, "A cache in front has the answer for another user: exclude "+d.base.Path+" from it.", "a request without a cookie gets session data")
	}
	d.checkCaching("/session", res)
	if d.session == "" {
		return
	}
	handle := make([]byte, 32)
	_, _ = rand.Read(handle) // it never fails
	res, err = d.get(ctx, "/session", header("Cookie", d.session+"="+base64.RawURLEncoding.EncodeToString(handle)))
	switch {
	case err != nil || res.StatusCode != http.StatusOK:
		d.fail(checkSessionName, "Read the log of the server.", "a request with a cookie of no session is not answered")
	case res.Header.Get("X-Auth-Unavailable") != "":
		d.fail(checkSessionName, "Check Session.Store, or Session.DenyList: the log of the server has the error.", "sessions can't be checked now: the store does not answer")
	case !slices.ContainsFunc(res.Cookies(), func(c *http.Cookie) bool { return c.Name == d.session }):
		d.warn(checkSessionName, "The proxy has to pass Cookie and Set-Cookie on as they are. A server of Node may have given the cookie another name.", "the server does not clear %s, which has no session", d.session)
	default:
		d.checkFlags(res.Cookies())
	}
}

// checkCaching reports answers that a cache may store, and those that come from one.
func (d *doctor) checkCaching(path string, res *response) {
	const check = "caches"
	control := strings.ToLower(res.Header.Get("Cache-Control"))
	hit := ""
	for _, name := range []string{"Age", "X-Cache", "CF-Cache-Status", "X-Proxy-Cache"} {
		if value := res.Header.Get(name); value != "" && value != "0" && (name == "Age" || strings.Contains(strings.ToUpper(value), "HIT")) {
			hit = name + ": " + value
		}
	}
	exclude := "Exclude " + d.base.Path + " from the cache in front of the server, and leave Cache-Control as it is."
	switch {
	case hit != "":
		d.fail(check, exclude, "%s comes from a cache (%q): users may get the sessions of others", path, hit)
	case !strings.Contains(control, "no-store"):
		d.fail(check, exclude, "%s has Cache-Control: %q, and must not be stored: the server sends no-store", path, control)
	default:
		d.ok(check, "%s is not stored", path)
	}
}
