package plan

// WithholdRemovals takes out of a plan whatever deactivates, deletes or removes,
// as a source that may only add would have it, and tells how much that was.
func (p *Plan) WithholdRemovals() (n int64) {
	before := len(p.Withheld)
	p.restrict(ModeUpsertOnly)
	for _, w := range p.Withheld[before:] {
		n += w.Count
	}
	return n
}
