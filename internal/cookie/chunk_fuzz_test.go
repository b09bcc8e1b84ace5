package cookie_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

func FuzzRead(f *testing.F) {
	for _, seed := range []string{"", "s=v", "s.0=a; s.1=b", "s.1=b; s.0=a", "s.0=a; s.2=c", "s=v; s.0=a", "s=; s=v", `s="v"; s.01=x`,
		"s.+1=a; s.999999999999999999999=b; s-x=c", "s=1; s=2; s=3; s=4; s=5", "s.0=a; s.0=b; s.1=c; s=d; s.1=e", "s./=a; s.:=b; sX1=c",
		" \ts \t= v;;=;s", "S=v; __Secure-s=v", "s.10=a; s.9=b", "s=a\x00b\r\n; s.0=é"} {
		f.Add(seed, "x=y")
	}
	c := cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}}
	f.Fuzz(func(t *testing.T, first, second string) {
		got := c.Read(request(first, second))
		values, want := valuesOf(got), simpleRead("s", first+";"+second)
		if len(values) > 4 || len(values) > len(want) || !slices.Equal(values, want[:len(values)]) {
			t.Fatalf("read %q, want %q", values, want)
		}
		if !got.Incomplete && len(values) < len(want) {
			t.Errorf("read %q as if they were all, want %q", values, want)
		}
		if len(values) > 0 && got.Present == 0 {
			t.Errorf("read %q, but nothing to clear", values)
		}
	})
}

// simpleRead returns all candidates, with maps and the standard library.
func simpleRead(name, header string) (values []string) {
	found := map[string][]string{}
	most := 0
	for pair := range strings.SplitSeq(header, ";") {
		key, val, ok := strings.Cut(pair, "=")
		key, val = strings.Trim(key, " \t"), strings.Trim(val, " \t")
		if len(val) > 1 && strings.HasPrefix(val, `"`) && strings.HasSuffix(val, `"`) {
			val = val[1 : len(val)-1]
		}
		if ok && val != "" {
			found[key] = append(found[key], val)
			most = max(most, len(found[key]))
		}
	}
	add := func(value string) {
		if value != "" && len(value) <= cookie.MaxSize && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	for _, value := range found[name] {
		add(value)
	}
	for round := range most {
		value, last := "", -1
		for i := range 10 {
			if chunks := found[name+"."+strconv.Itoa(i)]; round < len(chunks) {
				if i != last+1 {
					value = ""
					break
				}
				value, last = value+chunks[round], i
			}
		}
		add(value)
	}
	return values
}

func FuzzWriteRead(f *testing.F) {
	f.Add("v", 1, "s=old; s.0=a; s.1=b")
	f.Add("abcdefghij", 3, "s.4=x")
	f.Add("abcdefghijk", 1, "")
	f.Add("", 5, "s=old")
	f.Add("a;b", 5, "s=old")
	f.Fuzz(func(t *testing.T, value string, size int, before string) {
		c := cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}, Size: size}
		found := c.Read(request(before))
		h := http.Header{}
		if err := c.Write(h, found.Present, value, expires); err != nil {
			if len(h) > 0 {
				t.Fatalf("%v, but wrote %v", err, h)
			}
			return
		}
		// The cookies that a browser has afterwards.
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
		if got := c.Read(requestOf(jar)); got.Value != value || got.More != nil {
			t.Errorf("wrote %q, read %+v", value, got)
		}
	})
}
