package repotest_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/internal/docblock"
)

// llms.txt has the form of llmstxt.org: a title, a summary, details without headings, and
// then sections of links.
func TestLLMS_Form(t *testing.T) {
	inRoot(t)
	text := readFile(t, "llms.txt")
	if !strings.HasPrefix(text, "# nuxtauth\n\n> ") {
		t.Errorf("it begins with %q", text[:40])
	}
	details, sections, _ := strings.Cut(codeBlock.ReplaceAllString(text, ""), "\n## ")
	if regexp.MustCompile(`(?m)^#`).MatchString(details[2:]) {
		t.Error("the details have a heading")
	}
	for line := range strings.Lines("## " + sections) {
		if line != "\n" && !regexp.MustCompile(`^(## \w+|- \[[^\]]+\]\([^)]+\): .+)\n$`).MatchString(line) {
			t.Errorf("a section of links has the line %q", line)
		}
	}
	if len(text) > 10_000 {
		t.Errorf("%d bytes, want one page", len(text))
	}
}

// Each Go block of llms.txt is one of the README or of a guide, where it is compiled.
func TestLLMS_GoBlocks(t *testing.T) {
	inRoot(t)
	var compiled []string
	for file := range goBlocks {
		compiled = append(compiled, goBlocksOf(t, file)...)
	}
	all := goBlocksOf(t, "llms.txt")
	for _, b := range all {
		if !slices.Contains(compiled, b) {
			t.Errorf("no document has this block: copy it again:\n%s", b)
		}
	}
	if len(all) < 4 {
		t.Errorf("%d blocks", len(all))
	}
}

// llms.txt links each guide of the index, and files that exist.
func TestLLMS_Links(t *testing.T) {
	inRoot(t)
	linked := map[string]bool{}
	for _, m := range link.FindAllStringSubmatch(codeBlock.ReplaceAllString(readFile(t, "llms.txt"), ""), -1) {
		if _, err := os.Stat(m[1]); err != nil {
			t.Errorf("the link %s leads to no file", m[1])
		}
		linked[m[1]] = true
	}
	rows := regexp.MustCompile(`(?m)^\| \[[^\]]+\]\(([^)]+)\) \|`).FindAllStringSubmatch(readFile(t, "docs/README.md"), -1)
	for _, m := range rows {
		if file := path.Join("docs", m[1]); !linked[file] {
			t.Errorf("llms.txt does not link %s", file)
		}
	}
	if len(rows) < 15 {
		t.Errorf("%d guides", len(rows))
	}
}

// The command to install it is that of the README.
func TestLLMS_Install(t *testing.T) {
	inRoot(t)
	_, block, _ := strings.Cut(readFile(t, "llms.txt"), "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	if block == "" || !strings.Contains(readFile(t, "README.md"), "```sh\n"+block+"```") {
		t.Errorf("the README does not have this block:\n%s", block)
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func goBlocksOf(t *testing.T, file string) []string {
	t.Helper()
	blocks, err := docblock.Blocks(readFile(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var code []string
	for _, b := range blocks {
		code = append(code, b.Code)
	}
	return code
}
