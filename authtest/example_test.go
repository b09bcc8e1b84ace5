package authtest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/authtest/hostile"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// A test of a handler for signed-in users, and of one for administrators.
func ExampleRequest() {
	auth, router := newApp("http://localhost:3000")
	ada := &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada"}, Role: "admin"}
	bob := &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "2", Name: "Bob"}}

	for _, r := range []*http.Request{
		httptest.NewRequest("GET", "/profile", nil), // signed out
		authtest.Request(t, auth, bob, "GET", "/profile", nil),
		authtest.Request(t, auth, bob, "GET", "/admin", nil),
		authtest.Request(t, auth, ada, "GET", "/admin", nil),
	} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}

	// Output:
	// 401 {"message":"Sign in first."}
	// 200 Hello, Bob
	// 403 {"message":"You may not do this."}
	// 200 The users
}

func ExampleJar() {
	server, auth := startApp()
	ada := &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada"}}

	client := server.Client()
	client.Jar = authtest.Jar(t, auth, ada, server.URL)
	fmt.Println(text(client.Get(server.URL + "/profile")))

	// Output: Hello, Ada
}

// A provider below a path of a server, for a demo.
func ExampleNewIDP() {
	idp, err := authtest.NewIDP(authtest.IDPConfig{
		Issuer:       "http://localhost:8080/idp",
		RedirectURIs: []string{"http://localhost:8080/api/auth/callback/demo"},
		Users:        []authtest.IDPUser{{Username: "ada", Password: "lovelace", Name: "Ada Lovelace", Email: "ada@example.com"}},
		Hint:         "Sign in as ada with the password lovelace.",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/idp/", idp)

	entry := idp.AsProvider("demo") // for Config.Providers
	fmt.Println(entry.ID, entry.Type, entry.Issuer)
	// Output: demo oidc http://localhost:8080/idp
}

// A user of the test.
func ExampleIDP_SignIn() {
	idp := authtest.StartIDP(t, authtest.IDPUser{
		Username: "grace",
		Name:     "Grace Hopper",
		Claims:   map[string]any{"groups": []string{"staff"}},
	})
	server, _ := startApp(idp.AsProvider("test"))
	client := newClient()

	authorizationURL := authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test")
	fmt.Println(text(client.Do(idp.SignIn(t, authorizationURL, "grace"))))

	// Output: Hello, Grace Hopper
}

// A test of what a user sees who has signed in with the provider.
func ExampleIDP_SignInClient() {
	idp := authtest.StartIDP(t, authtest.IDPUser{Username: "grace", Name: "Grace Hopper"})
	server, _ := startApp(idp.AsProvider("test"))

	client := server.Client()
	idp.SignInClient(t, client, server.URL+"/api/auth/signin/test", "grace")
	fmt.Println(text(client.Get(server.URL + "/profile")))

	// Output: Hello, Grace Hopper
}

// A sign-out, as the form of a page posts it.
func ExampleCSRFToken() {
	server, auth := startApp()
	client := server.Client()
	client.Jar = authtest.Jar(t, auth, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Name: "Ada"}}, server.URL)

	form := url.Values{"csrfToken": {authtest.CSRFToken(t, client, server.URL+"/api/auth")}}
	fmt.Println(text(client.PostForm(server.URL+"/api/auth/signout", form)))

	// Output: Hello, guest
}

// A user who does not allow the access.
func ExampleIDP_Deny() {
	idp := authtest.StartIDP(t)
	server, _ := startApp(idp.AsProvider("test"))
	client := newClient()

	authorizationURL := authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test")
	res, err := client.Do(idp.Deny(t, authorizationURL))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(res.Request.URL.Path, res.Request.URL.Query().Get("error"))

	// Output: /api/auth/signin Cancelled
}

