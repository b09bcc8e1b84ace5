package conformance_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
)

// goldenBrowser is one of the browsers of a scenario: the cookies of the recorded one, and
// those of the player's.
type goldenBrowser struct {
	recorded, actual map[string]string
	started          *startedFlow
}

func (p *player) browser(e *goldenExchange) *goldenBrowser {
	b := p.browsers[e.Browser]
	if b == nil {
		b = &goldenBrowser{make(map[string]string), make(map[string]string), nil}
		p.browsers[e.Browser] = b
	}
	return b
}

// cookies returns the cookies that the player's browser has when the recorded one has sent
// these. Those that are not from a response are the same.
func (b *goldenBrowser) cookies(p *player, recorded string) string {
	var pairs []string
	sent := ""
	for pair := range strings.SplitSeq(recorded, "; ") {
		name, value, _ := strings.Cut(pair, "=")
		sent += name + " "
		switch {
		case strings.HasSuffix(name, "csrf-token"), strings.HasSuffix(name, "callback-url"):
			pairs = append(pairs, pair)
		case b.recorded[name] == value: // the player's are below
		case p.sessions[value] != "":
			pairs = append(pairs, name+"="+p.sessions[value])
		default:
			pairs = append(pairs, pair)
		}
	}
	left := func(name string) bool {
		return strings.Contains(name, "session-token") && !strings.Contains(sent, "session-token")
	}
	withheld := slices.ContainsFunc(slices.Collect(maps.Keys(b.recorded)), left)
	for _, name := range slices.Sorted(maps.Keys(b.actual)) {
		if strings.HasSuffix(name, "csrf-token") || strings.HasSuffix(name, "callback-url") || withheld && left(name) {
			continue
		}
		pairs = append(pairs, name+"="+b.actual[name])
	}
	return strings.Join(slices.DeleteFunc(pairs, func(pair string) bool { return pair == "" }), "; ")
}

// receive keeps the cookies of both responses.
func (b *goldenBrowser) receive(recorded, actual []*http.Cookie) {
	for _, jar := range []struct {
		cookies map[string]string
		set     []*http.Cookie
	}{{b.recorded, recorded}, {b.actual, actual}} {
		for _, c := range jar.set {
			jar.cookies[c.Name] = c.Value
			if c.Value == "" || c.MaxAge < 0 {
				delete(jar.cookies, c.Name)
			}
		}
	}
}

// link replaces the token of a recorded link by that of the player's.
func (p *player) link(recorded string) string {
	path, query, _ := strings.Cut(recorded, "?")
	values, err := url.ParseQuery(query)
	if err != nil || p.links[values.Get("token")] == "" {
		return recorded
	}
	values.Set("token", p.links[values.Get("token")])
	return path + "?" + values.Encode()
}

// asks adds the field that asks for an account to be linked: in Auth.js a sign-in by a user
// who is signed in links the account without it.
func (p *player) asks(e *goldenExchange, form url.Values) {
	if p.users == nil || !strings.Contains(e.Request.Path, "/signin/") {
		return
	}
	if e.Browser == "" && strings.Contains(e.Request.Headers["cookie"], "session-token") {
		form.Set("link", "true")
	}
	for name := range p.browser(e).actual {
		if strings.Contains(name, "session-token") {
			form.Set("link", "true")
		}
	}
}

// confirm presses the button of the page that a link opens, and returns the response.
func (p *player) confirm(e *goldenExchange, opened *httptest.ResponseRecorder, r *http.Request) *httptest.ResponseRecorder {
	if r.Method != http.MethodGet || opened.Code != http.StatusOK || !strings.Contains(r.URL.Path, "/callback/") {
		return opened
	}
	form := make(url.Values)
	for _, tag := range inputTag.FindAllStringSubmatch(opened.Body.String(), -1) {
		var name, value string
		for _, m := range attribute.FindAllStringSubmatch(tag[1], -1) {
			switch m[1] {
			case "name":
				name = m[2]
			case "value":
				value = strings.NewReplacer("&#43;", "+", "&amp;", "&", "&#39;", "'").Replace(m[2])
			}
		}
		form.Set(name, value)
	}
	post := httptest.NewRequest(http.MethodPost, e.BaseURL+r.URL.Path, strings.NewReader(form.Encode()))
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	cookies := r.Header.Get("Cookie")
	for _, c := range opened.Result().Cookies() {
		if strings.Contains(c.Name, "session-token") {
			if !strings.Contains(cookies, c.Name) {
				p.Errorf("%s: the page of a link sets %s", e.ID, c)
			}
			continue // it is renewed
		}
		cookies += "; " + c.Name + "=" + c.Value
	}
	post.Header.Set("Cookie", strings.TrimPrefix(cookies, "; "))
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, post)
	for _, line := range opened.Header()["Set-Cookie"] {
		if !strings.Contains(line, "session-token") {
			w.Header().Add("Set-Cookie", line)
		}
	}
	return w
}
