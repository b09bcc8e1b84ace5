package claims

import (
	"encoding"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
)

// Append appends the JSON of v, a pointer to the type, to b. It returns false if
// it does not support the value, with an unspecified slice.
func (c *Type) Append(b []byte, v any) ([]byte, bool) {
	if c == nil {
		return b, false
	}
	return c.append(b, reflect.ValueOf(v).Elem())
}

func (c *Type) append(b []byte, v reflect.Value) ([]byte, bool) {
	b = append(b, '{')
	start := len(b)
	for i := range c.claims {
		k := &c.claims[i]
		f := v.FieldByIndex(k.index)
		if k.omitzero && f.IsZero() {
			continue
		}
		before := len(b)
		if before > start {
			b = append(b, ',')
		}
		b = append(b, k.name...)
		value := len(b)
		var ok bool
		if b, ok = k.append(b, f); !ok {
			return b, false
		}
		if k.omitempty && isEmpty(string(b[value:])) {
			b = b[:before]
		}
	}
	return append(b, '}'), true
}

func (k *claim) append(b []byte, v reflect.Value) ([]byte, bool) {
	if k.text {
		start := len(b) + 1
		b, err := v.Addr().Interface().(encoding.TextAppender).AppendText(append(b, '"'))
		return append(b, '"'), err == nil && start <= len(b) && isPlain(string(b[start:]))
	}
	if k.viaJSON {
		value, err := json.Marshal(v.Addr().Interface(), json.Deterministic(true))
		return append(b, value...), err == nil
	}
	switch k.kind {
	case reflect.String:
		return appendText(b, v.String())
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), true
	case reflect.Struct:
		return k.object.append(b, v)
	case reflect.Slice:
		b = append(b, '[')
		for i, text := range *v.Addr().Interface().(*[]string) {
			if i > 0 {
				b = append(b, ',')
			}
			var ok bool
			if b, ok = appendText(b, text); !ok {
				return b, false
			}
		}
		return append(b, ']'), true
	}
	return strconv.AppendInt(b, v.Int(), 10), true
}

// isEmpty reports whether a JSON value is empty for the option omitempty.
func isEmpty(value string) bool {
	return value == `""` || value == "[]" || value == "{}" || value == "null"
}

func appendText(b []byte, text string) ([]byte, bool) {
	if !isPlain(text) {
		return b, false
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"'), true
}
