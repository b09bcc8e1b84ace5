package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// An indexed store is one with the ability under test.
type indexed struct {
	store.Sessions
	store.Index
}

// RunIndex checks [store.Index] on stores that [store.As] finds it on. Of the options
// it uses [Advance], [MaxSessions], [Fault], [Stall] and [Second].
func RunIndex(t *testing.T, open func(t *testing.T) store.Sessions, opts ...Option) {
	s := newSuite(func(t *testing.T) indexed {
		t.Helper()
		sessions := open(t)
		index, ok := store.As[store.Index](sessions)
		if !ok {
			t.Fatalf("%T is no store.Index", sessions)
		}
		return indexed{sessions, index}
	}, opts)

	s.run(t, "an empty argument is refused", s.emptyArguments)
	s.run(t, "an ended context changes nothing", s.endedContexts)
	s.run(t, "list is newest first and without claims", s.listed)
	s.run(t, "list has a limit", s.limited)
	s.run(t, "list is current", s.listIsCurrent)
	s.run(t, "expired sessions are not listed and not counted", s.expiredIsNotListed)
	s.run(t, "odd names are names of their own", s.oddNames)
	s.run(t, "realms are apart", s.realms)
	s.run(t, "delete by id", s.deleteByID)
	s.run(t, "delete all of a user", s.deleteSessions)
	s.run(t, "delete all of a user but one", s.deleteExcept)
	s.run(t, "delete a session at a provider", s.deleteProviderSession)
	s.run(t, "delete a user at a provider", s.deleteProviderSubject)
	s.run(t, "users and sessions at a provider are apart", s.providerNames)
	s.run(t, "indexes follow every write", s.providerIndexes)
	s.run(t, "an ended session does not come back", s.stayEnded)
	s.run(t, "delete while sessions are created", s.deleteWhileCreating)
	s.run(t, "an id is ended once", s.deleteByIDOnce)
	s.run(t, "more sessions than a page", s.pages)
	s.run(t, "calls end with their context", s.indexStalled)
	s.run(t, "a fault is no answer", s.indexFaults)
	s.run(t, "processes share the index", s.indexShared)
}

// list returns the IDs of a user's sessions in the order of the list.
func (st indexed) list(t *testing.T, realm, subject string) []string {
	t.Helper()
	records, err := st.ListSessions(t.Context(), realm, subject, 1<<20)
	if err != nil {
		t.Fatalf("ListSessions: %v", err)
	}
	ids := make([]string, 0, len(records))
	for _, r := range records {
		ids = append(ids, r.ID)
	}
	return ids
}

// A deletion is one of the three methods that end several sessions.
type deletion func(ctx context.Context, realm, a, b string) (int, error)

// ended fails the test unless a deletion ends so many sessions, or does not know
// how many they were.
func ended(t *testing.T, do deletion, realm, a, b string, want int) {
	t.Helper()
	if n, err := do(t.Context(), realm, a, b); err != nil || n != want && n != -1 {
		t.Fatalf("%d sessions of (%q, %q, %q) ended, %v, want %d", n, realm, a, b, err, want)
	}
}

func (o options) emptyArguments(t *testing.T, st indexed) {
	r, ctx := record(unique("user")), t.Context()
	handle := create(t, st, r)
	for _, args := range [][3]string{{"", "a", "b"}, {realm, "", "b"}, {realm, "a", ""}, {realm, "", ""}, {"", "", ""}} {
		pick := func(i int, value string) string { // an argument, in place of a placeholder
			if args[i] == "" {
				return ""
			}
			return value
		}
		in := pick(0, realm)
		if found, err := st.DeleteSessionByID(ctx, in, pick(1, r.Subject), pick(2, r.ID)); found || err == nil {
			t.Errorf("DeleteSessionByID with %q = %v, %v, want an error", args, found, err)
		}
		if n, err := st.DeleteProviderSession(ctx, in, pick(1, r.Provider), pick(2, r.ProviderSession)); n > 0 || err == nil {
			t.Errorf("DeleteProviderSession with %q = %d, %v, want an error", args, n, err)
		}
		if n, err := st.DeleteProviderSubject(ctx, in, pick(1, r.Provider), pick(2, r.ProviderSubject)); n > 0 || err == nil {
			t.Errorf("DeleteProviderSubject with %q = %d, %v, want an error", args, n, err)
		}
		if args[0] != "" && args[1] != "" {
			continue // what follows has two arguments
		}
		if list, err := st.ListSessions(ctx, in, pick(1, r.Subject), 10); list != nil || err == nil {
			t.Errorf("ListSessions with %q = %v, %v, want an error", args, list, err)
		}
		if n, err := st.DeleteSessions(ctx, in, pick(1, r.Subject), ""); n > 0 || err == nil {
			t.Errorf("DeleteSessions with %q = %d, %v, want an error", args, n, err)
		}
	}
	same(t, find(t, st, handle), r)
}

