// Package token seals session tokens and opens them again, in the formats of
// next-auth v4 ([NewNextAuth]) and Auth.js v5 ([NewAuthJS]), and as signed JWTs
// ([Signed]). A Node service with the same secret reads what this package
// seals, and the other way round.
//
//	codec, err := token.NewAuthJS("authjs.session-token", os.Getenv("AUTH_SECRET"))
//	…
//	claims, err := codec.Open(ctx, cookie.Value)
//	if err == nil {
//		err = token.Verify(claims, time.Now())
//	}
//	if err != nil {
//		// signed out, or the codec failed: see Codec
//	}
//
// A [Codec] proves that a token was sealed with one of its keys, and nothing
// else. [Verify] checks whether it may be used at this time.
//
// Nothing in this package reads the environment, the clock or the network.
package token

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nuxtauth/nuxtauth/internal/validity"
)

// MaxSize is the length of the longest token, in bytes: longer ones are neither
// sealed nor opened. It is far above the size of cookies in browsers.
const MaxSize = 64 << 10

// A Codec seals a claims set into a token and opens it again. A Codec is safe
// for concurrent use.
type Codec interface {
	// Seal makes a token of claims, the bytes of one JSON object. It neither
	// retains nor changes claims. A token is the value of a cookie: it has letters,
	// digits and -_.!~*'() alone, and is not empty.
	//
	// An error that wraps [ErrTooLarge] means that the token would be longer
	// than [MaxSize]. Any other error is a fault, such as a key service that
	// does not respond, and says nothing about the session.
	Seal(ctx context.Context, claims []byte) (string, error)

	// Open returns the claims of a token that was sealed with one of the codec's
	// keys; the caller owns them. It checks no claim: see [Verify].
	//
	// An error that wraps [ErrInvalid] means that the token is not good: its
	// session has ended. Any other error means that the codec can't tell now,
	// because of a fault or because ctx has ended: the session is unavailable,
	// and its cookie stays. The codecs of this package have no such faults.
	Open(ctx context.Context, token string) (claims []byte, err error)
}

// [Codec.Open] returns ErrInvalid, [Codec.Seal] ErrTooLarge, and [Verify] any of the
// first three.
var (
	// ErrInvalid means that a token was not sealed with a key of the codec, or
	// that its claims are malformed.
	ErrInvalid = validity.ErrInvalid

	// ErrExpired means that the time in "exp" has passed.
	ErrExpired = validity.ErrExpired

	// ErrNotYetValid means that the time in "nbf" has not come.
	ErrNotYetValid = validity.ErrNotYetValid

	// ErrTooLarge means that claims do not fit into a token of [MaxSize] bytes.
	ErrTooLarge = fmt.Errorf("token: longer than %d bytes", MaxSize)
)

// The reasons in errors of Open. They are made once, because any client can
// send an invalid token.
var (
	errTooLong = fmt.Errorf("%w: longer than %d bytes", ErrInvalid, MaxSize)
	errFormat  = fmt.Errorf("%w: malformed", ErrInvalid)
	errHeader  = fmt.Errorf("%w: header refused", ErrInvalid)
	errKey     = fmt.Errorf("%w: no key opens it", ErrInvalid)
)

// checkToken refuses tokens that are too long, and those with line breaks, which
// Go's base64 decoder skips.
func checkToken(token string) error {
	if len(token) > MaxSize {
		return errTooLong
	}
	if strings.Contains(token, "\n") || strings.Contains(token, "\r") {
		return errFormat
	}
	return nil
}

// checkClaims refuses claims that are not a JSON object: the first and the last byte
// tell one from any other JSON value.
func checkClaims(claims []byte) error {
	if len(claims) == 0 || claims[0] != '{' || claims[len(claims)-1] != '}' {
		return errors.New("token: claims are not a JSON object")
	}
	return nil
}
