package nuxtauth

import (
	"bytes"
	"reflect"
	"strings"
	"time"
)

// A comparer tells whether a callback changed a token. That saves writing the
// JSON of every token at every request, which is a quarter of the middleware's
// time. It knows tokens made of strings, numbers, booleans, times and structs
// and arrays of those; others are compared by their JSON.
type comparer struct {
	fields []field
	exact  bool // the fields are all that there is to compare
}

// A field of a struct, with the fields of its own if it is embedded.
type field struct {
	index    int
	embedded []field
}

// comparerOf looks at a token type once.
func comparerOf[T JWT]() comparer {
	c := comparer{exact: true}
	if t := reflect.TypeFor[T](); t.Kind() == reflect.Struct {
		c.fields = c.fieldsOf(t)
	}
	return c
}

func (c *comparer) fieldsOf(t reflect.Type) (fields []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" && options == "", !f.IsExported() && !f.Anonymous:
			// not in the JSON
		case t == reflect.TypeFor[DefaultJWT]() && f.Name == "Extra":
			// changed looks at it
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			fields = append(fields, field{i, c.fieldsOf(f.Type)})
		case isPlainData(f.Type):
			fields = append(fields, field{index: i})
		default:
			c.exact = false
		}
	}
	return fields
}

// isPlainData tells whether a value has all that it says in itself, so that a
// copy notices when the original changes.
func isPlainData(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return isPlainData(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() { // its pointer is to what never changes
			return true
		}
		for f := range t.Fields() {
			if !isPlainData(f.Type) {
				return false
			}
		}
		return true
	}
	return false
}

// equal compares two tokens; both are pointers to the type of the comparer.
func (c *comparer) equal(a, b any) bool {
	return equalFields(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem(), c.fields)
}

func equalFields(a, b reflect.Value, fields []field) bool {
	for i := range fields {
		f := &fields[i]
		x, y := a.Field(f.index), b.Field(f.index)
		switch {
		case f.embedded != nil:
			if !equalFields(x, y, f.embedded) {
				return false
			}
		case x.Kind() == reflect.String: // unchanged strings have the same bytes in the same place
			if x.String() != y.String() {
				return false
			}
		case !x.Equal(y):
			return false
		}
	}
	return true
}

// A snapshot is a token as it was before a callback has it.
type snapshot[T JWT] struct {
	token  *T // a copy, with a type that the comparer knows
	extra  []byte
	ours   DefaultJWT // what a callback can't change
	claims []byte     // the JSON of all
}

func (a *Auth[T, S]) snapshot(h *held[T], room *T) snapshot[T] {
	s := snapshot[T]{token: room, ours: *defaultsOf(h.token), claims: h.claims}
	if a.callbacks.JWT != nil && a.compare.exact {
		*room = *h.token
		s.extra = bytes.Clone(s.ours.Extra)
	}
	return s
}

// changed tells whether the JWT callback left the token other than it was.
func (a *Auth[T, S]) changed(t *T, before *snapshot[T]) bool {
	if a.callbacks.JWT == nil {
		return false
	}
	if a.compare.exact {
		return !a.compare.equal(t, before.token) || !bytes.Equal(defaultsOf(t).Extra, before.extra)
	}
	b, err := marshal(t)
	return err != nil || !bytes.Equal(b, before.claims) // an error comes up again, and into the log, when it is kept
}
