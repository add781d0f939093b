package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with the configuration. It never holds the
// value of a secret or of an expanded variable.
type Fault struct {
	// File is the configuration file's name as it was given.
	File string
	// Line and Column count from 1; both are 0 where no place in the file is
	// at fault, as with a variable.
	Line, Column int
	// Path is the setting, as in sources.corp.users.filter, or the variable.
	Path string
	// Problem says what is wrong and Fix what to do, either without a full stop.
	Problem, Fix string
}

// Error renders the fault on one line, in the form editors recognise.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	if f.Path != "" {
		fmt.Fprintf(&b, ": %s", f.Path)
	}
	fmt.Fprintf(&b, ": %s", f.Problem)
	if f.Fix != "" {
		fmt.Fprintf(&b, "; %s", f.Fix)
	}
	return b.String()
}

// Faults is every fault of one configuration, in the order of the file.
type Faults []Fault

// Error renders one fault a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the faults one by one to errors.As.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// err returns the faults in the order of the file, or nil when there are none.
// A setting that could not be read is not reported again for being missing:
// only the first fault of a path stays.
func (fs Faults) err() error {
	seen := make(map[string]bool, len(fs))
	fs = slices.DeleteFunc(slices.Clone(fs), func(f Fault) bool {
		again := f.Path != "" && seen[f.Path]
		seen[f.Path] = true
		return again
	})
	if len(fs) == 0 {
		return nil
	}
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return fs
}

// wrong is a reading error of one value: what is wrong and what to do.
type wrong struct{ problem, fix string }

func (w wrong) Error() string { return w.problem + "; " + w.fix }
