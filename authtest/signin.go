package authtest

import (
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// BeginSignIn starts a sign-in at the application, as its front end does, and returns the
// authorization URL, to which the application sends the browser. signInURL is that of the
// action, such as server.URL + "/api/auth/signin/test". The client needs a cookie jar,
// which gets the cookies of the sign-in:
//
//	authorizationURL := authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test")
//	res, err := client.Do(idp.SignIn(t, authorizationURL, "alice"))
//
// It fails the test if the application responds with an error.
func BeginSignIn(t testing.TB, client *http.Client, signInURL string) string {
	t.Helper()
	if client.Jar == nil {
		t.Fatal("authtest: the client has no cookie jar, which the sign-in needs")
	}
	var to struct {
		URL string `json:"url"`
	}
	form := url.Values{"csrfToken": {CSRFToken(t, client, resolve(t, signInURL, ".."))}, "json": {"true"}}
	getJSON(t, client, http.MethodPost, signInURL, form, &to)
	return to.URL
}

// CSRFToken returns the CSRF token of the client's browser, for the field csrfToken of forms
// and JSON that are posted to the API of the application. apiURL is its base path, such as
// server.URL + "/api/auth". The client needs a cookie jar, which gets the cookie of the
// token:
//
//	form := url.Values{"csrfToken": {authtest.CSRFToken(t, client, server.URL+"/api/auth")}}
//	res, err := client.PostForm(server.URL+"/api/auth/signout", form)
//
// It fails the test if the application responds with an error.
func CSRFToken(t testing.TB, client *http.Client, apiURL string) string {
	t.Helper()
	if client.Jar == nil {
		t.Fatal("authtest: the client has no cookie jar, which the CSRF token needs")
	}
	var csrf struct {
		Token string `json:"csrfToken"`
	}
	getJSON(t, client, http.MethodGet, strings.TrimSuffix(apiURL, "/")+"/csrf", nil, &csrf)
	return csrf.Token
}

// SignInClient signs a client in at the application, through the provider, as the user with
// this name does in a browser. signInURL is that of the action, such as
// server.URL + "/api/auth/signin/test". The session is in the cookie jar of the client, which
// gets one if it has none:
//
//	client := server.Client()
//	idp.SignInClient(t, client, server.URL+"/api/auth/signin/test", "alice")
//	res, err := client.Get(server.URL + "/profile")
//
// It fails the test if the client is not signed in afterwards, and says where the application
// led it. For the steps, and for a sign-in that is to fail, see [BeginSignIn].
func (p *IDP) SignInClient(t testing.TB, client *http.Client, signInURL, username string) {
	t.Helper()
	if client.Jar == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatalf("authtest: %v", err)
		}
		client.Jar = jar
	}
	res, err := client.Do(p.SignIn(t, BeginSignIn(t, client, signInURL), username))
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	_ = res.Body.Close()
	var session struct {
		Expires string `json:"expires"`
	}
	getJSON(t, client, http.MethodGet, resolve(t, signInURL, "../session"), nil, &session)
	if session.Expires == "" || res.Request.URL.Query().Has("error") { // of a client that was signed in before, the session stays
		t.Fatalf("authtest: %q is not signed in: the application led to %s", username, res.Request.URL)
	}
}

// getJSON sends a request to the application and decodes the response.
func getJSON(t testing.TB, client *http.Client, method, target string, form url.Values, v any) {
	t.Helper()
	res, err := client.Do(requestWithForm(t, method, target, form))
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("authtest: %s %s: %v", method, target, err)
	}
	if err := json.Unmarshal(body, v); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("authtest: %s %s: status %d\n%s", method, target, res.StatusCode, body)
	}
}

// requestWithForm returns a request with a form, which may be nil, as its body.
func requestWithForm(t testing.TB, method, target string, form url.Values) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// SignIn opens the authorization URL at the provider, submits the sign-in form with the
// username and the password of the user, and returns the browser's next request to the
// application: a GET of the callback URL or, with response_mode=form_post, a POST to it:
//
//	res, err := client.Do(idp.SignIn(t, authorizationURL, "alice"))
//
// [BeginSignIn] returns the authorization URL. SignIn itself uses no network. If the
// provider responds without a form, as to prompt=none or an invalid request, SignIn
// returns the request with that response. It fails the test if the provider does not
// redirect to the application.
func (p *IDP) SignIn(t testing.TB, authorizationURL, username string) *http.Request {
	t.Helper()
	user, ok := p.user(username)
	if !ok {
		t.Fatalf("authtest: the provider has no user %q", username)
	}
	return p.submit(t, authorizationURL, url.Values{
		"username": {user.Username}, "password": {user.Password}, "decision": {"allow"},
	})
}

// Deny is [IDP.SignIn] for a user who denies access.
func (p *IDP) Deny(t testing.TB, authorizationURL string) *http.Request {
	t.Helper()
	return p.submit(t, authorizationURL, url.Values{"decision": {"deny"}})
}

// submit opens the authorization URL and submits the form with these fields.
func (p *IDP) submit(t testing.TB, authorizationURL string, fields url.Values) *http.Request {
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
func (p *IDP) browse(t testing.TB, method, target string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	page := httptest.NewRecorder()
	p.ServeHTTP(page, requestWithForm(t, method, target, form))
	return page
}

// callback returns the browser's next request to the application, nil if the page is
// the sign-in form.
func (p *IDP) callback(t testing.TB, page *httptest.ResponseRecorder) *http.Request {
	t.Helper()
	location := page.Header().Get("Location")
	if location != "" {
		return requestWithForm(t, http.MethodGet, location, nil)
	}
	if !strings.Contains(page.Body.String(), "<script>"+postScript+"</script>") {
		return nil
	}
	action, form := formOf(t, page)
	back := requestWithForm(t, http.MethodPost, action, form)
	origin, _ := url.Parse(p.cfg.Issuer)
	back.Header.Set("Origin", origin.Scheme+"://"+origin.Host)
	back.Header.Set("Sec-Fetch-Site", "cross-site")
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
