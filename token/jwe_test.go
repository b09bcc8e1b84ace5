package token_test

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nuxtauth/nuxtauth/token"
)

func TestSeal_ReadByJose(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			obj, err := jose.ParseEncryptedCompact(mustSeal(t, f.codec(t, newSecret), session),
				[]jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{f.enc})
			if err != nil {
				t.Fatal(err)
			}
			claims, err := obj.Decrypt(f.key(t, newSecret, f.size))
			if err != nil {
				t.Fatal(err)
			}
			if string(claims) != session {
				t.Errorf("claims %s, want %s", claims, session)
			}
		})
	}
}

// Claims of every length, over all lengths of padding and of base64 groups.
func TestSeal_EveryLength(t *testing.T) {
	codecs := map[string]token.Codec{"Signed": signed(t, token.SignedConfig{Secrets: []string{newSecret}})}
	for _, f := range formats {
		codecs[f.name] = f.codec(t, newSecret)
	}
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			for n := 2; n <= 1200; n++ {
				claims := "{" + strings.Repeat(" ", n-2) + "}"
				if n > 8 {
					claims = `{"a":"` + strings.Repeat("x", n-9) + `y"}`
				}
				wantOpen(t, codec, mustSeal(t, codec, claims), claims)
			}
		})
	}
}

func TestOpen_ReadsJose(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			encrypter, err := jose.NewEncrypter(f.enc, jose.Recipient{Algorithm: jose.DIRECT, Key: f.key(t, newSecret, f.size)},
				(&jose.EncrypterOptions{}).WithType("JWT"))
			if err != nil {
				t.Fatal(err)
			}
			// Every length of the padding and of the last base64 group.
			for n := range 50 {
				claims := `{"a":"` + strings.Repeat("x", n) + `"}`
				obj, err := encrypter.Encrypt([]byte(claims))
				if err != nil {
					t.Fatal(err)
				}
				sealed, err := obj.CompactSerialize()
				if err != nil {
					t.Fatal(err)
				}
				wantOpen(t, f.codec(t, newSecret), sealed, claims)
			}
		})
	}
}

func TestSeal_Opens(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			codec := f.codec(t, newSecret)
			wantOpen(t, codec, mustSeal(t, codec, session), session)
			for n := range 50 {
				claims := `{"a":"` + strings.Repeat("x", n) + `"}`
				wantOpen(t, codec, mustSeal(t, codec, claims), claims)
			}
			wantOpen(t, codec, mustSeal(t, codec, `{}`), `{}`)
			if first, second := mustSeal(t, codec, session), mustSeal(t, codec, session); first == second {
				t.Error("two tokens of the same claims are equal")
			}
		})
	}
}

func TestSeal_ObjectsOnly(t *testing.T) {
	for _, f := range formats {
		for _, claims := range []string{"", "{", "}", "null", "[]", `"{}"`, `1`, `{}x`, ` {}`, "{}\n"} {
			if sealed, err := f.codec(t, newSecret).Seal(t.Context(), []byte(claims)); err == nil {
				t.Errorf("%s: sealed %q as %s", f.name, claims, sealed)
			}
		}
	}
}

func TestSeal_MaxSize(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			codec := f.codec(t, newSecret)
			object := func(n int) string { return `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}` }

			largest := 0
			for n := token.MaxSize * 3 / 4; n > 0 && largest == 0; n-- {
				sealed, err := codec.Seal(t.Context(), []byte(object(n)))
				if err == nil {
					largest = n
					if len(sealed) > token.MaxSize || len(sealed) < token.MaxSize-aes.BlockSize*4/3-4 {
						t.Errorf("the largest token has %d bytes, want about %d", len(sealed), token.MaxSize)
					}
					wantOpen(t, codec, sealed, object(n))
				} else if !errors.Is(err, token.ErrTooLarge) {
					t.Fatal(err)
				}
			}
			if f.enc == jose.A256GCM { // CBC has no token of this length
				wantLength(t, mustSeal(t, codec, object(largest)), token.MaxSize)
			}
			if _, err := codec.Seal(t.Context(), []byte(object(10*token.MaxSize))); !errors.Is(err, token.ErrTooLarge) {
				t.Errorf("error %v, want ErrTooLarge", err)
			}
			wantInvalid(t, codec, f.forge(t, newSecret, f.header(t, newSecret), []byte(object(token.MaxSize))))
		})
	}
}

