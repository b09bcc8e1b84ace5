package session_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/internal/session"
)

// Replicas of two releases share a deny-list: the names are a format. A key is the SHA-256
// of the parts, each after its length as an unsigned varint, in base64url.
func TestMarkName_Format(t *testing.T) {
	const keyOf1, keyOf1x = "8Wum-mHaM5iBW-KmwPfLE1GYLbzGxku-ubZfZyqLECo", "TBl02SaD2VT5kkhzUNhgCczxuId1VBwEJdiPOC2igx0"
	for _, tt := range []struct {
		realm, kind string
		parts       []string
		want        string
	}{
		{"next-auth", "subject", []string{"1"}, "next-auth:subject:" + keyOf1},
		{"next-auth", "user-session", []string{"1", "x"}, "next-auth:user-session:" + keyOf1x},
		{"next-auth", "subject", []string{strings.Repeat("a", 200)}, "next-auth:subject:m3vnVweWts1PZvhEwzuFcrJCjvQcaieddnM7UNJAcPw"},
		{strings.Repeat("a", 48), "subject", []string{"1"}, strings.Repeat("a", 48) + ":subject:" + keyOf1},
		{strings.Repeat("a", 49), "subject", []string{"1"}, "PJzrZ_-K1_su8Q0e9lxyei1aMme19pNMYfznlrqgezw:subject:" + keyOf1},
	} {
		if got := session.MarkName(tt.realm, tt.kind, tt.parts...); got != tt.want {
			t.Errorf("MarkName(%q, %q, %.20q) = %q, want %q", tt.realm, tt.kind, tt.parts, got, tt.want)
		}
	}
}

// A session without a provider is looked up by its user and by itself, and by nothing else.
func TestDenyList_NamesOfSession(t *testing.T) {
	eachDenyList(t, func(t *testing.T, a *apptest.App, s *namedMarks) {
		if withCookies(t, a, "1").Session() == nil {
			t.Fatal("an issued session is not valid")
		}
		if len(s.asked) != 3 || s.asked[""] {
			t.Errorf("the names of a session are %q, want three", slices.Collect(maps.Keys(s.asked)))
		}
	})
}
