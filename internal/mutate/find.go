package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
)

// A mutant is a change of an expression or a statement. It keeps the original in place,
// and adds code around it that takes effect if the mutant is selected. So the mutants of
// a package can be nested, and are compiled together.
type mutant struct {
	id            int
	pos           token.Position
	start, end    int    // of the original, in bytes of the file
	before, after string // the code around it
	dir, function string
	source        string // the original, or what it is a part of, on one line
	change        string
	ordinal       int // among equal changes of equal code in the function, from 1

	outcome outcome
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", path.Join(m.dir, path.Base(m.pos.Filename)), m.pos.Line, m.pos.Column, m.source, m.change)
}

// key names the mutant in the list of equivalent ones, whatever else is in the file.
func (m *mutant) key() string {
	key := fmt.Sprintf("%s %s: %s: %s", m.dir, m.function, m.source, m.change)
	if m.ordinal > 1 {
		key += fmt.Sprintf(" (%d)", m.ordinal)
	}
	return key
}

// A finder lists the mutants of a package.
type finder struct {
	*sources
	file       *source
	function   string
	conditions map[ast.Expr]bool // those that have their mutants
	mutants    []*mutant
}

func find(s *sources) []*mutant {
	f := &finder{sources: s, conditions: map[ast.Expr]bool{}}
	for _, f.file = range s.files {
		for _, decl := range f.file.syntax.Decls {
			f.function = "var"
			if d, ok := decl.(*ast.FuncDecl); ok {
				f.function = functionName(d)
			}
			if f.function != "Error" && !strings.HasSuffix(f.function, ".Error") {
				ast.PreorderStack(decl, nil, f.visit)
			}
		}
	}
	return f.mutants
}

func functionName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	receiver := strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*")
	receiver, _, _ = strings.Cut(receiver, "[")
	return receiver + "." + d.Name.Name
}

// visit adds the mutants of a node.
func (f *finder) visit(n ast.Node, stack []ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
		f.cases(n, stack[len(stack)-2])
	case *ast.CommClause:
		f.statements(n.Body)
	case *ast.IfStmt:
		f.condition(n.Cond, true, false)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.condition(n.Cond, false)
		}
	case *ast.ReturnStmt:
		f.results(n)
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.CallExpr:
		if f.isLeftOut(n) {
			return false
		}
		f.minMax(n)
	case *ast.BasicLit:
		f.literal(n, stack[len(stack)-1])
	}
	return true
}

// statements adds those without a statement: calls, assignments, ++, defer, go, sending,
// break and continue.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); ok && f.isLeftOut(call) {
				continue
			}
		case *ast.AssignStmt:
			call, ok := s.Rhs[0].(*ast.CallExpr)
			if s.Tok == token.DEFINE || types.ExprString(s.Lhs[0]) == "_" && len(s.Lhs) == 1 || ok && f.isLeftOut(call) {
				continue
			}
			if other := swapped[assigned[s.Tok]]; other != token.ILLEGAL && f.isNumber(s.Lhs[0]) {
				alternative := fmt.Sprintf("%s %s= %s", f.text(s.Lhs[0]), other, f.text(s.Rhs[0]))
				f.add(s, s, "if $on { "+alternative+" } else { ", " }", other.String()+"=")
			}
		case *ast.BranchStmt:
			if s.Tok != token.BREAK && s.Tok != token.CONTINUE {
				continue
			}
		case *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		default:
			continue
		}
		f.add(s, s, "if !$on { ", " }", "removed")
	}
}

// condition adds the negation of a condition and its values; for a constant, the other value.
// Conditions with && and || are not negated: their operands are.
func (f *finder) condition(x ast.Expr, values ...bool) {
	f.conditions[ast.Unparen(x)] = true
	t := f.info.Types[x]
	if t.Type == nil || !isBasic(t.Type, types.IsBoolean) {
		return
	}
	if b, ok := ast.Unparen(x).(*ast.BinaryExpr); t.Value == nil && (!ok || b.Op != token.LAND && b.Op != token.LOR) {
		f.add(x, x, "($on != (", "))", "negated")
	}
	for _, v := range values {
		switch {
		case t.Value != nil && constant.BoolVal(t.Value) == v:
		case v:
			f.add(x, x, "($on || (", "))", "true")
		default:
			f.add(x, x, "(!$on && (", "))", "false")
		}
	}
}

// cases adds the mutants of the expressions of a case: of conditions, or strings that
// match nothing.
func (f *finder) cases(c *ast.CaseClause, of ast.Node) {
	s, ok := of.(*ast.SwitchStmt)
	for _, x := range c.List {
		if ok && s.Tag == nil {
			f.condition(x, true, false)
		} else if t := f.info.Types[x]; ok && t.Value != nil && t.Value.Kind() == constant.String {
			f.value(x, x, f.text(x)+` + "?"`, "no case")
		}
	}
}

