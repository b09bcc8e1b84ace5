package storetest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

// Run checks a store of sessions. open returns an empty store, or one that
// others use too, and closes it with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) store.Store, opts ...Option) {
	s := newSuite(open, opts)

	s.run(t, "a session is found as it was created", s.roundTrip)
	s.run(t, "claims of any bytes and of 64 KB come back", s.claims)
	s.run(t, "strings of any language come back", s.unicode)
	s.run(t, "times are kept to the millisecond and returned in UTC", s.times)
	s.run(t, "a session needs a subject and an end", s.incomplete)
	s.run(t, "the caller does not choose the id", s.ownID)
	s.run(t, "handles and ids are never the same twice", s.unguessable)
	s.run(t, "the id of a session is not a handle", s.idIsNoHandle)
	s.run(t, "a handle is not kept", s.handleIsNotKept)
	s.run(t, "what is not a handle finds nothing", s.garbage)
	s.run(t, "records and slices are not shared", s.notShared)

	s.run(t, "a session is replaced", s.replaced)
	s.run(t, "replacing leaves what a session is", s.replaceKeeps)
	s.run(t, "a session that was replaced meanwhile is a conflict", s.conflict)
	s.run(t, "one of many that replace wins", s.oneWins)
	s.run(t, "no write is lost", s.noLostWrite)

	s.run(t, "an ended session is not found", s.deleted)
	s.run(t, "an ended session never comes back", s.noResurrection)
	s.run(t, "a late write does not bring back a session that ends meanwhile", s.lateWrite)
	s.run(t, "ending one session leaves the others", s.deleteOne)

	s.run(t, "a session ends at its time", s.expires)
	s.run(t, "a write moves the end of a session", s.prolonged)
	s.run(t, "a write may end a session at once", s.shortened)

	s.run(t, "an ended context is an error and nothing else", s.contexts)
	s.run(t, "many use the store at once", s.many)

	runIndex(t, s)
}

func (o options) roundTrip(t *testing.T, st store.Store) {
	r := record(unique("user"))
	handle := create(t, st, r)
	if r.ID == "" || r.Version == 0 {
		t.Errorf("Create left ID %q and Version %d", r.ID, r.Version)
	}
	same(t, find(t, st, handle), r)
	same(t, find(t, st, handle), r)

	bare := &store.Record{Subject: unique("user"), CreatedAt: time.Now(), SeenAt: time.Now(), ExpiresAt: later()}
	same(t, find(t, st, create(t, st, bare)), bare)
}

func (o options) claims(t *testing.T, st store.Store) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	random := make([]byte, o.maxClaims)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(source.Uint32())
	}
	for name, claims := range map[string][]byte{
		"every byte": all,
		"large":      random,
		"text":       bytes.Repeat([]byte("a"), o.maxClaims),
		"spaces":     []byte(" {\"b\" : 1.0,\n\t\"a\":1e2, \"a\":\"\\u00e9\" }\n"),
		"none":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := record(unique("user"))
			r.Claims = claims
			handle := create(t, st, r)
			same(t, find(t, st, handle), r)
			handle = replace(t, st, handle, r)
			same(t, find(t, st, handle), r)
		})
	}
}

func (o options) unicode(t *testing.T, st store.Store) {
	for _, text := range []string{"Zoë", "日本語", "👩‍👩‍👧", "\u202e\u200b", `"'\` + "`", "a\r\nb\tc", "%s %d ${x}", "\x01\x7f"} {
		r := record(unique(text))
		r.Provider, r.ProviderSubject, r.ProviderSession = text, unique(text), unique(text)
		r.IP, r.UserAgent = text, text
		r.Claims = []byte(text)
		same(t, find(t, st, create(t, st, r)), r)
	}
}

func (o options) times(t *testing.T, st store.Store) {
	r := record(unique("user"))
	zone := time.FixedZone("", 5*60*60)
	r.CreatedAt = time.Date(2001, 2, 3, 4, 5, 6, 7_999_999, zone)
	r.SeenAt = time.Date(2020, 12, 31, 23, 59, 59, 999_999_999, zone)
	r.ExpiresAt = time.Date(2199, 12, 31, 23, 59, 59, 1_500_000, zone)
	same(t, find(t, st, create(t, st, r)), r)
}

