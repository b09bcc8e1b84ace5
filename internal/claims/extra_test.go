package claims_test

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/claims"
)

// Types that the JSON library alone reads.
type (
	Base struct {
		Role string `json:"role,omitzero"`
	}
	byPointer struct {
		*Base
		Sub string `json:"sub"`
	}
	anyCase struct {
		N int `json:"n,case:ignore"`
	}
	escapedName struct {
		N int `json:"<é>"`
	}
	Left struct {
		Name string `json:"name"`
	}
	Right struct {
		Name string `json:"name"`
	}
	hidden struct {
		Extra jsontext.Value `json:"-"`
		N     int            `json:"n"`
	}
	withRest struct {
		N    int            `json:"n"`
		More jsontext.Value `json:",embed"`
	}
)

// conflict embeds two structs with one name, so that no field has it.
var conflict = reflect.StructOf([]reflect.StructField{
	{Name: "Left", Type: reflect.TypeFor[Left](), Anonymous: true},
	{Name: "Right", Type: reflect.TypeFor[Right](), Anonymous: true},
	{Name: "N", Type: reflect.TypeFor[int](), Tag: `json:"n"`},
})

// ownMethods has JSON of its own.
type ownMethods struct{ N int }

func (o ownMethods) MarshalJSON() ([]byte, error)  { return strconv.AppendInt(nil, int64(o.N), 10), nil }
func (o *ownMethods) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &o.N) }

// onlyWritten writes members of its own.
type onlyWritten struct{}

func (onlyWritten) MarshalJSON() ([]byte, error) { return []byte(`{"a":1}`), nil }

// The undeclared members are those that the JSON library has no field for.
func TestUnmarshal_Undeclared(t *testing.T) {
	for _, tt := range []struct {
		v          any
		doc, extra string
	}{
		{new(jwt), `{}`, ""},
		{new(jwt), `null`, ""},
		{new(jwt), `{"sub":"1","role":"r"}`, ""},
		{new(jwt), `{"First":"a","x":1,"sub":"1"}`, `{"x":1}`},
		{new(jwt), ` { "a" : [ 1, null ] , "big":9007199254740993,"s":"\u00e9"} `, `{"a":[ 1, null ],"big":9007199254740993,"s":"\u00e9"}`},
		{new(jwt), `{"Extra":{"a":1},"Hidden":[],"own":1}`, `{"Extra":{"a":1},"Hidden":[],"own":1}`},
		{new(jwt), `{"":0,"Role":"x","\u0072ole":"r","\ud83d\ude00":1}`, `{"":0,"Role":"x","\ud83d\ude00":1}`},
		{new(hidden), `{"Extra":1,"extra":2,"-":3,"n":4}`, `{"Extra":1,"extra":2,"-":3}`},
		{new(byPointer), `{"role":"r","sub":"1","Base":{}}`, `{"Base":{}}`},
		{new(byPointer), `{"sub":"1"}`, ""},
		{new(anyCase), `{"N":1,"m":2}`, `{"m":2}`},
		{new(escapedName), `{"\u003cé>":1,"<é":2}`, `{"<é":2}`},
		{reflect.New(conflict).Interface(), `{"name":"x","n":1}`, `{"name":"x"}`},
		{new(ownMethods), `7`, ""},
		{new(onlyWritten), `{"b":1}`, ""},
	} {
		for range 2 { // also with the remembered names
			v := reflect.New(reflect.TypeOf(tt.v).Elem()).Interface()
			var extra jsontext.Value
			if err := claims.Unmarshal(tt.doc, v, &extra); err != nil || string(extra) != tt.extra {
				t.Errorf("%T: %s leaves %s, %v; want %s", v, tt.doc, extra, err, tt.extra)
			}
			want := reflect.New(reflect.TypeOf(tt.v).Elem()).Interface()
			if err := json.Unmarshal([]byte(tt.doc), want); err != nil || !reflect.DeepEqual(v, want) {
				t.Errorf("%T: %s is read as %+v, json says %+v, %v", v, tt.doc, v, want, err)
			}
		}
	}
}

func TestUnmarshal_Refused(t *testing.T) {
	for _, v := range []any{new(jwt), new(byPointer), new(anyCase)} {
		for _, doc := range []string{
			``, `{`, `[]`, `{"x":1,"x":2}`, `{"x":1,"\u0078":2}`, `{"n":1,"sub":"","n":2}`, `{"sub":"1","sub":"1"}`, `{"x":tru}`, `{"x":1}{`, "{\"\xff\":1}", "{\"x\":\"\xff\"}",
		} {
			var extra jsontext.Value
			if err := claims.Unmarshal(doc, v, &extra); err == nil || extra != nil {
				t.Errorf("%T: %s is read, with %s", v, doc, extra)
			}
		}
	}
	var extra jsontext.Value
	if err := claims.Unmarshal(`{"n":1,"N":2}`, new(anyCase), &extra); err == nil {
		t.Error("a name in two cases is read twice")
	}
}

