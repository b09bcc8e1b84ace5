package typescript_test

import (
	"context"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/authtest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// What the middleware answers is what the test with random values compares with tsc.
func TestSession_IsWrittenAsJSONWritesIt(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(1, seed))
	var session *Session
	auth, err := nuxtauth.New(nuxtauth.Config[Token, Session]{
		Secret:    "a-secret-of-at-least-32-characters",
		URL:       "http://localhost:3000",
		Providers: []provider.Provider{provider.Credentials(func(context.Context, url.Values) (*provider.User, error) { return nil, nil })},
		Callbacks: nuxtauth.Callbacks[Token, Session]{
			Session: func(_ context.Context, p nuxtauth.SessionParams[Token, Session]) (*Session, error) {
				session = p.Session
				fill(r, reflect.ValueOf(&session.User).Elem(), 4)
				return session, nil
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.TestMode)
	router := gin.New()
	router.Use(auth.Middleware())
	for range 50 {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, authtest.Request(t, auth, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1"}}, "GET", "/api/auth/session", nil))
		want, err := json.Marshal(session, json.Deterministic(true))
		if err != nil || w.Body.String() != string(want) {
			t.Fatalf("seed %d: GET /api/auth/session: %s\nwant %s, %v", seed, w.Body, want, err)
		}
	}
}
