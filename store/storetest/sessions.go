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

// Run checks [store.Sessions]. open returns a store, empty or shared, and closes it
// with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) store.Sessions, opts ...Option) {
	s := newSuite(open, opts)

	s.run(t, "find what was created", s.roundTrip)
	s.run(t, "claims of any bytes and size", s.claims)
	s.run(t, "strings of any language", s.unicode)
	s.run(t, "times in milliseconds and UTC", s.times)
	s.run(t, "incomplete sessions are refused", s.incomplete)
	s.run(t, "ids are the store's", s.ownID)
	s.run(t, "handles and ids are unique", s.unguessable)
	s.run(t, "an id is no handle", s.idIsNoHandle)
	s.run(t, "handles are not stored", s.handleIsNotStored)
	s.run(t, "other strings find nothing", s.garbage)
	s.run(t, "records are not retained", s.notRetained)

	s.run(t, "replace", s.replaced)
	s.run(t, "replace refuses incomplete sessions", s.replaceIncomplete)
	s.run(t, "replace leaves the other fields", s.replaceLeaves)
	s.run(t, "replace of another version is a conflict", s.conflict)
	s.run(t, "one of concurrent writers wins", s.oneWins)
	s.run(t, "no write is lost", s.noLostWrite)

	s.run(t, "delete", s.deleted)
	s.run(t, "an ended session does not come back", s.noResurrection)
	s.run(t, "a late write does not bring a session back", s.lateWrite)
	s.run(t, "delete ends one session", s.deleteOne)

	s.run(t, "expiry", s.expires)
	s.run(t, "a write moves the expiry", s.prolonged)
	s.run(t, "a write may expire a session", s.shortened)

	s.run(t, "an ended context changes nothing", s.contexts)
	s.run(t, "a context that ends during a call", s.endsDuringCalls)
	s.run(t, "calls end with their context", s.stalled)
	s.run(t, "a fault is no answer", s.faults)
	s.run(t, "concurrent use", s.many)
	s.run(t, "processes share sessions", s.shared)
}

func (o options) roundTrip(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	handle := create(t, st, r)
	if r.ID == "" || r.Version == 0 {
		t.Errorf("CreateSession left ID %q and Version %d", r.ID, r.Version)
	}
	same(t, find(t, st, handle), r)
	same(t, find(t, st, handle), r)
	again, err := st.FindSession(store.WithNewConnection(t.Context()), handle)
	if err != nil {
		t.Fatalf("FindSession on a new connection: %v", err)
	}
	same(t, again, r)

	bare := &store.Record{Realm: realm, Subject: unique("user"), CreatedAt: time.Now(), SeenAt: time.Now(), ExpiresAt: later()}
	same(t, find(t, st, create(t, st, bare)), bare)
}

