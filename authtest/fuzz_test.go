package authtest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/authtest"
)

// With all requests, the provider responds without a server error, and redirects to
// registered URLs alone.
func FuzzServeHTTP(f *testing.F) {
	idp, err := authtest.NewIDP(authtest.IDPConfig{
		Issuer: "http://idp.test", Users: authtest.DefaultUsers(), SigningAlgorithm: "ES256",
		ClientSecret: "secret", RedirectURIs: []string{callbackURL},
	})
	if err != nil {
		f.Fatal(err)
	}
	query := strings.TrimPrefix(authorizationURL(idp), "http://idp.test/authorize?")
	f.Add(true, "/authorize", query+"&response_mode=form_post", "", "")
	f.Add(false, "/login", "", query+"&username=alice&password=alice", "")
	f.Add(false, "/login", "", query+"&decision=deny", "")
	f.Add(false, "/token", "", codeForm(idp, "code").Encode(), "Basic YXV0aHRlc3Q6c2VjcmV0")
	f.Add(false, "/token", "", "client_assertion=a.b.c&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "")
	f.Add(true, "/userinfo", "", "", "Bearer token")
	f.Add(true, "/jwks", "", "", "")
	f.Add(true, "/logout", "client_id=authtest&post_logout_redirect_uri=https://evil.example&id_token_hint=a.b.c", "", "")
	f.Add(true, "//authorize", query, "%zz=;", "Basic %%%")

	f.Fuzz(func(t *testing.T, get bool, path, query, body, authorization string) {
		method := http.MethodPost
		if get {
			method = http.MethodGet
		}
		r := httptest.NewRequest(method, "/", strings.NewReader(body))
		r.URL.Path, r.URL.RawQuery = path, query
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		idp.ServeHTTP(w, r)

		if w.Code >= 500 {
			t.Errorf("%s %s: status %d: %s", method, path, w.Code, w.Body)
		}
		to := w.Header().Get("Location")
		if w.Code == http.StatusSeeOther && !strings.HasPrefix(to, callbackURL+"?") {
			t.Errorf("%s %s: Location %q", method, path, to)
		}
	})
}
