package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/store"
)

// nuxtauthScenarios are the scenarios of nuxtauth. Each is a line with a change of the
// configuration.
var nuxtauthScenarios = []scenario{
	{name: "nuxtauth/signed-out", title: "nuxtauth, signed out, no cookie", make: signedOut, want: `{"name":"guest","role":""}`},
	{name: "nuxtauth/v4", title: "nuxtauth, next-auth v4 token", make: with(nil)},
	{name: "nuxtauth/v4-no-jwt-callback", title: "nuxtauth, v4 token, no JWT callback", make: with(func(c *config) {
		c.Callbacks.JWT = nil
	})},
	{name: "nuxtauth/v4-float", title: "nuxtauth, v4 token with one float64", make: withFloat},
	{name: "nuxtauth/v5", title: "nuxtauth, Auth.js v5 token", make: with(func(c *config) {
		c.Protocol = nuxtauth.AuthJS
	})},
	{name: "nuxtauth/cached", title: "nuxtauth, v4 token, `CacheFor`", make: with(func(c *config) {
		c.Session.CacheFor = time.Minute
	})},
	{name: "nuxtauth/three-chunks", title: "nuxtauth, v4 token in 3 cookies", make: threeChunks},
	{name: "nuxtauth/memory-store", title: "nuxtauth, `store.Memory`", make: with(func(c *config) {
		c.Session.Store = store.NewMemory(store.MemoryOptions{})
	})},
	{name: "nuxtauth/deny-list", title: "nuxtauth, v4 token and deny-list", make: with(func(c *config) {
		c.Session.DenyList = store.NewMemory(store.MemoryOptions{})
	})},
	{name: "nuxtauth/Reader", title: "`nuxtauth.Reader` alone", make: reader(nuxtauth.ReaderConfig{Secret: secret})},
	{
		name: "nuxtauth/session", title: "nuxtauth, `GET /api/auth/session`", make: sessionRoute,
		want: `{"user":{"name":"Ada Lovelace","role":"admin"},"expires":"*Z"}`,
	},
}

type (
	// Token has the claims of [user].
	Token struct {
		nuxtauth.DefaultJWT
		Role        string `json:"role,omitzero"`
		AccessToken string `json:"accessToken,omitzero"`
	}

	// LongToken is a token that needs several cookies.
	LongToken struct {
		Token
		Groups []string `json:"groups,omitzero"`
	}

	// RatedToken is a token with a field that is encoded by the JSON library.
	RatedToken struct {
		Token
		Rating float64 `json:"rating,omitzero"`
	}

	// User is the user in the session.
	User struct {
		Name string `json:"name"`
		Role string `json:"role"`
	}

	// Session is the session of a User.
	Session = nuxtauth.DefaultSession[User]

	config = nuxtauth.Config[Token, Session]
)

func (t *Token) claims() *Token { return t }

// claimsOf returns the claims that a Token and a LongToken have in common.
func claimsOf(t any) *Token { return t.(interface{ claims() *Token }).claims() }

// tokenOf returns the token of a signed-in user.
func tokenOf(p user) *Token {
	return &Token{
		DefaultJWT:  nuxtauth.DefaultJWT{Subject: p.Subject, Name: p.Name, Email: p.Email, Picture: p.Picture},
		Role:        p.Role,
		AccessToken: p.AccessToken,
	}
}

// issuedCookies returns the cookies of a session that was issued.
func issuedCookies(issued *nuxtauth.Issued, err error) ([]*http.Cookie, error) {
	if err != nil {
		return nil, err
	}
	return issued.Cookies, nil
}

