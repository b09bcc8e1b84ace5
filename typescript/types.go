package typescript

import (
	"encoding"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/token"
)

// A tsType is a type of TypeScript. One of its fields is set, besides null and from.
type tsType struct {
	text   string       // of an expression
	values []string     // the literals of a union
	object *object      // that is written out
	from   reflect.Type // of object
	list   *tsType      // of an array
	tuple  []tsType
	dict   *tsType  // of an object with an index signature
	keys   []string // the names in dict, if these are known
	null   bool     // or null
}

// An object has members, and others of any name if it is open.
type object struct {
	members []member
	open    bool
}

type member struct {
	name     string
	optional bool
	typ      tsType
	doc      string
	goName   string // "User.ID", for errors
}

func (o *object) member(name string) (member, bool) {
	for _, m := range o.members {
		if m.name == name {
			return m, true
		}
	}
	return member{}, false
}

// A generator turns Go types into those of TypeScript.
type generator struct {
	options  Options
	session  reflect.Type
	enums    map[reflect.Type][]string // literals
	names    *names
	pending  []reflect.Type // named, and yet to be declared
	declares map[reflect.Type]bool
}

func newGenerator(session reflect.Type, o Options) *generator {
	return &generator{options: o, session: session, enums: map[reflect.Type][]string{}, names: newNames(), declares: map[reflect.Type]bool{}}
}

func (g *generator) doc(t reflect.Type, field string) string {
	if g.options.Doc == nil {
		return ""
	}
	return g.options.Doc(t, field)
}

// object returns the members of a struct.
func (g *generator) object(t reflect.Type) (*object, error) {
	fields, open, err := fieldsOf(t)
	if err != nil {
		return nil, err
	}
	o := &object{open: open}
	for _, f := range fields {
		m := member{name: f.name, optional: f.omitzero || f.pointer, doc: g.doc(f.in, f.goName), goName: f.in.Name() + "." + f.goName}
		value := g.value
		if t == g.session && f.name == "user" && isPlainStruct(f.typ) {
			value = g.composite // written out
		}
		if m.typ, err = value(f.typ); err != nil {
			return nil, fmt.Errorf("%v.%s: %w", f.in, f.goName, err)
		}
		if f.quoted {
			if m.typ, err = quoted(f.typ, m.typ); err != nil {
				return nil, fmt.Errorf("%v.%s: %w", f.in, f.goName, err)
			}
		}
		switch {
		case f.omitempty && g.canBeEmpty(f.typ) && !f.quoted, f.omitempty && f.typ.Kind() == reflect.Pointer:
			m.optional, m.typ.null = true, false
		case f.omitzero && f.typ.Kind() == reflect.Pointer:
			m.typ.null = f.typ.Elem().Kind() == reflect.Pointer
		}
		m.typ.values = f.written(m.typ.values)
		o.members = append(o.members, m)
	}
	return o, checkMembers(t, o)
}

// written returns the known values without the one that is left out.
func (f *field) written(values []string) []string {
	leftOut := ""
	switch {
	case values == nil:
	case f.omitempty && slices.Contains(values, "''"):
		leftOut = "''"
	case f.omitzero && f.typ.Kind() != reflect.Pointer && !reflect.PointerTo(f.typ).Implements(zeroMethod):
		leftOut, _ = literal(reflect.Zero(f.typ)) // one that JSON refuses is not written
		if f.quoted {
			leftOut = quote(leftOut)
		}
	}
	if len(values) == 1 && values[0] == leftOut {
		return []string{"never"}
	}
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == leftOut })
}

// quoted is a number in quotes.
func quoted(t reflect.Type, number tsType) (tsType, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !isNumber(t.Kind()) || hasMethods(t) {
		return number, errors.New("the option string of a json tag is for numbers")
	}
	if number.values == nil {
		return tsType{text: "string", null: number.null}, nil
	}
	number.values = slices.Clone(number.values)
	for i, literal := range number.values {
		number.values[i] = quote(literal)
	}
	return number, nil
}

