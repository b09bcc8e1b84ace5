package docblock

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/scanner"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// imports are the packages that a block may use without an import declaration,
// by name.
var imports = map[string]string{
	"authtest":   "github.com/nuxtauth/nuxtauth/authtest",
	"codes":      "google.golang.org/grpc/codes",
	"context":    "context",
	"cookie":     "github.com/gin-contrib/sessions/cookie",
	"cookiejar":  "net/http/cookiejar",
	"crypto":     "crypto",
	"ecdsa":      "crypto/ecdsa",
	"errors":     "errors",
	"fmt":        "fmt",
	"gin":        "github.com/gin-gonic/gin",
	"ginstore":   "github.com/nuxtauth/nuxtauth/store/ginstore",
	"grpc":       "google.golang.org/grpc",
	"hostile":    "github.com/nuxtauth/nuxtauth/authtest/hostile",
	"http":       "net/http",
	"httptest":   "net/http/httptest",
	"io":         "io",
	"json":       "encoding/json",
	"jwt":        "github.com/golang-jwt/jwt/v5",
	"log":        "log",
	"mail":       "github.com/nuxtauth/nuxtauth/mail",
	"metadata":   "google.golang.org/grpc/metadata",
	"net":        "net",
	"nuxtauth":   "github.com/nuxtauth/nuxtauth",
	"os":         "os",
	"otelauth":   "github.com/nuxtauth/nuxtauth/otelauth",
	"password":   "github.com/nuxtauth/nuxtauth/password",
	"provider":   "github.com/nuxtauth/nuxtauth/provider",
	"redis":      "github.com/redis/go-redis/v9",
	"redisstore": "github.com/nuxtauth/nuxtauth/store/redisstore",
	"scs":        "github.com/alexedwards/scs/v2",
	"sessions":   "github.com/gin-contrib/sessions",
	"slices":     "slices",
	"slog":       "log/slog",
	"sql":        "database/sql",
	"sqlstore":   "github.com/nuxtauth/nuxtauth/store/sqlstore",
	"status":     "google.golang.org/grpc/status",
	"store":      "github.com/nuxtauth/nuxtauth/store",
	"strings":    "strings",
	"synctest":   "testing/synctest",
	"testing":    "testing",
	"time":       "time",
	"typescript": "github.com/nuxtauth/nuxtauth/typescript",
	"token":      "github.com/nuxtauth/nuxtauth/token",
	"url":        "net/url",
}

// wrap returns a block as a Go file of package pkg, in which some names are declared, and reports whether it uses package
// testing. Errors of the compiler have the lines of document, an absolute path. The
// error of a block that has none of the three forms is the syntax error that is the
// last in the block.
func (b Block) wrap(document, pkg string, declared map[string]bool) (source []byte, isTest bool, err error) {
	if formatted, err := format.Source([]byte(b.Code)); err == nil && string(formatted) != b.Code {
		return nil, false, fmt.Errorf("%s:%d: the block is not formatted by gofmt", document, b.Line)
	}
	code := fmt.Sprintf("//line %s:%d:1\n%s", document, b.Line, b.Code)
	clause := "package " + pkg + "\n"

	file, errFile := parse(code)
	if errFile == nil {
		return []byte(code), isTestFile(file), nil
	}
	file, errDeclarations := parse(clause + code)
	if errDeclarations != nil {
		code = "func _() {\n" + code
		var errStatements error
		if file, errStatements = parse(clause + code + "}\n"); errStatements != nil {
			return nil, false, furthest(errFile, errDeclarations, errStatements)
		}
		code += useAll(declaredIn(file.Decls[0].(*ast.FuncDecl).Body)) + "}\n"
	}

	var out bytes.Buffer
	out.WriteString(clause)
	used := packagesIn(file, declared)
	for _, name := range used {
		fmt.Fprintf(&out, "import %s %q\n", name, imports[name])
	}
	out.WriteString(code)
	return out.Bytes(), slices.Contains(used, "testing"), nil
}

func parse(source string) (*ast.File, error) {
	return parser.ParseFile(token.NewFileSet(), "", source, 0)
}

// isTestFile reports whether the file imports package testing.
func isTestFile(file *ast.File) bool {
	return slices.ContainsFunc(file.Imports, func(s *ast.ImportSpec) bool { return s.Path.Value == `"testing"` })
}

// packagesIn returns the packages of the table of imports that the file uses, sorted by
// name, but for names that the package declares.
func packagesIn(file *ast.File, declared map[string]bool) []string {
	unresolved := map[*ast.Ident]bool{} // neither a variable nor a parameter of the block
	for _, id := range file.Unresolved {
		unresolved[id] = true
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && unresolved[id] && imports[id.Name] != "" && !declared[id.Name] {
				used[id.Name] = true
			}
		}
		return true
	})
	return slices.Sorted(maps.Keys(used))
}

// declaredIn returns the names of the variables that a function body declares
// at its top level.
func declaredIn(body *ast.BlockStmt) []string {
	var names []string
	for _, statement := range body.List {
		switch s := statement.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				for _, left := range s.Lhs {
					if id, ok := left.(*ast.Ident); ok {
						names = append(names, id.Name)
					}
				}
			}
		case *ast.DeclStmt:
			if d := s.Decl.(*ast.GenDecl); d.Tok == token.VAR {
				for _, spec := range d.Specs {
					for _, id := range spec.(*ast.ValueSpec).Names {
						names = append(names, id.Name)
					}
				}
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "_" })
	slices.Sort(names)
	return slices.Compact(names)
}

// useAll returns an assignment that uses the variables, "" if there are none.
func useAll(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return strings.Repeat("_, ", len(names)-1) + "_ = " + strings.Join(names, ", ") + "\n"
}

// furthest returns the last in the block of the first errors of each parse.
func furthest(errs ...error) error {
	var last *scanner.Error
	for _, err := range errs {
		list, ok := errors.AsType[scanner.ErrorList](err)
		if !ok {
			return err
		}
		at := list[0].Pos
		if last == nil || at.Line > last.Pos.Line || at.Line == last.Pos.Line && at.Column > last.Pos.Column {
			last = list[0]
		}
	}
	return last
}

// packageIn returns the name of the package in a directory, and the names that it declares.
func packageIn(dir string) (name string, declared map[string]bool, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		return "", nil, fmt.Errorf("docblock: %s has no Go file", dir)
	}
	declared = map[string]bool{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return "", nil, fmt.Errorf("docblock: %w", err)
		}
		name = file.Name.Name
		for _, decl := range file.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					for _, id := range v.Names {
						declared[id.Name] = true
					}
				}
			}
		}
	}
	return name, declared, nil
}
