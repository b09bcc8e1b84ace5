package claims_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/claims"
	"github.com/nuxtauth/nuxtauth/token"
)

// Default stands for the struct that the library embeds in an application's type.
type Default struct {
	Subject string            `json:"sub,omitzero"`
	Expires token.NumericDate `json:"exp,omitzero"`
	Origin  Origin            `json:"origin,omitzero"`
	Extra   jsontext.Value    `json:"-"`
}

type Origin struct {
	At   token.NumericDate `json:"at,omitzero"`
	Name string            `json:"name,omitzero"`
}

type Role string

type tokens struct {
	AccessToken string `json:"access_token,omitempty"`
}

type inner struct {
	Deep []string `json:"deep"`
}

type jwt struct {
	First string
	Default
	tokens
	Role   Role     `json:"role"`
	Admin  bool     `json:"admin,omitzero"`
	Level  int8     `json:"level"`
	Groups []string `json:"groups,omitempty"`
	Others []string `json:"others,omitzero"`
	Inner  inner    `json:"inner"`
	Hidden []string `json:"-"`
	own    []string
}

func claimsOf[T any]() *claims.Type {
	return claims.NewType(reflect.TypeFor[T](), reflect.TypeFor[Default]())
}

type written struct{ Name string }

func (written) MarshalText() ([]byte, error) { return nil, nil }

type zero int

func (zero) IsZero() bool { return true }

func TestNewType(t *testing.T) {
	type twice struct {
		jwt
		Again string `json:"role"`
	}
	type refused struct {
		Origin `json:",omitzero"`
	}
	type empty struct {
		O Origin `json:"o,omitempty"`
	}
	for name, c := range map[string]*claims.Type{
		"claims": claimsOf[jwt](), "default": claimsOf[Default](), "empty struct": claimsOf[empty](),
	} {
		if !c.Comparable() {
			t.Errorf("%s: not comparable", name)
		}
	}
	for name, c := range map[string]*claims.Type{
		"map":             claimsOf[struct{ Map map[string]int }](),
		"pointer":         claimsOf[struct{ At *int }](),
		"interface":       claimsOf[struct{ Any any }](),
		"float":           claimsOf[struct{ F float64 }](),
		"bytes":           claimsOf[struct{ B []byte }](),
		"time":            claimsOf[struct{ At time.Time }](),
		"array":           claimsOf[struct{ A [2]string }](),
		"text of its own": claimsOf[struct{ W written }](),
		"zero of its own": claimsOf[struct{ Z zero }](),
		"nested map":      claimsOf[struct{ N struct{ M map[string]int } }](),
	} {
		if c == nil || c.Comparable() {
			t.Errorf("%s: supported %v, comparable %v", name, c != nil, c.Comparable())
		}
	}
	for name, c := range map[string]*claims.Type{
		"duration":      claimsOf[struct{ For time.Duration }](), // json wants a format
		"embedded text": claimsOf[struct{ written }](),
		"number as string": claimsOf[struct {
			N int `json:",string"`
		}](),
		"any case": claimsOf[struct {
			N int `json:"n,case:ignore"`
		}](),
		"zero and empty": claimsOf[struct {
			N int `json:"n,omitzero,omitempty"`
		}](),
		"zero of its own": claimsOf[struct {
			Z zero `json:"z,omitzero"`
		}](),
		"name in quotes": claimsOf[struct {
			N int `json:"'a,b'"`
		}](),
		"name twice": claimsOf[twice](),
		"embedded map": claimsOf[struct {
			M map[string]int `json:",embed"`
		}](),
		"embedded pointer": claimsOf[struct{ *Origin }](),
		"refused by json": claimsOf[struct {
			R refused `json:"r"`
		}](),
		"not a struct": claimsOf[string](),
	} {
		if c != nil {
			t.Errorf("%s: supported", name)
		}
	}
	var none *claims.Type
	if _, ok := none.Append(nil, new(jwt)); ok || none.Decode("{}", new(jwt)) || none.Comparable() {
		t.Error("nil supports something")
	}
}

type iso time.Time

func (t iso) AppendText(b []byte) ([]byte, error) {
	return time.Time(t).AppendFormat(b, "2006-01-02T15:04:05"), nil
}
func (t iso) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// A shout needs escapes between quotes.
type shout string

func (s shout) AppendText(b []byte) ([]byte, error) { return append(b, `"`+s+`"`...), nil }

