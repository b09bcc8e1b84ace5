package claims

import (
	"reflect"

	"github.com/go-json-experiment/json"
)

// Decode reads claims, a JSON object, into v, a pointer to a zero value of the
// type. It returns false if it does not support the JSON; v has some of the
// claims then. The strings in v are parts of claims.
func (c *Type) Decode(claims string, v any) bool {
	if c == nil {
		return false
	}
	s := scanner(claims)
	return c.decode(&s, reflect.ValueOf(v).Elem()) && s == ""
}

func (c *Type) decode(s *scanner, v reflect.Value) bool {
	if !s.take("{") {
		return false
	}
	seen, next := uint64(0), 0
	for first := true; !s.take("}"); first = false {
		if !first && !s.take(",") {
			return false
		}
		i := c.find(s, next)
		if i < 0 || seen&(1<<i) != 0 || !c.claims[i].decode(s, v) {
			return false
		}
		seen |= 1 << i
		next = i + 1
	}
	return true
}

// find reads the name of a member and returns its claim, -1 if there is none.
// Members are mostly in the order of the fields.
func (c *Type) find(s *scanner, next int) int {
	for n := range c.claims {
		i := next + n
		if i >= len(c.claims) {
			i -= len(c.claims)
		}
		if s.take(c.claims[i].name) {
			return i
		}
	}
	return -1
}

func (k *claim) decode(s *scanner, v reflect.Value) bool {
	v = v.FieldByIndex(k.index)
	if k.viaJSON {
		value, ok := s.value()
		return ok && json.Unmarshal([]byte(value), v.Addr().Interface()) == nil
	}
	switch k.kind {
	case reflect.String:
		text, ok := s.text()
		if ok {
			v.SetString(text)
		}
		return ok
	case reflect.Bool:
		v.SetBool(s.take("true"))
		return v.Bool() || s.take("false")
	case reflect.Struct:
		return k.object.decode(s, v)
	case reflect.Slice:
		list, ok := s.list()
		*v.Addr().Interface().(*[]string) = list
		return ok
	}
	n, ok := s.integer()
	if !ok || v.OverflowInt(n) {
		return false
	}
	v.SetInt(n)
	return true
}
