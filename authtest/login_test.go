package authtest_test

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

	"github.com/nuxtauth/nuxtauth/authtest"
)

// newBrowser returns a client that follows redirects except to the application's callback.
func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callbackURL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

var (
	formPattern  = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	inputPattern = regexp.MustCompile(`<input [^>]*name="([^"]*)"[^>]* value="([^"]*)"`)
)

// fields returns the fields of the form on a page.
func fields(page string) url.Values {
	values := url.Values{}
	for _, m := range inputPattern.FindAllStringSubmatch(page, -1) {
		values.Add(m[1], html.UnescapeString(m[2]))
	}
	return values
}

func read(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestLogin_FormAfterWrongPassword(t *testing.T) {
	idp := fastProvider(t)
	browser := newBrowser(t)
	res, err := browser.Get(authorizationURL(idp, "login_hint", "alice", "state", `"><script>x</script>`))
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, res)
	if res.StatusCode != http.StatusOK || strings.Contains(page, "<script") {
		t.Fatalf("status %d:\n%s", res.StatusCode, page)
	}
	form := fields(page)
	if form.Get("username") != "alice" {
		t.Error("login_hint is not in the form")
	}
	action := idp.Issuer() + formPattern.FindStringSubmatch(page)[1]

	for _, wrong := range []url.Values{{"username": {"alice"}, "password": {"wrong"}}, {"username": {"mallory"}, "password": {""}}} {
		maps.Copy(form, wrong)
		res, err = browser.PostForm(action, form)
		if err != nil {
			t.Fatal(err)
		}
		page = read(t, res)
		if res.StatusCode != http.StatusForbidden || !strings.Contains(page, `role="alert"`) {
			t.Fatalf("a wrong password: status %d:\n%s", res.StatusCode, page)
		}
		form = fields(page)
		if form.Get("username") != wrong.Get("username") {
			t.Error("the form has lost the username")
		}
	}

	form.Set("username", "alice")
	form.Set("password", "alice")
	res, err = browser.PostForm(action, form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	location, err := res.Location()
	if err != nil {
		t.Fatalf("the right password: status %d: %v", res.StatusCode, err)
	}
	query := location.Query()
	if res.StatusCode != http.StatusSeeOther || query.Get("state") != `"><script>x</script>` || query.Get("iss") != idp.Issuer() || query.Get("code") == "" {
		t.Errorf("status %d: %v", res.StatusCode, query)
	}
	if status, body := postToken(t, idp, codeForm(idp, query.Get("code")), nil); status != http.StatusOK {
		t.Errorf("the code is not valid: %v", body)
	}
}

func TestLogin_Page(t *testing.T) {
	idp, err := authtest.NewIDP(authtest.IDPConfig{
		Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256",
		Name: "Acme <b>", ClientName: "Shop & Co", Hint: "Try <i>alice</i>",
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, httptest.NewRequest(http.MethodGet, authorizationURL(idp), nil))
	page := w.Body.String()
	for _, want := range []string{
		`<label for="username">`, `<label for="password">`, `autocomplete="username"`, `autocomplete="current-password"`,
		`lang="en"`, "Acme &lt;b&gt;", "Shop &amp; Co", "Try &lt;i&gt;alice&lt;/i&gt;",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-", "script-src 'sha256-"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy has no %s", want)
		}
	}
	if strings.Contains(policy, "form-action") {
		t.Error("with form-action Chromium would block the redirect to the application")
	}
	if strings.Contains(policy, "unsafe-inline") {
		t.Error("the policy allows any inline script or style")
	}
}

func TestAuthorize_ErrorResponse(t *testing.T) {
	long := strings.Repeat("x", 43)
	for _, tc := range []struct {
		name    string
		changes []string
		want    string
	}{
		{"prompt=none", []string{"prompt", "none"}, "login_required"},
		{"no PKCE", []string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		{"plain PKCE", []string{"code_challenge_method", "plain"}, "invalid_request"},
		{"PKCE without a method", []string{"code_challenge_method", ""}, "invalid_request"},
		{"a challenge that is no hash", []string{"code_challenge", long + "x"}, "invalid_request"},
		{"implicit flow", []string{"response_type", "id_token"}, "unsupported_response_type"},
		{"no response_type", []string{"response_type", ""}, "unsupported_response_type"},
		{"fragment", []string{"response_mode", "fragment"}, "invalid_request"},
		{"request object", []string{"request", "x.y.z"}, "request_not_supported"},
		{"request object elsewhere", []string{"request_uri", "https://x.example"}, "request_uri_not_supported"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			idp := fastProvider(t)
			query := idp.SignIn(t, authorizationURL(idp, tc.changes...), "alice").URL.Query()
			if query.Get("error") != tc.want || query.Get("state") != "s1" || query.Get("iss") != idp.Issuer() || query.Has("code") {
				t.Errorf("got %v, want error %s", query, tc.want)
			}
		})
	}

	t.Run("a parameter twice", func(t *testing.T) {
		idp := fastProvider(t)
		query := idp.SignIn(t, authorizationURL(idp)+"&scope=openid", "alice").URL.Query()
		if query.Get("error") != "invalid_request" {
			t.Errorf("got %v", query)
		}
	})

	t.Run("Deny", func(t *testing.T) {
		idp := fastProvider(t)
		query := idp.Deny(t, authorizationURL(idp)).URL.Query()
		if query.Get("error") != "access_denied" || query.Get("state") != "s1" || query.Has("code") {
			t.Errorf("got %v", query)
		}
	})
}

func TestAuthorize_UnknownClient(t *testing.T) {
	idp, err := authtest.NewIDP(authtest.IDPConfig{
		Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256", RedirectURIs: []string{callbackURL},
	})
	if err != nil {
		t.Fatal(err)
	}
	anyURI := fastProvider(t)
	for name, request := range map[string]struct {
		idp *authtest.IDP
		url string
	}{
		"another client":            {idp, authorizationURL(idp, "client_id", "other")},
		"no client":                 {idp, authorizationURL(idp, "client_id", "")},
		"another redirect_uri":      {idp, authorizationURL(idp, "redirect_uri", callbackURL+"/")},
		"redirect_uri with a query": {idp, authorizationURL(idp, "redirect_uri", callbackURL+"?x=1")},
		"no redirect_uri":           {idp, authorizationURL(idp, "redirect_uri", "")},
		"two redirect_uris":         {idp, authorizationURL(idp) + "&redirect_uri=https://evil.example"},
		"javascript":                {anyURI, authorizationURL(anyURI, "redirect_uri", "javascript:alert(1)")},
		"fragment":                  {anyURI, authorizationURL(anyURI, "redirect_uri", callbackURL+"#x")},
		"relative":                  {anyURI, authorizationURL(anyURI, "redirect_uri", "/callback")},
	} {
		w := httptest.NewRecorder()
		request.idp.ServeHTTP(w, httptest.NewRequest(http.MethodGet, request.url, nil))
		if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
			t.Errorf("%s: status %d, Location %q", name, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestLogin_OtherRedirectURI(t *testing.T) {
	idp, err := authtest.NewIDP(authtest.IDPConfig{
		Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256", RedirectURIs: []string{callbackURL},
	})
	if err != nil {
		t.Fatal(err)
	}
	request, err := url.Parse(authorizationURL(idp))
	if err != nil {
		t.Fatal(err)
	}
	form := request.Query()
	form.Set("redirect_uri", "https://evil.example")
	form.Set("username", "alice")
	form.Set("password", "alice")
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" {
		t.Errorf("status %d, Location %q", w.Code, w.Header().Get("Location"))
	}
}

func TestAuthorize_FormPost(t *testing.T) {
	idp := fastProvider(t)
	for _, tc := range []struct {
		name string
		back *http.Request
		want string
	}{
		{"a code", idp.SignIn(t, authorizationURL(idp, "response_mode", "form_post"), "alice"), "code"},
		{"an error", idp.Deny(t, authorizationURL(idp, "response_mode", "form_post")), "error"},
		{"an immediate error", idp.SignIn(t, authorizationURL(idp, "response_mode", "form_post", "prompt", "none"), "alice"), "error"},
	} {
		if tc.back.Method != http.MethodPost || tc.back.URL.String() != callbackURL || tc.back.Header.Get("Origin") != idp.Issuer() {
			t.Errorf("%s: %s %s from %q", tc.name, tc.back.Method, tc.back.URL, tc.back.Header.Get("Origin"))
		}
		if err := tc.back.ParseForm(); err != nil {
			t.Fatal(err)
		}
		if tc.back.PostForm.Get(tc.want) == "" || tc.back.PostForm.Get("state") != "s1" || tc.back.PostForm.Get("iss") != idp.Issuer() {
			t.Errorf("%s: %v", tc.name, tc.back.PostForm)
		}
	}
}

func TestAuthorize_RedirectURIWithQuery(t *testing.T) {
	idp := fastProvider(t)
	query := idp.SignIn(t, authorizationURL(idp, "redirect_uri", callbackURL+"?tenant=a%26b"), "alice").URL.Query()
	if query.Get("tenant") != "a&b" || query.Get("code") == "" {
		t.Errorf("got %v", query)
	}
}

func TestAuthorize_PostedRequest(t *testing.T) {
	idp := fastProvider(t)
	request, err := url.Parse(authorizationURL(idp))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.PostForm(idp.Issuer()+"/authorize", request.Query())
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, res)
	if got := fields(page).Get("state"); got != "s1" {
		t.Errorf("the form has the state %q:\n%s", got, page)
	}
}

// WCAG 2.2: the title says that the form failed (2.4.2), and the focus ring has the colour
// of the button itself, not one mixed with the ground (1.4.11).
func TestLogin_TitleAndFocus(t *testing.T) {
	idp := fastProvider(t)
	browser := newBrowser(t)
	res, err := browser.Get(authorizationURL(idp))
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, res)
	if !strings.Contains(page, "<title>Sign in – ") || !strings.Contains(page, ":focus-visible { outline: 2px solid var(--accent);") {
		t.Errorf("the page has another title, or another focus ring:\n%.400s", page)
	}
	form := fields(page)
	form.Set("username", "alice")
	form.Set("password", "wrong")
	res, err = browser.PostForm(idp.Issuer()+formPattern.FindStringSubmatch(page)[1], form)
	if err != nil {
		t.Fatal(err)
	}
	if page := read(t, res); !strings.Contains(page, "<title>Error: Sign in – ") {
		t.Errorf("after a wrong password the title is another:\n%.300s", page)
	}
}
