package filter

import "github.com/usherd/usher/scim/attr"

// Narrow is a filter over several resource types as it reads for one of them: an
// attribute that the type lacks is unassigned in its resources. It is nil when
// that decides it, and holds tells how; otherwise holds means nothing.
func Narrow(e Expr, s *attr.Set) (narrow Expr, holds bool) {
	switch e := e.(type) {
	case And:
		left, l := Narrow(e.Left, s)
		right, r := Narrow(e.Right, s)
		return join(left, l, right, r, false, And{left, right})
	case Or:
		left, l := Narrow(e.Left, s)
		right, r := Narrow(e.Right, s)
		return join(left, l, right, r, true, Or{left, right})
	case Not:
		x, holds := Narrow(e.X, s)
		if x == nil {
			return nil, !holds
		}
		return Not{x}, false
	case Compare:
		if !fits(e, e.Attr, s) {
			return nil, e.Op == NotEqual && e.Value != nil || e.Op == Equal && e.Value == nil
		}
	case Present:
		if !fits(e, e.Attr, s) {
			return nil, false
		}
	case ValuePath:
		if !fits(e, e.Attr, s) {
			return nil, false
		}
	}
	return e, false
}

// join is two narrowed filters joined; one that came to decisive decides both,
// one that came to the other leaves the decision to its neighbour.
func join(left Expr, l bool, right Expr, r, decisive bool, both Expr) (Expr, bool) {
	switch {
	case left == nil && l == decisive, right == nil && r == decisive:
		return nil, decisive
	case left == nil:
		return right, r
	case right == nil:
		return left, l
	}
	return both, false
}

// fits reports whether the question can be asked of a resource of these schemas:
// one that has an attribute of that name, but of another type, or never shows it,
// lacks what is asked for.
func fits(e Expr, a Attr, s *attr.Set) bool {
	d, _ := s.Lookup(a.URI, a.Name)
	if d == nil || d.Returned == attr.Never {
		return false
	}
	if sub := d.SubAttribute(a.Sub); a.Sub != "" && sub != nil && sub.Returned == attr.Never {
		return false
	}
	_, err := Resolve(e, s, nil)
	return err == nil
}
