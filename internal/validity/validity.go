// Package validity checks the times of a token.
package validity

import (
	"errors"
	"fmt"
	"time"
)

// leeway is the tolerated difference of clocks, in seconds, as in next-auth and
// Auth.js.
const leeway = 15

// The errors of a token, which package token exports.
var (
	ErrInvalid     = errors.New("token: invalid")
	ErrExpired     = errors.New("token: expired")
	ErrNotYetValid = errors.New("token: not yet valid")
)

// Times are the claims iat, exp and nbf of a token, in seconds since 1970. Zero means
// that there is none.
type Times struct{ IssuedAt, ExpiresAt, NotBefore int64 }

// Check requires iat and exp; a missing one is an error that wraps [ErrInvalid]. With
// 15 seconds of leeway for clocks that differ, it returns [ErrExpired] from exp on,
// and [ErrNotYetValid] until nbf, if there is one (RFC 7519 §4.1.4, §4.1.5).
//
// An iat in the future is no error, as in next-auth and Auth.js.
func (t Times) Check(now time.Time) error {
	seconds := now.Unix()
	switch {
	case t.ExpiresAt == 0:
		return fmt.Errorf(`%w: no "exp"`, ErrInvalid)
	case t.IssuedAt == 0:
		return fmt.Errorf(`%w: no "iat"`, ErrInvalid)
	case t.ExpiresAt <= seconds-leeway:
		return ErrExpired
	case t.NotBefore > seconds+leeway:
		return ErrNotYetValid
	}
	return nil
}
