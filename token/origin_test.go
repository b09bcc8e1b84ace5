package token_test

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/token"
)

func TestOrigin_JSON(t *testing.T) {
	all := token.Origin{AuthTime: 1, SessionID: "s", Provider: "p", ProviderSubject: "u", Issuer: "i", ProviderSession: "v", User: true, Since: 2, Local: true, Rotations: 3, RotatedAt: 4}
	for name, v := range reflect.ValueOf(all).Fields() {
		if name.Name != "_" && v.IsZero() {
			t.Errorf("%s is not tested", name.Name)
		}
	}
	for want, o := range map[string]token.Origin{
		`{}`: {},
		`{"auth_time":1,"sid":"s","idp":"p","idp_sub":"u","idp_iss":"i","idp_sid":"v","user":true,"since":2,"local":true,"rotations":3,"rotated_at":4}`: all,
	} {
		got, err := json.Marshal(o)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		var back token.Origin
		if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, o) {
			t.Errorf("%s: read as %+v, %v", got, back, err)
		}
	}
}
