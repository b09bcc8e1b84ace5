package token_test

import (
	"bytes"
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/nuxtauth/nuxtauth/token"
)

func FuzzOpenNextAuth(f *testing.F) { fuzzOpen(f, formats[0], "v4-jwe.json") }

func FuzzOpenAuthJS(f *testing.F) { fuzzOpen(f, formats[1], "v5-jwe.json") }

// fuzzOpen compares a codec with go-jose: on a token from outside, and on one
// with a chosen header and payload that has been made with the right key, since
// no other gets past the decryption.
func fuzzOpen(f *testing.F, format format, file string) {
	o := newOracle(f, format)
	f.Add(mustSeal(f, o.codec, session), format.header(f, newSecret), []byte(session))
	for _, v := range readVectors[vector](f, file) {
		if len(v.JWE) < 1000 {
			f.Add(v.JWE, headerOf(v.JWE), []byte("{}"))
		}
	}
	for _, header := range []string{
		`{"alg":"dir","enc":"A256GCM","kid":""}`,
		`{"alg":"dir","enc":"A256CBC-HS512","kid":"` + o.kid + `"}`,
		`{"alg":"dir","enc":"A256CBC-HS512","typ":"JWT","cty":"json"}`,
		`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`,
		`{"alg":"dir","enc":"A256GCM","crit":["b64"],"b64":true}`,
		`{"alg":"dir","alg":"dir","enc":"A256GCM"}`,
	} {
		f.Add("", header, []byte(session))
	}

	f.Fuzz(func(t *testing.T, outside, header string, payload []byte) {
		o.compare(t, outside)
		o.compare(t, format.forge(t, newSecret, header, payload))
	})
}

// An oracle opens the tokens of one format with go-jose.
type oracle struct {
	codec token.Codec
	enc   jose.ContentEncryption
	key   []byte
	kid   string // empty: "kid" may be anything
}

func newOracle(t testing.TB, format format) *oracle {
	size := 32
	if format.enc == jose.A256CBC_HS512 {
		size = 64
	}
	o := &oracle{codec: format.codec(t, newSecret), enc: format.enc, key: format.key(t, newSecret, size)}
	if size == 64 {
		o.kid = token.Thumbprint(o.key)
	}
	return o
}

func (o *oracle) compare(t *testing.T, sealed string) {
	t.Helper()
	got, err := o.codec.Open(t.Context(), sealed)
	if err != nil && !errors.Is(err, token.ErrInvalid) {
		t.Fatalf("%q: error %q does not wrap ErrInvalid", sealed, err)
	}
	if text, errText := openString(t, o.codec, sealed); text != string(got) || errText != err {
		t.Fatalf("%q: as a string %q, %v; as bytes %q, %v", sealed, text, errText, got, err)
	}
	want, joseErr := o.open(sealed)
	switch {
	case err == nil && joseErr != nil:
		t.Fatalf("%q: opens, but not with go-jose: %v", sealed, joseErr)
	case err == nil && !bytes.Equal(got, want):
		t.Fatalf("%q: claims %q, with go-jose %q", sealed, got, want)
	case err != nil && joseErr == nil && !o.refusedOnPurpose(sealed):
		t.Fatalf("%q: opens with go-jose, but not here: %v", sealed, err)
	}
}

func (o *oracle) open(sealed string) ([]byte, error) {
	obj, err := jose.ParseEncryptedCompact(sealed, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{o.enc})
	if err != nil {
		return nil, err
	}
	return obj.Decrypt(o.key)
}

// refusedOnPurpose tells whether a token that go-jose opens is one of those
// that this package refuses for a reason.
func (o *oracle) refusedOnPurpose(sealed string) bool {
	segments := strings.Split(sealed, ".")
	if len(sealed) > token.MaxSize || len(segments[0]) > 1024 {
		return true // sizes are bounded
	}
	if segments[1] != "" {
		return true // direct encryption has no encrypted key (RFC 7518 §4.5)
	}
	for _, s := range segments {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || encode(b) != s {
			return true // line breaks, or unused bits that are not zero
		}
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(headerOf(sealed)), &members); err != nil {
		return true // not UTF-8, names that occur twice
	}
	for name, value := range members {
		switch name {
		case "alg", "enc", "kid", "typ", "cty":
		default:
			return true // a member that these tokens don't have
		}
		if s, ok := value.(string); !ok || s == "" {
			return true
		}
	}
	kid, ok := members["kid"].(string)
	return ok && o.kid != "" && kid != o.kid // go-jose does not compare it
}

func headerOf(sealed string) string {
	header, _, _ := strings.Cut(sealed, ".")
	b, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return ""
	}
	return string(b)
}

