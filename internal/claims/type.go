// Package claims reads and writes the JSON of an application's own types faster
// than a JSON library does. It inspects a type once, and not for each request.
package claims

import (
	"encoding"
	stdjson "encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth/token"
)

// A Type reads, writes, copies and compares the claims of a struct type. It
// supports strings, booleans, integers, dates, lists of strings, and structs of
// these, in JSON as servers write it: without white space, and without escapes in
// strings. Fields of other types go through the JSON library one by one. For all
// else callers use the JSON library for the whole value, with the same results:
// that would take a third of the time of a request. A nil Type supports nothing.
// A Type is safe for concurrent use.
type Type struct {
	claims     []claim
	comparable bool
}

// A claim is one member of the JSON object.
type claim struct {
	name      string // as it is in JSON, with quotes and colon
	index     []int
	kind      reflect.Kind
	object    *Type // of a struct
	omitzero  bool
	omitempty bool
	text      bool // of a type that writes itself, as a string
	viaJSON   bool // read by the JSON library, and written by it unless text is set
	excluded  bool // a field of the type that NewType excludes
}

const maxClaims = 64

// NewType inspects a type. It returns nil for a type that is not supported.
//
// The fields of an embedded struct of type exclude are left out by Clone and
// Equal: the caller compares them itself. Nil excludes none.
func NewType(t, exclude reflect.Type) *Type {
	c := &Type{comparable: true}
	if t.Kind() != reflect.Struct || !c.add(t, nil, exclude, t == exclude) || len(c.claims) > maxClaims {
		return nil
	}
	if _, err := json.Marshal(reflect.New(t).Interface()); err != nil {
		return nil // wrong tags, perhaps in an object that is seldom written
	}
	names := make(map[string]bool)
	for _, k := range c.claims {
		if names[k.name] {
			return nil // the JSON library decides which one counts
		}
		names[k.name] = true
	}
	return c
}

// Comparable reports whether Clone and Equal may be used. Otherwise a shallow
// copy shares too much with the original, and only the JSON of two values tells
// whether they differ.
func (c *Type) Comparable() bool { return c != nil && c.comparable }

// add adds the fields of a struct, itself a field with this index. It returns
// false if it does not support one of them.
func (c *Type) add(t reflect.Type, index []int, exclude reflect.Type, excluded bool) bool {
	if hasMethods(t) {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		k := claim{index: append(slices.Clone(index), i), kind: f.Type.Kind(), excluded: excluded}
		switch {
		case tag == "-", !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && tag == "" && k.kind == reflect.Struct:
			if !c.add(f.Type, k.index, exclude, excluded || f.Type == exclude) {
				return false
			}
			continue
		case f.Anonymous && tag == "", !f.IsExported():
			return false
		default:
			k.inspect(f.Type)
		}
		for option := range strings.SplitSeq(options, ",") {
			switch {
			case option == "":
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
		c.comparable = c.comparable && !k.viaJSON && (k.object == nil || k.object.comparable)
	}
	return true
}

// inspect sets how the JSON of a field's type is read and written.
func (k *claim) inspect(t reflect.Type) {
	switch k.kind {
	case reflect.Struct:
		k.object = NewType(t, nil)
		k.viaJSON = k.object == nil
	case reflect.Slice:
		k.viaJSON = t != reflect.TypeFor[[]string]()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		k.viaJSON = t != reflect.TypeFor[token.NumericDate]() && (t == reflect.TypeFor[time.Duration]() || hasMethods(t))
	case reflect.String, reflect.Bool:
		k.viaJSON = hasMethods(t)
	default:
		k.viaJSON = true
	}
	k.text = k.viaJSON && isText(t)
}

// hasMethods reports whether a type has methods to read or write its JSON, or to
// decide when it is zero.
func hasMethods(t reflect.Type) bool {
	return implements(t, jsonMethods...) || implements(t, textMethods...) || implements(t, zeroMethod)
}

// isText reports whether a type writes itself as text, and has no other method
// for JSON. Pointers and interfaces may be nil, which the JSON library handles.
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

// isPlain reports whether a string is the same in JSON, between quotes.
func isPlain(s string) bool {
	ascii := true
	for i := range len(s) {
		if !plain[s[i]] {
			if s[i] < utf8.RuneSelf {
				return false
			}
			ascii = false
		}
	}
	return ascii || utf8.ValidString(s)
}

// plain has the ASCII characters that are the same in JSON. It is a table because every byte
// of every claim is looked up.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()
