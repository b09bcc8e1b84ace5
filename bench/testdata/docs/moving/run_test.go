package moving

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth"
)

const site = "https://app.example.com"

// A browser keeps cookies.
type browser struct {
	t       *testing.T
	handler http.Handler
	cookies map[string]*http.Cookie
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", site+path, nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return w
}

func newAuth(t *testing.T) *nuxtauth.Auth[Token, Session] {
	t.Helper()
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{URL: site, Secret: "a-secret-of-at-least-32-characters"})
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// Users of each library stay signed in, and the old session ends.
func TestAdopt(t *testing.T) {
	key := []byte("the key of the old tokens, of 32 bytes")
	for name, tt := range map[string]struct {
		newHandler func(t *testing.T, auth *nuxtauth.Auth[Token, Session]) http.Handler
		old        string // the name of the cookie
		user       string
	}{
		"gin-contrib/sessions": {func(_ *testing.T, auth *nuxtauth.Auth[Token, Session]) http.Handler {
			r := gin.New()
			r.Use(sessions.Sessions("session", oldStore))
			r.GET("/old-sign-in", func(c *gin.Context) {
				s := sessions.Default(c)
				s.Set("user", "1")
				s.Set("name", "Ada")
				if err := s.Save(); err != nil {
					t.Error(err)
				}
			})
			r.Use(adopt(auth, ofGinSessions), auth.Middleware())
			return r
		}, "session", "Ada"},
		"scs": {func(_ *testing.T, auth *nuxtauth.Auth[Token, Session]) http.Handler {
			manager := scs.New()
			r := gin.New()
			r.GET("/old-sign-in", func(c *gin.Context) {
				manager.Put(c.Request.Context(), "user", "1")
				manager.Put(c.Request.Context(), "name", "Ada")
			})
			r.Use(adopt(auth, ofSCS(manager)), auth.Middleware())
			return manager.LoadAndSave(r)
		}, "session", "Ada"},
		"gin-jwt": {func(t *testing.T, auth *nuxtauth.Auth[Token, Session]) http.Handler {
			r := gin.New()
			r.GET("/old-sign-in", func(c *gin.Context) {
				claims := jwt.RegisteredClaims{Subject: "1", ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))}
				value, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
				if err != nil {
					t.Error(err)
				}
				c.SetCookie("jwt", value, 3600, "/", "", true, true)
			})
			r.Use(adopt(auth, ofJWT(key)), auth.Middleware())
			return r
		}, "jwt", ""},
	} {
		t.Run(name, func(t *testing.T) {
			auth := newAuth(t)
			b := &browser{t, tt.newHandler(t, auth), map[string]*http.Cookie{}}
			if w := b.get("/api/auth/session"); w.Body.String() != "{}" {
				t.Errorf("before the old sign-in: %s", w.Body)
			}
			b.get("/old-sign-in")
			if b.cookies[tt.old] == nil {
				t.Fatal("the old library has set no cookie")
			}
			copied := b.cookies[tt.old]
			for range 2 { // by the old session, and by the new one
				w := b.get("/api/auth/session")
				if !strings.Contains(w.Body.String(), `"expires"`) || !strings.Contains(w.Body.String(), tt.user) {
					t.Errorf("after the old sign-in: %d %s", w.Code, w.Body)
				}
			}
			if b.cookies[tt.old] != nil || b.cookies["__Secure-next-auth.session-token"] == nil {
				t.Errorf("the cookies are %v", b.cookies)
			}
			if name == "scs" { // it has a store: a copy of the cookie has ended too
				other := &browser{t, b.handler, map[string]*http.Cookie{tt.old: copied}}
				if w := other.get("/api/auth/session"); w.Body.String() != "{}" {
					t.Errorf("a copied cookie: %s", w.Body)
				}
			}
		})
	}
}

// No session begins without a valid old one.
func TestAdopt_RefusesForgeries(t *testing.T) {
	key := []byte("the key of the old tokens, of 32 bytes")
	valid := jwt.RegisteredClaims{Subject: "1", ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour))}
	expired := jwt.RegisteredClaims{Subject: "1", ExpiresAt: jwt.NewNumericDate(time.Now().Add(-time.Hour))}
	for name, tt := range map[string]struct {
		method jwt.SigningMethod
		key    any
		claims jwt.RegisteredClaims
	}{
		"other key":  {jwt.SigningMethodHS256, []byte("another key"), valid},
		"other alg":  {jwt.SigningMethodHS512, key, valid},
		"none":       {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, valid},
		"expired":    {jwt.SigningMethodHS256, key, expired},
		"no expiry":  {jwt.SigningMethodHS256, key, jwt.RegisteredClaims{Subject: "1"}},
		"no subject": {jwt.SigningMethodHS256, key, jwt.RegisteredClaims{ExpiresAt: valid.ExpiresAt}},
	} {
		value, err := jwt.NewWithClaims(tt.method, tt.claims).SignedString(tt.key)
		if err != nil {
			t.Fatal(err)
		}
		auth := newAuth(t)
		r := gin.New()
		r.Use(adopt(auth, ofJWT(key)), auth.Middleware())
		b := &browser{t, r, map[string]*http.Cookie{"jwt": {Name: "jwt", Value: value}}}
		if w := b.get("/api/auth/session"); w.Body.String() != "{}" {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
}
