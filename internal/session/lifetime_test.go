package session_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/internal/apptest"
	"github.com/nuxtauth/nuxtauth/token"
)

// The times in a token count, also those of a Node server with another configuration: at
// the second of "exp" it has expired.
func TestToken_TimesCount(t *testing.T) {
	codec, err := token.NewNextAuth("", apptest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		issued, expires, notBefore time.Duration // from now; 0: no "nbf"
		valid                      bool
	}{
		"fresh":                        {0, time.Hour, 0, true},
		"in its last minute":           {-time.Hour, time.Minute, 0, true},
		"expired, and young":           {-time.Hour, -2 * time.Minute, 0, false},
		"older than MaxAge":            {-30*24*time.Hour - time.Second, time.Hour, 0, false},
		"almost as old as MaxAge":      {-30*24*time.Hour + time.Hour, time.Hour, 0, true},
		"valid from now on":            {0, time.Hour, -time.Second, true},
		"valid in an hour":             {0, 2 * time.Hour, time.Hour, false},
		"longer than this application": {-time.Hour, 365 * 24 * time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := apptest.New(t)
			at := func(d time.Duration) string { return strconv.FormatInt(a.Clock.Now().Add(d).Unix(), 10) }
			claims := `{"sub":"1","iat":` + at(tt.issued) + `,"exp":` + at(tt.expires)
			if tt.notBefore != 0 {
				claims += `,"nbf":` + at(tt.notBefore)
			}
			value, err := codec.Seal(t.Context(), []byte(claims+"}"))
			if err != nil {
				t.Fatal(err)
			}
			a.SetCookie(apptest.SessionCookie, value)
			s := a.SessionIn(a.Get("/me"))
			if (s != nil) != tt.valid {
				t.Fatalf("the session is %v", s)
			}
			if s == nil {
				return
			}
			want := a.Clock.Now().Add(min(tt.expires, tt.issued+30*24*time.Hour))
			if tt.issued <= -24*time.Hour { // it is renewed, for at most 90 days from when it was issued
				want = a.Clock.Now().Add(30 * 24 * time.Hour)
			}
			if got := s.Expires.Time(); got.Sub(want).Abs() > 2*time.Second {
				t.Errorf("the session expires at %v, want %v", got, want)
			}
		})
	}
}
