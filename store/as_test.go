package store_test

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/store"
)

// plain has no ability but Sessions, and reveals nothing.
type plain struct{ store.Sessions }

// wrapper reveals the store that it wraps.
type wrapper struct{ store.Sessions }

func (w wrapper) Unwrap() store.Sessions { return w.Sessions }

// marking is a wrapper with Marks of its own.
type marking struct {
	wrapper
	store.Marks
}

// self is a wrapper of itself.
type self struct{ store.Sessions }

func (s *self) Unwrap() store.Sessions { return s }

func TestAs(t *testing.T) {
	m := store.NewMemory(store.MemoryOptions{})
	own := store.NewMemory(store.MemoryOptions{})
	for name, test := range map[string]struct {
		s    any
		want store.Marks
	}{
		"nil":                         {nil, nil},
		"another type":                {42, nil},
		"the store":                   {m, m},
		"a decorator":                 {wrapper{m}, m},
		"decorators":                  {wrapper{wrapper{wrapper{m}}}, m},
		"a decorator with the marks":  {marking{wrapper{m}, own}, marking{wrapper{m}, own}},
		"the outermost comes first":   {wrapper{marking{wrapper{m}, own}}, marking{wrapper{m}, own}},
		"a decorator that hides":      {plain{m}, nil},
		"hidden below":                {wrapper{plain{m}}, nil},
		"a decorator of nothing":      {wrapper{}, nil},
		"a decorator that has itself": {&self{}, nil},
	} {
		got, ok := store.As[store.Marks](test.s)
		if got != test.want || ok != (test.want != nil) {
			t.Errorf("%s: As = %v, %v, want %v", name, got, ok, test.want)
		}
	}
	if s, ok := store.As[store.Sessions](wrapper{m}); !ok || s != (wrapper{m}) {
		t.Errorf("As[Sessions] = %v, %v, want the decorator", s, ok)
	}
	if _, ok := store.As[store.Sessions](nil); ok {
		t.Error("As found Sessions on nil")
	}
}
