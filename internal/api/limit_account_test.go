package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/provider"
)

func TestLimit_SkippedAcceptsPassword(t *testing.T) {
	g := newGuesser(t, func(c *apptest.Config) { c.SignInLimit.Skip = true })
	g.wrong(40, here, "ada")
	g.signsIn(here)
}

// Forms that name no account are not counted as those of one account.
func TestLimit_FormsWithoutAccount(t *testing.T) {
	for name, change := range map[string]func(*apptest.Config){
		"no name":    func(*apptest.Config) {},
		"no account": func(c *apptest.Config) { c.SignInLimit.Account = func(url.Values) string { return "" } },
		"blank":      func(c *apptest.Config) { c.SignInLimit.Account = func(url.Values) string { return " \t" } },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuesser(t, change)
			for i := range 25 {
				g.wrong(1, fmt.Sprintf("203.0.113.%d:1", i), "")
			}
			g.signsIn(there)
			g.wrong(1, there, "")
		})
	}
}

// What a form has in a hidden field is not the account.
func TestLimit_HiddenFieldIsNoAccount(t *testing.T) {
	g := newGuesser(t, func(c *apptest.Config) {
		c.SignInLimit.PerAccount = 1
		c.Providers[0].Fields = []provider.Field{{Name: "tenant", Type: "hidden"}, {Name: "badge"}, {Name: "pin"}}
	})
	for i, badge := range []string{"1", "2", "1"} {
		rejected := g.post(there, url.Values{"tenant": {"acme"}, "badge": {badge}}).Code == http.StatusTooManyRequests
		if rejected != (i == 2) {
			t.Errorf("attempt %d, with badge %s, is rejected: %t", i+1, badge, rejected)
		}
	}
}

func TestLimit_NegativeIsRefused(t *testing.T) {
	for _, limit := range []nuxtauth.SignInLimit{{PerNetwork: -1}, {PerAccount: -1}} {
		_, err := nuxtauth.New(apptest.Config{Secret: apptest.Secret, URL: "http://localhost", SignInLimit: limit})
		if err == nil || !strings.Contains(err.Error(), "SignInLimit") {
			t.Errorf("%+v: New returns %v", limit, err)
		}
	}
}
