package fields

import (
	"encoding"
	stdjson "encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/token"
)

// Claims reads, writes and compares the claims of a token type, where a general
// JSON library takes a third of the time of a request. It knows strings,
// booleans, integers, dates, lists of strings, and structs of those, in JSON as
// servers write it: no white space, and no escapes in strings. Fields of other
// types go through json one by one, and for all else there is json as a whole,
// which does the same. Nil knows nothing.
type Claims struct {
	claims     []claim
	comparable bool
}

// A claim is one member of the JSON object.
type claim struct {
	name      string // as it stands in JSON, with quotes and colon
	way       []int
	kind      reflect.Kind
	object    *Claims // of a struct
	omitzero  bool
	omitempty bool
	text      bool // of a type that writes itself, as a string
	other     bool // of a type that only json knows, or only json can read
	raw       bool // not a member: those that no field declares
	embedded  bool // of the type that NewClaims was told of
}

const maxClaims = 64

// NewClaims looks at a type. It returns nil for one that only json knows.
//
// Fields that come from an embedded struct of type apart are left out of the
// comparison: the caller has a better way.
func NewClaims(t, apart reflect.Type) *Claims {
	c := &Claims{comparable: true}
	if t.Kind() != reflect.Struct || !c.add(t, nil, apart, t == apart) || len(c.claims) > maxClaims {
		return nil
	}
	if _, err := json.Marshal(reflect.New(t).Interface()); err != nil {
		return nil // tags that are wrong, in an object that is seldom there perhaps
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

// Comparable tells whether Equal can be relied on. Otherwise only the JSON of
// two values tells them apart: a copy shares too much with the original.
func (c *Claims) Comparable() bool { return c != nil && c.comparable }

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
		case f.Type == reflect.TypeFor[jsontext.Value]() && tag == ",embed" && (embedded || apart == nil):
			k.raw = true
		case f.Anonymous && tag == "" && k.kind == reflect.Struct:
			if !c.add(f.Type, k.way, apart, embedded || f.Type == apart) {
				return false
			}
			continue
		case f.Anonymous && tag == "", !f.IsExported():
			return false
		default:
			k.learn(f.Type)
		}
		for option := range strings.SplitSeq(options, ",") {
			switch {
			case option == "", k.raw:
			case option == "omitempty":
				k.omitempty = true
			case option == "omitzero" && !implements(f.Type, zeroMethod):
				k.omitzero = true
			default:
				return false
			}
		}
		if k.omitzero && k.omitempty {
			return false
		}
		if name == "" {
			name = f.Name
		}
		if strings.ContainsAny(name, "'`") || !isPlain(name) {
			return false
		}
		k.name = `"` + name + `":`
		c.claims = append(c.claims, k)
		c.comparable = c.comparable && !k.other && (k.object == nil || k.object.comparable)
	}
	return true
}

// learn notes how the JSON of a field's type is read and written.
func (k *claim) learn(t reflect.Type) {
	isRaw := func(k claim) bool { return k.raw }
	switch k.kind {
	case reflect.Struct:
		k.object = NewClaims(t, nil)
		k.other = k.object == nil || slices.ContainsFunc(k.object.claims, isRaw)
	case reflect.Slice:
		k.other = t != reflect.TypeFor[[]string]()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		k.other = t != reflect.TypeFor[token.NumericDate]() && (t == reflect.TypeFor[time.Duration]() || hasMethods(t))
	case reflect.String, reflect.Bool:
		k.other = hasMethods(t)
	default:
		k.other = true
	}
	k.text = k.other && isText(t)
}

// hasMethods tells whether a type reads or writes JSON itself, or says itself
// when it is zero.
func hasMethods(t reflect.Type) bool {
	return implements(t, jsonMethods...) || implements(t, textMethods...) || implements(t, zeroMethod)
}

// isText tells whether a type writes itself as text, and does nothing else. A
// pointer may be nil, which is for json.
func isText(t reflect.Type) bool {
	return t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface &&
		t.Implements(reflect.TypeFor[encoding.TextAppender]()) && !implements(t, jsonMethods...)
}

func implements(t reflect.Type, methods ...reflect.Type) bool {
	return slices.ContainsFunc(methods, reflect.PointerTo(t).Implements)
}

var (
	jsonMethods = []reflect.Type{
		reflect.TypeFor[json.MarshalerTo](), reflect.TypeFor[json.UnmarshalerFrom](),
		reflect.TypeFor[stdjson.Marshaler](), reflect.TypeFor[stdjson.Unmarshaler](),
	}
	textMethods = []reflect.Type{
		reflect.TypeFor[encoding.TextAppender](), reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}
	zeroMethod = reflect.TypeFor[interface{ IsZero() bool }]()
)

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
