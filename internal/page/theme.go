package page

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strings"

	"github.com/nuxtauth/nuxtauth/internal/color"
)

//go:embed styles/*.css
var styleFiles embed.FS

// Theme is the look of the built-in pages. The zero value is a neutral theme, light or
// dark by the setting of the user's system.
type Theme struct {
	// ColorScheme is "light", "dark" or "auto": the setting of the user's system.
	// Empty means "auto".
	ColorScheme string

	// BrandColor is the background of the main button, a CSS colour: #rgb,
	// #rrggbb, a colour name, or rgb(), hsl() or oklch() with three numbers. Empty
	// means nearly black on light pages and nearly white on dark ones.
	BrandColor string

	// ButtonText is the colour of the text on BrandColor, in the same syntax.
	// Empty means black or white by contrast if BrandColor is in hexadecimal or
	// rgb(), and white for any other BrandColor.
	ButtonText string

	// Logo is the image on top of each page and the icon of its tab: an http(s) URL,
	// or a path on this host that starts with "/". Empty means none. LogoDark is the
	// image on dark pages. Empty means Logo.
	Logo, LogoDark string

	// Name is the name of the site, which is shown in place of its host.
	Name string

	// Frames are the sources (Content-Security-Policy, frame-ancestors) in whose frames
	// the pages may be. None means that they are in no frame.
	Frames []string
}

func (t Theme) check() error {
	var problems []error
	switch t.ColorScheme {
	case "", "auto", "light", "dark":
	default:
		problems = append(problems, fmt.Errorf(`nuxtauth: Theme.ColorScheme %q is unknown: write "auto", "light" or "dark"`, t.ColorScheme))
	}
	if t.BrandColor != "" && !isColor(t.BrandColor) {
		problems = append(problems, fmt.Errorf("nuxtauth: Theme.BrandColor %q is not a CSS colour such as #4f46e5", t.BrandColor))
	}
	if t.ButtonText != "" && !isColor(t.ButtonText) {
		problems = append(problems, fmt.Errorf("nuxtauth: Theme.ButtonText %q is not a CSS colour such as #ffffff", t.ButtonText))
	}
	for _, f := range [][2]string{{"Logo", t.Logo}, {"LogoDark", t.LogoDark}} {
		if f[1] != "" && !isImage(f[1]) {
			problems = append(problems, fmt.Errorf(`nuxtauth: Theme.%s %q is neither an http(s) URL nor a path that starts with "/"`, f[0], f[1]))
		}
	}
	if t.LogoDark != "" && t.Logo == "" {
		problems = append(problems, errors.New("nuxtauth: Theme.LogoDark replaces Theme.Logo on dark pages: set that too"))
	}
	return errors.Join(problems...)
}

func (t Theme) scheme() string {
	if t.ColorScheme == "" {
		return "auto"
	}
	return t.ColorScheme
}

// stylesheet returns the embedded style with the colours of the theme, which must have
// passed check: they are not escaped.
func (t Theme) stylesheet() (template.CSS, error) {
	base, err := styleFiles.ReadFile("styles/page.css")
	if err != nil {
		return "", err
	}
	dark, err := styleFiles.ReadFile("styles/dark.css")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.Write(base)
	switch t.scheme() {
	case "dark":
		b.Write(dark)
	case "auto":
		fmt.Fprintf(&b, "@media (prefers-color-scheme: dark) {\n%s}\n", dark)
	}
	if t.BrandColor != "" {
		text := t.ButtonText
		if text == "" {
			text = color.TextOn(t.BrandColor)
		}
		fmt.Fprintf(&b, ":root { --brand-color: %s; --button-text-color: %s; }\n", t.BrandColor, text)
	} else if t.ButtonText != "" {
		fmt.Fprintf(&b, ":root { --button-text-color: %s; }\n", t.ButtonText)
	}
	return template.CSS(b.String()), nil
}

const (
	number  = `-?(?:[0-9]{1,4}(?:\.[0-9]{1,6})?|\.[0-9]{1,6})`
	percent = number + `%`
	angle   = number + `(?:deg)?`
	value   = number + `%?`
	gap     = `(?: | ?, ?)`
)

var colorSyntax = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`#[0-9a-fA-F]{3}`,
	`#[0-9a-fA-F]{6}`,
	`[a-zA-Z]{3,30}`,
	`rgb\(` + value + gap + value + gap + value + `\)`,
	`hsl\(` + angle + gap + percent + gap + percent + `\)`,
	`oklch\(` + value + ` ` + value + ` ` + angle + `\)`,
}, "|") + `)$`)

func isColor(s string) bool { return colorSyntax.MatchString(s) }

// isImage reports whether s can be the source of an <img>: an http(s) URL or an
// absolute path. A path with two slashes or a backslash is of another host.
func isImage(s string) bool {
	if _, ok := httpURL(s); ok {
		return true
	}
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\t\r\n") {
		return false
	}
	_, err := url.Parse(s)
	return err == nil
}

func httpURL(s string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, false
	}
	return u, true
}
