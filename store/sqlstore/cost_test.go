package sqlstore_test

import (
	"database/sql/driver"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Each statement is a round trip to the database. Options.Timeout documents the numbers.
func TestSQL_StatementsPerCall(t *testing.T) {
	handle, key := store.NewHandle()
	s, a := opened(t, func(query string, args []driver.NamedValue) ([][]driver.Value, error) {
		switch {
		case strings.Contains(query, "key, claims"):
			return sessionRow(key[:]), nil
		case strings.Contains(query, "INSERT INTO nuxtauth_marks"):
			return row(int64(1), args[1].Value), nil
		case strings.HasPrefix(query, "SELECT"):
			return nil, nil
		}
		return row(int64(1)), nil
	})
	r := &store.Record{Realm: realm, Subject: "ada", ExpiresAt: time.Now().Add(time.Hour)}
	if _, err := s.CreateSession(t.Context(), r); err != nil { // and sweeps, for the next minute
		t.Fatal(err)
	}
	for _, call := range []struct {
		name string
		want int
		do   func() error
	}{
		{"CreateSession", 1, func() error { _, err := s.CreateSession(t.Context(), r); return err }},
		{"FindSession", 1, func() error { _, err := s.FindSession(t.Context(), handle); return err }},
		{"ReplaceSession", 1, func() error { _, err := s.ReplaceSession(t.Context(), handle, r); return err }},
		{"DeleteSession", 1, func() error { return s.DeleteSession(t.Context(), handle) }},
		{"ListSessions", 1, func() error { _, err := s.ListSessions(t.Context(), realm, "ada", 10); return err }},
		{"DeleteSessionByID", 1, func() error { _, err := s.DeleteSessionByID(t.Context(), realm, "ada", "id"); return err }},
		{"DeleteSessions", 1, func() error { _, err := s.DeleteSessions(t.Context(), realm, "ada", "id"); return err }},
		{"DeleteProviderSession", 1, func() error { _, err := s.DeleteProviderSession(t.Context(), realm, "github", "sid"); return err }},
		{"DeleteProviderSubject", 1, func() error { _, err := s.DeleteProviderSubject(t.Context(), realm, "github", "583231"); return err }},
		{"Mark", 1, func() error { _, _, err := s.Mark(t.Context(), "a", time.Hour); return err }},
		{"Marked", 1, func() error { _, err := s.Marked(t.Context(), "a", "b", "c"); return err }},
		{"Count", 1, func() error { _, err := s.Count(t.Context(), "a", 1, time.Hour); return err }},
		{"Count that reads", 1, func() error { _, err := s.Count(t.Context(), "a", 0, 0); return err }},
		{"Count that subtracts", 1, func() error { _, err := s.Count(t.Context(), "a", -1, 0); return err }},
		{"Lock, Extend and Release", 4, func() error {
			lease, err := s.Lock(t.Context(), "a", time.Minute)
			if err != nil {
				return err
			}
			defer lease.Release()
			defer lease.Release()
			return lease.Extend(t.Context(), time.Minute)
		}},
	} {
		before := a.times("")
		if err := call.do(); err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
		if n := a.times("") - before; n != call.want {
			t.Errorf("%s sent %d statements, want %d", call.name, n, call.want)
		}
	}
}