func TestMarshal_Undeclared(t *testing.T) {
	for _, tt := range []struct {
		v           any
		extra, want string // want "" is an error
	}{
		{&jwt{Role: "r"}, ``, `{"First":"","role":"r","level":0,"inner":{"deep":[]}}`},
		{&jwt{Role: "r"}, `{}`, `{"First":"","role":"r","level":0,"inner":{"deep":[]}}`},
		{&jwt{Role: "r"}, `{"z":1,"a":2}`, `{"First":"","role":"r","level":0,"inner":{"deep":[]},"z":1,"a":2}`},
		{&jwt{}, ` { "b" : [ 1 , "\u0061" ] } `, `{"First":"","role":"","level":0,"inner":{"deep":[]},"b":[1,"a"]}`},
		{&Base{}, `{"x":9007199254740993}`, `{"x":9007199254740993}`},
		{&Base{}, `{ }`, `{}`},
		{&byPointer{}, `{"x":1}`, `{"sub":"","x":1}`},
		{&hidden{}, `{"Extra":1,"extra":2,"-":3}`, `{"n":0,"Extra":1,"extra":2,"-":3}`},
		{reflect.New(conflict).Interface(), `{"name":"x"}`, `{"n":0,"name":"x"}`},
		{&ownMethods{}, `{"a":1}`, `0`},
		{&onlyWritten{}, `{"b":1}`, `{"a":1}`},

		{&jwt{}, `{"role":"x"}`, ""},  // written twice
		{&Base{}, `{"role":"x"}`, ""}, // read into the field
		{&Base{}, `{"\u0072ole":1}`, ""},
		{&byPointer{}, `{"role":"x"}`, ""},
		{&anyCase{}, `{"N":1}`, ""},
		{&jwt{}, `{"x":1,"x":2}`, ""},
		{&jwt{}, `{"x":1,"\u0078":2}`, ""},
		{&jwt{}, `{"x":{"y":1,"y":2}}`, ""},
		{&jwt{}, "{\"x\":\"\xff\"}", ""},
		{&jwt{}, ` `, ""},
		{&jwt{}, `null`, ""},
		{&jwt{}, `[]`, ""},
		{&jwt{}, `"a":1`, ""},
		{&jwt{}, `{`, ""},
		{&jwt{}, `{"a":1`, ""},
		{&jwt{}, `{"a"}`, ""},
		{&jwt{}, `{"a":}`, ""},
		{&jwt{}, `{"a":1,}`, ""},
		{&jwt{}, `{a:1}`, ""},
		{&jwt{}, `{"a":1}}`, ""},
		{&jwt{}, `{"a":1},"b":2`, ""},
		{&jwt{}, `{"a":1}{"b":2}`, ""},
		{&jwt{}, "{\"a\":1}\x00", ""},
	} {
		extra := jsontext.Value(tt.extra)
		for range 2 {
			got, err := claims.Marshal(tt.v, extra)
			if string(got) != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%T with %s is written as %s, %v; want %s", tt.v, tt.extra, got, err, tt.want)
			}
		}
		if string(extra) != tt.extra {
			t.Errorf("%s became %s", tt.extra, extra)
		}
	}
}

// A field for the other members takes them, if the JSON library knows its tag.
func TestUnmarshal_FieldForOthers(t *testing.T) {
	var v withRest
	var extra jsontext.Value
	if err := claims.Unmarshal(`{"n":1,"x":2}`, &v, &extra); err != nil {
		t.Fatal(err)
	}
	if got := string(v.More) + string(extra); got != `{"x":2}` {
		t.Errorf("the undeclared members are %s", got)
	}
	if got, err := claims.Marshal(&v, extra); err != nil || bytes.Count(got, []byte(`"x":2`)) != 1 {
		t.Errorf("written as %s, %v", got, err)
	}
}

// More names than are remembered.
func TestUnmarshal_ManyNames(t *testing.T) {
	type many struct {
		N int `json:"n"`
	}
	for from := range 3 {
		var want strings.Builder
		for i := range 500 {
			want.WriteString(`,"x` + strconv.Itoa(500*from+i) + `":` + strconv.Itoa(i))
		}
		var v many
		var extra jsontext.Value
		if err := claims.Unmarshal(`{"n":1`+want.String()+`}`, &v, &extra); err != nil || v.N != 1 || string(extra) != "{"+want.String()[1:]+"}" {
			t.Errorf("read as %+v, %s, %v", v, extra, err)
		}
	}
}

// What is read is written again: by a type that is supported, and by another one.
func FuzzUndeclared(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"n":1}`, `{"sub":"1","x":[1,{"a":null}],"role":"r"}`, `{"\u0073ub":"a","Sub":1}`, `{"x":1,"x":2}`, `{"x" : 1.50e3 }`, `null`, `{"":{}}`, `{"x":"\ud800"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		for _, typ := range []reflect.Type{reflect.TypeFor[Base](), reflect.TypeFor[byPointer](), reflect.TypeFor[anyCase]()} {
			v := reflect.New(typ).Interface()
			var extra jsontext.Value
			if claims.Unmarshal(doc, v, &extra) != nil {
				continue
			}
			written, err := claims.Marshal(v, extra)
			if err != nil {
				t.Fatalf("%T: %s, with %s, can't be written: %v", v, doc, extra, err)
			}
			again := reflect.New(typ).Interface()
			var more jsontext.Value
			if err := claims.Unmarshal(string(written), again, &more); err != nil || (more == nil) != (extra == nil) {
				t.Errorf("%T: %s, written as %s, leaves %s, %v", v, doc, written, more, err)
			}
			if got, err := claims.Marshal(again, more); err != nil || string(got) != string(written) {
				t.Errorf("%T: %s, written as %s, is written again as %s, %v", v, doc, written, got, err)
			}
		}
	})
}

func BenchmarkUndeclared(b *testing.B) {
	doc := `{"name":"Ada","sub":"4b3f6c52","exp":1700000000,"node":{"says":[1,2,3]},"iss":"x"}`
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var extra jsontext.Value
			if err := claims.Unmarshal(doc, new(Default), &extra); err != nil {
				b.Fatal(err)
			}
		}
	})
	v, extra := &Default{Subject: "4b3f6c52", Expires: 1700000000}, jsontext.Value(`{"name":"Ada","node":{"says":[1,2,3]},"iss":"x"}`)
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := claims.Marshal(v, extra); err != nil {
				b.Fatal(err)
			}
		}
	})
}
