package typescript_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/typescript"
)

type (
	shouting struct{ nuxtauth.DefaultSession[named] }
	closed   struct {
		nuxtauth.DefaultJWT
		Secret string
	}
	panics  string
	nothing string
	mixed   string
)

func (shouting) MarshalJSON() ([]byte, error) {
	return []byte(`{"expires":"2026-01-01T00:00:00Z"}`), nil
}
func (closed) MarshalJSON() ([]byte, error) { return []byte(`{}`), nil }
func (panics) Values() []panics             { panic("no values today") }
func (nothing) Values() []nothing           { return nil }
func (mixed) Values() []mixed               { return []mixed{"\xff"} }

// What JSON refuses is an error, also where an empty value would not show it.
func TestWrite_RefusesWhatJSONRefuses(t *testing.T) {
	plain := typescript.Options{Target: typescript.Plain}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"channel":            {errorOf[struct{ C chan int }](plain), ".C: JSON refuses a chan int"},
		"function":           {errorOf[struct{ L []func() }](plain), ".L: JSON refuses a func()"},
		"complex":            {errorOf[struct{ M map[string]complex128 }](plain), ".M: JSON refuses a complex128"},
		"duration":           {errorOf[struct{ D time.Duration }](plain), "write a number of seconds"},
		"duration, not seen": {errorOf[struct{ D *time.Duration }](plain), "write a number of seconds"},
		"keys":               {errorOf[struct{ M map[bool]int }](plain), "JSON refuses the keys of a map[bool]int"},
		"keys, structs":      {errorOf[struct{ M map[named]int }](plain), "JSON refuses the keys"},
		"string of a string": {errorOf[struct {
			S []struct {
				S string `json:",string"`
			}
		}](plain), "the option string of a json tag is for numbers"},
		"two of one name": {errorOf[struct {
			S []struct {
				A int `json:"B"`
				B int
			}
		}](plain), "conflict over JSON object name"},
		"option in other letters": {errorOf[struct {
			P *struct {
				A []int `json:",omitEmpty"` //nolint:staticcheck // that is the case
			}
		}](plain), "specify `omitempty` instead"},
		"nothing exported":   {errorOf[struct{ E *struct{ a int } }](plain), "no exported fields"},
		"embedded no struct": {errorOf[struct{ P *struct{ state } }](plain), "must be explicitly given a JSON name"},
		"format": {errorOf[struct {
			T time.Time `json:",format:unix"`
		}](plain), "the option format of a json tag is not supported"},
		"pointer to itself":           {errorOf[struct{ L loop }](plain), "a pointer to itself"},
		"values that panic":           {errorOf[struct{ P panics }](plain), "no values today"},
		"no values":                   {errorOf[struct{ N nothing }](plain), "has no values"},
		"values that JSON refuses":    {errorOf[struct{ M mixed }](plain), "invalid UTF-8"},
		"values that are no literals": {errorOf[named](typescript.Options{Enums: []typescript.Enum{typescript.EnumOf(named{})}}), "it is no string, number or boolean in JSON"},
		"empty enum":                  {errorOf[named](typescript.Options{Enums: []typescript.Enum{{}}}), "write typescript.EnumOf"},
		"target":                      {errorOf[named](typescript.Options{Target: 17}), "Options.Target is Target(17)"},
		"session":                     {typescript.Write[nuxtauth.DefaultJWT, shouting](io.Discard, plain), "a method that writes its JSON"},
		"token": {typescript.Write[struct {
			nuxtauth.DefaultJWT
			C *chan int
		}, nuxtauth.DefaultSession[named]](io.Discard, plain), ".C: JSON refuses a chan int"},
	} {
		if c.err == nil || !strings.HasPrefix(c.err.Error(), "typescript: ") || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

// The users that next-auth's own types do not admit, each with what to do; other front ends
// have no such types.
func TestWrite_FitsNextAuth(t *testing.T) {
	type user[ID any] struct {
		Name string
		ID   ID `json:"id"`
	}
	for name, c := range map[string]struct {
		err  func(typescript.Options) error
		want string // "" for users that it admits
	}{
		"numeric id":          {errorOf[user[int64]], `user[int64].ID is not a string in JSON: next-auth declares that the id of a user is one; write json:"id,string" for a number`},
		"id that may be null": {errorOf[user[*string]], "the id of a user"},
		"id of any type":      {errorOf[user[any]], "the id of a user"},
		"number as string": {errorOf[struct {
			ID int64 `json:"id,string"`
		}], ""},
		"id with values": {errorOf[user[state]], ""},
		"name with parts": {errorOf[struct {
			Name named `json:"name"`
		}], "the name of a user"},
		"several addresses": {errorOf[struct {
			Email []string `json:"email"`
		}], "the email of a user"},
		"image as a number": {errorOf[struct {
			Image int `json:"image,omitzero"`
		}], "the image of a user"},
		"name that may be null": {errorOf[struct {
			Name *string `json:"name"`
		}], ""},
		"pointer":   {errorOf[*named], "the user is not an object"},
		"map":       {errorOf[map[string]any], "the user is not an object"},
		"interface": {errorOf[any], "the user is not an object"},
		"text":      {errorOf[time.Time], "the user is not an object"},
	} {
		for target := typescript.NextAuth; target <= typescript.Plain; target++ {
			err := c.err(typescript.Options{Target: target})
			demands := target == typescript.NextAuth || target == typescript.AuthCore
			switch {
			case c.want == "" || !demands:
				if err != nil {
					t.Errorf("%s, %v: %v", name, target, err)
				}
			case err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), target.String()):
				t.Errorf("%s, %v: %v, want %q", name, target, err, c.want)
			}
		}
	}
	for user, want := range map[string]bool{first(userOf[struct{ Role string }](t, typescript.Options{})): true, first(userOf[nuxtauth.DefaultUser](t, typescript.Options{})): false} {
		if strings.Contains(user, "name?: never") != want {
			t.Errorf("%s: the name that is never there: %v", user, !want)
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

// A user's own User has no members that would contradict the types which extend it.
func TestWrite_NextAuthUser(t *testing.T) {
	_, file := userOf[struct {
		ID       string `json:"id,omitzero"`
		Email    state  `json:"email"`
		Verified bool   `json:"emailVerified"`
		Role     string
	}](t, typescript.Options{})
	_, user, _ := strings.Cut(file, "interface User ")
	user, _, _ = strings.Cut(user, "}")
	if got := strings.Join(strings.Fields(user), " "); got != "{ Role: string" {
		t.Errorf("%s }", got)
	}
}

// A token that writes its JSON itself has members that are not known.
func TestWrite_TokenWithMethods(t *testing.T) {
	var b bytes.Buffer
	if err := typescript.Write[closed, nuxtauth.DefaultSession[nuxtauth.DefaultUser]](&b, typescript.Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "JWT") || strings.Contains(b.String(), "Secret") {
		t.Error(b.String())
	}
}

func TestWrite_SameBytesEachTime(t *testing.T) {
	write := func() string {
		var b bytes.Buffer
		if err := typescript.Write[Token, Session](&b, typescript.Options{Enums: enums}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := write()
	for range 20 {
		if got := write(); got != want {
			t.Fatalf("%s\nand\n%s", got, want)
		}
	}
}

type failing struct{}

var errWriter = errors.New("disk full")

func (failing) Write([]byte) (int, error) { return 0, errWriter }

func TestWrite_ReturnsTheErrorOfTheWriter(t *testing.T) {
	if err := typescript.Write[Token, Session](failing{}, typescript.Options{Enums: enums}); !errors.Is(err, errWriter) {
		t.Error(err)
	}
}

func TestOptions_Doc(t *testing.T) {
	docs := map[string]string{
		"User":      "The user of the session.",
		"User.Role": "What the user may do:\n- admin: all\n- */ ends no comment",
		"Team.Name": " ",
		"Person":    "A colleague.",
	}
	var b bytes.Buffer
	err := typescript.Write[Token, Session](&b, typescript.Options{Enums: enums, Doc: func(typ reflect.Type, field string) string {
		return docs[strings.Trim(typ.Name()+"."+field, ".")]
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  /** The user of the session. */\n  interface User {",
		"    /**\n     * What the user may do:\n     * - admin: all\n     * - *\\/ ends no comment\n     */\n    role: 'admin'",
		"  export interface Team {\n    name: string\n",
		"  /** A colleague. */\n  export interface Person {",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestTarget_String(t *testing.T) {
	for target, want := range map[typescript.Target]string{
		typescript.NextAuth: "NextAuth", typescript.AuthCore: "AuthCore", typescript.NuxtAuth: "NuxtAuth",
		typescript.NuxtAuthLocal: "NuxtAuthLocal", typescript.Plain: "Plain", -1: "Target(-1)",
	} {
		if target.String() != want {
			t.Errorf("%v, want %s", target, want)
		}
	}
}
