package cookie_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/cookie"
)

func TestRead(t *testing.T) {
	thousand := make([]string, 1000)
	for i := range thousand {
		thousand[i] = fmt.Sprintf("%s.%d=%d", name, 999-i, (999-i)%10)
	}
	long := strings.Repeat("x", 4000)
	tooLong := strings.Repeat("x", cookie.MaxSize+1)
	var largest []string // chunks
	for i := range 8 {
		largest = append(largest, fmt.Sprintf("%s.%d=%s", name, i, tooLong[:cookie.MaxSize/8]))
	}
	tests := []struct {
		name    string
		lines   []string
		want    []string // Value and More
		present int      // how many cookies a sign-out clears
	}{
		{"nothing", nil, nil, 0},
		{"an empty line", []string{""}, nil, 0},
		{"one", []string{"a=b; " + name + "=v"}, []string{"v"}, 1},
		{"one, empty", []string{name + "="}, nil, 1},
		{"one, quoted", []string{name + `="v"`}, []string{"v"}, 1},
		{"no percent decoding", []string{name + "=%41"}, []string{"%41"}, 1},
		{"chunks over two lines", []string{name + ".1=b; x=y", name + ".0=a"}, []string{"ab"}, 2},
		{"no first chunk", []string{name + ".1=b"}, nil, 1},
		{"a gap", []string{name + ".0=a; " + name + ".2=c"}, nil, 2},
		{"a gap of an empty chunk", []string{name + ".0=a; " + name + ".1=; " + name + ".2=c"}, nil, 3},
		{"ten chunks, last first", []string{strings.Join(thousand[990:], "; ")}, []string{"0123456789"}, 10},
		{"a thousand chunks", []string{strings.Join(thousand, "; ")}, []string{"0123456789"}, 10},
		{"leading zero", []string{name + ".00=a; " + name + ".01=b"}, nil, 0},
		{"signs", []string{name + ".+1=a; " + name + ".-1=b"}, nil, 0},
		{"a number beyond all integers", []string{name + ".999999999999999999999=a"}, nil, 0},
		{"not a number", []string{name + ".a=1; " + name + ".=2; " + name + ".1.0=3; " + name + ".١=4"}, nil, 0},
		{"a byte beside the digits", []string{name + "./=1; " + name + ".!=2; " + name + ".:=3; " + name + ".~=4"}, nil, 0},
		{"another sign than a dot", []string{name + "X1=1; " + name + "-1=2; " + name + "/1=3; " + name + "11=4"}, nil, 0},
		{"other cookies with the same beginning", []string{name + "-extra=1; " + name + "s=2; " + name + "0=3"}, nil, 0},
		{"other case", []string{strings.ToUpper(name) + "=1"}, nil, 0},
		{"another prefix", []string{"__Secure-" + name + "=1"}, nil, 0},
		{"the largest value", []string{name + "=" + tooLong[1:]}, []string{tooLong[1:]}, 1},
		{"the largest value, and another", []string{name + "=" + tooLong[1:] + "; " + name + "=v"}, []string{tooLong[1:], "v"}, 1},
		{"the largest value in chunks", largest, []string{tooLong[1:]}, 8},
		{"one byte more in chunks", append(slices.Clone(largest), name+".8=x"), nil, 9},
		{"too much in one", []string{name + "=" + tooLong}, nil, 1},
		{"too much in ten", []string{strings.Join([]string{name + ".0=" + long, name + ".1=" + long, name + ".2=" + long, name + ".3=" + long,
			name + ".4=" + long, name + ".5=" + long, name + ".6=" + long, name + ".7=" + long, name + ".8=" + long}, ";")}, nil, 9},

		{"the first chunk alone", []string{name + ".0=v"}, []string{"v"}, 1},
		{"two values", []string{name + "=host; " + name + "=parent"}, []string{"host", "parent"}, 1},
		{"the same value twice", []string{name + "=v; " + name + "=v"}, []string{"v"}, 1},
		{"an empty one before the value", []string{name + "=; " + name + "=v"}, []string{"v"}, 1},
		{"an empty one after the value", []string{name + "=v; " + name + "="}, []string{"v"}, 1},
		{"four values", []string{name + "=1; " + name + "=2", name + "=3; " + name + "=1; " + name + "=4"}, []string{"1", "2", "3", "4"}, 1},
		{"the plain cookie before chunks", []string{name + ".0=a; " + name + ".1=b; " + name + "=whole"}, []string{"whole", "ab"}, 3},
		{"chunks of the same value", []string{name + ".0=wh; " + name + ".1=ole; " + name + "=whole"}, []string{"whole"}, 3},
		{"an empty plain cookie and chunks", []string{name + "=; " + name + ".0=a; " + name + ".1=b"}, []string{"ab"}, 3},
		{"the plain cookie and a chunk that is left over", []string{name + ".7=x; " + name + "=whole"}, []string{"whole"}, 2},
		{"chunks of two scopes", []string{name + ".0=a; " + name + ".1=b; " + name + ".1=d; " + name + ".0=c"}, []string{"ab", "cd"}, 2},
		{"chunks of two scopes that begin alike", []string{name + ".0=a; " + name + ".1=b; " + name + ".0=a; " + name + ".1=c"}, []string{"ab", "ac"}, 2},
		{"chunks of three scopes that begin alike", []string{name + ".0=a; " + name + ".0=b; " + name + ".0=b; " + name + ".1=1; " + name + ".1=2; " + name + ".1=3"}, []string{"a1", "b2", "b3"}, 2},
		{"four values, some twice", []string{name + "=1; " + name + "=2; " + name + "=2; " + name + "=3; " + name + "=2; " + name + "=4"}, []string{"1", "2", "3", "4"}, 1},
		{"chunks of two scopes with an equal one", []string{name + ".0=a; " + name + ".1=b; " + name + ".1=b; " + name + ".0=c"}, []string{"ab", "cb"}, 2},
		{"chunks of two scopes, one more of the second", []string{name + ".0=a; " + name + ".0=b; " + name + ".1=c"}, []string{"ac", "b"}, 2},
		{"chunks of two scopes, the second without a beginning", []string{name + ".0=a; " + name + ".1=b; " + name + ".1=c"}, []string{"ab"}, 2},
		{"all kinds", []string{name + ".0=a; " + name + "=1; " + name + ".0=b; " + name + "=2"}, []string{"1", "2", "a", "b"}, 2},
		{"one too large, one not", []string{name + "=" + tooLong + "; " + name + "=v"}, []string{"v"}, 1},
		{"two too large", []string{name + "=" + tooLong + "; " + name + "=" + tooLong + "y"}, nil, 1},
		{"too large beside chunks", []string{name + "=" + tooLong + "; " + name + ".0=a"}, []string{"a"}, 2},
		{"too large beside a gap", []string{name + "=" + tooLong + "; " + name + ".1=a"}, nil, 2},
		{"two gaps", []string{name + ".1=a; " + name + ".1=b"}, nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := session.Read(request(tt.lines...))
			if values := valuesOf(got); !slices.Equal(values, tt.want) {
				t.Errorf("got %.40q, want %.40q", values, tt.want)
			}
			if got.Incomplete {
				t.Error("incomplete")
			}
			h := http.Header{}
			session.Clear(h, got.Present)
			if n := len(h["Set-Cookie"]); n != tt.present {
				t.Errorf("a sign-out clears %d cookies, want %d: %v", n, tt.present, h["Set-Cookie"])
			}
		})
	}
}

