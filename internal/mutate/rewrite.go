package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// sources are the files of a package, without its tests, and their types.
type sources struct {
	dir   string
	set   *token.FileSet
	files []*source
	info  types.Info

	path     string
	importer types.Importer
}

type source struct {
	path, text string
	syntax     *ast.File
	qualifier  types.Qualifier // how the file names other packages
}

// load reads the package in a directory. The packages that it imports are compiled, and
// their types read from the compiler's export data.
func load(dir string) (*sources, error) {
	list := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "./"+dir)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	type listed struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
	}
	exports := map[string]string{}
	var p listed // at the end the package itself, which comes after its imports
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		p = listed{}
		if err := d.Decode(&p); err != nil { //nolint:musttag // the go command spells them as Go does
			return nil, err
		}
		exports[p.ImportPath] = p.Export
	}
	s := &sources{dir: dir, path: p.ImportPath, set: token.NewFileSet()}
	s.importer = importer.ForCompiler(s.set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, name := range p.GoFiles {
		f := &source{path: filepath.Join(p.Dir, name)}
		text, err := os.ReadFile(f.path)
		if err != nil {
			return nil, err
		}
		f.text = string(text)
		s.files = append(s.files, f)
	}
	s.info = types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	parsed, err := s.check(nil, &s.info)
	for i, f := range s.files {
		if err == nil {
			f.syntax, f.qualifier = parsed[i], qualifier(parsed[i], s.path)
		}
	}
	return s, err
}

// qualifier returns the names by which a file knows other packages. A name that it has
// not imported makes code that does not compile.
func qualifier(f *ast.File, self string) types.Qualifier {
	names := map[string]string{self: ""}
	for _, spec := range f.Imports {
		if spec.Name != nil {
			names[strings.Trim(spec.Path.Value, `"`)] = spec.Name.Name
		}
	}
	return func(p *types.Package) string {
		if name, ok := names[p.Path()]; ok {
			return name
		}
		return p.Name()
	}
}

// check type-checks the package with mutants in it. The files that it returns are those
// of s, and one more if there are mutants.
func (s *sources) check(mutants []*mutant, info *types.Info) ([]*ast.File, error) {
	var parsed []*ast.File
	for name, text := range s.render(mutants) {
		f, err := parser.ParseFile(s.set, name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, f)
	}
	config := types.Config{Importer: s.importer}
	_, err := config.Check(s.path, s.set, parsed, info)
	return parsed, err
}

// compiling returns the mutants that compile.
func (s *sources) compiling(mutants []*mutant) []*mutant {
	if _, err := s.check(mutants, nil); err == nil {
		return mutants
	}
	if len(mutants) == 1 {
		return nil
	}
	half := len(mutants) / 2
	return append(slices.Clip(s.compiling(mutants[:half])), s.compiling(mutants[half:])...)
}

// render returns the files of the package with mutants in them, by their paths.
func (s *sources) render(mutants []*mutant) func(yield func(name, text string) bool) {
	return func(yield func(name, text string) bool) {
		last := 0
		for _, f := range s.files {
			text := f.text
			if mutants != nil {
				text = f.render(mutants)
			}
			if !yield(f.path, text) {
				return
			}
		}
		for _, m := range mutants {
			last = max(last, m.id)
		}
		if mutants != nil {
			name := s.files[0].syntax.Name.Name
			yield(filepath.Join(filepath.Dir(s.files[0].path), "mutant_switch.go"), fmt.Sprintf(switchCode, name, last+1))
		}
	}
}

// render returns the file with mutants around their originals. Of two in the same place,
// the one that was found first is around the other.
func (f *source) render(mutants []*mutant) string {
	before, after := map[int]string{}, map[int]string{}
	for _, m := range mutants {
		if m.pos.Filename == f.path {
			before[m.start] += m.before
			after[m.end] = m.after + after[m.end]
		}
	}
	places := slices.Collect(maps.Keys(before))
	places = append(places, slices.Collect(maps.Keys(after))...)
	slices.Sort(places)
	var b strings.Builder
	from := 0
	for _, at := range slices.Compact(places) {
		b.WriteString(f.text[from:at] + after[at] + before[at])
		from = at
	}
	b.WriteString(f.text[from:])
	return b.String()
}

// The variables of the environment: the number of the mutant that is selected, and a file
// to which the numbers of all that are executed go.
const (
	selectVariable = "NUXTAUTH_MUTANT"
	recordVariable = "NUXTAUTH_MUTANT_RECORD"
)

const switchCode = `package %s

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutantSelected, _ = strconv.Atoi(os.Getenv("` + selectVariable + `"))
	mutantRecord, _   = os.OpenFile(os.Getenv("` + recordVariable + `"), os.O_WRONLY|os.O_APPEND, 0)
	mutantExecuted    [%d]atomic.Bool
)

func mutantOn(id int) bool {
	if mutantRecord != nil && !mutantExecuted[id].Swap(true) {
		fmt.Fprintln(mutantRecord, id)
	}
	return id == mutantSelected
}

func mutantNil(on bool, err error) error {
	if on {
		return nil
	}
	return err
}
`

// overlay writes the package with its mutants to a temporary directory, and returns the
// argument that makes the go command compile it.
func (s *sources) overlay(temp string, mutants []*mutant) (string, error) {
	replace := map[string]string{}
	var errs []error
	for name, text := range s.render(mutants) {
		replace[name] = filepath.Join(temp, filepath.Base(name))
		errs = append(errs, os.WriteFile(replace[name], []byte(text), 0o600))
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	file := filepath.Join(temp, "overlay.json")
	return "-overlay=" + file, errors.Join(append(errs, err, os.WriteFile(file, text, 0o600))...)
}