func wantLength(t testing.TB, sealed string, n int) {
	t.Helper()
	if len(sealed) != n {
		t.Errorf("%d bytes, want %d", len(sealed), n)
	}
}

func TestOpen_Rotation(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			before, after := f.codec(t, oldSecret), f.codec(t, newSecret, "another secret of some length", oldSecret)
			wantOpen(t, after, mustSeal(t, before, session), session)
			wantInvalid(t, before, mustSeal(t, after, session))
			wantOpen(t, f.codec(t, newSecret), mustSeal(t, after, session), session)
			wantInvalid(t, f.codec(t, newSecret), mustSeal(t, before, session))
		})
	}
}

func TestOpen_OtherCookie(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			other, err := f.new("__Secure-other.state", newSecret)
			if err != nil {
				t.Fatal(err)
			}
			wantInvalid(t, other, mustSeal(t, f.codec(t, newSecret), session))
			wantInvalid(t, f.codec(t, newSecret), mustSeal(t, other, session))
		})
	}
}

func TestOpen_OtherVersion(t *testing.T) {
	wantInvalid(t, formats[1].codec(t, newSecret), mustSeal(t, formats[0].codec(t, newSecret), session))
	wantInvalid(t, formats[0].codec(t, newSecret), mustSeal(t, formats[1].codec(t, newSecret), session))
}

func TestOpen_ChangedByte(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			codec := f.codec(t, newSecret, oldSecret)
			sealed := mustSeal(t, codec, session)
			for i := range len(sealed) {
				for _, c := range []byte{sealed[i] ^ 1, 'A', 'Q', '.', '=', '\n', '\r', ' ', 0, 0xff} {
					if changed := sealed[:i] + string([]byte{c}) + sealed[i+1:]; changed != sealed {
						wantInvalid(t, codec, changed)
					}
				}
				wantInvalid(t, codec, sealed[:i])
				wantInvalid(t, codec, sealed[i+1:])
				wantInvalid(t, codec, sealed[:i]+sealed[i+1:])
				wantInvalid(t, codec, sealed[:i]+"\n"+sealed[i:])
				wantInvalid(t, codec, sealed[:i]+"\r"+sealed[i:])
				wantInvalid(t, codec, sealed[:i]+"="+sealed[i:])
				wantInvalid(t, codec, sealed[:i]+"."+sealed[i:])
			}
			wantInvalid(t, codec, sealed+"A")
			wantInvalid(t, codec, sealed+".")
			wantInvalid(t, codec, sealed+"=")
			for _, c := range base64urlDigits { // the last one has bits that don't count
				if changed := sealed[:len(sealed)-1] + string(c); changed != sealed {
					wantInvalid(t, codec, changed)
				}
			}
		})
	}
}

