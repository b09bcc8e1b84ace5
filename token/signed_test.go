package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nuxtauth/nuxtauth/token"
)

// keys are made once: an RSA key takes a while.
var keys = sync.OnceValue(func() (k struct {
	rsa, otherRSA *rsa.PrivateKey
	ecdsa         *ecdsa.PrivateKey
	ed25519       ed25519.PrivateKey
}) {
	var errs [4]error
	k.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	k.otherRSA, errs[1] = rsa.GenerateKey(rand.Reader, 2048)
	k.ecdsa, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, k.ed25519, errs[3] = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		panic(err)
	}
	return k
})

func signed(t testing.TB, cfg token.SignedConfig) token.Codec {
	t.Helper()
	c, err := token.NewSigned(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signHS256 makes a token with any header and payload.
func signHS256(secret, header, payload string) string {
	text := encode([]byte(header)) + "." + encode([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// A signature is one way to sign, with the key that another library needs to
// verify or to make it.
type signature struct {
	alg          jose.SignatureAlgorithm
	cfg          token.SignedConfig
	sign, verify any
}

func signatures() []signature {
	k := keys()
	return []signature{
		{jose.HS256, token.SignedConfig{Secrets: []string{newSecret}}, []byte(newSecret), []byte(newSecret)},
		{jose.RS256, token.SignedConfig{PrivateKey: k.rsa}, k.rsa, &k.rsa.PublicKey},
		{jose.ES256, token.SignedConfig{PrivateKey: k.ecdsa}, k.ecdsa, &k.ecdsa.PublicKey},
		{jose.EdDSA, token.SignedConfig{PrivateKey: k.ed25519}, k.ed25519, k.ed25519.Public()},
	}
}

func TestSigned_Jose(t *testing.T) {
	for _, s := range signatures() {
		t.Run(string(s.alg), func(t *testing.T) {
			codec := signed(t, s.cfg)
			sealed := mustSeal(t, codec, session)
			wantOpen(t, codec, sealed, session)

			obj, err := jose.ParseSignedCompact(sealed, []jose.SignatureAlgorithm{s.alg})
			if err != nil {
				t.Fatal(err)
			}
			claims, err := obj.Verify(s.verify)
			if err != nil {
				t.Fatal(err)
			}
			if string(claims) != session {
				t.Errorf("claims %s, want %s", claims, session)
			}

			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: s.alg, Key: s.sign}, (&jose.SignerOptions{}).WithType("JWT"))
			if err != nil {
				t.Fatal(err)
			}
			if obj, err = signer.Sign([]byte(session)); err != nil {
				t.Fatal(err)
			}
			if sealed, err = obj.CompactSerialize(); err != nil {
				t.Fatal(err)
			}
			wantOpen(t, codec, sealed, session)
		})
	}
}

func TestSigned_ChangedByte(t *testing.T) {
	for _, s := range signatures() {
		if s.alg == jose.RS256 {
			continue // the same code, and slow
		}
		t.Run(string(s.alg), func(t *testing.T) {
			codec := signed(t, s.cfg)
			sealed := mustSeal(t, codec, `{"sub":"1"}`)
			for i := range len(sealed) {
				for _, c := range []byte{sealed[i] ^ 1, '.', '=', '\n', 0xff} {
					if changed := sealed[:i] + string([]byte{c}) + sealed[i+1:]; changed != sealed {
						wantInvalid(t, codec, changed)
					}
				}
				wantInvalid(t, codec, sealed[:i])
				wantInvalid(t, codec, sealed[i+1:])
				wantInvalid(t, codec, sealed[:i]+"\n"+sealed[i:])
				wantInvalid(t, codec, sealed[:i]+"\r"+sealed[i:])
			}
			for _, c := range base64urlDigits { // the last one has bits that don't count
				if changed := sealed[:len(sealed)-1] + string(c); changed != sealed {
					wantInvalid(t, codec, changed)
				}
			}
			wantInvalid(t, codec, sealed+".")
			wantInvalid(t, codec, sealed+"=")
			wantInvalid(t, codec, sealed+"."+strings.Repeat(".", 1000))
		})
	}
}

func TestSigned_Algorithm(t *testing.T) {
	k := keys()
	rs256 := signed(t, token.SignedConfig{PrivateKey: k.rsa, KeyID: "a"})
	hs256 := signed(t, token.SignedConfig{Secrets: []string{newSecret}})

	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", " none"} {
		header := `{"alg":"` + alg + `","typ":"JWT"}`
		unsigned := encode([]byte(header)) + "." + encode([]byte(session)) + "."
		for _, codec := range []token.Codec{rs256, hs256} {
			wantInvalid(t, codec, unsigned)
			wantInvalid(t, codec, unsigned+"AAAA")
			wantInvalid(t, codec, signHS256(newSecret, header, session))
		}
	}

	// A codec that took the public key for a secret would accept any token.
	der, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{
		"PEM":          pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"PEM, trimmed": []byte(strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))),
		"DER":          der,
		"PKCS #1":      x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey),
		"modulus":      k.rsa.N.Bytes(),
		"nothing":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			wantInvalid(t, rs256, signHS256(string(secret), `{"alg":"HS256","typ":"JWT"}`, session))
			wantInvalid(t, rs256, signHS256(string(secret), `{"alg":"HS256","kid":"a"}`, session))
			wantInvalid(t, rs256, signHS256(string(secret), `{"alg":"RS256","kid":"a"}`, session))
		})
	}

	// The right secret, and an algorithm of the same family.
	wantOpen(t, hs256, signHS256(newSecret, `{"alg":"HS256"}`, session), session)
	wantInvalid(t, hs256, signHS256(newSecret, `{"alg":"HS512"}`, session))
	wantInvalid(t, hs256, signHS256(newSecret, `{"alg":"hs256"}`, session))
	wantInvalid(t, hs256, signHS256(newSecret, `{"alg":["HS256"]}`, session))
	wantInvalid(t, hs256, signHS256(newSecret, `{"typ":"JWT"}`, session))
	wantInvalid(t, hs256, mustSeal(t, rs256, session))
	wantInvalid(t, rs256, mustSeal(t, hs256, session))
	wantInvalid(t, hs256, mustSeal(t, formats[0].codec(t, newSecret), session))
}