// results adds those of the values that are returned: true and false, and nil for an error.
func (f *finder) results(s *ast.ReturnStmt) {
	for _, x := range s.Results {
		t := f.info.Types[x]
		switch {
		case t.IsNil():
		case types.Implements(t.Type, errorType):
			f.add(x, s, "mutantNil($on, ", ")", f.short(x)+" is nil")
		default:
			f.condition(x, true, false)
		}
	}
}

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// swapped are the operators, with what they become.
var swapped = map[token.Token]token.Token{
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
	token.AND: token.OR, token.OR: token.AND, token.XOR: token.AND, token.AND_NOT: token.AND,
	token.SHL: token.SHR, token.SHR: token.SHL,
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
}

// assigned are the operators of assignments.
var assigned = map[token.Token]token.Token{
	token.ADD_ASSIGN: token.ADD, token.SUB_ASSIGN: token.SUB, token.MUL_ASSIGN: token.MUL, token.QUO_ASSIGN: token.QUO,
	token.AND_ASSIGN: token.AND, token.OR_ASSIGN: token.OR, token.XOR_ASSIGN: token.XOR, token.AND_NOT_ASSIGN: token.AND_NOT,
	token.SHL_ASSIGN: token.SHL, token.SHR_ASSIGN: token.SHR,
}

// binary adds those of an operator and its operands.
func (f *finder) binary(x *ast.BinaryExpr) {
	other, ok := swapped[x.Op]
	alternative := f.text(x.X) + " " + other.String() + " " + f.text(x.Y)
	switch x.Op {
	case token.LAND, token.LOR: // an operand that decides alone is the whole condition
		f.condition(x.X, x.Op == token.LAND)
		f.condition(x.Y, x.Op == token.LAND)
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		if ok {
			f.add(x, x, "($on && ("+alternative+") || !$on && (", "))", other.String())
		}
		if !f.conditions[x] {
			f.condition(x)
		}
	default:
		if ok && f.isNumber(x) {
			f.value(x, x, alternative, other.String())
		}
	}
}

// literal adds the numbers before and after that of a literal, unless it is returned beside
// an error or false.
func (f *finder) literal(x *ast.BasicLit, whole ast.Node) {
	if x.Kind != token.INT && x.Kind != token.CHAR {
		return
	}
	if r, ok := whole.(*ast.ReturnStmt); ok {
		last := r.Results[len(r.Results)-1]
		isFalse := types.ExprString(last) == "false"
		if t := f.info.Types[last]; isFalse || !t.IsNil() && types.Implements(t.Type, errorType) {
			return
		}
	}
	for _, change := range []string{" + 1", " - 1"} {
		f.value(x, whole, x.Value+change, x.Value+change)
	}
}

func (f *finder) minMax(call *ast.CallExpr) {
	other := map[string]string{"min": "max", "max": "min"}[types.ExprString(call.Fun)]
	if f.info.Types[call.Fun].IsBuiltin() && other != "" {
		f.value(call, call, other+strings.TrimPrefix(f.text(call), types.ExprString(call.Fun)), other)
	}
}

// value adds a mutant that has an alternative in the place of an expression.
func (f *finder) value(x ast.Expr, whole ast.Node, alternative, change string) {
	if t := f.info.TypeOf(x); t != nil {
		name := types.TypeString(types.Default(t), f.file.qualifier)
		f.add(x, whole, "func() "+name+" { if $on { return "+alternative+" }; return ", " }()", change)
	}
}

// add adds a mutant of a node, which is part of a whole, with the code around it, where
// $on is true if the mutant is selected.
func (f *finder) add(n, whole ast.Node, before, after, change string) {
	m := &mutant{
		id: len(f.mutants) + 1, pos: f.set.Position(n.Pos()), dir: f.dir, function: f.function,
		start: f.offset(n.Pos()), end: f.offset(n.End()), after: after, source: f.short(whole), change: change,
	}
	m.before = strings.ReplaceAll(before, "$on", fmt.Sprintf("mutantOn(%d)", m.id))
	f.mutants = append(f.mutants, m)
}

func (f *finder) offset(pos token.Pos) int { return f.set.Position(pos).Offset }

// text returns the source of a node.
func (f *finder) text(n ast.Node) string { return f.file.text[f.offset(n.Pos()):f.offset(n.End())] }

// short returns the source of a node on a line, without what is beyond 70 bytes.
func (f *finder) short(n ast.Node) string {
	text := strings.Join(strings.Fields(f.text(n)), " ")
	if len(text) > 70 {
		text = strings.ToValidUTF8(text[:67], "") + "..."
	}
	return text
}

func (f *finder) isNumber(x ast.Expr) bool { return isBasic(f.info.TypeOf(x), types.IsNumeric) }

func isBasic(t types.Type, info types.BasicInfo) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&info != 0
}

// isLeftOut reports whether a call has no mutants: it makes an error of a text, writes to a
// log, or reserves memory.
func (f *finder) isLeftOut(call *ast.CallExpr) bool {
	fun := ast.Unparen(call.Fun)
	if s, ok := fun.(*ast.SelectorExpr); ok {
		fun = s.Sel
	}
	id, ok := fun.(*ast.Ident)
	if !ok {
		return false
	}
	callee, ok := f.info.Uses[id].(*types.Func)
	return ok && callee.Pkg() != nil && (callee.Pkg().Path() == "log/slog" || callee.Name() == "Grow" ||
		slices.Contains([]string{"fmt.Errorf", "errors.New"}, callee.FullName()))
}
