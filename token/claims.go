package token

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/validity"
)

// maxDate is the largest integer that JSON numbers carry exactly everywhere.
const maxDate = 1<<53 - 1

// A NumericDate is a time in seconds since 1970-01-01 UTC, as JWTs write it
// (RFC 7519 §2). Zero means that there is none: a claim that is absent, and with
// the option omitzero of a field's tag, one that is not written.
//
// In JSON it is a number between -(2^53-1) and 2^53-1, whose fraction is cut
// off. Everything else is refused, null and strings too.
type NumericDate int64

// DateOf returns t in whole seconds, and zero for the zero [time.Time].
func DateOf(t time.Time) NumericDate {
	if t.IsZero() {
		return 0
	}
	return NumericDate(t.Unix())
}

// Time returns the time in UTC, and the zero [time.Time] for a zero d.
func (d NumericDate) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Unix(int64(d), 0).UTC()
}

// MarshalJSONTo writes d as a number, even under [json.StringifyNumbers].
func (d NumericDate) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.Int(int64(d)))
}

// UnmarshalJSONFrom reads a number.
func (d *NumericDate) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if v.Kind() != jsontext.KindNumber {
		return fmt.Errorf("token: NumericDate is a JSON %v, want a number", v.Kind())
	}
	seconds, _ := strconv.ParseFloat(string(v), 64) // infinite for a number beyond its range
	if math.Abs(seconds) > maxDate {
		return fmt.Errorf("token: NumericDate %q is out of range", v)
	}
	*d = NumericDate(seconds)
	return nil
}

// Verify checks the times of claims, as [Codec.Open] returns them. It needs both
// "iat" and "exp". With 15 seconds of leeway for clocks that differ, it returns
// [ErrExpired] from exp on, and [ErrNotYetValid] until "nbf", if there is one
// (RFC 7519 §4.1.4, §4.1.5). An iat in the future is no error, as in next-auth and
// Auth.js.
//
// Claims that are not one well-formed JSON object, name a member twice, lack a time or
// have one of the wrong type are an error that wraps [ErrInvalid].
//
// Verify checks no other claim: "sub" and the claims of the application are for
// the caller to check.
func Verify(claims []byte, now time.Time) error {
	var times struct {
		IssuedAt  NumericDate `json:"iat"`
		Expires   NumericDate `json:"exp"`
		NotBefore NumericDate `json:"nbf"`
	}
	if err := json.Unmarshal(claims, &times); err != nil {
		return fmt.Errorf("%w: claims: %w", ErrInvalid, err)
	}
	return validity.Times{IssuedAt: int64(times.IssuedAt), ExpiresAt: int64(times.Expires), NotBefore: int64(times.NotBefore)}.Check(now)
}