func isNumber(k reflect.Kind) bool {
	return k >= reflect.Int && k <= reflect.Uintptr || k == reflect.Float32 || k == reflect.Float64
}

// value returns the type of the JSON of a Go type.
func (g *generator) value(t reflect.Type) (tsType, error) {
	if values, err := g.enum(t); values != nil || err != nil {
		return tsType{values: values}, err
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return tsType{text: "string"}, nil
	case t == reflect.TypeFor[token.NumericDate]():
		return tsType{text: "number"}, nil
	case t == reflect.TypeFor[time.Duration]():
		return tsType{}, errors.New("JSON refuses a time.Duration: write a number of seconds, or a string")
	case implements(t, jsonMethods):
		return tsType{text: "unknown"}, nil
	case implements(t, textMethods):
		return tsType{text: "string"}, nil
	}
	if (t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Array) && t.Name() != "" && reaches(t, t) {
		return tsType{text: g.declare(t)}, nil
	}
	switch k := t.Kind(); {
	case k == reflect.Struct && t.Name() != "" && t != reflect.TypeFor[token.Origin]():
		return tsType{text: g.declare(t)}, nil
	default:
		return g.composite(t)
	}
}

// composite is value for a type that is written out where it is used.
func (g *generator) composite(t reflect.Type) (tsType, error) {
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return tsType{text: "boolean"}, nil
	case isNumber(k):
		return tsType{text: "number"}, nil
	case k == reflect.String:
		return tsType{text: "string"}, nil
	case k == reflect.Interface:
		return tsType{text: "unknown"}, nil
	case k == reflect.Struct:
		o, err := g.object(t)
		return tsType{object: o, from: t}, err
	case k == reflect.Pointer:
		return g.pointer(t)
	case k == reflect.Map:
		return g.dict(t)
	case (k == reflect.Slice || k == reflect.Array) && t.Elem() == reflect.TypeFor[byte]():
		return tsType{text: "string"}, nil // in base64
	case k == reflect.Slice:
		elem, err := g.value(t.Elem())
		return tsType{list: &elem}, err
	case k == reflect.Array && t.Len() <= maxTuple:
		elem, err := g.value(t.Elem())
		return tsType{tuple: slices.Repeat([]tsType{elem}, t.Len())}, err
	case k == reflect.Array:
		elem, err := g.value(t.Elem())
		return tsType{list: &elem}, err
	}
	return tsType{}, fmt.Errorf("JSON refuses a %v", t)
}

// maxTuple is the number of elements up to which an array is a tuple.
const maxTuple = 16

func (g *generator) pointer(t reflect.Type) (tsType, error) {
	for seen := map[reflect.Type]bool{}; t.Kind() == reflect.Pointer; t = t.Elem() {
		if seen[t] {
			return tsType{}, fmt.Errorf("JSON refuses %v, a pointer to itself", t)
		}
		seen[t] = true
	}
	to, err := g.value(t)
	to.null = true
	return to, err
}

func (g *generator) dict(t reflect.Type) (tsType, error) {
	key := t.Key()
	keys, err := g.enum(key)
	if err != nil {
		return tsType{}, err
	}
	switch k := key.Kind(); {
	case k == reflect.String, isNumber(k) && key != reflect.TypeFor[time.Duration](), k == reflect.Interface, hasMethods(key):
	default:
		return tsType{}, fmt.Errorf("JSON refuses the keys of a %v", t)
	}
	elem, err := g.value(t.Elem())
	return tsType{dict: &elem, keys: keys}, err
}

