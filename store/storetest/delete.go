package storetest

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func (o options) deleteByID(t *testing.T, st indexed) {
	r, second := record(unique("user")), record(unique("user"))
	second.Subject = r.Subject
	handle, secondHandle := create(t, st, r), create(t, st, second)
	byID := func(subject, id string, want bool) {
		t.Helper()
		if found, err := st.DeleteSessionByID(t.Context(), realm, subject, id); err != nil || found != want {
			t.Fatalf("DeleteSessionByID(%q, %q) = %v, %v, want %v", subject, id, found, err, want)
		}
	}
	byID(r.Subject, "unknown", false)
	byID(unique("other"), r.ID, false) // the ID is no secret
	find(t, st, handle)
	byID(r.Subject, r.ID, true)
	gone(t, st, handle)
	byID(r.Subject, r.ID, false)
	find(t, st, secondHandle)
}

func (o options) deleteByIDOnce(t *testing.T, st indexed) {
	r := record(unique("user"))
	handle := create(t, st, r)
	var times atomic.Int64
	for _, err := range atOnce(10, func(int) error {
		found, err := st.DeleteSessionByID(t.Context(), realm, r.Subject, r.ID)
		if found {
			times.Add(1)
		}
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := times.Load(); n != 1 {
		t.Errorf("%d concurrent calls found the session, want 1", n)
	}
	gone(t, st, handle)
}

func (o options) deleteSessions(t *testing.T, st indexed) {
	subject := unique("user")
	var handles []string
	for range 3 {
		handles = append(handles, create(t, st, record(subject)))
	}
	other := create(t, st, record(unique("user")))
	ended(t, st.DeleteSessions, realm, unique("unknown"), "", 0)
	ended(t, st.DeleteSessions, realm, subject, "", 3)
	for _, h := range handles {
		gone(t, st, h)
	}
	if got := st.list(t, realm, subject); len(got) != 0 {
		t.Errorf("ListSessions = %v", got)
	}
	ended(t, st.DeleteSessions, realm, subject, "", 0)
	find(t, st, other)
}

func (o options) deleteExcept(t *testing.T, st indexed) {
	subject := unique("user")
	mine := record(subject)
	handle := create(t, st, mine)
	others := []string{create(t, st, record(subject)), create(t, st, record(subject))}
	ended(t, st.DeleteSessions, realm, subject, mine.ID, 2)
	find(t, st, handle)
	for _, h := range others {
		gone(t, st, h)
	}
	ended(t, st.DeleteSessions, realm, subject, mine.ID, 0)
	find(t, st, handle)
	ended(t, st.DeleteSessions, realm, subject, "unknown", 1)
	gone(t, st, handle)
}

// at creates a session of a user that has these names at a provider.
func at(t *testing.T, st store.Sessions, subject, provider, providerSubject, sid string) (handle string) {
	t.Helper()
	r := record(subject)
	r.Provider, r.ProviderSubject, r.ProviderSession = provider, providerSubject, sid
	return create(t, st, r)
}

func (o options) deleteProviderSession(t *testing.T, st indexed) {
	sid, subject := unique("sid"), unique("user")
	match := []string{at(t, st, subject, "okta", "1", sid), at(t, st, unique("user"), "okta", "", sid)}
	rest := []string{at(t, st, subject, "google", "1", sid), at(t, st, subject, "okta", "1", unique("sid")), at(t, st, subject, "okta", "1", ""), at(t, st, subject, "", "", sid)}
	ended(t, st.DeleteProviderSession, realm, "okta", unique("unknown"), 0)
	ended(t, st.DeleteProviderSession, realm, "okta", sid, 2)
	for _, h := range match {
		gone(t, st, h)
	}
	for _, h := range rest {
		find(t, st, h)
	}
	ended(t, st.DeleteProviderSession, realm, "okta", sid, 0)
	if got := st.list(t, realm, subject); len(got) != len(rest) {
		t.Errorf("ListSessions = %v, want %d sessions", got, len(rest))
	}
}

func (o options) deleteProviderSubject(t *testing.T, st indexed) {
	sub, subject := unique("sub"), unique("user")
	match := []string{
		at(t, st, subject, "okta", sub, unique("sid")), at(t, st, subject, "okta", sub, ""), at(t, st, unique("user"), "okta", sub, ""),
		at(t, st, sub, "okta", sub, unique("sid")),
	}
	rest := []string{
		at(t, st, subject, "google", sub, ""), at(t, st, subject, "okta", unique("sub"), ""), at(t, st, subject, "okta", "", ""),
		at(t, st, subject, "", sub, ""), at(t, st, sub, "okta", "", ""), // Subject is not the name at the provider
	}
	ended(t, st.DeleteProviderSubject, realm, "okta", unique("unknown"), 0)
	ended(t, st.DeleteProviderSubject, realm, "okta", sub, len(match))
	for _, h := range match {
		gone(t, st, h)
	}
	for _, h := range rest {
		find(t, st, h)
	}
	ended(t, st.DeleteProviderSubject, realm, "okta", sub, 0)
	if got := st.list(t, realm, subject); len(got) != 4 {
		t.Errorf("ListSessions = %v, want 4 sessions", got)
	}
}

func (o options) providerNames(t *testing.T, st indexed) {
	name := unique("name")
	user := at(t, st, unique("user"), "okta", name, "")
	session := at(t, st, unique("user"), "okta", "", name)
	both := at(t, st, unique("user"), "okta", name, name)
	subject := at(t, st, name, "okta", "", "")

	ended(t, st.DeleteProviderSession, realm, "okta", name, 2)
	gone(t, st, session)
	gone(t, st, both)
	find(t, st, user)
	ended(t, st.DeleteProviderSubject, realm, "okta", name, 1)
	gone(t, st, user)
	find(t, st, subject)
	ended(t, st.DeleteSessions, realm, name, "", 1)
	gone(t, st, subject)
}

func (o options) providerIndexes(t *testing.T, st indexed) {
	for name, deleted := range map[string]func(t *testing.T, r *store.Record, want int){
		"user": func(t *testing.T, r *store.Record, want int) {
			t.Helper()
			ended(t, st.DeleteSessions, realm, r.Subject, "", want)
		},
		"user at a provider": func(t *testing.T, r *store.Record, want int) {
			t.Helper()
			ended(t, st.DeleteProviderSubject, realm, r.Provider, r.ProviderSubject, want)
		},
		"session at a provider": func(t *testing.T, r *store.Record, want int) {
			t.Helper()
			ended(t, st.DeleteProviderSession, realm, r.Provider, r.ProviderSession, want)
		},
	} {
		t.Run(name, func(t *testing.T) {
			like := func(r *store.Record) *store.Record { // with the same names
				other := record(r.Subject)
				other.ProviderSubject, other.ProviderSession = r.ProviderSubject, r.ProviderSession
				return other
			}
			written := record(unique("user"))
			handle := create(t, st, written)
			changed := find(t, st, handle)
			changed.Subject, changed.ProviderSubject, changed.ProviderSession = unique("other"), unique("other"), unique("other")
			changed.Claims, changed.ExpiresAt = []byte("longer than the claims before: "+unique("claim")), later().Add(time.Hour)
			handle = replace(t, st, handle, changed)
			deleted(t, changed, 0)
			deleted(t, written, 1)
			gone(t, st, handle)

			first := record(unique("user"))
			handle = create(t, st, first)
			second := create(t, st, like(first))
			if err := st.DeleteSession(t.Context(), handle); err != nil {
				t.Fatal(err)
			}
			deleted(t, first, 1)
			gone(t, st, second)
			deleted(t, first, 0)

			expired := record(unique("user"))
			expired.ExpiresAt = o.soon()
			create(t, st, expired)
			o.past(t, expired.ExpiresAt)
			deleted(t, expired, 0)
			handle = create(t, st, like(expired))
			deleted(t, expired, 1)
			gone(t, st, handle)
		})
	}
}

func (o options) deleteWhileCreating(t *testing.T, st indexed) {
	for name, do := range map[string]func(ctx context.Context, r *store.Record) (int, error){
		"user": func(ctx context.Context, r *store.Record) (int, error) {
			return st.DeleteSessions(ctx, realm, r.Subject, "")
		},
		"user at a provider": func(ctx context.Context, r *store.Record) (int, error) {
			return st.DeleteProviderSubject(ctx, realm, r.Provider, r.ProviderSubject)
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := *record(unique("user"))
			counts := make([]int, 10)
			errs := atOnce(len(counts), func(i int) (err error) {
				if i%2 == 0 {
					r := user
					_, err = st.CreateSession(t.Context(), &r)
				} else {
					counts[i], err = do(t.Context(), &user)
				}
				return err
			})
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			total := len(st.list(t, realm, user.Subject))
			for _, n := range counts {
				total += n
			}
			if total != len(counts)/2 && !slices.Contains(counts, -1) {
				t.Errorf("%d sessions ended or were left, %d were created", total, len(counts)/2)
			}
			if _, err := do(t.Context(), &user); err != nil {
				t.Fatal(err)
			}
			if got := st.list(t, realm, user.Subject); len(got) != 0 {
				t.Errorf("ListSessions = %v", got)
			}
		})
	}
}
