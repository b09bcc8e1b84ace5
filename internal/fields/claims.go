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
		case f.Anonymous && tag == "", !f.IsExported(), !k.learn(f.Type):
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

// learn notes how the JSON of a field's type looks. It returns false for one that
// only json knows.
func (k *claim) learn(t reflect.Type) bool {
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

// hasMethods tells whether a type reads or writes JSON itself, or says itself
// when it is zero.
func hasMethods(t reflect.Type) bool {
	return implements(t, jsonMethods...) || implements(t, textMethods...)
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
		reflect.TypeFor[interface{ IsZero() bool }](),
	}
	textMethods = []reflect.Type{
		reflect.TypeFor[encoding.TextAppender](), reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}
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