type refusing string

func (s refusing) AppendText(b []byte) ([]byte, error) { return nil, errors.New("no") }

func TestAppend_LikeJSON(t *testing.T) {
	type simple struct {
		User struct {
			Name string `json:"name"`
		} `json:"user"`
		Expires iso `json:"expires"`
	}
	c := claims.NewType(reflect.TypeFor[simple](), nil)
	v := &simple{Expires: iso(time.Unix(1_800_000_000, 0).UTC())}
	v.User.Name = "Ada"
	got, ok := c.Append(nil, v)
	want, err := json.Marshal(v)
	if !ok || err != nil || string(got) != string(want) {
		t.Errorf("%s, want %s, %v", got, want, err)
	}
	type loud struct{ S shout }
	if b, ok := claims.NewType(reflect.TypeFor[loud](), nil).Append(nil, &loud{"a"}); ok {
		t.Errorf("%s", b)
	}
	type quiet struct{ R refusing }
	if claims.NewType(reflect.TypeFor[quiet](), nil) != nil {
		t.Error("a type that json refuses is supported")
	}
	type seen struct {
		At    *time.Time `json:"at"`
		Since *iso       `json:"since,omitempty"`
	}
	for _, v := range []*seen{{}, {At: new(time.Time), Since: new(iso)}} {
		got, ok := claims.NewType(reflect.TypeFor[seen](), nil).Append(nil, v)
		if want, err := json.Marshal(v); !ok || err != nil || string(got) != string(want) {
			t.Errorf("%s, want %s, %v", got, want, err)
		}
	}
}

// A value that is read or written is the same as with json.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"sub":"1"}`, `{"First":"Gödel","sub":"1","exp":1700000000,"origin":{"at":1,"name":"x"},"access_token":"a","role":"r","admin":true,"level":-7,"groups":["a","b"],"others":[],"inner":{"deep":["c"]}}`,
		`{"role":"x","sub":"1"}`, `{"role":"x","role":"y"}`, `{"role":null}`, `{"level":128}`, `{"level":-128}`, `{"level":01}`, `{"level":-0}`, `{"level":1.0}`, `{"level":1e1}`,
		`{"exp":9007199254740993}`, `{"exp":-5}`, `{"exp":"5"}`, `{"exp":1.5}`, `{"unknown":1}`, `{"role":"a\"b"}`, `{"role":"\u00e9"}`, "{\"role\":\"\xff\"}", "{\"role\":\"a\nb\"}", "{\"role\":\"\u2028\x7f\"}",
		`{"groups":[,]}`, `{"groups":["a",]}`, `{"groups":[1]}`, `{"groups":null}`, `{"inner":{}}`, `{"inner":{"deep":[]},}`, `{,}`, `{"sub":"1"}x`, ` {}`, `{"ROLE":"x"}`, `{"sub":"1","hidden":[]}`, `[]`, ``, `{`, `{"`, `{"sub"`, `{"sub":`, `{"sub":"`,
		`{"Extra":"x"}`, `{"Hidden":[]}`, `{"own":[]}`, `{"admin":false}`, `{"admin":truefalse}`, `{"access_token":""}`,
	} {
		f.Add(seed)
	}
	c := claimsOf[jwt]()
	f.Fuzz(func(t *testing.T, doc string) {
		var got, want jwt
		err := json.Unmarshal([]byte(doc), &want)
		if c.Decode(doc, &got) && (err != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%s\nread as %+v\njson says %+v, %v", doc, got, want, err)
		}
		if err != nil {
			return
		}
		b, err := json.Marshal(&want, json.Deterministic(true))
		if own, ok := c.Append(nil, &want); ok && (err != nil || string(own) != string(b)) {
			t.Errorf("written as %s\njson says %s, %v", own, b, err)
		}
	})
}

func TestDecode_ReadsWhatAppendWrites(t *testing.T) {
	c := claimsOf[jwt]()
	want := jwt{First: "Gödel", Default: Default{Subject: "1", Expires: 1700000000, Origin: Origin{1, "x"}}, tokens: tokens{"a"},
		Role: "r", Admin: true, Level: -7, Groups: []string{"a", "b"}, Others: []string{}}
	want.Inner.Deep = []string{"c"}
	b, ok := c.Append(nil, &want)
	if !ok {
		t.Fatal("not written")
	}
	var got jwt
	if !c.Decode(string(b), &got) || !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nis read as %+v\nwant %+v", b, got, want)
	}
	for name, v := range map[string]*jwt{
		"an escape": {Role: "a\"b"},
		"bad UTF-8": {Role: "\xff"},
		"in a list": {Groups: []string{"\n"}},
	} {
		if b, ok := c.Append(nil, v); ok {
			t.Errorf("%s is written: %s", name, b)
		}
	}
}

