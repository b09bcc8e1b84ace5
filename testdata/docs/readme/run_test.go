package readme

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
)

const site = "http://localhost:3000"

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	for name, value := range map[string]string{"AUTH_SECRET": secret, "AUTH_URL": site, "AUTH_GITHUB_ID": "id", "AUTH_GITHUB_SECRET": "secret"} {
		os.Setenv(name, value)
	}
	config.HTTPClient = &http.Client{Transport: gitHub{}}
	os.Exit(m.Run())
}

// gitHub is a transport with the responses of GitHub. Its user 1 is Grace.
type gitHub struct{}

func (gitHub) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Host + r.URL.Path {
	case "github.com/login/oauth/access_token":
		io.WriteString(w, `{"access_token":"token-of-github","token_type":"bearer","scope":"read:user,user:email"}`)
	case "api.github.com/user":
		io.WriteString(w, `{"id":1,"login":"grace","name":"Grace Hopper","email":"grace@example.com"}`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), nil
}

// handler is a transport that serves the requests of a client in this process.
type handler struct{ http.Handler }

func (h handler) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
	in.Header = r.Header
	h.ServeHTTP(w, in)
	return w.Result(), nil
}

// A browser is a client with a cookie jar that does not follow redirects.
type browser struct {
	*testing.T
	client http.Client
}

func newBrowser(t *testing.T, h http.Handler) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, http.Client{
		Transport:     handler{h},
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (b *browser) read(res *http.Response, err error) (status int, body string) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return res.StatusCode, string(all)
}

func (b *browser) get(path string) (status int, body string) {
	b.Helper()
	return b.read(b.client.Get(site + path))
}

// post sends a form as nuxt-auth does, and returns the member url of the response.
func (b *browser) post(path string, form url.Values) string {
	b.Helper()
	var csrf struct{ CSRFToken string }
	var to struct{ URL string }
	_, body := b.get("/api/auth/csrf")
	if err := json.Unmarshal([]byte(body), &csrf); err != nil {
		b.Fatalf("%v: %s", err, body)
	}
	form.Set("csrfToken", csrf.CSRFToken)
	form.Set("callbackUrl", "/")
	form.Set("json", "true")
	status, body := b.read(b.client.PostForm(site+path, form))
	if err := json.Unmarshal([]byte(body), &to); err != nil {
		b.Fatalf("POST %s: %d %s: %v", path, status, body, err)
	}
	return to.URL
}

func (b *browser) signIn(username, password string) {
	b.Helper()
	b.post("/api/auth/callback/credentials", url.Values{"username": {username}, "password": {password}})
}

func (b *browser) signInWithGitHub() {
	b.Helper()
	to, err := url.Parse(b.post("/api/auth/signin/github", url.Values{}))
	if err != nil || to.Host != "github.com" {
		b.Fatalf("the sign-in redirects to %v, %v", to, err)
	}
	b.get("/api/auth/callback/github?" + url.Values{"code": {"a"}, "state": {to.Query().Get("state")}}.Encode())
}

func (b *browser) expect(path string, status int, body string) {
	b.Helper()
	if gotStatus, got := b.get(path); gotStatus != status || !strings.HasPrefix(got, body) {
		b.Errorf("GET %s: got %d %s, want %d %s", path, gotStatus, got, status, body)
	}
}

// A user signs in with each provider of the first block.
func TestSignIn_EachProvider(t *testing.T) {
	router, err := newRouter()
	if err != nil {
		t.Fatal(err)
	}
	for name, router := range map[string]*gin.Engine{"New": router, "Middleware": newSmallRouter()} {
		t.Run(name, func(t *testing.T) { testSignIns(t, router) })
	}
}

