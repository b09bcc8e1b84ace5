// Package color computes with the colours of CSS that the theme of the built-in pages and
// mails has.
package color

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// TextOn returns black or white for text on a colour, by the contrast ratio of WCAG 2,
// of which the better has at least 4.5 : 1. It is white if the luminance of the colour
// is not known.
func TextOn(color string) string {
	l, ok := luminance(color)
	if ok && (l+0.05)/0.05 > 1.05/(l+0.05) {
		return "#000000"
	}
	return "#ffffff"
}

// Hex returns a colour in hexadecimal or rgb() with numbers in the form #rrggbb, which mail
// clients know.
func Hex(color string) (string, bool) {
	c, ok := channels(color)
	if !ok {
		return "", false
	}
	return fmt.Sprintf("#%02x%02x%02x", byteOf(c[0]), byteOf(c[1]), byteOf(c[2])), true
}

func byteOf(v float64) uint8 { return uint8(math.Round(v * 255)) }

// luminance returns the relative luminance (WCAG 2), from 0 to 1, of a colour in
// hexadecimal or rgb() with numbers.
func luminance(color string) (float64, bool) {
	c, ok := channels(color)
	if !ok {
		return 0, false
	}
	for i, v := range c {
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2], true
}

func channels(color string) (c [3]float64, ok bool) {
	if hex, found := strings.CutPrefix(color, "#"); found {
		if len(hex) == 3 {
			hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
		}
		n, err := strconv.ParseUint(hex, 16, 24)
		return [3]float64{float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}, err == nil && len(hex) == 6
	}
	args, found := strings.CutPrefix(strings.TrimSuffix(color, ")"), "rgb(")
	parts := strings.FieldsFunc(args, func(r rune) bool { return r == ' ' || r == ',' })
	if !found || len(parts) != 3 {
		return c, false
	}
	for i, part := range parts {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil || math.IsNaN(n) {
			return c, false
		}
		c[i] = min(max(n/255, 0), 1)
	}
	return c, true
}
