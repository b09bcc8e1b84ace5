package validity_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/validity"
)

var now = time.Unix(1_800_000_000, 0)

func TestTimes_Check(t *testing.T) {
	n := now.Unix()
	for _, test := range []struct {
		name          string
		iat, exp, nbf int64
		want          error
	}{
		{"in the middle", n - 60, n + 60, 0, nil},
		{"expires now", n - 60, n, 0, nil},
		{"expired within the leeway", n - 60, n - 14, 0, nil},
		{"expired", n - 60, n - 15, 0, validity.ErrExpired},
		{"expired long ago", 1, 2, 0, validity.ErrExpired},
		{"expired before 1970", n, -1, 0, validity.ErrExpired},
		{"begins now", n, n + 60, n, nil},
		{"begins within the leeway", n, n + 60, n + 15, nil},
		{"begins later", n, n + 60, n + 16, validity.ErrNotYetValid},
		{"began before 1970", n, n + 60, -1, nil},
		{"both expired and not begun", n, n - 60, n + 60, validity.ErrExpired},
		{"issued by a clock that is ahead", n + 3600, n + 7200, 0, nil},
		{"the last times there are", math.MaxInt64, math.MaxInt64, 0, nil},
		{"the first times there are", math.MinInt64, math.MinInt64, math.MinInt64, validity.ErrExpired},
		{"begins at the last time there is", n, n + 60, math.MaxInt64, validity.ErrNotYetValid},
		{"no exp", n, 0, 0, validity.ErrInvalid},
		{"no iat", 0, n + 60, 0, validity.ErrInvalid},
		{"no times", 0, 0, 0, validity.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := (validity.Times{IssuedAt: test.iat, ExpiresAt: test.exp, NotBefore: test.nbf}).Check(now); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestTimes_FractionOfASecond(t *testing.T) {
	n := now.Unix()
	if err := (validity.Times{IssuedAt: n - 60, ExpiresAt: n - 14}).Check(now.Add(999 * time.Millisecond)); err != nil {
		t.Error(err)
	}
}
