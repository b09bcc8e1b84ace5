package token_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nuxtauth/nuxtauth/token"
)

var now = time.Unix(1_800_000_000, 0)

func TestVerify(t *testing.T) {
	n := now.Unix()
	good := fmt.Sprintf(`"iat":%d,"exp":%d`, n, n+60)
	for _, test := range []struct {
		claims string
		want   error
	}{
		{`{` + good + `}`, nil},
		{` {` + good + `} `, nil},
		{`{"sub":"1",` + good + `,"roles":["admin"],"user":{"iat":"any","exp":null}}`, nil},
		{`{` + good + `,"nbf":` + fmt.Sprint(n) + `}`, nil},
		{fmt.Sprintf(`{"iat":%d.9,"exp":%d.5}`, n, n+60), nil},
		{`{"iat":1.8e9,"exp":2e9}`, nil},
		{fmt.Sprintf(`{"iat":%d,"exp":%d}`, n-120, n-60), token.ErrExpired},
		{`{` + good + `,"nbf":1e10}`, token.ErrNotYetValid},

		{``, token.ErrInvalid},
		{`null`, token.ErrInvalid},
		{`{}`, token.ErrInvalid},
		{`[]`, token.ErrInvalid},
		{`"{}"`, token.ErrInvalid},
		{`1800000000`, token.ErrInvalid},
		{`{` + good, token.ErrInvalid},
		{`{` + good + `}{}`, token.ErrInvalid},
		{`{` + good + `,"exp":9e9}`, token.ErrInvalid},
		{`{` + good + `,"a":1,"a":2}`, token.ErrInvalid},
		{`{` + good + `,"name":"` + "\xff" + `"}`, token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d}`, n), token.ErrInvalid},
		{fmt.Sprintf(`{"exp":%d}`, n+60), token.ErrInvalid},
		{fmt.Sprintf(`{"IAT":%d,"EXP":%d}`, n, n+60), token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d,"exp":"%d"}`, n, n+60), token.ErrInvalid},
		{fmt.Sprintf(`{"iat":"%d","exp":%d}`, n, n+60), token.ErrInvalid},
		{`{` + good + `,"nbf":null}`, token.ErrInvalid},
		{`{` + good + `,"nbf":"0"}`, token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d,"exp":null}`, n), token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d,"exp":true}`, n), token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d,"exp":[%d]}`, n, n+60), token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d,"exp":{}}`, n), token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d,"exp":1e300}`, n), token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d,"exp":1e999}`, n), token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d,"exp":"Infinity"}`, n), token.ErrInvalid},
		{fmt.Sprintf(`{"iat":%d,"exp":NaN}`, n), token.ErrInvalid},
	} {
		t.Run(test.claims, func(t *testing.T) {
			if err := token.Verify([]byte(test.claims), now); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestNumericDate_Unmarshal(t *testing.T) {
	for _, test := range []struct {
		in   string
		want token.NumericDate
		ok   bool
	}{
		{`0`, 0, true},
		{`-0`, 0, true},
		{`1795419100`, 1795419100, true},
		{`4294967296`, 4294967296, true}, // after 2106
		{`-1`, -1, true},
		{`1.999`, 1, true},
		{`-1.999`, -1, true},
		{`1.7954191e9`, 1795419100, true},
		{`1e-999`, 0, true},
		{`9007199254740991`, 1<<53 - 1, true},
		{`-9007199254740991`, -(1<<53 - 1), true},
		{`9007199254740992`, 0, false},
		{`-9007199254740992`, 0, false},
		{`18446744073709551616`, 0, false},
		{`1e999`, 0, false},
		{`-1e999`, 0, false},
		{`null`, 0, false},
		{`true`, 0, false},
		{`"1795419100"`, 0, false},
		{`"NaN"`, 0, false},
		{`"Infinity"`, 0, false},
		{`""`, 0, false},
		{`[1]`, 0, false},
		{`{}`, 0, false},
		{`01`, 0, false},
		{`0x10`, 0, false},
		{`1_000`, 0, false},
	} {
		var got token.NumericDate
		err := json.Unmarshal([]byte(test.in), &got)
		if (err == nil) != test.ok || test.ok && got != test.want {
			t.Errorf("%s: %d, error %v; want %d, ok %t", test.in, got, err, test.want, test.ok)
		}
	}
}

func TestNumericDate_UnmarshalErrors(t *testing.T) {
	var got token.NumericDate
	if err := json.Unmarshal([]byte(`"secret"`), &got); err == nil || !strings.Contains(err.Error(), "NumericDate is a JSON string, want a number") {
		t.Errorf("a string: error %v", err)
	}
	fault := errors.New("the connection is lost")
	if err := json.UnmarshalRead(iotest.ErrReader(fault), &got); !errors.Is(err, fault) {
		t.Errorf("a reader that fails: error %v, want %v", err, fault)
	}
}

func TestNumericDate_Marshal(t *testing.T) {
	v := struct {
		Expires   token.NumericDate `json:"exp"`
		NotBefore token.NumericDate `json:"nbf,omitzero"`
	}{Expires: 1795419100}
	for _, opt := range []json.Options{json.StringifyNumbers(false), json.StringifyNumbers(true)} {
		got, err := json.Marshal(v, opt)
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"exp":1795419100}`; string(got) != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestNumericDate_MarshalReportsWriter(t *testing.T) {
	fault := errors.New("the connection is lost")
	r, w := io.Pipe()
	r.CloseWithError(fault)
	if err := json.MarshalWrite(w, token.NumericDate(1)); !errors.Is(err, fault) {
		t.Errorf("error %v, want %v", err, fault)
	}
}

func TestNumericDate_Time(t *testing.T) {
	if got, want := token.NumericDate(1795419100).Time(), time.Date(2026, time.November, 23, 7, 31, 40, 0, time.UTC); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got := token.NumericDate(0).Time(); !got.IsZero() {
		t.Errorf("no date is the time %v", got)
	}
}
