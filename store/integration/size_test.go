package integration_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/sqlstore"
)

// BenchmarkBytesPerSession reports the size of a session with 250 bytes of claims, with
// its share of all indexes, for 10,000 of them.
func BenchmarkBytesPerSession(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		for b.Loop() {
			file := filepath.Join(b.TempDir(), "sessions.db")
			// Not as in a service: the benchmark does not wait for the disk.
			fillAndMeasure(b, source{"sqlite", "file:" + file + sqliteSettings + "&_pragma=synchronous(OFF)"},
				`SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`)
		}
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		p := server(b)
		for b.Loop() {
			fillAndMeasure(b, source{"pgx", p.url(p.newDatabase(b), "")}, `SELECT pg_total_relation_size('nuxtauth_sessions')`)
		}
	})
	b.Run("MariaDB", func(b *testing.B) {
		m := mariaServer(b)
		for b.Loop() {
			fillAndMeasure(b, source{"mysql", m.source(m.newDatabase(b), "", mysqlSettings)},
				`SELECT file_size FROM information_schema.innodb_sys_tablespaces WHERE name = concat(database(), '/nuxtauth_sessions')`)
		}
	})
}

// fillAndMeasure creates sessions in an empty database and reports its size, which a query
// returns.
func fillAndMeasure(b *testing.B, src source, size string) {
	const sessions = 10_000
	db := src.connect(b)
	s := newStore(b, db, sqlstore.Options{})
	claims := []byte(`{"sub":"` + strings.Repeat("x", 240) + `"}`)
	for range sessions {
		now, subject := time.Now(), store.NewID()
		_, err := s.CreateSession(b.Context(), &store.Record{
			Realm:           realm,
			Subject:         subject,
			Provider:        "keycloak",
			ProviderSubject: subject,
			ProviderSession: store.NewID(),
			Claims:          claims,
			CreatedAt:       now, SeenAt: now, ExpiresAt: now.Add(30 * 24 * time.Hour),
			IP:        "203.0.113.117",
			UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	var bytes float64
	if err := db.QueryRowContext(b.Context(), size).Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(bytes/sessions, "bytes/session")
}
