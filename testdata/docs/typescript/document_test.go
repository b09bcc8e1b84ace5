package app

import (
	"os"
	"strings"
	"testing"
)

// The document shows the file that the test in it keeps true.
func TestDocument_ShowsTheFile(t *testing.T) {
	document, err := os.ReadFile("../../../docs/typescript.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("web/types/next-auth.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), "```ts\n"+string(file)+"```\n") {
		t.Errorf("docs/typescript.md does not show\n%s", file)
	}
}
