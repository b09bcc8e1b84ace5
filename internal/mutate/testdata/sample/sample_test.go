package sample_test

import (
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/mutate/testdata/sample"
)

func TestGrade(t *testing.T) {
	for points, want := range map[int]string{-1: "wrong", 1: "poor", 9: "poor", 10: "good", 29: "good"} {
		if got := sample.Grade(points); got != want {
			t.Errorf("%d: got %q, want %q", points, got, want)
		}
	}
}

func TestSum(t *testing.T) {
	for kind, want := range map[string]int{"": 33, "twice": 66, "bits": 17} {
		if got, err := sample.Sum([]int{7, 7, 19, 1}, kind); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", kind, got, err, want)
		}
	}
	if _, err := sample.Sum([]int{100}, ""); err != nil {
		t.Error(err)
	}
	if _, err := sample.Sum([]int{100, 1}, ""); err == nil {
		t.Error("more than 100 is no error")
	}
}

func TestLonger(t *testing.T) {
	for _, tt := range []struct{ a, b, want time.Duration }{{1, 2, 2}, {2, 1, 2}, {2, 2, 2}, {time.Minute, 0, 2 * time.Second}} {
		if got := sample.Longer(tt.a, tt.b); got != tt.want {
			t.Errorf("%d, %d: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
