package claims_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/claims"
	"github.com/nuxtauth/nuxtauth/token"
)

// Random structs: those that are supported have the same JSON as with json.
func TestType_RandomStructs(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(1, seed))
	supported := 0
	for range 3000 {
		typ := randomStruct(r, 3)
		c := claims.NewType(typ, reflect.TypeFor[Default]())
		if c == nil {
			continue
		}
		supported++
		var before reflect.Value
		for range 6 {
			v := reflect.New(typ)
			fill(r, v.Elem())
			if problem := compare(r, c, v, before); problem != "" {
				t.Fatalf("seed %d: %v\n%s", seed, typ, problem)
			}
			before = v
		}
	}
	if supported < 100 {
		t.Errorf("%d types are supported", supported)
	}
}

// compare describes how a value, or two, differ from those of json.
func compare(r *rand.Rand, c *claims.Type, v, before reflect.Value) string {
	doc, err := json.Marshal(v.Interface(), json.Deterministic(true))
	if own, ok := c.Append(nil, v.Interface()); ok && (err != nil || string(own) != string(doc)) {
		return fmt.Sprintf("written as %s\njson says %s, %v", own, doc, err)
	}
	if err != nil {
		return ""
	}
	damaged := []byte(string(doc))
	damaged[r.IntN(len(damaged))] = `{}[],:"a0-1 n\`[r.IntN(14)]
	for _, doc := range []string{string(doc), string(damaged), string(doc[:r.IntN(len(doc))]), string(doc) + " "} {
		got, want := reflect.New(v.Type().Elem()), reflect.New(v.Type().Elem())
		err := json.Unmarshal([]byte(doc), want.Interface())
		if c.Decode(doc, got.Interface()) && (err != nil || !reflect.DeepEqual(got.Interface(), want.Interface())) {
			return fmt.Sprintf("%s\nread as %+v\njson says %+v, %v", doc, got.Elem(), want.Elem(), err)
		}
	}
	if !before.IsValid() || !c.Comparable() {
		return ""
	}
	earlier, err := json.Marshal(before.Interface(), json.Deterministic(true))
	if equal := c.Equal(v.Interface(), before.Interface()); err == nil && equal != (string(doc) == string(earlier)) {
		return fmt.Sprintf("equal is %v for\n%s\n%s", equal, doc, earlier)
	}
	return ""
}

var (
	often  = []any{"", Role(""), false, 0, int8(0), int16(0), int64(0), []string(nil), token.NumericDate(0)}
	seldom = []any{uint(0), new(int), jsontext.Value(nil), []Role(nil), 0.5, time.Time{}, time.Second, zero(0), iso{}, new(iso), written{}, Default{},
		map[string]int(nil), []int(nil), [2]string{}, new(string), new(Origin), map[string]any(nil)}

	options = []string{"", "", "", ",omitzero", ",omitempty", ",omitzero,omitempty", ",string", ",case:ignore", ",embed", ","}
	names   = []string{"", "a", "b", "c d", "é", "x\u2028y", "<", "A.b", "'q'", `a\b`, "-", "F0"}
)

func one[V any](r *rand.Rand, of []V) V { return of[r.IntN(len(of))] }

// randomStruct returns a random struct type.
func randomStruct(r *rand.Rand, depth int) reflect.Type {
	var list []reflect.StructField
	for i := range r.IntN(6) {
		f := reflect.StructField{Name: "F" + strconv.Itoa(i)}
		switch k := r.IntN(20); {
		case k < 3:
			f.Type = reflect.TypeOf(one(r, seldom))
		case k < 7 && depth > 0:
			f.Type = randomStruct(r, depth-1)
		default:
			f.Type = reflect.TypeOf(one(r, often))
		}
		if r.IntN(4) > 0 {
			name := "m" + strconv.Itoa(i)
			if r.IntN(4) == 0 {
				name = one(r, names)
			}
			f.Tag = reflect.StructTag("json:" + strconv.Quote(name+one(r, options)))
		}
		if f.Type == reflect.TypeFor[jsontext.Value]() && r.IntN(2) == 0 {
			f.Tag = `json:",embed"`
		}
		list = append(list, f)
	}
	return reflect.StructOf(list)
}

// fill sets most parts of v to random values.
func fill(r *rand.Rand, v reflect.Value) {
	if r.IntN(4) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(one(r, []string{"", "a", "é", `a"b`, "\xff", "<>&", "\x7f", "\u2028"}))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int64:
		v.SetInt(one(r, []int64{0, 1, -1, 127, -128, 1 << 53, -1 << 63, 1<<63 - 1, 999_999_999_999_999}))
	case reflect.Float64:
		v.SetFloat(one(r, []float64{0, 0.5, -1, 1e21, 1e-7, 3}))
	case reflect.Uint:
		v.SetUint(r.Uint64())
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.Map:
		switch m := v.Addr().Interface().(type) {
		case *map[string]int:
			*m = one(r, []map[string]int{{}, {"a": 1}, {"b": 2, "a": 1, `"`: 3}})
		case *map[string]any:
			*m = one(r, []map[string]any{{}, {"a": []any{"}", map[string]any{`\"`: nil}}}, {"]": 0.5}})
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[[]string]() {
			v.Set(reflect.ValueOf(one(r, [][]string{nil, {}, {"a"}, {"", "b"}, {"\n"}})))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(r, v.Field(i))
			}
		}
	}
}
