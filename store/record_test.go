package store_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth/store"
)

func TestUserAgent(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"curl/8.5.0":                   "curl/8.5.0",
		"a\x00b\tc\u0085d\xffe":        "abcde",
		strings.Repeat("é", 200):       strings.Repeat("é", 128),
		"x" + strings.Repeat("é", 200): "x" + strings.Repeat("é", 127),
		"Браузер/1.0 (日本語)" + "\u007f\u0001":   "Браузер/1.0 (日本語)",
		strings.Repeat("\xff", 300) + "hidden": "",
	} {
		r := session(0)
		r.UserAgent = store.UserAgent(in)
		if r.UserAgent != want {
			t.Errorf("UserAgent(%q) = %q, want %q", in, r.UserAgent, want)
		}
		if err := r.Check(); err != nil {
			t.Error(err)
		}
	}
}

// Fields of any type can be added later, and the field that ensures it takes no memory.
func TestRecord_CanGrow(t *testing.T) {
	r := reflect.TypeFor[store.Record]()
	if r.Comparable() || r.Field(0).Name != "_" {
		t.Errorf("Record is comparable, or may be written without the names of its fields")
	}
	fields := uintptr(0)
	for i := range r.NumField() {
		fields += r.Field(i).Type.Size()
	}
	if r.Size() != fields {
		t.Errorf("a Record has %d bytes, its fields %d", r.Size(), fields)
	}
}

func TestKeyOf(t *testing.T) {
	handle, key := store.NewHandle()
	if got, ok := store.KeyOf(handle); !ok || got != key {
		t.Errorf("KeyOf(%q) = %x, %v, want %x", handle, got, ok, key)
	}
	for _, bad := range []string{"", handle[1:], handle + "A", strings.Repeat(handle, 1000)} {
		if _, ok := store.KeyOf(bad); ok {
			t.Errorf("KeyOf accepted %d bytes", len(bad))
		}
	}
}

// FuzzMemory_RoundTrip stores untrusted strings.
func FuzzMemory_RoundTrip(f *testing.F) {
	f.Add("next-auth", "ada", "github", "583231", "sid", "192.0.2.1", []byte(`{"sub":"ada"}`), int64(1), int64(2))
	f.Add("", strings.Repeat("a", 127), strings.Repeat("b", 128), "", "", "\u00e9", []byte{0, 255}, int64(-1<<40), int64(1<<44))
	f.Fuzz(func(t *testing.T, realm, subject, provider, sub, sid, ip string, claims []byte, created, seen int64) {
		m := store.NewMemory(store.MemoryOptions{})
		want := &store.Record{
			Realm: realm, Subject: subject, Provider: provider, ProviderSubject: sub, ProviderSession: sid,
			IP: ip, UserAgent: ip, Claims: claims,
			CreatedAt: time.UnixMilli(created % (1 << 45)).UTC(), SeenAt: time.UnixMilli(seen % (1 << 45)).UTC(),
			ExpiresAt: time.UnixMilli(time.Now().UnixMilli() + 3_600_000).UTC(),
		}
		handle, err := m.CreateSession(t.Context(), want)
		if want.Check() != nil {
			if err == nil {
				t.Error("CreateSession accepted what Check reports")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.FindSession(t.Context(), handle)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Claims) != string(want.Claims) {
			t.Errorf("Claims = %q, want %q", got.Claims, want.Claims)
		}
		got.Claims, want.Claims = nil, nil
		if g, w := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want); g != w {
			t.Errorf("FindSession = %s, want %s", g, w)
		}
		if n, err := m.DeleteSessions(t.Context(), realm, subject, ""); n != 1 || err != nil {
			t.Errorf("DeleteSessions = %d, %v", n, err)
		}
	})
}
