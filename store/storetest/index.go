package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// runIndex checks List and DeleteWhere.
func runIndex(t *testing.T, s suite[store.Store]) {
	s.run(t, "an empty filter ends nothing", s.emptyFilter)
	if s.noIndex {
		s.run(t, "a store that can't find the sessions of a user says so", s.unsupported)
		return
	}
	s.run(t, "the sessions of a user are listed, the newest first", s.listed)
	s.run(t, "a list shows what is there now", s.listIsCurrent)
	s.run(t, "an expired session is not listed and not counted", s.expiredIsNotListed)
	s.run(t, "odd subjects are users of their own", s.oddSubjects)
	s.run(t, "all sessions of a user end", s.deleteSubject)
	s.run(t, "one session of a user ends by its id", s.deleteID)
	s.run(t, "all other sessions of a user end", s.deleteExcept)
	s.run(t, "the session at a provider ends", s.deleteProviderSession)
	s.run(t, "all sessions of a user at a provider end", s.deleteProviderSubject)
	s.run(t, "a user and a session at a provider are two things", s.providerNames)
	s.run(t, "a subject and a provider select together", s.deleteBoth)
	s.run(t, "a user at a provider and all else select together", s.deleteByAll)
	s.run(t, "a provider finds a session after each write, and none that has ended", s.providerIndexes)
	s.run(t, "a session that ended with others never comes back", s.noResurrectionByFilter)
	s.run(t, "no session escapes while all end", s.deleteWhileCreating)
}

// list returns the IDs of a user's sessions in the order of the list.
func list(t *testing.T, st store.Store, subject string) []string {
	t.Helper()
	records, err := st.List(t.Context(), subject)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	ids := make([]string, 0, len(records))
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	return ids
}

// deleteWhere fails the test unless a filter ends so many sessions.
func deleteWhere(t *testing.T, st store.Store, f store.Filter, want int) {
	t.Helper()
	if n, err := st.DeleteWhere(t.Context(), f); err != nil || n != want {
		t.Fatalf("DeleteWhere(%+v) = %d, %v, want %d", f, n, err, want)
	}
}

func (o options) emptyFilter(t *testing.T, st store.Store) {
	r := record(unique("user"))
	handle := create(t, st, r)
	for _, f := range []store.Filter{
		{}, {ID: r.ID}, {ExceptID: "x"}, {Provider: r.Provider}, {ProviderSession: r.ProviderSession},
		{ProviderSubject: r.ProviderSubject}, {ProviderSubject: r.ProviderSubject, ProviderSession: r.ProviderSession},
		{Provider: r.Provider, ID: r.ID}, {ProviderSubject: r.ProviderSubject, ID: r.ID},
	} {
		if n, err := st.DeleteWhere(t.Context(), f); err == nil || n != 0 {
			t.Errorf("DeleteWhere(%+v) = %d, %v, want an error", f, n, err)
		}
	}
	find(t, st, handle)
}

func (o options) unsupported(t *testing.T, st store.Store) {
	r := record(unique("user"))
	handle := create(t, st, r)
	if l, err := st.List(t.Context(), r.Subject); l != nil || !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("List = %v, %v, want nil, %q", l, err, store.ErrUnsupported)
	}
	if n, err := st.DeleteWhere(t.Context(), store.Filter{Subject: r.Subject}); n != 0 || !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("DeleteWhere = %d, %v, want 0, %q", n, err, store.ErrUnsupported)
	}
	find(t, st, handle)
}

func (o options) listed(t *testing.T, st store.Store) {
	subject := unique("user")
	if got := list(t, st, subject); len(got) != 0 {
		t.Errorf("List of nobody = %v", got)
	}
	create(t, st, record(unique("user")))

	// Created in another order than that of their times.
	want := make([]*store.Record, 12)
	now := time.Now()
	for _, i := range []int{5, 0, 11, 3, 8, 1, 10, 2, 9, 4, 7, 6} {
		r := record(subject)
		r.CreatedAt = now.Add(-time.Duration(i) * time.Minute)
		create(t, st, r)
		want[i] = r
	}
	got, err := st.List(t.Context(), subject)
	if err != nil || len(got) != len(want) {
		t.Fatalf("List = %d sessions, %v, want %d", len(got), err, len(want))
	}
	for i, r := range got {
		want[i].Claims = nil
		if r.Claims != nil {
			t.Error("List returned claims")
		}
		same(t, r, want[i])
	}
}

func (o options) listIsCurrent(t *testing.T, st store.Store) {
	r := record(unique("user"))
	handle := create(t, st, r)
	r.IP, r.UserAgent, r.SeenAt = "192.0.2.7", "curl/8", r.SeenAt.Add(time.Hour)
	handle = replace(t, st, handle, r)
	records, err := st.List(t.Context(), r.Subject)
	if err != nil || len(records) != 1 {
		t.Fatalf("List = %v, %v, want one session", records, err)
	}
	want := *r
	want.Claims = nil
	same(t, records[0], &want)

	records[0].Subject = "changed"
	same(t, find(t, st, handle), r)

	if err := st.Delete(t.Context(), handle); err != nil {
		t.Fatal(err)
	}
	if got := list(t, st, r.Subject); len(got) != 0 {
		t.Errorf("List = %v after the session has ended", got)
	}
}

