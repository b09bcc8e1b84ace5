package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	ginjwt "github.com/appleboy/gin-jwt/v3"
	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-pkgz/auth/v2"
	"github.com/go-pkgz/auth/v2/avatar"
	gopkgz "github.com/go-pkgz/auth/v2/token"
	"github.com/golang-jwt/jwt/v5"
)

// tokenPeers are libraries with sessions in a token. All of them read it from a cookie.
var tokenPeers = []scenario{
	{name: "std-A256GCM", title: "standard library by hand: A256GCM, encoding/json", make: standardLibrary},
	{name: "golang-jwt", title: "golang-jwt by hand: HS256, typed claims", make: golangJWT},
	{name: "gin-jwt", title: "gin-jwt: HS256", make: ginJWT},
	{name: "go-pkgz-auth", title: "go-pkgz/auth: HS256", make: goPkgzAuth},
	{name: "go-jose", title: "go-jose by hand: A256GCM", make: goJose},
}

// key is a key of 32 bytes.
var key = []byte(secret[:32])

// claims are the claims of the peers without a middleware.
type claims struct {
	user
	IssuedAt int64 `json:"iat"`
	Expires  int64 `json:"exp"`
}

func newClaims() ([]byte, error) {
	now := time.Now()
	return json.Marshal(claims{ada, now.Unix(), now.Add(lifetime).Unix()})
}

// byHand returns a middleware with a function that opens a token, and its route. The user
// is in the gin.Context, as with nuxtauth.
func byHand(token string, open func(token string) (*user, error)) (http.Handler, *http.Request, error) {
	r := gin.New()
	r.Use(func(c *gin.Context) {
		cookie, err := c.Request.Cookie("token")
		if err != nil {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		p, err := open(cookie.Value)
		if err != nil {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		c.Set("user", p)
	})
	r.GET("/me", showUser)
	return r, get("/me", &http.Cookie{Name: "token", Value: token}), nil
}

func showUser(c *gin.Context) {
	p := c.MustGet("user").(*user)
	c.JSON(http.StatusOK, me{p.Name, p.Role})
}

var errRejected = errors.New("token rejected")

// standardLibrary does the minimum for an encrypted token: it compares the header with
// its own, and accepts no other.
func standardLibrary() (http.Handler, *http.Request, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, err
	}
	plain, err := newClaims()
	if err != nil {
		return nil, nil, err
	}
	b64 := base64.RawURLEncoding
	header := b64.EncodeToString([]byte(`{"alg":"dir","enc":"A256GCM"}`))
	iv := make([]byte, aead.NonceSize())
	rand.Read(iv)
	sealed := aead.Seal(nil, iv, plain, []byte(header))
	tag := len(sealed) - aead.Overhead()
	token := header + ".." + b64.EncodeToString(iv) + "." + b64.EncodeToString(sealed[:tag]) + "." + b64.EncodeToString(sealed[tag:])

	return byHand(token, func(token string) (*user, error) {
		parts := strings.Split(token, ".")
		if len(parts) != 5 || parts[0] != header {
			return nil, errRejected
		}
		iv, err := b64.DecodeString(parts[2])
		if err != nil || len(iv) != aead.NonceSize() {
			return nil, errRejected
		}
		sealed, err := b64.AppendDecode(make([]byte, 0, len(token)), []byte(parts[3]))
		if err != nil {
			return nil, err
		}
		if sealed, err = b64.AppendDecode(sealed, []byte(parts[4])); err != nil {
			return nil, err
		}
		plain, err := aead.Open(sealed[:0], iv, sealed, []byte(header))
		if err != nil {
			return nil, err
		}
		return decode(plain)
	})
}

// decode decodes claims and checks their times.
func decode(plain []byte) (*user, error) {
	var c claims
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, err
	}
	if c.Subject == "" || time.Now().Unix() >= c.Expires {
		return nil, errRejected
	}
	return &c.user, nil
}