func (o options) claims(t *testing.T, st store.Sessions) {
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
		"64 KB":      random[:min(64<<10, o.maxClaims)],
		"400 KB":     random[:min(400<<10, o.maxClaims)],
		"1 MB":       random,
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

func (o options) unicode(t *testing.T, st store.Sessions) {
	for _, text := range []string{"Zoë", "日本語", "👩‍👩‍👧", "\u202e\u200b", `"'\` + "`", "a\r\nb\tc", "%s %d ${x}", "\x01\x7f"} {
		r := record(unique(text))
		r.Realm, r.Provider, r.ProviderSubject, r.ProviderSession = text, text, unique(text), unique(text)
		r.IP, r.UserAgent = text, text
		r.Claims = []byte(text)
		same(t, find(t, st, create(t, st, r)), r)
	}
}

func (o options) times(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	zone := time.FixedZone("", 5*60*60)
	r.CreatedAt = time.Date(2001, 2, 3, 4, 5, 6, 7_999_999, zone)
	r.SeenAt = time.Date(2020, 12, 31, 23, 59, 59, 999_999_999, zone)
	r.ExpiresAt = time.Date(2199, 12, 31, 23, 59, 59, 1_500_000, zone)
	same(t, find(t, st, create(t, st, r)), r)
}

// incompletes make a session one that Check reports.
func incompletes() map[string]func(r *store.Record) {
	return map[string]func(r *store.Record){
		"no realm":                  func(r *store.Record) { r.Realm = "" },
		"no subject":                func(r *store.Record) { r.Subject = "" },
		"no expiry":                 func(r *store.Record) { r.ExpiresAt = time.Time{} },
		"NUL in the realm":          func(r *store.Record) { r.Realm += "\x00" },
		"NUL":                       func(r *store.Record) { r.Subject += "\x00" },
		"not UTF-8":                 func(r *store.Record) { r.ProviderSession += "\xff" },
		"NUL at the provider":       func(r *store.Record) { r.ProviderSubject += "\x00" },
		"not UTF-8 at the provider": func(r *store.Record) { r.ProviderSubject += "\xff" },
	}
}

func (o options) incomplete(t *testing.T, st store.Sessions) {
	for name, change := range incompletes() {
		r := record(unique("user"))
		change(r)
		if handle, err := st.CreateSession(t.Context(), r); err == nil || handle != "" {
			t.Errorf("%s: CreateSession = %q, %v, want an error", name, handle, err)
		}
	}
}

func (o options) replaceIncomplete(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	handle := create(t, st, r)
	for name, change := range incompletes() {
		changed := *r
		change(&changed)
		if h, err := st.ReplaceSession(t.Context(), handle, &changed); h != "" || err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: ReplaceSession = %q, %v, want an error", name, h, err)
		}
		if changed.Version != r.Version {
			t.Errorf("%s: a refused ReplaceSession changed Version from %d to %d", name, r.Version, changed.Version)
		}
	}
	same(t, find(t, st, handle), r)
}

func (o options) ownID(t *testing.T, st store.Sessions) {
	mine := unique("mine")
	r := record(unique("user"))
	r.ID, r.Version = mine, 99
	handle := create(t, st, r)
	if r.ID == mine {
		t.Error("CreateSession used the caller's ID")
	}
	same(t, find(t, st, handle), r)
}

func (o options) unguessable(t *testing.T, st store.Sessions) {
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

func (o options) idIsNoHandle(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	create(t, st, r)
	gone(t, st, r.ID)
}

func (o options) handleIsNotStored(t *testing.T, st store.Sessions) {
	if o.dump == nil {
		t.Skip("there is no dump of this store")
	}
	r := record(unique("user"))
	marker := unique("marker")
	r.UserAgent = marker
	handle := create(t, st, r)
	dump := o.dump()
	if !bytes.Contains(dump, []byte(marker)) {
		t.Fatalf("the dump of %d bytes is incomplete: the user agent is missing", len(dump))
	}
	forms := map[string]string{"it is": handle}
	if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(handle, "=")); err == nil {
		forms["bytes"] = string(raw)
		forms["hex"] = hex.EncodeToString(raw)
		forms["base64"] = base64.RawStdEncoding.EncodeToString(raw)
	}
	dump = bytes.ToLower(dump)
	for name, form := range forms {
		if bytes.Contains(dump, bytes.ToLower([]byte(form))) {
			t.Errorf("the store has a handle as %s", name)
		}
	}
}

// garbage are strings that are no handles, and an unknown handle.
func garbage() []string {
	unknown, _ := store.NewHandle()
	return []string{
		"", " ", "\x00", "a", "null", "undefined", unknown, unknown + "=", unknown[1:],
		strings.Repeat("A", 43), strings.Repeat("\x00", 43), strings.Repeat("\xff", 43), strings.Repeat("*", 43),
		strings.Repeat("x", 100<<10), "../../etc/passwd", "'; DROP TABLE sessions; --", "*", "%", "a\r\nDEL b",
	}
}

