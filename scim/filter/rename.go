package filter

// Rename gives each attribute of a parsed filter the name that rename makes of it.
// What stands within brackets are sub-attributes, and stays.
func Rename(e Expr, rename func(Attr) Attr) Expr {
	switch e := e.(type) {
	case And:
		return And{Rename(e.Left, rename), Rename(e.Right, rename)}
	case Or:
		return Or{Rename(e.Left, rename), Rename(e.Right, rename)}
	case Not:
		return Not{Rename(e.X, rename)}
	case Compare:
		e.Attr = rename(e.Attr)
		return e
	case Present:
		return Present{rename(e.Attr)}
	case ValuePath:
		return ValuePath{rename(e.Attr), e.Filter}
	}
	return e
}
