package provider_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nuxtauth/nuxtauth/provider"
)

// p8 returns a new key in the format of Apple's .p8 files.
func p8(t *testing.T, curve elliptic.Curve) ([]byte, *ecdsa.PublicKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), &key.PublicKey
}

func TestAppleSecret_SignedAndReused(t *testing.T) {
	private, public := p8(t, elliptic.P256())
	at := time.Unix(1795420000, 0)
	secret, err := provider.AppleSecret(provider.AppleKey{
		TeamID: "TEAM123456", KeyID: "KEY1234567", ClientID: "com.example.web", PrivateKey: private,
		Now: func() time.Time { return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	first, err := secret(context.Background())
	if err != nil {
		t.Fatal(err)
	}

	var claims jwt.RegisteredClaims
	token, err := jwt.ParseWithClaims(first, &claims, func(*jwt.Token) (any, error) { return public, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(func() time.Time { return at }), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithIssuer("TEAM123456"), jwt.WithSubject("com.example.web"), jwt.WithAudience("https://appleid.apple.com"))
	if err != nil {
		t.Fatalf("Apple would refuse the secret: %v", err)
	}
	if token.Header["kid"] != "KEY1234567" {
		t.Errorf("kid %v", token.Header["kid"])
	}
	if lifetime := claims.ExpiresAt.Sub(at); lifetime > 180*24*time.Hour {
		t.Errorf("Apple refuses a secret that lives for %v", lifetime)
	}

	at = claims.ExpiresAt.Add(-6 * time.Minute)
	if again, err := secret(context.Background()); err != nil || again != first {
		t.Errorf("the secret is not reused: %v", err)
	}
	at = claims.ExpiresAt.Add(-4 * time.Minute)
	if next, err := secret(context.Background()); err != nil || next == first {
		t.Errorf("the secret is reused until its expiry: %v", err)
	}
}

func TestAppleSecret_KeyProblems(t *testing.T) {
	good, _ := p8(t, elliptic.P256())
	big, _ := p8(t, elliptic.P384())
	for name, tt := range map[string]struct {
		key  provider.AppleKey
		want []string
	}{
		"all empty":   {provider.AppleKey{}, []string{"TeamID", "KeyID", "ClientID", "PrivateKey"}},
		"no PEM":      {provider.AppleKey{TeamID: "t", KeyID: "k", ClientID: "c", PrivateKey: []byte("secret-in-it")}, []string{".p8 file"}},
		"other curve": {provider.AppleKey{TeamID: "t", KeyID: "k", ClientID: "c", PrivateKey: big}, []string{"P-256"}},
		"no team":     {provider.AppleKey{KeyID: "k", ClientID: "c", PrivateKey: good}, []string{"TeamID"}},
	} {
		t.Run(name, func(t *testing.T) {
			secret, err := provider.AppleSecret(tt.key)
			if err == nil || secret != nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not contain %q: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "secret-in-it") {
				t.Errorf("the error contains the key: %v", err)
			}
		})
	}
}

func TestAppleSecret_ConcurrentCalls(t *testing.T) {
	private, _ := p8(t, elliptic.P256())
	secret, err := provider.AppleSecret(provider.AppleKey{TeamID: "t", KeyID: "k", ClientID: "c", PrivateKey: private})
	if err != nil {
		t.Fatal(err)
	}
	secrets := make(chan string, 8)
	for range cap(secrets) {
		go func() {
			s, err := secret(context.Background())
			if err != nil {
				t.Error(err)
			}
			secrets <- s
		}()
	}
	first := <-secrets
	for range cap(secrets) - 1 {
		if <-secrets != first {
			t.Error("two secrets were signed")
		}
	}
}
