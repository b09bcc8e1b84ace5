package repotest_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/docblock"
)

// goBlocks maps the documents that have Go blocks to the packages in which
// these are compiled.
var goBlocks = map[string]string{
	"README.md":             "testdata/docs/readme",
	"docs/accounts.md":      "testdata/docs/accounts",
	"docs/testing.md":       "testdata/docs/testing",
	"docs/session-data.md":  "testdata/docs/session-data",
	"docs/guards.md":        "testdata/docs/guards",
	"docs/updates.md":       "testdata/docs/updates",
	"docs/errors.md":        "testdata/docs/errors",
	"docs/pages.md":         "testdata/docs/pages",
	"docs/typescript.md":    "testdata/docs/typescript",
	"docs/local.md":         "testdata/docs/local",
	"docs/providers.md":     "testdata/docs/providers",
	"docs/proxies.md":       "testdata/docs/proxies",
	"docs/acting-as.md":     "testdata/docs/acting-as",
	"docs/origins.md":       "testdata/docs/origins",
	"docs/sessions.md":      "store/integration/testdata/docs/sessions", // by the tests of that module, which requires the drivers
	"docs/moving.md":        "bench/testdata/docs/moving",               // by the tests of that module, which requires the other libraries
	"docs/observability.md": "otelauth/testdata/docs/observability",     // likewise: it requires OpenTelemetry
	"docs/services.md":      "example/services/testdata/docs/services",  // likewise: it requires gRPC
}

func TestDocuments_GoBlocksCompile(t *testing.T) {
	inRoot(t)
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	documents := maps.Clone(goBlocks)
	maps.DeleteFunc(documents, func(_, dir string) bool { return !strings.HasPrefix(dir, "testdata/") })
	args, err := docblock.Command(t.TempDir(), documents)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestDocuments_AllGoBlocksListed(t *testing.T) {
	inRoot(t)
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == "node_modules" || file != "." && name[0] == '.') {
			return filepath.SkipDir
		}
		if filepath.Ext(file) != ".md" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		blocks, err := docblock.Blocks(string(text))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if _, listed := goBlocks[filepath.ToSlash(file)]; listed != (len(blocks) > 0) {
			t.Errorf("%s has %d Go blocks; listed: %t", file, len(blocks), listed)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A path in code style, as in `internal/api`, exists. Only those are checked that
// begin with a folder of the repository and have no placeholder.
func TestDocuments_PathsExist(t *testing.T) {
	inRoot(t)
	decisions, err := filepath.Glob("docs/decisions/*.md")
	if err != nil || len(decisions) < 12 {
		t.Fatalf("%d decisions: %v", len(decisions), err)
	}
	checked := 0
	for _, document := range append(decisions, "CONTRIBUTING.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`([a-z0-9]+)(/[A-Za-z0-9_./-]+)`").FindAllStringSubmatch(string(text), -1) {
			if info, err := os.Stat(m[1]); err != nil || !info.IsDir() {
				continue
			}
			checked++
			if _, err := os.Stat(m[1] + m[2]); err != nil {
				t.Errorf("%s names %s%s: %v", document, m[1], m[2], err)
			}
		}
	}
	if checked < 20 {
		t.Errorf("%d paths", checked)
	}
}

// The table of the README has every field of Config, and no other.
func TestDocuments_READMEListsConfiguration(t *testing.T) {
	inRoot(t)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("config.go")
	if err != nil {
		t.Fatal(err)
	}
	_, config, _ := strings.Cut(string(source), "type Config[T TokenType, S SessionType] struct {")
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