func (o options) incomplete(t *testing.T, st store.Store) {
	for name, change := range map[string]func(r *store.Record){
		"no subject":                func(r *store.Record) { r.Subject = "" },
		"no end":                    func(r *store.Record) { r.ExpiresAt = time.Time{} },
		"NUL":                       func(r *store.Record) { r.Subject += "\x00" },
		"not UTF-8":                 func(r *store.Record) { r.ProviderSession += "\xff" },
		"NUL at the provider":       func(r *store.Record) { r.ProviderSubject += "\x00" },
		"not UTF-8 at the provider": func(r *store.Record) { r.ProviderSubject += "\xff" },
	} {
		r := record(unique("user"))
		change(r)
		if handle, err := st.Create(t.Context(), r); err == nil || handle != "" {
			t.Errorf("%s: Create = %q, %v, want an error", name, handle, err)
		}
	}
}

func (o options) ownID(t *testing.T, st store.Store) {
	mine := unique("mine")
	r := record(unique("user"))
	r.ID, r.Version = mine, 99
	handle := create(t, st, r)
	if r.ID == mine {
		t.Error("Create kept the caller's ID")
	}
	same(t, find(t, st, handle), r)
}

func (o options) unguessable(t *testing.T, st store.Store) {
	seen := make(map[string]bool)
	subject := unique("user")
	for range 50 {
		r := record(subject)
		handle := create(t, st, r)
		if len(handle) < 43 {
			t.Fatalf("handle %q can't hold 256 bits", handle)
		}
		if strings.Trim(handle, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~") != "" {
			t.Fatalf("handle %q has more than letters, digits and -_~", handle)
		}
		if seen[handle] || seen[r.ID] || strings.Contains(handle, r.ID) {
			t.Fatalf("handle %q or ID %q is not new", handle, r.ID)
		}
		seen[handle], seen[r.ID] = true, true
	}
}

func (o options) idIsNoHandle(t *testing.T, st store.Store) {
	r := record(unique("user"))
	create(t, st, r)
	gone(t, st, r.ID)
}

func (o options) handleIsNotKept(t *testing.T, st store.Store) {
	if o.dump == nil {
		t.Skip("this store shows nothing of what it keeps")
	}
	r := record(unique("user"))
	marker := unique("marker")
	r.UserAgent = marker
	handle := create(t, st, r)
	kept := o.dump()
	if !bytes.Contains(kept, []byte(marker)) {
		t.Fatalf("what the store keeps, %d bytes, is not all: the user agent is missing", len(kept))
	}
	forms := map[string]string{"it is": handle}
	if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(handle, "=")); err == nil {
		forms["bytes"] = string(raw)
		forms["hex"] = hex.EncodeToString(raw)
		forms["base64"] = base64.RawStdEncoding.EncodeToString(raw)
	}
	for name, form := range forms {
		if bytes.Contains(bytes.ToLower(kept), bytes.ToLower([]byte(form))) {
			t.Errorf("the store keeps a handle as %s", name)
		}
	}
}

// garbage are handles that are none, with one that only looks like it.
func garbage() []string {
	unknown, _ := store.NewHandle()
	return []string{
		"", " ", "\x00", "a", "null", "undefined", unknown, unknown + "=", unknown[1:],
		strings.Repeat("A", 43), strings.Repeat("\x00", 43), strings.Repeat("\xff", 43), strings.Repeat("*", 43),
		strings.Repeat("x", 100<<10), "../../etc/passwd", "'; DROP TABLE sessions; --", "*", "%", "a\r\nDEL b",
	}
}

func (o options) garbage(t *testing.T, st store.Store) {
	handle := create(t, st, record(unique("user")))
	for _, bad := range append(garbage(), strings.ToLower(handle), handle+"A", handle[:len(handle)-1], " "+handle) {
		if bad == handle {
			continue
		}
		if r, err := st.Find(t.Context(), bad); r != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Find(%s) = %v, %v, want nil, %q", short(bad), r, err, store.ErrNotFound)
		}
		r := record(unique("user"))
		r.ID, r.Version = store.NewID(), 1
		if h, err := st.Replace(t.Context(), bad, r); h != "" || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Replace(%s) = %q, %v, want \"\", %q", short(bad), h, err, store.ErrNotFound)
		}
		if err := st.Delete(t.Context(), bad); err != nil {
			t.Errorf("Delete(%s) = %v, want nil", short(bad), err)
		}
	}
	find(t, st, handle)
}

