package fields

import (
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
)

// Decode reads claims into v, a pointer to a zero value of the type. If it
// can't, v holds some of them.
func (c *Claims) Decode(claims string, v any) bool {
	if c == nil {
		return false
	}
	s := scanner(claims)
	return c.decode(&s, reflect.ValueOf(v).Elem()) && s == ""
}

func (c *Claims) decode(s *scanner, v reflect.Value) bool {
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

// find returns which claim comes now. They are mostly in order.
func (c *Claims) find(s *scanner, next int) int {
	for n := range c.claims {
		i := next + n
		if i >= len(c.claims) {
			i -= len(c.claims)
		}
		if k := &c.claims[i]; !k.raw && s.take(k.name) {
			return i
		}
	}
	return -1
}

func (k *claim) decode(s *scanner, v reflect.Value) bool {
	v = v.FieldByIndex(k.way)
	if k.other {
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

// A scanner is the JSON that is still to be read.
type scanner string

// take reads what is expected.
func (s *scanner) take(what string) bool {
	ok := strings.HasPrefix(string(*s), what)
	if ok {
		*s = (*s)[len(what):]
	}
	return ok
}

// text reads a string that stands for itself.
func (s *scanner) text() (string, bool) {
	if len(*s) == 0 || (*s)[0] != '"' {
		return "", false
	}
	end := strings.IndexByte(string((*s)[1:]), '"')
	if end < 0 {
		return "", false
	}
	text := string((*s)[1 : 1+end])
	*s = (*s)[end+2:]
	return text, isPlain(text)
}

// list reads a list of such strings.
func (s *scanner) list() ([]string, bool) {
	list := []string{}
	if !s.take("[") {
		return nil, false
	}
	for first := true; !s.take("]"); first = false {
		if !first && !s.take(",") {
			return nil, false
		}
		text, ok := s.text()
		if !ok {
			return nil, false
		}
		list = append(list, text)
	}
	return list, true
}

// value takes what stands before the end of a member. Whether it is JSON is for
// json to say.
func (s *scanner) value() (string, bool) {
	depth, quoted := 0, false
	for i := 0; i < len(*s); i++ {
		switch b := (*s)[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{', b == '[':
			depth++
		case depth == 0 && (b == ',' || b == '}'):
			value := string((*s)[:i])
			*s = (*s)[i:]
			return value, true
		case b == '}', b == ']':
			depth--
		}
	}
	return "", false
}

// integer reads one that all that speak JSON read alike.
func (s *scanner) integer() (n int64, ok bool) {
	const maxDigits = 15
	digits := strings.TrimPrefix(string(*s), "-")
	i := 0
	for i < len(digits) && '0' <= digits[i] && digits[i] <= '9' {
		n = 10*n + int64(digits[i]-'0')
		if i++; i > maxDigits {
			return 0, false
		}
	}
	if i == 0 || digits[0] == '0' && i > 1 {
		return 0, false
	}
	if len(digits) < len(*s) {
		n = -n
	}
	*s = scanner(digits[i:])
	return n, true
}
