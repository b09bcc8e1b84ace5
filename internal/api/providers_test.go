package api_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/api"
	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/internal/flow"
	"github.com/nuxtauth/nuxtauth/provider"
)

// A type that is valid and has no method would answer every sign-in with a panic.
func TestProviders_TypeWithoutMethod(t *testing.T) {
	_, err := api.NewProviders([]provider.Provider{{ID: "magic", Type: "link"}}, flow.Config{})
	if err == nil || !strings.Contains(err.Error(), `"magic"`) || !strings.Contains(err.Error(), `"link"`) {
		t.Errorf("NewProviders returns %v", err)
	}
}

func TestProviders_Refresh(t *testing.T) {
	idp := apptest.StartIDP(t)
	all, err := api.NewProviders([]provider.Provider{idp.AsProvider("idp"), provider.Credentials(apptest.Authorize)}, flow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for id, can := range map[string]bool{"idp": true, "credentials": false, "unknown": false, "": false} {
		_, err := all.Refresh(t.Context(), id, flow.Refresh{RefreshToken: "unknown"})
		if got := all.CanRefresh(id); got != can || err == nil || errors.Is(err, flow.ErrInvalidGrant) != can {
			t.Errorf("%q: %t, %v", id, got, err)
		}
	}
}
