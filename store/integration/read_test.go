package integration_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// BenchmarkFindSession reads a session as a request does, with a deadline.
func BenchmarkFindSession(b *testing.B) {
	src := source{"sqlite", "file:" + filepath.Join(b.TempDir(), "sessions.db") + sqliteSettings}
	s := newStore(b, src.connect(b), sqlstore.Options{})
	u := signIn(b, s, "ada")
	ctx, cancel := context.WithTimeout(b.Context(), longTimeout-time.Second) // comes before that of the store
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.FindSession(ctx, u.handle); err != nil {
			b.Fatal(err)
		}
	}
}
