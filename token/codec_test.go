package token_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nuxtauth/nuxtauth/token"
)

func TestOpenString(t *testing.T) {
	codecs := map[string]token.Codec{"Signed": signed(t, token.SignedConfig{Secrets: []string{newSecret}})}
	for _, f := range formats {
		codecs[f.name] = f.codec(t, newSecret)
	}
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			sealed := mustSeal(t, codec, session)
			if got, err := token.OpenString(t.Context(), codec, sealed); got != session || err != nil {
				t.Errorf("got %s, %v", got, err)
			}
			for _, forged := range []string{"", "x", sealed[1:], sealed[:len(sealed)-1]} {
				if got, err := token.OpenString(t.Context(), codec, forged); got != "" || !errors.Is(err, token.ErrInvalid) {
					t.Errorf("%q: got %s, %v", forged, got, err)
				}
			}
		})
	}
}

// A remote is a codec of an application, with keys in another process.
type remote struct{ err error }

func (r remote) Seal(ctx context.Context, claims []byte) (string, error) {
	return string(claims), errors.Join(r.err, ctx.Err())
}

func (r remote) Open(ctx context.Context, token string) ([]byte, error) {
	if err := errors.Join(r.err, ctx.Err()); err != nil {
		return nil, err
	}
	return []byte(token), nil
}

// A fault of a codec is not ErrInvalid: the session has not ended.
func TestOpenString_Fault(t *testing.T) {
	if got, err := token.OpenString(t.Context(), remote{}, session); got != session || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	fault := errors.New("no response")
	if got, err := token.OpenString(t.Context(), remote{fault}, session); got != "" || !errors.Is(err, fault) || errors.Is(err, token.ErrInvalid) {
		t.Errorf("got %s, %v, want the fault", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := token.OpenString(ctx, remote{}, session); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the error of the context", err)
	}
}
