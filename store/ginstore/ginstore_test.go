package ginstore_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/filesystem"
	gorilla "github.com/gorilla/sessions"

	"github.com/nuxtauth/nuxtauth/store"
	"github.com/nuxtauth/nuxtauth/store/ginstore"
	"github.com/nuxtauth/nuxtauth/store/storetest"
)

var (
	signKey  = []byte("0123456789abcdef0123456789abcdef")
	otherKey = []byte("another key, with 32 bytes, too.")
)

func newStore(t testing.TB, s sessions.Store, opts ginstore.Options) *ginstore.Store {
	t.Helper()
	b, err := ginstore.New(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGinStore_ContractOnCookies(t *testing.T) {
	for name, keys := range map[string][][]byte{"signed": {signKey}, "encrypted": {signKey, otherKey}} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Sessions {
				return newStore(t, cookie.NewStore(keys...), ginstore.Options{})
			}, storetest.Stateless(), storetest.MaxClaims(1400))
		})
	}
}

// The file system is an example of a backend on the server.
func TestGinStore_ContractOnFiles(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Sessions {
		return newStore(t, filesystem.NewStore(t.TempDir(), signKey), ginstore.Options{})
	}, storetest.MaxClaims(1400))
}

func session() *store.Record {
	now := time.Now()
	return &store.Record{Realm: "next-auth", Subject: "ada", Claims: []byte(`{"sub":"ada"}`), CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}
}

func TestGinStore_New(t *testing.T) {
	if s, err := ginstore.New(nil, ginstore.Options{}); s != nil || err == nil {
		t.Errorf("New without a store = %v, %v", s, err)
	}
	for _, name := range []string{"a b", "a=b", "a;b", "é", "\x00"} {
		if s, err := ginstore.New(cookie.NewStore(signKey), ginstore.Options{Name: name}); s != nil || err == nil {
			t.Errorf("New with the name %q = %v, %v", name, s, err)
		}
	}
}

func TestGinStore_HasNoOtherAbility(t *testing.T) {
	s := newStore(t, cookie.NewStore(signKey), ginstore.Options{})
	_, isIndex := store.As[store.Index](s)
	_, isMarks := store.As[store.Marks](s)
	_, isLocker := store.As[store.Locker](s)
	_, isCounter := store.As[store.Counter](s)
	if isIndex || isMarks || isLocker || isCounter {
		t.Errorf("it is a store.Index: %v, Marks: %v, Locker: %v, Counter: %v", isIndex, isMarks, isLocker, isCounter)
	}
}

// Neither a cookie of another key nor another cookie of the same application is a
// session.
func TestGinStore_OtherCookiesAreNotFound(t *testing.T) {
	dir := t.TempDir()
	mine := newStore(t, filesystem.NewStore(dir, signKey), ginstore.Options{})
	for name, other := range map[string]*ginstore.Store{
		"key":  newStore(t, filesystem.NewStore(dir, otherKey), ginstore.Options{}),
		"name": newStore(t, filesystem.NewStore(dir, signKey), ginstore.Options{Name: "app"}),
	} {
		handle, err := other.CreateSession(t.Context(), session())
		if err != nil {
			t.Fatal(err)
		}
		if r, err := mine.FindSession(t.Context(), handle); r != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("FindSession with another %s = %v, %v, want %q", name, r, err, store.ErrNotFound)
		}
	}
}

// Characters that a header would cut off or trim are part of the handle.
func TestGinStore_HandleIsTheWholeValue(t *testing.T) {
	b := newStore(t, cookie.NewStore(signKey), ginstore.Options{})
	handle, err := b.CreateSession(t.Context(), session())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{handle + ";", handle + "; a=b", handle + " ", "\t" + handle, `"` + handle + `"`, "\x00" + handle, handle + "\r\n", handle + "\x7f"} {
		if r, err := b.FindSession(t.Context(), bad); r != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("FindSession(%q) = %v, %v, want %q", bad, r, err, store.ErrNotFound)
		}
	}
}

func TestGinStore_TooLargeForACookie(t *testing.T) {
	b := newStore(t, cookie.NewStore(signKey), ginstore.Options{})
	r := session()
	r.Claims = []byte(strings.Repeat("x", 4000))
	if handle, err := b.CreateSession(t.Context(), r); handle != "" || err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("CreateSession = %q, %v, want an error", handle, err)
	}

	r = session()
	handle, err := b.CreateSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Claims = []byte(strings.Repeat("x", 4000))
	if _, err := b.ReplaceSession(t.Context(), handle, r); err == nil || r.Version != 1 {
		t.Errorf("ReplaceSession = %v and leaves version %d, want an error and 1", err, r.Version)
	}
}

