// Package token seals session tokens and opens them again, in the formats of
// next-auth v4 ([NextAuth]) and Auth.js v5 ([AuthJS]), and as signed JWTs
// ([Signed]). A Node service with the same secret reads what this package
// seals, and the other way round.
//
//	codec, err := token.AuthJS("authjs.session-token", os.Getenv("AUTH_SECRET"))
//	…
//	claims, err := codec.Open(cookie.Value)
//	if err == nil {
//		err = token.Verify(claims, time.Now())
//	}
//	if err != nil {
//		// signed out
//	}
//
// A [Codec] proves who sealed a token, nothing else. Whether the token may be
// used at this time is the question that [Verify] and [Validate] answer.
//
// Nothing in this package reads the environment, the clock or the network.
package token

import (
	"errors"
	"fmt"
	"strings"
)

// MaxSize is the length of the longest token, in bytes: longer ones are neither
// sealed nor opened. It is far above what browsers store in cookies.
const MaxSize = 64 << 10

// A Codec seals a claims set into a token and opens it again. A Codec is safe
// for concurrent use.
type Codec interface {
	// Seal makes a token of claims, the bytes of one JSON object. It does not
	// keep or change claims. An error that wraps [ErrTooLarge] means that the
	// token would be longer than [MaxSize].
	Seal(claims []byte) (string, error)

	// Open returns the claims of a token that was sealed with one of the
	// codec's keys; the caller owns them. Every failure is an error that wraps
	// [ErrInvalid]. Open looks at no claim: see [Verify].
	Open(token string) (claims []byte, err error)
}

// OpenString is [Codec.Open] for claims that are wanted as a string. The
// encrypted codecs of this package need less memory for it.
func OpenString(c Codec, token string) (string, error) {
	if c, ok := c.(*jwe); ok {
		return c.openString(token)
	}
	claims, err := c.Open(token)
	return string(claims), err
}

// What callers tell apart. [Codec.Open] returns ErrInvalid alone; [Verify] and
// [Validate] return any of the first three.
var (
	// ErrInvalid means that a token is not one of ours, or that its claims are
	// not what they must be.
	ErrInvalid = errors.New("token: invalid")

	// ErrExpired means that the time in "exp" has passed.
	ErrExpired = errors.New("token: expired")

	// ErrNotYetValid means that the time in "nbf" has not come.
	ErrNotYetValid = errors.New("token: not yet valid")

	// ErrTooLarge means that claims do not fit into a token of [MaxSize] bytes.
	ErrTooLarge = fmt.Errorf("token: longer than %d bytes", MaxSize)
)

// The reasons in errors of Open. They are made once, because anybody can send
// an invalid token.
var (
	errTooLong = fmt.Errorf("%w: longer than %d bytes", ErrInvalid, MaxSize)
	errFormat  = fmt.Errorf("%w: malformed", ErrInvalid)
	errHeader  = fmt.Errorf("%w: header refused", ErrInvalid)
	errKey     = fmt.Errorf("%w: no key opens it", ErrInvalid)
)

// checkToken refuses what no Open needs to look at. Go's base64 decoder skips
// line breaks, which have no place in a token.
func checkToken(token string) error {
	if len(token) > MaxSize {
		return errTooLong
	}
	if strings.IndexByte(token, '\n') >= 0 || strings.IndexByte(token, '\r') >= 0 {
		return errFormat
	}
	return nil
}

// checkClaims refuses what Seal must not seal. A look at both ends tells an
// object from any other JSON value.
func checkClaims(claims []byte) error {
	if len(claims) > MaxSize {
		return ErrTooLarge
	}
	if len(claims) < 2 || claims[0] != '{' || claims[len(claims)-1] != '}' {
		return errors.New("token: claims are not a JSON object")
	}
	return nil
}
