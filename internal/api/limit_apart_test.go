package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
	"github.com/nuxtauth/nuxtauth/store"
)

// The accounts of two forms are other ones.
func TestLimit_AccountIsOfOneProvider(t *testing.T) {
	g := newGuesser(t, func(c *apptest.Config) {
		staff := provider.Credentials(func(context.Context, url.Values) (*provider.User, error) { return nil, nil })
		staff.ID = "staff"
		c.Providers = append(c.Providers, staff)
	})
	for i := range 20 {
		form := url.Values{"username": {"ada"}, "password": {"wrong"}}
		if w := g.postTo("staff", fmt.Sprintf("192.0.2.%d:1", i), form); w.Code != http.StatusUnauthorized {
			t.Fatalf("the form answers %d %s", w.Code, w.Body)
		}
	}
	g.signsIn(here)
}

// Two applications with one store count apart.
func TestLimit_RealmsCountApart(t *testing.T) {
	shared := store.NewMemory(store.MemoryOptions{})
	share := func(c *apptest.Config) { c.Session.Store = shared }
	shop := newGuesser(t, share)
	office := newGuesser(t, share, func(c *apptest.Config) { c.Cookies.Prefix = "office" })
	shop.wrong(20, here, "ada")
	shop.wrong(10, here, "eve")
	shop.refused(here, "ada", "lovelace")
	office.signsIn(here)
}
