package nuxtauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/ginstore"
)

func ExampleAuth_Sessions() {
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
		list, err := auth.Sessions(c, auth.Token(c).Subject)
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.JSON(http.StatusOK, list)
	})
	r.POST("/devices/sign-out-others", auth.Require(), func(c *gin.Context) {
		_, err := auth.Revoke(c, store.Filter{Subject: auth.Token(c).Subject, ExceptID: auth.SessionID(c)})
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
	list, err := auth.Sessions(ctx, "ada")
	fmt.Println(len(list), err)

	user := struct{ ID string }{"ada"}
	_, err = auth.Revoke(ctx, store.Filter{Subject: user.ID})
	list, _ = auth.Sessions(ctx, "ada")
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
