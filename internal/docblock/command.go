package docblock

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Command returns the arguments of the go command that compiles and vets the Go
// blocks of all documents, and runs the tests of their packages. The keys of
// documents are the paths of the Markdown files and the values the directories
// of their packages, one for each document, both relative to the current
// directory, in which the command must run. The command reads files that
// Command writes to the directory temp. Its errors have the lines of the
// documents. A document without a Go block is an error.
func Command(temp string, documents map[string]string) (args []string, err error) {
	var problems []error
	replace := map[string]string{} // as of the go command's flag -overlay
	var dirs []string
	for _, document := range slices.Sorted(maps.Keys(documents)) {
		files, err := wrapDocument(document, documents[document])
		if err != nil {
			problems = append(problems, err)
			continue
		}
		dirs = append(dirs, "./"+filepath.ToSlash(documents[document]))
		for file, source := range files {
			replace[file] = filepath.Join(temp, fmt.Sprintf("%d.go", len(replace)))
			if err := os.WriteFile(replace[file], source, 0o600); err != nil {
				return nil, fmt.Errorf("docblock: %w", err)
			}
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}

	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, fmt.Errorf("docblock: %w", err)
	}
	file := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return nil, fmt.Errorf("docblock: %w", err)
	}
	return append([]string{"test", "-vet=all", "-overlay=" + file}, dirs...), nil
}

// wrapDocument returns the Go files of a document's blocks by their absolute
// paths.
func wrapDocument(document, dir string) (map[string][]byte, error) {
	path, err := filepath.Abs(document)
	if err != nil {
		return nil, fmt.Errorf("docblock: %w", err)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("docblock: %w", err)
	}
	markdown, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("docblock: %w", err)
	}
	blocks, err := Blocks(string(markdown))
	if err != nil {
		return nil, fmt.Errorf("docblock: %s: %w", document, err)
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("docblock: %s has no Go block", document)
	}
	pkg, declared, err := packageIn(dir)
	if err != nil {
		return nil, err
	}

	var problems []error
	files := map[string][]byte{}
	prefix := strings.TrimSuffix(filepath.Base(document), filepath.Ext(document))
	for _, b := range blocks {
		source, isTest, err := b.wrap(path, pkg, declared)
		if err != nil {
			problems = append(problems, fmt.Errorf("docblock: %w", err))
			continue
		}
		name := fmt.Sprintf("%s_line%d.go", prefix, b.Line)
		if isTest {
			name = fmt.Sprintf("%s_line%d_test.go", prefix, b.Line)
		}
		files[filepath.Join(dir, name)] = source
	}
	return files, errors.Join(problems...)
}
