package main

import (
	"bytes"
	"os"
	"testing"
)

// Each front end can be copied alone, and so has its own copy of the stylesheet, which may
// have rules of its own at the end: a change to one has to be made to all.
func TestFronts_HaveOneStyle(t *testing.T) {
	common, err := os.ReadFile("nuxt/app/assets/main.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		"fetch/main.css", "next/app/main.css", "nuxt-local/app/assets/main.css", "react/src/main.css", "sveltekit/src/main.css", "vue/src/main.css",
	} {
		css, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(css, common) {
			t.Errorf("%s does not begin with nuxt/app/assets/main.css", file)
		}
	}
}
