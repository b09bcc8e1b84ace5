package conformance_test

import (
	"context"
	"errors"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

// Each test is about a published vulnerability of another library. docs/security.md lists
// all of them, with the tests in other packages.

// next-auth before 4.24.5: the cookie of the state, sealed with the same key,
// counted as the session of a user without a name.
func TestAdvisory_GHSA_v64w_49xw_qq89_AStateIsNoUser(t *testing.T) {
	idp := apptest.StartIDP(t)
	for _, protocol := range []nuxtauth.Protocol{nuxtauth.NextAuth, nuxtauth.AuthJS} {
		a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) { c.Protocol = protocol })
		a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "in") })
		a.Start("idp")
		for _, c := range a.Cookies() {
			b := a.Another()
			b.SetCookie(protocol.String()+".session-token", c.Value)
			if res := b.Get("/private"); res.StatusCode != http.StatusUnauthorized || b.Session() != nil {
				t.Errorf("%v: the cookie %s is a session", protocol, c.Name)
			}
			req := b.Request("GET", "/private", "", "")
			req.Header.Set("Authorization", "Bearer "+c.Value)
			if res := a.Another().Do(req); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%v: the cookie %s is a Bearer token", protocol, c.Name)
			}
		}
	}
}

// next-auth before 4.20.1: a callback that belonged to no sign-in of the browser
// was processed without state, nonce and PKCE.
func TestAdvisory_GHSA_7r7x_4c4q_c4qf_AnInterruptedSignInIsNotFinished(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	query := idp.SignIn(t, a.Start("idp"), "alice").URL.Query()
	for name, change := range map[string]func(url.Values){
		"no state":     func(q url.Values) { q.Del("state") },
		"empty state":  func(q url.Values) { q.Set("state", "") },
		"other state":  func(q url.Values) { q.Set("state", strings.Repeat("A", len(q.Get("state")))) },
		"state twice":  func(q url.Values) { q.Add("state", q.Get("state")) },
		"same prefix":  func(q url.Values) { q.Set("state", q.Get("state")[:12]+"AAAAAAAAAAAAAA") },
		"shorter":      func(q url.Values) { q.Set("state", q.Get("state")[:12]) },
		"no code":      func(q url.Values) { q.Del("code") },
		"code twice":   func(q url.Values) { q.Add("code", q.Get("code")) },
		"error beside": func(q url.Values) { q.Set("error", "x") },
	} {
		q, _ := url.ParseQuery(query.Encode())
		change(q)
		b := a.Copy()
		res := b.Get("/api/auth/callback/idp?" + q.Encode())
		apptest.NotSignedIn(t, name, res)
		if !strings.HasPrefix(res.Header.Get("Location"), a.URL+"/api/auth/error?error=") || b.Session() != nil {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.Header.Get("Location"))
		}
	}
	for name, b := range map[string]*apptest.App{"no cookie": a.Another(), "an emptied cookie": a.Copy()} {
		for _, c := range a.CheckCookies() {
			if name != "no cookie" {
				b.SetCookie(c.Name, "")
			}
		}
		if res := b.Get("/api/auth/callback/idp?" + query.Encode()); b.Session() != nil {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	if n := len(idp.Requests("/token")); n != 0 {
		t.Errorf("%d codes were sent to the provider", n)
	}
}

// next-auth before 4.24.15: reading a malformed Authorization header threw.
func TestAdvisory_GHSA_xmf8_cvqr_rfgj_AMalformedBearerHeaderIsSignedOut(t *testing.T) {
	a := apptest.New(t)
	for _, header := range []string{
		"Bearer %", "Bearer %E0%A4%A", "Bearer %zz", "Bearer %00", "Bearer \xff\xfe", "Bearer", "Bearer ", "bearer\t", "Bearer Bearer Bearer", "Bearer  .", "Bearer ....", "Bearer " + strings.Repeat(".", 8000),
		"Bearer " + strings.Repeat("%41", 20_000), "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer null", "Bearer undefined", "Bearer a,Bearer b", `Bearer "x"`, "Basic %", "%", "", "Digest username=\"x\"", "Bearer\u00a0x",
	} {
		for _, path := range []string{"/me", "/api/auth/session", "/api/auth/signout", "/api/auth/csrf"} {
			for _, method := range []string{"GET", "POST"} {
				req := httptest.NewRequest(method, path, strings.NewReader("csrfToken=x"))
				req.Header.Set("Content-Type", apptest.FormType)
				req.Header["Authorization"] = []string{header, "Bearer second"}
				rec := httptest.NewRecorder()
				a.Router.ServeHTTP(rec, req)
				apptest.NotSignedIn(t, shorten(header), apptest.Recorded(rec))
				if method == "GET" && path == "/me" && rec.Body.String() != "null" {
					t.Errorf("%s: %d %s", shorten(header), rec.Code, rec.Body)
				}
			}
		}
		req := httptest.NewRequest("GET", "/", nil)
		req.Header.Set("Authorization", header)
		if tok, err := apptest.ReadToken[apptest.Token](req, nuxtauth.ReaderConfig{Secret: apptest.Secret, URL: a.URL}); err == nil || tok != nil {
			t.Errorf("the Reader accepts %s", shorten(header))
		}
	}
}

// brokenStore finds a fixed record with a fixed error.
type brokenStore struct {
	*apptest.Store
	record *store.Record
	err    error
	finds  int // calls of FindSession
}

func (b *brokenStore) FindSession(context.Context, string) (*store.Record, error) {
	b.finds++
	return b.record, b.err
}

// next-auth 5 before beta.32: with a broken configuration the session object
// contained the error, and `if (session)` accepted every request.
func TestAdvisory_GHSA_8fpg_xm3f_6cx3_AnErrorIsNobodySignedIn(t *testing.T) {
	if auth, err := nuxtauth.New(apptest.Config{URL: "http://x", Secret: "short"}); err == nil || auth != nil {
		t.Errorf("a broken configuration gives %v, %v", auth, err)
	}
	for name, b := range map[string]*brokenStore{
		"a record and an error": {record: &store.Record{Subject: "1", Claims: []byte(`{"sub":"1","iat":1,"exp":9999999999}`)}, err: apptest.ErrDown},
		"an unreadable record":  {record: &store.Record{Subject: "1", Claims: []byte(`{"sub":`)}},
		"an empty record":       {record: &store.Record{}},
	} {
		s := apptest.NewStore()
		a := apptest.New(t, s.Use, func(c *apptest.Config) {
			b.Store = s
			c.Session.Store = b
		})
		a.Router.GET("/private", a.Auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "in") })
		a.Router.GET("/if", func(c *gin.Context) {
			if s := nuxtauth.SessionFrom[apptest.Session](c); s != nil || a.Auth.Token(c) != nil || a.Auth.Session(c) != nil {
				c.String(http.StatusOK, "in")
			}
		})
		handle, _ := store.NewHandle()
		a.SetCookie(apptest.SessionCookie, handle)
		want := http.StatusUnauthorized
		if b.err != nil {
			want = http.StatusServiceUnavailable
		}
		if res := a.Get("/private"); res.StatusCode != want && res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: Require responds with %d %s", name, res.StatusCode, res.Text)
		}
		a.SetCookie(apptest.SessionCookie, handle)
		if res := a.Get("/if"); res.Text != "" {
			t.Errorf("%s: a handler gets a session", name)
		}
		a.SetCookie(apptest.SessionCookie, handle)
		if a.Session() != nil {
			t.Errorf("%s: the front end gets a session", name)
		}
		if b.finds < 3 {
			t.Errorf("%s: the store was called %d times", name, b.finds)
		}
	}
}