func (o options) garbage(t *testing.T, st store.Sessions) {
	handle := create(t, st, record(unique("user")))
	for _, bad := range append(garbage(), strings.ToLower(handle), handle+"A", handle[:len(handle)-1], " "+handle) {
		if bad == handle {
			continue
		}
		if r, err := st.FindSession(t.Context(), bad); r != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("FindSession(%s) = %v, %v, want nil, %q", abbreviate(bad), r, err, store.ErrNotFound)
		}
		r := record(unique("user"))
		r.ID, r.Version = store.NewID(), 1
		if h, err := st.ReplaceSession(t.Context(), bad, r); h != "" || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("ReplaceSession(%s) = %q, %v, want \"\", %q", abbreviate(bad), h, err, store.ErrNotFound)
		}
		if err := st.DeleteSession(t.Context(), bad); err != nil {
			t.Errorf("DeleteSession(%s) = %v, want nil", abbreviate(bad), err)
		}
	}
	find(t, st, handle)
}

func (o options) notRetained(t *testing.T, st store.Sessions) {
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

func (o options) expires(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	r.ExpiresAt = o.soon()
	handle := create(t, st, r)
	if _, err := st.FindSession(t.Context(), handle); err != nil && time.Now().Before(r.ExpiresAt) {
		t.Fatalf("FindSession before the expiry: %v", err)
	}
	o.past(t, r.ExpiresAt)
	gone(t, st, handle)

	r.ExpiresAt = later()
	if _, err := st.ReplaceSession(t.Context(), handle, r); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ReplaceSession after the expiry: %v, want %q", err, store.ErrNotFound)
	}
	gone(t, st, handle)
	if err := st.DeleteSession(t.Context(), handle); err != nil {
		t.Errorf("DeleteSession after the expiry: %v, want nil", err)
	}
}

func (o options) prolonged(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	end := o.soon()
	r.ExpiresAt = end.Add(time.Minute)
	handle := create(t, st, r)

	r.ExpiresAt = end
	handle = replace(t, st, handle, r)
	r.ExpiresAt = later()
	next, err := st.ReplaceSession(t.Context(), handle, r)
	if errors.Is(err, store.ErrNotFound) && time.Now().After(end) {
		o.slow(t)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.past(t, end)
	same(t, find(t, st, next), r)
}

func (o options) shortened(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	handle := create(t, st, r)
	r.ExpiresAt = time.Now().Add(-time.Hour)
	next, err := st.ReplaceSession(t.Context(), handle, r)
	if err != nil {
		t.Fatalf("ReplaceSession: %v", err)
	}
	gone(t, st, next)
}

func (o options) contexts(t *testing.T, st store.Sessions) {
	r := record(unique("user"))
	handle := create(t, st, r)
	unknown, _ := store.NewHandle()
	for name, ctx := range endedContexts(t) {
		t.Run(name, func(t *testing.T) {
			if h, err := st.CreateSession(ctx, record(unique("user"))); h != "" {
				t.Errorf("CreateSession = %q", h)
			} else {
				refused(t, ctx, "CreateSession", err)
			}
			for _, h := range []string{handle, unknown} {
				found, err := st.FindSession(ctx, h)
				if found != nil {
					t.Errorf("FindSession = %v", found)
				}
				refused(t, ctx, "FindSession", err)
				write := *r
				write.Claims = []byte("{}")
				_, err = st.ReplaceSession(ctx, h, &write)
				refused(t, ctx, "ReplaceSession", err)
				refused(t, ctx, "DeleteSession", st.DeleteSession(ctx, h))
			}
		})
	}
	same(t, find(t, st, handle), r)
}

func (o options) many(t *testing.T, st store.Sessions) {
	subject := unique("user")
	errs := atOnce(100, func(i int) error {
		ctx := t.Context()
		r := record(subject)
		r.Claims = []byte(strconv.Itoa(i))
		handle, err := st.CreateSession(ctx, r)
		if err != nil {
			return err
		}
		got, err := st.FindSession(ctx, handle)
		if err != nil {
			return err
		}
		if string(got.Claims) != strconv.Itoa(i) {
			return errors.New("found another session")
		}
		if handle, err = st.ReplaceSession(ctx, handle, got); err != nil {
			return err
		}
		if err = st.DeleteSession(ctx, handle); err != nil && !o.stateless {
			return err
		}
		if _, err = st.FindSession(ctx, handle); !errors.Is(err, store.ErrNotFound) && !o.stateless {
			return errors.New("found an ended session")
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
