package storetest

import (
	"crypto/sha256"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// fields calls do with each field of a struct, and of those that are embedded in it.
func fields(v reflect.Value, do func(name string, f reflect.Value)) {
	for i := range v.NumField() {
		switch f := v.Type().Field(i); {
		case f.Name == "_":
		case f.Anonymous:
			fields(v.Field(i), do)
		default:
			do(f.Name, v.Field(i))
		}
	}
}

// fill gives each field of a struct a value of its own, other than the present one, which
// is valid and has a text at its end. A type that it does not know fails the test, so that no
// field is forgotten.
func fill[T any](t *testing.T, p *T, text string) {
	t.Helper()
	n := 0
	fields(reflect.ValueOf(p).Elem(), func(name string, f reflect.Value) {
		n++
		switch v := f.Addr().Interface().(type) {
		case *string:
			if *v = unique(name) + text; name == "Email" {
				*v = strings.ToLower(*v)
			}
		case *time.Time:
			from := later()
			if v.After(from) {
				from = *v
			}
			*v = from.Add(time.Duration(n) * time.Minute).In(time.FixedZone("", 5*60*60))
		case *bool:
			*v = !*v
		case *int64:
			*v += 1<<40 + int64(n)
		case *jsontext.Value:
			*v = object(text + unique(name))
		case *[sha256.Size]byte:
			*v = sha256.Sum256([]byte(unique(name)))
		default:
			t.Fatalf("storetest has no value for %s, a %T", name, v)
		}
	})
}

// object returns a JSON object that has a text, and is not as encoders write it.
func object(text string) jsontext.Value {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		panic(err) // the text is not UTF-8
	}
	return slices.Concat(jsontext.Value(" {\"b\" : 1.0,\n\t\"a\":1e2, \"\\u00e9\":"), quoted, jsontext.Value(" }\n"))
}

// equal fails the test unless two structs are equal, with times as stores keep them, but
// for the fields of some names.
func equal[T any](t *testing.T, what string, got, want *T, but ...string) {
	t.Helper()
	compare(t, what, got, want, inMillis, but)
}

// untouched fails the test unless a struct is as the caller gave it, but for the fields of
// some names.
func untouched[T any](t *testing.T, what string, got, given *T, but ...string) {
	t.Helper()
	compare(t, what, got, given, func(at time.Time) time.Time { return at }, but)
}

func compare[T any](t *testing.T, what string, got, want *T, timeOf func(time.Time) time.Time, but []string) {
	t.Helper()
	if got == nil {
		t.Fatalf("%s = nil", what)
	}
	values := make(map[string]any)
	fields(reflect.ValueOf(want).Elem(), func(name string, f reflect.Value) {
		switch v := f.Interface().(type) {
		case jsontext.Value:
			values[name] = string(v)
		case time.Time:
			values[name] = timeOf(v)
		default:
			values[name] = v
		}
	})
	fields(reflect.ValueOf(got).Elem(), func(name string, f reflect.Value) {
		got := f.Interface()
		if v, ok := got.(jsontext.Value); ok {
			got = string(v)
		}
		if got != values[name] && !slices.Contains(but, name) {
			t.Errorf("%s: %s = %s, want %s", what, name, abbreviate(got), abbreviate(values[name]))
		}
	})
}

// setLength gives a string or a JSON object of a struct a length in bytes, and the others
// none. fill is repeated for that.
func setLength(f reflect.Value, fill string, n int) {
	switch v := f.Addr().Interface().(type) {
	case *string:
		*v = strings.Repeat(fill, n/len(fill)) + strings.Repeat("x", n%len(fill))
	case *jsontext.Value:
		const around = len(`{"":""}`)
		text := max(0, n-around)
		*v = jsontext.Value(`{"":"` + strings.Repeat(fill, text/len(fill)) + strings.Repeat("x", text%len(fill)) + `"}`)
	}
}

// longest calls do with the name of each string and JSON object of a struct that valid
// returns, and the largest length that check allows. A field without a limit, or with one
// of more than 1 MB, fails the test: not all databases could store it. UserID is that of a
// user.
func longest[T any](t *testing.T, valid func() *T, check func(*T) error, do func(name string, length int)) {
	t.Helper()
	fields(reflect.ValueOf(valid()).Elem(), func(name string, f reflect.Value) {
		switch f.Interface().(type) {
		case string, jsontext.Value:
		default:
			return
		}
		if name == "UserID" {
			return
		}
		fits := func(n int) bool { return check(withLength(valid(), name, "x", n)) == nil }
		least, most := 1, 1<<20
		if fits(most) {
			t.Errorf("Check does not limit %s", name)
			return
		}
		for most-least > 1 { // least fits, most does not
			middle := (least + most) / 2
			if fits(middle) {
				least = middle
			} else {
				most = middle
			}
		}
		do(name, least)
	})
}

// withLength gives a field of p a length.
func withLength[T any](p *T, name, fill string, n int) *T {
	fields(reflect.ValueOf(p).Elem(), func(other string, f reflect.Value) {
		if other == name {
			setLength(f, fill, n)
		}
	})
	return p
}