func goJose() (http.Handler, *http.Request, error) {
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key}, nil)
	if err != nil {
		return nil, nil, err
	}
	plain, err := newClaims()
	if err != nil {
		return nil, nil, err
	}
	sealed, err := encrypter.Encrypt(plain)
	if err != nil {
		return nil, nil, err
	}
	token, err := sealed.CompactSerialize()
	if err != nil {
		return nil, nil, err
	}
	algorithms, encryptions := []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM}
	return byHand(token, func(token string) (*user, error) {
		sealed, err := jose.ParseEncryptedCompact(token, algorithms, encryptions)
		if err != nil {
			return nil, err
		}
		plain, err := sealed.Decrypt(key)
		if err != nil {
			return nil, err
		}
		return decode(plain)
	})
}

// signedClaims are claims that golang-jwt checks.
type signedClaims struct {
	Name        string `json:"name"`
	Email       string `json:"email"`
	Picture     string `json:"picture"`
	Role        string `json:"role"`
	AccessToken string `json:"accessToken"`
	jwt.RegisteredClaims
}

func golangJWT() (http.Handler, *http.Request, error) {
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, signedClaims{
		Name: ada.Name, Email: ada.Email, Picture: ada.Picture, Role: ada.Role, AccessToken: ada.AccessToken,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: ada.Subject, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		},
	}).SignedString(key)
	if err != nil {
		return nil, nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	return byHand(token, func(token string) (*user, error) {
		var c signedClaims
		if _, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
			return nil, err
		}
		return &user{c.Subject, c.Name, c.Email, c.Picture, c.Role, c.AccessToken}, nil
	})
}

// ginJWT is the middleware of gin-jwt as in its README, with a typed user in place of a
// map of claims.
func ginJWT() (http.Handler, *http.Request, error) {
	middleware, err := ginjwt.New(&ginjwt.GinJWTMiddleware{
		Realm:       "bench",
		Key:         key,
		Timeout:     lifetime,
		TokenLookup: "cookie:token",
		IdentityKey: "user",
		PayloadFunc: func(data any) jwt.MapClaims {
			p := data.(user)
			return jwt.MapClaims{
				"sub": p.Subject, "name": p.Name, "email": p.Email, "picture": p.Picture, "role": p.Role, "accessToken": p.AccessToken,
			}
		},
		IdentityHandler: func(c *gin.Context) any {
			claims := ginjwt.ExtractClaims(c)
			text := func(name string) string { s, _ := claims[name].(string); return s }
			return &user{text("sub"), text("name"), text("email"), text("picture"), text("role"), text("accessToken")}
		},
	})
	if err != nil {
		return nil, nil, err
	}
	token, err := middleware.TokenGenerator(context.Background(), ada)
	if err != nil {
		return nil, nil, err
	}
	r := gin.New()
	r.Use(middleware.MiddlewareFunc())
	r.GET("/me", showUser)
	return r, get("/me", &http.Cookie{Name: "token", Value: token.AccessToken}), nil
}

// goPkgzAuth is the middleware of go-pkgz/auth, which is one for net/http, before Gin.
func goPkgzAuth() (http.Handler, *http.Request, error) {
	log.SetOutput(io.Discard) // it logs before its own logger can be set
	service := auth.NewService(auth.Opts{
		SecretReader:   gopkgz.SecretFunc(func(string) (string, error) { return secret, nil }),
		TokenDuration:  lifetime,
		CookieDuration: lifetime,
		Issuer:         "bench",
		URL:            "http://localhost:3000",
		AvatarStore:    avatar.NewNoOp(),
	})
	service.AddProvider("github", "id", "secret")

	r := gin.New()
	r.GET("/me", func(c *gin.Context) {
		u, err := gopkgz.GetUserInfo(c.Request)
		if err != nil {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		c.JSON(http.StatusOK, me{u.Name, u.Role})
	})
	signIn := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		u := gopkgz.User{ID: "github_" + ada.Subject, Name: ada.Name, Email: ada.Email, Picture: ada.Picture, Role: ada.Role}
		u.SetStrAttr("accessToken", ada.AccessToken)
		c := gopkgz.Claims{User: &u, RegisteredClaims: jwt.RegisteredClaims{ID: "xsrf", Audience: jwt.ClaimStrings{"bench"}}}
		if _, err := service.TokenService().Set(w, c); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	request := get("/me", cookiesOf(signIn, get("/"))...)
	request.Header.Set("X-XSRF-TOKEN", "xsrf") // required: the value of its second cookie
	middleware := service.Middleware()
	return middleware.Auth(r), request, nil
}
