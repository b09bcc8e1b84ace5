package redisstore_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/redisstore"
)

// FuzzRedis_Decode reads any string as a session.
func FuzzRedis_Decode(f *testing.F) {
	whole := redisstore.Encode(provided())
	for _, end := range []int{0, 2, 3, 15, 16, 30, 60, len(whole) - 270, len(whole)} {
		f.Add(whole[:end])
	}
	f.Add("1 a \x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Add("1 a")
	f.Add("99999999999999999999 a ")
	f.Fuzz(func(t *testing.T, value string) {
		r, err := redisstore.Decode(value)
		if err != nil {
			return
		}
		again, err := redisstore.Decode(redisstore.Encode(r))
		if err != nil || !cmp.Equal(again, r) {
			t.Errorf("%q is read as %+v, and what is written of that as %+v, %v", value, r, again, err)
		}
	})
}

const realm = "next-auth"

// typicalSession has 250 bytes of claims, and the user agent of a browser.
func typicalSession() *store.Record {
	now := time.Now()
	claims := `{"name":"Ada Lovelace","email":"ada@example.com","picture":"https://avatars.example.com/u/1234567?v=4",` +
		`"sub":"1234567","sessionToken":"gho_0123456789abcdefghijABCDEFGHIJ012345","iat":1795424879,"exp":1798016879,` +
		`"jti":"0f8fad5b-d9cb-469f-a165-70867728950e"`
	for len(claims) < 249 {
		claims += " "
	}
	return &store.Record{
		ID: store.NewID(), Version: 1,
		Realm:           realm,
		Subject:         "user:1234567",
		Provider:        "github",
		ProviderSubject: "1234567",
		Claims:          []byte(claims + "}"),
		CreatedAt:       now, SeenAt: now, ExpiresAt: now.Add(30 * 24 * time.Hour),
		IP:        "203.0.113.77",
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
	}
}
