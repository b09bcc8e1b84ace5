package api_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

// Each token says at which provider the user signed in, and as whom, also where no
// feature needs it yet: the user of a session must be known when accounts are stored.
func TestSignIn_EveryTokenHasItsProvider(t *testing.T) {
	for name, storage := range apptest.Storages {
		idp := apptest.StartIDP(t)
		plain := idp.AsProvider("plain")
		plain = provider.OAuth2(provider.Provider{
			ID: "plain", ClientID: plain.ClientID, ClientSecret: plain.ClientSecret, AuthorizationURL: idp.Issuer() + "/authorize",
			TokenURL: idp.Issuer() + "/token", UserinfoURL: idp.Issuer() + "/userinfo",
		})
		a := apptest.New(t, storage, func(c *apptest.Config) { c.Providers = append(c.Providers, idp.AsProvider("idp"), plain) })
		var origin nuxtauth.Origin
		a.Router.GET("/origin", func(c *gin.Context) { origin = a.Auth.Token(c).Origin; c.Status(http.StatusOK) })
		for id, want := range map[string]string{"credentials": "1", "idp": "user-alice", "plain": "user-alice"} {
			b := a.Another()
			if id == "credentials" {
				b.SignIn()
			} else {
				b.Follow(idp.SignIn(t, b.Start(id), "alice"))
			}
			for range 2 {
				if origin = (nuxtauth.Origin{}); b.Get("/origin").StatusCode != http.StatusOK || origin.Provider != id || origin.ProviderSubject != want || origin.AuthTime == 0 {
					t.Errorf("%s, %s: the origin is %+v", name, id, origin)
				}
				b.Session() // which may renew the session
			}
		}
	}
}
