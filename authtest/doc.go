// Package authtest helps to test an application that signs its users in with
// nuxtauth.
//
// A request of a signed-in user takes one line. It needs no provider and no
// network, and it goes through the application's real middleware:
//
//	func TestProfile(t *testing.T) {
//		auth, router := app.New() // *nuxtauth.Auth[app.Token, app.Session], http.Handler
//		token := &app.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "42", Name: "Ada"}}
//
//		w := httptest.NewRecorder()
//		router.ServeHTTP(w, authtest.Request(t, auth, token, "GET", "/profile", nil))
//
//		if w.Code != http.StatusOK {
//			t.Errorf("GET /profile answered %d", w.Code)
//		}
//	}
//
// [Jar] does the same for an http.Client.
//
// A whole sign-in takes an OpenID provider. [StartProvider] starts one on the
// loopback interface and stops it when the test ends; its [Provider.SignIn]
// plays the person at the sign-in form:
//
//	idp := authtest.StartProvider(t)
//	app := startApp(t, nuxtauth.Config[Token, Session]{
//		Providers: []provider.Provider{idp.AsProvider("test")},
//	})
//	authorizationURL := app.beginSignIn("test") // POST /api/auth/signin/test
//	res, err := client.Do(idp.SignIn(t, authorizationURL, "alice"))
//
// [Provider.LogoutToken] is what the provider sends to an application when
// somebody signs out elsewhere, and [Provider.Sessions] knows who could.
//
// The provider can be made to misbehave, one [Fault] at a time or several at
// once, so that a test can show what the application does with a forged ID
// token or a token endpoint that never answers.
//
// A Provider is also a plain http.Handler, for a demo that needs no account
// anywhere. It is not an identity provider for real people: it compares
// passwords as they are, limits no attempts and forgets everything at exit.
package authtest
