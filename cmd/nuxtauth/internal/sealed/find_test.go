package sealed_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/sealed"
)

const name = "next-auth.session-token"

// lines shows values as "name: text" or "name! error".
func lines(all []sealed.Value) []string {
	var out []string
	for _, v := range all {
		if v.Err != nil {
			out = append(out, v.Name+"! "+v.Err.Error())
			continue
		}
		out = append(out, v.Name+": "+v.Text)
	}
	return out
}

func TestFind(t *testing.T) {
	for title, tt := range map[string]struct {
		text, cookie string
		want         []string
	}{
		"token":               {" eyJ.a.b\n", "", []string{": eyJ.a.b"}},
		"quoted token":        {`"eyJ.a.b"`, "", []string{": eyJ.a.b"}},
		"escaped token":       {"eyJ%2Ea", "", []string{": eyJ.a"}},
		"byte order mark":     {"\ufeffeyJ.a\r\n", "", []string{": eyJ.a"}},
		"bearer":              {"Authorization: Bearer eyJ.a.b\n", "", []string{": eyJ.a.b"}},
		"bearer alone":        {"bearer eyJ.a.b", "", []string{": eyJ.a.b"}},
		"Cookie header":       {"Cookie: a=b; " + name + "=eyJ.a; c=d", "", []string{name + ": eyJ.a"}},
		"header without name": {name + "=eyJ.a; c=d", "", []string{name + ": eyJ.a"}},
		"quotes":              {name + `="eyJ.a"; c=d`, "", []string{name + ": eyJ.a"}},
		"no space":            {"a=b;" + name + "=eyJ.a;c=d", "", []string{name + ": eyJ.a"}},
		"https":               {"__Secure-" + name + "=eyJ.a", "", []string{"__Secure-" + name + ": eyJ.a"}},
		"Set-Cookie": {"HTTP/1.1 200 OK\r\nDate: today\r\nSet-Cookie: a=b; Path=/\r\nset-cookie: " + name + "=eyJ.a; Path=/; HttpOnly\r\n\r\n{}", "",
			[]string{name + ": eyJ.a"}},
		"curl":             {"curl 'http://localhost' \\\n  -H 'cookie: a=b; " + name + "=eyJ.a' \\\n  -H 'accept: x'", "", []string{name + ": eyJ.a"}},
		"curl -b":          {`curl -b "` + name + `=eyJ.a" http://localhost`, "", []string{name + ": eyJ.a"}},
		"browser's tools":  {"a\tb\tlocalhost\n" + name + "\teyJ.a\tlocalhost\t/\tSession\n", "", []string{name + ": eyJ.a"}},
		"cookie file":      {"# Netscape HTTP Cookie File\n#HttpOnly_localhost\tFALSE\t/\tFALSE\t0\t" + name + "\teyJ.a\n", "", []string{name + ": eyJ.a"}},
		"custom prefix":    {"shop.session-token=eyJ.a", "", []string{"shop.session-token: eyJ.a"}},
		"custom name":      {"a=b; sid=eyJ.a; xsid=c", "sid", []string{"sid: eyJ.a"}},
		"custom chunks":    {"sid.1=b; sid.0=a", "sid", []string{"sid: ab"}},
		"chunks":           {name + ".0=a; " + name + ".1=b; " + name + ".2=c", "", []string{name + ": abc"}},
		"chunks, shuffled": {name + ".2=c\n" + name + ".0=a\nx=y\n" + name + ".1=b", "", []string{name + ": abc"}},
		"chunks of curl":   {"Set-Cookie: " + name + ".1=b; Path=/\nSet-Cookie: " + name + ".0=a; Path=/\nSet-Cookie: " + name + "=; Max-Age=0", "", []string{name + ": ab"}},
		"ten chunks": {
			"{n}.9=9; {n}.8=8; {n}.7=7; {n}.6=6; {n}.5=5; {n}.4=4; {n}.3=3; {n}.2=2; {n}.1=1; {n}.0=0", "",
			[]string{name + ": 0123456789"},
		},
		"the same twice":   {name + "=a; " + name + "=a", "", []string{name + ": a"}},
		"two values":       {name + "=a; " + name + "=b", "", []string{name + ": a", name + ": b"}},
		"whole and chunks": {name + ".0=b; " + name + "=a", "", []string{name + ": a", name + ": b"}},
		"two applications": {"authjs.session-token=b; " + name + "=a", "", []string{"authjs.session-token: b", name + ": a"}},

		"chunk missing":        {name + ".0=a; " + name + ".2=c", "", []string{name + "! the chunk " + name + ".1 is missing: copy all cookies whose name begins with " + name}},
		"first chunk missing":  {name + ".1=b", "", []string{name + "! the chunk " + name + ".0 is missing: copy all cookies whose name begins with " + name}},
		"several missing":      {name + ".3=b", "", []string{name + "! the chunk " + name + ".0, " + name + ".1, " + name + ".2 is missing: copy all cookies whose name begins with " + name}},
		"an empty chunk":       {name + ".0=a; " + name + ".1=; " + name + ".2=c", "", []string{name + "! the chunk " + name + ".1 is missing: copy all cookies whose name begins with " + name}},
		"two values of one":    {name + ".0=a; " + name + ".1=b; " + name + ".1=c", "", []string{name + "! the chunk " + name + ".1 is there twice, with two values: the browser has cookies of this name for two domains or paths, of which one is old: delete them and sign in again"}},
		"one chunk twice":      {"{n}.0=a; {n}.1=b; {n}.1=b", "", []string{name + ": ab"}},
		"one of two is empty":  {"{n}=a; {n}=", "", []string{name + ": a"}},
		"too many":             {name + ".10=a", "", []string{name + "! there is a chunk " + name + ".10: a session has 10 cookies at most, and servers ignore the others"}},
		"a very large number":  {name + ".99999999999999999999=a; " + name + "=b", "", []string{name + ": b"}},
		"a cookie that ends":   {"Set-Cookie: " + name + "=; Max-Age=0; Path=/", "", []string{name + "! the cookie is empty: this response, or an earlier one, has ended the session"}},
		"chunks that end":      {"Set-Cookie: " + name + ".0=; Max-Age=0", "", []string{name + "! the cookie is empty: this response, or an earlier one, has ended the session"}},
		"an end and a session": {"Set-Cookie: " + name + "=; Max-Age=0\nSet-Cookie: " + name + ".0=a", "", []string{name + ": a"}},
	} {
		t.Run(title, func(t *testing.T) {
			got, err := sealed.Find(strings.ReplaceAll(tt.text, "{n}", name), tt.cookie)
			if err != nil || !slices.Equal(lines(got), tt.want) {
				t.Errorf("got %q, %v, want %q", lines(got), err, tt.want)
			}
		})
	}
}

