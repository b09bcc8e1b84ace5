package token_test

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/token"
)

func BenchmarkOpen(b *testing.B) {
	for _, f := range formats {
		codec := f.codec(b, newSecret)
		sealed := mustSeal(b, codec, session)
		b.Run(f.name, func(b *testing.B) { benchmarkOpen(b, codec, sealed) })

		old := mustSeal(b, f.codec(b, oldSecret), session)
		rotated := f.codec(b, newSecret, oldSecret)
		b.Run(f.name+"/old secret", func(b *testing.B) { benchmarkOpen(b, rotated, old) })
	}
	codec := signed(b, token.SignedConfig{Secrets: []string{newSecret}})
	b.Run("Signed/HS256", func(b *testing.B) { benchmarkOpen(b, codec, mustSeal(b, codec, session)) })
}

func benchmarkOpen(b *testing.B, codec token.Codec, sealed string) {
	b.ReportAllocs()
	b.SetBytes(int64(len(sealed)))
	for b.Loop() {
		if _, err := codec.Open(b.Context(), sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	codecs := map[string]token.Codec{"Signed/HS256": signed(b, token.SignedConfig{Secrets: []string{newSecret}})}
	for _, f := range formats {
		codecs[f.name] = f.codec(b, newSecret)
	}
	for name, codec := range codecs {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			claims := []byte(session)
			for b.Loop() {
				if _, err := codec.Seal(b.Context(), claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse is the work for a token that is not good: no more than for a
// good one.
func BenchmarkRefuse(b *testing.B) {
	codec := formats[1].codec(b, newSecret)
	wrongTag := []byte(mustSeal(b, codec, session))
	wrongTag[len(wrongTag)-10] ^= 1
	for name, sealed := range map[string]string{
		"garbage":     "garbage",
		"unknown kid": formats[1].forge(b, newSecret, `{"alg":"dir","enc":"A256CBC-HS512","kid":"nope"}`, []byte(session)),
		"wrong key":   mustSeal(b, formats[1].codec(b, oldSecret), session),
		"wrong tag":   string(wrongTag),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Open(b.Context(), sealed); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	b.ReportAllocs()
	claims := []byte(session)
	for b.Loop() {
		if err := token.Verify(claims, vectorTime); err != nil {
			b.Fatal(err)
		}
	}
}
