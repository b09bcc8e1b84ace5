package fields_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth/internal/fields"
)

// Default stands for what the library embeds in an application's type.
type Default struct {
	Subject string         `json:"sub"`
	Extra   jsontext.Value `json:",embed"`
}

type Other struct{ Level int }

type claims struct {
	Default
	Other
	At     time.Time  `json:"at"`
	Pair   [2]float64 `json:"pair"`
	Hidden []string   `json:"-"`
	own    []string
}

type written struct{ Name string }

func (written) MarshalText() ([]byte, error) { return nil, nil }

func isDefault(t reflect.Type) bool { return t == reflect.TypeFor[Default]() }

func comparer[T any]() *fields.Comparer {
	return fields.NewComparer(reflect.TypeFor[T](), isDefault)
}

func TestOnlyWhatACopyKeepsIsComparedByFields(t *testing.T) {
	for name, exact := range map[string]bool{
		"claims":  comparer[claims]().Exact(),
		"default": comparer[Default]().Exact(),
	} {
		if !exact {
			t.Errorf("%s: not exact", name)
		}
	}
	for name, exact := range map[string]bool{
		"slice":             comparer[struct{ List []string }]().Exact(),
		"map":               comparer[struct{ Map map[string]int }]().Exact(),
		"pointer":           comparer[struct{ At *time.Time }]().Exact(),
		"interface":         comparer[struct{ Any any }]().Exact(),
		"array of slices":   comparer[struct{ Lists [1][]int }]().Exact(),
		"hidden in a field": comparer[struct{ Hidden struct{ list []int } }]().Exact(),
		"text of its own":   comparer[struct{ written }]().Exact(),
		"no struct":         comparer[string]().Exact(),
	} {
		if exact {
			t.Errorf("%s: exact", name)
		}
	}
}

func TestEqual(t *testing.T) {
	c := comparer[claims]()
	fresh := func() *claims {
		return &claims{Default: Default{Subject: "1", Extra: jsontext.Value(`{"a":1}`)}, At: time.Unix(1, 0)}
	}
	was := fresh()
	for name, change := range map[string]func(*claims){
		"embedded":            func(v *claims) { v.Subject = "2" },
		"embedded as a whole": func(v *claims) { v.Level = 2 },
		"raw JSON":            func(v *claims) { v.Extra = jsontext.Value(`{"a":2}`) },
		"raw JSON in place":   func(v *claims) { v.Extra[5] = '2' },
		"no raw JSON":         func(v *claims) { v.Extra = nil },
		"time":                func(v *claims) { v.At = v.At.Add(1) },
		"array":               func(v *claims) { v.Pair[1] = 0.5 },
	} {
		now := fresh()
		before := *now
		c.Detach(&before)
		if change(now); c.Equal(now, &before) {
			t.Errorf("%s: not noticed", name)
		}
		if !c.Equal(&before, was) {
			t.Errorf("%s: the copy changed", name)
		}
	}
	now := fresh()
	now.Hidden, now.own = []string{"a"}, []string{"b"}
	if !c.Equal(now, was) {
		t.Error("what JSON does not show tells them apart")
	}
}

func TestUserFieldsAreFilledByTheirJSONNames(t *testing.T) {
	type Inner struct {
		Mail string `json:"email"`
	}
	type user struct {
		Inner
		Called string `json:"name,omitzero"`
		Image  int    `json:"image"`
	}
	u := fields.UserOf(reflect.TypeFor[user]())
	var got user
	u.Set(&got, "Ada", "ada@example.com", "ada.png")
	if want := (user{Inner{"ada@example.com"}, "Ada", 0}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	type far struct{ *Inner }
	var nobody far
	fields.UserOf(reflect.TypeFor[far]()).Set(&nobody, "a", "b", "c")
	if nobody.Inner != nil {
		t.Error("reached through a pointer")
	}
	s := "x"
	fields.UserOf(reflect.TypeFor[string]()).Set(&s, "a", "b", "c")
}

// What a request pays to know whether a callback changed its token.
func BenchmarkEqual(b *testing.B) {
	c := comparer[claims]()
	x, y := &claims{Default: Default{Subject: "1"}}, &claims{Default: Default{Subject: "1"}}
	b.ReportAllocs()
	for b.Loop() {
		c.Equal(x, y)
	}
}
