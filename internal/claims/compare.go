package claims

import (
	"reflect"
	"slices"
)

// Clone makes v, a shallow copy of a value, independent of the original, so that
// Equal notices changes of the original in place. v is a pointer to the type,
// which is Comparable.
func (c *Type) Clone(v any) { c.clone(reflect.ValueOf(v).Elem()) }

func (c *Type) clone(v reflect.Value) {
	for i := range c.claims {
		k := &c.claims[i]
		switch {
		case k.excluded:
		case k.kind == reflect.Struct:
			k.object.clone(v.FieldByIndex(k.index))
		case k.kind == reflect.Slice:
			list := v.FieldByIndex(k.index).Addr().Interface().(*[]string)
			*list = slices.Clone(*list)
		}
	}
}

// Equal reports whether two values have the same JSON, without the fields of the
// type that NewType excludes. Both are pointers to the type, which is Comparable.
func (c *Type) Equal(a, b any) bool {
	return c.equal(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem())
}

func (c *Type) equal(a, b reflect.Value) bool {
	for i := range c.claims {
		if k := &c.claims[i]; !k.excluded && !k.equal(a.FieldByIndex(k.index), b.FieldByIndex(k.index)) {
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
