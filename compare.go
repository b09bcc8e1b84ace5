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
	fields [][]int // by index, as reflect.Value.FieldByIndex takes it
	exact  bool    // the fields are all that there is to compare
}

// comparerOf looks at a token type once.
func comparerOf[T JWT]() comparer {
	c := comparer{exact: true}
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Struct {
		c.add(t, nil)
	}
	return c
}

func (c *comparer) add(t reflect.Type, above []int) {
	for f := range t.Fields() {
		index := append(above[:len(above):len(above)], f.Index...)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" && options == "", !f.IsExported() && !f.Anonymous:
			// not in the JSON
		case f.Type == reflect.TypeFor[DefaultJWT]():
			c.add(f.Type, index)
		case t == reflect.TypeFor[DefaultJWT]() && f.Name == "Extra":
			// compared by changed
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			c.add(f.Type, index)
		case isPlainData(f.Type):
			c.fields = append(c.fields, index)
		default:
			c.exact = false
		}
	}
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
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for _, index := range c.fields {
		if !x.FieldByIndex(index).Equal(y.FieldByIndex(index)) {
			return false
		}
	}
	return true
}

// A snapshot is a token as it was before a callback had it.
type snapshot[T JWT] struct {
	token  T
	extra  []byte
	claims []byte // the same as JSON
}

func (a *Auth[T, S]) snapshot(h *held[T]) snapshot[T] {
	return snapshot[T]{token: *h.token, extra: bytes.Clone(defaultsOf(h.token).Extra), claims: h.claims}
}

// changed tells whether the JWT callback left the token other than it was.
func (a *Auth[T, S]) changed(t *T, before *snapshot[T]) bool {
	if a.callbacks.JWT == nil {
		return false
	}
	if a.compare.exact {
		return !a.compare.equal(t, &before.token) || !bytes.Equal(defaultsOf(t).Extra, before.extra)
	}
	b, err := marshal(t)
	return err != nil || !bytes.Equal(b, before.claims) // an error comes up again, and into the log, when it is kept
}