// next-auth before 4.24.15: with a trusted host, a forwarded one could win over
// the configured URL.
func TestAdvisory_NextAuthDetectOrigin_TheURLWinsOverATrustedHost(t *testing.T) {
	idp := apptest.StartIDP(t)
	p := newProber(t, apptest.WithProviders(idp), func(c *apptest.Config) { c.TrustHost = true })
	req := httptest.NewRequest("POST", "/api/auth/signin/idp", strings.NewReader("csrfToken="+p.token))
	for name, value := range map[string]string{"Content-Type": apptest.FormType, "Cookie": p.cookie, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"} {
		req.Header.Set(name, value)
	}
	to, err := url.Parse(p.send(req).Header().Get("Location"))
	if err != nil || to.Query().Get("redirect_uri") != "http://localhost:3000/api/auth/callback/idp" {
		t.Errorf("a sign-in redirects to %s", to)
	}
}

// "CVE-2026-2912", Better Auth CVE-2025-61928, next-auth's trigger "update": the
// identity of a user comes from the token alone, and from no other part of a request.
func TestAdvisory_CVE_2025_61928_NoRequestSaysWhoItIs(t *testing.T) {
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a := apptest.New(t, storage)
		a.Router.GET("/identity", func(c *gin.Context) {
			d := a.Auth.Token(c).DefaultJWT
			c.String(http.StatusOK, d.Subject+" "+d.Name+" "+d.Email)
		})
		a.SignIn()
		claims := `{"sub":"2","id":"2","userId":"2","name":"Eve","email":"eve@example.com","role":"admin","expires":"2999-01-01T00:00:00.000Z","exp":9999999999,"user":{"id":"2","name":"Eve","role":"admin"},"token":{"sub":"2"},"session":{"user":{"name":"Eve"}}}`
		res := a.Update(claims)
		if s := a.SessionIn(res); s == nil || s.User.Name != "Ada Lovelace" || s.User.Role != "" || s.Expires.Time().After(a.Clock.Now().Add(31*24*time.Hour)) {
			t.Errorf("after an update the session is %s", res.Text)
		}
		req := a.Request("GET", "/identity?sub=2&userId=2&user=2", "application/json", claims)
		for _, name := range []string{"X-User-Id", "X-Auth-User", "Remote-User", "X-Forwarded-User"} {
			req.Header.Set(name, "2")
		}
		if got := a.Do(req).Text; got != "1 Ada Lovelace ada@example.com" {
			t.Errorf("the request has the identity %q", got)
		}
	})
}