func (o options) endedContexts(t *testing.T, st indexed) {
	r := record(unique("user"))
	handle := create(t, st, r)
	for name, ctx := range endedContexts(t) {
		t.Run(name, func(t *testing.T) {
			_, err := st.ListSessions(ctx, realm, r.Subject, 10)
			refused(t, ctx, "ListSessions", err)
			_, err = st.DeleteSessionByID(ctx, realm, r.Subject, r.ID)
			refused(t, ctx, "DeleteSessionByID", err)
			_, err = st.DeleteSessions(ctx, realm, r.Subject, "")
			refused(t, ctx, "DeleteSessions", err)
			_, err = st.DeleteProviderSession(ctx, realm, r.Provider, r.ProviderSession)
			refused(t, ctx, "DeleteProviderSession", err)
			_, err = st.DeleteProviderSubject(ctx, realm, r.Provider, r.ProviderSubject)
			refused(t, ctx, "DeleteProviderSubject", err)
		})
	}
	same(t, find(t, st, handle), r)
}

func (o options) listed(t *testing.T, st indexed) {
	subject := unique("user")
	if got := st.list(t, realm, subject); len(got) != 0 {
		t.Errorf("ListSessions of an unknown user = %v", got)
	}
	create(t, st, record(unique("user")))
	want := createdInAnotherOrder(t, st, subject)
	got, err := st.ListSessions(t.Context(), realm, subject, len(want))
	if err != nil || len(got) != len(want) {
		t.Fatalf("ListSessions = %d sessions, %v, want %d", len(got), err, len(want))
	}
	for i, r := range got {
		want[i].Claims = nil
		if r.Claims != nil {
			t.Error("ListSessions returned claims")
		}
		same(t, r, want[i])
	}
}

// createdInAnotherOrder creates 12 sessions, and returns them newest first.
func createdInAnotherOrder(t *testing.T, st store.Sessions, subject string) []*store.Record {
	t.Helper()
	all := make([]*store.Record, 12)
	now := time.Now()
	for _, i := range []int{5, 0, 11, 3, 8, 1, 10, 2, 9, 4, 7, 6} {
		all[i] = record(subject)
		all[i].CreatedAt = now.Add(-time.Duration(i) * time.Minute)
		all[i].ExpiresAt = later().Add(time.Duration(i*i%7) * time.Hour) // in yet another order
		create(t, st, all[i])
	}
	return all
}

func (o options) limited(t *testing.T, st indexed) {
	subject := unique("user")
	var want []string
	for _, r := range createdInAnotherOrder(t, st, subject) {
		want = append(want, r.ID)
	}
	for _, limit := range []int{1, 5, len(want), len(want) + 1, 1 << 30} {
		records, err := st.ListSessions(t.Context(), realm, subject, limit)
		var got []string
		for _, r := range records {
			got = append(got, r.ID)
		}
		if newest := want[:min(limit, len(want))]; err != nil || !slices.Equal(got, newest) {
			t.Errorf("ListSessions with limit %d = %v, %v, want %v", limit, got, err, newest)
		}
	}
	for _, limit := range []int{0, -1} {
		if list, err := st.ListSessions(t.Context(), realm, subject, limit); list != nil || err == nil {
			t.Errorf("ListSessions with limit %d = %v, %v, want an error", limit, list, err)
		}
	}
}

func (o options) listIsCurrent(t *testing.T, st indexed) {
	r := record(unique("user"))
	handle := create(t, st, r)
	r.IP, r.UserAgent, r.SeenAt = "192.0.2.7", "curl/8", r.SeenAt.Add(time.Hour)
	handle = replace(t, st, handle, r)
	records, err := st.ListSessions(t.Context(), realm, r.Subject, 10)
	if err != nil || len(records) != 1 {
		t.Fatalf("ListSessions = %v, %v, want one session", records, err)
	}
	want := *r
	want.Claims = nil
	same(t, records[0], &want)

	records[0].Subject = "changed"
	same(t, find(t, st, handle), r)

	if err := st.DeleteSession(t.Context(), handle); err != nil {
		t.Fatal(err)
	}
	if got := st.list(t, realm, r.Subject); len(got) != 0 {
		t.Errorf("ListSessions = %v after the session has ended", got)
	}
}

