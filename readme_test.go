package nuxtauth_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// flat forgets layout, so that a snippet may be indented in its own way.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// Every Go block of the documents stands in an example that is compiled.
func TestDocumentsCompile(t *testing.T) {
	var source strings.Builder
	for _, file := range []string{"example_test.go", "sessions_example_test.go", "store/redisstore/example_test.go", "store/integration/example_test.go"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	compiled := flat(source.String())
	for document, min := range map[string]int{"README.md": 5, "docs/sessions.md": 10} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1)
		if len(blocks) < min {
			t.Fatalf("%s has %d Go blocks", document, len(blocks))
		}
		for _, b := range blocks {
			for _, part := range strings.Split(b[1], "\n\n") { // parts may stand apart
				if !strings.Contains(compiled, flat(part)) {
					t.Errorf("this stands in %s and in no example:\n%s", document, part)
				}
			}
		}
	}
}

// The table of the README has every field of Config, and no other.
func TestREADMEListsTheConfiguration(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("types.go")
	if err != nil {
		t.Fatal(err)
	}
	_, config, _ := strings.Cut(string(source), "type Config[T JWT, S Session] struct {")
	config, _, _ = strings.Cut(config, "\n}")
	fields := regexp.MustCompile(`(?m)^\t([A-Z]\w+) `).FindAllStringSubmatch(config, -1)
	_, table, _ := strings.Cut(string(readme), "## Configuration")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, f := range fields {
		if !strings.Contains(table, "| `"+f[1]) {
			t.Errorf("the table has no row for Config.%s", f[1])
		}
	}
	if rows := strings.Count(table, "\n| `"); len(fields) < 15 || rows < len(fields) {
		t.Errorf("%d rows for %d fields", rows, len(fields))
	}
}
