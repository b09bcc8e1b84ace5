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

// SignIn opens the authorization URL at the provider, submits the sign-in form with the
// username and the password of the user, and returns the browser's next request to the
// application: a GET of the callback URL or, with response_mode=form_post, a POST to it:
//
//	res, err := client.Do(idp.SignIn(t, authorizationURL, "alice"))
//
// It uses no network. If the provider responds without a form, as to prompt=none or an
// invalid request, SignIn returns the request with that response. It fails the test if
// the provider does not redirect to the application.
func (p *Provider) SignIn(t testing.TB, authorizationURL, username string) *http.Request {
	t.Helper()
	user, ok := p.user(username)
	if !ok {
		t.Fatalf("authtest: the provider has no user %q", username)
	}
	return p.submit(t, authorizationURL, url.Values{
		"username": {user.Username}, "password": {user.Password}, "decision": {"allow"},
	})
}

// Deny is [Provider.SignIn] for a user who denies access.
func (p *Provider) Deny(t testing.TB, authorizationURL string) *http.Request {
	t.Helper()
	return p.submit(t, authorizationURL, url.Values{"decision": {"deny"}})
}

// submit opens the authorization URL and submits the form with these fields.
func (p *Provider) submit(t testing.TB, authorizationURL string, fields url.Values) *http.Request {
	t.Helper()
	if !strings.HasPrefix(authorizationURL, p.url(authorizePath)+"?") {
		t.Fatalf("authtest: %q is not an authorization URL of %q", authorizationURL, p.cfg.Issuer)
	}

	page := p.browse(t, http.MethodGet, authorizationURL, nil)
	if back := p.callback(t, page); back != nil {
		return back
	}
	action, form := formOf(t, page)
	maps.Copy(form, fields)
	page = p.browse(t, http.MethodPost, resolve(t, authorizationURL, action), form)
	if back := p.callback(t, page); back != nil {
		return back
	}
	t.Fatalf("authtest: the provider did not redirect to the application: status %d\n%s", page.Code, page.Body)
	return nil
}

// browse sends a request to the provider as a browser does.
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

// callback returns the browser's next request to the application, nil if the page is
// the sign-in form.
func (p *Provider) callback(t testing.TB, page *httptest.ResponseRecorder) *http.Request {
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

// formOf returns the action and the hidden fields of the form on a page of the
// provider.
func formOf(t testing.TB, page *httptest.ResponseRecorder) (action string, fields url.Values) {
	t.Helper()
	body := page.Body.String()
	found := regexp.MustCompile(`<form method="post" action="([^"]*)">`).FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("authtest: the page of the provider has no form: status %d\n%s", page.Code, body)
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
