package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// equivalents is the list of mutants that no test can notice: for each key, whether a
// mutant with it was found.
type equivalents map[string]bool

// readEquivalents reads a list. A line is the key of a mutant, as the output has it below
// each survivor, and indented lines after the keys say why they are equivalent. Lines
// that begin with # are comments.
func readEquivalents(file string) (equivalents, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	list := equivalents{}
	explained := true
	for n, line := range strings.Split(string(text), "\n") {
		_, twice := list[line]
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '\t' && len(list) == 0:
			return nil, fmt.Errorf("%s:%d: a reason without a mutant", file, n+1)
		case line[0] == '\t':
			explained = true
		case twice:
			return nil, fmt.Errorf("%s:%d: the mutant is listed twice", file, n+1)
		default:
			list[line], explained = false, false
		}
	}
	if !explained {
		return nil, fmt.Errorf("%s: the last mutant has no reason", file)
	}
	return list, nil
}

// take reports whether a mutant is listed, and marks its entry as used.
func (e equivalents) take(key string) bool {
	_, listed := e[key]
	if listed {
		e[key] = true
	}
	return listed
}

// unused returns the entries of a package that were not taken.
func (e equivalents) unused(dir string) []string {
	var keys []string
	for key, used := range e {
		if !used && strings.HasPrefix(key, dir+" ") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