func testSignIns(t *testing.T, router *gin.Engine) {
	for name, tt := range map[string]struct {
		signIn  func(b *browser)
		session string // of GET /api/auth/session
		me      string
	}{
		"signed out":  {func(b *browser) {}, `{}`, `null`},
		"wrong":       {func(b *browser) { b.signIn("ada", "byron") }, `{}`, `null`},
		"credentials": {func(b *browser) { b.signIn("ada", "lovelace") }, `{"user":{"name":"Ada Lovelace","avatar":"/ada.svg","role":"admin"},"expires":"`, ""},
		"GitHub":      {(*browser).signInWithGitHub, `{"user":{"name":"Grace Hopper","avatar":"/grace.svg","role":"user"},"expires":"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(t, router)
			tt.signIn(b)
			b.expect("/api/auth/session", http.StatusOK, tt.session)
			if tt.me == "" {
				tt.me = tt.session
			}
			b.expect("/me", http.StatusOK, tt.me)
			if _, session := b.get("/api/auth/session"); strings.Contains(session, "token") {
				t.Errorf("the session has a token: %s", session)
			}
		})
	}
}

// newApplication returns the application that the test in the README uses.
func newApplication(t *testing.T) (*nuxtauth.Auth[Token, Session], *gin.Engine) {
	t.Helper()
	auth, err := nuxtauth.New(config)
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	addRoutes(r, auth)
	return auth, r
}

func TestJWT_SetsSubject(t *testing.T) {
	auth, router := newApplication(t)
	router.GET("/subject", auth.Require(), func(c *gin.Context) { c.String(http.StatusOK, auth.Token(c).Subject) })
	ada, grace := newBrowser(t, router), newBrowser(t, router)
	ada.signIn("ada", "lovelace")
	grace.signInWithGitHub()
	ada.expect("/subject", http.StatusOK, "1")
	grace.expect("/subject", http.StatusOK, "2") // not 1, her ID at GitHub, which is Ada's in the user API
}

func TestRequire_EachRoute(t *testing.T) {
	_, router := newApplication(t)
	out, ada, grace := newBrowser(t, router), newBrowser(t, router), newBrowser(t, router)
	ada.signIn("ada", "lovelace")
	grace.signInWithGitHub()

	out.expect("/profile", http.StatusUnauthorized, "")
	out.expect("/admin", http.StatusUnauthorized, "")
	ada.expect("/profile", http.StatusOK, "Hello, Ada Lovelace")
	ada.expect("/admin", http.StatusOK, "The users")
	grace.expect("/profile", http.StatusOK, "Hello, Grace Hopper")
	grace.expect("/admin", http.StatusForbidden, "")
}

// The other service reads the changed token.
func TestReader_ReadsUpdatedToken(t *testing.T) {
	auth, router := newApplication(t)
	r := authtest.Request(t, auth, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada"}, SessionToken: "token-of-ada"},
		"POST", site+"/name", strings.NewReader("name=Countess"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("POST /name: %d %s", w.Code, w.Body)
	}

	orders, err := newOrderService()
	if err != nil {
		t.Fatal(err)
	}
	after := httptest.NewRequest("GET", "/orders", nil)
	for _, c := range w.Result().Cookies() {
		after.AddCookie(c)
	}
	for _, tt := range []struct {
		r      *http.Request
		status int
		body   string
	}{
		{after, http.StatusOK, "The orders of Countess"},
		{httptest.NewRequest("GET", "/orders", nil), http.StatusUnauthorized, `{"message":"Sign in first."}`},
	} {
		w := httptest.NewRecorder()
		if orders.ServeHTTP(w, tt.r); w.Code != tt.status || w.Body.String() != tt.body {
			t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tt.status, tt.body)
		}
	}
}

// While the user API does not respond, the session stays.
func TestUnavailable_EndsNoSession(t *testing.T) {
	defer func(c nuxtauth.Config[Token, Session], p userAPI) { config, users = c, p }(config, users)
	session := config.Callbacks.Session
	config.Callbacks.Session = func(ctx context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
		s, err := session(ctx, p)
		return s, temporary(err)
	}
	_, router := newApplication(t)
	b := newBrowser(t, router)
	b.signIn("ada", "lovelace")

	users.down = &url.Error{Op: "Get", URL: "https://users.example.com", Err: errDown}
	b.expect("/profile", http.StatusServiceUnavailable, "")
	users.down = nil
	b.expect("/profile", http.StatusOK, "Hello, Ada Lovelace")
	users.down = errors.New("the session has ended")
	b.expect("/profile", http.StatusUnauthorized, "")
	users.down = nil
	b.expect("/profile", http.StatusUnauthorized, "")
}