// Better Auth GHSA-g38m-r43w-p2q7: users of two providers with the same e-mail
// address, verified or not, stay two users.
func TestAdvisory_GHSA_g38m_r43w_p2q7_AnEMailAddressLinksNothing(t *testing.T) {
	for _, verified := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
		start := func(subject string, verified bool) *authtest.IDP {
			return authtest.IDPConfig{SigningAlgorithm: "ES256", Users: []authtest.IDPUser{{Subject: subject, Username: "u", Password: "u", Email: "same@example.com", EmailVerified: verified}}}.Start(t)
		}
		one, two := start("one", verified[0]), start("two", verified[1])
		a := apptest.New(t, apptest.WithProviders(one, two), apptest.Storages["memory"])
		victim, other := a.Another(), a.Another()
		victim.Follow(one.SignIn(t, victim.Start("idp"), "u"))
		other.Follow(two.SignIn(t, other.Start("idp2"), "u"))
		for subject, id := range map[string]string{"one": "idp", "two": "idp2"} {
			if list, err := a.Auth.ListSessions(t.Context(), subject); err != nil || len(list) != 1 || list[0].Provider != id {
				t.Errorf("%v: %s has the sessions %+v, %v", verified, subject, list, err)
			}
		}
	}
}

// Better Auth GHSA-2vg6-77g8-24mp: a deleted user has no sessions.
func TestAdvisory_GHSA_2vg6_77g8_24mp_SessionsEndWithTheirUser(t *testing.T) {
	for _, name := range []string{"memory", "deny-list"} {
		a := apptest.New(t, apptest.Storages[name])
		a.SignIn()
		phone := a.Another()
		phone.SignIn()
		if _, err := a.Auth.RevokeSessions(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		a.Clock.Advance(25 * time.Hour) // a renewal must not revive them
		if a.Session() != nil || phone.Session() != nil {
			t.Errorf("%s: a session of the deleted user", name)
		}
	}
}

// Better Auth GHSA-xg6x-h9c9-2m83: before the second factor there is no session in any
// cookie.
func TestAdvisory_GHSA_xg6x_h9c9_2m83_NoCookieBeforeTheLastWord(t *testing.T) {
	idp := apptest.StartIDP(t)
	apptest.EachStorage(t, func(t *testing.T, storage func(*apptest.Config)) {
		a := apptest.New(t, storage, apptest.WithProviders(idp), func(c *apptest.Config) {
			c.Callbacks.SignIn = func(context.Context, nuxtauth.SignInParams) error { return nuxtauth.RedirectTo("/second-factor") }
		})
		apptest.NotSignedIn(t, "credentials", a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace")))
		res := a.Follow(idp.SignIn(t, a.Start("idp"), "alice"))
		apptest.NotSignedIn(t, "OpenID", res)
		if res.Header.Get("Location") != a.URL+"/second-factor" || a.Session() != nil || a.Get("/me").Text != "null" {
			t.Errorf("a sign-in without the second factor redirects to %s", res.Header.Get("Location"))
		}
	})
}

// gin CVE-2020-28483: the address of a client is taken from X-Forwarded-For
// only where the application trusts the proxy.
func TestAdvisory_CVE_2020_28483_ForwardedAddressesNeedATrustedProxy(t *testing.T) {
	a := apptest.New(t, apptest.Storages["memory"])
	if err := a.Router.SetTrustedProxies(nil); err != nil {
		t.Fatal(err)
	}
	req := a.Request("POST", "/api/auth/callback/credentials", apptest.FormType, "username=ada&password=lovelace&csrfToken="+a.CSRF())
	req.Header.Set("X-Forwarded-For", "203.0.113.9")
	req.Header.Set("X-Real-Ip", "203.0.113.9")
	a.Do(req)
	list, err := a.Auth.ListSessions(t.Context(), "1")
	if err != nil || len(list) != 1 || list[0].IP != "127.0.0.1" {
		t.Errorf("sessions %+v, %v", list, err)
	}
}

// rs/cors CVE-2025-47908: a preflight with thousands of commas is not parsed.
// casdoor GO-2024-3087: no origin is reflected.
func TestAdvisory_CVE_2025_47908_APreflightFloodIsNotRead(t *testing.T) {
	p := newProber(t, func(c *apptest.Config) { c.TrustedOrigins = []string{"https://app.example.com"} })
	for _, origin := range []string{"https://app.example.com", "https://evil.example", "https://app.example.com.evil.example", "https://evilapp.example.com", "https://app.example.com,https://evil.example", "HTTPS://APP.EXAMPLE.COM", "https://app.example.com/", "https://app.example.com:443", "null", "*", "https://app.example.com\x00.evil.example"} {
		req := httptest.NewRequest("OPTIONS", "/api/auth/session", nil)
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", strings.Repeat(",", 200_000))
		rec := p.send(req)
		got := rec.Header().Get("Access-Control-Allow-Origin")
		if trusted := origin == "https://app.example.com"; trusted != (got == origin) || got == "*" || !trusted && got != "" || len(rec.Header().Get("Access-Control-Allow-Headers")) > 100 {
			t.Errorf("%q: %d %v", origin, rec.Code, rec.Header())
		}
	}
}

// ory/hydra CVE-2019-8400: the error text of a provider is in the log alone, and in no
// page or redirect.
func TestAdvisory_CVE_2019_8400_AProvidersErrorTextIsNotShown(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp))
	for _, code := range []string{"access_denied", "server_error", "<script>alert(1)</script>", "Configuration&x=<b>"} {
		for _, method := range []string{"GET", "POST"} { // POST is response_mode=form_post
			state := idp.Deny(t, a.Start("idp")).URL.Query().Get("state")
			const evil = `"><script>alert('leaked-text')</script>`
			q := url.Values{"state": {state}, "error": {code}, "error_description": {evil}, "error_hint": {evil}, "error_uri": {"javascript:alert(1)"}}
			req := a.Request("GET", "/api/auth/callback/idp?"+q.Encode(), "", "")
			if method == "POST" {
				req = a.Request("POST", "/api/auth/callback/idp", apptest.FormType, q.Encode())
			}
			res := a.Do(req)
			for res.StatusCode == http.StatusFound {
				to := res.Header.Get("Location")
				if strings.Contains(to, "script") || strings.Contains(to, "leaked-text") || !strings.HasPrefix(to, a.URL+"/api/auth/error?error=") && !strings.HasPrefix(to, a.URL+"/api/auth/signin?error=") {
					t.Fatalf("%s %s redirects to %s", method, code, to)
				}
				res = a.Get(strings.TrimPrefix(to, a.URL))
			}
			if strings.Contains(res.Text, "alert(") || strings.Contains(res.Text, "leaked-text") || res.StatusCode >= 500 || len(a.CheckCookies()) != 0 {
				t.Errorf("%s %s: %d %s", method, code, res.StatusCode, res.Text)
			}
		}
	}
}

