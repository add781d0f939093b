package store

import (
	"slices"
	"testing"
)

// TestStatisticsAreTakenWhenACompanyDoubles: soon at first, then ever more
// seldom, for each company by itself.
func TestStatisticsAreTakenWhenACompanyDoubles(t *testing.T) {
	var g growth
	var due []int
	for n := 250; n <= 10_000; n += 250 {
		if g.add(1, 250) {
			due = append(due, n)
		}
	}
	if want := []int{500, 1000, 2000, 4000, 8000}; !slices.Equal(due, want) {
		t.Errorf("statistics at %v, want %v", due, want)
	}
	if g.add(2, 499) || !g.add(2, 1) {
		t.Error("another company's people counted")
	}
	if g.add(1, 0) {
		t.Error("statistics for nothing new")
	}
}

// TestColumns: what PostgreSQL cannot be given is an error with the column's
// name, not a wrong row.
func TestColumns(t *testing.T) {
	for name, c := range map[string]struct {
		cols []string
		row  []any
		want string
	}{
		"another type":   {[]string{"company_id", "name"}, []any{int64(1), 2}, "column name: it is a int and not a string"},
		"no such column": {[]string{"company_id", "nickname"}, []any{int64(1), "x"}, "the schema has no column nickname"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newTable("departments", c.cols...).arrays([][]any{c.row})
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