func TestFind_Nothing(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "there is no input",
		" \r\n\t":            "there is no input",
		"a=b; c=d":           `no cookie has a name that ends in .session-token; there are ["a" "c"]`,
		"Cookie: sid=eyJx.y": `"sid" has a token: add -cookie sid`,
		`"`:                  "there is no cookie",
		"a=1; a=2":           `there are ["a"]`,
		"a=1; b=1; c=1; d=1; e=1; f=1; g=1; h=1; i=1; j=1": `there are ["a" "b" "c" "d" "e" "f" "g" "h" "i" "j"]`,
		"a b c": "there is no cookie",
		"a=1; b=1; c=1; d=1; e=1; f=1; g=1; h=1; i=1; j=1; k=1; l=1": `["a" "b" "c" "d" "e" "f" "g" "h" "i" "j"] and 2 more`,
		"next-auth.state.abc=eyJx.y":                                 `there are ["next-auth.state.abc"]`,
	} {
		got, err := sealed.Find(text, "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v, want the error %q", text, lines(got), err, want)
		}
	}
}

func TestFind_Names(t *testing.T) {
	for _, cookie := range []string{"a=b", "a b", "a;", "ä", "\xcd", "a\n", "a(b"} {
		if got, err := sealed.Find("eyJ.a", cookie); err == nil {
			t.Errorf("%q is a name: %q", cookie, lines(got))
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("Cookie: "+name+".0=a; "+name+".1=b", "")
	f.Add("Set-Cookie: sid=\"a\"; Path=/", "sid")
	f.Add(name+"\ta\tb", "a.b")
	f.Fuzz(func(t *testing.T, text, cookie string) {
		all, err := sealed.Find(text, cookie)
		if (len(all) == 0) != (err != nil) {
			t.Fatalf("%q: %q, %v", text, lines(all), err)
		}
		for _, v := range all {
			if v.Err == nil && v.Text == "" {
				t.Fatalf("%q: an empty value of %q", text, v.Name)
			}
			_, _ = sealed.Open(t.Context(), v, "", []sealed.Secret{{Name: "a", Text: "b"}})
		}
	})
}
