package authtest

import (
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// SignIn plays a user: it opens the authorization URL at the provider, types
// the user's name and password into the form, and returns the request with
// which a browser would go back to the application. That is a GET of the
// callback URL or, with response_mode=form_post, a POST of the form to it:
//
//	res, err := client.Do(idp.SignIn(t, authorizationURL, "alice"))
//
// It works without a network. A provider that answers at once, because of
// prompt=none or a request that it refuses, has that answer returned; one that
// does not send the browser back fails the test.
func (p *Provider) SignIn(t testing.TB, authorizationURL, username string) *http.Request {
	t.Helper()
	user, ok := p.user(username)
	if !ok {
		t.Fatalf("authtest: the provider has no user %q", username)
	}
	return p.play(t, authorizationURL, url.Values{
		"username": {user.Username}, "password": {user.Password}, "decision": {"allow"},
	})
}

// Deny is [Provider.SignIn] for a user who presses Deny.
func (p *Provider) Deny(t testing.TB, authorizationURL string) *http.Request {
	t.Helper()
	return p.play(t, authorizationURL, url.Values{"decision": {"deny"}})
}

// play opens the authorization URL and sends the form with these fields.
func (p *Provider) play(t testing.TB, authorizationURL string, fields url.Values) *http.Request {
	t.Helper()
	if !strings.HasPrefix(authorizationURL, p.url(authorizePath)+"?") {
		t.Fatalf("authtest: %q is not an authorization URL of %q", authorizationURL, p.cfg.Issuer)
	}

	page := p.browse(t, http.MethodGet, authorizationURL, nil)
	if back := p.wayBack(t, page); back != nil {
		return back
	}
	action, form := formOf(t, page)
	maps.Copy(form, fields)
	page = p.browse(t, http.MethodPost, resolve(t, authorizationURL, action), form)
	if back := p.wayBack(t, page); back != nil {
		return back
	}
	t.Fatalf("authtest: the provider did not send the browser back; it answered %d:\n%s", page.Code, page.Body)
	return nil
}

// browse sends a request to the provider as a browser would.
func (p *Provider) browse(t testing.TB, method, target string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	page := httptest.NewRecorder()
	p.ServeHTTP(page, r)
	return page
}

// wayBack returns the request with which a browser leaves the page for the
// application, or nil when the page wants to be filled in.
func (p *Provider) wayBack(t testing.TB, page *httptest.ResponseRecorder) *http.Request {
	t.Helper()
	location := page.Header().Get("Location")
	if location == "" && !strings.Contains(page.Body.String(), "<script>"+postScript+"</script>") {
		return nil
	}

	method, target, body := http.MethodGet, location, io.Reader(nil)
	if location == "" {
		action, form := formOf(t, page)
		method, target, body = http.MethodPost, action, strings.NewReader(form.Encode())
	}
	back, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	if method == http.MethodPost {
		origin, _ := url.Parse(p.cfg.Issuer)
		back.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		back.Header.Set("Origin", origin.Scheme+"://"+origin.Host)
		back.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	return back
}

// formOf returns the action and the hidden fields of the form on one of the
// provider's own pages.
func formOf(t testing.TB, page *httptest.ResponseRecorder) (action string, fields url.Values) {
	t.Helper()
	body := page.Body.String()
	found := regexp.MustCompile(`<form method="post" action="([^"]*)">`).FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("authtest: the provider shows no form; it answered %d:\n%s", page.Code, body)
	}
	fields = url.Values{}
	hidden := regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	for _, m := range hidden.FindAllStringSubmatch(body, -1) {
		fields.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return html.UnescapeString(found[1]), fields
}

// resolve returns the absolute URL of a reference on a page.
func resolve(t testing.TB, page, reference string) string {
	t.Helper()
	base, err := url.Parse(page)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	target, err := base.Parse(reference)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	return target.String()
}
