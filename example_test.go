package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"time"

	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/ginstore"
)

// The application around the examples.
type userAPI struct{}

type apiUser struct{ Name, Avatar, Role string }

func (userAPI) User(ctx context.Context, sessionToken string) (*apiUser, error) {
	if sessionToken != "session-token-of-the-user-api" {
		return nil, errors.New("no such session")
	}
	return &apiUser{"Ada Lovelace", "/ada.svg", "admin"}, nil
}

func (userAPI) SignIn(ctx context.Context, username, password string) (*provider.User, error) {
	if username != "ada" || password != "lovelace" {
		return nil, nil
	}
	return &provider.User{ID: "1", Name: "Ada Lovelace", AccessToken: "session-token-of-the-user-api"}, nil
}

func (userAPI) SignInWith(ctx context.Context, providerID, id, name string) (*provider.User, error) {
	if providerID != "github" || id != "815" {
		return nil, errors.New("no such account")
	}
	return &provider.User{ID: "1", Name: name, AccessToken: "session-token-of-the-user-api"}, nil
}

var people userAPI

func Example() {
	for name, value := range map[string]string{"AUTH_SECRET": secret, "AUTH_URL": "http://localhost:3000", "AUTH_GITHUB_ID": "id", "AUTH_GITHUB_SECRET": "secret"} {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}

	type Token struct {
		nuxtauth.DefaultJWT        // name, email, picture, sub, iat, exp, jti
		SessionToken        string `json:"sessionToken,omitzero"` // of the user API
	}
	type User struct {
		Name   string `json:"name"`
		Avatar string `json:"avatar"`
		Role   string `json:"role"`
	}
	type Session = nuxtauth.DefaultSession[User]

	r := gin.New()
	r.Use(nuxtauth.Middleware(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.GitHub(), provider.Credentials(checkPassword)},
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			JWT: func(ctx context.Context, p nuxtauth.JWTParams[Token]) (*Token, error) {
				if p.Account == nil { // not a sign-in: the token stays as it is
					return p.Token, nil
				}
				if p.Account.Type == provider.TypeCredentials { // the token that checkPassword returned
					p.Token.SessionToken = p.Account.AccessToken
					return p.Token, nil
				}
				u, err := people.SignInWith(ctx, p.Account.Provider, p.Account.ProviderAccountID, p.User.Name)
				if err != nil {
					return nil, err
				}
				p.Token.Subject, p.Token.SessionToken = u.ID, u.AccessToken // those of the user API, not GitHub's
				return p.Token, nil
			},
			Session: func(ctx context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				u, err := people.User(ctx, p.Token.SessionToken)
				if err != nil {
					return nil, err // the session ends, the user is signed out
				}
				p.Session.User = User{u.Name, u.Avatar, u.Role}
				return p.Session, nil
			},
		},
	}))
	r.GET("/me", func(c *gin.Context) {
		s := c.MustGet("session").(*Session) // nil when signed out
		c.JSON(http.StatusOK, s)
	})

	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/api/auth/session", nil))
	fmt.Println(w.Code, w.Body)
	w = httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/me", nil))
	fmt.Println(w.Code, w.Body)
	// Output:
	// 200 {}
	// 200 null
}

func checkPassword(ctx context.Context, form url.Values) (*provider.User, error) {
	// nil, nil means: wrong name or password.
	return people.SignIn(ctx, form.Get("username"), form.Get("password"))
}

func ExampleNew() {
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret:    secret,
		URL:       "https://app.example.com",
		Providers: []provider.Provider{provider.Credentials(checkPassword)},
	})
	if err != nil {
		fmt.Println(err) // every mistake of the configuration at once
		return
	}
	r := gin.New()
	r.Use(auth.Middleware())

	r.GET("/profile", auth.Require(), showProfile)
	r.GET("/admin", auth.Require(isAdmin), showAdmin)
	r.POST("/nickname", auth.Require(), func(c *gin.Context) {
		err := auth.Update(c, func(t *Token) error {
			t.Nickname = c.PostForm("nickname")
			return nil
		})
		if err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
			return
		}
		c.JSON(http.StatusOK, auth.Session(c))
	})

	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/profile", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 401 {"message":"Sign in first."}
}

func isAdmin(s *Session) bool { return s.User.Role == "admin" }

func showProfile(c *gin.Context) {
	s := nuxtauth.SessionFrom[Session](c)
	c.String(http.StatusOK, "Hello, %s", s.User.Name)
}

func showAdmin(c *gin.Context) {}

