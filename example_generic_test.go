package nuxtauth_test

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
)

// requireEmail returns a guard for users whose token has an e-mail address. Any Auth fits;
// the compiler infers T and S.
func requireEmail[T nuxtauth.TokenType, S nuxtauth.SessionType](auth *nuxtauth.Auth[T, S]) gin.HandlerFunc {
	return func(c *gin.Context) {
		claims := nuxtauth.Claims(auth.Token(c)) // nil when signed out
		switch {
		case claims == nil:
			auth.Refuse(c, nuxtauth.ErrSignedOut)
		case claims.Email == "":
			auth.Refuse(c, nuxtauth.ErrForbidden)
		}
	}
}

// A helper for several applications has the type parameters of Auth.
func Example_genericHelper() {
	auth, r := newApp(nuxtauth.Config[Token, Session]{})
	r.GET("/newsletter", requireEmail(auth), func(c *gin.Context) {
		c.String(http.StatusOK, "done")
	})

	for _, email := range []string{"ada@example.com", ""} {
		browser := signedIn(auth, r, &Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "1", Email: email}})
		fmt.Println(browser.get("/newsletter"))
	}
	// Output:
	// 200 done
	// 403 {"message":"You may not do this."}
}
