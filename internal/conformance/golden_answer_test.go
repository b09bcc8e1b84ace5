package conformance_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/token"
)

// goldenAnswer is a response, recorded or of this library, with the calls of functions of
// the application and the requests to the provider.
type goldenAnswer struct {
	status   int
	header   http.Header
	body     string
	forms    []goldenForm
	calls    []goldenCall
	requests []goldenProviderRequest
	mails    []goldenMail
}

// observe describes a response in lines that are equal for equivalent responses: without
// random values, with lifetimes in place of times, with decrypted tokens, and without null
// and empty members of JSON objects.
func (p *player) observe(e *goldenExchange, a goldenAnswer) []string {
	cache := []string{a.header.Get("Cache-Control"), a.header.Get("Pragma"), a.header.Get("Expires")}
	mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")) // Next.js adds a charset to all of them
	lines := []string{
		fmt.Sprint("status ", a.status),
		"location " + p.location(a.header.Get("Location")),
		"cache " + strings.Join(cache, "; "),
		"type " + mediaType,
	}
	switch {
	case e.Request.Method == http.MethodHead:
	case mediaType == "application/json":
		lines = append(lines, "json "+p.canonical(jsontext.Value(a.body)))
	case mediaType != "text/html" && a.body != "":
		lines = append(lines, "text "+strings.TrimSpace(a.body))
	}
	for _, f := range a.forms {
		line := "form " + f.Method + " " + f.Action
		for _, i := range f.Inputs {
			line += fmt.Sprintf(" %s:%s:%s", i.Type, i.Name, i.ID)
		}
		lines = append(lines, line)
	}
	lines = append(lines, p.cookieLines(a.header["Set-Cookie"])...)
	for _, r := range a.requests {
		if r.Path == "/token" || r.Path == "/userinfo" { // metadata and keys are cached
			form := maps.Clone(r.Form)
			if form["code_verifier"] != "" {
				form["code_verifier"] = "<verifier>"
			}
			lines = append(lines, fmt.Sprintf("provider %s %s %s %v", r.Method, r.Path, r.Headers["authorization"], form))
		}
	}
	if p.users != nil {
		lines = append(lines, mailLines(a.mails)...)
	}
	for _, c := range a.calls {
		lines = append(lines, "call "+c.Fn+" "+p.canonical(c.Args))
	}
	return maskCSRF(lines, e.Request.Headers["cookie"], a.header["Set-Cookie"])
}

// location returns the value of a Location header. The parameters of a URL of the
// provider are sorted.
func (p *player) location(raw string) string {
	to, query, _ := strings.Cut(raw, "?")
	if !strings.HasPrefix(raw, p.rec.meta.FakeProvider) {
		return raw
	}
	values, _ := url.ParseQuery(query)
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if values.Get(name) != "" {
			values.Set(name, "<"+name+">")
		}
	}
	return to + "?" + values.Encode()
}

// cookieLines describes each Set-Cookie header. The chunks of a token are one
// cookie.
func (p *player) cookieLines(setCookies []string) (lines []string) {
	chunks, whole := 0, new(http.Cookie)
	for _, line := range setCookies {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			p.Fatal(err)
		}
		if m := chunk.FindStringSubmatch(c.Name); m != nil && c.Value != "" {
			if m[2] != strconv.Itoa(chunks) || chunks > 0 && p.attributes(c) != p.attributes(whole) {
				p.Errorf("chunk %d of the token has the wrong name or attributes: %s", chunks, line)
			}
			chunks++
			c.Name, c.Value = m[1], whole.Value+c.Value
			whole = c
			continue
		}
		lines = append(lines, p.cookieLine(c))
	}
	if chunks > 0 {
		lines = append(lines, fmt.Sprintf("%s in %d chunks", p.cookieLine(whole), chunks))
	}
	return lines
}

var (
	chunk      = regexp.MustCompile(`^(.*session-token)\.(\d)$`)
	flowCookie = regexp.MustCompile(`^(.*\.state)\.[\w-]+$`)
)

func (p *player) cookieLine(c *http.Cookie) string {
	value, err := url.PathUnescape(c.Value)
	if err != nil {
		p.Fatal(err)
	}
	name := flowCookie.ReplaceAllString(c.Name, "$1.<flow>")
	name = strings.Replace(name, p.protocol.String()+".", "", 1)
	return "cookie " + name + " " + p.attributes(c) + " = " + p.cookieValue(c.Name, value)
}

func (p *player) attributes(c *http.Cookie) string {
	out := "Path=" + c.Path
	if c.Domain != "" {
		out += " Domain=" + c.Domain
	}
	if c.HttpOnly {
		out += " HttpOnly"
	}
	if c.Secure {
		out += " Secure"
	}
	out += " SameSite=" + map[http.SameSite]string{http.SameSiteLaxMode: "Lax", http.SameSiteNoneMode: "None"}[c.SameSite]
	if c.MaxAge != 0 { // http.Cookie has -1 for Max-Age=0
		out += fmt.Sprint(" Max-Age=", max(c.MaxAge, 0))
	}
	if !c.Expires.IsZero() {
		out += " Expires=" + p.lifetime(c.Expires)
	}
	return out
}