func TestRead_ZeroChunked(t *testing.T) {
	if got := (cookie.Chunked{}).Read(request("; =x; a")); got.Value != "" || got.Present != 0 {
		t.Errorf("got %+v", got)
	}
}

// A name that comes twice, or the plain cookie beside chunks, is of two scopes.
func TestRead_Repeated(t *testing.T) {
	for _, tt := range []struct {
		line string
		want bool
	}{
		{"s=v", false},
		{"s=v; s=", false},
		{"s=v; s=v", true},
		{"s=v; s=w", true},
		{"s.0=v", false},
		{"s.0=v; s.1=w", false},
		{"s.1=w", false},
		{"s.0=v; s.0=v", true},
		{"s.0=v; s.0=w", true},
		{"s=v; s.0=w", true},
		{"s=v; s.1=w", true},
	} {
		if got := (cookie.Chunked{Cookie: cookie.Cookie{Name: "s"}}).Read(request(tt.line)); got.Repeated != tt.want {
			t.Errorf("%s: got %v", tt.line, got.Repeated)
		}
	}
}

// valuesOf are all candidates.
func valuesOf(f cookie.Found) []string {
	if f.Value == "" {
		return f.More
	}
	return append([]string{f.Value}, f.More...)
}

// Cookies of more than four candidates are not cleared: one of those that were
// not read may be good.
func TestRead_Incomplete(t *testing.T) {
	repeat := func(suffix string, n int) string {
		var line strings.Builder
		for i := range n {
			fmt.Fprintf(&line, "%s%s=v%d;", name, suffix, i)
		}
		return line.String()
	}
	for _, tt := range []struct {
		name string
		line string
		want []string
		full bool
	}{
		{"four values", repeat("", 4), []string{"v0", "v1", "v2", "v3"}, false},
		{"five values", repeat("", 5), []string{"v0", "v1", "v2", "v3"}, true},
		{"four values and a chunk", repeat("", 4) + repeat(".0", 1), []string{"v0", "v1", "v2", "v3"}, false},
		{"four values and another chunk", repeat("", 4) + name + ".0=w", []string{"v0", "v1", "v2", "v3"}, true},
		{"four chunks", repeat(".0", 4), []string{"v0", "v1", "v2", "v3"}, false},
		{"five chunks", repeat(".0", 5), []string{"v0", "v1", "v2", "v3"}, true},
		{"five values and five other chunks", repeat("", 5) + repeat(".4", 5), []string{"v0", "v1", "v2", "v3"}, true},
		{"five second chunks", repeat(".0", 2) + repeat(".1", 5), []string{"v0v0", "v1v1"}, false},
		{"five chunks without the next", repeat(".0", 5) + name + ".2=w", []string{"v1", "v2", "v3"}, true},
		{"five chunks, none complete", repeat(".0", 5) + repeat(".2", 4), nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := session.Read(request(tt.line))
			if values := valuesOf(got); !slices.Equal(values, tt.want) || got.Incomplete != tt.full {
				t.Errorf("got %q, incomplete %v; want %q, %v", values, got.Incomplete, tt.want, tt.full)
			}
		})
	}
}

