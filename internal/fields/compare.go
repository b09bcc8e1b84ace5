package fields

import (
	"bytes"
	"encoding"
	stdjson "encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Comparer tells whether two values of a struct type have the same JSON,
// without writing it. It knows structs made of strings, numbers, booleans,
// times, raw JSON and arrays and structs of those.
type Comparer struct {
	fields []field
	raw    [][]int // where there is raw JSON
	exact  bool
}

// A field of a struct, with the fields of its own where it is open.
type field struct {
	index int
	open  []field
}

// NewComparer looks at a type. Embedded structs for which open is true are
// compared field by field, all others as a whole.
func NewComparer(t reflect.Type, open func(reflect.Type) bool) *Comparer {
	c := &Comparer{exact: t.Kind() == reflect.Struct && !writesItself(t)}
	if c.exact {
		c.fields = c.fieldsOf(t, open, nil)
	}
	return c
}

// Exact tells whether Equal can be relied on. Otherwise only the JSON of two
// values tells them apart.
func (c *Comparer) Exact() bool { return c.exact }

func (c *Comparer) fieldsOf(t reflect.Type, open func(reflect.Type) bool, way []int) (fields []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		way := append(slices.Clone(way), i)
		switch {
		case f.Tag.Get("json") == "-", !f.IsExported() && !f.Anonymous:
			// not in the JSON
		case f.Anonymous && f.Type.Kind() == reflect.Struct && open(f.Type) && !writesItself(f.Type):
			fields = append(fields, field{i, c.fieldsOf(f.Type, open, way)})
		case f.Type == reflect.TypeFor[jsontext.Value]():
			fields = append(fields, field{index: i})
			c.raw = append(c.raw, way)
		case isPlain(f.Type):
			fields = append(fields, field{index: i})
		default:
			c.exact = false
		}
	}
	return fields
}

// writesItself tells whether the fields of a type are not what its JSON shows.
func writesItself(t reflect.Type) bool {
	for _, how := range []reflect.Type{
		reflect.TypeFor[json.MarshalerTo](), reflect.TypeFor[stdjson.Marshaler](),
		reflect.TypeFor[encoding.TextAppender](), reflect.TypeFor[encoding.TextMarshaler](),
	} {
		if reflect.PointerTo(t).Implements(how) {
			return true
		}
	}
	return false
}

// isPlain tells whether a value has all that it says in itself, so that a copy
// notices when the original changes.
func isPlain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return isPlain(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() { // its pointer is to what never changes
			return true
		}
		for f := range t.Fields() {
			if !isPlain(f.Type) {
				return false
			}
		}
		return true
	}
	return false
}

// Detach makes v, a shallow copy of a value, independent of the original: it
// notices what is changed there in place. v is a pointer to the type of the
// comparer.
func (c *Comparer) Detach(v any) {
	for _, way := range c.raw {
		if raw := reflect.ValueOf(v).Elem().FieldByIndex(way); raw.Len() > 0 {
			raw.SetBytes(bytes.Clone(raw.Bytes()))
		}
	}
}

// Equal compares two values; both are pointers to the type of the comparer.
func (c *Comparer) Equal(a, b any) bool {
	return equal(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem(), c.fields)
}

func equal(a, b reflect.Value, fields []field) bool {
	for i := range fields {
		f := &fields[i]
		x, y := a.Field(f.index), b.Field(f.index)
		same := false
		switch {
		case f.open != nil:
			same = equal(x, y, f.open)
		case x.Kind() == reflect.String: // unchanged strings have the same bytes in the same place
			same = x.String() == y.String()
		case x.Kind() == reflect.Slice: // raw JSON
			same = bytes.Equal(x.Bytes(), y.Bytes())
		default:
			same = x.Equal(y)
		}
		if !same {
			return false
		}
	}
	return true
}
