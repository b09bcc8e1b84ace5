package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// manySessions is more than a page of a query has: databases return 100 or 1000 rows.
const manySessions = 1010

// MaxSessions is the number of sessions of one user that the suite creates, 1010 without
// this option, for a test double that is slow.
func MaxSessions(n int) Option {
	return func(o *options) { o.maxSessions = n }
}

// createMany creates sessions, the newest of which is the first.
func createMany(t *testing.T, st store.Sessions, n int, session func() *store.Record) (all []*store.Record, handles []string) {
	t.Helper()
	now := time.Now()
	all, handles = make([]*store.Record, n), make([]string, n)
	const writers = 10
	for _, err := range atOnce(writers, func(w int) (err error) {
		for i := w; i < n && err == nil; i += writers {
			all[i] = session()
			all[i].CreatedAt = now.Add(-time.Duration(i) * time.Second)
			handles[i], err = st.CreateSession(t.Context(), all[i])
		}
		return err
	}) {
		if err != nil {
			t.Fatalf("CreateSession: %v", err)
		}
	}
	return all, handles
}

// someGone fails the test unless sessions are not found: those around the ends of pages,
// and a few more.
func someGone(t *testing.T, st store.Sessions, handles []string) {
	t.Helper()
	for i, handle := range handles {
		if i%50 == 0 || i >= len(handles)-15 {
			gone(t, st, handle)
		}
	}
}

// pages has users with more sessions than a page of a query.
func (o options) pages(t *testing.T, st indexed) {
	subject, many := unique("user"), o.maxSessions
	all, handles := createMany(t, st, many, func() *store.Record { return record(subject) })
	var want []string
	for _, r := range all {
		want = append(want, r.ID)
	}
	for _, limit := range []int{100, 101, 1000, 1001, many + 1} {
		records, err := st.ListSessions(t.Context(), realm, subject, limit)
		var got []string
		for _, r := range records {
			got = append(got, r.ID)
		}
		if newest := want[:min(limit, len(want))]; err != nil || !slices.Equal(got, newest) {
			t.Errorf("ListSessions with limit %d = %d sessions, %v, want the newest %d in their order", limit, len(got), err, len(newest))
		}
	}
	kept := many / 2
	ended(t, st.DeleteSessions, realm, subject, all[kept].ID, many-1)
	find(t, st, handles[kept])
	someGone(t, st, slices.Delete(handles, kept, kept+1))
	if got := st.list(t, realm, subject); !slices.Equal(got, want[kept:kept+1]) {
		t.Errorf("ListSessions = %d sessions after all but one have ended", len(got))
	}

	sub, sid := unique("sub"), unique("sid")
	_, handles = createMany(t, st, many, func() *store.Record {
		r := record(unique("user"))
		r.Provider, r.ProviderSubject = "okta", sub
		return r
	})
	ended(t, st.DeleteProviderSubject, realm, "okta", sub, many)
	_, ofSession := createMany(t, st, min(many, 110), func() *store.Record {
		r := record(unique("user"))
		r.Provider, r.ProviderSession = "okta", sid
		return r
	})
	ended(t, st.DeleteProviderSession, realm, "okta", sid, len(ofSession))
	someGone(t, st, handles)
	someGone(t, st, ofSession)

	_, handles = createMany(t, st, many, func() *store.Record { return record(subject) })
	ended(t, st.DeleteSessions, realm, subject, "", many+1)
	someGone(t, st, handles)
	if got := st.list(t, realm, subject); len(got) != 0 {
		t.Errorf("ListSessions = %d sessions after all have ended", len(got))
	}
}
