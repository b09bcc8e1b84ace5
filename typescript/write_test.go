package typescript_test

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nuxtauth/nuxtauth"
	"github.com/nuxtauth/nuxtauth/token"
	"github.com/nuxtauth/nuxtauth/typescript"
)

// userOf returns the type of the user in the session, in one line, and the whole file.
func userOf[U any](t *testing.T, o typescript.Options) (user, file string) {
	t.Helper()
	var b bytes.Buffer
	if err := typescript.Write[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[U]](&b, o); err != nil {
		t.Fatal(err)
	}
	file = b.String()
	_, user, _ = strings.Cut(file, "user: ")
	user, _, _ = strings.Cut(user, "expires: string")
	return strings.Join(strings.Fields(user), " "), file
}

func errorOf[U any](o typescript.Options) error {
	return typescript.Write[nuxtauth.DefaultJWT, nuxtauth.DefaultSession[U]](new(bytes.Buffer), o)
}

type (
	named  struct{ A int }
	ptrTxt struct{}
	always []int
	state  string
	level  int
	grade  string
	season int
	only   string
	list   []list
	tree   map[string]tree
	deep   []struct{ D deep }
	twoOf  [2]*twoOf
	byteOf uint8
	loop   *loop
)

func (*ptrTxt) MarshalText() ([]byte, error)        { return nil, nil }
func (always) MarshalJSON() ([]byte, error)         { return []byte("1"), nil }
func (state) Values() []state                       { return []state{"on", "off", "on", "it's", `a\b`, "\u2028"} }
func (grade) Values() []grade                       { return []grade{"", "a"} }
func (season) Values() []season                     { return []season{0, 1} }
func (only) Values() []only                         { return []only{""} }
func (level) MarshalJSONTo(*jsontext.Encoder) error { return errors.New("no") }

