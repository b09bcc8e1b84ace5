package page_test

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/page"
)

func TestTheme_InvalidValues(t *testing.T) {
	for _, bad := range []string{
		"#12", "#12345", "#1234567", "#ggg", "12px", "re", "red;", "red}", "red blue", "red\n", " red", "var(--x)", "url(x)", "expression(1)",
		"rgb()", "rgb(1,2)", "rgb(1,2,3,4)", "rgb(a,b,c)", "rgb(1;2;3)", "rgb(1,2,3", "rgb(1,2,3);color:red", "rgb(1,2,3)/**/", "hsl(1,2,3)",
		"oklch(0.6 0.2 calc(1))", "</style><script>alert(1)</script>", `\72 ed`, "#fff\x00",
	} {
		for field, theme := range map[string]page.Theme{"BrandColor": {BrandColor: bad}, "ButtonText": {ButtonText: bad}} {
			_, err := page.New(theme)
			if err == nil {
				t.Errorf("%s %q accepted", field, bad)
			} else if !strings.Contains(err.Error(), "Theme."+field) || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
				t.Errorf("%s %q: the error has neither field nor value: %v", field, bad, err)
			}
		}
	}
	for _, bad := range []string{"logo.svg", "//cdn.example.com/x.svg", `/\cdn.example.com`, "javascript:alert(1)", "data:image/png;base64,AA==", "ftp://x/y", "https://", "/\t/x"} {
		if _, err := page.New(page.Theme{Logo: bad}); err == nil {
			t.Errorf("Logo %q accepted", bad)
		}
	}
	for _, bad := range []string{"Dark", "sepia", " auto"} {
		if _, err := page.New(page.Theme{ColorScheme: bad}); err == nil {
			t.Errorf("ColorScheme %q accepted", bad)
		}
	}
}

func TestTheme_JoinsProblems(t *testing.T) {
	_, err := page.New(page.Theme{ColorScheme: "x", BrandColor: "#1", ButtonText: "#2", Logo: "y"})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, field := range []string{"ColorScheme", "BrandColor", "ButtonText", "Logo"} {
		if !strings.Contains(err.Error(), "Theme."+field) {
			t.Errorf("%s is missing in: %v", field, err)
		}
	}
}

func TestTheme_ButtonColors(t *testing.T) {
	for _, color := range []string{
		"#abc", "#4F46E5", "rebeccapurple", "rgb(79, 70, 229)", "rgb(79 70 229)", "rgb(31% 27% 90%)",
		"hsl(243, 75%, 59%)", "hsl(243deg 75% 59%)", "oklch(0.51 0.23 277)", "oklch(51% .23 277deg)",
	} {
		p := newPages(t, page.Theme{BrandColor: color, ButtonText: "#fefefe", Logo: "/img/logo.svg?v=2", Name: "Acme"})
		doc := render(t, func(w http.ResponseWriter) { p.SignOut(w, page.SignOut{}) })
		vars := variables(doc.style(t))
		if vars["--brand-color"] != color || vars["--button-text-color"] != "#fefefe" {
			t.Errorf("%s: button %s on %s", color, vars["--button-text-color"], vars["--brand-color"])
		}
		if logo := doc.all("img")[0]; value(logo, "src") != "/img/logo.svg?v=2" || value(logo, "alt") != "Acme" {
			t.Errorf("logo %v", logo.Attr)
		}
	}
	p := newPages(t, page.Theme{ButtonText: "gold"})
	doc := render(t, func(w http.ResponseWriter) { p.SignOut(w, page.SignOut{}) })
	if got := variables(doc.style(t))["--button-text-color"]; got != "gold" {
		t.Errorf("ButtonText alone: text colour %q", got)
	}
}

