package nuxtauth_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/token"
)

// Behind a proxy that serves several domains. With one domain, set URL in place of
// TrustHost.
func ExampleConfig_proxy() {
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret:         secret,
		Logger:         slog.New(slog.DiscardHandler),
		TrustHost:      true, // the proxy sets X-Forwarded-Host and X-Forwarded-Proto
		TrustedOrigins: []string{"https://shop.example.com", "https://shop.example.org"},
		Pages:          nuxtauth.Pages{SignIn: "/login"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := gin.New()
	if err := r.SetTrustedProxies([]string{"10.0.0.0/8"}); err != nil { // for the addresses of clients
		fmt.Println(err)
		return
	}
	r.Use(auth.Middleware())

	for _, host := range []string{"shop.example.org", "evil.example"} {
		request := httptest.NewRequest("GET", "/api/auth/signin", nil)
		request.Header.Set("X-Forwarded-Host", host)
		request.Header.Set("X-Forwarded-Proto", "https")
		w := httptest.NewRecorder()
		r.ServeHTTP(w, request)
		fmt.Println(w.Code, w.Header().Get("Location"))
	}
	// Output:
	// 302 /login?callbackUrl=https%3A%2F%2Fshop.example.org
	// 400
}

// The new secret seals, and the old one still opens: no user is signed out. Remove the old
// secret when Session.MaxAge has passed.
func ExampleConfig_rotation() {
	const newSecret = "another-secret-of-32-characters-or-more"
	before, r := newApp(nuxtauth.Config[Token, Session]{Secret: secret})
	browser := signedIn(before, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})

	after, r := newApp(nuxtauth.Config[Token, Session]{Secret: newSecret, OldSecrets: []string{secret}})
	r.GET("/me", after.Require(), func(c *gin.Context) { c.String(http.StatusOK, after.Subject(c)) })
	browser.app = r // deployed
	fmt.Println(browser.get("/me"))
	// Output: 200 1
}

// Requests for static files do not load the session.
func ExampleConfig_skip() {
	_, r := newApp(nuxtauth.Config[Token, Session]{
		Skip: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/assets/") },
	})
	handler := func(c *gin.Context) {
		_, loaded := c.Get(nuxtauth.SessionKey)
		c.String(http.StatusOK, "loaded: %t", loaded)
	}
	r.GET("/assets/*file", handler)
	r.GET("/me", handler)

	visitor := &frontEnd{app: r}
	fmt.Println(visitor.get("/assets/logo.svg"))
	fmt.Println(visitor.get("/me"))
	// Output:
	// 200 loaded: false
	// 200 loaded: true
}

// A program that shows which setting is wrong.
func ExampleConfigErrors() {
	_, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret: "too short",
		URL:    "http://localhost:3000",
		Pages:  nuxtauth.Pages{SignIn: "login"},
	})
	for e := range nuxtauth.ConfigErrors(err) {
		fmt.Println(e.Field, "-", e)
	}
	// Output:
	// Secret - nuxtauth: Config.Secret (or AUTH_SECRET) has 9 characters: write at least 32, for instance the output of `openssl rand -base64 33`
	// Pages.SignIn - nuxtauth: Pages.SignIn is "login": write a path such as "/login", or an absolute URL
}

// Customers and staff of one application: each Auth has its own base path, secret and
// names of cookies, and can have its own types.
func ExampleCookies() {
	customers, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret: secret, URL: "http://localhost:3000",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	staff, err := nuxtauth.New(nuxtauth.Config[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[nuxtauth.DefaultUser]]{
		Secret: "another-secret-of-32-characters-or-more", URL: "http://localhost:3000",
		BasePath: "/staff/auth",
		Cookies:  nuxtauth.Cookies{Prefix: "staff"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := gin.New()
	r.Use(customers.Middleware(), staff.Middleware())
	handler := func(c *gin.Context) { c.String(http.StatusOK, "done") }
	r.GET("/orders", customers.Require(), handler)
	r.GET("/staff/orders", staff.Require(), handler)

	browser := signedIn(staff, r, &nuxtauth.DefaultJWT{Subject: "1"})
	fmt.Println(browser.cookies[0].Name)
	fmt.Println(browser.get("/staff/orders"))
	fmt.Println(browser.get("/orders"))
	// Output:
	// staff.session-token
	// 200 done
	// 401 {"message":"Sign in first."}
}

// The form has a field "tenant": an account is a name within a tenant.
func ExampleSignInLimit() {
	_, r := newApp(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.Credentials(checkPassword)},
		SignInLimit: nuxtauth.SignInLimit{
			PerAccount: 2, // in 15 minutes
			Account: func(form url.Values) string {
				return form.Get("tenant") + "/" + form.Get("username")
			},
		},
	})

	browser := &frontEnd{app: r}
	for _, password := range []string{"1234", "qwerty", "lovelace"} {
		fmt.Println(browser.post("/api/auth/callback/credentials",
			fmt.Sprintf(`{"tenant":"north","username":"ada","password":%q}`, password)))
	}
	// Output:
	// 401 {"url":"http://localhost:3000/api/auth/error?error=CredentialsSignin&provider=credentials"}
	// 401 {"url":"http://localhost:3000/api/auth/error?error=CredentialsSignin&provider=credentials"}
	// 429 {"url":"http://localhost:3000/api/auth/error?error=TooManyAttempts&retryAfter=900"}
}

// The front end has a sign-in page of its own, which posts to /api/auth/signin/github and
// /api/auth/callback/credentials with the token from /api/auth/csrf.
func ExamplePages() {
	_, r := newApp(nuxtauth.Config[Token, Session]{
		Pages: nuxtauth.Pages{SignIn: "/login", Error: "/login"}, // both get ?error=
	})

	visitor := &frontEnd{app: r}
	fmt.Println(visitor.get("/api/auth/signin?callbackUrl=/profile"))
	// Output: 302 /login?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fprofile
}

// The front end uses next-auth v5, or another package that builds on @auth/core.
func ExampleProtocol() {
	auth, _ := newApp(nuxtauth.Config[Token, Session]{Protocol: nuxtauth.AuthJS})

	issued, err := auth.Issue(context.Background(), &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(issued.Cookies[0].Name)
	// Output: authjs.session-token
}

// A gateway verifies the tokens with the public key. They are signed and not encrypted:
// the user can read them, so the token type has no secret.
func ExampleSessionConfig_codec() {
	key := ed25519.NewKeyFromSeed([]byte("a seed of 32 random bytes, 2026!"))
	codec, err := token.NewSigned(token.SignedConfig{PrivateKey: key, KeyID: "2026"})
	if err != nil {
		fmt.Println(err)
		return
	}
	auth, _ := newApp(nuxtauth.Config[nuxtauth.DefaultJWT, Session]{
		Session: nuxtauth.SessionConfig{Codec: codec},
	})

	issued, err := auth.Issue(context.Background(), &nuxtauth.DefaultJWT{Subject: "1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	header, _, _ := strings.Cut(issued.Token, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	fmt.Println(string(text), err)
	// Output: {"alg":"EdDSA","kid":"2026","typ":"JWT"} <nil>
}
