package storetest

import (
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func (o options) deleteProviderSession(t *testing.T, st store.Store) {
	sid := unique("sid")
	at := func(subject, provider, sid string) string {
		r := record(subject)
		r.Provider, r.ProviderSession = provider, sid
		return create(t, st, r)
	}
	subject := unique("user")
	ended := []string{at(subject, "okta", sid), at(unique("user"), "okta", sid)}
	kept := []string{at(subject, "google", sid), at(subject, "okta", unique("sid")), at(subject, "okta", "")}

	f := store.Filter{Provider: "okta", ProviderSession: sid}
	deleteWhere(t, st, f, 2)
	for _, h := range ended {
		gone(t, st, h)
	}
	for _, h := range kept {
		find(t, st, h)
	}
	deleteWhere(t, st, f, 0)
	if got := list(t, st, subject); len(got) != len(kept) {
		t.Errorf("List = %v, want %d sessions", got, len(kept))
	}
}

func (o options) deleteProviderSubject(t *testing.T, st store.Store) {
	sub := unique("sub")
	at := func(subject, provider, sub string) string {
		r := record(subject)
		r.Provider, r.ProviderSubject = provider, sub
		return create(t, st, r)
	}
	subject := unique("user")
	ended := []string{at(subject, "okta", sub), at(subject, "okta", sub), at(unique("user"), "okta", sub)}
	kept := []string{
		at(subject, "google", sub), at(subject, "okta", unique("sub")), at(subject, "okta", ""), at(subject, "", sub),
	}
	namedAlike := at(sub, "okta", "") // Subject is not the name at the provider

	f := store.Filter{Provider: "okta", ProviderSubject: sub}
	deleteWhere(t, st, store.Filter{Provider: "okta", ProviderSubject: unique("nobody")}, 0)
	deleteWhere(t, st, f, 3)
	for _, h := range ended {
		gone(t, st, h)
	}
	for _, h := range append(kept, namedAlike) {
		find(t, st, h)
	}
	deleteWhere(t, st, f, 0)
	if got := list(t, st, subject); len(got) != len(kept) {
		t.Errorf("List = %v, want %d sessions", got, len(kept))
	}
	deleteWhere(t, st, store.Filter{Subject: subject, ProviderSubject: sub}, 2) // at any provider
	gone(t, st, kept[0])
	gone(t, st, kept[3])
}

func (o options) providerNames(t *testing.T, st store.Store) {
	name := unique("name")
	user, session, both := record(unique("user")), record(unique("user")), record(unique("user"))
	user.ProviderSubject, user.ProviderSession = name, ""
	session.ProviderSubject, session.ProviderSession = "", name
	both.ProviderSubject, both.ProviderSession = name, name
	ofUser, ofSession, ofBoth := create(t, st, user), create(t, st, session), create(t, st, both)

	deleteWhere(t, st, store.Filter{Provider: user.Provider, ProviderSubject: name, ProviderSession: name}, 1)
	gone(t, st, ofBoth)
	deleteWhere(t, st, store.Filter{Provider: user.Provider, ProviderSubject: name}, 1)
	gone(t, st, ofUser)
	find(t, st, ofSession)
	deleteWhere(t, st, store.Filter{Provider: user.Provider, ProviderSession: name}, 1)
	gone(t, st, ofSession)
}

func (o options) deleteBoth(t *testing.T, st store.Store) {
	subject := unique("user")
	r, sameUser, sameSession := record(subject), record(subject), record(unique("user"))
	sameUser.Provider = "google"
	sameSession.ProviderSession = r.ProviderSession
	handle := create(t, st, r)
	kept := []string{create(t, st, sameUser), create(t, st, sameSession)}
	deleteWhere(t, st, store.Filter{Subject: subject, Provider: "google", ProviderSession: r.ProviderSession}, 0)
	deleteWhere(t, st, store.Filter{Subject: subject, Provider: r.Provider, ProviderSession: r.ProviderSession}, 1)
	gone(t, st, handle)
	deleteWhere(t, st, store.Filter{Subject: subject, Provider: r.Provider}, 0)
	for _, h := range kept {
		find(t, st, h)
	}
	deleteWhere(t, st, store.Filter{Subject: subject, Provider: "google"}, 1)
	gone(t, st, kept[0])
	deleteWhere(t, st, store.Filter{Subject: subject, ProviderSession: sameSession.ProviderSession}, 0)
	deleteWhere(t, st, store.Filter{Subject: sameSession.Subject, ProviderSession: sameSession.ProviderSession}, 1)
	gone(t, st, kept[1])
}

func (o options) deleteByAll(t *testing.T, st store.Store) {
	r := record(unique("user"))
	handle := create(t, st, r)
	sibling := *r // the same user in another browser
	sibling.ProviderSession = unique("sid")
	kept := create(t, st, &sibling)

	whole := store.Filter{
		Subject: r.Subject, ID: r.ID, ExceptID: sibling.ID,
		Provider: r.Provider, ProviderSubject: r.ProviderSubject, ProviderSession: r.ProviderSession,
	}
	for name, change := range map[string]func(f *store.Filter){
		"Subject":         func(f *store.Filter) { f.Subject = unique("other") },
		"ID":              func(f *store.Filter) { f.ID = sibling.ID },
		"ExceptID":        func(f *store.Filter) { f.ExceptID = r.ID },
		"Provider":        func(f *store.Filter) { f.Provider = "google" },
		"ProviderSubject": func(f *store.Filter) { f.ProviderSubject = unique("other") },
		"ProviderSession": func(f *store.Filter) { f.ProviderSession = sibling.ProviderSession },
	} {
		for _, subject := range []string{r.Subject, ""} {
			f := whole
			f.Subject = subject
			change(&f)
			if n, err := st.DeleteWhere(t.Context(), f); err != nil || n != 0 {
				t.Errorf("another %s: DeleteWhere(%+v) = %d, %v, want 0", name, f, n, err)
			}
		}
	}
	find(t, st, handle)
	deleteWhere(t, st, whole, 1)
	gone(t, st, handle)
	deleteWhere(t, st, store.Filter{Provider: r.Provider, ProviderSubject: r.ProviderSubject, ExceptID: sibling.ID}, 0)
	find(t, st, kept)
	deleteWhere(t, st, store.Filter{Provider: r.Provider, ProviderSubject: r.ProviderSubject, ID: sibling.ID}, 1)
	gone(t, st, kept)
}

func (o options) providerIndexes(t *testing.T, st store.Store) {
	for name, filter := range map[string]func(r *store.Record) store.Filter{
		"user": func(r *store.Record) store.Filter {
			return store.Filter{Provider: r.Provider, ProviderSubject: r.ProviderSubject}
		},
		"session": func(r *store.Record) store.Filter {
			return store.Filter{Provider: r.Provider, ProviderSession: r.ProviderSession}
		},
	} {
		t.Run(name, func(t *testing.T) {
			written := record(unique("user"))
			f := filter(written)
			handle := create(t, st, written)
			changed := find(t, st, handle)
			changed.ProviderSubject, changed.ProviderSession = unique("other"), unique("other")
			changed.Claims, changed.ExpiresAt = []byte("longer than the claims before: "+unique("claim")), later().Add(time.Hour)
			handle = replace(t, st, handle, changed)
			deleteWhere(t, st, filter(changed), 0)
			deleteWhere(t, st, f, 1)
			gone(t, st, handle)

			ended, other := record(unique("user")), record(unique("user"))
			other.ProviderSubject, other.ProviderSession = ended.ProviderSubject, ended.ProviderSession
			handle = create(t, st, ended)
			kept := create(t, st, other)
			if err := st.Delete(t.Context(), handle); err != nil {
				t.Fatal(err)
			}
			deleteWhere(t, st, filter(ended), 1)
			gone(t, st, kept)
			deleteWhere(t, st, filter(ended), 0)

			expired := record(unique("user"))
			expired.ExpiresAt = o.soon()
			create(t, st, expired)
			o.past(t, expired.ExpiresAt)
			deleteWhere(t, st, filter(expired), 0)
			again := record(unique("user"))
			again.ProviderSubject, again.ProviderSession = expired.ProviderSubject, expired.ProviderSession
			handle = create(t, st, again)
			deleteWhere(t, st, filter(expired), 1)
			gone(t, st, handle)
		})
	}
}
