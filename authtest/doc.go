// Package authtest supports tests of applications that use nuxtauth.
//
// [Request] returns a request of a signed-in user. It needs no provider and no network,
// and is served by the application's own middleware:
//
//	func TestProfile(t *testing.T) {
//		auth, router := app.New() // *nuxtauth.Auth[app.Token, app.Session], http.Handler
//		token := &app.Token{DefaultJWT: nuxtauth.DefaultJWT{Subject: "42", Name: "Ada"}}
//
//		w := httptest.NewRecorder()
//		router.ServeHTTP(w, authtest.Request(t, auth, token, "GET", "/profile", nil))
//
//		if w.Code != http.StatusOK {
//			t.Errorf("GET /profile: status %d", w.Code)
//		}
//	}
//
// [Jar] does the same for an http.Client.
//
// A complete sign-in needs an OpenID provider. [StartProvider] starts one on the
// loopback interface and stops it at the end of the test. [Provider.SignIn] submits its
// sign-in form:
//
//	idp := authtest.StartProvider(t)
//	app := startApp(t, nuxtauth.Config[Token, Session]{
//		Providers: []provider.Provider{idp.AsProvider("test")},
//	})
//	authorizationURL := app.beginSignIn("test") // POST /api/auth/signin/test
//	res, err := client.Do(idp.SignIn(t, authorizationURL, "alice"))
//
// [Provider.LogoutToken] returns the logout token that the provider sends to an
// application when a user signs out elsewhere, and [Provider.Sessions] lists the
// sessions at the provider.
//
// [Provider.SetFaults] makes the provider misbehave, by one or several [Fault] values,
// so that a test can check how the application handles a forged ID token or a token
// endpoint that does not respond.
//
// A Provider is also an http.Handler for demos. It is not an identity provider for
// production: it stores passwords in clear text, does not limit attempts, and keeps
// everything in memory.
package authtest