// ReplaceSession returns another handle of the same session.
func TestGinStore_ReplaceReturnsAnotherHandle(t *testing.T) {
	b := newStore(t, filesystem.NewStore(t.TempDir(), signKey, otherKey), ginstore.Options{})
	r := session()
	old, err := b.CreateSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Claims = []byte(`{"sub":"ada","n":2}`)
	handle, err := b.ReplaceSession(t.Context(), old, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{old, handle} {
		if got, err := b.FindSession(t.Context(), h); err != nil || string(got.Claims) != string(r.Claims) {
			t.Errorf("FindSession = %v, %v", got, err)
		}
	}
	if err := b.DeleteSession(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if _, err := b.FindSession(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession after the session has ended = %v", err)
	}
}

// odd is a backend that signs its cookies in a way of its own.
type odd struct {
	sessions.Store
	value string
}

func (o odd) Save(_ *http.Request, w http.ResponseWriter, s *gorilla.Session) error {
	http.SetCookie(w, &http.Cookie{Name: s.Name(), Value: o.value})
	return nil
}

// Other cookies become no handles: one with dots would look like a sealed token, and
// one with "~" would not be found again.
func TestGinStore_HandleIsBase64(t *testing.T) {
	id := strings.Repeat("A", 43)
	for value, fits := range map[string]bool{
		id: true, id + "==": true, "": false, id + ".sig": false, id + "~": false, id + "/": false, id + "+": false, "s:" + id: false, id + "%3D": false,
	} {
		b := newStore(t, odd{cookie.NewStore(signKey), value}, ginstore.Options{})
		handle, err := b.CreateSession(t.Context(), session())
		if (err == nil) != fits || fits && handle != strings.ReplaceAll(value, "=", "~") || !fits && handle != "" {
			t.Errorf("CreateSession = %q, %v for the cookie %q", handle, err, value)
		}
	}
}

// faulty is a backend whose database may be down.
type faulty struct {
	sessions.Store
	err error
}

func (f *faulty) New(r *http.Request, name string) (*gorilla.Session, error) {
	s, err := f.Store.New(r, name)
	return s, errors.Join(err, f.err)
}

func (f *faulty) Save(r *http.Request, w http.ResponseWriter, s *gorilla.Session) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.Save(r, w, s)
}

func TestGinStore_FaultIsNotNotFound(t *testing.T) {
	down := errors.New("connection refused")
	f := &faulty{Store: filesystem.NewStore(t.TempDir(), signKey)}
	b := newStore(t, f, ginstore.Options{})
	r := session()
	handle, err := b.CreateSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}

	f.err = down
	fault := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, down) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s = %v, want %q", what, err, down)
		}
	}
	found, err := b.FindSession(t.Context(), handle)
	if found != nil {
		t.Errorf("FindSession = %v", found)
	}
	fault("FindSession", err)
	_, err = b.CreateSession(t.Context(), session())
	fault("CreateSession", err)
	_, err = b.ReplaceSession(t.Context(), handle, r)
	fault("ReplaceSession", err)
	fault("DeleteSession", b.DeleteSession(t.Context(), handle))

	f.err = nil
	if _, err := b.FindSession(t.Context(), handle); err != nil {
		t.Errorf("FindSession after the fault = %v", err)
	}
}

// hiding is a backend that hides its faults, as those for gorm and MongoDB do.
type hiding struct {
	sessions.Store
	down   bool
	faults int // reads that fail while it is not down
}

func (h *hiding) New(r *http.Request, name string) (*gorilla.Session, error) {
	if h.down || h.faults > 0 {
		h.faults--
		r = &http.Request{Header: http.Header{}}
	}
	s, err := h.Store.New(r, name)
	if err != nil {
		s, err = h.Store.New(&http.Request{Header: http.Header{}}, name)
	}
	return s, err
}

func (h *hiding) Save(r *http.Request, w http.ResponseWriter, s *gorilla.Session) error {
	if h.down {
		return errors.New("connection refused")
	}
	return h.Store.Save(r, w, s)
}

func TestGinStore_ContractWithHiddenFaults(t *testing.T) {
	var h *hiding
	storetest.Run(t, func(t *testing.T) store.Sessions {
		h = &hiding{Store: filesystem.NewStore(t.TempDir(), signKey)}
		return newStore(t, h, ginstore.Options{})
	}, storetest.MaxClaims(1400), storetest.Fault(func(broken bool) { h.down = broken }))
}

