package typescript

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A field is a struct field that is a member of the JSON object.
type field struct {
	typ     reflect.Type
	in      reflect.Type // the struct that has the field
	goName  string
	name    string // in JSON
	hasName bool   // in the tag
	index   []int
	pointer bool // reached through an embedded pointer, which may be nil

	omitzero, omitempty, quoted bool
}

// fieldsOf returns the members of the JSON of a struct in their order, by the rules of
// JSON, version 2: those of Go's embedding, except that fields which are nearer, and then
// fields with a name in their tag, hide the others. It also returns whether the struct
// has members of any name.
func fieldsOf(root reflect.Type) (fields []field, open bool, err error) {
	type level struct {
		typ     reflect.Type
		index   []int
		pointer bool
		embeds  bool // the structs that it embeds are visited
	}
	queue := []level{{typ: root, embeds: true}}
	seen := map[reflect.Type]bool{root: true}
	var all []field
	for i := 0; i < len(queue); i++ {
		l := queue[i]
		for n := range l.typ.NumField() {
			sf := l.typ.Field(n)
			f, embed, ok, err := parse(sf)
			if err != nil {
				return nil, false, fmt.Errorf("%v.%s: %w", l.typ, sf.Name, err)
			}
			if !ok {
				continue
			}
			f.in, f.index, f.pointer = l.typ, append(slices.Clone(l.index), n), l.pointer
			if !embed {
				all = append(all, f)
				continue
			}
			to, pointer := f.typ, l.pointer
			if to.Kind() == reflect.Pointer && to.Name() == "" {
				to, pointer = to.Elem(), true
			}
			if to.Kind() != reflect.Struct {
				open = true // a map, or jsontext.Value: json checks it
				continue
			}
			if l.embeds {
				queue = append(queue, level{to, f.index, pointer, !seen[to]})
			}
			seen[to] = true
		}
	}
	return dominant(all), open, checkJSON(root)
}

// dominant returns the fields that are in JSON, in their order there.
func dominant(all []field) []field {
	slices.SortStableFunc(all, func(a, b field) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(len(a.index), len(b.index)), compareBool(b.hasName, a.hasName))
	})
	var fields []field
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].name == all[0].name {
			n++
		}
		if n == 1 || len(all[0].index) != len(all[1].index) || all[0].hasName != all[1].hasName {
			fields = append(fields, all[0])
		}
		all = all[n:]
	}
	slices.SortFunc(fields, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return fields
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// parse reads the tag of a field. ok is false for a field that is not in JSON. What is
// wrong in a tag is left to checkJSON.
func parse(sf reflect.StructField) (f field, embed, ok bool, err error) {
	tag := sf.Tag.Get("json")
	if tag == "-" || !sf.IsExported() && !sf.Anonymous {
		return f, false, false, nil
	}
	f = field{typ: sf.Type, goName: sf.Name, name: sf.Name}
	name, options, _ := strings.Cut(tag, ",")
	if name != "" {
		f.name, f.hasName = name, true
	}
	for option := range strings.SplitSeq(options, ",") {
		option = option[:len(option)-len(strings.TrimLeftFunc(option, isWord))]
		switch option {
		case "omitzero":
			f.omitzero = true
		case "omitempty":
			f.omitempty = true
		case "string":
			f.quoted = true
		case "embed":
			embed = true
		case "format":
			return f, false, false, errors.New("the option format of a json tag is not supported")
		}
	}
	return f, embed || sf.Anonymous && !f.hasName, true, nil
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

// checkJSON returns the error of the JSON library for the tags and fields of a struct, as
// opposed to one for the value of a field.
func checkJSON(t reflect.Type) error {
	_, err := json.Marshal(reflect.New(t).Interface())
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && semantic.JSONPointer == "" {
		return fmt.Errorf("JSON refuses %v: %w", t, err)
	}
	return nil
}

// checkMembers compares members with those that the JSON library writes for an empty
// struct: versions of the library differ in how they spell options of tags.
func checkMembers(t reflect.Type, o *object) error {
	doc, err := json.Marshal(reflect.New(t).Interface())
	if err != nil {
		return nil //nolint:nilerr // the value of a field, which need not be empty
	}
	var written map[string]jsontext.Value
	if err := json.Unmarshal(doc, &written); err != nil {
		return fmt.Errorf("the JSON of %v: %w", t, err)
	}
	for _, m := range o.members {
		if _, ok := written[m.name]; !ok && !m.optional {
			return fmt.Errorf("%v: JSON has no member %q: the version of the JSON library has other options in tags", t, m.name)
		}
		delete(written, m.name)
	}
	if len(written) > 0 && !o.open {
		return fmt.Errorf("%v: JSON has members for which there is no field: the version of the JSON library has other options in tags", t)
	}
	return nil
}