// lifetime returns the time from the recording to t, in minutes because the recording
// took some seconds.
func (p *player) lifetime(t time.Time) string {
	return fmt.Sprintf("%gm", math.Round(t.Sub(p.now).Minutes()))
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (p *player) cookieValue(name, value string) string {
	switch {
	case value == "":
		return "cleared"
	case strings.HasSuffix(name, ".csrf-token"):
		random, hash, _ := strings.Cut(value, "|")
		if sum := sha256.Sum256([]byte(random + p.rec.meta.Secret)); hash != hex.EncodeToString(sum[:]) {
			p.Errorf("the CSRF cookie %q is not signed", value)
		}
		return "signed " + random
	case uuid.MatchString(value), p.database && strings.HasSuffix(name, "session-token") && !strings.Contains(value, "."):
		return "opaque"
	case strings.HasSuffix(name, ".callback-url"):
		return value
	}
	claims, err := p.open(name, value)
	if err != nil {
		p.Errorf("the cookie %s can't be decrypted: %v", name, err)
		return "can't be decrypted"
	}
	if !strings.Contains(name, "session-token") {
		return "sealed"
	}
	var times struct{ Iat, Exp int64 }
	if err := json.Unmarshal(claims, &times, json.MatchCaseInsensitiveNames(true)); err != nil {
		p.Error(err)
	}
	return fmt.Sprintf("sealed for %ds %s", times.Exp-times.Iat, p.canonical(jsontext.Value(claims)))
}

// open decrypts a token, recorded or of this library. The key of each cookie
// depends on its name.
func (p *player) open(name, value string) ([]byte, error) {
	salt := flowCookie.ReplaceAllString(name, "$1")
	if prefix, ok := strings.CutSuffix(name, ".form"); ok { // sealed with the key of sign-ins under way
		salt = prefix + ".state"
	}
	codec, err := token.NewAuthJS(salt, p.rec.meta.Secret)
	if p.protocol == nuxtauth.NextAuth {
		if strings.Contains(name, "session-token") {
			salt = ""
		}
		codec, err = token.NewNextAuth(salt, p.rec.meta.Secret)
	}
	if err != nil {
		return nil, err
	}
	return codec.Open(p.Context(), value)
}

// canonical returns v as JSON, sorted and without random and empty members.
func (p *player) canonical(v any) string {
	b, err := json.Marshal(v)
	if err == nil {
		v = nil
		err = json.Unmarshal(b, &v)
	}
	if err == nil {
		b, err = json.Marshal(p.prune("", v), json.Deterministic(true))
	}
	if err != nil {
		p.Error(err)
	}
	return string(b)
}

// prune returns a member of an object, nil if it is empty or differs at every run.
func (p *player) prune(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "nuxtauth") // the claim Origin of this library
		for key, member := range v {
			if v[key] = p.prune(key, member); v[key] == nil || v[key] == "" || v[key] == false {
				delete(v, key)
			}
		}
	case float64:
		switch {
		case key == "id", key == "userId", key == "providerAccountId": // of a row
			return strconv.FormatFloat(v, 'f', -1, 64)
		case v == 0, key == "iat", key == "exp": // cookieValue checks the latter
			return nil
		case key == "expires_at":
			return p.lifetime(time.Unix(int64(v), 0))
		}
	case string:
		switch {
		case key == "jti", key == "nonce":
			return nil
		case key == "id_token":
			return "<id_token>"
		case key == "emailVerified":
			return true
		case key == "expires":
			at, err := time.Parse("2006-01-02T15:04:05.000Z", v)
			if err != nil {
				return v
			}
			return p.lifetime(at)
		case uuid.MatchString(v):
			return "<uuid>"
		case len(v) > 100 && strings.Count(v, v[:1]) == len(v):
			return fmt.Sprintf("%s*%d", v[:1], len(v))
		}
	}
	return v
}

// maskCSRF replaces the CSRF token of the request, and that of the response if it sets
// another.
func maskCSRF(lines []string, cookies string, setCookies []string) []string {
	mask := func(cookie, with string) {
		if _, rest, ok := strings.Cut(cookie, "csrf-token="); ok && len(rest) > 64 {
			for i := range lines {
				lines[i] = strings.ReplaceAll(lines[i], rest[:64], with)
			}
		}
	}
	mask(cookies, "<csrf>")
	for _, line := range setCookies {
		mask(line, "<new csrf>")
	}
	return lines
}

var (
	formTag   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputTag  = regexp.MustCompile(`<input([^>]*)>`)
	attribute = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// formsOf returns the forms of a page of this library.
func formsOf(page string) (forms []goldenForm) {
	attributes := func(tag string) map[string]string {
		found := make(map[string]string)
		for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
			found[m[1]] = m[2]
		}
		return found
	}
	for _, f := range formTag.FindAllStringSubmatch(page, -1) {
		a := attributes(f[1])
		form := goldenForm{Action: a["action"], Method: a["method"]}
		for _, i := range inputTag.FindAllStringSubmatch(f[2], -1) {
			a := attributes(i[1])
			form.Inputs = append(form.Inputs, goldenInput{a["type"], a["name"], a["id"]})
		}
		forms = append(forms, form)
	}
	return forms
}