// Nuxt GHSA-hg3f-28rg-4jxj: route middleware of a front end is no authorization. Require
// rejects requests of every form.
func TestAdvisory_GHSA_hg3f_28rg_4jxj_TheAPIRefusesByItself(t *testing.T) {
	a := apptest.New(t)
	a.Router.Any("/private/*x", a.Auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, "inside") })
	for _, path := range []string{"/private/", "/private/__nuxt_island/x", "/private/_payload.json", "/private/x?_data=1", "/private/x.css", "/private/api/auth/session", "/private/..%2fapi%2fauth/session"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
			req := a.Request(method, path, "", "")
			for name, value := range map[string]string{"X-Nuxt-Island": "1", "X-Middleware-Subrequest": "middleware", "X-Nitro-Prerender": "1", "Accept": "text/html", "Sec-Fetch-Mode": "no-cors"} {
				req.Header.Set(name, value)
			}
			if res := a.Do(req); res.StatusCode != http.StatusUnauthorized || strings.Contains(res.Text, "inside") {
				t.Errorf("%s %s: %d %s", method, path, res.StatusCode, res.Text)
			}
		}
	}
}

// golang-jwt CVE-2024-51744: an expired token with a bad signature is invalid,
// and not only expired.
func TestAdvisory_CVE_2024_51744_AnExpiredForgeryIsAForgery(t *testing.T) {
	a := apptest.New(t)
	a.SignIn()
	sealed := a.Cookie(apptest.SessionCookie)
	a.Clock.Advance(31 * 24 * time.Hour)
	o := nuxtauth.ReaderConfig{Secret: apptest.Secret, URL: a.URL, Now: a.Clock.Now}
	if _, err := apptest.ReadToken[apptest.Token](requestWith(sealed), o); !errors.Is(err, token.ErrExpired) {
		t.Errorf("an expired token: %v", err)
	}
	flipped := []byte(sealed)
	flipped[len(flipped)-10] ^= 1
	if _, err := apptest.ReadToken[apptest.Token](requestWith(string(flipped)), o); !errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrExpired) {
		t.Errorf("an expired token that was changed: %v", err)
	}
}