func (o options) expiredIsNotListed(t *testing.T, st store.Store) {
	subject := unique("user")
	short, long := record(subject), record(subject)
	short.ExpiresAt = o.soon()
	create(t, st, short)
	create(t, st, long)
	o.past(t, short.ExpiresAt)
	if got := list(t, st, subject); !slices.Equal(got, []string{long.ID}) {
		t.Errorf("List = %v, want %v alone", got, long.ID)
	}
	deleteWhere(t, st, store.Filter{Provider: short.Provider, ProviderSubject: short.ProviderSubject}, 0)
	deleteWhere(t, st, store.Filter{Provider: short.Provider, ProviderSession: short.ProviderSession}, 0)
	deleteWhere(t, st, store.Filter{Subject: subject}, 1)
}

func (o options) oddSubjects(t *testing.T, st store.Store) {
	base := unique("user")
	subjects := []string{base}
	for _, odd := range []string{
		":", "::", "*", "?", "[a]", "%", "_", "\n", "\r\n", "\t", " ", `"`, "'", "''", `\`, "/", "|", "{}", "{a}", "$1", ";--", "#", "\u00e9", "e\u0301", "A", "a",
	} {
		subjects = append(subjects, base+odd, odd+base)
	}
	handles := make(map[string]string)
	ids := make(map[string]string)
	for _, subject := range subjects {
		r := record(subject)
		r.ProviderSubject, r.ProviderSession = subject, subject
		handles[subject], ids[subject] = create(t, st, r), r.ID
	}
	for _, subject := range subjects {
		if got := list(t, st, subject); !slices.Equal(got, []string{ids[subject]}) {
			t.Errorf("List(%q) = %q, want its own session alone", subject, got)
		}
	}
	for i, subject := range subjects {
		filters := [...]store.Filter{
			{Subject: subject},
			{Provider: "github", ProviderSubject: subject},
			{Provider: "github", ProviderSession: subject},
		}
		deleteWhere(t, st, filters[i%len(filters)], 1)
		gone(t, st, handles[subject])
		for _, other := range subjects[i+1:] {
			find(t, st, handles[other])
		}
	}
}

func (o options) deleteSubject(t *testing.T, st store.Store) {
	subject := unique("user")
	var handles []string
	for range 3 {
		handles = append(handles, create(t, st, record(subject)))
	}
	other := create(t, st, record(unique("user")))
	deleteWhere(t, st, store.Filter{Subject: unique("nobody")}, 0)
	deleteWhere(t, st, store.Filter{Subject: subject}, 3)
	for _, h := range handles {
		gone(t, st, h)
	}
	if got := list(t, st, subject); len(got) != 0 {
		t.Errorf("List = %v", got)
	}
	deleteWhere(t, st, store.Filter{Subject: subject}, 0)
	find(t, st, other)
}

func (o options) deleteID(t *testing.T, st store.Store) {
	r, second := record(unique("user")), record(unique("user"))
	second.Subject = r.Subject
	handle, kept := create(t, st, r), create(t, st, second)
	deleteWhere(t, st, store.Filter{Subject: r.Subject, ID: "unknown"}, 0)
	deleteWhere(t, st, store.Filter{Subject: unique("other"), ID: r.ID}, 0) // not by knowing somebody's ID
	find(t, st, handle)
	deleteWhere(t, st, store.Filter{Subject: r.Subject, ID: r.ID, ExceptID: r.ID}, 0)
	deleteWhere(t, st, store.Filter{Subject: r.Subject, ID: r.ID}, 1)
	gone(t, st, handle)
	find(t, st, kept)
}

func (o options) deleteExcept(t *testing.T, st store.Store) {
	subject := unique("user")
	mine := record(subject)
	kept := create(t, st, mine)
	others := []string{create(t, st, record(subject)), create(t, st, record(subject))}
	deleteWhere(t, st, store.Filter{Subject: subject, ExceptID: mine.ID}, 2)
	find(t, st, kept)
	for _, h := range others {
		gone(t, st, h)
	}
	deleteWhere(t, st, store.Filter{Subject: subject, ExceptID: mine.ID}, 0)
}

func (o options) noResurrectionByFilter(t *testing.T, st store.Store) {
	subject := unique("user")
	handle := create(t, st, record(subject))
	r := find(t, st, handle)
	deleteWhere(t, st, store.Filter{Subject: subject}, 1)
	if _, err := st.Replace(t.Context(), handle, r); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Replace: %v, want %q", err, store.ErrNotFound)
	}
	gone(t, st, handle)
	if got := list(t, st, subject); len(got) != 0 {
		t.Errorf("List = %v", got)
	}
}

func (o options) deleteWhileCreating(t *testing.T, st store.Store) {
	subject := unique("user")
	ended := make([]int, 10)
	errs := atOnce(len(ended), func(i int) (err error) {
		if i%2 == 0 {
			_, err = st.Create(t.Context(), record(subject))
		} else {
			ended[i], err = st.DeleteWhere(t.Context(), store.Filter{Subject: subject})
		}
		return err
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	total := len(list(t, st, subject))
	for _, n := range ended {
		total += n
	}
	if total != len(ended)/2 {
		t.Errorf("%d sessions ended or were left, %d were created", total, len(ended)/2)
	}
	if _, err := st.DeleteWhere(t.Context(), store.Filter{Subject: subject}); err != nil {
		t.Fatal(err)
	}
	if got := list(t, st, subject); len(got) != 0 {
		t.Errorf("List = %v", got)
	}
}
