package main

import (
	"io"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sampleDir = "internal/mutate/testdata/sample"

func listFile(t *testing.T, list string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "equivalent.txt")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(list, "DIR", sampleDir)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestMutate_Sample(t *testing.T) {
	list := listFile(t, `# Mutants of the sample.

DIR Longer: a < b: <=
	Both are the same number.

DIR Longer: a < b: true
DIR Longer: a > b: >=
	Wrong entries: the first is noticed, and the second is no mutant.
`)
	t.Chdir("../..")
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	var out strings.Builder
	err := mutate(&out, options{processes: 2, match: regexp.MustCompile(""), equivalent: list}, chosen([]string{"./" + sampleDir}))

	const wantErr = `LIST lists a mutant that a test notices: DIR Longer: a < b: true
LIST lists a mutant that does not exist: DIR Longer: a > b: >=`
	got := strings.NewReplacer(list, "LIST", sampleDir, "DIR").Replace(err.Error())
	if diff := cmp.Diff(wantErr, got); diff != "" {
		t.Errorf("error: want -, got +:\n%s", diff)
	}
	const want = `DIR/sample.go:19:7: points < 0: <=
	DIR Grade: points < 0: <=
DIR/sample.go:19:16: points < 0: 0 + 1
	DIR Grade: points < 0: 0 + 1
DIR/sample.go:27:2: defer func() { err = errors.Join(err) }(): removed
	DIR Sum: defer func() { err = errors.Join(err) }(): removed
DIR/sample.go:27:17: err = errors.Join(err): removed
	DIR Sum: err = errors.Join(err): removed
DIR/sample.go:55:29: false: true
	DIR Unused: false: true

                          package  mutants  killed  by timeout  equivalent  left  noticed
  internal/mutate/testdata/sample       46      40           0           1     5   88.9 %
`
	if diff := cmp.Diff(strings.ReplaceAll(want, "DIR", sampleDir), out.String()); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestReadEquivalents_Wrong(t *testing.T) {
	for name, tt := range map[string]struct{ list, want string }{
		"no reason":           {"DIR A: a < b: <=\n", "the last mutant has no reason"},
		"reason of no mutant": {"\tReason.\n", ":1: a reason without a mutant"},
		"twice":               {"DIR A: a < b: <=\n\tReason.\nDIR A: a < b: <=\n\tReason.\n", ":3: the mutant is listed twice"},
	} {
		if _, err := readEquivalents(listFile(t, tt.list)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}