func TestOpen_Headers(t *testing.T) {
	const refused, noKey = "header refused", "no key opens it"
	long := strings.Repeat("x", 2000)
	for _, f := range formats {
		kid, unknown := "", ""
		if f.enc == jose.A256CBC_HS512 {
			kid, unknown = token.Thumbprint(f.key(t, newSecret, 64)), noKey
		}
		enc := string(f.enc)
		for _, test := range []struct {
			header string
			reason string // of the error; "" if it opens
		}{
			{`{"alg":"dir","enc":"` + enc + `"}`, ""},
			{`{"enc":"` + enc + `","alg":"dir"}`, ""},
			{` { "alg" : "dir", "enc" : "` + enc + `" } `, ""},
			{`{"alg":"dir","enc":"` + enc + `","typ":"JWT","cty":"json"}`, ""},
			{`{"alg":"\u0064ir","enc":"` + enc + `"}`, ""},
			{`{"alg":"dir","enc":"` + enc + `","kid":"nope"}`, unknown}, // ignored by v4, unknown in v5
			{`{"alg":"dir","enc":"` + enc + `","typ":"JWT","kid":"` + cmp.Or(kid, "any") + `"}`, ""},

			{`{"alg":"dir","enc":"` + enc + `","kid":null}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","kid":""}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","kid":7}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","typ":["JWT"]}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","zip":"DEF"}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","crit":["b64"],"b64":true}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","crit":[]}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","jwk":{"kty":"oct","k":"AAAA"}}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","jku":"https://example.com/keys"}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","x5u":"https://example.com/cert"}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","p2c":10000000,"p2s":"AAAA"}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","p2s":"AAAA"}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","unknown":"x"}`, refused},
			{`{"alg":"DIR","enc":"` + enc + `"}`, refused},
			{`{"alg":"none","enc":"` + enc + `"}`, refused},
			{`{"alg":"A256KW","enc":"` + enc + `"}`, refused},
			{`{"alg":"A256GCMKW","enc":"` + enc + `"}`, refused},
			{`{"alg":"RSA-OAEP","enc":"` + enc + `"}`, refused},
			{`{"alg":"PBES2-HS512+A256KW","enc":"` + enc + `"}`, refused},
			{`{"alg":null,"enc":"` + enc + `"}`, refused},
			{`{"alg":["dir"],"enc":"` + enc + `"}`, refused},
			{`{"enc":"` + enc + `"}`, refused},
			{`{"alg":"dir"}`, noKey},
			{`{"alg":"dir","enc":"` + strings.ToLower(enc) + `"}`, noKey},
			{`{"alg":"dir","enc":"A128GCM"}`, noKey},
			{`{"alg":"dir","enc":"A128CBC-HS256"}`, noKey},
			{`{"alg":"none","alg":"dir","enc":"` + enc + `"}`, refused},
			{`{"alg":"dir","Alg":"dir","enc":"` + enc + `"}`, refused},
			{`{"ALG":"dir","enc":"` + enc + `"}`, refused},
			{`{"alg":"dir","enc":"` + enc + `"}{}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","typ":"` + "\xff" + `"}`, refused},
			{`{"alg":"dir","enc":"` + enc + `","typ":"` + long[:737-len(enc)] + `"}`, ""},
			{`{"alg":"dir","enc":"` + enc + `","typ":"` + long[:738-len(enc)] + `"}`, "malformed"},
			{`{"alg":"dir","enc":"` + enc + `","typ":"` + long + `"}`, "malformed"},
			{`[]`, refused},
			{`null`, refused},
			{``, refused},
			{`"dir"`, refused},
		} {
			t.Run(f.name+"/"+test.header[:min(len(test.header), 80)], func(t *testing.T) {
				forged := f.forge(t, newSecret, test.header, []byte(session))
				if test.reason == "" {
					wantOpen(t, f.codec(t, newSecret), forged, session)
					wantOpen(t, f.codec(t, oldSecret, newSecret), forged, session)
				} else {
					wantReason(t, f.codec(t, newSecret), forged, test.reason)
				}
			})
		}
		wantReason(t, f.codec(t, newSecret), "!..a.b.c", "malformed")
	}
}

// wantReason is wantInvalid with the end of the error, which is for logs.
func wantReason(t testing.TB, c token.Codec, sealed, reason string) {
	t.Helper()
	wantInvalid(t, c, sealed)
	if _, err := c.Open(t.Context(), sealed); err == nil || !strings.HasSuffix(err.Error(), ": "+reason) {
		t.Errorf("error %q, want one that ends with %q", err, reason)
	}
}

func TestAuthJS_RefusesGCM(t *testing.T) {
	f := formats[1]
	key := f.key(t, newSecret, 32)
	codec := f.codec(t, newSecret)
	wantInvalid(t, codec, forgeGCM(t, key, `{"alg":"dir","enc":"A256GCM"}`, []byte(session)))
	wantInvalid(t, codec, forgeGCM(t, key, `{"alg":"dir","enc":"A256GCM","kid":"`+token.Thumbprint(key)+`"}`, []byte(session)))

	header, _, _ := strings.Cut(mustSeal(t, codec, session), ".")
	if want := encode([]byte(f.header(t, newSecret))); header != want {
		t.Errorf("header %s, want %s", header, want)
	}
}