// The flood is 1 MB of each: a scan that is not linear would not end here.
func TestRead_Flood(t *testing.T) {
	for _, junk := range []string{";", "=;", "a;", "a=b;", name + "-=1;", name + ".0=1;", name + ".1=1;", name + "=;", `"`, " ", name} {
		flood := strings.Repeat(junk, 1<<20/len(junk))
		got := session.Read(request(flood+";"+name+"=v", flood))
		if got.Value != "v" || len(got.More) > 1 {
			t.Errorf("%q: got %.40q, %d more", junk, got.Value, len(got.More))
		}
		if v, found := session.Cookie.Value(request(flood)); len(v) > len(flood) {
			t.Errorf("%q: got %d bytes, %v", junk, len(v), found)
		}
	}
	var different strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&different, "%s=%d;%s.0=%d;", name, i, name, i)
	}
	got := session.Read(request(different.String()))
	if got.Value != "0" || !slices.Equal(got.More, []string{"1", "2", "3"}) || !got.Incomplete {
		t.Errorf("got %+v", got)
	}
}

func TestRead_Allocations(t *testing.T) {
	tests := []struct {
		name   string
		header http.Header
		want   float64
	}{
		{"no cookies", http.Header{}, 0},
		{"cookies of others", request("_ga=GA1.1.1; theme=dark; next-auth.csrf-token=abc"), 0},
		{"one cookie", request("_ga=GA1.1.1; " + name + "=" + strings.Repeat("x", 700)), 0},
		{"the same twice", request(name + "=v; " + name + "=v"), 0},
		{"three chunks, joined", request(name + ".0=a; " + name + ".1=b; " + name + ".2=c"), 1},
	}
	for _, tt := range tests {
		got := testing.AllocsPerRun(100, func() { session.Read(tt.header) })
		if got != tt.want {
			t.Errorf("%s: %v allocations, want %v", tt.name, got, tt.want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	others := "_ga=GA1.1.1234567890.1700000000; theme=dark; next-auth.csrf-token=" + strings.Repeat("a", 131) + "; next-auth.callback-url=http%3A%2F%2Flocalhost%3A3000; "
	chunk := strings.Repeat("x", cookie.NextAuthSize)
	for _, bench := range []struct {
		name   string
		header http.Header
	}{
		{"none", request(strings.TrimSuffix(others, "; "))},
		{"single", request(others + name + "=" + strings.Repeat("x", 700))},
		{"twice", request(others + name + "=" + strings.Repeat("x", 700) + "; " + name + "=" + strings.Repeat("y", 700))},
		{"chunks3", request(others + name + ".0=" + chunk + "; " + name + ".1=" + chunk + "; " + name + ".2=" + chunk)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				session.Read(bench.header)
			}
		})
	}
}

func TestWithPrefix(t *testing.T) {
	h := request("next-auth.state.abc=1; next-auth.state=2; x=3; next-auth.state.=4; next-auth.statexyz=5", "next-auth.state.def=6")
	var got []string
	for name, value := range (cookie.Cookie{Name: "next-auth.state"}).WithPrefix(h) {
		got = append(got, name+"="+value)
	}
	if want := []string{"next-auth.state.abc=1", "next-auth.state.def=6"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