// newAuth returns an application with both callbacks, after change.
func newAuth[T nuxtauth.TokenType](change func(*nuxtauth.Config[T, Session])) (*nuxtauth.Auth[T, Session], http.Handler, error) {
	cfg := nuxtauth.Config[T, Session]{
		Secret: secret,
		URL:    "http://localhost:3000",
		Callbacks: nuxtauth.Callbacks[T, Session]{
			JWT: func(_ context.Context, p nuxtauth.JWTParams[T]) (*T, error) {
				if p.Account != nil {
					claimsOf(p.Token).AccessToken = p.Account.AccessToken
				}
				return p.Token, nil
			},
			Session: func(_ context.Context, p nuxtauth.SessionParams[T, Session]) (*Session, error) {
				t := claimsOf(p.Token)
				p.Session.User = User{Name: t.Name, Role: t.Role}
				return p.Session, nil
			},
		},
	}
	if change != nil {
		change(&cfg)
	}
	auth, err := nuxtauth.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	r := gin.New()
	r.Use(auth.Middleware())
	r.GET("/me", func(c *gin.Context) {
		s := nuxtauth.SessionFrom[Session](c)
		if s == nil {
			c.JSON(http.StatusOK, me{Name: "guest"})
			return
		}
		c.JSON(http.StatusOK, me{s.User.Name, s.User.Role})
	})
	return auth, r, nil
}

// with returns GET /me of the application after change.
func with(change func(*config)) func() (http.Handler, *http.Request, error) {
	return func() (http.Handler, *http.Request, error) {
		auth, h, err := newAuth(change)
		if err != nil {
			return nil, nil, err
		}
		cookies, err := issuedCookies(auth.Issue(context.Background(), tokenOf(ada)))
		return h, get("/me", cookies...), err
	}
}

func withFloat() (http.Handler, *http.Request, error) {
	auth, h, err := newAuth[RatedToken](nil)
	if err != nil {
		return nil, nil, err
	}
	cookies, err := issuedCookies(auth.Issue(context.Background(), &RatedToken{Token: *tokenOf(ada), Rating: 4.5}))
	return h, get("/me", cookies...), err
}

func signedOut() (http.Handler, *http.Request, error) {
	_, h, err := newAuth[Token](nil)
	return h, get("/me"), err
}

// threeChunks has a token with the names of many groups.
func threeChunks() (http.Handler, *http.Request, error) {
	auth, h, err := newAuth[LongToken](nil)
	if err != nil {
		return nil, nil, err
	}
	t := &LongToken{Token: *tokenOf(ada)}
	for i := range 195 {
		t.Groups = append(t.Groups, fmt.Sprintf("/organization/department-%03d/editors", i))
	}
	cookies, err := issuedCookies(auth.Issue(context.Background(), t))
	if err == nil && len(cookies) != 3 {
		err = fmt.Errorf("the token has %d cookies, want 3", len(cookies))
	}
	return h, get("/me", cookies...), err
}

// sessionRoute has the cookies of a browser with a session, including those of the CSRF
// token and the callback URL. The token was sealed two minutes ago, so that it is sealed
// again.
func sessionRoute() (http.Handler, *http.Request, error) {
	ahead := time.Duration(0)
	auth, h, err := newAuth(func(c *config) {
		c.Now = func() time.Time { return time.Now().Add(ahead) }
	})
	if err != nil {
		return nil, nil, err
	}
	cookies, err := issuedCookies(auth.Issue(context.Background(), tokenOf(ada)))
	if err != nil {
		return nil, nil, err
	}
	cookies = append(cookies, cookiesOf(h, get("/api/auth/session", cookies...))...)
	ahead = 2 * time.Minute
	return h, get("/api/auth/session", cookies...), nil
}

// reader returns a service without the middleware.
func reader(cfg nuxtauth.ReaderConfig) func() (http.Handler, *http.Request, error) {
	return func() (http.Handler, *http.Request, error) {
		_, signedIn, err := with(nil)()
		if err != nil {
			return nil, nil, err
		}
		tokens, err := nuxtauth.NewReader[Token](cfg)
		if err != nil {
			return nil, nil, err
		}
		r := gin.New()
		r.GET("/me", func(c *gin.Context) {
			t, err := tokens.Token(c.Request)
			if err != nil {
				c.AbortWithStatus(http.StatusUnauthorized)
				return
			}
			c.JSON(http.StatusOK, me{t.Name, t.Role})
		})
		return r, signedIn, nil
	}
}