// The tag is checked first, and a wrong padding gives the same error.
func TestOpen_WrongPadding(t *testing.T) {
	f := formats[1]
	codec, key, header := f.codec(t, newSecret), f.key(t, newSecret, f.size), f.header(t, newSecret)
	changed := []byte(mustSeal(t, codec, session))
	if i := len(changed) - 5; changed[i] == 'A' { // still base64url
		changed[i] = 'B'
	} else {
		changed[i] = 'A'
	}
	_, wrongTag := codec.Open(t.Context(), string(changed))
	if !errors.Is(wrongTag, token.ErrInvalid) {
		t.Fatal(wrongTag)
	}
	for name, blocks := range map[string][]byte{
		"none":          []byte(`{"sub":"1234567"`),
		"zero":          append([]byte(`{"sub":"123456"`), 0),
		"too much":      append([]byte(`{"sub":"123456"`), 17),
		"inconsistent":  append([]byte(`{"sub":"12345"`), 1, 2),
		"nothing":       nil,
		"more than all": bytes.Repeat([]byte{32}, aes.BlockSize),
	} {
		_, err := codec.Open(t.Context(), forgeCBC(t, key, header, blocks))
		if err != wrongTag {
			t.Errorf("%s: error %v, want %v", name, err, wrongTag)
		}
	}
	for _, n := range []int{1, 15, 17, 31} {
		if _, err := codec.Open(t.Context(), authenticateCBC(key, header, make([]byte, n))); err != wrongTag {
			t.Errorf("%d bytes: error %v, want %v", n, err, wrongTag)
		}
	}
	whole := append([]byte(`{"sub":"1"}`), bytes.Repeat([]byte{5}, 5)...)
	wantOpen(t, codec, forgeCBC(t, key, header, whole), `{"sub":"1"}`)
}

func TestNew_MissingSecretOrSalt(t *testing.T) {
	for name, f := range map[string]func() (token.Codec, error){
		"no secret v4":    func() (token.Codec, error) { return token.NewNextAuth("") },
		"no secret v5":    func() (token.Codec, error) { return token.NewAuthJS("name") },
		"empty secret v4": func() (token.Codec, error) { return token.NewNextAuth("", newSecret, "") },
		"empty secret v5": func() (token.Codec, error) { return token.NewAuthJS("name", "", newSecret) },
		"no salt v5":      func() (token.Codec, error) { return token.NewAuthJS("", newSecret) },
	} {
		if c, err := f(); err == nil || c != nil {
			t.Errorf("%s: got %v, %v", name, c, err)
		}
	}
}

func TestSeal_Random(t *testing.T) {
	for _, f := range formats {
		codec := f.codec(t, newSecret)
		if a, b := mustSeal(t, codec, session), mustSeal(t, codec, session); a == b {
			t.Errorf("%s: twice %s", f.name, a)
		}
	}
}

func TestCodec_ConcurrentUse(t *testing.T) {
	for _, f := range formats {
		codec := f.codec(t, newSecret, oldSecret)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				earlier := make(map[string]string) // claims are not in memory that is used again
				defer func() {
					for want, got := range earlier {
						if got != want {
							t.Errorf("%s: %s became %s", f.name, want, got)
						}
					}
				}()
				for j := range 50 {
					claims := fmt.Sprintf(`{"sub":"%d-%d"}`, i, j)
					sealed, err := codec.Seal(t.Context(), []byte(claims))
					if err != nil {
						t.Error(err)
						return
					}
					if got, err := codec.Open(t.Context(), sealed); err != nil || string(got) != claims {
						t.Errorf("%s: got %s, %v, want %s", f.name, got, err, claims)
					}
					if earlier[claims], err = openString(t, codec, sealed); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}
