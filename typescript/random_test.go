package typescript_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/token"
	"github.com/nuxtauth/nuxtauth/typescript"
)

// Random types and values: tsc admits what JSON writes, and each thing that a type admits is
// written for some value.
func TestWrite_AdmitsExactlyWhatJSONWrites(t *testing.T) {
	const tsc = "../e2e/types/node_modules/typescript"
	if _, err := os.Stat(tsc); err != nil {
		if os.Getenv("NUXTAUTH_REQUIRE_SERVERS") != "" {
			t.Fatal("no tsc: run make deps")
		}
		t.Skip("no tsc: run make deps")
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(1, seed))
	dir := t.TempDir()
	written := map[string]string{
		"wrong-missing.ts": declared("a: string", `{}`),
		"wrong-more.ts":    declared("a: string", `{"a":"","b":1}`),
		"wrong-null.ts":    declared("a: string[]", `{"a":null}`),
		"wrong-literal.ts": declared("a: 'x'", `{"a":""}`),
		"loose-omit.ts":    declared("a?: string", `{"a":""}`),
		"loose-null.ts":    declared("a: { b: string | null }[]", `{"a":[{"b":""}]}`),
		"loose-literal.ts": declared("a: { [key: string]: 'x' | 'y' }", `{"a":{"k":"x"}}`),
	}
	for i := range 25 {
		user := reflect.TypeFor[User]()
		if i > 0 {
			user = randomStruct(r, 3)
		}
		written[fmt.Sprintf("random-%d.ts", i)] = sessions(t, r, user)
	}
	for name, text := range written {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("node", "../e2e/types/values.mjs", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var problems map[string][]string
	if err := json.Unmarshal(out, &problems); err != nil || len(problems) != len(written) {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, list := range problems {
		if random := strings.HasPrefix(name, "random"); random != (len(list) == 0) {
			text, _, _ := strings.Cut(written[name], "const values")
			t.Errorf("seed %d, %s: %q\n%s", seed, name, list, text)
		}
	}
}

// declared is a file with a type and values of it, all of which are the same.
func declared(member, value string) string {
	return "export interface Session { " + member + " }\nconst values: Session[] = [" + strings.TrimSuffix(strings.Repeat(value+",\n", 60), ",\n") + "]\n"
}

// sessions is a file with the type of the sessions of a user type, and random sessions.
func sessions(t *testing.T, r *rand.Rand, user reflect.Type) string {
	t.Helper()
	session := reflect.StructOf([]reflect.StructField{
		{Name: "User", Type: user, Tag: `json:"user"`},
		{Name: "Expires", Type: reflect.TypeFor[nuxtauth.ISOTime](), Tag: `json:"expires"`},
	})
	var b bytes.Buffer
	o := typescript.Options{Target: typescript.Plain, Enums: enums}
	if err := typescript.WriteTypes(&b, reflect.TypeFor[nuxtauth.DefaultJWT](), session, o); err != nil {
		t.Fatalf("%v: %v", user, err)
	}
	b.WriteString("const values: Session[] = [\n")
	for i := range 120 {
		v := reflect.New(session)
		fill(r, v.Elem().Field(0), 4)
		doc, err := jsonv2.Marshal(v.Interface(), jsonv2.Deterministic(true)) // as the middleware does
		if err != nil {
			t.Fatalf("%v: %v", user, err)
		}
		if i > 0 {
			b.WriteString(",\n")
		}
		b.Write(doc)
	}
	b.WriteString("\n]\n")
	return b.String()
}

var (
	randomTypes = []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[uint16](), reflect.TypeFor[int64](), reflect.TypeFor[float64](),
		reflect.TypeFor[Role](), reflect.TypeFor[Plan](), reflect.TypeFor[time.Time](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[token.NumericDate](),
		reflect.TypeFor[nuxtauth.ISOTime](), reflect.TypeFor[any](), reflect.TypeFor[[]byte](), reflect.TypeFor[Person](), reflect.TypeFor[Team](), reflect.TypeFor[Page[*Team]](),
		reflect.TypeFor[tree](), reflect.TypeFor[list](), reflect.TypeFor[struct{}](),
	}
	randomOptions = []string{"", "", ",omitzero", ",omitempty", ",omitzero,omitempty"}
)

func one[V any](r *rand.Rand, of []V) V { return of[r.IntN(len(of))] }

func randomType(r *rand.Rand, depth int) reflect.Type {
	if depth > 0 {
		switch r.IntN(9) {
		case 0:
			return reflect.PointerTo(randomType(r, depth-1))
		case 1:
			return reflect.SliceOf(randomType(r, depth-1))
		case 2:
			return reflect.MapOf(one(r, []reflect.Type{reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[Feature](), reflect.TypeFor[netip.Addr]()}), randomType(r, depth-1))
		case 3:
			return reflect.ArrayOf(r.IntN(3), randomType(r, depth-1))
		case 4:
			return randomStruct(r, depth-1)
		}
	}
	return one(r, randomTypes)
}

func randomStruct(r *rand.Rand, depth int) reflect.Type {
	var fields []reflect.StructField
	for i := range 1 + r.IntN(7) {
		f := reflect.StructField{Name: "F" + strconv.Itoa(i), Type: randomType(r, depth)}
		tag := one(r, []string{"", "m" + strconv.Itoa(i), "a b" + strconv.Itoa(i)})
		if !isInline(f.Type) { // left out when it is zero, what is inside is never zero at once
			tag += one(r, randomOptions)
		}
		switch {
		case f.Type.Kind() == reflect.Int64 && f.Type.PkgPath() == "" && r.IntN(2) == 0:
			tag += ",string"
		case isEmbeddable(f.Type) && r.IntN(2) == 0:
			tag = ",embed"
		}
		f.Tag = reflect.StructTag("json:" + strconv.Quote(tag))
		fields = append(fields, f)
	}
	return reflect.StructOf(fields)
}

// isInline reports whether a type is an array or a struct without a name, or a pointer to one.
func isInline(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Array || t.Kind() == reflect.Struct && t.Name() == ""
}

func isEmbeddable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Name() == ""
}

// mayBeLeftOut reports whether the zero value of a field is not in JSON.
func mayBeLeftOut(f reflect.StructField) bool {
	doc, err := jsonv2.Marshal(reflect.New(reflect.StructOf([]reflect.StructField{{Name: "F", Type: f.Type, Tag: f.Tag}})).Interface())
	return err == nil && string(doc) == "{}"
}

// fill sets most parts of v to random values of those that an application would have: an enum
// has one of its values, except where it may be left out.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	switch p := v.Addr().Interface().(type) {
	case *Role:
		*p = one(r, Role("").Values())
		return
	case *Plan:
		*p = one(r, []Plan{0, 1, 1})
		return
	case *Feature:
		*p = one(r, []Feature{"beta", "dark mode"})
		return
	case *time.Time:
		*p = one(r, []time.Time{{}, time.Unix(1_800_000_000, 5).UTC()})
		return
	case *nuxtauth.ISOTime:
		*p = one(r, []nuxtauth.ISOTime{{}, nuxtauth.ISOTime(time.Unix(1_800_000_000, 0))})
		return
	case *netip.Addr:
		*p = one(r, []netip.Addr{{}, netip.MustParseAddr("2001:db8::1")})
		return
	}
	if v.Kind() != reflect.Struct && v.Kind() != reflect.Array && (depth < 0 || r.IntN(4) == 0) {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(one(r, []string{"a", "é", `a"b`, "\u2028", "<>&"}))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(one(r, []int64{1, -1, 1 << 53, 1<<63 - 1, -1 << 63}))
	case reflect.Uint16:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(one(r, []float64{0.5, -1, 1e21, 1e-7}))
	case reflect.Interface:
		v.Set(reflect.ValueOf(one(r, []any{"", 1, []any{nil}, map[string]any{"a": true}})))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), depth-1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), depth-1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(r, key, 0)
			fill(r, value, depth-1)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !(mayBeLeftOut(f) && r.IntN(3) == 0) {
				fill(r, v.Field(i), depth-1)
			}
		}
	}
}
