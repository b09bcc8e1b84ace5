package fields

import (
	"encoding"
	stdjson "encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/token"
)

// Claims reads, writes and compares the claims of a token type, where a general
// JSON library takes a third of the time of a request. It knows structs of
// strings, booleans, integers, dates, lists of strings, and structs of those,
// in JSON as servers write it: no white space, and no escapes in strings. For
// all else there is json, which does the same. Nil knows nothing.
type Claims struct {
	claims []claim
	texts  bool // some of them can only be written
}

// A claim is one member of the JSON object.
type claim struct {
	name      string // as it stands in JSON, with quotes and colon
	way       []int
	kind      reflect.Kind
	object    *Claims // of a struct
	omitzero  bool
	omitempty bool
	text      bool // a type that writes itself, as a string
	raw       bool // not a member: those that no field declares
	embedded  bool // of the type that NewClaims was told of
}

const maxClaims = 64

// NewClaims looks at a type. It returns nil for one that only json knows.
//
// Fields that come from an embedded struct of type apart are left out of the
// comparison: the caller has a better way.
func NewClaims(t, apart reflect.Type) *Claims {
	c := newClaims(t, apart)
	if c == nil || c.texts {
		return nil
	}
	return c
}

// NewAnswer looks at a type that is written and never read. Its fields may be
// [encoding.TextAppender] too. It returns nil for one that only json knows.
func NewAnswer(t reflect.Type) *Claims { return newClaims(t, nil) }

func newClaims(t, apart reflect.Type) *Claims {
	c := new(Claims)
	if t.Kind() != reflect.Struct || !c.add(t, nil, apart, t == apart) || len(c.claims) > maxClaims {
		return nil
	}
	names := make(map[string]bool)
	for _, k := range c.claims {
		if names[k.name] {
			return nil // which one counts is a matter of its own
		}
		names[k.name] = true
	}
	return c
}

// add adds the fields of a struct, which is reached on this way.
func (c *Claims) add(t reflect.Type, way []int, apart reflect.Type, embedded bool) bool {
	if hasMethods(t) {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		k := claim{way: append(slices.Clone(way), i), kind: f.Type.Kind(), embedded: embedded}
		switch {
		case tag == "-", !f.IsExported() && !f.Anonymous:
			continue
		case f.Type == reflect.TypeFor[jsontext.Value]() && tag == ",embed":
			k.raw = true
		case f.Anonymous && tag == "" && k.kind == reflect.Struct:
			if !c.add(f.Type, k.way, apart, embedded || f.Type == apart) {
				return false
			}
			continue
		case f.Anonymous && tag == "", !f.IsExported(), !k.known(f.Type):
			return false
		}
		switch options {
		case "omitzero":
			k.omitzero = true
		case "omitempty": // of what is never empty in JSON, or would need a look at its own members
			if k.text || k.kind != reflect.String && k.kind != reflect.Slice {
				return false
			}
			k.omitempty = true
		case "":
		default:
			if !k.raw {
				return false
			}
		}
		if name == "" {
			name = f.Name
		}
		if strings.ContainsAny(name, "'`") || !isPlain(name) {
			return false
		}
		k.name = `"` + name + `":`
		c.claims = append(c.claims, k)
		c.texts = c.texts || k.text || k.object != nil && k.object.texts
	}
	return true
}

// known tells whether there is nothing special about the JSON of a type.
func (k *claim) known(t reflect.Type) bool {
	if k.text = isText(t); k.text {
		return true
	}
	switch k.kind {
	case reflect.Struct:
		k.object = newClaims(t, nil)
		return k.object != nil && !slices.ContainsFunc(k.object.claims, func(k claim) bool { return k.raw })
	case reflect.Slice:
		return t == reflect.TypeFor[[]string]()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return t == reflect.TypeFor[token.NumericDate]() || t != reflect.TypeFor[time.Duration]() && !hasMethods(t)
	case reflect.String, reflect.Bool:
		return !hasMethods(t)
	}
	return false
}

// hasMethods tells whether a type reads or writes JSON itself.
func hasMethods(t reflect.Type) bool {
	return implements(t, jsonMethods...) || implements(t, textMethods...)
}

// isText tells whether a type writes itself as text, and does nothing else.
func isText(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[encoding.TextAppender]()) && !implements(t, jsonMethods...)
}

func implements(t reflect.Type, any ...reflect.Type) bool {
	return slices.ContainsFunc(any, reflect.PointerTo(t).Implements)
}

var (
	jsonMethods = []reflect.Type{
		reflect.TypeFor[json.MarshalerTo](), reflect.TypeFor[json.UnmarshalerFrom](),
		reflect.TypeFor[stdjson.Marshaler](), reflect.TypeFor[stdjson.Unmarshaler](),
		reflect.TypeFor[interface{ IsZero() bool }](),
	}
	textMethods = []reflect.Type{
		reflect.TypeFor[encoding.TextAppender](), reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}
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

// isPlain tells whether a string is the same in JSON, between quotes.
func isPlain(s string) bool {
	ascii := true
	for i := range len(s) {
		switch b := s[i]; {
		case b < ' ', b == '"', b == '\\':
			return false
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	return ascii || utf8.ValidString(s)
}

// Append appends the JSON of v, a pointer to the type, to b.
func (c *Claims) Append(b []byte, v any) ([]byte, bool) {
	if c == nil {
		return b, false
	}
	return c.append(b, reflect.ValueOf(v).Elem())
}

func (c *Claims) append(b []byte, v reflect.Value) ([]byte, bool) {
	b = append(b, '{')
	start := len(b)
	for i := range c.claims {
		k := &c.claims[i]
		f := v.FieldByIndex(k.way)
		switch {
		case k.raw && f.Len() > 0:
			return b, false
		case k.raw, k.omitzero && f.IsZero(), k.omitempty && f.Len() == 0:
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(b, k.name...)
		var ok bool
		if b, ok = k.append(b, f); !ok {
			return b, false
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

func appendText(b []byte, text string) ([]byte, bool) {
	if !isPlain(text) {
		return b, false
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"'), true
}

// Detach makes v, a shallow copy of a value, independent of the original: it
// notices what is changed there in place. v is a pointer to the type.
func (c *Claims) Detach(v any) { c.detach(reflect.ValueOf(v).Elem()) }

func (c *Claims) detach(v reflect.Value) {
	for i := range c.claims {
		k := &c.claims[i]
		switch {
		case k.embedded:
		case k.kind == reflect.Struct:
			k.object.detach(v.FieldByIndex(k.way))
		case k.kind == reflect.Slice:
			list := v.FieldByIndex(k.way).Addr().Interface().(*[]string)
			*list = slices.Clone(*list)
		}
	}
}

// Equal tells whether two values have the same JSON, apart from what NewClaims
// was told to leave out. Both are pointers to the type.
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
	switch k.kind {
	case reflect.String:
		return a.String() == b.String()
	case reflect.Struct:
		return k.object.equal(a, b)
	case reflect.Slice:
		x, y := *a.Addr().Interface().(*[]string), *b.Addr().Interface().(*[]string)
		return slices.Equal(x, y) && (x == nil) == (y == nil)
	}
	return a.Equal(b)
}