// What JSON writes for a field, and the type of the member.
func TestWrite_Members(t *testing.T) {
	type A struct {
		Near string `json:"x"`
		Only string `json:"only"`
	}
	type B struct {
		Far  int    `json:"x"`
		Same string `json:"only"`
	}
	type lower struct{ Promoted string }
	plain := typescript.Options{Target: typescript.Plain, Enums: enums}
	for _, c := range []struct {
		name string
		run  func(*testing.T, typescript.Options) (string, string)
		want string
	}{
		{"kinds", userOf[struct {
			S string
			B bool
			I int
			U uint8
			F float32
		}], "{ S: string B: boolean I: number U: number F: number }"},
		{"names", userOf[struct {
			A int `json:"a"`
			B int `json:"with space"`
			D int `json:"größe"`
			E int `json:"1st"`
			F int `json:"$ref"`
			G int `json:"-"`
			H int `json:"class"`
		}], `{ a: number 'with space': number größe: number '1st': number $ref: number class: number }`},
		{"int64", userOf[struct {
			I int64
			S int64    `json:",string"`
			P *uint64  `json:",string"`
			F *float64 `json:",string,omitempty"`
			O int64    `json:",string,omitempty"`
			Z int64    `json:",string,omitzero"`
		}], "{ I: number S: string P: string | null F?: string O: string Z?: string }"},
		{"times", userOf[struct {
			T time.Time
			P *time.Time
			Z time.Time `json:",omitzero"`
			E time.Time `json:",omitempty"`
			I nuxtauth.ISOTime
			D token.NumericDate
			N token.NumericDate `json:",omitempty"`
		}], "{ T: string P: string | null Z?: string E: string I: string D: number N: number }"},
		{"pointers", userOf[struct {
			P  *string
			Z  *string  `json:",omitzero"`
			E  *string  `json:",omitempty"`
			PP **string `json:"pp"`
			ZP **string `json:"zp,omitzero"`
			L  []*string
			M  map[string]*string
		}], "{ P: string | null Z?: string E?: string pp: string | null zp?: string | null L: (string | null)[] M: { [key: string]: string | null } }"},
		{"omitempty", userOf[struct {
			S string         `json:",omitempty"`
			B bool           `json:",omitempty"`
			I int            `json:",omitempty"`
			F float64        `json:",omitempty"`
			L []int          `json:",omitempty"`
			M map[string]int `json:",omitempty"`
			X any            `json:",omitempty"`
			A [2]int         `json:",omitempty"`
			N [0]int         `json:",omitempty"`
			E struct{}       `json:",omitempty"`
			O struct {
				A int `json:",omitzero"`
			} `json:",omitempty"`
			R struct{ A int } `json:",omitempty"`
			T netip.Addr      `json:",omitempty"`
			J always          `json:",omitempty"`
		}], "{ S?: string B: boolean I: number F: number L?: number[] M?: { [key: string]: number } X?: unknown A: [number, number] N?: [] " +
			"E?: { [key: string]: never } O?: { A?: number } R: { A: number } T?: string J?: unknown }"},
		{"slices and maps", userOf[struct {
			L  []string
			B  []byte
			B3 [3]byte
			N  []byteOf
			A  [3]bool
			Z  []string `json:",omitzero"`
			M  map[string][]int
			I  map[int]bool
			T  map[netip.Addr]int
			X  map[string]any
			LL [][]int
			A9 [17]int
		}], "{ L: string[] B: string B3: string N: number[] A: [boolean, boolean, boolean] Z?: string[] M: { [key: string]: number[] } " +
			"I: { [key: string]: boolean } T: { [key: string]: number } X: { [key: string]: unknown } LL: number[][] A9: number[] }"},
		{"methods", userOf[struct {
			T netip.Addr
			P *netip.Addr
			Q ptrTxt
			J always
			K *always
			R jsontext.Value
			S stdjson.RawMessage
			I any
			E error
			G big.Int
			V level
		}], "{ T: string P: string | null Q: string J: unknown K: unknown R: unknown S: unknown I: unknown E: unknown G: unknown V: unknown }"},
		{"values", userOf[struct {
			S state
			L []state
			P *state
			M map[state]int
		}], `{ S: 'on' | 'off' | 'it\'s' | 'a\\b' | '\u2028' L: ('on' | 'off' | 'it\'s' | 'a\\b' | '\u2028')[] P: 'on' | 'off' | 'it\'s' | 'a\\b' | '\u2028' | null ` +
			`M: { [key in 'on' | 'off' | 'it\'s' | 'a\\b' | '\u2028']?: number } }`},
		{"values that are left out", userOf[struct {
			Z grade  `json:",omitzero"`
			E grade  `json:",omitempty"`
			B grade  `json:",omitzero,omitempty"`
			P *grade `json:",omitzero"`
			Q *grade `json:",omitempty"`
			A grade
			I season `json:",omitzero"`
			S season `json:",string,omitzero"`
			N season `json:",string"`
			O only   `json:",omitzero"`
			U state  `json:",omitempty"`
			L Plan   `json:",omitempty"`
		}], "{ Z?: 'a' E?: 'a' B?: 'a' P?: '' | 'a' Q?: 'a' A: '' | 'a' I?: 1 S?: '1' N: '0' | '1' O?: never " +
			`U?: 'on' | 'off' | 'it\'s' | 'a\\b' | '\u2028' L: 'free' | 'paid' }`},
		{"embedded", userOf[struct {
			nuxtauth.DefaultUser
			A
			*B
			lower
			Own int
		}], "{ name?: string email?: string image?: string Promoted: string Own: number }"},
		{"embedded once", userOf[struct {
			*A
			B int `json:"only"`
		}], "{ x?: string only: number }"},
		{"embedded with a name", userOf[struct {
			A `json:"a"`
		}], "{ a: typescript_test.A }"},
		{"members of any name", userOf[struct {
			A    int
			Rest map[string]string `json:",embed"`
		}], "{ A: number [key: string]: unknown }"},
		{"no members", userOf[struct{}], "{ [key: string]: never }"},
		{"no struct", userOf[map[string]any], "{ [key: string]: unknown }"},
		{"pointer", userOf[*named], "typescript_test.named | null"},
		{"interface", userOf[any], "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := c.run(t, plain); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

type pair[A, B any] struct {
	A A
	B []B
}

// Types with names are declared once, in a namespace for each package.
func TestWrite_NamedTypes(t *testing.T) {
	type object struct{ Next *object }
	type user struct {
		Self  *user
		O     object
		Again []object
		G     pair[object, netip.Prefix]
		H     pair[string, *object]
		K     pair[map[string]int, []int]
		List  list
		Tree  tree
		Deep  deep
		Two   twoOf
	}
	type trimmed struct { // embeds the type to which it refers
		user
	}
	_, file := userOf[trimmed](t, typescript.Options{})
	_, got, _ := strings.Cut(file, "export namespace")
	for _, line := range []string{
		"Self: typescript_test.user | null", "O: typescript_test.object_", "Again: typescript_test.object_[]",
		"G: typescript_test.pair_object_Prefix", "H: typescript_test.pair_string_object", "K: typescript_test.pair_map_string_int_int",
		"export interface object_ {\n    Next: typescript_test.object_ | null\n  }",
		"interface pair_object_Prefix {\n    A: typescript_test.object_\n    B: string[]\n  }",
		"interface pair_string_object {\n    A: string\n    B: (typescript_test.object_ | null)[]\n  }",
		"type list = typescript_test.list[]", "type tree = { [key: string]: typescript_test.tree }",
		"type deep = {\n    D: typescript_test.deep\n  }[]",
		"type twoOf = [typescript_test.twoOf | null, typescript_test.twoOf | null]",
	} {
		if strings.Count(file, line) < 1 || strings.HasPrefix(line, "interface") && strings.Count(got, line) != 1 {
			t.Errorf("no %q, or not once, in\n%s", line, file)
		}
	}
}
