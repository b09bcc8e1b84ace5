package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func (o options) replaced(t *testing.T, st store.Sessions) {
	handle := create(t, st, record(unique("user")))
	for i := range 3 {
		r := find(t, st, handle)
		before := r.Version
		r.Claims = []byte(`{"n":` + strconv.Itoa(i) + `}`)
		r.SeenAt = r.SeenAt.Add(time.Minute)
		r.ExpiresAt = r.ExpiresAt.Add(time.Hour)
		r.IP, r.UserAgent = "192.0.2."+strconv.Itoa(i), "curl/"+strconv.Itoa(i)
		handle = replace(t, st, handle, r)
		if r.Version <= before {
			t.Errorf("ReplaceSession left Version %d, which was %d", r.Version, before)
		}
		same(t, find(t, st, handle), r)
	}
}

func (o options) replaceLeaves(t *testing.T, st store.Sessions) {
	first := record(unique("user"))
	handle := create(t, st, first)

	r := find(t, st, handle)
	r.Realm, r.Subject, r.Provider = unique("other"), unique("other"), "other"
	r.ProviderSubject, r.ProviderSession = unique("other"), unique("other")
	r.CreatedAt = r.CreatedAt.Add(time.Hour)
	handle = replace(t, st, handle, r)

	want := *first
	want.Version = r.Version
	same(t, find(t, st, handle), &want)
}

func (o options) conflict(t *testing.T, st store.Sessions) {
	if o.stateless {
		t.Skip("a stateless store does not see other writers")
	}
	handle := create(t, st, record(unique("user")))
	mine, theirs := find(t, st, handle), find(t, st, handle)
	theirs.Claims = []byte(`{"by":"them"}`)
	replace(t, st, handle, theirs)

	before := mine.Version
	mine.Claims = []byte(`{"by":"me"}`)
	if h, err := st.ReplaceSession(t.Context(), handle, mine); h != "" || !errors.Is(err, store.ErrConflict) {
		t.Fatalf("ReplaceSession = %q, %v, want \"\", %q", h, err, store.ErrConflict)
	}
	if mine.Version != before {
		t.Errorf("a ReplaceSession that failed changed Version from %d to %d", before, mine.Version)
	}
	same(t, find(t, st, handle), theirs)

	mine.Version = theirs.Version + 1
	if _, err := st.ReplaceSession(t.Context(), handle, mine); !errors.Is(err, store.ErrConflict) {
		t.Errorf("ReplaceSession of a version still to come: %v, want %q", err, store.ErrConflict)
	}
}

func (o options) oneWins(t *testing.T, st store.Sessions) {
	if o.stateless {
		t.Skip("a stateless store does not see other writers")
	}
	first := record(unique("user"))
	handle := create(t, st, first)
	errs := atOnce(20, func(i int) error {
		r, err := st.FindSession(t.Context(), handle)
		if err != nil {
			return err
		}
		r.Version = first.Version
		r.Claims = []byte(strconv.Itoa(i))
		_, err = st.ReplaceSession(t.Context(), handle, r)
		return err
	})
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, store.ErrConflict) {
			t.Errorf("ReplaceSession: %v, want %q", err, store.ErrConflict)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won, want 1", won)
	}
}

func (o options) noLostWrite(t *testing.T, st store.Sessions) {
	if o.stateless {
		t.Skip("a stateless store does not see other writers")
	}
	r := record(unique("user"))
	r.Claims = []byte("0")
	handle := create(t, st, r)
	const writers = 8
	for _, err := range atOnce(writers, func(int) error { return increment(t.Context(), st, handle) }) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := string(find(t, st, handle).Claims); got != strconv.Itoa(writers) {
		t.Errorf("%d writers counted to %s", writers, got)
	}
}

// increment increments the claims of a session, again after a conflict.
func increment(ctx context.Context, st store.Sessions, handle string) error {
	for {
		r, err := st.FindSession(ctx, handle)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(r.Claims))
		if err != nil {
			return err
		}
		r.Claims = []byte(strconv.Itoa(n + 1))
		if _, err = st.ReplaceSession(ctx, handle, r); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (o options) deleted(t *testing.T, st store.Sessions) {
	handle := create(t, st, record(unique("user")))
	if o.stateless {
		if err := st.DeleteSession(t.Context(), handle); !errors.Is(err, store.ErrUnsupported) {
			t.Fatalf("DeleteSession = %v, want %q", err, store.ErrUnsupported)
		}
		return
	}
	for range 2 {
		if err := st.DeleteSession(t.Context(), handle); err != nil {
			t.Fatalf("DeleteSession: %v", err)
		}
		gone(t, st, handle)
	}
}

func (o options) noResurrection(t *testing.T, st store.Sessions) {
	if o.stateless {
		t.Skip("a stateless store can't end a session")
	}
	handle := create(t, st, record(unique("user")))
	r := find(t, st, handle)
	if err := st.DeleteSession(t.Context(), handle); err != nil {
		t.Fatal(err)
	}
	for _, version := range []int64{0, r.Version, r.Version + 1} {
		late := *r
		late.Version = version
		if h, err := st.ReplaceSession(t.Context(), handle, &late); h != "" || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("ReplaceSession = %q, %v, want \"\", %q", h, err, store.ErrNotFound)
		}
		gone(t, st, handle)
	}
}

func (o options) lateWrite(t *testing.T, st store.Sessions) {
	if o.stateless {
		t.Skip("a stateless store can't end a session")
	}
	for range 10 {
		r := record(unique("user"))
		r.Claims = []byte("0")
		handle := create(t, st, r)
		var ended atomic.Bool
		errs := atOnce(4, func(i int) error {
			if i == 0 {
				defer ended.Store(true)
				return st.DeleteSession(t.Context(), handle)
			}
			for {
				late := ended.Load()
				err := increment(t.Context(), st, handle)
				if errors.Is(err, store.ErrNotFound) {
					return nil
				}
				if err != nil {
					return err
				}
				if late {
					return errors.New("a session was found and written after it had ended")
				}
			}
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		gone(t, st, handle)
	}
}

func (o options) deleteOne(t *testing.T, st store.Sessions) {
	subject := unique("user")
	first, second := create(t, st, record(subject)), create(t, st, record(subject))
	if err := st.DeleteSession(t.Context(), first); err != nil && !o.stateless {
		t.Fatal(err)
	}
	find(t, st, second)
}
