package nuxtauth_test

import (
	"context"
	"errors"
	"fmt"
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
	r.Use(auth.Handler())

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

func ExampleGetToken() {
	handler := func(w http.ResponseWriter, r *http.Request) {
		t, err := nuxtauth.GetToken[Token](r, nuxtauth.TokenOptions{Secret: secret})
		if err != nil {
			http.Error(w, "Sign in first.", http.StatusUnauthorized)
			return
		}
		fmt.Fprintln(w, t.Subject, t.SessionToken)
	}

	w := httptest.NewRecorder()
	handler(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code)
	// Output: 401
}

func ExampleUnavailable() {
	callback := func(ctx context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
		u, err := people.User(ctx, p.Token.SessionToken)
		if _, ok := errors.AsType[net.Error](err); ok { // no answer
			return nil, nuxtauth.Unavailable(err)
		}
		if err != nil {
			return nil, err
		}
		p.Session.User = User{u.Name, u.Avatar, u.Role}
		return p.Session, nil
	}
	_, err := callback(context.Background(), nuxtauth.SessionParams[Token, Session]{Token: &Token{}})
	fmt.Println(err)
	// Output: no such session
}

func ExampleAuth_ListSessions() {
	for name, value := range map[string]string{
		"AUTH_SECRET": secret, "AUTH_URL": "http://localhost:3000",
		"AUTH_KEYCLOAK_ID": "id", "AUTH_KEYCLOAK_SECRET": "secret", "AUTH_KEYCLOAK_ISSUER": "https://id.example.com/realms/shop",
	} {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}

	sessions := store.NewMemory(store.MemoryOptions{})

	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Providers: []provider.Provider{provider.Keycloak()},
		Session:   nuxtauth.SessionConfig{Store: sessions},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := gin.New()
	r.Use(auth.Handler())

	r.GET("/devices", auth.Require(), func(c *gin.Context) {
		list, err := auth.ListSessions(c, auth.Token(c).Subject)
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.JSON(http.StatusOK, list)
	})
	r.POST("/devices/sign-out-others", auth.Require(), func(c *gin.Context) {
		_, err := auth.RevokeOtherSessions(c)
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
		}
	})

	ctx := context.Background()
	var cookies []*http.Cookie
	for range 2 { // two devices
		cookies, err = auth.Issue(ctx, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "ada"}})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	request := httptest.NewRequest("POST", "http://localhost:3000/devices/sign-out-others", nil)
	request.AddCookie(cookies[0])
	r.ServeHTTP(httptest.NewRecorder(), request)
	list, err := auth.ListSessions(ctx, "ada")
	fmt.Println(len(list), err)

	user := struct{ ID string }{"ada"}
	_, err = auth.RevokeSessions(ctx, user.ID)
	list, _ = auth.ListSessions(ctx, "ada")
	fmt.Println(len(list), err)
	// Output:
	// 1 <nil>
	// 0 <nil>
}

func ExampleSessionConfig() {
	marks := store.NewMemory(store.MemoryOptions{})
	sessions := store.NewMemory(store.MemoryOptions{})
	for _, cfg := range []nuxtauth.Config[Token, Session]{
		{
			Session: nuxtauth.SessionConfig{DenyList: marks},
		},
		{
			Session: nuxtauth.SessionConfig{Store: sessions, AdoptCookies: true},
		},
		{
			Session: nuxtauth.SessionConfig{CacheFor: 5 * time.Second},
		},
	} {
		cfg.Secret, cfg.URL = secret, "http://localhost:3000"
		_, err := nuxtauth.New(cfg)
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
}

func ExampleSessionConfig_ginContrib() {
	backend := cookie.NewStore([]byte(os.Getenv("SESSION_KEY")))
	sessions, err := ginstore.New(backend, ginstore.Options{})
	fmt.Println(sessions != nil, err)
	// Output: true <nil>
}

func ExampleProviderTokens() {
	type Token struct {
		nuxtauth.DefaultJWT
		nuxtauth.ProviderTokens
	}
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{Secret: secret, URL: "http://localhost:3000"})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := gin.New()
	r.Use(auth.Handler())

	r.GET("/calendar", auth.Require(), func(c *gin.Context) {
		token, err := auth.AccessToken(c)
		if err != nil {
			c.AbortWithStatus(http.StatusBadGateway)
			return
		}
		showCalendar(c, token)
	})

	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost:3000/calendar", nil))
	fmt.Println(w.Code)
	// Output: 401
}

func showCalendar(c *gin.Context, accessToken string) { c.Status(http.StatusOK) }