func TestSigned_Headers(t *testing.T) {
	const typ, crit = "not of type JWT", "critical header"
	codec := signed(t, token.SignedConfig{Secrets: []string{newSecret}})
	for _, test := range []struct {
		header string
		ok     bool
		reason string // part of the error
	}{
		{`{"alg":"HS256"}`, true, ""},
		{`{"alg":"HS256","typ":"jwt","cty":"json"}`, true, ""},
		{`{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"jku":"https://example.com","x5u":"https://example.com"}`, true, ""}, // ignored
		{`{"alg":"HS256","typ":"logout+jwt"}`, false, typ},
		{`{"alg":"HS256","typ":7}`, false, typ},
		{`{"alg":"HS256","crit":["exp"],"exp":1}`, false, crit},
		{`{"alg":"HS256","crit":[]}`, false, crit},
		{`{"alg":"HS256","crit":["b64"],"b64":false}`, false, crit},
		{`{"alg":"HS256","kid":"unknown"}`, false, ""},
		{`{"alg":"HS256","kid":""}`, false, ""},
		{`{"alg":"HS256","kid":null}`, false, ""},
		{`{"alg":"HS256","x":"` + strings.Repeat("x", 2000) + `"}`, false, ""},
		{`{"alg":"HS256","x":"` + strings.Repeat("x", 746) + `"}`, true, ""},
		{`{"alg":"HS256","x":"` + strings.Repeat("x", 747) + `"}`, false, "malformed"},
		{`null`, false, ""},
		{`[]`, false, ""},
	} {
		t.Run(test.header[:min(len(test.header), 80)], func(t *testing.T) {
			if sealed := signHS256(newSecret, test.header, session); test.ok {
				wantOpen(t, codec, sealed, session)
			} else {
				wantInvalid(t, codec, sealed)
				if _, err := codec.Open(t.Context(), sealed); err == nil || !strings.Contains(err.Error(), test.reason) {
					t.Errorf("error %q, want %q", err, test.reason)
				}
			}
		})
	}
	for _, claims := range []string{"", "null", "{", "{}{}"} {
		wantInvalid(t, codec, signHS256(newSecret, `{"alg":"HS256"}`, claims))
	}
}