// A service without the middleware greets users who have signed in at another one with the
// same secret.
func ExampleReader_Middleware() {
	tokens, err := nuxtauth.NewReader[Token](nuxtauth.ReaderConfig{Secret: secret})
	if err != nil {
		log.Fatal(err) // all mistakes of the configuration
	}
	mux := http.NewServeMux()
	mux.Handle("GET /orders", tokens.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := nuxtauth.TokenFrom[Token](r.Context())
		fmt.Fprintf(w, "The orders of %s", t.Subject)
	})))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/orders", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output: 401 Bearer
}

// While the user API does not respond, users see 503 and stay signed in.
func ExampleUnavailable() {
	var down error = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(ctx context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				u, err := people.User(ctx, p.Token.SessionToken)
				if down != nil {
					err = down // as from an HTTP client
				}
				if _, ok := errors.AsType[net.Error](err); ok { // no response
					return nil, nuxtauth.Unavailable(err)
				}
				if err != nil {
					return nil, err // the session ends
				}
				p.Session.User = User{u.Name, u.Avatar, u.Role}
				return p.Session, nil
			},
		},
	})
	r.GET("/profile", auth.Require(), showProfile)

	browser := signedIn(auth, r, &Token{
		DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}, SessionToken: "session-token-of-the-user-api",
	})
	fmt.Println(browser.get("/profile"))
	down = nil
	fmt.Println(browser.get("/profile"))
	// Output:
	// 503 {"message":"The session could not be checked. Try again soon."}
	// 200 Hello, Ada Lovelace
}

// The page lists the devices of the user, and ends the sessions of all others.
func ExampleAuth_ListSessions() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Session: nuxtauth.SessionConfig{Store: store.NewMemory(store.MemoryOptions{Now: midnight})},
	})
	r.GET("/devices", auth.Require(), func(c *gin.Context) {
		list, err := auth.ListSessions(c, auth.Subject(c))
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		for _, s := range list {
			c.String(http.StatusOK, "current: %t, until %s\n", s.Current, s.ExpiresAt)
		}
	})
	r.POST("/devices/sign-out-others", auth.Require(), func(c *gin.Context) {
		ended, err := auth.RevokeOtherSessions(c)
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.JSON(http.StatusOK, ended)
	})

	signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})
	fmt.Println(browser.send("POST", "/devices/sign-out-others", ""))
	fmt.Println(browser.get("/devices"))
	// Output:
	// 200 1
	// 200 current: true, until 2026-12-31T00:00:00.000Z
}

// The support signs a user out on all devices.
func ExampleAuth_RevokeSessions() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		Session: nuxtauth.SessionConfig{Store: store.NewMemory(store.MemoryOptions{Now: midnight})},
	})
	browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}})

	fmt.Println(auth.RevokeSessions(context.Background(), "1"))
	fmt.Println(browser.get("/api/auth/session"))
	// Output:
	// 1 <nil>
	// 200 {}
}

// Three ways to store sessions beside the default, which needs no service.
func ExampleSessionConfig() {
	memory := func() *store.Memory { return store.NewMemory(store.MemoryOptions{}) }
	for _, session := range []nuxtauth.SessionConfig{
		// In cookies, and a sign-out ends copies of the cookie too.
		{MaxAge: 12 * time.Hour, DenyList: memory()},
		// In a store. The sessions that are in cookies move into it.
		{Store: memory(), AdoptCookies: true},
		// In cookies, and the callbacks run once in five seconds for each of them.
		{CacheFor: 5 * time.Second},
	} {
		_, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
			Secret: secret, URL: "http://localhost:3000", Session: session,
		})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
}

// A store of gin-contrib/sessions stores the sessions.
func ExampleSessionConfig_ginContrib() {
	backend := cookie.NewStore([]byte(os.Getenv("SESSION_KEY")))
	sessions, err := ginstore.New(backend, ginstore.Options{})
	fmt.Println(sessions != nil, err)
	// Output: true <nil>
}

// With the token of the provider in the session, handlers call the provider's API for the
// user: see Auth.AccessToken. Google gives a refresh token with access_type=offline.
func ExampleProviderTokens() {
	type Token struct {
		nuxtauth.DefaultJWT
		nuxtauth.ProviderTokens
	}
	_, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret: secret, URL: "http://localhost:3000",
		Providers: []provider.Provider{provider.Google(func(p *provider.Provider) {
			p.ClientID, p.ClientSecret = "id", "secret"
			p.Scopes = append(p.Scopes, "https://www.googleapis.com/auth/calendar.readonly")
			p.AuthorizationParams = map[string]string{"access_type": "offline", "prompt": "consent"}
		})},
	})
	fmt.Println(err)
	// Output: <nil>
}
