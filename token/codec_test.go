package token_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/token"
)

// openString opens a token as package session does.
func openString(t testing.TB, codec token.Codec, sealed string) (string, error) {
	t.Helper()
	c, ok := codec.(interface {
		OpenString(sealed string) (string, error)
	})
	if !ok {
		t.Fatalf("%T has no method OpenString", codec)
	}
	return c.OpenString(sealed)
}

func TestOpenString(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			codec := f.codec(t, newSecret)
			sealed := mustSeal(t, codec, session)
			if got, err := openString(t, codec, sealed); got != session || err != nil {
				t.Errorf("got %s, %v", got, err)
			}
			for _, forged := range []string{"", "x", sealed[1:], sealed[:len(sealed)-1]} {
				if got, err := openString(t, codec, forged); got != "" || !errors.Is(err, token.ErrInvalid) {
					t.Errorf("%q: got %s, %v", forged, got, err)
				}
			}
		})
	}
}

func TestSigned_ZeroHasNoKey(t *testing.T) {
	var zero token.Signed
	if sealed, err := zero.Seal(t.Context(), []byte(session)); err == nil {
		t.Errorf("sealed as %s", sealed)
	}
	sealed := mustSeal(t, signed(t, token.SignedConfig{Secrets: []string{newSecret}}), session)
	if claims, err := zero.Open(t.Context(), sealed); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("opened as %s, %v", claims, err)
	}
}

func TestDateOf(t *testing.T) {
	for _, tt := range []struct {
		in   time.Time
		want token.NumericDate
	}{
		{time.Time{}, 0},
		{time.Unix(1_800_000_000, 999_999_999), 1_800_000_000},
		{time.Unix(1_800_000_000, 0).In(time.FixedZone("", 3600)), 1_800_000_000},
		{time.Unix(-1, 0), -1},
	} {
		if got := token.DateOf(tt.in); got != tt.want {
			t.Errorf("%v is %d, want %d", tt.in, got, tt.want)
		}
	}
}
