package typescript

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// names gives Go types names of TypeScript: that of the package, a namespace there, and
// that of the type. They depend on the order of the types alone.
type names struct {
	of         map[reflect.Type]string
	namespaces map[string]string // by the path of the package
	taken      map[string]bool
	order      []string // of namespaces
}

func newNames() *names {
	return &names{of: map[reflect.Type]string{}, namespaces: map[string]string{}, taken: map[string]bool{}}
}

// name returns the namespace of a type and its name there.
func (n *names) name(t reflect.Type) (namespace, name string) {
	namespace, ok := n.namespaces[t.PkgPath()]
	if !ok {
		pkg, _, _ := strings.Cut(t.String(), ".")
		namespace = n.take(identifier(pkg))
		n.namespaces[t.PkgPath()] = namespace
		n.order = append(n.order, namespace)
	}
	if n.of[t] == "" {
		full := n.take(namespace + "." + identifier(localName(t)))
		n.of[t] = strings.TrimPrefix(full, namespace+".")
	}
	return namespace, n.of[t]
}

// take returns a name, with a number if it is taken.
func (n *names) take(name string) string {
	free := name
	for i := 2; n.taken[free]; i++ {
		free = fmt.Sprint(name, i)
	}
	n.taken[free] = true
	return free
}

// localName is the name of a type, with its type arguments without the paths of their
// packages: Page[Item] for the Page[example.com/shop.Item] of package reflect.
func localName(t reflect.Type) string {
	var b strings.Builder
	words := strings.FieldsFunc(t.Name(), func(r rune) bool { return strings.ContainsRune("[], *(){};\"` ", r) })
	for i, w := range words {
		if i > 0 {
			b.WriteByte('_')
		}
		w, _, _ = strings.Cut(w, "·") // the number of a type in a function
		b.WriteString(w[strings.LastIndexAny(w, "./")+1:])
	}
	return b.String()
}

// identifier makes a name one of TypeScript.
func identifier(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) {
			return r
		}
		return '_'
	}, name)
	if slices.Contains(reserved, name) {
		name += "_"
	}
	return name
}

// reserved are the words that are no names of types and namespaces, and are names in Go.
var reserved = strings.Fields(`any arguments as async await bigint boolean catch class debugger delete do enum eval export extends
	false finally from function global implements in instanceof keyof let module namespace never new null number object of package private
	protected public readonly require satisfies static string super symbol this throw true try type typeof undefined unique unknown
	using void while with yield`)

// declare returns the name of a type that has one in Go, and declares it.
func (g *generator) declare(t reflect.Type) string {
	if !g.declares[t] {
		g.declares[t] = true
		g.pending = append(g.pending, t)
	}
	namespace, name := g.names.name(t)
	return namespace + "." + name
}

// A namespace has the types of a Go package.
type namespace struct {
	name  string
	types []declaration
}

type declaration struct {
	name, doc string
	typ       tsType
}

// declared returns the types that were declared, and those that they need.
func (g *generator) declared() ([]namespace, error) {
	types := map[string][]declaration{}
	for len(g.pending) > 0 {
		t := g.pending[0]
		g.pending = g.pending[1:]
		typ, err := g.composite(t)
		if err != nil {
			return nil, err
		}
		namespace, name := g.names.name(t)
		types[namespace] = append(types[namespace], declaration{name, g.doc(t, ""), typ})
	}
	var list []namespace
	for _, name := range g.names.order {
		list = append(list, namespace{name, types[name]})
	}
	return list, nil
}
