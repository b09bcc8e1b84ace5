package nuxtauth_test

import (
	jsonv1 "encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nuxtauth/nuxtauth"
)

// The first line of each program in testdata/compile has a part of the compiler's
// message.
func TestTypes_WrongOnesDoNotCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	programs, err := filepath.Glob("testdata/compile/*.go")
	if err != nil || len(programs) < 6 {
		t.Fatalf("found %d programs: %v", len(programs), err)
	}
	for _, program := range programs {
		t.Run(filepath.Base(program), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(program)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(source), "\n")
			want := strings.TrimPrefix(first, "// want: ")
			out, err := exec.Command("go", "vet", program).CombinedOutput()
			if want == "nothing" {
				if err != nil {
					t.Fatalf("it does not compile: %s", out)
				}
				return
			}
			if err == nil || !strings.Contains(string(out), want) {
				t.Fatalf("the compiler prints %q, want %q", out, want)
			}
		})
	}
}

type bareUser struct {
	Name string `json:"name"`
}

// A promoted String, (Un)Marshal or exported pointer method would hide the fields
// of the user's own type, or panic on a nil *Session.
func TestTypes_DefaultsPromoteNoMethod(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[*nuxtauth.DefaultJWT](), reflect.TypeFor[*nuxtauth.DefaultUser](), reflect.TypeFor[*nuxtauth.DefaultSession[bareUser]](),
	} {
		if n := typ.NumMethod(); n != 0 {
			t.Errorf("%v has the exported method %s", typ, typ.Method(0).Name)
		}
	}
}

func TestISOTime_MatchesJavaScript(t *testing.T) {
	at := time.Date(2026, 12, 23, 9, 0, 0, 987654321, time.FixedZone("", 3600))
	for _, tt := range []struct {
		in   time.Time
		want string
	}{
		{at, `"2026-12-23T08:00:00.987Z"`},
		{at.Truncate(time.Second), `"2026-12-23T08:00:00.000Z"`},
	} {
		v1, err1 := jsonv1.Marshal(nuxtauth.ISOTime(tt.in))
		v2, err2 := json.Marshal(nuxtauth.ISOTime(tt.in))
		if string(v1) != tt.want || string(v2) != tt.want || err1 != nil || err2 != nil {
			t.Errorf("got %s (%v) and %s (%v), want %s", v1, err1, v2, err2, tt.want)
		}
		var back nuxtauth.ISOTime
		if err := json.Unmarshal(v2, &back); err != nil || back.String() != strings.Trim(tt.want, `"`) {
			t.Errorf("%s is decoded as %v: %v", v2, back, err)
		}
	}
	var bad nuxtauth.ISOTime
	if err := json.Unmarshal([]byte(`"tomorrow"`), &bad); err == nil {
		t.Error("\"tomorrow\" is decoded as a time")
	}
}
