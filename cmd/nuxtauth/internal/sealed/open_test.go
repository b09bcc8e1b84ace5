package sealed_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/sealed"
	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/token"
)

const (
	secret = "the-secret-of-the-server-0123456789"
	older  = "an-older-secret-of-the-same-server-"
	claims = `{"sub":"1","n":9007199254740993}`
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func sealNextAuth(t *testing.T, salt string) string {
	t.Helper()
	return must(must(token.NewNextAuth(salt, secret)).Seal(t.Context(), []byte(claims)))
}

func sealAuthJS(t *testing.T, salt string) string {
	t.Helper()
	return must(must(token.NewAuthJS(salt, secret)).Seal(t.Context(), []byte(claims)))
}

func sealSigned(t *testing.T, cfg token.SignedConfig) string {
	t.Helper()
	return must(must(token.NewSigned(cfg)).Seal(t.Context(), []byte(claims)))
}

func secrets(texts ...string) []sealed.Secret {
	var all []sealed.Secret
	for i, text := range texts {
		all = append(all, sealed.Secret{Name: []string{"FIRST", "SECOND"}[i], Text: text})
	}
	return all
}

func TestOpen(t *testing.T) {
	for title, tt := range map[string]struct {
		value   sealed.Value
		want    sealed.Protocol
		secrets []sealed.Secret
		opened  sealed.Opened
	}{
		"next-auth":                   {sealed.Value{Name: name, Text: sealNextAuth(t, "")}, "", secrets(secret), sealed.Opened{Protocol: sealed.NextAuth, Secret: "FIRST"}},
		"next-auth, any name":         {sealed.Value{Name: "x", Text: sealNextAuth(t, "")}, sealed.NextAuth, secrets(secret), sealed.Opened{Protocol: sealed.NextAuth, Secret: "FIRST"}},
		"next-auth, no name":          {sealed.Value{Text: sealNextAuth(t, "")}, "", secrets(secret), sealed.Opened{Protocol: sealed.NextAuth, Secret: "FIRST"}},
		"next-auth, the older secret": {sealed.Value{Name: name, Text: sealNextAuth(t, "")}, "", secrets(older, secret), sealed.Opened{Protocol: sealed.NextAuth, Secret: "SECOND"}},
		"Auth.js":                     {sealed.Value{Name: "authjs.session-token", Text: sealAuthJS(t, "authjs.session-token")}, sealed.AuthJS, secrets(secret), sealed.Opened{Protocol: sealed.AuthJS, Secret: "FIRST", Cookie: "authjs.session-token"}},
		"Auth.js, https":              {sealed.Value{Name: "__Secure-authjs.session-token", Text: sealAuthJS(t, "__Secure-authjs.session-token")}, "", secrets(older, secret), sealed.Opened{Protocol: sealed.AuthJS, Secret: "SECOND", Cookie: "__Secure-authjs.session-token"}},
		"Auth.js, a prefix":           {sealed.Value{Name: "shop.session-token", Text: sealAuthJS(t, "shop.session-token")}, "", secrets(secret), sealed.Opened{Protocol: sealed.AuthJS, Secret: "FIRST", Cookie: "shop.session-token"}},
		"Auth.js, another name":       {sealed.Value{Name: "sid", Text: sealAuthJS(t, "sid")}, "", secrets(secret), sealed.Opened{Protocol: sealed.AuthJS, Secret: "FIRST", Cookie: "sid"}},
		"Auth.js, no name":            {sealed.Value{Text: sealAuthJS(t, "__Secure-authjs.session-token")}, "", secrets(secret), sealed.Opened{Protocol: sealed.AuthJS, Secret: "FIRST", Cookie: "__Secure-authjs.session-token"}},
		"signed":                      {sealed.Value{Name: name, Text: sealSigned(t, token.SignedConfig{Secrets: []string{secret}})}, sealed.NextAuth, secrets("short", secret), sealed.Opened{Protocol: sealed.Signed, Secret: "SECOND"}},
	} {
		t.Run(title, func(t *testing.T) {
			got, err := sealed.Open(t.Context(), tt.value, tt.want, tt.secrets)
			if err != nil {
				t.Fatal(err)
			}
			tt.opened.Claims = got.Claims
			if string(got.Claims) != claims || got.Protocol != tt.opened.Protocol || got.Secret != tt.opened.Secret || got.Cookie != tt.opened.Cookie {
				t.Errorf("got %+v with %s, want %+v", got, got.Claims, tt.opened)
			}
		})
	}
}

func TestOpen_SaysWhatIsWrong(t *testing.T) {
	const authjs = "authjs.session-token"
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	handle, _ := store.NewHandle()
	v4, v5 := sealNextAuth(t, ""), sealAuthJS(t, authjs)
	header := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	flip := func(s string, at int) string {
		c := byte('A')
		if s[at] == c {
			c = 'B'
		}
		return s[:at] + string(c) + s[at+1:]
	}
	// cut removes characters at the beginning of a part.
	cut := func(s string, part, n int) string {
		parts := strings.Split(s, ".")
		parts[part] = parts[part][min(n, len(parts[part])):]
		return strings.Join(parts, ".")
	}
	for title, tt := range map[string]struct {
		name, text string
		want       sealed.Protocol
		secrets    []sealed.Secret
		err        string
	}{
		"wrong secret, next-auth":         {name, v4, "", secrets(older), "wrong secret: the token is of next-auth v4, and FIRST does not open it"},
		"wrong secrets, Auth.js":          {authjs, v5, "", secrets(older, "x"), "wrong secret: the token is of Auth.js v5, and none of FIRST, SECOND opens it"},
		"wrong secret or name":            {"", sealAuthJS(t, "sid"), "", secrets(secret), "add -cookie NAME"},
		"no secret":                       {name, v4, "", nil, "there is no secret"},
		"Auth.js for a server of v4":      {authjs, v5, sealed.NextAuth, secrets(secret), "the token was sealed by Auth.js v5, and the server has the protocol of next-auth v4"},
		"next-auth for a server of v5":    {name, v4, sealed.AuthJS, secrets(secret), "the token was sealed by next-auth v4, and the server has the protocol of Auth.js v5"},
		"salt of http on https":           {"__Secure-" + authjs, v5, "", secrets(secret), "sealed for a cookie with the name authjs.session-token, and this one has the name __Secure-authjs.session-token"},
		"salt of https on http":           {authjs, sealAuthJS(t, "__Secure-"+authjs), "", secrets(secret), "sealed for a cookie with the name __Secure-authjs.session-token"},
		"salt of the usual name":          {"shop.session-token", v5, "", secrets(secret), "sealed for a cookie with the name authjs.session-token, and this one has the name shop.session-token"},
		"salt of v5 in v4":                {name, sealNextAuth(t, name), "", secrets(secret), "sealed for the cookie next-auth.session-token alone, and not as a session"},
		"state cookie of v4":              {"", sealNextAuth(t, "next-auth.state"), "", secrets(secret), "it is no session: it is the cookie next-auth.state, of a sign-in under way"},
		"state cookie of v5":              {"", sealAuthJS(t, "__Host-authjs.state"), "", secrets(secret), "it is no session: it is the cookie __Host-authjs.state"},
		"a handle":                        {name, handle, "", nil, "it is the handle of a session in a store, and no token"},
		"another handle":                  {name, "abcdefghijklmnop", "", nil, "It may be the handle of a session in a store"},
		"a CSRF token":                    {"", strings.Repeat("a", 64) + "|" + strings.Repeat("b", 64), "", nil, "it is a CSRF token"},
		"a URL":                           {"", "http://localhost:3000", "", nil, "it is a URL"},
		"a word":                          {"", "hello", "", nil, "it is no token, which begins with eyJ"},
		"a header alone":                  {name, strings.Split(v4, ".")[0], "", nil, "it was cut off: only the beginning"},
		"three parts":                     {name, strings.Join(strings.Split(v4, ".")[:3], "."), "", nil, "it was cut off: it has 3 of 5 parts"},
		"four parts":                      {name, strings.Join(strings.Split(v4, ".")[:4], "."), "", nil, "it was cut off: it has 4 of 5 parts"},
		"six parts":                       {name, v4 + ".a", "", secrets(secret), "it has 6 parts"},
		"cut off, next-auth":              {name, v4[:len(v4)-3], "", secrets(secret), "it was cut off: its end is missing"},
		"cut off by one character":        {name, v4[:len(v4)-1], "", secrets(secret), "it was cut off"},
		"cut off, Auth.js":                {authjs, v5[:len(v5)-10], "", secrets(secret), "it was cut off: its end is missing"},
		"too long":                        {name, v4 + "AAAA", "", secrets(secret), "characters after its end"},
		"shortened by the tools":          {name, v4[:40] + "…", "", secrets(secret), `the character '…'`},
		"the beginning is missing":        {name, v4[3:], "", secrets(secret), "its beginning is missing or damaged"},
		"changed, Auth.js":                {authjs, flip(v5, len(v5)-50), "", secrets(older, secret), "it is damaged: its key is there"},
		"changed, next-auth":              {name, flip(v4, len(v4)-30), "", secrets(secret), "or characters of the token were lost or changed"},
		"another host than http":          {"__Secure-shop.session-token", sealAuthJS(t, "shop.session-token"), "", secrets(secret), "sealed for a cookie with the name shop.session-token"},
		"state cookie of a prefix":        {"shop.session-token", sealAuthJS(t, "__Host-shop.state"), "", secrets(secret), "it is the cookie __Host-shop.state"},
		"an odd character at once":        {name, "…" + v4, "", secrets(secret), `the character '…'`},
		"signed, four parts":              {name, header(`{"alg":"RS256"}`) + ".a.b.c", "", secrets(secret), "it has 4 parts"},
		"no encryption":                   {name, header(`{"alg":"dir"}`) + "..b.c.d", "", secrets(secret), `sealed with the encryption ""`},
		"a short CSRF token":              {"", strings.Repeat("a", 64) + "|" + strings.Repeat("b", 63), "", nil, "it is no token, which begins with eyJ"},
		"a bar":                           {"", strings.Repeat("a", 63) + "|" + strings.Repeat("b", 80), "", nil, "it is no token, which begins with eyJ"},
		"an https URL":                    {"", "https://localhost:3000", "", nil, "it is a URL"},
		"no handle":                       {name, strings.Repeat("a", 42) + "!", "", nil, "it is no token, which begins with eyJ"},
		"nearly a handle":                 {name, strings.Repeat("a", 42), "", nil, "It may be the handle of a session in a store"},
		"16 characters":                   {name, strings.Repeat("a", 16), "", nil, "It may be the handle of a session in a store"},
		"15 characters":                   {name, strings.Repeat("a", 15), "", nil, "it is no token, which begins with eyJ"},
		"a part of a chunk less, Auth.js": {authjs, cut(v5, 3, 4), "", secrets(secret), "it is damaged: characters are missing in the middle"},
		"one character less, Auth.js":     {authjs, cut(v5, 3, 3), "", secrets(secret), "it is damaged: part 4 of 5 is not in base64url"},
		"a part of the IV less":           {name, cut(v4, 2, 4), "", secrets(secret), "it is damaged: characters are missing in the middle"},
		"a part of the IV less, Auth.js":  {authjs, cut(v5, 2, 4), "", secrets(secret), "it is damaged: characters are missing in the middle"},
		"no ciphertext":                   {name, cut(v4, 3, 1000), "", secrets(secret), "it is damaged: characters are missing in the middle"},
		"no ciphertext, Auth.js":          {authjs, cut(v5, 3, 1000), "", secrets(secret), "it is damaged: characters are missing in the middle"},
		"a long algorithm":                {name, header(`{"alg":"`+strings.Repeat("x", 80)+`"}`) + ".e30.AAAA", "", secrets(secret), `("` + strings.Repeat("x", 80) + `")`},
		"a longer algorithm":              {name, header(`{"alg":"`+strings.Repeat("x", 81)+`"}`) + ".e30.AAAA", "", secrets(secret), `("` + strings.Repeat("x", 80) + `…")`},
		"signed, claims cut off":          {name, header(`{"alg":"RS256"}`) + ".A.AAAA", "", secrets(secret), "its claims are damaged"},
		"a prefix helps":                  {name, v4, "", secrets(older), "another application on the same host has set the cookie (Cookies.Prefix tells them apart)"},
		"a block less":                    {authjs, strings.Replace(v5, strings.Split(v5, ".")[3], strings.Split(v5, ".")[3][1:], 1), "", secrets(secret), "it is damaged: "},
		"an encrypted key":                {name, strings.Replace(v4, "..", ".AAAA.", 1), "", secrets(secret), "it has an encrypted key"},
		"another algorithm":               {name, header(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + ".a.b.c.d", "", secrets(secret), `sealed with the algorithm "RSA-OAEP"`},
		"another encryption":              {name, header(`{"alg":"dir","enc":"A128GCM"}`) + "..b.c.d", "", secrets(secret), `sealed with the encryption "A128GCM"`},
		"no algorithm":                    {name, header(`{}`) + "..b.c.d", "", secrets(secret), "its beginning is missing or damaged"},
		"long":                            {name, strings.Repeat("a.", 40<<10), "", secrets(secret), "more than any token"},
		"signed with another secret":      {name, sealSigned(t, token.SignedConfig{Secrets: []string{older}}), "", secrets(secret), `it is a signed token ("HS256"), and not an encrypted one: that of a server with Session.Codec, or of a provider. None of the secrets has signed it`},
		"signed with a key":               {name, sealSigned(t, token.SignedConfig{PrivateKey: key, KeyID: "k1"}), "", secrets(secret), `it is a signed token ("ES256", key ID "k1")`},
		"signed with no secret here":      {name, sealSigned(t, token.SignedConfig{PrivateKey: key}), "", nil, "The key that verifies it is not here"},
		"signed, damaged":                 {name, header(`{"alg":"RS256"}`) + ".AAAA.AAAA", "", secrets(secret), "its claims are damaged"},
	} {
		t.Run(title, func(t *testing.T) {
			got, err := sealed.Open(t.Context(), sealed.Value{Name: tt.name, Text: tt.text}, tt.want, tt.secrets)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("got %+v, %v, want the error %q", got, err, tt.err)
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), older) {
				t.Errorf("the error has a secret: %v", err)
			}
			if tt.name != "" && strings.Contains(err.Error(), "-cookie NAME") {
				t.Errorf("the name is known: %v", err)
			}
			signed := strings.HasPrefix(title, "signed with") || strings.HasPrefix(tt.err, `("xxx`)
			if unverified, ok := errors.AsType[*sealed.UnverifiedError](err); ok != signed || ok && string(unverified.Claims) != claims && string(unverified.Claims) != "{}" {
				t.Errorf("the claims without verification: %v", unverified)
			}
		})
	}
}

// A character that no token has is named.
func TestOpen_Characters(t *testing.T) {
	for c := byte(' '); c < 0x7f; c++ {
		_, err := sealed.Open(t.Context(), sealed.Value{Text: "eyJ." + string(rune(c))}, "", nil)
		plain := strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~", c) >= 0
		if named := strings.Contains(err.Error(), fmt.Sprintf("the character %q", c)); named == plain {
			t.Errorf("%q: %v", c, err)
		}
	}
}

func TestOpen_NoKeyNeeded(t *testing.T) {
	want := errors.New("missing")
	if _, err := sealed.Open(t.Context(), sealed.Value{Err: want}, "", nil); err != want {
		t.Errorf("the error is %v", err)
	}
	if _, err := sealed.Open(t.Context(), sealed.Value{Text: sealNextAuth(t, "")}, "", nil); !errors.Is(err, sealed.ErrNoSecret) {
		t.Errorf("the error is %v", err)
	}
}
