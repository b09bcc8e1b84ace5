package sqlstore_test

import (
	"database/sql/driver"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Each statement is a round trip that somebody waits for.
func TestACallCostsAsManyStatementsAsDocumented(t *testing.T) {
	handle, key := store.NewHandle()
	s, a := opened(t, func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
		switch {
		case strings.Contains(query, "key, claims"):
			return sessionRow(key[:]), nil
		case strings.Contains(query, "INSERT INTO nuxtauth_marks"):
			return row(args[2].Value), nil
		case strings.HasPrefix(query, "SELECT"):
			return nil, nil
		}
		return row(int64(1)), nil
	})
	r := &store.Record{Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}
	if _, err := s.Create(t.Context(), r); err != nil { // and sweeps, for the next minute
		t.Fatal(err)
	}
	for _, call := range []struct {
		name string
		want int
		do   func() error
	}{
		{"Create", 1, func() error { _, err := s.Create(t.Context(), r); return err }},
		{"Find", 1, func() error { _, err := s.Find(t.Context(), handle); return err }},
		{"Replace", 1, func() error { _, err := s.Replace(t.Context(), handle, r); return err }},
		{"Delete", 1, func() error { return s.Delete(t.Context(), handle) }},
		{"List", 1, func() error { _, err := s.List(t.Context(), "ada"); return err }},
		{"DeleteWhere", 1, func() error { _, err := s.DeleteWhere(t.Context(), store.Filter{Subject: "ada"}); return err }},
		{"DeleteWhere at a provider", 1, func() error {
			_, err := s.DeleteWhere(t.Context(), store.Filter{Provider: "github", ProviderSubject: "583231"})
			return err
		}},
		{"Mark", 1, func() error { _, err := s.Mark(t.Context(), "a", 1, r.ExpiresAt); return err }},
		{"Marked", 1, func() error { _, err := s.Marked(t.Context(), "a", "b", "c"); return err }},
		{"Count", 1, func() error { _, err := s.Count(t.Context(), "a", 1, time.Hour); return err }},
		{"Count that only looks", 1, func() error { _, err := s.Count(t.Context(), "a", 0, 0); return err }},
		{"Count less", 1, func() error { _, err := s.Count(t.Context(), "a", -1, 0); return err }},
		{"Lock and unlock", 3, func() error {
			unlock, err := s.Lock(t.Context(), "a", time.Minute)
			if err == nil {
				unlock()
				unlock()
			}
			return err
		}},
	} {
		before := a.times("")
		if err := call.do(); err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
		if n := a.times("") - before; n != call.want {
			t.Errorf("%s took %d statements, want %d", call.name, n, call.want)
		}
	}
}