// A fault that the backend hides is a fault where a session of the store's own shows it.
func TestGinStore_HiddenFaultIsNotNotFound(t *testing.T) {
	h := &hiding{Store: filesystem.NewStore(t.TempDir(), signKey)}
	b := newStore(t, h, ginstore.Options{})
	r := session()
	handle, err := b.CreateSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	unknown := strings.Repeat("A", len(handle))
	calls := []struct {
		name string
		want error // of an unknown handle
		do   func(handle string) error
	}{
		{"FindSession", store.ErrNotFound, func(handle string) error { _, err := b.FindSession(t.Context(), handle); return err }},
		{"ReplaceSession", store.ErrNotFound, func(handle string) error { _, err := b.ReplaceSession(t.Context(), handle, r); return err }},
		{"DeleteSession", nil, func(handle string) error { return b.DeleteSession(t.Context(), handle) }},
	}
	for range 2 { // without the session of the store's own, and with it
		h.down = true
		for _, call := range calls {
			for what, handle := range map[string]string{"a session": handle, "no session": unknown} {
				if err := call.do(handle); err == nil || errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s of %s while the backend is down: %v, want a fault", call.name, what, err)
				}
			}
		}
		h.down = false
		for _, call := range calls {
			if err := call.do(unknown); !errors.Is(err, call.want) {
				t.Errorf("%s of no session = %v, want %v", call.name, err, call.want)
			}
		}
	}
	for _, call := range calls {
		h.faults = 1
		if err := call.do(handle); err != nil {
			t.Errorf("%s after one hidden fault: %v", call.name, err)
		}
	}
	if err := calls[0].do(handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession after the end = %v", err)
	}
}

// renaming is a backend that saves a session it could not look for as a new one.
type renaming struct{ sessions.Store }

func (n renaming) Save(r *http.Request, w http.ResponseWriter, s *gorilla.Session) error {
	s.ID = ""
	return n.Store.Save(r, w, s)
}

// A write that made another session is a fault: the one that was to be written would
// remain, and outlive a sign-out.
func TestGinStore_WriteOfAnotherSessionIsAFault(t *testing.T) {
	dir := t.TempDir()
	r := session()
	handle, err := newStore(t, filesystem.NewStore(dir, signKey), ginstore.Options{}).CreateSession(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	b := newStore(t, renaming{filesystem.NewStore(dir, signKey)}, ginstore.Options{})
	if h, err := b.ReplaceSession(t.Context(), handle, r); h != "" || err == nil || r.Version != 1 {
		t.Errorf("ReplaceSession = %q, %v, and leaves version %d, want a fault and 1", h, err, r.Version)
	}
}

func TestGinStore_NotFoundOption(t *testing.T) {
	miss := errors.New("cache miss")
	f := &faulty{Store: filesystem.NewStore(t.TempDir(), signKey), err: miss}
	b := newStore(t, f, ginstore.Options{NotFound: func(err error) bool { return errors.Is(err, miss) }})
	if _, err := b.FindSession(t.Context(), "handle"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession = %v, want %q", err, store.ErrNotFound)
	}
}

// A session expires by its record, even if the backend would keep it longer.
func TestGinStore_ExpiresByItsRecord(t *testing.T) {
	now := time.Now()
	b := newStore(t, cookie.NewStore(signKey), ginstore.Options{Now: func() time.Time { return now }})
	handle, err := b.CreateSession(t.Context(), session())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.FindSession(t.Context(), handle); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	if _, err := b.FindSession(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("FindSession = %v, want %q", err, store.ErrNotFound)
	}
}

// FuzzGinStore_Find reads untrusted cookies.
func FuzzGinStore_Find(f *testing.F) {
	b := newStore(f, cookie.NewStore(signKey), ginstore.Options{})
	handle, err := b.CreateSession(f.Context(), session())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", handle[1:], handle + ";", handle + "; nuxtauth=x", "x; nuxtauth=" + handle, "\x00", `"` + handle + `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, handle string) {
		r, err := b.FindSession(t.Context(), handle)
		if err == nil && r.Subject == "ada" {
			return // signed by this store
		}
		if r != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("FindSession(%q) = %v, %v, want %q", handle, r, err, store.ErrNotFound)
		}
	})
}

func BenchmarkGinStoreFind(b *testing.B) {
	s := newStore(b, cookie.NewStore(signKey), ginstore.Options{})
	handle, err := s.CreateSession(b.Context(), session())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.FindSession(b.Context(), handle); err != nil {
			b.Fatal(err)
		}
	}
}
