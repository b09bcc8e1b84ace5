package color_test

import (
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/color"
)

func TestColor(t *testing.T) {
	for _, tt := range []struct{ color, hex, text string }{
		{"#000", "#000000", "#ffffff"},
		{"#FFF", "#ffffff", "#000000"},
		{"#4f46e5", "#4f46e5", "#ffffff"},
		{"#facc15", "#facc15", "#000000"},
		{"#767676", "#767676", "#000000"},
		{"#757575", "#757575", "#ffffff"},
		{"rgb(250, 204, 21)", "#facc15", "#000000"},
		{"rgb(79 70 229)", "#4f46e5", "#ffffff"},
		{"rgb(-1, 999, 127.6)", "#00ff80", "#000000"},
		{"rgb(10%, 20%, 30%)", "", "#ffffff"},
		{"rgb(NaN, 1, 1)", "", "#ffffff"},
		{"oklch(0.9 0.1 100)", "", "#ffffff"},
		{"yellow", "", "#ffffff"},
		{"#12345", "", "#ffffff"},
		{"#ggg", "", "#ffffff"},
		{"", "", "#ffffff"},
	} {
		if hex, ok := color.Hex(tt.color); hex != tt.hex || ok != (tt.hex != "") {
			t.Errorf("%q: hex %q, %v, want %q", tt.color, hex, ok, tt.hex)
		}
		if got := color.TextOn(tt.color); got != tt.text {
			t.Errorf("%q: text %q, want %q", tt.color, got, tt.text)
		}
	}
}