// canBeEmpty reports whether the JSON of a type can be null, "", [] or {}, which
// omitempty leaves out. That of a type with known values is one of these, or unset.
func (g *generator) canBeEmpty(t reflect.Type) bool {
	if values, err := g.enum(t); values != nil && err == nil {
		zero, _ := literal(reflect.Zero(t))
		return zero == "''" || slices.Contains(values, "''")
	}
	switch {
	case t == reflect.TypeFor[time.Time](), t == reflect.TypeFor[token.NumericDate](), t == reflect.TypeFor[nuxtauth.ISOTime]():
		return false
	case hasMethods(t):
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return true
	case reflect.Array:
		return t.Len() == 0
	case reflect.Struct:
		fields, _, _ := fieldsOf(t)
		return !slices.ContainsFunc(fields, func(f field) bool {
			return !f.omitzero && !f.pointer && !(f.omitempty && g.canBeEmpty(f.typ))
		})
	}
	return false
}

// reaches reports whether the JSON of a type has one of type to inside, other than in
// a struct that has a name.
func reaches(t, to reflect.Type) bool { return reachesUnseen(t, to, map[reflect.Type]bool{}) }

func reachesUnseen(t, to reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || implements(t, jsonMethods) || implements(t, textMethods) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Pointer:
		return t.Elem() == to || reachesUnseen(t.Elem(), to, seen)
	case reflect.Struct:
		if t.Name() != "" {
			return false
		}
		for f := range t.Fields() {
			if f.Type == to || reachesUnseen(f.Type, to, seen) {
				return true
			}
		}
	}
	return false
}

// addEnum adds the values of a type.
func (g *generator) addEnum(e Enum) error {
	if e.typ == nil {
		return errors.New("an Enum of Options.Enums is empty: write typescript.EnumOf")
	}
	var literals []string
	for i := range e.values.Len() {
		l, err := literal(e.values.Index(i))
		if err != nil {
			return fmt.Errorf("the value %v of %v: %w", e.values.Index(i), e.typ, err)
		}
		if !slices.Contains(literals, l) {
			literals = append(literals, l)
		}
	}
	if literals == nil {
		return fmt.Errorf("the enum %v has no values: list them, or leave the enum out", e.typ)
	}
	g.enums[e.typ] = literals
	return nil
}

// literal returns a value as TypeScript writes it.
func literal(v reflect.Value) (string, error) {
	doc, err := json.Marshal(v.Interface())
	if err != nil {
		return "", err
	}
	switch jsontext.Value(doc).Kind() {
	case jsontext.KindString:
		var s string
		err := json.Unmarshal(doc, &s)
		return quote(s), err
	case jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse:
		return string(doc), nil
	}
	return "", errors.New("it is no string, number or boolean in JSON")
}

// enum returns the known values of a type, as literals, nil if there are none.
func (g *generator) enum(t reflect.Type) ([]string, error) {
	if values := g.enums[t]; values != nil {
		return values, nil
	}
	if t.Name() == "" || t.Kind() == reflect.Interface {
		return nil, nil
	}
	method := reflect.New(t).MethodByName("Values")
	if !method.IsValid() || method.Type() != reflect.FuncOf(nil, []reflect.Type{reflect.SliceOf(t)}, false) {
		return nil, nil
	}
	err := g.addEnum(Enum{t, method.Call(nil)[0]})
	return g.enums[t], err
}

func isPlainStruct(t reflect.Type) bool { return t.Kind() == reflect.Struct && !hasMethods(t) }

// hasMethods reports whether a type writes its JSON itself.
func hasMethods(t reflect.Type) bool { return implements(t, jsonMethods) || implements(t, textMethods) }

// implements reports whether a type has one of the methods, which JSON does not call on
// a pointer or an interface that may be nil.
func implements(t reflect.Type, methods []reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false
	}
	return slices.ContainsFunc(methods, reflect.PointerTo(t).Implements)
}

var (
	jsonMethods = []reflect.Type{reflect.TypeFor[json.MarshalerTo](), reflect.TypeFor[stdjson.Marshaler]()}
	zeroMethod  = reflect.TypeFor[interface{ IsZero() bool }]()
	textMethods = []reflect.Type{reflect.TypeFor[encoding.TextAppender](), reflect.TypeFor[encoding.TextMarshaler]()}
)