func TestTheme_ColorScheme(t *testing.T) {
	for _, test := range []struct {
		scheme, class, meta string
		follows             bool // the setting of the user's system
		page                string
	}{
		{"", "__next-auth-theme-auto", "light dark", true, "#0b0b0d"},
		{"auto", "__next-auth-theme-auto", "light dark", true, "#0b0b0d"},
		{"light", "__next-auth-theme-light", "light", false, "#f7f7f8"},
		{"dark", "__next-auth-theme-dark", "dark", false, "#0b0b0d"},
	} {
		for name, doc := range everyPage(t, newPages(t, page.Theme{ColorScheme: test.scheme})) {
			if got := value(doc.all("body")[0], "class"); got != test.class {
				t.Errorf("%s with %q: body class %q, want %q", name, test.scheme, got, test.class)
			}
			meta := ""
			for _, n := range doc.all("meta") {
				if value(n, "name") == "color-scheme" {
					meta = value(n, "content")
				}
			}
			if meta != test.meta {
				t.Errorf("%s with %q: color-scheme %q, want %q", name, test.scheme, meta, test.meta)
			}
			style := doc.style(t)
			if got := strings.Contains(style, "@media (prefers-color-scheme: dark)"); got != test.follows {
				t.Errorf("%s with %q: by the system's setting %v, want %v", name, test.scheme, got, test.follows)
			}
			if got := variables(style)["--page"]; got != test.page {
				t.Errorf("%s with %q: last background %s, want %s", name, test.scheme, got, test.page)
			}
		}
	}
}

// Ratios of WCAG 2.2 level AA: 4.5 for text (1.4.3), 3 for the outlines of
// inputs and of the focus (1.4.11).
func TestTheme_Contrast(t *testing.T) {
	for _, scheme := range []string{"light", "dark"} {
		p := newPages(t, page.Theme{ColorScheme: scheme})
		doc := render(t, func(w http.ResponseWriter) { p.SignOut(w, page.SignOut{}) })
		vars := variables(doc.style(t))
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"--text", "--card", 4.5}, {"--text", "--button", 4.5}, {"--text", "--hover", 4.5}, {"--text", "--field", 4.5}, {"--text", "--disc", 4.5},
			{"--muted", "--card", 4.5}, {"--muted", "--field", 4.5}, {"--muted", "--hover", 4.5},
			{"--alert-text", "--alert", 4.5}, {"--info-text", "--info", 4.5}, {"--alert-text", "--card", 3}, {"--strong-line", "--card", 3}, {"--button-text-color", "--brand-color", 4.5},
			{"--field-line", "--card", 3}, {"--field-line", "--field", 3}, {"--focus", "--card", 3},
		} {
			if got := contrast(t, vars[pair.front], vars[pair.back]); got < pair.least {
				t.Errorf("%s: %s on %s has %.2f : 1, want at least %.1f", scheme, pair.front, pair.back, got, pair.least)
			}
		}
	}
}

func TestTheme_ButtonTextContrast(t *testing.T) {
	for r := 0; r <= 255; r += 85 {
		for g := 0; g <= 255; g += 85 {
			for b := 0; b <= 255; b += 85 {
				hex := fmt.Sprintf("#%02x%02x%02x", r, g, b)
				for _, brand := range []string{hex, fmt.Sprintf("rgb(%d %d %d)", r, g, b)} {
					p := newPages(t, page.Theme{BrandColor: brand})
					doc := render(t, func(w http.ResponseWriter) { p.SignOut(w, page.SignOut{}) })
					ink := variables(doc.style(t))["--button-text-color"]
					if got := contrast(t, ink, hex); got < 4.5 {
						t.Errorf("%s on %s has %.2f : 1", ink, brand, got)
					}
				}
			}
		}
	}
}

var variable = regexp.MustCompile(`(--[a-z-]+): ([^;]+);`)

// variables returns the custom properties of a style. Of several values the last one
// counts, such as that for a dark system.
func variables(style string) map[string]string {
	vars := map[string]string{}
	for _, m := range variable.FindAllStringSubmatch(style, -1) {
		vars[m[1]] = m[2]
	}
	return vars
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := relativeLuminance(t, a), relativeLuminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func relativeLuminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 24)
	if err != nil || len(hex) != 7 {
		t.Fatalf("colour %q", hex)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := float64(n>>(16-8*i)&255) / 255
		if v > 0.04045 {
			v = math.Pow((v+0.055)/1.055, 2.4)
		} else {
			v /= 12.92
		}
		sum += weight * v
	}
	return sum
}
