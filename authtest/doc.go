// Package authtest supports tests of applications that use nuxtauth.
//
// [Request] returns a request of a signed-in user, with the token type of the
// application. It needs no provider and no network, and is served by the application's
// own middleware:
//
//	func TestProfile(t *testing.T) {
//		auth, router := app.New() // *nuxtauth.Auth[app.Token, app.Session], *gin.Engine
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
// # An identity provider
//
// A complete sign-in needs an OpenID provider. [StartIDP] starts one on the loopback
// interface and stops it at the end of the test. [IDP.SignInClient] signs a client in at the
// application, and [CSRFToken] returns what its forms need:
//
//	idp := authtest.StartIDP(t)
//	server, client := startApp(t, idp.AsProvider("test")) // for Config.Providers
//	idp.SignInClient(t, client, server.URL+"/api/auth/signin/test", "alice")
//
// Step by step, [BeginSignIn] starts the sign-in at the application, and [IDP.SignIn] submits
// the provider's sign-in form:
//
//	authorizationURL := authtest.BeginSignIn(t, client, server.URL+"/api/auth/signin/test")
//	res, err := client.Do(idp.SignIn(t, authorizationURL, "alice"))
//
// [IDP.Requests] has the requests that the provider received, [IDP.Sessions] its
// sessions, and [IDP.LogoutToken] returns the logout token that it sends to an
// application when a user signs out elsewhere.
//
// [IDP.SetFaults] makes the provider misbehave, so that a test can check what the
// application does when the token endpoint does not respond or an ID token is forged. The
// faults are in package [github.com/nuxtauth/nuxtauth/authtest/hostile], which is outside
// the compatibility promise of the module.
//
// An IDP is also an http.Handler for demos: see [NewIDP]. It is not an identity provider
// for production: it stores passwords in clear text, does not limit attempts, and keeps
// everything in memory.
package authtest