func (o options) expiredIsNotListed(t *testing.T, st indexed) {
	subject := unique("user")
	short, long := record(subject), record(subject)
	short.ExpiresAt = o.soon()
	create(t, st, short)
	create(t, st, long)
	o.past(t, short.ExpiresAt)
	if got := st.list(t, realm, subject); !slices.Equal(got, []string{long.ID}) {
		t.Errorf("ListSessions = %v, want %v alone", got, long.ID)
	}
	if found, err := st.DeleteSessionByID(t.Context(), realm, subject, short.ID); found || err != nil {
		t.Errorf("DeleteSessionByID of an expired session = %v, %v, want false", found, err)
	}
	ended(t, st.DeleteProviderSubject, realm, short.Provider, short.ProviderSubject, 0)
	ended(t, st.DeleteProviderSession, realm, short.Provider, short.ProviderSession, 0)
	ended(t, st.DeleteSessions, realm, subject, "", 1)
}

func (o options) oddNames(t *testing.T, st indexed) {
	base := unique("user")
	subjects := []string{base}
	for _, odd := range oddSuffixes {
		subjects = append(subjects, base+odd, odd+base)
	}
	handles, ids := make(map[string]string), make(map[string]string)
	for _, subject := range subjects {
		r := record(subject)
		r.ProviderSubject, r.ProviderSession = subject, subject
		handles[subject], ids[subject] = create(t, st, r), r.ID
	}
	for _, subject := range subjects {
		if got := st.list(t, realm, subject); !slices.Equal(got, []string{ids[subject]}) {
			t.Errorf("ListSessions(%q) = %q, want its own session alone", subject, got)
		}
	}
	for i, subject := range subjects {
		switch i % 3 {
		case 0:
			ended(t, st.DeleteSessions, realm, subject, "", 1)
		case 1:
			ended(t, st.DeleteProviderSubject, realm, "github", subject, 1)
		default:
			ended(t, st.DeleteProviderSession, realm, "github", subject, 1)
		}
		gone(t, st, handles[subject])
		for _, other := range subjects[i+1:] {
			find(t, st, handles[other])
		}
	}
	for _, unstorable := range []string{base + "\x00", base + "\xff"} {
		if list, err := st.ListSessions(t.Context(), realm, unstorable, 10); len(list) != 0 || err != nil {
			t.Errorf("ListSessions(%q) = %v, %v, want none", unstorable, list, err)
		}
		if found, err := st.DeleteSessionByID(t.Context(), realm, base, unstorable); found || err != nil {
			t.Errorf("DeleteSessionByID(%q) = %v, %v, want false", unstorable, found, err)
		}
		ended(t, st.DeleteSessions, unstorable, base, "", 0)
		ended(t, st.DeleteProviderSession, realm, "github", unstorable, 0)
		ended(t, st.DeleteProviderSubject, realm, unstorable, base, 0)
	}
}

func (o options) realms(t *testing.T, st indexed) {
	base, user := unique("realm"), unique("user")
	realms := []string{base, base + "2", base + ":" + user}
	for _, odd := range oddSuffixes {
		realms = append(realms, base+odd)
	}
	handles := make(map[string]string)
	records := make(map[string]*store.Record)
	for _, in := range realms {
		r := record(user)
		r.Realm, r.ProviderSubject, r.ProviderSession = in, user, user
		handles[in], records[in] = create(t, st, r), r
	}
	for _, in := range realms {
		if got := st.list(t, in, user); !slices.Equal(got, []string{records[in].ID}) {
			t.Errorf("ListSessions in realm %q = %q, want its own session alone", in, got)
		}
		other := records[realms[0]]
		if in == other.Realm {
			continue
		}
		if found, err := st.DeleteSessionByID(t.Context(), in, user, other.ID); found || err != nil {
			t.Errorf("DeleteSessionByID of a session of another realm = %v, %v, want false", found, err)
		}
	}
	for i, in := range realms {
		switch i % 5 {
		case 0:
			ended(t, st.DeleteSessions, in, user, "", 1)
		case 1:
			ended(t, st.DeleteSessions, in, user, unique("other"), 1)
		case 2:
			ended(t, st.DeleteProviderSubject, in, "github", user, 1)
		case 3:
			ended(t, st.DeleteProviderSession, in, "github", user, 1)
		default:
			if found, err := st.DeleteSessionByID(t.Context(), in, user, records[in].ID); !found || err != nil {
				t.Errorf("DeleteSessionByID = %v, %v, want true", found, err)
			}
		}
		gone(t, st, handles[in])
		for _, other := range realms[i+1:] {
			same(t, find(t, st, handles[other]), records[other])
		}
	}
}

func (o options) stayEnded(t *testing.T, st indexed) {
	subject := unique("user")
	handle := create(t, st, record(subject))
	r := find(t, st, handle)
	ended(t, st.DeleteSessions, realm, subject, "", 1)
	if _, err := st.ReplaceSession(t.Context(), handle, r); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ReplaceSession: %v, want %q", err, store.ErrNotFound)
	}
	gone(t, st, handle)
	if got := st.list(t, realm, subject); len(got) != 0 {
		t.Errorf("ListSessions = %v", got)
	}
}
