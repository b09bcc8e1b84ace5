package fields

import (
	"reflect"
	"slices"
)

// Detach makes v, a shallow copy of a value, independent of the original: it
// notices what is changed there in place. v is a pointer to the type.
func (c *Claims) Detach(v any) { c.detach(reflect.ValueOf(v).Elem()) }

func (c *Claims) detach(v reflect.Value) {
	for i := range c.claims {
		k := &c.claims[i]
		switch {
		case k.embedded, k.raw:
		case k.kind == reflect.Struct:
			k.object.detach(v.FieldByIndex(k.way))
		case k.kind == reflect.Slice:
			list := v.FieldByIndex(k.way).Addr().Interface().(*[]string)
			*list = slices.Clone(*list)
		}
	}
}

// Equal tells whether two values have the same JSON, apart from what NewClaims
// was told to leave out. Both are pointers to the type, which is Comparable.
func (c *Claims) Equal(a, b any) bool {
	return c.equal(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem())
}

func (c *Claims) equal(a, b reflect.Value) bool {
	for i := range c.claims {
		if k := &c.claims[i]; !k.embedded && !k.equal(a.FieldByIndex(k.way), b.FieldByIndex(k.way)) {
			return false
		}
	}
	return true
}

func (k *claim) equal(a, b reflect.Value) bool {
	if k.omitzero && a.IsZero() != b.IsZero() {
		return false
	}
	switch k.kind {
	case reflect.String:
		return a.String() == b.String()
	case reflect.Struct:
		return k.object.equal(a, b)
	case reflect.Slice:
		return slices.Equal(*a.Addr().Interface().(*[]string), *b.Addr().Interface().(*[]string))
	}
	return a.Equal(b)
}