func TestClone_AndEqual(t *testing.T) {
	c := claimsOf[jwt]()
	fresh := func() *jwt {
		return &jwt{Default: Default{Subject: "1"}, Role: "r", Groups: []string{"a", "b"}, Others: []string{}, Inner: inner{[]string{"a"}}}
	}
	was := fresh()
	for name, change := range map[string]func(*jwt){
		"string":        func(v *jwt) { v.Role = "x" },
		"embedded":      func(v *jwt) { v.AccessToken = "x" },
		"bool":          func(v *jwt) { v.Admin = true },
		"integer":       func(v *jwt) { v.Level++ },
		"list":          func(v *jwt) { v.Groups = []string{"a"} },
		"list in place": func(v *jwt) { v.Groups[1] = "c" },
		"no list":       func(v *jwt) { v.Others = nil },
		"nested":        func(v *jwt) { v.Inner.Deep = []string{"b"} },
		"far in place":  func(v *jwt) { v.Inner.Deep[0] = "b" },
	} {
		now := fresh()
		before := *now
		c.Clone(&before)
		if change(now); c.Equal(now, &before) {
			t.Errorf("%s: not noticed", name)
		}
		if !c.Equal(&before, was) {
			t.Errorf("%s: the copy changed", name)
		}
	}
	now := fresh()
	now.Hidden, now.own = []string{"a"}, []string{"b"}
	if now.Subject = "2"; !c.Equal(now, was) {
		t.Error("fields that are not in JSON, or are excluded, make a difference")
	}
}

func TestUser_Set(t *testing.T) {
	type Inner struct {
		Mail string `json:"email"`
	}
	type user struct {
		Inner
		Called string `json:"name,omitzero"`
		Image  int    `json:"image"`
	}
	u := claims.UserOf(reflect.TypeFor[user]())
	var got user
	u.Set(&got, "Ada", "ada@example.com", "ada.png")
	if want := (user{Inner{"ada@example.com"}, "Ada", 0}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	type far struct{ *Inner }
	var f far
	claims.UserOf(reflect.TypeFor[far]()).Set(&f, "a", "b", "c")
	if f.Inner != nil {
		t.Error("reached through a pointer")
	}
	s := "x"
	claims.UserOf(reflect.TypeFor[string]()).Set(&s, "a", "b", "c")
}

// The JSON of a request's token, here and with json.
func BenchmarkClaims(b *testing.B) {
	c := claimsOf[jwt]()
	v := &jwt{Default: Default{Subject: "4b3f6c52-6d0f-4e57-9a52-2f3f0c4b9a11", Expires: 1700000000}, First: "Ada Lovelace",
		tokens: tokens{"gho_9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e"}, Role: "admin", Groups: []string{"editors", "readers"}}
	doc, _ := c.Append(nil, v)
	text := string(doc)
	for name, f := range map[string]func(){
		"decode":      func() { c.Decode(text, new(jwt)) },
		"decode/json": func() { json.Unmarshal(doc, new(jwt)) },
		"append":      func() { c.Append(doc[:0], v) },
		"append/json": func() { json.Marshal(v, json.Deterministic(true)) },
		"equal":       func() { c.Equal(v, v) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

// What JSON puts elsewhere, or hides, is not the user's.
func TestUserOf_TakesMembersOfTheUserAlone(t *testing.T) {
	type Company struct {
		Name string `json:"name"`
	}
	type employee struct {
		Company `json:"company"`
		Image   string `json:"image"`
	}
	var e employee
	claims.UserOf(reflect.TypeFor[employee]()).Set(&e, "Ada", "ada@example.com", "ada.png")
	if want := (employee{Image: "ada.png"}); e != want {
		t.Errorf("%+v, want %+v", e, want)
	}
	type person struct {
		Called string `json:"name"`
		Company
	}
	var p person
	claims.UserOf(reflect.TypeFor[person]()).Set(&p, "Ada", "", "")
	if want := (person{Called: "Ada"}); p != want {
		t.Errorf("%+v, want %+v", p, want)
	}
}
