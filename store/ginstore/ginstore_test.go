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

func bridge(t testing.TB, s sessions.Store, opts ginstore.Options) *ginstore.Store {
	t.Helper()
	b, err := ginstore.New(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCookieStore(t *testing.T) {
	for name, keys := range map[string][][]byte{"signed": {signKey}, "encrypted": {signKey, otherKey}} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store {
				return bridge(t, cookie.NewStore(keys...), ginstore.Options{})
			}, storetest.NoIndex(), storetest.Stateless(), storetest.MaxClaims(1400))
		})
	}
}

// TestFilesystemStore stands for the stores that keep sessions on the server.
func TestFilesystemStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return bridge(t, filesystem.NewStore(t.TempDir(), signKey), ginstore.Options{})
	}, storetest.NoIndex(), storetest.MaxClaims(1400))
}

func session() *store.Record {
	now := time.Now()
	return &store.Record{Subject: "ada", Claims: []byte(`{"sub":"ada"}`), CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}
}

func TestNewRefuses(t *testing.T) {
	if s, err := ginstore.New(nil, ginstore.Options{}); s != nil || err == nil {
		t.Errorf("New without a store = %v, %v", s, err)
	}
	for _, name := range []string{"a b", "a=b", "a;b", "é", "\x00"} {
		if s, err := ginstore.New(cookie.NewStore(signKey), ginstore.Options{Name: name}); s != nil || err == nil {
			t.Errorf("New with the name %q = %v, %v", name, s, err)
		}
	}
}

// TestOtherCookiesOpenNothing shows that neither another key nor another cookie
// of the same app signs somebody in.
func TestOtherCookiesOpenNothing(t *testing.T) {
	dir := t.TempDir()
	mine := bridge(t, filesystem.NewStore(dir, signKey), ginstore.Options{})
	for name, other := range map[string]*ginstore.Store{
		"key":  bridge(t, filesystem.NewStore(dir, otherKey), ginstore.Options{}),
		"name": bridge(t, filesystem.NewStore(dir, signKey), ginstore.Options{Name: "app"}),
	} {
		handle, err := other.Create(t.Context(), session())
		if err != nil {
			t.Fatal(err)
		}
		if r, err := mine.Find(t.Context(), handle); r != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Find with another %s = %v, %v, want %q", name, r, err, store.ErrNotFound)
		}
	}
}

// TestAHandleIsAWholeValue shows that what a header would cut off or trim is
// part of the handle.
func TestAHandleIsAWholeValue(t *testing.T) {
	b := bridge(t, cookie.NewStore(signKey), ginstore.Options{})
	handle, err := b.Create(t.Context(), session())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{handle + ";", handle + "; a=b", handle + " ", "\t" + handle, `"` + handle + `"`, "\x00" + handle, handle + "\r\n", handle + "\x7f"} {
		if r, err := b.Find(t.Context(), bad); r != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Find(%q) = %v, %v, want %q", bad, r, err, store.ErrNotFound)
		}
	}
}

func TestTooLargeForACookieIsAnError(t *testing.T) {
	b := bridge(t, cookie.NewStore(signKey), ginstore.Options{})
	r := session()
	r.Claims = []byte(strings.Repeat("x", 4000))
	if handle, err := b.Create(t.Context(), r); handle != "" || err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Create = %q, %v, want an error", handle, err)
	}

	r = session()
	handle, err := b.Create(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Claims = []byte(strings.Repeat("x", 4000))
	if _, err := b.Replace(t.Context(), handle, r); err == nil || r.Version != 1 {
		t.Errorf("Replace = %v and leaves version %d, want an error and 1", err, r.Version)
	}
}

