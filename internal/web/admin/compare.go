package admin

import (
	"slices"

	"github.com/usherd/usher/internal/registry"
)

// comparedBy are the attributes by which somebody tells people apart.
var comparedBy = []string{
	registry.AttrDisplayName, registry.AttrUserName, registry.AttrEmails, registry.AttrEmployeeNumber, registry.AttrTitle, registry.AttrDepartment,
}

// comparison is what a record says beside what is known of whom it could be.
type comparison struct {
	// Said is true where the run's report kept what the record says, the first cell of
	// each row then.
	Said   bool
	People []PersonRow
	Rows   []compared
}

// compared is one attribute of all of them.
type compared struct {
	Attribute string
	Cells     []comparedCell
	// Differs is true where not all have the same.
	Differs bool
}

// comparedCell is what one of them has, under whose heading.
type comparedCell struct {
	Of     string
	Values []string
	// Mark is "=" or "≠" to what the record says, "" where it says nothing.
	Mark string
}

// compare lays people side by side, and before them what the record says where that
// is known. What nobody has is left out, and so is case in comparing.
func compare(said registry.Attributes, people []PersonRow) *comparison {
	if len(people) == 0 {
		return nil
	}
	out := &comparison{Said: len(said) > 0, People: people}
	for _, name := range comparedBy {
		row, some := compared{Attribute: name}, len(said[name]) > 0
		if out.Said {
			row.Cells = append(row.Cells, comparedCell{Values: said[name]})
		}
		for _, p := range people {
			c := comparedCell{Of: p.DisplayName(), Values: p.Attributes[name]}
			same := slices.Equal(folded(c.Values), folded(said[name]))
			if len(said[name]) > 0 {
				c.Mark = map[bool]string{true: "=", false: "≠"}[same]
			}
			some = some || len(c.Values) > 0
			row.Differs = row.Differs || c.Mark == "≠" || !slices.Equal(folded(c.Values), folded(people[0].Attributes[name]))
			row.Cells = append(row.Cells, c)
		}
		if some {
			out.Rows = append(out.Rows, row)
		}
	}
	return out
}

// folded are values as they are compared, whatever their order.
func folded(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = registry.Key(v)
	}
	slices.Sort(out)
	return out
}