func TestSigned_Expiry(t *testing.T) {
	codec := signed(t, token.SignedConfig{Secrets: []string{newSecret}})
	claims, err := codec.Open(t.Context(), mustSeal(t, codec, `{"iat":1,"exp":2}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(claims, now); !errors.Is(err, token.ErrExpired) {
		t.Errorf("error %v, want ErrExpired", err)
	}
	// A forged token that has expired is invalid.
	other := signed(t, token.SignedConfig{Secrets: []string{oldSecret}})
	if _, err := other.Open(t.Context(), mustSeal(t, codec, `{"iat":1,"exp":2}`)); !errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrExpired) {
		t.Errorf("error %v, want ErrInvalid alone", err)
	}
}

func TestSigned_SecretRotation(t *testing.T) {
	before := signed(t, token.SignedConfig{Secrets: []string{oldSecret}})
	after := signed(t, token.SignedConfig{Secrets: []string{newSecret, oldSecret}})
	wantOpen(t, after, mustSeal(t, before, session), session)
	wantInvalid(t, before, mustSeal(t, after, session))
}

func TestSigned_KeyRotation(t *testing.T) {
	k := keys()
	before := signed(t, token.SignedConfig{PrivateKey: k.rsa, KeyID: "2025"})
	after := signed(t, token.SignedConfig{
		PrivateKey: k.ed25519, KeyID: "2026",
		PublicKeys: map[string]crypto.PublicKey{"2025": &k.rsa.PublicKey, "es": &k.ecdsa.PublicKey},
	})
	wantOpen(t, after, mustSeal(t, before, session), session)
	wantInvalid(t, before, mustSeal(t, after, session))

	for name, foreign := range map[string]token.SignedConfig{
		"unknown kid":                    {PrivateKey: k.rsa, KeyID: "2024"},
		"kid of a key of another kind":   {PrivateKey: k.rsa, KeyID: "2026"},
		"kid of another key of its kind": {PrivateKey: k.otherRSA, KeyID: "2025"},
		"no kid, unknown key":            {PrivateKey: k.otherRSA},
	} {
		t.Run(name, func(t *testing.T) {
			wantInvalid(t, after, mustSeal(t, signed(t, foreign), session))
		})
	}
	for name, own := range map[string]token.SignedConfig{
		"no kid, old key":    {PrivateKey: k.rsa},
		"no kid, new key":    {PrivateKey: k.ed25519},
		"kid of ECDSA key":   {PrivateKey: k.ecdsa, KeyID: "es"},
		"kid of the new key": {PrivateKey: k.ed25519, KeyID: "2026"},
	} {
		t.Run(name, func(t *testing.T) {
			wantOpen(t, after, mustSeal(t, signed(t, own), session), session)
		})
	}
}

func TestSigned_PublicKeysAlone(t *testing.T) {
	k := keys()
	codec := signed(t, token.SignedConfig{PublicKeys: map[string]crypto.PublicKey{"a": &k.rsa.PublicKey}})
	wantOpen(t, codec, mustSeal(t, signed(t, token.SignedConfig{PrivateKey: k.rsa, KeyID: "a"}), session), session)
	if sealed, err := codec.Seal(t.Context(), []byte(session)); err == nil {
		t.Errorf("sealed %s without a private key", sealed)
	}
}

func TestSigned_MaxSize(t *testing.T) {
	codec := signed(t, token.SignedConfig{Secrets: []string{newSecret}})
	for _, claims := range []string{"", "null", "[]", `"{}"`, "{}\n"} {
		if sealed, err := codec.Seal(t.Context(), []byte(claims)); err == nil {
			t.Errorf("sealed %q as %s", claims, sealed)
		}
	}
	wantLength(t, mustSeal(t, codec, `{"a":"`+strings.Repeat("x", 49_083)+`"}`), token.MaxSize)
	for _, n := range []int{49_084, token.MaxSize * 3 / 4, 10 * token.MaxSize} {
		if _, err := codec.Seal(t.Context(), []byte(`{"a":"`+strings.Repeat("x", n)+`"}`)); !errors.Is(err, token.ErrTooLarge) {
			t.Errorf("%d bytes: error %v, want ErrTooLarge", n, err)
		}
	}
	wantInvalid(t, codec, signHS256(newSecret, `{"alg":"HS256"}`, `{"a":"`+strings.Repeat("x", token.MaxSize)+`"}`))
}

func TestSigned_RefusesKeys(t *testing.T) {
	k := keys()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	public := func(id string, key crypto.PublicKey) map[string]crypto.PublicKey {
		return map[string]crypto.PublicKey{id: key}
	}
	for name, cfg := range map[string]token.SignedConfig{
		"nothing":                       {},
		"no secret":                     {Secrets: []string{}},
		"empty secret":                  {Secrets: []string{newSecret, ""}},
		"short secret":                  {Secrets: []string{newSecret[:31]}},
		"secret and private key":        {Secrets: []string{newSecret}, PrivateKey: k.rsa},
		"secret and public key":         {Secrets: []string{newSecret}, PublicKeys: public("a", &k.rsa.PublicKey)},
		"secret and key id":             {Secrets: []string{newSecret}, KeyID: "a"},
		"key id alone":                  {KeyID: "a", PublicKeys: public("b", &k.rsa.PublicKey)},
		"one key id for two keys":       {PrivateKey: k.rsa, KeyID: "a", PublicKeys: public("a", &k.ecdsa.PublicKey)},
		"key id that is not UTF-8":      {PrivateKey: k.rsa, KeyID: "\xff"},
		"public key without id, key id": {PrivateKey: k.rsa, KeyID: "a", PublicKeys: public("", &k.ecdsa.PublicKey)},
		"public key without id":         {PublicKeys: public("", &k.rsa.PublicKey)},
		"short RSA key":                 {PrivateKey: short},
		"short public RSA key":          {PublicKeys: public("a", &short.PublicKey)},
		"ECDSA key on another curve":    {PrivateKey: p384},
		"public ECDSA key, other curve": {PublicKeys: public("a", &p384.PublicKey)},
		"private key as a public one":   {PublicKeys: public("a", k.rsa)},
		"secret as a public key":        {PublicKeys: public("a", []byte(newSecret))},
		"public key by value":           {PublicKeys: public("a", k.rsa.PublicKey)},
		"nil public key":                {PublicKeys: public("a", nil)},
		"nil RSA key":                   {PrivateKey: (*rsa.PrivateKey)(nil)},
		"nil ECDSA key":                 {PrivateKey: (*ecdsa.PrivateKey)(nil)},
		"nil Ed25519 key":               {PrivateKey: ed25519.PrivateKey(nil)},
		"nil public RSA key":            {PublicKeys: public("a", (*rsa.PublicKey)(nil))},
		"nil public ECDSA key":          {PublicKeys: public("a", (*ecdsa.PublicKey)(nil))},
		"nil public Ed25519 key":        {PublicKeys: public("a", ed25519.PublicKey(nil))},
		"zero RSA key":                  {PrivateKey: &rsa.PrivateKey{}},
		"zero ECDSA key":                {PrivateKey: &ecdsa.PrivateKey{}},
		"other kind of signer":          {PrivateKey: signerOf{k.rsa}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := token.NewSigned(cfg); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestSigned_NamesKindOfPrivateKey(t *testing.T) {
	for want, key := range map[string]crypto.Signer{
		"*rsa.PrivateKey is nil or not supported":     (*rsa.PrivateKey)(nil),
		"*ecdsa.PrivateKey is nil or not supported":   (*ecdsa.PrivateKey)(nil),
		"ed25519.PrivateKey is nil or not supported":  ed25519.PrivateKey(nil),
		"token_test.signerOf is nil or not supported": signerOf{keys().rsa},
	} {
		if _, err := token.NewSigned(token.SignedConfig{PrivateKey: key}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A key that can't sign is no reason to seal an empty signature.
func TestSigned_KeyThatFails(t *testing.T) {
	codec := signed(t, token.SignedConfig{PrivateKey: &rsa.PrivateKey{PublicKey: keys().rsa.PublicKey}})
	if sealed, err := codec.Seal(t.Context(), []byte(session)); err == nil || sealed != "" {
		t.Errorf("sealed %q, error %v", sealed, err)
	}
}

// signerOf hides the kind of a key, as a key in hardware does.
type signerOf struct{ crypto.Signer }

func TestSigned_CopiesItsConfig(t *testing.T) {
	k := keys()
	cfg := token.SignedConfig{PrivateKey: k.ed25519, PublicKeys: map[string]crypto.PublicKey{"a": &k.rsa.PublicKey}}
	codec := signed(t, cfg)
	delete(cfg.PublicKeys, "a")
	wantOpen(t, codec, mustSeal(t, signed(t, token.SignedConfig{PrivateKey: k.rsa, KeyID: "a"}), session), session)
}