func FuzzOpenSigned(f *testing.F) {
	codec := signed(f, token.SignedConfig{Secrets: []string{newSecret}})
	f.Add(mustSeal(f, codec, session), `{"alg":"HS256","typ":"JWT"}`, session)
	f.Add(encode([]byte(`{"alg":"none"}`))+"."+encode([]byte(session))+".", `{"alg":"none"}`, session)
	f.Add("..", `{"alg":"HS256","crit":["b64"],"b64":false}`, "null")
	f.Add("", `{"alg":"HS256","kid":"a"}`, `{"a":1}{}`)

	f.Fuzz(func(t *testing.T, outside, header, payload string) {
		for _, sealed := range []string{outside, signHS256(newSecret, header, payload)} {
			claims, err := codec.Open(t.Context(), sealed)
			if err != nil {
				if !errors.Is(err, token.ErrInvalid) {
					t.Fatalf("%q: error %q does not wrap ErrInvalid", sealed, err)
				}
				continue
			}
			obj, err := jose.ParseSignedCompact(sealed, []jose.SignatureAlgorithm{jose.HS256})
			if err != nil {
				t.Fatalf("%q: opens, but go-jose can't read it: %v", sealed, err)
			}
			want, err := obj.Verify([]byte(newSecret))
			if err != nil {
				t.Fatalf("%q: opens, but not with go-jose: %v", sealed, err)
			}
			if !bytes.Equal(claims, bytes.TrimSpace(want)) {
				t.Fatalf("%q: claims %q, with go-jose %q", sealed, claims, want)
			}
		}
	})
}

func FuzzNumericDate(f *testing.F) {
	for _, s := range []string{`0`, `-0.5`, `1795419100`, `1795419100.5`, `1e9`, `9007199254740991`, `9007199254740992`,
		`1e400`, `1E-400`, `null`, `"1"`, `true`, `[1]`, `{}`, ` 7 `, `01`, `1.`, `NaN`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var got token.NumericDate
		err := json.Unmarshal([]byte(in), &got)

		var v any
		oracleErr := stdjson.Unmarshal([]byte(in), &v)
		number, ok := v.(float64)
		ok = ok && oracleErr == nil && math.Abs(number) < 1<<53
		if (err == nil) != ok {
			t.Fatalf("%q: error %v, want ok %t", in, err, ok)
		}
		if !ok {
			return
		}
		if want := token.NumericDate(math.Trunc(number)); got != want {
			t.Fatalf("%q: %d, want %d", in, got, want)
		}
		out, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again token.NumericDate
		if err := json.Unmarshal(out, &again); err != nil || again != got {
			t.Fatalf("%q: written as %s, read as %d: %v", in, out, again, err)
		}
		if !got.Time().IsZero() && got.Time().Unix() != int64(got) {
			t.Fatalf("%q: the time is %v", in, got.Time())
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(session), int64(1_795_419_100))
	f.Add([]byte(session), int64(1_798_011_115))
	f.Add([]byte(`{"iat":1,"exp":2,"nbf":3}`), int64(0))
	f.Add([]byte(`{"iat":1,"exp":"2"}`), int64(0))
	f.Add([]byte(`{"iat":1,"exp":2,"exp":2}`), int64(0))
	f.Add([]byte(`{"iat":0.5,"exp":1e99}`), int64(0))
	f.Add([]byte(`[]`), int64(0))

	f.Fuzz(func(t *testing.T, claims []byte, seconds int64) {
		seconds %= 1 << 53
		err := token.Verify(claims, time.Unix(seconds, 0))
		if want := verifyOracle(claims, float64(seconds)); !errors.Is(err, want) {
			t.Fatalf("%q at %d: error %v, want %v", claims, seconds, err, want)
		}
	})
}

// verifyOracle says by a generic map what Verify says by types.
func verifyOracle(claims []byte, now float64) error {
	var members map[string]any
	if err := json.Unmarshal(claims, &members); err != nil {
		return token.ErrInvalid
	}
	times := make(map[string]float64)
	for _, name := range []string{"iat", "exp", "nbf"} {
		v, ok := members[name]
		if !ok {
			continue
		}
		number, ok := v.(float64)
		if !ok || math.Abs(number) >= 1<<53 {
			return token.ErrInvalid
		}
		times[name] = math.Trunc(number)
	}
	switch {
	case times["iat"] == 0 || times["exp"] == 0:
		return token.ErrInvalid
	case times["exp"] <= now-15:
		return token.ErrExpired
	case times["nbf"] > now+15:
		return token.ErrNotYetValid
	}
	return nil
}