// TestReplaceKeepsTheSession shows what Replace returns: a handle for the same session,
// while the old one goes on to work.
func TestReplaceKeepsTheSession(t *testing.T) {
	b := bridge(t, filesystem.NewStore(t.TempDir(), signKey, otherKey), ginstore.Options{})
	r := session()
	old, err := b.Create(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Claims = []byte(`{"sub":"ada","n":2}`)
	handle, err := b.Replace(t.Context(), old, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{old, handle} {
		if got, err := b.Find(t.Context(), h); err != nil || string(got.Claims) != string(r.Claims) {
			t.Errorf("Find = %v, %v", got, err)
		}
	}
	if err := b.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Find(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Find after the session has ended = %v", err)
	}
}

// An odd store signs its cookies in a way of its own.
type odd struct {
	sessions.Store
	value string
}

func (o odd) Save(_ *http.Request, w http.ResponseWriter, s *gorilla.Session) error {
	http.SetCookie(w, &http.Cookie{Name: s.Name(), Value: o.value})
	return nil
}

// TestNoHandleLooksLikeAToken shows that no other cookie becomes a handle: one
// with dots would be taken for a sealed token, and one with "~" would not be
// found again.
func TestNoHandleLooksLikeAToken(t *testing.T) {
	id := strings.Repeat("A", 43)
	for value, fits := range map[string]bool{
		id: true, id + "==": true, "": false, id + ".sig": false, id + "~": false, id + "/": false, id + "+": false, "s:" + id: false, id + "%3D": false,
	} {
		b := bridge(t, odd{cookie.NewStore(signKey), value}, ginstore.Options{})
		handle, err := b.Create(t.Context(), session())
		if (err == nil) != fits || fits && handle != strings.ReplaceAll(value, "=", "~") || !fits && handle != "" {
			t.Errorf("Create = %q, %v for the cookie %q", handle, err, value)
		}
	}
}

// A faulty store is one whose database is down.
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

func TestAFaultIsNotSignedOut(t *testing.T) {
	down := errors.New("connection refused")
	f := &faulty{Store: filesystem.NewStore(t.TempDir(), signKey)}
	b := bridge(t, f, ginstore.Options{})
	r := session()
	handle, err := b.Create(t.Context(), r)
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
	found, err := b.Find(t.Context(), handle)
	if found != nil {
		t.Errorf("Find = %v", found)
	}
	fault("Find", err)
	_, err = b.Create(t.Context(), session())
	fault("Create", err)
	_, err = b.Replace(t.Context(), handle, r)
	fault("Replace", err)
	fault("Delete", b.Delete(t.Context(), handle))

	f.err = nil
	if _, err := b.Find(t.Context(), handle); err != nil {
		t.Errorf("Find once the store is back = %v", err)
	}
}

func TestNotFoundOption(t *testing.T) {
	miss := errors.New("cache miss")
	f := &faulty{Store: filesystem.NewStore(t.TempDir(), signKey), err: miss}
	b := bridge(t, f, ginstore.Options{NotFound: func(err error) bool { return errors.Is(err, miss) }})
	if _, err := b.Find(t.Context(), "handle"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Find = %v, want %q", err, store.ErrNotFound)
	}
}

// TestLifeIsOurs shows that a session ends when its record says so, however long
// the store below would keep it.
func TestLifeIsOurs(t *testing.T) {
	now := time.Now()
	b := bridge(t, cookie.NewStore(signKey), ginstore.Options{Now: func() time.Time { return now }})
	handle, err := b.Create(t.Context(), session())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Find(t.Context(), handle); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	if _, err := b.Find(t.Context(), handle); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Find = %v, want %q", err, store.ErrNotFound)
	}
}

// FuzzFind takes whatever a browser may send as the cookie.
func FuzzFind(f *testing.F) {
	b := bridge(f, cookie.NewStore(signKey), ginstore.Options{})
	handle, err := b.Create(f.Context(), session())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", handle[1:], handle + ";", handle + "; nuxtauth=x", "x; nuxtauth=" + handle, "\x00", `"` + handle + `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, handle string) {
		r, err := b.Find(t.Context(), handle)
		if err == nil && r.Subject == "ada" {
			return // nobody else signs
		}
		if r != nil || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Find(%q) = %v, %v, want %q", handle, r, err, store.ErrNotFound)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	s := bridge(b, cookie.NewStore(signKey), ginstore.Options{})
	handle, err := s.Create(b.Context(), session())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Find(b.Context(), handle); err != nil {
			b.Fatal(err)
		}
	}
}
