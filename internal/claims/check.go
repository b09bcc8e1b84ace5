package claims

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Rules are what an application's type must heed that embeds a type of the library, its
// default, beyond what the compiler checks.
type Rules struct {
	IsDefault func(reflect.Type) bool
	Names     []string // the JSON names of the default, which no other field may have
	Visible   []string // the Go names of the default's fields that no other field may hide
	Optional  bool     // a type need not embed the default

	// Markers are the constraints that types satisfy by embedding a default by value, or
	// by pointer too, which is a mistake.
	Markers []reflect.Type
}

// Check returns all mistakes of a type, joined.
func (r Rules) Check(t reflect.Type) error {
	if t.Kind() != reflect.Struct {
		if r.Optional {
			return nil
		}
		return fmt.Errorf("nuxtauth: %v must be a struct, not a pointer", t)
	}
	if r.Optional && !slices.ContainsFunc(slices.Collect(t.Fields()), func(f reflect.StructField) bool {
		return f.Anonymous && (r.IsDefault(f.Type) || f.Type.Kind() == reflect.Pointer && r.IsDefault(f.Type.Elem()))
	}) {
		return nil
	}
	return errors.Join(r.checkEmbedding(t), r.checkVisible(t))
}

// checkEmbedding reports a default that is embedded by pointer or with a JSON name, and
// fields beside it that have one of its JSON names.
func (r Rules) checkEmbedding(t reflect.Type) error {
	if r.IsDefault(t) {
		return nil
	}
	var problems []error
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		pointer := f.Type != inner
		switch {
		case f.Anonymous && r.IsDefault(inner):
			if pointer {
				problems = append(problems, byPointer(t, inner))
			}
			if name != "" {
				problems = append(problems, fmt.Errorf("nuxtauth: %v gives the embedded %v a json tag: leave the tag out, its fields belong to the top level", t, inner))
			}
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			if pointer && slices.ContainsFunc(r.Markers, inner.Implements) {
				problems = append(problems, byPointer(t, inner))
			}
			problems = append(problems, r.checkEmbedding(inner))
		case f.IsExported():
			for _, n := range r.Names {
				if n == name || name == "" && n == f.Name {
					problems = append(problems, fmt.Errorf("nuxtauth: %v.%s has the JSON name %q, which is the library's: give it another name", t, f.Name, n))
				}
			}
		}
	}
	return errors.Join(problems...)
}

func byPointer(t, inner reflect.Type) error {
	return fmt.Errorf("nuxtauth: %v embeds *%v by pointer: embed it by value, without the *", t, inner)
}

// checkVisible reports fields that hide one of the default, in which callbacks set the
// user's ID, or the user that the front end sees: such code would set the field that
// hides it.
func (r Rules) checkVisible(t reflect.Type) error {
	var problems []error
	for _, name := range r.Visible {
		f, ok := t.FieldByName(name)
		if !ok {
			continue
		}
		in := t // the struct that has the field
		for _, i := range f.Index[:len(f.Index)-1] {
			if in = in.Field(i).Type; in.Kind() == reflect.Pointer {
				in = in.Elem()
			}
		}
		if !r.IsDefault(in) {
			problems = append(problems, fmt.Errorf("nuxtauth: %v.%s hides the field of the embedded type, so that setting it has no effect there: give it another name", in, name))
		}
	}
	return errors.Join(problems...)
}
