// Package mapping turns the attributes of a directory entry into the
// attributes of a user or a group, by expressions of the expr language
// (github.com/expr-lang/expr) that are compiled and checked once, at start.
//
// It owns the meaning of expressions and the validation of what they give. It
// does not own reading the directory (internal/source), nor what becomes of a
// person (internal/plan). It is pure: the same entry gives the same person.
//
// # Expressions
//
// A name is a directory attribute, in any case, and stands for its first value
// or nil: `cn ?? (givenName + " " + sn)`. all("mail") is the list of all
// values; attr("ms-DS-ConsistencyGuid") reads a name that is no identifier. A
// multi-valued target whose whole expression is a name takes all its values.
// The functions of expr are there (lower, trim, split …) but for all, whose
// name is taken, and now, which would change people without the directory
// changing.
//
// # Problems and warnings
//
// A fault of one record costs that record, never the run. A fault in what
// decides who somebody is (userName, scope, kind, department, contract) refuses
// the person; a fault in any other attribute drops the value and is a warning.
package mapping