func (o options) notShared(t *testing.T, st store.Store) {
	r := record(unique("user"))
	want := *r
	want.Claims = bytes.Clone(r.Claims)
	handle := create(t, st, r)
	want.ID, want.Version = r.ID, r.Version
	clear(r.Claims)
	r.Subject, r.UserAgent = "changed", "changed"

	got := find(t, st, handle)
	same(t, got, &want)
	clear(got.Claims)
	got.Subject = "changed"
	_ = append(got.Claims[:0], "changed"...)
	same(t, find(t, st, handle), &want)

	again := find(t, st, handle)
	handle = replace(t, st, handle, again)
	want.Version = again.Version
	clear(again.Claims)
	same(t, find(t, st, handle), &want)
}

func (o options) expires(t *testing.T, st store.Store) {
	r := record(unique("user"))
	r.ExpiresAt = o.soon()
	handle := create(t, st, r)
	if _, err := st.Find(t.Context(), handle); err != nil && time.Now().Before(r.ExpiresAt) {
		t.Fatalf("Find before the end: %v", err)
	}
	o.past(t, r.ExpiresAt)
	gone(t, st, handle)

	r.ExpiresAt = later()
	if _, err := st.Replace(t.Context(), handle, r); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Replace after the end: %v, want %q", err, store.ErrNotFound)
	}
	gone(t, st, handle)
	if err := st.Delete(t.Context(), handle); err != nil {
		t.Errorf("Delete after the end: %v, want nil", err)
	}
}

func (o options) prolonged(t *testing.T, st store.Store) {
	r := record(unique("user"))
	end := o.soon()
	r.ExpiresAt = end.Add(time.Minute)
	handle := create(t, st, r)

	// The first write shortens the life, the second saves it, if it is in time.
	r.ExpiresAt = end
	handle = replace(t, st, handle, r)
	r.ExpiresAt = later()
	next, err := st.Replace(t.Context(), handle, r)
	if err != nil && time.Now().After(end) {
		t.Skip("this machine was too slow")
	}
	if err != nil {
		t.Fatal(err)
	}
	o.past(t, end)
	same(t, find(t, st, next), r)
}

func (o options) shortened(t *testing.T, st store.Store) {
	r := record(unique("user"))
	handle := create(t, st, r)
	r.ExpiresAt = time.Now().Add(-time.Hour)
	next, err := st.Replace(t.Context(), handle, r)
	if err != nil {
		t.Fatalf("Replace: %v", err)
	}
	gone(t, st, next)
}

func (o options) contexts(t *testing.T, st store.Store) {
	r := record(unique("user"))
	handle := create(t, st, r)
	unknown, _ := store.NewHandle()
	for name, ctx := range endedContexts(t) {
		t.Run(name, func(t *testing.T) {
			if h, err := st.Create(ctx, record(unique("user"))); h != "" {
				t.Errorf("Create = %q", h)
			} else {
				refused(t, ctx, "Create", err)
			}
			for _, h := range []string{handle, unknown} {
				found, err := st.Find(ctx, h)
				if found != nil {
					t.Errorf("Find = %v", found)
				}
				refused(t, ctx, "Find", err)
				write := *r
				write.Claims = []byte("{}")
				_, err = st.Replace(ctx, h, &write)
				refused(t, ctx, "Replace", err)
				refused(t, ctx, "Delete", st.Delete(ctx, h))
			}
			if o.noIndex {
				return
			}
			_, err := st.List(ctx, r.Subject)
			refused(t, ctx, "List", err)
			_, err = st.DeleteWhere(ctx, store.Filter{Subject: r.Subject})
			refused(t, ctx, "DeleteWhere", err)
		})
	}
	same(t, find(t, st, handle), r)
}

func (o options) many(t *testing.T, st store.Store) {
	subject := unique("user")
	errs := atOnce(100, func(i int) error {
		ctx := t.Context()
		r := record(subject)
		r.Claims = []byte(strconv.Itoa(i))
		handle, err := st.Create(ctx, r)
		if err != nil {
			return err
		}
		got, err := st.Find(ctx, handle)
		if err != nil {
			return err
		}
		if string(got.Claims) != strconv.Itoa(i) {
			return errors.New("found somebody else's session")
		}
		if handle, err = st.Replace(ctx, handle, got); err != nil {
			return err
		}
		if _, err = st.List(ctx, subject); err != nil && !o.noIndex {
			return err
		}
		if err = st.Delete(ctx, handle); err != nil && !o.stateless {
			return err
		}
		if _, err = st.Find(ctx, handle); !errors.Is(err, store.ErrNotFound) && !o.stateless {
			return errors.New("found an ended session")
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if list, err := st.List(t.Context(), subject); !o.noIndex && (err != nil || len(list) != 0) {
		t.Errorf("List = %v, %v, want none", list, err)
	}
}
