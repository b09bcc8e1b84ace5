package repotest_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/provider"
)

// constructors returns the providers that package provider has built in, by the names of
// their constructors. Those that need an issuer from the application have none.
func constructors(t *testing.T) map[string]provider.Provider {
	t.Helper()
	all := map[string]provider.Provider{}
	for _, file := range []string{"provider/catalogue.go", "provider/apple.go"} {
		for _, decl := range parseGo(t, file).Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || f.Name.Name == "Email" || len(f.Type.Params.List) != 1 {
				continue
			}
			if _, ok := f.Type.Params.List[0].Type.(*ast.Ellipsis); !ok {
				continue
			}
			p := provider.Provider{Type: provider.TypeOAuth}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				kv, ok := n.(*ast.KeyValueExpr)
				if !ok {
					return true
				}
				switch kv.Key.(*ast.Ident).Name {
				case "ID":
					p.ID = stringOf(kv.Value)
				case "Issuer":
					p.Issuer = "built in"
				case "Type":
					if kv.Value.(*ast.Ident).Name == "TypeOIDC" {
						p.Type = provider.TypeOIDC
					}
				}
				return false
			})
			all[f.Name.Name] = p
		}
	}
	return all
}

// The table of built-in providers has those of the package, with the variables that each
// reads and the path of its callback, and no other.
func TestGuides_Providers(t *testing.T) {
	inRoot(t)
	want := constructors(t)
	if len(want) != 9 {
		t.Errorf("%d providers: %v", len(want), want)
	}
	_, table, _ := strings.Cut(readFile(t, "docs/providers.md"), "## Built in\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if !strings.HasPrefix(line, "| `") || len(cells) != 6 {
			continue
		}
		spans := func(cell string) (all []string) {
			for _, s := range codeSpan.FindAllString(cell, -1) {
				all = append(all, strings.Trim(s, "`"))
			}
			return all
		}
		name := spans(cells[1])[0]
		p, ok := want[name]
		if !ok {
			t.Errorf("docs/providers.md lists %s, or twice", name)
		}
		delete(want, name)
		var read []string
		p.WithEnv(func(variable string) string {
			if !strings.HasSuffix(variable, "_ISSUER") || p.Type == provider.TypeOIDC && p.Issuer == "" {
				read = append(read, variable)
			}
			return ""
		})
		if listed := spans(cells[2]); !slices.Equal(listed, read) {
			t.Errorf("%s: the variables are %q, want %q", name, listed, read)
		}
		if listed := spans(cells[3]); !slices.Equal(listed, []string{"https://app.example.com/api/auth/callback/" + p.ID}) {
			t.Errorf("%s: the callback URL is %q", name, listed)
		}
		if strings.TrimSpace(cells[4]) == "" {
			t.Errorf("%s: the row does not say where to register", name)
		}
	}
	for name := range want {
		t.Errorf("docs/providers.md does not list %s", name)
	}
}