// A sign-in while the token endpoint of the provider fails.
func ExampleIDP_SetFaults() {
	idp := authtest.StartIDP(t)
	server, _ := startApp(idp.AsProvider("test"))
	client := newClient()

	idp.SetFaults(hostile.TokenServerError)
	authorizationURL := authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test")
	res, err := client.Do(idp.SignIn(t, authorizationURL, "alice"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(res.Request.URL.Path, res.Request.URL.Query().Get("error"))

	// Output: /api/auth/signin OAuthCallback
}

// A user who signs out at the provider.
func ExampleIDP_LogoutToken() {
	idp := authtest.StartIDP(t)
	entry := idp.AsProvider("test")
	entry.BackchannelLogout = true
	server, _ := startApp(entry)
	client := newClient()
	authorizationURL := authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test")
	fmt.Println(text(client.Do(idp.SignIn(t, authorizationURL, "alice"))))

	s := idp.Sessions()[0]
	form := url.Values{"logout_token": {idp.LogoutToken(t, s.Subject, s.ID)}}
	text(http.PostForm(server.URL+"/api/auth/backchannel-logout/test", form))
	fmt.Println(text(client.Get(server.URL + "/")))

	// Output:
	// Hello, Alice Liddell
	// Hello, guest
}

// What the application sends to the provider.
func ExampleIDP_Requests() {
	idp := authtest.StartIDP(t)
	server, _ := startApp(idp.AsProvider("test"))
	client := newClient()
	authorizationURL := authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test")
	fmt.Println(text(client.Do(idp.SignIn(t, authorizationURL, "alice"))))

	fmt.Println(idp.Requests("/authorize")[0].Query.Get("scope"))
	fmt.Println(idp.Requests("/token")[0].Form.Get("grant_type"))
	fmt.Println(idp.Requests("/token")[0].Form.Has("code_verifier"))

	// Output:
	// Hello, Alice Liddell
	// openid profile email
	// authorization_code
	// true
}

// newApp returns the application of the examples.
func newApp(url string, providers ...provider.Provider) (*nuxtauth.Auth[Token, Session], *gin.Engine) {
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret:    "a-secret-of-at-least-32-characters",
		URL:       url,
		Providers: providers,
		Logger:    slog.New(slog.DiscardHandler),
		Session:   nuxtauth.SessionConfig{DenyList: store.NewMemory(store.MemoryOptions{})},
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				p.Session.User = User{Name: p.Token.Name, Role: p.Token.Role}
				return p.Session, nil
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	router := gin.New()
	router.Use(auth.Middleware())
	router.GET("/", func(c *gin.Context) {
		name := "guest"
		if s := auth.Session(c); s != nil {
			name = s.User.Name
		}
		c.String(http.StatusOK, "Hello, %s", name)
	})
	router.GET("/profile", auth.Require(), func(c *gin.Context) {
		c.String(http.StatusOK, "Hello, %s", auth.Session(c).User.Name)
	})
	isAdmin := func(s *Session) bool { return s.User.Role == "admin" }
	router.GET("/admin", auth.Require(isAdmin), func(c *gin.Context) { c.String(http.StatusOK, "The users") })
	return auth, router
}

// startApp starts the application of the examples.
func startApp(providers ...provider.Provider) (*httptest.Server, *nuxtauth.Auth[Token, Session]) {
	server := httptest.NewUnstartedServer(nil)
	auth, router := newApp("http://"+server.Listener.Addr().String(), providers...)
	server.Config.Handler = router
	server.Start()
	t.Cleanup(server.Close)
	return server, auth
}

// newClient returns a client with a cookie jar.
func newClient() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// text returns the body of a response, which it closes.
func text(res *http.Response, err error) string {
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// t is what an example has in place of the *testing.T of a test.
var t = new(exampleT)

type exampleT struct {
	testing.TB
	cleanup []func()
}

func (*exampleT) Helper()                   {}
func (*exampleT) Context() context.Context  { return context.Background() }
func (t *exampleT) Cleanup(f func())        { t.cleanup = append(t.cleanup, f) }
func (*exampleT) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (*exampleT) Fatalf(s string, a ...any) { panic(fmt.Sprintf(s, a...)) }

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	code := m.Run()
	for _, f := range t.cleanup {
		f()
	}
	os.Exit(code)
}
