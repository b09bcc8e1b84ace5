package cookie_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"", "s=v", "s.0=a; s.1=b", "s.1=b; s.0=a", "s.0=a; s.2=c", "s=v; s.0=a", "s=; s=v", `s="v"; s.01=x`,
		"s.+1=a; s.999999999999999999999=b; s-x=c", " \ts \t= v;;=;s", "S=v; __Secure-s=v", "s.10=a; s.9=b", "s=a\x00b\r\n; s.0=é"} {
		f.Add(seed, "x=y")
	}
	c := cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}}
	f.Fuzz(func(t *testing.T, first, second string) {
		got, present, err := c.Read(request(first, second))
		want, complete := simpleRead("s", first+";"+second)
		if !complete {
			want = ""
		}
		if len(want) <= cookie.MaxSize && (got != want || (err == nil) != complete) {
			t.Errorf("read %q, %v; want %q, complete %v", got, err, want, complete)
		}
		if len(got) > cookie.MaxSize {
			t.Errorf("read %d bytes", len(got))
		}
		if got != "" && present == 0 {
			t.Errorf("read %q, but nothing to clear", got)
		}
	})
}

// simpleRead is Read with maps and the standard library, for comparison.
func simpleRead(name, header string) (value string, complete bool) {
	found := map[string]string{}
	for _, pair := range strings.Split(header, ";") {
		key, val, ok := strings.Cut(pair, "=")
		key, val = strings.Trim(key, " \t"), strings.Trim(val, " \t")
		if len(val) > 1 && strings.HasPrefix(val, `"`) && strings.HasSuffix(val, `"`) {
			val = val[1 : len(val)-1]
		}
		if ok && found[key] == "" {
			found[key] = val
		}
	}
	if found[name] != "" {
		return found[name], true
	}
	chunks := 0
	for i := range cookie.MaxChunks {
		if chunk := found[name+"."+strconv.Itoa(i)]; chunk != "" {
			value += chunk
			if chunks++; chunks != i+1 {
				return "", false
			}
		}
	}
	return value, true
}

func FuzzWriteRead(f *testing.F) {
	f.Add("v", 1, "s=old; s.0=a; s.1=b")
	f.Add("abcdefghij", 3, "s.4=x")
	f.Add("abcdefghijk", 1, "")
	f.Add("", 5, "s=old")
	f.Add("a;b", 5, "s=old")
	f.Fuzz(func(t *testing.T, value string, size int, before string) {
		c := cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}, Size: size}
		_, present, _ := c.Read(request(before))
		h := http.Header{}
		if err := c.Write(h, present, value, expires); err != nil {
			if len(h) > 0 {
				t.Fatalf("%v, but wrote %v", err, h)
			}
			return
		}
		// What a browser has afterwards, as far as it is ours.
		jar := map[string]string{}
		for _, s := range written(t, h) {
			if len(s.Name)+len(s.Value) > 4096 {
				t.Errorf("a cookie of %d bytes", len(s.Name)+len(s.Value))
			}
			if _, twice := jar[s.Name]; twice {
				t.Errorf("%q is set twice", s.Name)
			}
			jar[s.Name] = s.Value
		}
		if got, _, err := c.Read(requestOf(jar)); got != value || err != nil {
			t.Errorf("wrote %q, read %q, %v", value, got, err)
		}
	})
}
