package cookie_test

import (
	"slices"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

func TestWithPrefix(t *testing.T) {
	h := request("next-auth.state.abc=1; next-auth.state=2; x=3; next-auth.state.=4; next-auth.statexyz=5", "next-auth.state.def=6")
	var got []string
	for name, value := range (cookie.Cookie{Name: "next-auth.state"}).WithPrefix(h) {
		got = append(got, name+"="+value)
	}
	if want := []string{"next-auth.state.abc=1", "next-auth.state.def=6"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
