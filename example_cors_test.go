package nuxtauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

// Scripts of the front end at https://app.example.com may call the routes of the application.
func ExampleAuth_CORS() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{
		URL:            "https://api.example.com",
		TrustedOrigins: []string{"https://app.example.com"},
	})
	r.Use(auth.CORS()) // on the engine: a group's Use does not see preflights
	r.PUT("/orders/:id", auth.Require(), func(c *gin.Context) { c.Status(http.StatusNoContent) })

	for _, origin := range []string{"https://app.example.com", "https://evil.example"} {
		preflight := httptest.NewRequest("OPTIONS", "https://api.example.com/orders/1", nil)
		preflight.Header.Set("Origin", origin)
		preflight.Header.Set("Access-Control-Request-Method", "PUT")
		w := httptest.NewRecorder()
		r.ServeHTTP(w, preflight)
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("Access-Control-Allow-Origin"))
	}
	// Output:
	// 204 "https://app.example.com"
	// 404 ""
}