// x/oauth2/jws CVE-2025-22868, and others: the packages are not used. modproxy and mutate,
// which are in no program, run the go command. The slow parser of net/mail gets addresses of
// at most 254 octets, without the forms that are slow.
func TestAdvisory_CVE_2025_22868_PackagesThatAreNotUsed(t *testing.T) {
	banned := []string{"golang.org/x/oauth2/jws", "golang.org/x/oauth2/jwt", "golang.org/x/oauth2/google", "net/mail", "encoding/xml", "encoding/gob", "text/template", "os/exec", "unsafe", "math/rand", "crypto/md5", "crypto/des", "crypto/rc4"}
	const root = "../.."
	parsesAddresses := []string{"internal/address", "mail/smtp"}
	files := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && file != root && (name == "testdata" || name == "node_modules" || name == "example" || name == "bench" || name == "e2e" || name == "modproxy" || name == "mutate" || name[0] == '.') {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		for _, spec := range f.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			dir, _ := filepath.Rel(root, filepath.Dir(file))
			if slices.Contains(banned, name) && (name != "net/mail" || !slices.Contains(parsesAddresses, filepath.ToSlash(dir))) {
				t.Errorf("%s imports %s", file, name)
			}
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Errorf("%d files, %v", files, err)
	}
}

// go-pkgz/auth CVE-2026-42560: a user without an ID, from Profile or Authorize,
// is not signed in.
func TestAdvisory_CVE_2026_42560_NobodySignsInWithoutAnID(t *testing.T) {
	idp := apptest.StartIDP(t)
	a := apptest.New(t, apptest.WithProviders(idp), func(c *apptest.Config) {
		c.Providers[0] = provider.Credentials(func(context.Context, url.Values) (*provider.User, error) {
			return &provider.User{Name: "No ID", Email: "s@example.com"}, nil
		})
		c.Providers[1].Profile = func(context.Context, provider.ProfileRequest) (*provider.User, error) {
			return &provider.User{Name: "No ID", Email: "s@example.com"}, nil
		}
	})
	apptest.NotSignedIn(t, "credentials", a.Post("/api/auth/callback/credentials", a.CredentialsForm("ada", "lovelace")))
	apptest.NotSignedIn(t, "OpenID", a.Follow(idp.SignIn(t, a.Start("idp"), "alice")))
	if a.Session() != nil {
		t.Error("a user without an ID is signed in")
	}
}

// ory/fosite CVE-2020-15223: an error of a revocation is reported, here of all
// sessions of a user.
func TestAdvisory_CVE_2020_15223_ARevocationThatFailsSaysSo(t *testing.T) {
	for kind, as := range map[string]func(*apptest.Store) func(*apptest.Config){
		"store":     func(s *apptest.Store) func(*apptest.Config) { return s.Use },
		"deny-list": func(s *apptest.Store) func(*apptest.Config) { return s.UseAsDenyList },
	} {
		s := apptest.NewStore()
		a := apptest.New(t, as(s))
		a.SignIn()
		s.Fail(apptest.ErrDown)
		if _, err := a.Auth.RevokeSessions(t.Context(), "1"); !errors.Is(err, apptest.ErrDown) {
			t.Errorf("%s: RevokeSessions: %v", kind, err)
		}
		if res := a.SignOut(); res.StatusCode != http.StatusServiceUnavailable || a.Cookie(apptest.SessionCookie) == "" {
			t.Errorf("%s: sign-out: status %d", kind, res.StatusCode)
		}
		s.Fail(nil)
		if a.Session() == nil {
			t.Errorf("%s: the session that was not ended is gone", kind)
		}
	}
}
