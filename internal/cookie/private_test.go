package cookie_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

func TestPrivate(t *testing.T) {
	const private = "private, no-cache, no-store"
	for _, tt := range []struct {
		name         string
		header, want http.Header
	}{
		{"nothing", http.Header{}, http.Header{"Cache-Control": {private}, "Vary": {"Cookie"}}},
		{"public", http.Header{"Cache-Control": {"public", "max-age=60"}, "Vary": {"Accept"}, "X-Other": {"1"}},
			http.Header{"Cache-Control": {private}, "Vary": {"Accept", "Cookie"}, "X-Other": {"1"}}},
		{"varies already", http.Header{"Vary": {"Accept", "Origin, Cookie"}},
			http.Header{"Cache-Control": {private}, "Vary": {"Accept", "Origin, Cookie"}}},
		{"varies by everything", http.Header{"Vary": {"*"}}, http.Header{"Cache-Control": {private}, "Vary": {"*"}}},
		{"headers of some caches", http.Header{"Cdn-Cache-Control": {"public"}, "Vercel-Cdn-Cache-Control": {"public"},
			"Surrogate-Control": {"max-age=60"}, "X-Accel-Expires": {"60"}},
			http.Header{"Cache-Control": {private}, "Vary": {"Cookie"}}},
	} {
		cookie.Private(tt.header)
		if diff := cmp.Diff(tt.want, tt.header); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
	}
}

// Each cookie of a response undoes what was written about caches since the one before it.
func TestSet_Private(t *testing.T) {
	c := cookie.Cookie{Name: "a"}
	want := http.Header{}
	must(t, c.Set(want, "1", time.Time{}))
	for _, header := range []http.Header{
		{"Cache-Control": {"public"}},
		{"Cache-Control": {"private, no-cache, no-store", "public"}},
		{"Vary": {"Accept"}},
		{"Cdn-Cache-Control": {"public"}},
		{"X-Accel-Expires": {"60"}},
	} {
		h := http.Header{}
		must(t, c.Set(h, "0", time.Time{}))
		want := want.Clone()
		for name, values := range header {
			h[name] = values
			if name == "Vary" {
				want[name] = []string{"Accept", "Cookie"}
			}
		}
		must(t, c.Set(h, "1", time.Time{}))
		if diff := cmp.Diff(want, h); diff != "" {
			t.Errorf("%v: (-want +got)\n%s", header, diff)
		}
	}
}

func TestChunked_KeepPrivate(t *testing.T) {
	c := cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}}
	for line, want := range map[string]bool{
		"":                         false,
		"t=v; Path=/":              false,
		"s=v; Path=/":              true,
		"s.1=v; Path=/":            true,
		"s=; Domain=other.example": true,
	} {
		h := http.Header{"Cache-Control": {"public"}, "Set-Cookie": {"a=1", line}}
		c.KeepPrivate(h)
		if got := h.Get("Cache-Control") != "public"; got != want {
			t.Errorf("%q: private %v", line, got)
		}
	}
}
