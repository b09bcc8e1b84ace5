// Package sample is code with mutants of each kind, for the tests of the command.
package sample

import (
	"errors"
	"fmt"
	"time"
)

const limit = 3

var unit = 2 * time.Second

// Grade is tested but for the boundary at zero.
func Grade(points int) string {
	switch {
	case points > 9:
		return "good"
	case points < 0:
		return "wrong"
	}
	return "poor"
}

// Sum is tested but for the removal of a statement.
func Sum(list []int, kind string) (sum int, err error) {
	defer func() { err = errors.Join(err) }()
	for i, n := range list {
		if i == limit {
			break
		}
		switch kind {
		case "twice":
			n *= 2
		case "bits":
			n &= 0xf
		}
		sum += n
	}
	if sum > 100 {
		return 0, fmt.Errorf("the sum is %d, %d too many", sum, sum-100)
	}
	return sum, nil
}

// Longer is the same with one of its mutants.
func Longer(a, b time.Duration) time.Duration {
	if a < b {
		return b
	}
	return min(a, unit)
}

// Unused runs in no test.
func Unused() bool { return false }
