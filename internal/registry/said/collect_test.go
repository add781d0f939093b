package said_test

import (
	"go/ast"
	"go/constant"
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/registry/said"
)

const registryPath = "github.com/usherd/usher/internal/registry"

// found is what the type checker knows of the sentences of the program.
type found struct {
	// formats are all constants of the type registry.Format, with where they stand.
	formats map[registry.Format]string
	// faults are places where a sentence could be made that no catalogue can hold, or
	// that lacks an argument.
	faults []string
}

// collect asks the compiler for every sentence: a Format can only come from a
// constant, and each constant of that type is one. So nothing is looked for by the
// name of a function, and nothing can be forgotten.
func collect(t *testing.T) found {
	t.Helper()
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax}, "github.com/usherd/usher/internal/...", "github.com/usherd/usher/cmd/...")
	if err != nil {
		t.Fatalf("load packages: %v", err)
	}
	out := found{formats: map[registry.Format]string{}}
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Fatalf("load %s: %v", p.PkgPath, e)
		}
		for expr, v := range p.TypesInfo.Types {
			out.look(p, expr, v)
		}
		for _, file := range p.Syntax {
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					out.count(p, call)
				}
				return true
			})
		}
	}
	return out
}

// look takes in one expression.
func (f *found) look(p *packages.Package, expr ast.Expr, v types.TypeAndValue) {
	switch name := typeName(v.Type); {
	case name == "Format" && v.Value != nil && v.Value.Kind() == constant.String:
		f.formats[registry.Format(constant.StringVal(v.Value))] = p.Fset.Position(expr.Pos()).String()
	case name == "Said" && v.Value != nil && said.Spoken(registry.Format(constant.StringVal(v.Value))):
		f.faults = append(f.faults, p.Fset.Position(expr.Pos()).String()+": a sentence without registry.Say")
	case name == "Format" && p.PkgPath != registryPath && !strings.HasPrefix(p.PkgPath, registryPath+"/"):
		call, ok := expr.(*ast.CallExpr)
		if ok && len(call.Args) == 1 && p.TypesInfo.Types[call.Fun].IsType() {
			f.faults = append(f.faults, p.Fset.Position(expr.Pos()).String()+": a Format that is made while the program runs")
		}
	}
}

// count compares the verbs of a constant format with the arguments that follow it.
func (f *found) count(p *packages.Package, call *ast.CallExpr) {
	sig, ok := types.Unalias(p.TypesInfo.Types[call.Fun].Type).(*types.Signature)
	if !ok || !sig.Variadic() || call.Ellipsis.IsValid() || sig.Params().Len() < 2 {
		return
	}
	last := sig.Params().Len() - 1
	v := p.TypesInfo.Types[call.Args[min(last-1, len(call.Args)-1)]]
	if typeName(sig.Params().At(last-1).Type()) != "Format" || v.Value == nil || typeName(sig.Params().At(0).Type()) == "N" {
		return
	}
	if fun, ok := call.Fun.(*ast.SelectorExpr); ok && fun.Sel.Name == "Count" {
		return // the number comes before the formats
	}
	if want, got := len(verbs(constant.StringVal(v.Value))), len(call.Args)-last; want != got && !local(call) {
		f.faults = append(f.faults, p.Fset.Position(call.Pos()).String()+": the verbs do not fit the arguments")
	}
}

// local reports whether a call is of a helper inside a function, which may add an
// argument of its own.
func local(call *ast.CallExpr) bool {
	id, ok := call.Fun.(*ast.Ident)
	return ok && id.Obj != nil && id.Obj.Kind == ast.Var
}

func typeName(t types.Type) string {
	if named, ok := types.Unalias(t).(*types.Named); ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == registryPath {
		return named.Obj().Name()
	}
	return ""
}
