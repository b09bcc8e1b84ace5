package password_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/password"
)

const (
	salt = "c29tZXNhbHQ"                                 // "somesalt"
	key  = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc" // of it and "password" with m=65536,t=2,p=1
)

// Strings as other implementations write them. The test vector of RFC 9106 has a secret and
// associated data, which no PHC string has; golang.org/x/crypto tests it.
func TestVerify_HashesOfOthers(t *testing.T) {
	h := newHasher(t)
	long := strings.Repeat("0123456789abcdef", 5) // 80 bytes
	crypt := "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, tt := range []struct {
		name, hash, password string
		rehash               bool
	}{
		{"argon2 reference, test.c", "$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + key, "password", true},
		{"argon2 reference, two lanes", "$argon2id$v=19$m=256,t=2,p=2$" + salt + "$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password", true},
		{"PHP password_hash, Argon2id", "$argon2id$v=19$m=64,t=1,p=1$TzFWL0ZzbGhXTEJ1OC51bg$LMCBrL/iL0sk9z3NqP5MQNkiAPvk9wDr5JaKI+uwqrs", typed, true},
		{"argon2-cffi, 16 bytes", "$argon2id$v=19$m=64,t=1,p=2$7Nd8ogyNEDM516ljtxc6+w$0WbetFqTFAzq975w/zq8CA", typed, true},
		{"argon2-cffi, not normalized", "$argon2id$v=19$m=64,t=1,p=1$dXMrSKMc2JpoQozXrq90yQ$q1b8nq08w7JBUS7JjZWu0w", typedNFD, true},
		{"argon2 reference, same costs", "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbmJ5dGVzc2FsdA$n24Ter/9lR/+SGPhMYvoJo/hBRlQTD8sfVtYO7CyHTE", typed, false},
		{"argon2 reference, same costs, not normalized", "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbmJ5dGVzc2FsdA$/lRWUauc/B4S8c1f5sv5l376vm46HxafeSFHjGs4acQ", typedNFD, true},
		{"argon2 reference, same costs, a short tag", "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbmJ5dGVzc2FsdA$o2VIMKT2BhLexeCIu1XUQQ", "password", true},
		{"crypt_blowfish", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", true},
		{"crypt_blowfish, 8 bits", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3", true},
		{"crypt_blowfish, 72 bytes", "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", crypt, true},
		{"crypt_blowfish, more", "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", crypt + "chars after 72 are ignored", true},
		{"Python bcrypt", "$2b$04$abcdefghijklmnopqrstuu1Gui2wCVg/URZxjGGkV2krXOqTpNU/i", typed, true},
		{"Python bcrypt, 72 of 80 bytes", "$2b$04$abcdefghijklmnopqrstuuWTSHkTgWdsWag7rtSY2APXG6jxP2cuq", long, true},
		{"PHP password_hash, bcrypt", "$2y$04$gzOMmc34vQAH/La.33.JSuup38174h/GGF.PuhzZMmpIBKVw69BAS", typed, true},
		{"RFC 7914, section 12", "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw", "pleaseletmein", true},
		{"passlib, scrypt", "$scrypt$ln=10,r=8,p=2$c2l4dGVlbiBieXRlcyBvaw$vIOx2YYJ8Xokxb4YO7r+O7A4T5GxWTFH9V2CUVh5cv8", typed, true},
		{"passlib, scrypt, 16 rounds", "$scrypt$ln=4,r=8,p=1$c2l4dGVlbiBieXRlcyBvaw$mDQ2PUeFgFWK8BVLwuht9TEtRD4zxFcgIJ4EgY4tIok", typed, true},
		{"Werkzeug, written as PHC", werkzeug(t, "scrypt:1024:8:1$AbCdEfGh12345678$a4de869096d0eed8013dacdc8886d0c26841df92775148e44358349858f1167de2086f2eef9506fad37d6a147a85adddfecef8406aa3fd96ced8a1f77f0a41e8"), typed, true},
	} {
		if ok, rehash, err := h.Verify(t.Context(), tt.hash, tt.password); !ok || rehash != tt.rehash || err != nil {
			t.Errorf("%s: %t, rehash %t, %v", tt.name, ok, rehash, err)
		}
		if ok, rehash, err := h.Verify(t.Context(), tt.hash, "x"+tt.password); ok || rehash || err != nil {
			t.Errorf("%s, another password: %t, rehash %t, %v", tt.name, ok, rehash, err)
		}
		if written, _, err := password.Parse(tt.hash); written != tt.hash || err != nil {
			t.Errorf("%s: parsed as %s, %v", tt.name, written, err)
		}
	}
}

// werkzeug writes a hash of Flask's Werkzeug with N = 1024 in the form of PHC.
func werkzeug(t *testing.T, hash string) string {
	t.Helper()
	fields := strings.Split(hash, "$")
	sum, err := hex.DecodeString(fields[2])
	if err != nil || fields[0] != "scrypt:1024:8:1" {
		t.Fatal(hash, err)
	}
	return "$scrypt$ln=10,r=8,p=1$" + base64.RawStdEncoding.EncodeToString([]byte(fields[1])) + "$" + base64.RawStdEncoding.EncodeToString(sum)
}

// Higher costs alone do not make a hash new: its salt and tag must be long enough too.
func TestVerify_RehashesShortSaltsAndTags(t *testing.T) {
	h := newHasher(t)
	hash := "$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + key
	if ok, rehash, err := h.Verify(t.Context(), hash, "password"); !ok || !rehash || err != nil {
		t.Errorf("a salt of 8 bytes: %t, rehash %t, %v", ok, rehash, err)
	}
}

// These are refused before any memory is taken.
func TestVerify_UnsupportedHashes(t *testing.T) {
	h := newHasher(t)
	argon := func(parameters string) string { return "$argon2id$v=19$" + parameters + "$" + salt + "$" + key }
	scrypt := func(parameters string) string { return "$scrypt$" + parameters + "$" + salt + "$" + key }
	const bcrypt = "abcdefghijklmnopqrstuu1Gui2wCVg/URZxjGGkV2krXOqTpNU/i"
	for _, hash := range []string{
		"x", "$", "$$$$$", " ", "correct horse battery staple", "!", "*",
		"5f4dcc3b5aa765d61d8327deb882cf99", // MD5
		"$1$salt$qJH7.N4xYta3aEG/dfqo/0",   // crypt
		"$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2d$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$m=64,t=1,p=1$" + salt + "$" + key, // version 16
		"$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt,
		argon("m=64,t=1,p=1") + "$",
		argon("m=64,t=1,p=1") + "=",
		argon("m=64,t=1,p=1") + "\n",
		" " + argon("m=64,t=1,p=1"),
		argon("m=64,t=1"),
		argon("64,t=1,p=1"),
		argon("m=64,t=x,p=1"),
		argon("m=64,t=1x,p=1"),
		argon("m=64,t=1,p=1,keyid=YQ"),
		argon("t=1,m=64,p=1"),
		argon("m=64,t=1,p=1,"),
		argon("m=064,t=1,p=1"),
		argon("m=+64,t=1,p=1"),
		argon("m=,t=1,p=1"),
		argon("m=64,t=0,p=1"),
		argon("m=64,t=1,p=0"),
		argon("m=0,t=1,p=1"),
		argon("m=7,t=1,p=1"), // 8 KiB for each lane
		argon("m=15,t=1,p=2"),
		argon("m=4096,t=1,p=256"),
		argon("m=1048577,t=1,p=1"),
		argon("m=1048576,t=5,p=1"),
		argon("m=8,t=524289,p=1"),
		argon("m=4294967295,t=4294967295,p=255"),
		argon("m=4294967296,t=1,p=1"),
		argon("m=18446744073709551624,t=1,p=1"),
		"$argon2id$v=19$m=64,t=1,p=1$$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQxMjM0!$" + key, // no base64
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "!",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbA$" + key,                          // a salt of 7 bytes
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key[:20],                   // a tag of 15
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("AAAA", 22), // of 66
		"$argon2id$v=19$m=64,t=1,p=1$" + strings.Repeat("AAAA", 22) + "$" + key,  // a salt of 66
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key[:42] + "d",             // bits behind the last byte
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("A", 1<<20),
		scrypt("ln=24,r=1,p=1"),
		scrypt("ln=20,r=8,p=2"),
		scrypt("ln=21,r=8,p=1"),
		scrypt("ln=64,r=8,p=1"),
		scrypt("ln=1,r=1025,p=1"),
		scrypt("ln=1,r=8,p=4294967295"),
		scrypt("ln=4294967295,r=4294967295,p=4294967295"),
		scrypt("ln=0,r=8,p=1"),
		scrypt("ln=4,r=0,p=1"),
		scrypt("ln=4,r=8,p=0"),
		scrypt("n=4,r=8,p=1"),
		scrypt("ln=4,r=8"),
		scrypt("ln=4,r=8,p=1") + "$",
		"$scrypt$ln=4,r=8,p=1$" + salt,
		"$scrypt$ln=4,r=8,p=1$" + salt + "$AAAA",
		"$2$10$" + bcrypt, "$2x$10$" + bcrypt, "$3b$10$" + bcrypt,
		"$2b$17$" + bcrypt, "$2b$31$" + bcrypt, "$2b$03$" + bcrypt, "$2b$00$" + bcrypt, "$2b$99$" + bcrypt, "$2b$1x$" + bcrypt,
		"$2b$10$" + bcrypt + "x", "$2b$10$" + bcrypt[1:], "$2b$10$" + bcrypt[1:] + "=", "$2b$10$" + bcrypt[:30] + "\n" + bcrypt[31:],
		"$2b$10/" + bcrypt, "$2b$",
	} {
		var err error
		var ok, rehash bool
		bytes := allocated(func() { ok, rehash, err = h.Verify(t.Context(), hash, "password") })
		if ok || rehash || !errors.Is(err, password.ErrUnsupported) {
			t.Errorf("%.80q: %t, %t, %v", hash, ok, rehash, err)
			continue
		}
		if bytes > 64<<10 {
			t.Errorf("%.80q: %d bytes are allocated", hash, bytes)
		}
		if len(hash) > 10 && strings.Contains(err.Error(), hash[len(hash)-10:]) {
			t.Errorf("%.80q: the error has a part of it: %v", hash, err)
		}
	}
}

// These are just below the limits. They are parsed, and not verified, which takes seconds.
func TestVerify_LargestParameters(t *testing.T) {
	for _, hash := range []string{
		"$argon2id$v=19$m=1048576,t=4,p=255$" + salt + "$" + key,
		"$argon2id$v=19$m=8,t=524288,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=8,t=1,p=1$" + strings.Repeat("A", 86) + "$" + key, // a salt of 64 bytes
		"$scrypt$ln=1,r=1024,p=1$" + salt + "$" + key,
		"$scrypt$ln=20,r=8,p=1$" + salt + "$" + key,
		"$scrypt$ln=13,r=8,p=128$" + salt + "$" + key,
		"$scrypt$ln=23,r=1,p=1$" + salt + "$" + key,
		"$2b$16$abcdefghijklmnopqrstuu1Gui2wCVg/URZxjGGkV2krXOqTpNU/i",
	} {
		if written, _, err := password.Parse(hash); written != hash || err != nil {
			t.Errorf("%s: parsed as %s, %v", hash, written, err)
		}
	}
}

// A stored hash is refused, or written as it was read and verified; no password is right
// for it but one that it was made of.
func FuzzVerify(f *testing.F) {
	h := newHasher(f)
	for _, hash := range []string{
		"", "x",
		"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=2$7Nd8ogyNEDM516ljtxc6+w$0WbetFqTFAzq975w/zq8CA",
		"$scrypt$ln=4,r=8,p=1$c2l4dGVlbiBieXRlcyBvaw$mDQ2PUeFgFWK8BVLwuht9TEtRD4zxFcgIJ4EgY4tIok",
		"$2b$04$abcdefghijklmnopqrstuu1Gui2wCVg/URZxjGGkV2krXOqTpNU/i",
	} {
		f.Add(hash, "fuzzed")
		f.Add(hash, strings.Repeat("ö", 100))
		f.Add(hash, "\xff\x00o\u0308")
	}
	f.Fuzz(func(t *testing.T, hash, typed string) {
		written, cheap, err := password.Parse(hash)
		if err == nil && written != hash {
			t.Fatalf("%q is written as %q", hash, written)
		}
		if err == nil && !cheap || hash == "" {
			return
		}
		ok, rehash, verifyErr := h.Verify(t.Context(), hash, typed)
		if typed != "" && len(typed) <= password.MaxBytes && (err == nil) != (verifyErr == nil) {
			t.Fatalf("%q: parsed with error %v, verified with %v", hash, err, verifyErr)
		}
		if verifyErr != nil && !errors.Is(verifyErr, password.ErrUnsupported) {
			t.Fatalf("%q: %v", hash, verifyErr)
		}
		if ok || rehash {
			t.Fatalf("%q is right for %q, rehash %t", typed, hash, rehash)
		}
	})
}
